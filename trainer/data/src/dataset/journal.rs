//! What `prepare` has finished, so that it can go on after being stopped at any moment.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::partition::Partition;
use super::skip::Skip;

/// First line of a journal: what is being prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Which part of the work this process does, and of how many.
    pub(super) partition: String,
    /// Shards that the part will have.
    pub(super) shards: usize,
    /// Everything that the records depend on, by name.
    pub(super) settings: BTreeMap<String, String>,
}

/// Every other line: a finished shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    /// Number of the shard.
    pub(super) shard: usize,
    /// Records in it; a shard without any has no file.
    pub(super) records: usize,
    /// Length of its file.
    pub(super) bytes: u64,
    /// What was skipped while making it.
    pub(super) skips: Vec<Skip>,
}

/// The open journal of one part; no other process can open it meanwhile.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    /// Finished shards by number.
    pub(super) done: BTreeMap<usize, Done>,
}

impl Journal {
    /// Opens or starts the journal of a part in a folder.
    ///
    /// # Errors
    /// When the folder belongs to other settings, another process is writing, or the disk
    /// refuses.
    pub(super) fn open(folder: &Path, partition: Partition, head: &Head) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let path = folder.join(format!("prepare{}.jsonl", partition.suffix()));
        check_others(folder, head, &path)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another process is preparing part {partition} into {}: wait for it, or choose another folder",
                folder.display()
            ),
            // Some network file systems have no locks.
            Err(TryLockError::Error(error)) => {
                tracing::warn!("cannot lock {}: {error}", path.display());
            }
        }
        let (done, length) = read(&mut file, &path)?;
        let begun = !done.is_empty();
        let mut journal = Self { file, path, done };
        // A line that was cut off when the process was stopped does not count, nor does a
        // journal of nothing.
        journal.file.set_len(if begun { length } else { 0 })?;
        journal.file.seek(SeekFrom::End(0))?;
        if !begun {
            journal.append(&serde_json::to_string(head)?)?;
        }
        Ok(journal)
    }

    /// Whether a shard is finished and its file is still as it was.
    pub(super) fn is_done(&self, shard: usize, path: &Path) -> bool {
        self.done.get(&shard).is_some_and(|done| {
            done.records == 0 || fs::metadata(path).is_ok_and(|file| file.len() == done.bytes)
        })
    }

    /// Notes a finished shard.
    pub(super) fn finished(&mut self, done: Done) -> Result<()> {
        self.append(&serde_json::to_string(&done)?)?;
        self.done.insert(done.shard, done);
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let write = |file: &mut File| {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_data()
        };
        write(&mut self.file).with_context(|| {
            format!(
                "cannot write {}: make room and run the same command again to go on",
                self.path.display()
            )
        })
    }
}

/// Finished shards, and the length of the lines that are whole.
fn read(file: &mut File, path: &Path) -> Result<(BTreeMap<usize, Done>, u64)> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut done = BTreeMap::new();
    let mut length = 0;
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        if number > 0 {
            let Ok(entry) = serde_json::from_slice::<Done>(line) else {
                break;
            };
            done.insert(entry.shard, entry);
        }
        length += line.len() as u64;
    }
    Ok((done, length))
}

fn head_of(path: &Path) -> Option<Head> {
    let text = fs::read_to_string(path).ok()?;
    serde_json::from_str(text.lines().next()?).ok()
}

fn journals(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("prepare") && name.ends_with(".jsonl")
    });
    paths.sort();
    paths
}

/// Refuses a folder whose shards are of another preparation: mixing them would repeat
/// faces.
fn check_others(folder: &Path, head: &Head, own: &Path) -> Result<()> {
    let remedy = "choose an empty folder for --output, or delete this one";
    let journals = journals(folder);
    for path in &journals {
        // A journal whose first line was cut off holds nothing yet.
        let Some(other) = head_of(path) else { continue };
        if path == own && read(&mut File::open(path)?, path)?.0.is_empty() {
            continue;
        }
        let parts = |partition: &str| partition.split('/').nth(1).map(str::to_string);
        ensure!(
            parts(&other.partition) == parts(&head.partition),
            "{} is being prepared as part {}, not {}: {remedy}",
            folder.display(),
            other.partition,
            head.partition
        );
        for (name, value) in &head.settings {
            let before = other.settings.get(name).map_or("not set", String::as_str);
            ensure!(
                before == value,
                "{} was prepared with {name} {before}, not {value}: {remedy}",
                folder.display()
            );
        }
    }
    let has_shards = fs::read_dir(folder)?
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|end| end == "tar"));
    ensure!(
        !has_shards || !journals.is_empty(),
        "{} already holds shards that this program cannot continue: {remedy}",
        folder.display()
    );
    Ok(())
}

/// What a folder still lacks; `None` where it is complete or has no journal.
pub(super) fn unfinished(folder: &Path) -> Option<String> {
    let journals = journals(folder);
    let mut parts = 0;
    for path in &journals {
        let head = head_of(path)?;
        let mut file = File::open(path).ok()?;
        let (done, _) = read(&mut file, path).ok()?;
        if done.len() < head.shards {
            return Some(format!(
                "{} of {} shards of part {} are there; run `prepare` again to go on",
                done.len(),
                head.shards,
                head.partition
            ));
        }
        parts = head.partition.split('/').nth(1)?.parse().ok()?;
    }
    (journals.len() < parts).then(|| format!("{} of {parts} parts are there", journals.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(part: &str, frames: &str) -> Head {
        Head {
            partition: part.into(),
            shards: 2,
            settings: BTreeMap::from([("frames".into(), frames.into())]),
        }
    }

    fn open(folder: &Path, part: &str, frames: &str) -> Result<Journal> {
        Journal::open(folder, part.parse().unwrap(), &head(part, frames))
    }

    fn done(shard: usize) -> Done {
        Done {
            shard,
            records: 0,
            bytes: 0,
            skips: vec![],
        }
    }

    #[test]
    fn a_line_cut_off_is_forgotten_and_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prepare.jsonl");
        let mut journal = open(folder.path(), "0/1", "4").unwrap();
        journal.finished(done(0)).unwrap();
        journal.finished(done(1)).unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        let second = whole.len() - 30;
        for length in [0, 10, second, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let mut journal = open(folder.path(), "0/1", "4").unwrap();
            let missing: Vec<usize> = (0..2).filter(|i| !journal.done.contains_key(i)).collect();
            assert!(missing.contains(&1), "cut at {length}");
            for shard in missing {
                journal.finished(done(shard)).unwrap();
            }
            drop(journal);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut at {length}");
        }
        assert_eq!(unfinished(folder.path()), None);
    }

    #[test]
    fn other_settings_are_named() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), "0/1", "3").unwrap());
        let mut journal = open(folder.path(), "0/1", "4").expect("nothing was finished");
        journal.finished(done(0)).unwrap();
        drop(journal);
        let refusal = |part, frames| open(folder.path(), part, frames).err().unwrap().to_string();
        let error = refusal("0/1", "8");
        assert!(
            error.contains("frames 4, not 8") && error.contains("--output"),
            "{error}"
        );
        let error = refusal("0/2", "4");
        assert!(error.contains("0/1, not 0/2"), "{error}");
    }

    #[test]
    fn parts_share_a_folder_but_no_part_runs_twice() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path(), "0/2", "4").unwrap();
        let error = open(folder.path(), "0/2", "4").err().unwrap().to_string();
        assert!(error.contains("another process"), "{error}");
        let mut second = open(folder.path(), "1/2", "4").unwrap();
        drop(first);
        let missing = unfinished(folder.path()).unwrap();
        assert!(missing.contains("0 of 2 shards of part 0/2"), "{missing}");
        second.finished(done(0)).unwrap();
        assert_eq!(second.done.len(), 1);
    }

    #[test]
    fn shards_of_unknown_origin_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("faces-000000.tar"), b"x").unwrap();
        let error = open(folder.path(), "0/1", "4").err().unwrap().to_string();
        assert!(error.contains("already holds shards"), "{error}");
    }
}
