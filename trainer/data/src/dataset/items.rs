//! The list of work, and how it is divided into shards.

use std::path::Path;

use sha2::{Digest, Sha256};
use unmask_shared::hex;

use super::layout::Job;
use super::options::PrepareOptions;
use super::record::Label;

/// One thing to cut: files, or a synthetic person.
pub(super) enum Item {
    Files(Job),
    Person(u64),
}

impl Item {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Files(job) => job.name.clone(),
            Self::Person(number) => format!("synthetic/{number}"),
        }
    }

    /// Records that it will give at most, or about.
    fn records(&self, windows: usize) -> usize {
        match self {
            Self::Files(job) => {
                let picture = |path: &Path| image::ImageFormat::from_path(path).is_ok();
                let all = job.entries.iter();
                all.map(|e| if picture(&e.path) { 1 } else { windows })
                    .sum()
            }
            Self::Person(_) => 2,
        }
    }
}

/// Fingerprint of the files and of what is written about them.
pub(super) fn digest(jobs: &[Job]) -> String {
    let mut hash = Sha256::new();
    for job in jobs {
        hash.update(format!("{}\t{}\t{}\n", job.name, job.source, job.group));
        for e in &job.entries {
            let fake = e.label == Label::Fake;
            let about = (
                &e.split,
                &e.kind,
                &e.original,
                &e.method,
                &e.compression,
                &e.level,
                &e.distortions,
            );
            hash.update(format!(
                "{}\t{fake}\t{about:?}\t{}\n",
                e.file,
                e.mask.is_some()
            ));
        }
    }
    let bytes = hash.finalize();
    hex(&bytes[..8])
}

/// Cuts the list where a shard would become larger than wanted.
pub(super) fn bounds(items: &[Item], options: &PrepareOptions) -> Vec<usize> {
    let mut bounds = vec![0];
    let mut records = 0;
    for (index, item) in items.iter().enumerate() {
        let more = item.records(options.windows);
        if records > 0 && records + more > options.shard_records {
            bounds.push(index);
            records = 0;
        }
        records += more;
    }
    if !items.is_empty() {
        bounds.push(items.len());
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_as_full_as_items_allow() {
        let items: Vec<Item> = (0..7).map(Item::Person).collect();
        let with = |shard_records| {
            let options = PrepareOptions {
                shard_records,
                ..Default::default()
            };
            bounds(&items, &options)
        };
        assert_eq!(with(4), [0, 2, 4, 6, 7]);
        assert_eq!(with(5), [0, 2, 4, 6, 7]);
        assert_eq!(with(1), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(with(100), [0, 7]);
        assert_eq!(bounds(&[], &PrepareOptions::default()), [0]);
    }
}
