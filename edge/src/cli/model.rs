//! `unmask-edge model`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use unmask_shared::bundle::Bundle;
use unmask_shared::manifest::Manifest;

use super::run::RunArgs;
use crate::builtin::{BUILTIN_NAME, builtin};
use crate::console::style::printable;
use crate::error::EdgeError;
use crate::model::{ModelArgs, ModelError, SelfTest, Store, self_test, show, trusted};

/// What to do with a model.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Print name, checksum, figures and terms of a model
    Show(ModelArgs),
    /// Let a model test itself: whether it computes here what it computed where it was made
    Test(TestArgs),
    /// Check the signature of a bundle, load it, and let it test itself
    Verify(VerifyArgs),
    /// Verify a bundle and use it from now on; when it fails, nothing changes
    Install(InstallArgs),
    /// List the installed models
    List(ListArgs),
}

/// Arguments of `model test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    #[command(flatten)]
    /// The model.
    pub model: ModelArgs,
    /// The model of a configuration of `run`, with its folder and its keys; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "models", "trusted_key"])]
    pub config: Vec<PathBuf>,
}

impl TestArgs {
    fn open(self) -> Result<Bundle, EdgeError> {
        let model = match self.config.is_empty() {
            true => self.model,
            false => {
                let run = RunArgs {
                    config: self.config,
                    ..RunArgs::default()
                };
                ModelArgs::from(run.settings()?.value.model)
            }
        };
        Ok(model.open()?.0)
    }
}

/// Arguments of `model verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Folder of the bundle
    #[arg(value_name = "BUNDLE")]
    pub bundle: PathBuf,
    /// Public key, or its file, of somebody who may sign models; may be repeated
    #[arg(long, value_name = "KEY")]
    pub trusted_key: Vec<String>,
}

/// Arguments of `model install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Folder of the bundle
    #[arg(value_name = "BUNDLE")]
    pub bundle: PathBuf,
    /// Folder of installed models
    #[arg(long, value_name = "DIR")]
    pub models: PathBuf,
    /// Public key, or its file, of somebody who may sign models; may be repeated
    #[arg(long, value_name = "KEY")]
    pub trusted_key: Vec<String>,
    /// Install an older release than the device has had
    #[arg(long)]
    pub allow_older: bool,
}

/// Arguments of `model list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Folder of installed models
    #[arg(long, value_name = "DIR")]
    pub models: PathBuf,
    /// Public key, or its file, of somebody who may sign models; may be repeated
    #[arg(long, value_name = "KEY")]
    pub trusted_key: Vec<String>,
}

impl ModelCommand {
    /// Does what the command line asks for.
    pub fn run(self, out: &mut dyn Write) -> Result<(), EdgeError> {
        match self {
            Self::Show(args) => {
                let (bundle, origin) = args.open()?;
                show(&bundle, &origin, out)?;
            }
            Self::Test(args) => {
                let bundle = args.open()?;
                let tested = self_test(&bundle).map_err(ModelError::from)?;
                let (name, release) = (&bundle.manifest.name, bundle.manifest.release);
                writeln!(out, "{name} release {release}")?;
                told(tested, out)?;
            }
            Self::Verify(args) => args.run(out)?,
            Self::Install(args) => args.run(out)?,
            Self::List(args) => args.run(out)?,
        }
        Ok(())
    }
}

impl VerifyArgs {
    fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        let keys = trusted(&self.trusted_key)?;
        let (bundle, signed) = Bundle::open_signed(&self.bundle, &keys)?;
        let tested = self_test(&bundle).map_err(ModelError::from)?;
        let manifest = &bundle.manifest;
        writeln!(out, "{} release {}", manifest.name, manifest.release)?;
        writeln!(
            out,
            "signed by {}: {}",
            signed.key,
            printable(&signed.comment)
        )?;
        warn(manifest, out)?;
        told(tested, out)
    }
}

impl InstallArgs {
    fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        let keys = trusted(&self.trusted_key)?;
        let store = Store::new(&self.models);
        let (installed, tested) = store.install(&self.bundle, &keys, self.allow_older)?;
        let (name, release) = (&installed.name, installed.release);
        writeln!(out, "installed {name} release {release}")?;
        writeln!(out, "signed by {}", installed.key)?;
        warn(&Bundle::open(&self.bundle)?.manifest, out)?;
        told(tested, out)
    }
}

impl ListArgs {
    fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        let keys = trusted(&self.trusted_key)?;
        let listed = Store::new(&self.models).list(&keys)?;
        let nobody = !listed
            .iter()
            .any(|shelved| shelved.model.as_ref().is_ok_and(|model| model.is_current));
        let own = builtin()?.manifest;
        let mark = |used| if used { '*' } else { ' ' };
        let used = mark(nobody);
        let (name, release) = (&own.name, own.release);
        writeln!(out, "{used} {name} release {release}  {BUILTIN_NAME}")?;
        for shelved in listed {
            let folder = shelved.folder.display();
            match shelved.model {
                Ok(model) => {
                    let (used, name, release) = (mark(model.is_current), model.name, model.release);
                    writeln!(out, "{used} {name} release {release}  {folder}")?;
                }
                Err(error) => {
                    let (folder, error) = (
                        printable(&folder.to_string()),
                        printable(&error.to_string()),
                    );
                    writeln!(out, "! {folder}: {error}")?;
                }
            }
        }
        Ok(())
    }
}

/// Says where a network is worth nothing.
fn warn(manifest: &Manifest, out: &mut dyn Write) -> Result<(), EdgeError> {
    if let Some(warning) = manifest.warning() {
        writeln!(out, "warning: {warning}")?;
    }
    Ok(())
}

fn told(tested: SelfTest, out: &mut dyn Write) -> Result<(), EdgeError> {
    let (frames, difference) = (tested.frames, tested.difference);
    writeln!(
        out,
        "self-test passed: {frames} frames, logits within {difference:.1e}"
    )?;
    Ok(())
}
