//! Other people's programs agree: `ct-merkle` on the tree, `signed_note` (of
//! Cloudflare's Azul) on notes and keys.

use std::time::Duration;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use signed_note::{Note, Signer as _, StandardSigner, StandardVerifier, VerifierList};
use unmask_edge::log::{
    CHECKPOINT_FILE, EventLog, Frontier, LogCheckpoint, LogConfig, Seal, SigningKey, leaf_hash,
};

use crate::disk::Disk;
use crate::keys::entry;

#[test]
fn roots_are_those_of_ct_merkle() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut ours = Frontier::default();
    for index in 0..300 {
        theirs.push(entry(index));
        ours.push(leaf_hash(&entry(index)));
        let root = theirs.root();
        assert_eq!(root.as_bytes()[..], ours.root(), "{index}");
        assert_eq!(root.num_leaves(), ours.size());
    }
}

#[test]
fn checkpoints_open_with_signed_note() {
    let disk = Disk::default();
    let key = SigningKey::from_seed("kiosk.example/door", [3; 32]).unwrap();
    let public = key.verifying_key().to_string();
    let (mut log, _) = EventLog::open(disk.clone(), key, LogConfig::default()).unwrap();
    for index in 0..5 {
        log.append(&entry(index), Duration::ZERO).unwrap();
    }
    let bytes = disk.files()[CHECKPOINT_FILE].clone();
    let verifier = StandardVerifier::new(&public).unwrap();
    let note = Note::from_bytes(&bytes).unwrap();
    let (signatures, _) = note
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!(signatures.len(), 1);
    let text = String::from_utf8(note.text().to_vec()).unwrap();
    assert!(text.starts_with("kiosk.example/door\n5\n"), "{text}");
}

#[test]
fn notes_of_signed_note_open_here() {
    let key = SigningKey::from_seed("kiosk.example/door", [3; 32]).unwrap();
    let secret = key.to_secret_text();
    let theirs = StandardSigner::new(secret.expose().trim()).unwrap();
    let checkpoint = LogCheckpoint {
        origin: "kiosk.example/door".into(),
        size: 1 << 40,
        root: [5; 32],
    };
    assert_eq!(theirs.name(), "kiosk.example/door");
    let mut note = Note::new(checkpoint.text().as_bytes(), &[]).unwrap();
    note.add_sigs(&[&theirs]).unwrap();
    let opened = LogCheckpoint::open(&note.to_bytes(), key.verifying_key());
    assert_eq!(opened.unwrap(), checkpoint);
}
