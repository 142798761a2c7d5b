//! How many entries a key has signed, kept beside it: a log that is begun anew under an old key
//! is told from one that was always there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::record::{read_text, write_text};

/// Numbers in a file beside the key: entries of its log, and those that are gone.
#[derive(Debug)]
pub(crate) struct Counter {
    path: PathBuf,
    entries: u64,
    lost: u64,
}

impl Counter {
    /// That of the key in a file; nothing was signed where there is none.
    pub(crate) fn of(key: &Path) -> Self {
        let mut name = OsString::from(key);
        name.push(".entries");
        let path = PathBuf::from(name);
        let text = read_text(&path).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        let mut number = || numbers.next().and_then(Result::ok).unwrap_or(0);
        let (entries, lost) = (number(), number());
        Self {
            path,
            entries,
            lost,
        }
    }

    /// Entries that are gone from a log of so many.
    pub(crate) fn missing(&self, entries: u64) -> u64 {
        let fresh = self.entries.saturating_sub(entries);
        self.lost.saturating_add(fresh)
    }

    /// A log is opened that has so many; how many are gone since it was last counted.
    pub(crate) fn begin(&mut self, entries: u64) -> Option<u64> {
        let fresh = self.entries.saturating_sub(entries);
        self.lost = self.lost.saturating_add(fresh);
        self.write(entries);
        (fresh > 0).then_some(fresh)
    }

    /// The log has so many by now.
    pub(crate) fn count(&mut self, entries: u64) {
        if entries != self.entries {
            self.write(entries);
        }
    }

    fn write(&mut self, entries: u64) {
        self.entries = entries;
        let text = format!("{entries} {}\n", self.lost);
        if let Err(error) = write_text(&self.path, &text, 0o644) {
            tracing::warn!(path = %self.path.display(), %error, "entries are not counted beside the key");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_stays_counted() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("log.key");
        let mut counter = Counter::of(&key);
        assert_eq!(counter.begin(0), None);
        counter.count(9);
        assert_eq!(Counter::of(&key).missing(9), 0);
        assert_eq!(Counter::of(&key).missing(12), 0);
        assert_eq!(Counter::of(&key).missing(0), 9);
        let mut anew = Counter::of(&key);
        assert_eq!(anew.begin(0), Some(9));
        anew.count(4);
        let mut later = Counter::of(&key);
        assert_eq!((later.missing(4), later.missing(5)), (9, 9));
        assert_eq!(later.begin(5), None);
        assert_eq!(Counter::of(&key).missing(3), 11);
    }
}
