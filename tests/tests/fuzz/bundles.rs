//! Bundles that somebody without the key has changed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use minisign::KeyPair;
use unmask_edge::builtin::builtin;
use unmask_shared::bundle::{BUNDLE_FILES, Bundle, sha256_hex};
use unmask_shared::signature::TrustedKeys;
use unmask_tests::fuzz::Mutator;

use super::{MIB, SLOWEST, peak_bytes};

type Contents = [Vec<u8>; 5];

/// A signed bundle as it is released, but for a network of a few bytes.
fn released(dir: &Path, pair: &KeyPair) -> Contents {
    let manifest = builtin().unwrap().manifest;
    Bundle::write(dir, &manifest, b"a network", "A card.\n").unwrap();
    let sums = fs::read(dir.join(BUNDLE_FILES[3])).unwrap();
    let signature = minisign::sign(None, &pair.sk, &sums[..], None, None).unwrap();
    fs::write(dir.join(BUNDLE_FILES[4]), signature.into_string()).unwrap();
    BUNDLE_FILES.map(|file| fs::read(dir.join(file)).unwrap())
}

/// One damaged file or more; of every other case, the checksums agree with the files
/// again, as anybody can make them.
fn damaged(whole: &Contents, number: u64) -> Contents {
    let mut files = whole.clone();
    let mut mutator = Mutator::new(number, &[b"untrusted comment: ", b"  model.onnx\n"]);
    for _ in 0..=mutator.below(2) {
        let which = mutator.below(files.len());
        let seed = [whole[which].clone()];
        mutator.damage(&seed, &mut files[which]);
    }
    if number.is_multiple_of(2) {
        let line = |at: usize| format!("{}  {}\n", sha256_hex(&files[at]), BUNDLE_FILES[at]);
        files[3] = (0..3).map(line).collect::<String>().into_bytes();
    }
    files
}

/// All but the untrusted comment, which no signature covers.
fn covered(files: &Contents) -> [&[u8]; 5] {
    let [model, manifest, card, sums, signature] = files.each_ref().map(Vec::as_slice);
    let end = signature.iter().position(|&byte| byte == b'\n');
    [model, manifest, card, sums, &signature[end.unwrap_or(0)..]]
}

#[test]
fn of_ten_thousand_bundles_with_a_broken_signature_none_is_accepted_or_fills_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    let keys = TrustedKeys::parse([pair.pk.to_base64()]).unwrap();
    let whole = released(&dir, &pair);
    Bundle::open_signed(&dir, &keys).unwrap();
    let (mut tried, mut slowest, mut peak) = (0, Duration::ZERO, 0.0_f64);
    for number in 0.. {
        if tried == 10_000 {
            break;
        }
        let files = damaged(&whole, number);
        if covered(&files) == covered(&whole) {
            continue;
        }
        tried += 1;
        for (file, bytes) in BUNDLE_FILES.iter().zip(&files) {
            fs::remove_file(dir.join(file)).unwrap();
            fs::write(dir.join(file), bytes).unwrap();
        }
        let start = Instant::now();
        let used = peak_bytes(|| {
            let opened = Bundle::open_signed(&dir, &keys);
            assert!(opened.is_err(), "case {number} was accepted: {files:?}");
        });
        slowest = slowest.max(start.elapsed());
        peak = peak.max(used);
    }
    eprintln!(
        "{tried} bundles refused, slowest {slowest:?}, peak {:.2} MiB",
        peak / MIB
    );
    assert!(slowest < SLOWEST, "{slowest:?}");
    assert!(peak < MIB, "{peak} bytes");
}
