//! Copies the face finder's model out of the `rustface` package, so that no
//! binary of it is kept in this repository.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODEL: &str = "seeta_fd_frontal_v1.0.bin";
const OVERRIDE: &str = "UNMASK_FACE_MODEL";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={OVERRIDE}");
    if env::var_os("CARGO_FEATURE_STD").is_none() {
        return Ok(());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let model = match env::var_os(OVERRIDE) {
        Some(path) => PathBuf::from(path),
        None => locate(&out).map_err(|cause| {
            format!("{cause}; set {OVERRIDE} to the path of rustface's model/{MODEL}")
        })?,
    };
    println!("cargo::rerun-if-changed={}", model.display());
    let bytes = fs::read(&model)
        .map_err(|cause| format!("cannot read the face model {}: {cause}", model.display()))?;
    fs::write(out.join(MODEL), bytes)?;
    Ok(())
}

/// Asks cargo where the sources of `rustface` are.
///
/// The question is put about a package that depends on nothing else: the
/// answer about this workspace would need the sources of every member, which
/// a build of one member has not downloaded.
fn locate(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let lock = manifest_dir.join("../Cargo.lock");
    let locked = fs::read_to_string(&lock)?;
    let version = locked_version(&locked)?;
    let package = out.join("locate");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    fs::copy(&lock, package.join("Cargo.lock"))?;
    fs::write(
        package.join("Cargo.toml"),
        format!(
            "[package]\nname = \"locate\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [workspace]\n[dependencies.rustface]\nversion = \"={version}\"\n\
             default-features = false\n"
        ),
    )?;
    let answer = Command::new(env::var("CARGO")?)
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(["--filter-platform", &env::var("TARGET")?])
        .arg("--manifest-path")
        .arg(package.join("Cargo.toml"))
        .current_dir(&manifest_dir)
        .output()?;
    if !answer.status.success() {
        let cause = String::from_utf8_lossy(&answer.stderr);
        return Err(format!("cargo cannot tell where rustface is: {}", cause.trim()).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&answer.stdout)?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| package["name"] == "rustface")
        .filter_map(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(|folder| folder.join("model").join(MODEL))
        .next()
        .ok_or_else(|| "cargo does not list rustface".into())
}

fn locked_version(lock: &str) -> Result<&str, Box<dyn Error>> {
    lock.split("[[package]]")
        .find(|package| package.contains("name = \"rustface\""))
        .and_then(|package| package.split("version = \"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .ok_or_else(|| "Cargo.lock does not name rustface".into())
}
