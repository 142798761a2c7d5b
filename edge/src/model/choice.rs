//! Which model a command uses.

use std::path::{Path, PathBuf};

use clap::Args;
use unmask_shared::bundle::Bundle;
use unmask_shared::signature::{SIGNATURE_BYTES_MAX, SignatureError, TrustedKeys};

use super::error::ModelError;
use super::store::Store;
use crate::builtin::{BUILTIN_NAME, builtin};
use crate::secret::read_small;

/// Which model to use.
#[derive(Debug, Clone, Default, Args)]
pub struct ModelArgs {
    /// Folder of a model bundle, instead of the model that is built in
    #[arg(long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,
    /// Folder of installed models: use the one that was installed last
    #[arg(long, value_name = "DIR", conflicts_with = "bundle")]
    pub models: Option<PathBuf>,
    /// Use the model that is built in where no model was ever installed in --models
    #[arg(long)]
    pub or_builtin: bool,
    /// Public key, or its file, of somebody who may sign models; may be repeated. With it,
    /// a bundle must be signed
    #[arg(long, value_name = "KEY")]
    pub trusted_key: Vec<String>,
}

impl ModelArgs {
    /// The model, and where it comes from. A bundle that is named together with
    /// trusted keys, and any installed model, must be signed by one of them.
    pub fn open(&self) -> Result<(Bundle, String), ModelError> {
        let keys = trusted(&self.trusted_key)?;
        if let Some(root) = &self.models {
            return match Store::new(root).current(&keys)? {
                Some((installed, bundle)) => Ok((bundle, installed.folder.display().to_string())),
                None if self.or_builtin => Ok((builtin()?, BUILTIN_NAME.into())),
                None => Err(ModelError::None { path: root.clone() }),
            };
        }
        match &self.bundle {
            None => Ok((builtin()?, BUILTIN_NAME.into())),
            Some(folder) => {
                let bundle = if keys.is_empty() {
                    Bundle::open(folder)?
                } else {
                    Bundle::open_signed(folder, &keys)?.0
                };
                Ok((bundle, folder.display().to_string()))
            }
        }
    }
}

/// Keys that the program trusts by itself: none. There is no release key; the
/// model that is built in is trusted with the program and needs none.
pub const BUILTIN_KEYS: &[&str] = &[];

/// The keys of a command line, and those that are built in.
pub(crate) fn trusted(texts: &[String]) -> Result<TrustedKeys, ModelError> {
    let mut keys: Vec<String> = BUILTIN_KEYS.iter().map(|&key| key.into()).collect();
    for text in texts {
        if text.starts_with("RW") && !Path::new(text).exists() {
            keys.push(text.clone());
        } else {
            keys.push(read_key(text)?);
        }
    }
    Ok(TrustedKeys::parse(keys)?)
}

fn read_key(path: &str) -> Result<String, ModelError> {
    match read_small(Path::new(path), SIGNATURE_BYTES_MAX) {
        Ok(text) => Ok(text),
        Err(_) if !Path::new(path).exists() => {
            Err(SignatureError::Key { text: path.into() }.into())
        }
        Err(cause) => Err(ModelError::File {
            path: path.into(),
            cause,
        }),
    }
}
