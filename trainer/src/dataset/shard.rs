//! WebDataset shards: tar files whose members share a key (Aizman et al., 2019).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::record::{Meta, Record};

const SAMPLES_PER_SHARD: usize = 1000;
/// A member larger than this is no crop of ours.
const MEMBER_BYTES_MAX: u64 = 4 << 20;

/// Writes records into `shard-000000.tar` and so on; a shard appears when complete.
pub struct ShardWriter {
    folder: PathBuf,
    prefix: String,
    open: Option<tar::Builder<BufWriter<File>>>,
    shards: usize,
    samples: usize,
}

impl ShardWriter {
    /// Starts writing into a folder, which is created.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn create(folder: &Path, prefix: &str) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let (folder, prefix) = (folder.to_path_buf(), prefix.to_string());
        Ok(Self {
            folder,
            prefix,
            open: None,
            shards: 0,
            samples: 0,
        })
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When the disk refuses; shards already closed stay valid.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        if self.open.is_none() {
            let path = self.path("partial");
            let file =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            self.open = Some(tar::Builder::new(BufWriter::new(file)));
        }
        let key = format!(
            "{}-{:07}",
            self.prefix,
            self.shards * SAMPLES_PER_SHARD + self.samples
        );
        let Some(builder) = &mut self.open else {
            bail!("no shard is open")
        };
        append(
            builder,
            &format!("{key}.json"),
            &serde_json::to_vec(&record.meta)?,
        )?;
        for (index, frame) in record.frames.iter().enumerate() {
            append(builder, &format!("{key}.{index:02}.png"), frame)?;
        }
        self.samples += 1;
        if self.samples == SAMPLES_PER_SHARD {
            self.finish_shard()
        } else {
            Ok(())
        }
    }

    /// Closes the last shard.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> Result<usize> {
        let total = self.shards * SAMPLES_PER_SHARD + self.samples;
        self.finish_shard()?;
        Ok(total)
    }

    fn finish_shard(&mut self) -> Result<()> {
        let Some(builder) = self.open.take() else {
            return Ok(());
        };
        builder
            .into_inner()?
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(self.path("partial"), self.path("tar"))?;
        self.shards += 1;
        self.samples = 0;
        Ok(())
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.folder
            .join(format!("{}-{:06}.{extension}", self.prefix, self.shards))
    }
}

fn append(builder: &mut tar::Builder<BufWriter<File>>, name: &str, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, name, bytes)
        .context("cannot write a sample")
}

/// Reads every record of every `.tar` in a folder, in the order of names.
///
/// # Errors
/// When the folder holds no shard, or a shard is damaged; names the file.
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
    let mut records = Vec::new();
    for path in paths {
        let read = read_shard(&path)
            .with_context(|| format!("{} is damaged: prepare it again", path.display()))?;
        records.extend(read);
    }
    Ok(records)
}

/// What has been read of one sample: its description and its frames by name.
type Members = (Option<Meta>, BTreeMap<String, Vec<u8>>);

fn read_shard(path: &Path) -> Result<Vec<Record>> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(path)?));
    let mut samples: BTreeMap<String, Members> = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        ensure!(
            entry.size() <= MEMBER_BYTES_MAX,
            "{name} is too large for a crop"
        );
        let Some((key, rest)) = name.split_once('.') else {
            bail!("{name} has no extension")
        };
        let mut bytes = Vec::with_capacity(entry.size() as usize);
        entry.read_to_end(&mut bytes)?;
        let sample = samples.entry(key.to_string()).or_default();
        if rest == "json" {
            sample.0 = Some(serde_json::from_slice(&bytes).with_context(|| name.clone())?);
        } else {
            sample.1.insert(rest.to_string(), bytes);
        }
    }
    samples
        .into_iter()
        .map(|(key, (meta, frames))| {
            let meta = meta.with_context(|| format!("{key}.json is missing"))?;
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
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::record::Label;
    use super::*;

    fn record(index: usize) -> Record {
        let meta = Meta {
            label: Label::Fake,
            source: "test".into(),
            group: format!("g{index}"),
            twin: Some("t".into()),
            file: "a/b.jpg".into(),
            frames: 2,
        };
        Record {
            meta,
            frames: vec![vec![index as u8; 10], vec![1, 2, 3]],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::create(folder.path(), "faces").unwrap();
        let records: Vec<Record> = (0..1003).map(record).collect();
        records
            .iter()
            .for_each(|record| writer.write(record).unwrap());
        assert_eq!(writer.finish().unwrap(), 1003);
        assert_eq!(read_shards(folder.path()).unwrap(), records);
    }

    #[test]
    fn a_truncated_shard_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::create(folder.path(), "faces").unwrap();
        writer.write(&record(1)).unwrap();
        writer.finish().unwrap();
        let path = folder.path().join("faces-000000.tar");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..700]).unwrap();
        let error = format!("{:#}", read_shards(folder.path()).unwrap_err());
        assert!(
            error.contains("faces-000000.tar") && error.contains("prepare"),
            "{error}"
        );
    }

    #[test]
    fn an_empty_folder_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_shards(folder.path()).unwrap_err().to_string();
        assert!(error.contains("unmask-trainer prepare"), "{error}");
    }
}
