//! Reads shards back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::journal;
use super::record::{Meta, Record};

/// A member larger than this is no crop of ours.
const MEMBER_BYTES_MAX: u64 = 4 << 20;
/// A tar archive ends with two blocks of zeros.
const TAR_END_BYTES: usize = 1024;

/// Reads every record of every `.tar` in a folder, in the order of names. Says in the log
/// where `prepare` has not finished the folder.
///
/// # Errors
/// When the folder holds no shard, or a shard is damaged: names the file, says how many of
/// its records are complete, and how to make it again.
pub fn read_shards(folder: &Path) -> Result<Vec<Record>> {
    let entries = fs::read_dir(folder).with_context(|| {
        format!(
            "cannot read {}: make it with `unmask-trainer prepare`",
            folder.display()
        )
    })?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tar"));
    paths.sort();
    ensure!(
        !paths.is_empty(),
        "{} holds no shard (*.tar): make some with `unmask-trainer prepare`",
        folder.display()
    );
    if let Some(missing) = journal::unfinished(folder) {
        tracing::warn!("{} is not complete: {missing}", folder.display());
    }
    let mut records = Vec::new();
    for path in paths {
        let (read, damage) = read_shard(&path);
        if let Some(damage) = damage {
            return Err(damage.context(format!(
                "{} is damaged: {} of its records are complete. Run the same `prepare` command again: it makes this shard again and keeps the others; or move the file away to go on without it",
                path.display(),
                read.len()
            )));
        }
        records.extend(read);
    }
    Ok(records)
}

/// What has been read of one sample: its description and its frames by name.
type Members = (Option<Meta>, BTreeMap<String, Vec<u8>>);

fn read_shard(path: &Path) -> (Vec<Record>, Option<anyhow::Error>) {
    match File::open(path) {
        Ok(file) => read_records(BufReader::new(file)),
        Err(error) => (Vec::new(), Some(error.into())),
    }
}

/// The complete records of a shard, in the order of their names, and what is wrong
/// with it.
pub fn read_records(mut shard: impl Read + Seek) -> (Vec<Record>, Option<anyhow::Error>) {
    let mut samples: BTreeMap<String, Members> = BTreeMap::new();
    let read = read_members(&mut shard, &mut samples);
    let mut damage = read.and_then(|()| ends_as_a_tar(&mut shard)).err();
    let mut records = Vec::with_capacity(samples.len());
    for (key, (meta, frames)) in samples {
        match assemble(&key, meta, frames) {
            Ok(record) => records.push(record),
            Err(error) => damage = damage.or(Some(error)),
        }
    }
    (records, damage)
}

fn read_members(shard: impl Read, samples: &mut BTreeMap<String, Members>) -> Result<()> {
    let mut archive = tar::Archive::new(shard);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        // A sparse file, for one, has many more bytes than its shard.
        ensure!(
            entry.header().entry_type().is_file(),
            "{name} is no plain file"
        );
        ensure!(
            entry.size() <= MEMBER_BYTES_MAX,
            "{name} is too large for a crop"
        );
        let Some((key, rest)) = name.split_once('.') else {
            bail!("{name} has no extension")
        };
        let mut bytes = Vec::with_capacity(entry.size() as usize);
        entry.read_to_end(&mut bytes)?;
        ensure!(bytes.len() as u64 == entry.size(), "it ends within {name}");
        let sample = samples.entry(key.to_string()).or_default();
        if rest == "json" {
            sample.0 = Some(serde_json::from_slice(&bytes).with_context(|| name.clone())?);
        } else {
            sample.1.insert(rest.to_string(), bytes);
        }
    }
    Ok(())
}

/// A file that was cut between two members looks complete but for its last bytes.
fn ends_as_a_tar(shard: &mut (impl Read + Seek)) -> Result<()> {
    let length = shard.seek(SeekFrom::End(0))?;
    let mut end = [1; TAR_END_BYTES];
    let start = length.checked_sub(TAR_END_BYTES as u64);
    shard.seek(SeekFrom::Start(start.unwrap_or(0)))?;
    match shard.read_exact(&mut end) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
        _ => ensure!(end == [0; TAR_END_BYTES], "its end is missing"),
    }
    Ok(())
}

fn assemble(key: &str, meta: Option<Meta>, frames: BTreeMap<String, Vec<u8>>) -> Result<Record> {
    let meta = meta.ok_or_else(|| anyhow!("{key}.json is missing"))?;
    ensure!(
        meta.frames == frames.len() && meta.frames > 0,
        "{key} has {} frames, its description says {}",
        frames.len(),
        meta.frames
    );
    Ok(Record {
        meta,
        frames: frames.into_values().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::shard::Shard;
    use super::*;

    fn shard(folder: &Path, records: usize) -> PathBuf {
        let mut shard = Shard::create(folder, "faces-000000").unwrap();
        for index in 0..records {
            let meta = Meta {
                group: format!("g{index}"),
                frames: 1,
                ..Default::default()
            };
            let frames = vec![vec![7; 700]];
            shard.write(&Record { meta, frames }).unwrap();
        }
        shard.finish().unwrap();
        folder.join("faces-000000.tar")
    }

    #[test]
    fn a_cut_shard_is_named_with_what_it_holds_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = shard(folder.path(), 3);
        let bytes = fs::read(&path).unwrap();
        // A record takes two heads, a block of description and two blocks of picture.
        let record = 5 * 512;
        assert_eq!(bytes.len(), 3 * record + TAR_END_BYTES);
        for (length, complete) in [
            (0, 0),
            (100, 0),
            (512, 0),
            (record - 600, 0),
            (record, 1),
            (record + 700, 1),
            (2 * record - 400, 1),
            (3 * record, 3),
            (3 * record + 512, 3),
        ] {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = format!("{:#}", read_shards(folder.path()).unwrap_err());
            let says = format!("{complete} of its records are complete");
            for part in ["faces-000000.tar", "`prepare` command again", &says] {
                assert!(error.contains(part), "cut at {length}: {error}");
            }
        }
    }

    #[test]
    fn what_is_no_shard_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces-000000.tar");
        for bytes in [b"not a tar".repeat(300), vec![0xff; 4096]] {
            fs::write(&path, bytes).unwrap();
            let error = format!("{:#}", read_shards(folder.path()).unwrap_err());
            assert!(error.contains("faces-000000.tar"), "{error}");
        }
    }

    #[test]
    fn a_sparse_member_is_refused_before_it_fills_the_memory() {
        let mut header = tar::Header::new_gnu();
        header.set_path("faces-000000-00000.00.png").unwrap();
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_size(0);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.realsize[..11].copy_from_slice(b"00017777777");
        gnu.sparse[0].offset[..11].copy_from_slice(b"00017777777");
        gnu.sparse[0].numbytes[..11].copy_from_slice(b"00000000000");
        header.set_cksum();
        let mut shard = header.as_bytes().to_vec();
        shard.extend([0; TAR_END_BYTES]);
        let (records, damage) = read_records(io::Cursor::new(shard));
        let damage = format!("{:#}", damage.unwrap());
        assert!(
            records.is_empty() && damage.contains("no plain file"),
            "{damage}"
        );
    }

    #[test]
    fn an_empty_folder_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_shards(folder.path()).unwrap_err().to_string();
        assert!(error.contains("unmask-trainer prepare"), "{error}");
    }
}
