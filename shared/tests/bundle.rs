//! A bundle is read whole and unchanged, or refused with the file named.
#![cfg(feature = "std")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::manifest;
use unmask_shared::{Bundle, BundleError};

const FILES: [&str; 4] = ["model.onnx", "manifest.json", "CARD.md", "SHA256SUMS"];
const MODEL: &[u8] = b"not really a network, but bytes are bytes";

fn write(dir: &Path) {
    Bundle::write(dir, &manifest(), MODEL, "# A card\n").expect("the folder can be written");
}

#[test]
fn what_was_written_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("deep/er/bundle");
    write(&dir);
    let bundle = Bundle::open(&dir).expect("own bundle");
    assert_eq!(bundle.manifest, manifest());
    assert_eq!(bundle.model, MODEL);
    let sums = fs::read(dir.join("SHA256SUMS")).expect("written");
    let json = fs::read(dir.join("manifest.json")).expect("written");
    let same = Bundle::from_bytes(&sums, &json, MODEL).expect("own bytes");
    assert_eq!(same.sha256, bundle.sha256);
    let names = fs::read_dir(dir.parent().expect("has one")).expect("a folder");
    assert_eq!(names.count(), 1, "something was left beside the bundle");
}

#[test]
fn sha256sum_accepts_the_list() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("bundle");
    write(&dir);
    let check = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&dir)
        .status();
    match check {
        Ok(status) => assert!(status.success()),
        Err(cause) => eprintln!("no sha256sum here: {cause}"),
    }
}

#[test]
fn one_flipped_byte_anywhere_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("bundle");
    write(&dir);
    let whole = FILES.map(|file| fs::read(dir.join(file)).expect("written"));
    let [model, json, _card, sums] = &whole;
    for (file, bytes) in FILES.into_iter().zip(&whole) {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x20, 0xff] {
                let mut flipped = bytes.clone();
                flipped[at] ^= flip;
                let read = match file {
                    "model.onnx" => Bundle::from_bytes(sums, json, &flipped),
                    "manifest.json" => Bundle::from_bytes(sums, &flipped, model),
                    // Only a bundle on disk has a card to compare with.
                    _ if flip == 0x01 => open_with(&dir, file, &flipped),
                    _ => continue,
                };
                let error = read.expect_err("a flipped byte");
                let message = error.to_string();
                let name = named(file, &error);
                assert!(message.contains(name), "{file} byte {at}: {message}");
            }
        }
        fs::write(dir.join(file), bytes).expect("a temporary file");
        let last = bytes.len() - 1;
        let mut flipped = bytes.clone();
        flipped[last] ^= 0x80;
        open_with(&dir, file, &flipped).expect_err("a flipped byte on disk");
        fs::write(dir.join(file), bytes).expect("a temporary file");
    }
    Bundle::open(&dir).expect("whole again");
}

fn open_with(dir: &Path, file: &str, bytes: &[u8]) -> Result<Bundle, BundleError> {
    fs::write(dir.join(file), bytes).expect("a temporary file");
    Bundle::open(dir)
}

/// The file that an error about `file` must name. A changed checksum that is
/// still a checksum shows as a change of the file that it belongs to.
fn named<'a>(file: &'a str, error: &BundleError) -> &'a str {
    match error {
        BundleError::Changed { file: other } if file == "SHA256SUMS" => other,
        _ => file,
    }
}

#[test]
fn truncated_files_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("bundle");
    write(&dir);
    for file in FILES {
        let path = dir.join(file);
        let whole = fs::read(&path).expect("written");
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).expect("a temporary file");
            let error = Bundle::open(&dir).expect_err("a truncated file");
            let message = error.to_string();
            assert!(
                message.contains(file),
                "{file} of {length} bytes: {message}"
            );
        }
        fs::write(&path, &whole).expect("a temporary file");
    }
}

#[test]
fn what_is_missing_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("bundle");
    let message = Bundle::open(&dir).expect_err("no folder").to_string();
    assert!(message.contains(&dir.display().to_string()), "{message}");
    assert!(message.contains("unmask-trainer export"), "{message}");
    for file in FILES {
        write(&dir);
        fs::remove_file(dir.join(file)).expect("written");
        let message = Bundle::open(&dir).expect_err("a missing file").to_string();
        assert!(message.contains(file), "{message}");
    }
}

#[test]
fn a_bundle_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("bundle");
    write(&dir);
    fs::write(dir.join("stray.txt"), "left by somebody").expect("a temporary file");
    let mut newer = manifest();
    newer.release += 1;
    Bundle::write(&dir, &newer, b"other", "# Newer\n").expect("the folder can be written");
    let bundle = Bundle::open(&dir).expect("own bundle");
    assert_eq!(bundle.manifest.release, newer.release);
    assert!(!dir.join("stray.txt").exists());
    let mut broken = newer;
    broken.crop.size = 0;
    let error = Bundle::write(&dir, &broken, b"x", "").expect_err("an invalid manifest");
    assert!(matches!(error, BundleError::Manifest(_)), "{error}");
    assert_eq!(Bundle::open(&dir).expect("untouched").model, b"other");
}

#[test]
fn text_named_like_a_bundle_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("bundle");
    fs::write(&file, "a text").expect("a temporary file");
    assert!(matches!(
        Bundle::open(&file),
        Err(BundleError::Missing { .. })
    ));
    for sums in [&b""[..], b"\n", b"hello\n", b"\xff\xfe\n", &[b'a'; 300]] {
        let error = Bundle::from_bytes(sums, b"{}", b"").expect_err("not a list");
        assert!(error.to_string().contains("SHA256SUMS"), "{error}");
    }
}
