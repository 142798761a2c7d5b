//! A disk that remembers what a power cut would leave of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use unmask_edge::log::Storage;
use unmask_shared::synthetic::Random;

/// What is on a disk: bytes by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Smallest unit that a disk writes at once.
const SECTOR: usize = 64;

#[derive(Clone, Debug)]
enum Change {
    Write(Vec<u8>),
    Cut(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    /// What is safe.
    safe: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

/// The state of the disk at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    safe_names: BTreeMap<String, usize>,
    journal: Vec<NameChange>,
}

/// A moment at which the power may be cut.
#[derive(Clone, Debug)]
pub struct Moment {
    pub state: State,
    /// Entries that had been acknowledged.
    pub acknowledged: u64,
    /// Entries that had been handed to the log.
    pub attempted: u64,
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    moments: Vec<Moment>,
    acknowledged: u64,
    attempted: u64,
    /// Bytes that still fit; `None` for any number.
    room: Option<usize>,
    /// Whether files can be cut.
    is_cutting_broken: bool,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Rc<RefCell<Inner>>);

impl File {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        self.pending
            .iter()
            .for_each(|change| apply(&mut bytes, change));
        bytes
    }

    /// What a power cut may leave: some of the changes, the last of them torn.
    fn torn(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        let done = random.below(self.pending.len() + 1);
        self.pending
            .iter()
            .take(done)
            .for_each(|change| apply(&mut bytes, change));
        if let Some(Change::Write(torn)) = self.pending.get(done) {
            let kept = random.below(torn.len() + 1);
            match random.below(4) {
                0 => bytes.extend(&torn[..kept]),
                // The length was written before the bytes.
                1 => {
                    bytes.extend(&torn[..kept]);
                    bytes.extend(vec![0; torn.len() - kept]);
                }
                2 => {
                    bytes.extend(&torn[..kept]);
                    bytes.extend((kept..torn.len()).map(|_| random.bits() as u8));
                }
                // Sectors arrive in any order.
                _ => torn
                    .chunks(SECTOR)
                    .for_each(|sector| match random.chance(0.5) {
                        true => bytes.extend(sector),
                        false => bytes.extend(vec![0; sector.len()]),
                    }),
            }
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(more) => bytes.extend(more),
        Change::Cut(length) => bytes.resize(*length, 0),
    }
}

fn rename(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Link(name, file) => drop(names.insert(name.clone(), *file)),
        NameChange::Remove(name) => drop(names.remove(name)),
        NameChange::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
    }
}

impl State {
    /// What somebody finds after the power came back.
    pub fn after_power_cut(&self, random: &mut Random) -> Files {
        let mut names = self.safe_names.clone();
        let done = random.below(self.journal.len() + 1);
        self.journal
            .iter()
            .take(done)
            .for_each(|change| rename(&mut names, change));
        let torn = |file: &usize| self.files[*file].torn(random);
        let contents: Vec<Vec<u8>> = names.values().map(torn).collect();
        names.into_keys().zip(contents).collect()
    }
}

impl Disk {
    /// A disk with these files, all of them safe.
    pub fn with(files: &Files) -> Self {
        let disk = Self::default();
        {
            let mut inner = disk.0.borrow_mut();
            for (index, (name, bytes)) in files.iter().enumerate() {
                inner.state.files.push(File {
                    safe: bytes.clone(),
                    pending: Vec::new(),
                });
                inner.state.names.insert(name.clone(), index);
            }
            inner.state.safe_names = inner.state.names.clone();
        }
        disk
    }

    /// Every file as it is read now.
    pub fn files(&self) -> Files {
        let state = &self.0.borrow().state;
        let bytes = |(name, file): (&String, &usize)| (name.clone(), state.files[*file].bytes());
        state.names.iter().map(bytes).collect()
    }

    /// Notes how far the writer has come.
    pub fn progress(&self, acknowledged: u64, attempted: u64) {
        let mut inner = self.0.borrow_mut();
        inner.acknowledged = acknowledged;
        inner.attempted = attempted;
    }

    /// The moments after each thing that was done to the disk.
    pub fn moments(&self) -> Vec<Moment> {
        self.0.borrow().moments.clone()
    }

    /// Lets only so many more bytes fit.
    pub fn limit(&self, room: Option<usize>, is_cutting_broken: bool) {
        let mut inner = self.0.borrow_mut();
        inner.room = room;
        inner.is_cutting_broken = is_cutting_broken;
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.0.borrow_mut();
        let result = change(&mut inner);
        let moment = Moment {
            state: inner.state.clone(),
            acknowledged: inner.acknowledged,
            attempted: inner.attempted,
        };
        inner.moments.push(moment);
        result
    }
}

impl Inner {
    fn file(&self, name: &str) -> io::Result<usize> {
        let found = self.state.names.get(name).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, file: usize, bytes: &[u8]) -> io::Result<()> {
        let fits = self.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        self.room = self.room.map(|room| room - fits);
        let written = bytes[..fits].to_vec();
        self.state.files[file].pending.push(Change::Write(written));
        match fits == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn journal(&mut self, change: NameChange) {
        rename(&mut self.state.names, &change);
        self.state.journal.push(change);
    }
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().state.names.keys().cloned().collect())
    }

    fn read(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        let inner = self.0.borrow();
        let bytes = inner.state.files[inner.file(name)?].bytes();
        match bytes.len() <= max {
            true => Ok(bytes),
            false => Err(io::ErrorKind::FileTooLarge.into()),
        }
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        self.read(name, usize::MAX).map(|bytes| bytes.len() as u64)
    }

    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(|inner| {
            let file = match inner.file(name) {
                Ok(file) => file,
                Err(_) => {
                    inner.state.files.push(File::default());
                    let file = inner.state.files.len() - 1;
                    inner.journal(NameChange::Link(name.into(), file));
                    file
                }
            };
            inner.state.files[file].pending.push(Change::Cut(0));
            inner.write(file, bytes)
        })
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(|inner| {
            let file = inner.file(name)?;
            inner.write(file, bytes)
        })
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.change(|inner| {
            if inner.is_cutting_broken {
                return Err(io::ErrorKind::Other.into());
            }
            let file = inner.file(name)?;
            let cut = Change::Cut(length as usize);
            inner.state.files[file].pending.push(cut);
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.change(|inner| {
            inner.file(from)?;
            inner.journal(NameChange::Rename(from.into(), to.into()));
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.change(|inner| {
            inner.file(name)?;
            inner.journal(NameChange::Remove(name.into()));
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.change(|inner| {
            let file = inner.file(name)?;
            let file = &mut inner.state.files[file];
            file.safe = file.bytes();
            file.pending.clear();
            Ok(())
        })
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.change(|inner| {
            inner.state.safe_names = inner.state.names.clone();
            inner.state.journal.clear();
            Ok(())
        })
    }
}
