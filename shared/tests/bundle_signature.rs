//! A bundle whose checksums nobody trusted has signed is refused, whatever was
//! done to it.
#![cfg(feature = "std")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::manifest;
use minisign::KeyPair;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unmask_shared::bundle::{SIGNATURE_FILE, SUMS_FILE, sha256_hex};
use unmask_shared::signature::{SignatureError, TrustedKeys};
use unmask_shared::{Bundle, BundleError};

const FILES: [&str; 5] = [
    "model.onnx",
    "manifest.json",
    "CARD.md",
    SUMS_FILE,
    SIGNATURE_FILE,
];

fn key_pair() -> (KeyPair, TrustedKeys) {
    let pair = KeyPair::generate_unencrypted_keypair().expect("random numbers");
    let keys = TrustedKeys::parse([pair.pk.to_base64()]).expect("own key");
    (pair, keys)
}

fn write(dir: &Path, model: &[u8], release: u32) {
    let mut manifest = manifest();
    manifest.release = release;
    Bundle::write(dir, &manifest, model, "# A card\n").expect("the folder can be written");
}

fn sign(dir: &Path, pair: &KeyPair) {
    let sums = fs::read(dir.join(SUMS_FILE)).expect("written");
    let signature = minisign::sign(None, &pair.sk, &sums[..], Some("by a test"), None);
    let text = signature.expect("a key without a password").into_string();
    fs::write(dir.join(SIGNATURE_FILE), text).expect("a temporary file");
}

#[test]
fn what_was_signed_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (pair, keys) = key_pair();
    write(folder.path().join("a").as_path(), b"network", 3);
    let dir = folder.path().join("a");
    let unsigned = Bundle::open_signed(&dir, &keys).expect_err("not signed yet");
    assert!(unsigned.to_string().contains(SIGNATURE_FILE), "{unsigned}");
    sign(&dir, &pair);
    let (bundle, signed) = Bundle::open_signed(&dir, &keys).expect("own bundle");
    assert_eq!(bundle.model, b"network");
    assert_eq!(signed.comment, "by a test");
    assert_eq!(signed.key, pair.pk.to_base64());

    let (_, others) = key_pair();
    let stranger = Bundle::open_signed(&dir, &others).expect_err("another key");
    let told = matches!(stranger, BundleError::Signature(SignatureError::Stranger));
    assert!(told, "{stranger}");
    let nobody = Bundle::open_signed(&dir, &TrustedKeys::default()).expect_err("no key");
    assert!(nobody.to_string().contains("--trusted-key"), "{nobody}");
}

#[test]
fn nothing_is_parsed_before_the_signature() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("bundle");
    let (_, keys) = key_pair();
    let (stranger, _) = key_pair();
    write(&dir, b"network", 3);
    sign(&dir, &stranger);
    fs::write(dir.join("manifest.json"), "{").expect("a temporary file");
    fs::remove_file(dir.join("model.onnx")).expect("written");
    let error = Bundle::open_signed(&dir, &keys).expect_err("a stranger's");
    assert!(matches!(error, BundleError::Signature(_)), "{error}");
}

/// A bundle in memory: the contents of [`FILES`].
type Contents = [Vec<u8>; 5];

fn contents(dir: &Path) -> Contents {
    FILES.map(|file| fs::read(dir.join(file)).expect("written"))
}

struct Mutator {
    random: ChaCha8Rng,
    whole: Contents,
    /// Another bundle, signed by the same key.
    other: Contents,
}

impl Mutator {
    fn mutated(&mut self) -> Contents {
        let mut files = self.whole.clone();
        let random = &mut self.random;
        for _ in 0..random.random_range(1..=3) {
            let which = random.random_range(0..FILES.len());
            let bytes = &mut files[which];
            let at = random.random_range(0..=bytes.len());
            match random.random_range(0..9) {
                0 | 1 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
                2 if at < bytes.len() => bytes[at] = random.random(),
                3 => bytes.truncate(at),
                4 => bytes.insert(at, random.random()),
                5 if at < bytes.len() => drop(bytes.remove(at)),
                6 => bytes.extend(vec![random.random::<u8>(); random.random_range(1..3000)]),
                7 => files[which].clone_from(&self.other[which]),
                _ => files.swap(which, random.random_range(0..5)),
            }
        }
        if random.random_ratio(1, 4) {
            forge_sums(&mut files);
        }
        files
    }
}

/// What somebody without the key can do: checksums that agree with the files.
fn forge_sums(files: &mut Contents) {
    let line = |at: usize| format!("{}  {}\n", sha256_hex(&files[at]), FILES[at]);
    files[3] = (0..3).map(line).collect::<String>().into_bytes();
}

/// All but the text of the untrusted comment, which no signature covers.
fn covered(files: &Contents) -> [&[u8]; 5] {
    let [model, manifest, card, sums, signature] = files.each_ref().map(Vec::as_slice);
    let after = signature.iter().position(|&byte| byte == b'\n');
    [
        model,
        manifest,
        card,
        sums,
        after.map_or(signature, |at| &signature[at..]),
    ]
}

#[test]
fn of_ten_thousand_mutated_bundles_none_is_accepted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (pair, keys) = key_pair();
    let paths: Vec<PathBuf> = ["a", "b"].map(|name| folder.path().join(name)).into();
    write(&paths[0], b"not really a network, but bytes are bytes", 3);
    write(&paths[1], b"an older one", 2);
    for path in &paths {
        sign(path, &pair);
    }
    let (dir, whole) = (&paths[0], contents(&paths[0]));
    let mut mutator = Mutator {
        random: ChaCha8Rng::seed_from_u64(1),
        other: contents(&paths[1]),
        whole: whole.clone(),
    };
    let (mut tried, mut slowest, mut on_disk) = (0, Duration::ZERO, whole.clone());
    let mut reasons = std::collections::BTreeMap::<String, u32>::new();
    while tried < 10_000 {
        let files = mutator.mutated();
        if [&mutator.whole, &mutator.other]
            .map(covered)
            .contains(&covered(&files))
        {
            continue;
        }
        tried += 1;
        for ((file, bytes), old) in FILES.iter().zip(&files).zip(&on_disk) {
            if bytes != old {
                // Some file systems wait for the disk when a file is cut and written again.
                fs::remove_file(dir.join(file)).expect("written");
                fs::write(dir.join(file), bytes).expect("a temporary file");
            }
        }
        let start = Instant::now();
        let error = match Bundle::open_signed(dir, &keys) {
            Ok(_) => panic!("accepted: {files:?}"),
            Err(error) => error,
        };
        slowest = slowest.max(start.elapsed());
        let reason = match error {
            BundleError::Signature(SignatureError::Malformed(_)) => "malformed",
            BundleError::Signature(_) => "signature",
            BundleError::Changed { .. } => "changed",
            _ => "other",
        };
        *reasons.entry(reason.into()).or_default() += 1;
        on_disk = files;
    }
    eprintln!("{tried} mutated bundles refused, the slowest in {slowest:?}: {reasons:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(
        reasons["changed"] > 100 && reasons["signature"] > 100,
        "{reasons:?}"
    );
}

#[test]
fn the_untrusted_comment_is_all_that_may_differ() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("bundle");
    let (pair, keys) = key_pair();
    write(&dir, b"network", 3);
    sign(&dir, &pair);
    let path = dir.join(SIGNATURE_FILE);
    let text = fs::read_to_string(&path).expect("written");
    let at = text.find('\n').expect("four lines");
    let changed = format!("untrusted comment: anything{}", &text[at..]);
    fs::write(&path, changed).expect("a temporary file");
    let (bundle, _) = Bundle::open_signed(&dir, &keys).expect("the same bundle");
    assert_eq!(bundle.manifest, manifest());
}
