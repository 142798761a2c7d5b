//! `unmask-trainer sign`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use minisign::{PublicKey, SecretKey, SecretKeyBox};
use unmask_shared::bundle::{Bundle, SIGNATURE_FILE, SUMS_FILE};
use unmask_shared::signature::TrustedKeys;
use unmask_shared::without_temporary_name;

use super::keygen::{has_terminal, password};

/// What stands above a signature; it is not covered by it.
const UNTRUSTED: &str = "signature from unmask-trainer";

/// Signs a bundle: SHA256SUMS, which covers every other file, gets a signature in
/// minisign's format beside it. Devices that trust the key install the bundle with
/// `unmask-edge model install`. The key's password is asked for or taken from the
/// environment variable UNMASK_KEY_PASSWORD.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    /// Secret key, made by `keygen` or by minisign
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bundle = Bundle::open(&self.bundle)?;
        let key = read_key(&self.key)?;
        let sums = fs::read(self.bundle.join(SUMS_FILE))?;
        let (name, release) = (&bundle.manifest.name, bundle.manifest.release);
        let comment = format!("unmask bundle {name} release {release}");
        let signature = minisign::sign(None, &key, &sums[..], Some(&comment), Some(UNTRUSTED))
            .context("cannot sign")?
            .into_string();
        let public = PublicKey::from_secret_key(&key)?.to_base64();
        let keys = TrustedKeys::parse([&public])?;
        keys.verify(&sums, signature.as_bytes())
            .context("the signature just made does not verify: the key file is damaged")?;
        write(&self.bundle.join(SIGNATURE_FILE), &signature)?;
        Bundle::open_signed(&self.bundle, &keys)?;
        println!("signed {name} release {release} with {public}");
        println!(
            "next: unmask-edge model install {} --trusted-key {public} --models DIR",
            self.bundle.display()
        );
        Ok(())
    }
}

/// Most bytes of a key file.
const KEY_BYTES_MAX: u64 = 4096;

fn read_key(path: &Path) -> anyhow::Result<SecretKey> {
    let about = || format!("cannot read the key {}", path.display());
    let length = fs::metadata(path).with_context(about)?.len();
    ensure!(
        length <= KEY_BYTES_MAX,
        "{} is no secret key: it has {length} bytes",
        path.display()
    );
    let text = fs::read_to_string(path).with_context(about)?;
    let locked = SecretKeyBox::from_string(&text)?;
    if let Ok(key) = locked.clone().into_unencrypted_secret_key() {
        return Ok(key);
    }
    let password = password();
    ensure!(
        password.is_some() || has_terminal(),
        "{} is locked, and there is no terminal to ask for its password on: set UNMASK_KEY_PASSWORD",
        path.display()
    );
    locked.into_secret_key(password).with_context(|| {
        format!(
            "{} is no secret key, or the password is wrong; keys are made by `unmask-trainer keygen`",
            path.display()
        )
    })
}

/// Writes a file that appears complete or not at all.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let about = || format!("cannot write {}", path.display());
    let file = tempfile::NamedTempFile::new_in(folder);
    let mut file = file.map_err(without_temporary_name).with_context(about)?;
    file.write_all(text.as_bytes()).with_context(about)?;
    file.as_file().sync_all().with_context(about)?;
    make_readable(file.as_file()).with_context(about)?;
    file.persist(path).with_context(about)?;
    Ok(())
}

/// Temporary files are for their owner's eyes only; a signature is for everybody.
fn make_readable(file: &fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
