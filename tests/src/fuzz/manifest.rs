//! What a bundle says about its model, and the list of its checksums.

use unmask_shared::bundle::sha256_hex;
use unmask_shared::{Bundle, BundleError, Manifest, ManifestError};

use super::{Parser, Reached};

/// The manifest of the released model.
const RELEASED: &[u8] = include_bytes!("../../../models/afsl-lite/manifest.json");
const POSTCARD_MAX: usize = 8192;

fn released() -> Manifest {
    Manifest::from_json(RELEASED).expect("the released manifest")
}

/// One of a network that judges clips, with little in it.
fn small() -> Manifest {
    let mut manifest = released();
    manifest.kind = unmask_shared::manifest::ModelKind::Clip { frames: 3 };
    manifest.period_ms = 0;
    manifest.graph.states.clear();
    manifest.golden.clear();
    manifest.figures.clear();
    manifest
}

fn reached(error: &ManifestError) -> Reached {
    match error {
        ManifestError::Format(_) | ManifestError::Field { .. } => Reached::Within,
        ManifestError::Syntax(_) | ManifestError::Buffer(_) => Reached::Refused,
    }
}

/// A manifest as JSON.
#[derive(Debug)]
pub struct ManifestJson;

impl Parser for ManifestJson {
    fn name(&self) -> &'static str {
        "manifest_json"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let small = serde_json::to_vec(&small()).expect("plain data");
        vec![RELEASED.to_vec(), small.clone(), small]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"null",
            b"true",
            b"1e39",
            b"-0.0",
            b"1e-60",
            b"65536",
            b"[[[[[[[[",
            b"{\"a\":",
            b"\\u0000",
            b"\\ud800",
            b"\"kind\":\"stream\",",
            b"\"kind\":\"frame\",",
            b"[1,1,1,1]",
            b"18446744073709551616",
            b"..",
            b"/",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match Manifest::from_json(bytes) {
            Ok(manifest) => {
                let json = manifest.to_json().expect("what was read can be written");
                assert_eq!(Manifest::from_json(&json).as_ref(), Ok(&manifest));
                Reached::Accepted
            }
            Err(error) => reached(&error),
        }
    }
}

/// A manifest in postcard form.
#[derive(Debug)]
pub struct ManifestPostcard {
    buffer: Vec<u8>,
}

impl Default for ManifestPostcard {
    fn default() -> Self {
        Self {
            buffer: vec![0; POSTCARD_MAX],
        }
    }
}

impl Parser for ManifestPostcard {
    fn name(&self) -> &'static str {
        "manifest_postcard"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let bytes = |manifest: Manifest| {
            let mut buffer = vec![0; POSTCARD_MAX];
            manifest.to_postcard(&mut buffer).expect("fits").to_vec()
        };
        vec![bytes(released()), bytes(small())]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match Manifest::from_postcard(bytes) {
            Ok(manifest) => {
                let again = manifest.to_postcard(&mut self.buffer).expect("fits");
                assert_eq!(Manifest::from_postcard(again).as_ref(), Ok(&manifest));
                Reached::Accepted
            }
            Err(error) => reached(&error),
        }
    }
}

/// The checksums of a bundle, beside files that never change.
#[derive(Debug)]
pub struct Sums;

const MODEL: &[u8] = b"not really a network";

fn sums() -> Vec<u8> {
    [
        (MODEL, "model.onnx"),
        (RELEASED, "manifest.json"),
        (b"A card.\n", "CARD.md"),
    ]
    .map(|(bytes, file)| format!("{}  {file}\n", sha256_hex(bytes)))
    .concat()
    .into_bytes()
}

/// The lines of the network and the manifest.
fn checked(sums: &[u8]) -> impl Iterator<Item = &[u8]> {
    sums.split(|&byte| byte == b'\n').take(2)
}

impl Parser for Sums {
    fn name(&self) -> &'static str {
        "sums"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![sums()]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"  ",
            b"\n",
            b"\r\n",
            b" *",
            b"model.onnx",
            b"CARD.md\n",
            b"manifest.json",
            b"A",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match Bundle::from_bytes(bytes, RELEASED, MODEL) {
            Ok(bundle) => {
                assert_eq!(bundle.model, MODEL);
                assert_eq!(bundle.sha256, sha256_hex(MODEL));
                // The card is not looked at here: its checksum may be any.
                assert!(checked(bytes).eq(checked(&sums())));
                Reached::Accepted
            }
            Err(BundleError::Sums { .. }) => Reached::Refused,
            Err(BundleError::Changed { .. }) => Reached::Within,
            Err(other) => panic!("{other}"),
        }
    }
}
