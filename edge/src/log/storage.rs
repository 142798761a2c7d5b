//! Where a log is kept: a folder of files, or whatever a test puts in its place.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Files by name in one folder. What is written is safe from a power cut only
/// after [`sync`](Self::sync), and what is created, renamed or removed only after
/// [`sync_folder`](Self::sync_folder).
pub trait Storage {
    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A whole file, refused when it has more than `max` bytes.
    fn read(&self, name: &str, max: usize) -> io::Result<Vec<u8>>;

    /// Bytes of a file.
    fn length(&self, name: &str) -> io::Result<u64>;

    /// Writes a file; one that is there is emptied first.
    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Writes at the end of a file.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to `length` bytes.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;

    /// Gives a file another name, in one step; a file of that name is replaced.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Waits until a file's bytes are on the disk.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Waits until the names of the files are on the disk.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct FolderStorage {
    folder: PathBuf,
    /// The file that was appended to last.
    open: Option<(String, File)>,
    /// Keeps other programs from writing.
    _lock: Option<File>,
}

impl FolderStorage {
    /// For writing: the folder is made if need be, and locked.
    pub fn lock(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join(".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(cause)) => return Err(cause),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "another program is writing to it",
                ));
            }
        }
        Ok(Self {
            _lock: Some(lock),
            ..Self::read_only(folder)
        })
    }

    /// For reading, also while another program writes.
    pub fn read_only(folder: &Path) -> Self {
        Self {
            folder: folder.into(),
            open: None,
            _lock: None,
        }
    }

    /// Whether another program writes to the folder now.
    pub fn is_live(&self) -> bool {
        let lock = OpenOptions::new().write(true).open(self.path(".lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Storage for FolderStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(self.path(name))?;
        file.take(max as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > max {
            let text = format!("{name} has more than {max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(bytes)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(name))?.len())
    }

    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.path(name))?;
        file.write_all(bytes)?;
        self.open = Some((name.into(), file));
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some((open, file)) if open == name => file.write_all(bytes),
            _ => {
                let mut file = OpenOptions::new().append(true).open(self.path(name))?;
                file.write_all(bytes)?;
                self.open = Some((name.into(), file));
                Ok(())
            }
        }
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.open = None;
        let file = OpenOptions::new().write(true).open(self.path(name))?;
        file.set_len(length)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open = None;
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open = None;
        fs::remove_file(self.path(name))
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        match &self.open {
            Some((open, file)) if open == name => file.sync_data(),
            _ => File::open(self.path(name))?.sync_data(),
        }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}
