//! WebDataset shards: tar files whose members share a key (Aizman et al., 2019).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::record::Record;

/// One shard being written. It appears under its name when it is complete; until then
/// its file ends in `.partial`.
pub(super) struct Shard {
    partial: PathBuf,
    path: PathBuf,
    samples: Samples<BufWriter<File>>,
}

impl Shard {
    /// Starts `<folder>/<stem>.tar`.
    pub(super) fn create(folder: &Path, stem: &str) -> Result<Self> {
        let path = folder.join(format!("{stem}.tar"));
        let partial = folder.join(format!("{stem}.partial"));
        let file = File::create(&partial).with_context(|| cannot_write(&partial))?;
        Ok(Self {
            samples: Samples::new(BufWriter::new(file), stem),
            partial,
            path,
        })
    }

    /// Appends one record. Where the disk refuses, the unfinished file is removed.
    pub(super) fn write(&mut self, record: &Record) -> Result<()> {
        self.samples
            .write(record)
            .map_err(|error| give_up(error, &self.partial))
    }

    /// Closes the shard and gives its length in bytes. Where the disk refuses, the
    /// unfinished file is removed.
    pub(super) fn finish(self) -> Result<u64> {
        let closed = self.samples.finish().and_then(|buffer| {
            let file = buffer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&self.partial, &self.path)?;
            Ok(bytes)
        });
        closed.map_err(|error| give_up(error, &self.partial))
    }
}

fn cannot_write(path: &Path) -> String {
    format!(
        "cannot write {}: the shards finished so far are kept; make room and run the same command again to go on",
        path.display()
    )
}

fn give_up(error: io::Error, partial: &Path) -> anyhow::Error {
    // It may already be gone; what counts is the first error.
    let _ = fs::remove_file(partial);
    anyhow::Error::new(error).context(cannot_write(partial))
}

/// Records as members of a tar archive.
struct Samples<W: Write> {
    archive: tar::Builder<W>,
    stem: String,
    written: usize,
}

impl<W: Write> Samples<W> {
    fn new(output: W, stem: &str) -> Self {
        Self {
            archive: tar::Builder::new(output),
            stem: stem.into(),
            written: 0,
        }
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        let key = format!("{}-{:05}", self.stem, self.written);
        let meta = serde_json::to_vec(&record.meta)?;
        self.append(&format!("{key}.json"), &meta)?;
        for (index, frame) in record.frames.iter().enumerate() {
            self.append(&format!("{key}.{index:02}.png"), frame)?;
        }
        self.written += 1;
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        self.archive.append_data(&mut header, name, bytes)
    }

    fn finish(self) -> io::Result<W> {
        self.archive.into_inner()
    }
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| give_up(error, &partial))
}

#[cfg(test)]
mod tests {
    use super::super::read::read_shards;
    use super::super::record::{Label, Meta};
    use super::*;

    fn record(index: usize) -> Record {
        let meta = Meta {
            label: Label::Fake,
            source: "test".into(),
            group: format!("g{index}"),
            twin: Some("t".into()),
            file: "a/b.jpg".into(),
            frames: 2,
            ..Default::default()
        };
        Record {
            meta,
            frames: vec![vec![index as u8; 10], vec![1, 2, 3]],
        }
    }

    /// A disk with room for so many bytes.
    struct SmallDisk(usize);

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let room = bytes.len().min(self.0);
            self.0 -= room;
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_is_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<Record> = (0..103).map(record).collect();
        for (number, part) in records.chunks(50).enumerate() {
            let mut shard = Shard::create(folder.path(), &format!("faces-{number:06}")).unwrap();
            part.iter().for_each(|record| shard.write(record).unwrap());
            let bytes = shard.finish().unwrap();
            let path = folder.path().join(format!("faces-{number:06}.tar"));
            assert_eq!(fs::metadata(path).unwrap().len(), bytes);
        }
        assert_eq!(read_shards(folder.path()).unwrap(), records);
    }

    #[test]
    fn a_full_disk_is_reported_wherever_it_fills_up() {
        let mut whole = Samples::new(Vec::new(), "faces-000000");
        (0..3).for_each(|i| whole.write(&record(i)).unwrap());
        let needed = whole.finish().unwrap().len();
        for room in (0..needed).step_by(100) {
            let mut samples = Samples::new(SmallDisk(room), "faces-000000");
            let written = (0..3).try_for_each(|i| samples.write(&record(i)));
            let error = written
                .and_then(|()| samples.finish().map(drop))
                .unwrap_err();
            assert_eq!(
                error.kind(),
                io::ErrorKind::StorageFull,
                "{room} of {needed}"
            );
        }
    }

    /// `/dev/full` refuses every byte as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_error_of_a_full_disk_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let partial = folder.path().join("faces-000000.partial");
        std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
        let mut shard = Shard::create(folder.path(), "faces-000000").unwrap();
        let error = shard
            .write(&record(0))
            .and_then(|()| shard.finish().map(drop))
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("No space left") && error.contains("make room"),
            "{error}"
        );
        assert!(!partial.exists(), "the unfinished shard takes no room");
    }
}
