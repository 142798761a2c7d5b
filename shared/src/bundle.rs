//! Model bundles on disk: the network, its manifest and its card, with a
//! checksum of each and a signature over the checksums.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::hex::hex;
use crate::manifest::{MODEL_FILE, Manifest, ManifestError};
use crate::signature::{SIGNATURE_BYTES_MAX, SignatureError, Signed, TrustedKeys};

/// Most bytes of the network.
pub const MODEL_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of the manifest, and of the card.
pub const TEXT_BYTES_MAX: u64 = 1 << 20;

/// What the network is, and how it is asked.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Its card, for people.
pub const CARD_FILE: &str = "CARD.md";
/// The checksums, which are what is signed.
pub const SUMS_FILE: &str = "SHA256SUMS";
/// The signature of [`SUMS_FILE`].
pub const SIGNATURE_FILE: &str = "SHA256SUMS.minisig";
/// The files of a bundle in the order of their checksums.
const FILES: [&str; 3] = [MODEL_FILE, MANIFEST_FILE, CARD_FILE];

/// Every file of a signed bundle.
pub const BUNDLE_FILES: [&str; 5] = [
    MODEL_FILE,
    MANIFEST_FILE,
    CARD_FILE,
    SUMS_FILE,
    SIGNATURE_FILE,
];

/// A bundle whose files agree with their checksums.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What the bundle says about the model.
    pub manifest: Manifest,
    /// The network, ONNX.
    pub model: Vec<u8>,
    /// SHA-256 of `model` in lower-case hex.
    pub sha256: String,
}

/// Why a bundle is refused.
#[derive(Debug, Error)]
pub enum BundleError {
    /// There is no such folder, or a file is missing in it.
    #[error(
        "no model bundle: {path} does not exist; a bundle is a folder with model.onnx, manifest.json, CARD.md and SHA256SUMS, written by `unmask-trainer export`"
    )]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// The system does not let the file be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The system does not let the bundle be written.
    #[error("cannot write the bundle {path}: {cause}")]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Larger than any bundle's file.
    #[error("{file} has more than {max} bytes: not a model bundle")]
    TooLarge {
        /// Which one.
        file: &'static str,
        /// The limit.
        max: u64,
    },
    /// The list of checksums is damaged.
    #[error("SHA256SUMS is damaged ({problem}): copy the bundle again")]
    Sums {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file is not the one that was released.
    #[error(
        "{file} does not match its checksum in SHA256SUMS: it was changed or damaged, copy the bundle again"
    )]
    Changed {
        /// Which one.
        file: &'static str,
    },
    /// There is no signature, or it does not count.
    #[error("{SIGNATURE_FILE}: {0}")]
    Signature(#[from] SignatureError),
    /// The manifest is whole but means nothing.
    #[error("manifest.json: {0}")]
    Manifest(#[from] ManifestError),
}

impl Bundle {
    /// Reads a bundle from its folder and checks every file against its
    /// checksum. Who wrote the checksums is not asked: see [`open_signed`].
    ///
    /// [`open_signed`]: Self::open_signed
    pub fn open(dir: &Path) -> Result<Self, BundleError> {
        let sums = read_sums(dir)?;
        Self::open_listed(dir, &sums)
    }

    /// Reads a bundle whose checksums are signed by one of `keys`. Nothing else
    /// is looked at, let alone parsed, before the signature is found good.
    pub fn open_signed(dir: &Path, keys: &TrustedKeys) -> Result<(Self, Signed), BundleError> {
        let sums = read_sums(dir)?;
        let signature = read(dir, SIGNATURE_FILE, SIGNATURE_BYTES_MAX)?;
        let signed = keys.verify(&sums, &signature)?;
        Ok((Self::open_listed(dir, &sums)?, signed))
    }

    fn open_listed(dir: &Path, sums: &[u8]) -> Result<Self, BundleError> {
        let card = read(dir, CARD_FILE, TEXT_BYTES_MAX)?;
        let manifest = read(dir, MANIFEST_FILE, TEXT_BYTES_MAX)?;
        let model = read(dir, MODEL_FILE, MODEL_BYTES_MAX)?;
        let listed = parse_sums(sums)?;
        verify(CARD_FILE, &card, listed[2])?;
        Self::checked(&listed, &manifest, model)
    }

    /// Checks a bundle that is already in memory, such as one built into the
    /// program. The card is not looked at.
    pub fn from_bytes(sums: &[u8], manifest: &[u8], model: &[u8]) -> Result<Self, BundleError> {
        Self::checked(&parse_sums(sums)?, manifest, model.to_vec())
    }

    /// Parses only what agrees with its checksum.
    fn checked(listed: &[&str; 3], manifest: &[u8], model: Vec<u8>) -> Result<Self, BundleError> {
        for (file, length, max) in [
            (MODEL_FILE, model.len(), MODEL_BYTES_MAX),
            (MANIFEST_FILE, manifest.len(), TEXT_BYTES_MAX),
        ] {
            if length as u64 > max {
                return Err(BundleError::TooLarge { file, max });
            }
        }
        let sha256 = verify(MODEL_FILE, &model, listed[0])?;
        verify(MANIFEST_FILE, manifest, listed[1])?;
        Ok(Self {
            manifest: Manifest::from_json(manifest)?,
            model,
            sha256,
        })
    }

    /// Writes a bundle to the folder `dir`, which appears complete or not at
    /// all; a bundle that is there already is replaced.
    pub fn write(
        dir: &Path,
        manifest: &Manifest,
        model: &[u8],
        card: &str,
    ) -> Result<(), BundleError> {
        let manifest = manifest.to_json()?;
        let contents = [model, &manifest, card.as_bytes()];
        let limits = [MODEL_BYTES_MAX, TEXT_BYTES_MAX, TEXT_BYTES_MAX];
        for ((file, bytes), max) in FILES.into_iter().zip(contents).zip(limits) {
            if bytes.len() as u64 > max {
                return Err(BundleError::TooLarge { file, max });
            }
        }
        let sums: String = FILES
            .into_iter()
            .zip(contents)
            .map(|(file, bytes)| format!("{}  {file}\n", sha256_hex(bytes)))
            .collect();
        let files = FILES.into_iter().zip(contents);
        let files = files.chain([(SUMS_FILE, sums.as_bytes())]);
        replace(dir, files).map_err(|cause| BundleError::Write {
            path: dir.to_path_buf(),
            cause,
        })
    }
}

/// SHA-256 of `bytes` in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn verify(file: &'static str, bytes: &[u8], listed: &str) -> Result<String, BundleError> {
    let actual = sha256_hex(bytes);
    if actual == listed {
        Ok(actual)
    } else {
        Err(BundleError::Changed { file })
    }
}

/// Reads the list of checksums of a folder that is there.
fn read_sums(dir: &Path) -> Result<Vec<u8>, BundleError> {
    if dir.is_dir() {
        read(dir, SUMS_FILE, TEXT_BYTES_MAX)
    } else {
        Err(BundleError::Missing {
            path: dir.to_path_buf(),
        })
    }
}

/// The checksums of [`FILES`]. Only the one spelling that [`Bundle::write`]
/// uses is accepted.
fn parse_sums(sums: &[u8]) -> Result<[&str; 3], BundleError> {
    let damaged = |problem| BundleError::Sums { problem };
    let text = std::str::from_utf8(sums).map_err(|_| damaged("not text"))?;
    let mut lines = text
        .strip_suffix('\n')
        .ok_or_else(|| damaged("the last line is cut"))?
        .split('\n');
    let mut listed = [""; 3];
    for (sum, file) in listed.iter_mut().zip(FILES) {
        let line = lines.next().ok_or_else(|| damaged("a line is missing"))?;
        let (hex, name) = line
            .split_once("  ")
            .ok_or_else(|| damaged("a line is not `checksum  file`"))?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() != 64 || !hex.bytes().all(is_hex) {
            return Err(damaged("a checksum is not 64 lower-case hex digits"));
        }
        if name != file {
            return Err(damaged("it must list model.onnx, manifest.json, CARD.md"));
        }
        *sum = hex;
    }
    match lines.next() {
        None => Ok(listed),
        Some(_) => Err(damaged("it lists more than the bundle's files")),
    }
}

fn read(dir: &Path, file: &'static str, max: u64) -> Result<Vec<u8>, BundleError> {
    let path = dir.join(file);
    let mut bytes = Vec::new();
    // Before it is opened: the opening of a pipe waits for somebody who writes.
    if let Ok(metadata) = fs::metadata(&path)
        && !metadata.is_file()
    {
        let cause = io::Error::new(io::ErrorKind::InvalidInput, "not a plain file");
        return Err(BundleError::Read { path, cause });
    }
    let result = File::open(&path).and_then(|open| open.take(max + 1).read_to_end(&mut bytes));
    match result {
        Ok(_) if bytes.len() as u64 > max => Err(BundleError::TooLarge { file, max }),
        Ok(_) => Ok(bytes),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(BundleError::Missing { path }),
        Err(cause) => Err(BundleError::Read { path, cause }),
    }
}

/// Writes `files` into a new folder beside `dir` and moves it into place.
fn replace<'a>(
    dir: &Path,
    files: impl Iterator<Item = (&'static str, &'a [u8])>,
) -> io::Result<()> {
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    let staging = tempfile::Builder::new()
        .prefix(".bundle-")
        .tempdir_in(parent)
        .map_err(crate::without_temporary_name)?;
    let fresh = staging.path().join("new");
    fs::create_dir(&fresh)?;
    for (name, bytes) in files {
        let mut file = File::create_new(fresh.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    let old = staging.path().join("old");
    let replaced = match fs::rename(dir, &old) {
        Ok(()) => true,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => false,
        Err(cause) => return Err(cause),
    };
    let moved = fs::rename(&fresh, dir);
    if moved.is_err() && replaced {
        fs::rename(&old, dir)?;
    }
    moved
}
