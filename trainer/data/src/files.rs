//! Files on disk.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
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

/// A file of JSON lines that remembers what long work has done, so that it goes on where it was
/// stopped.
#[derive(Debug)]
pub struct Memory {
    file: File,
}

impl Memory {
    /// Opens or begins one, and reads what is in it; a last line that is cut off is forgotten.
    ///
    /// # Errors
    /// When it cannot be read or written, or a line is not what it should be.
    pub fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>)> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let bytes = std::fs::read(path)?;
        let end = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        if end < bytes.len() {
            file.set_len(end as u64)?;
        }
        let text = String::from_utf8_lossy(&bytes[..end]);
        let known = text.lines().map(|line| {
            serde_json::from_str(line)
                .with_context(|| format!("{} is damaged: delete it to begin anew", path.display()))
        });
        let known = known.collect::<Result<_>>()?;
        Ok((Self { file }, known))
    }

    /// Adds lines.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add<T: Serialize>(&mut self, done: &[T]) -> Result<()> {
        let mut lines = Vec::new();
        for one in done {
            serde_json::to_writer(&mut lines, one)?;
            lines.push(b'\n');
        }
        Ok(self.file.write_all(&lines)?)
    }
}
