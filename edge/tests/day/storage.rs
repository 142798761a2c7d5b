//! A folder whose disk fails now and then.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use unmask_edge::log::{FolderStorage, Storage};

/// How many operations from now on fail; shared with whoever decides that.
pub type Failures = Rc<Cell<u32>>;

pub struct FaultyStorage {
    pub folder: FolderStorage,
    pub failures: Failures,
}

impl FaultyStorage {
    fn fail(&self) -> io::Result<()> {
        match self.failures.get() {
            0 => Ok(()),
            left => {
                self.failures.set(left - 1);
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }
}

impl Storage for FaultyStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        self.folder.list()
    }

    fn read(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        self.folder.read(name, max)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        self.folder.length(name)
    }

    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.fail()?;
        self.folder.create(name, bytes)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.fail().is_err() {
            // The disk is full in the middle of it.
            self.folder.append(name, &bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.folder.append(name, bytes)
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.fail()?;
        self.folder.truncate(name, length)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.fail()?;
        self.folder.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.fail()?;
        self.folder.remove(name)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.fail()?;
        self.folder.sync(name)
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.fail()?;
        self.folder.sync_folder()
    }
}
