//! The event log: its files, checkpoints, entries and keys.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use unmask_edge::log::{
    CHECKPOINT_FILE, Decision, EntryError, EventEntry, EventLog, KeyError, LogCheckpoint,
    LogConfig, LogEntry, LogError, NoteError, Review, Seal, SigningKey, Storage, SyncPolicy,
    VerifyOptions, VerifyingKey, Witness, segment_name, verify,
};
use unmask_shared::review::REVIEW_FORMAT;

use super::{Parser, Reached, event, joined, sections};

const NAME: &str = "test.example/log";

/// A key that finds every signature good: what lies behind the signature is reached,
/// as by somebody who has the key.
#[derive(Debug)]
struct Credulous(SigningKey);

impl Default for Credulous {
    fn default() -> Self {
        Self(SigningKey::from_seed(NAME, [42; 32]).expect("a name"))
    }
}

impl Seal for &Credulous {
    fn verifying_key(&self) -> &VerifyingKey {
        self.0.verifying_key()
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [7; 64]
    }
}

impl Witness for &Credulous {
    fn key(&self) -> &VerifyingKey {
        self.0.verifying_key()
    }

    fn is_signed(&self, _: &[u8], _: &[u8; 64]) -> bool {
        true
    }
}

/// Files in memory. Clones are the same files.
#[derive(Clone, Debug, Default)]
struct Memory(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

impl Memory {
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut files = self.0.borrow_mut();
        let file = files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(work(file))
    }

    fn take(&self, name: &str) -> io::Result<Vec<u8>> {
        let taken = self.0.borrow_mut().remove(name);
        taken.ok_or(io::ErrorKind::NotFound.into())
    }
}

impl Storage for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().keys().cloned().collect())
    }

    fn read(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        let bytes = self.with(name, |file| file.clone())?;
        assert!(bytes.len() <= max);
        Ok(bytes)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        self.with(name, |file| file.len() as u64)
    }

    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().insert(name.into(), bytes.into());
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.with(name, |file| file.extend_from_slice(bytes))
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.with(name, |file| file.truncate(length as usize))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let bytes = self.take(from)?;
        self.create(to, &bytes)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.take(name).map(drop)
    }

    fn sync(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Files of a log.
///
/// The bytes are the checkpoint, the first file, the number of the second file's
/// first entry, and the second file.
#[derive(Debug, Default)]
pub struct Files {
    key: Credulous,
}

const SECOND: u64 = 3;
const CONFIG: LogConfig = LogConfig {
    sync: SyncPolicy::Always,
    segment_bytes: 400,
};

impl Files {
    /// A log of so many entries as bytes.
    fn written(&self, entries: u8) -> Vec<u8> {
        let storage = Memory::default();
        let (mut log, _) = EventLog::open(storage.clone(), &self.key, CONFIG).expect("empty");
        for index in 0..entries {
            let entry = vec![index; 40 + usize::from(index)];
            log.append(&entry, Duration::ZERO).expect("room enough");
        }
        let files = storage.0.borrow();
        let none = Vec::new();
        let file = |name: &str| files.get(name).unwrap_or(&none).as_slice();
        let second = file(&segment_name(SECOND));
        assert_eq!(files.len(), if second.is_empty() { 2 } else { 3 });
        joined(&[
            file(CHECKPOINT_FILE),
            file(&segment_name(0)),
            &SECOND.to_be_bytes(),
            second,
        ])
    }

    fn read(bytes: &[u8]) -> Memory {
        let [checkpoint, first, number, second] = sections::<4>(bytes);
        let mut files = BTreeMap::new();
        if !checkpoint.is_empty() {
            files.insert(CHECKPOINT_FILE.into(), checkpoint.to_vec());
        }
        if !first.is_empty() {
            files.insert(segment_name(0), first.to_vec());
        }
        if let (Ok(number), false) = (number.try_into(), second.is_empty()) {
            files.insert(segment_name(u64::from_be_bytes(number)), second.to_vec());
        }
        Memory(Rc::new(RefCell::new(files)))
    }
}

impl Parser for Files {
    fn name(&self) -> &'static str {
        "log_files"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        [0, 2, 5].map(|entries| self.written(entries)).into()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"unmask-log/1\n",
            b"\n\n",
            b"\xe2\x80\x94 ",
            b"test.example/log",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let files = Self::read(bytes);
        let witness = &self.key;
        let mut seen = 0;
        let count = &mut |number, entry: &[u8]| {
            assert_eq!(number, seen);
            assert!(!entry.is_empty());
            seen += 1;
        };
        let report = verify(&files, &witness, &VerifyOptions::default(), count);
        let report = report.expect("memory can be read");
        assert_eq!(report.entries, seen);
        let is_empty = files.0.borrow().is_empty();
        let opened = EventLog::open(files, witness, CONFIG);
        match (opened, report.fault) {
            (Ok((mut log, recovery)), fault) => {
                if fault.is_none() && !is_empty {
                    assert_eq!(recovery.entries, report.entries);
                    assert_eq!(recovery.dropped_bytes, 0);
                }
                let number = log
                    .append(b"one more", Duration::ZERO)
                    .expect("room enough");
                assert_eq!(number, recovery.entries);
                assert_eq!(log.sealed(), number + 1);
                match fault {
                    None => Reached::Accepted,
                    Some(_) => Reached::Within,
                }
            }
            (Err(LogError::Damaged(_)), Some(_)) if report.entries > 0 => Reached::Within,
            (Err(LogError::Damaged(_)), Some(_)) => Reached::Refused,
            (Err(error), fault) => panic!("{error}, verified: {fault:?}"),
        }
    }
}

/// A checkpoint.
#[derive(Debug, Default)]
pub struct Note {
    key: Credulous,
}

impl Parser for Note {
    fn name(&self) -> &'static str {
        "log_note"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let checkpoint = LogCheckpoint {
            origin: NAME.into(),
            size: 1342,
            root: [9; 32],
        };
        let key = self.key.0.verifying_key();
        let note = checkpoint.note(key, &self.key.0.sign(checkpoint.text().as_bytes()));
        let witnessed = format!("{note}\u{2014} someone.example AAAAAAAAAA==\n");
        let extended = note.replacen("\n\n", "\nextension\n\n", 1);
        [note, witnessed, extended].map(String::into_bytes).into()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"\n\n",
            b"\xe2\x80\x94 ",
            b"==\n",
            b"18446744073709551615",
            b"+1",
            b"00",
            b"test.example/log",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let witness = &self.key;
        match LogCheckpoint::open(bytes, &witness) {
            Ok(checkpoint) => {
                assert_eq!(checkpoint.origin, NAME);
                let text = checkpoint.text();
                assert!(bytes.starts_with(text.as_bytes()));
                let note = checkpoint.note(witness.key(), &witness.sign(text.as_bytes()));
                assert_eq!(
                    LogCheckpoint::open(note.as_bytes(), &witness),
                    Ok(checkpoint)
                );
                Reached::Accepted
            }
            Err(NoteError::Malformed) => Reached::Refused,
            Err(NoteError::Stranger | NoteError::Forged) => Reached::Within,
        }
    }
}

/// What one entry holds.
#[derive(Debug)]
pub struct EntryBytes;

impl Parser for EntryBytes {
    fn name(&self) -> &'static str {
        "log_entry"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let entry = |event, still| EventEntry { event, still }.to_bytes().expect("sound");
        let events = event::examples().into_iter();
        let stills = [Some([3; 32]), None];
        let review = LogEntry::Review(Review {
            format: REVIEW_FORMAT,
            sequence: 12,
            time_us: 1_700_000_000_000_000,
            entry: 7,
            decision: Decision::Dismissed,
            note: "a poster".chars().collect(),
        });
        let events = events.zip(stills).map(|(event, still)| entry(event, still));
        events.chain([review.to_bytes().expect("sound")]).collect()
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match LogEntry::from_bytes(bytes) {
            Ok(entry) => {
                assert_eq!(
                    entry.to_bytes().expect("what was read can be written"),
                    bytes
                );
                Reached::Accepted
            }
            Err(EntryError::Malformed) => Reached::Refused,
            Err(EntryError::Event(_) | EntryError::Review(_)) => Reached::Within,
        }
    }
}

/// The text of a key.
#[derive(Debug)]
pub struct Keys;

impl Parser for Keys {
    fn name(&self) -> &'static str {
        "log_key"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let key = SigningKey::from_seed(NAME, [42; 32]).expect("a name");
        let public = key.verifying_key().to_string();
        vec![
            public.clone().into(),
            public.clone().into(),
            public.into(),
            key.to_secret_text().expose().into(),
        ]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"+",
            b"PRIVATE+KEY+",
            b"==",
            b"AQ",
            b"00000000",
            b"\xc2\xa0",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let text = String::from_utf8_lossy(bytes);
        let error = if text.trim().starts_with("PRIVATE") {
            match SigningKey::parse(&text) {
                Ok(key) => {
                    let again = SigningKey::parse(key.to_secret_text().expose()).expect("own text");
                    assert_eq!(again.verifying_key(), key.verifying_key());
                    return Reached::Accepted;
                }
                Err(error) => error,
            }
        } else {
            match VerifyingKey::parse(&text) {
                Ok(key) => {
                    assert_eq!(VerifyingKey::parse(&key.to_string()), Ok(key));
                    return Reached::Accepted;
                }
                Err(error) => error,
            }
        };
        match error {
            KeyError::Malformed => Reached::Refused,
            KeyError::Name => Reached::Within,
            KeyError::Random(error) => panic!("{error}"),
        }
    }
}
