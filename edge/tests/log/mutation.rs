//! Whatever is done to a log, its check names the first entry that is not as it
//! was.

use std::ops::Range;
use std::time::Duration;

use unmask_edge::log::{
    CHECKPOINT_FILE, EventLog, Fault, LogConfig, LogError, SyncPolicy, VerifyOptions, segment_name,
    verify,
};
use unmask_shared::synthetic::Random;

use crate::disk::{Disk, Files};
use crate::keys::{Memo, entry};

const ENTRIES: u64 = 14;

/// A log, where its records are, and its earlier checkpoints.
struct Original {
    files: Files,
    /// File and place of each record.
    records: Vec<(String, Range<usize>)>,
    /// Number of each file's first entry.
    firsts: Vec<u64>,
    checkpoints: Vec<Vec<u8>>,
}

fn write(memo: &Memo) -> Original {
    let disk = Disk::default();
    let config = LogConfig {
        sync: SyncPolicy::Always,
        segment_bytes: 800,
    };
    let (mut log, _) = EventLog::open(disk.clone(), memo, config).unwrap();
    let mut original = Original {
        files: Files::new(),
        records: Vec::new(),
        firsts: Vec::new(),
        checkpoints: Vec::new(),
    };
    for index in 0..ENTRIES {
        log.append(&entry(index), Duration::ZERO).unwrap();
        let files = disk.files();
        original.checkpoints.push(files[CHECKPOINT_FILE].clone());
        let (name, bytes) = files
            .iter()
            .rfind(|(name, _)| name.starts_with("entries-"))
            .unwrap();
        let length = 2 + entry(index).len() + 64;
        let place = bytes.len() - length..bytes.len();
        original.records.push((name.clone(), place));
        if *name == segment_name(index) {
            original.firsts.push(index);
        }
    }
    original.files = disk.files();
    assert!(
        original.firsts.len() >= 3,
        "too few files to prove anything"
    );
    original
}

/// A changed log.
struct Mutated {
    files: Files,
    how: &'static str,
}

impl Original {
    fn record(&self, index: usize) -> Vec<u8> {
        let (name, place) = &self.records[index];
        self.files[name][place.clone()].to_vec()
    }

    /// Replaces the bytes of some records.
    fn with(&self, changes: &[(usize, Vec<u8>)]) -> Files {
        let mut files = self.files.clone();
        // From the back, so that places stay where they are.
        let mut changes = changes.to_vec();
        changes.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
        for (index, bytes) in changes {
            let (name, place) = &self.records[index];
            let file = files.get_mut(name).unwrap();
            file.splice(place.clone(), bytes);
        }
        files
    }

    fn mutated(&self, random: &mut Random) -> Mutated {
        let at = random.below(self.records.len());
        let mut record = self.record(at);
        let (how, changes) = match random.below(10) {
            0..=2 => {
                for _ in 0..1 + random.below(3) {
                    let byte = random.below(record.len());
                    record[byte] ^= 1 << random.below(8);
                }
                ("flip", vec![(at, record)])
            }
            3 => ("delete", vec![(at, Vec::new())]),
            4 => {
                let other = random.below(self.records.len());
                let swapped = vec![(at, self.record(other)), (other, record)];
                ("reorder", swapped)
            }
            5 => ("repeat", vec![(at, record.repeat(2))]),
            6 => return self.truncated(at, random),
            7 => {
                let byte = random.below(record.len());
                match random.chance(0.5) {
                    true => record.insert(byte, random.bits() as u8),
                    false => drop(record.remove(byte)),
                }
                ("shift", vec![(at, record)])
            }
            8 => return self.file_changed(random),
            _ => return self.checkpoint_changed(random),
        };
        let files = self.with(&changes);
        Mutated { files, how }
    }

    /// Cuts the log at any byte of a record.
    fn truncated(&self, at: usize, random: &mut Random) -> Mutated {
        let (name, place) = &self.records[at];
        let mut files = self.files.clone();
        let cut = place.start + random.below(place.len());
        files.get_mut(name).unwrap().truncate(cut);
        files.retain(|other, _| !other.starts_with("entries-") || other <= name);
        Mutated {
            files,
            how: "truncate",
        }
    }

    /// Flips a bit in the beginning of a file, or takes the file away.
    fn file_changed(&self, random: &mut Random) -> Mutated {
        let mut files = self.files.clone();
        let first = self.firsts[random.below(self.firsts.len())];
        let name = segment_name(first);
        if random.chance(0.3) {
            files.remove(&name);
        } else {
            let (_, place) = &self.records[first as usize];
            let byte = random.below(place.start);
            files.get_mut(&name).unwrap()[byte] ^= 1 << random.below(8);
        }
        Mutated { files, how: "file" }
    }

    fn checkpoint_changed(&self, random: &mut Random) -> Mutated {
        let mut files = self.files.clone();
        let note = files.get_mut(CHECKPOINT_FILE).unwrap();
        let byte = random.below(note.len());
        match random.below(4) {
            0 => note.truncate(byte),
            1 => note.insert(byte, random.bits() as u8),
            2 => drop(files.remove(CHECKPOINT_FILE)),
            _ => note[byte] ^= 1 << random.below(8),
        }
        Mutated {
            files,
            how: "checkpoint",
        }
    }

    /// The entry in which the first byte lies that is not as it was; `None` when
    /// the entries are as they were.
    fn first_changed(&self, files: &Files) -> Option<u64> {
        let empty = Vec::new();
        for &first in &self.firsts {
            let name = segment_name(first);
            let (was, is) = (&self.files[&name], files.get(&name).unwrap_or(&empty));
            if was == is {
                continue;
            }
            let same = was.iter().zip(is).take_while(|(was, is)| was == is).count();
            let after = |(other, place): &(String, Range<usize>)| *other > name || place.end > same;
            let from_here = self.records.iter().skip(first as usize);
            return Some(first + from_here.take_while(|record| !after(record)).count() as u64);
        }
        None
    }
}

fn check(files: &Files, memo: &Memo, held: Option<&[u8]>) -> Option<Fault> {
    let options = VerifyOptions { live: false, held };
    let disk = Disk::with(files);
    verify(&disk, &memo, &options, &mut |_, _| {})
        .unwrap()
        .fault
}

#[test]
fn each_of_100_000_mutations_is_reported_with_its_entry() {
    let memo = Memo::new();
    let original = write(&memo);
    assert_eq!(check(&original.files, &memo, None), None);
    let mut random = Random::new(2, 0);
    let mut tried = std::collections::BTreeMap::<_, u32>::new();
    while tried.values().sum::<u32>() < 100_000 {
        let Mutated { files, how } = original.mutated(&mut random);
        if files == original.files {
            continue;
        }
        let fault = check(&files, &memo, None);
        let fault = fault.unwrap_or_else(|| panic!("{how} went unnoticed: {files:?}"));
        if let Some(entry) = original.first_changed(&files) {
            assert_eq!(fault.entry, entry, "{how}: {fault}");
        }
        *tried.entry(how).or_default() += 1;
    }
    eprintln!("mutations reported: {tried:?}");
    assert!(
        tried.len() == 8 && tried.values().all(|&count| count > 1000),
        "{tried:?}"
    );
}

/// Somebody cuts off the end and puts back the checkpoint of that time. Only a
/// checkpoint that was kept elsewhere tells.
#[test]
fn a_log_that_was_rolled_back_does_not_stand_up_to_a_kept_checkpoint() {
    let memo = Memo::new();
    let original = write(&memo);
    let kept = original.checkpoints.last().unwrap();
    assert_eq!(check(&original.files, &memo, Some(kept)), None);
    for (index, (name, place)) in original.records.iter().enumerate().skip(1) {
        let mut files = original.files.clone();
        files.get_mut(name).unwrap().truncate(place.start);
        files.retain(|other, _| !other.starts_with("entries-") || other <= name);
        let earlier = original.checkpoints[index - 1].clone();
        files.insert(CHECKPOINT_FILE.into(), earlier);
        assert_eq!(check(&files, &memo, None), None, "a whole, shorter log");
        let fault = check(&files, &memo, Some(kept)).unwrap();
        assert_eq!(fault.entry, index as u64, "{fault}");
        assert!(fault.to_string().contains("up to entry 13"), "{fault}");
    }
}

/// The device's own key signs another history of the same length.
#[test]
fn another_history_does_not_stand_up_to_a_kept_checkpoint() {
    let memo = Memo::new();
    let original = write(&memo);
    let disk = Disk::default();
    let (mut log, _) = EventLog::open(disk.clone(), &memo, LogConfig::default()).unwrap();
    for index in 0..ENTRIES {
        log.append(&entry(index + u64::from(index == 5)), Duration::ZERO)
            .unwrap();
    }
    let other = disk.files();
    assert_eq!(check(&other, &memo, None), None);
    assert_eq!(check(&other, &memo, Some(&original.checkpoints[4])), None);
    for kept in &original.checkpoints[5..] {
        let fault = check(&other, &memo, Some(kept)).unwrap();
        assert!(fault.to_string().contains("not the one"), "{fault}");
    }
    let nonsense = check(&other, &memo, Some(b"hello")).unwrap();
    assert!(
        nonsense.to_string().contains("to compare with"),
        "{nonsense}"
    );
}

/// A log that lost what it had acknowledged is not written on as if nothing had
/// happened.
#[test]
fn a_damaged_log_is_not_continued() {
    let memo = Memo::new();
    let original = write(&memo);
    let newest = *original.firsts.last().unwrap() as usize;
    let mut random = Random::new(3, 0);
    for _ in 0..2_000 {
        let at = newest + random.below(original.records.len() - newest);
        let mut record = original.record(at);
        let byte = random.below(record.len());
        record[byte] ^= 1 << random.below(8);
        let disk = Disk::with(&original.with(&[(at, record)]));
        let before = disk.files();
        let opened = EventLog::open(disk.clone(), &memo, LogConfig::default());
        match opened {
            Err(LogError::Damaged(fault)) => assert_eq!(fault.entry, at as u64),
            other => panic!("{other:?}"),
        }
        assert_eq!(disk.files(), before, "evidence was changed");
    }
    let mut files = original.files.clone();
    files.remove(CHECKPOINT_FILE);
    let opened = EventLog::open(Disk::with(&files), &memo, LogConfig::default());
    let error = opened.expect_err("no checkpoint").to_string();
    assert!(error.contains("checkpoint is missing"), "{error}");
}

/// Files that hold anything at all are read or refused, never a panic.
#[test]
fn any_bytes_are_read_or_refused() {
    let memo = Memo::new();
    let mut random = Random::new(4, 0);
    for _ in 0..5_000 {
        let mut files = Files::new();
        for name in [
            CHECKPOINT_FILE,
            &segment_name(0),
            &segment_name(3),
            "entries-x",
        ] {
            let mut bytes = b"unmask-log/1\n".to_vec();
            bytes.truncate(random.below(20));
            bytes.extend((0..random.below(200)).map(|_| random.bits() as u8 & 0x3f));
            if random.chance(0.8) {
                files.insert(name.into(), bytes);
            }
        }
        let empty = files.is_empty() || files.keys().all(|name| name == "entries-x");
        let disk = Disk::with(&files);
        assert!(check(&files, &memo, None).is_some(), "{files:?}");
        assert_eq!(
            EventLog::open(disk, &memo, LogConfig::default()).is_ok(),
            empty
        );
    }
}
