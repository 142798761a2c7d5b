//! Files on disk.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use unmask_shared::without_temporary_name;

/// Writes a file so that it appears complete or not at all.
///
/// # Errors
/// When the disk refuses; an earlier version stays.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(without_temporary_name)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {} (is the disk full?)", path.display()))
}
