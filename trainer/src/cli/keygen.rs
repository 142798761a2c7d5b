//! `unmask-trainer keygen`

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use minisign::KeyPair;

/// Makes a pair of keys for signing bundles, in minisign's format: FILE is to be kept
/// secret, FILE.pub goes onto the devices. The secret key is locked with a password, which
/// is asked for or taken from the environment variable UNMASK_KEY_PASSWORD.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write the secret key; it must not exist
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Do not lock the secret key: whoever can read the file can sign
    #[arg(long)]
    no_password: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let public = public_path(&self.output);
        for path in [&self.output, &public] {
            ensure!(
                !path.exists(),
                "{} exists already: a key is never overwritten, choose another name",
                path.display()
            );
        }
        let pair = if self.no_password {
            KeyPair::generate_unencrypted_keypair()
        } else {
            let password = password();
            ensure!(
                password.is_some() || has_terminal(),
                "there is no terminal to ask for a password on: set UNMASK_KEY_PASSWORD, or take --no-password, with \
                 which whoever can read the file can sign"
            );
            KeyPair::generate_encrypted_keypair(password)
        };
        let pair = pair.context("cannot make a key")?;
        let secret = pair.sk.to_box(Some("unmask secret key"))?.into_string();
        write_new(&self.output, &secret, 0o600)?;
        write_new(&public, &pair.pk.to_box()?.into_string(), 0o644)?;
        println!("secret key   {}", self.output.display());
        println!("public key   {}", public.display());
        println!("for devices  --trusted-key {}", pair.pk.to_base64());
        println!(
            "next: unmask-trainer sign BUNDLE --key {}",
            self.output.display()
        );
        Ok(())
    }
}

/// Where the public key lies beside a secret one.
pub(super) fn public_path(secret: &Path) -> PathBuf {
    let mut name = secret.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Whether somebody can be asked: what asks opens the terminal itself, whatever standard input is.
pub(super) fn has_terminal() -> bool {
    let mut options = OpenOptions::new();
    cfg!(not(unix)) || options.read(true).write(true).open("/dev/tty").is_ok()
}

/// The password that the environment gives; `None` means to ask for it.
pub(super) fn password() -> Option<String> {
    std::env::var("UNMASK_KEY_PASSWORD").ok()
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .with_context(|| format!("cannot write the key {}", path.display()))
}
