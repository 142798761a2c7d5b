//! The models installed on a device: a folder for each, and a link to the one
//! that is used.
//!
//! ```text
//! DIR/installed/NAME-RELEASE-CHECKSUM/   a signed bundle
//! DIR/current                            link to one of them
//! ```
//!
//! A bundle appears under `installed` complete or not at all, and `current` is
//! moved only after the copy on disk was verified, loaded and tested.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use unmask_shared::bundle::{BUNDLE_FILES, Bundle, BundleError};
use unmask_shared::signature::TrustedKeys;
use unmask_shared::without_temporary_name;

use super::error::ModelError;
use super::selftest::{SelfTest, self_test};
use crate::builtin::builtin;

const INSTALLED: &str = "installed";
const CURRENT: &str = "current";
/// What folders are called in which something is made ready.
const STAGED: &str = ".new-";
const LINKED: &str = ".link-";
/// Bundles that a folder of models may hold.
pub(super) const BUNDLES_MAX: usize = 256;

/// A folder of installed models.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A model of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Where the bundle is.
    pub folder: PathBuf,
    /// Name of the model.
    pub name: String,
    /// Number of its release.
    pub release: u32,
    /// Public key that signed it.
    pub key: String,
    /// Whether this is the one that is used.
    pub is_current: bool,
}

/// A bundle of the folder, good or bad.
#[derive(Debug)]
pub struct Shelved {
    /// Where it is.
    pub folder: PathBuf,
    /// The model, or why it does not count.
    pub model: Result<Installed, ModelError>,
}

impl Store {
    /// The models in `root`, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    /// The model that is used, verified anew; `None` where none was installed.
    pub fn current(&self, keys: &TrustedKeys) -> Result<Option<(Installed, Bundle)>, ModelError> {
        self.current_folder()?
            .map(|folder| self.open(&folder, keys))
            .transpose()
    }

    /// Every bundle in the folder, and why some of them do not count.
    pub fn list(&self, keys: &TrustedKeys) -> Result<Vec<Shelved>, ModelError> {
        let open = |folder: PathBuf| Shelved {
            model: self.open(&folder, keys).map(|(installed, _)| installed),
            folder,
        };
        Ok(self.folders()?.into_iter().map(open).collect())
    }

    /// Verifies, loads and tests the bundle in `source` and uses it from now on.
    /// When anything fails, the model that was used before stays.
    pub fn install(
        &self,
        source: &Path,
        keys: &TrustedKeys,
        allow_older: bool,
    ) -> Result<(Installed, SelfTest), ModelError> {
        let (bundle, _) = Bundle::open_signed(source, keys)?;
        let shelf = self.root.join(INSTALLED);
        make_folder(&shelf)?;
        let _lock = self.lock()?;
        self.clean_up(&shelf)?;
        if !allow_older {
            self.refuse_older(&bundle, keys)?;
        }
        let place = shelf.join(folder_name(&bundle));
        let tested = if self.open(&place, keys).is_ok() {
            self_test(&bundle)?
        } else {
            if self.folders()?.len() >= BUNDLES_MAX {
                return Err(ModelError::Full { path: shelf });
            }
            self.copy(source, &place, &bundle, keys)?
        };
        self.point_to(&place)?;
        let (installed, _) = self.open(&place, keys)?;
        Ok((installed, tested))
    }

    /// Removes what was left when the program was killed at it.
    fn clean_up(&self, shelf: &Path) -> Result<(), ModelError> {
        for (folder, start) in [(shelf, STAGED), (self.root.as_path(), LINKED)] {
            for entry in fs::read_dir(folder).map_err(at(folder))? {
                let entry = entry.map_err(at(folder))?;
                let is_left = entry.file_name().to_string_lossy().starts_with(start);
                if is_left && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    fs::remove_dir_all(entry.path()).map_err(at(folder))?;
                }
            }
        }
        Ok(())
    }

    /// Copies a bundle onto the shelf, and moves it to its place once the copy
    /// has passed every check.
    fn copy(
        &self,
        source: &Path,
        place: &Path,
        bundle: &Bundle,
        keys: &TrustedKeys,
    ) -> Result<SelfTest, ModelError> {
        let shelf = self.root.join(INSTALLED);
        let staging = tempfile::Builder::new().prefix(STAGED).tempdir_in(&shelf);
        let staging = staging
            .map_err(without_temporary_name)
            .map_err(at(&shelf))?;
        let fresh = staging.path().join("bundle");
        make_folder(&fresh)?;
        for file in BUNDLE_FILES {
            // Its place is a temporary one, whose name nobody knows.
            let to = fresh.join(file);
            fs::copy(source.join(file), &to).map_err(at(&shelf.join(file)))?;
            sync(&to)?;
        }
        sync(&fresh)?;
        let (copied, _) = Bundle::open_signed(&fresh, keys)?;
        if copied.sha256 != bundle.sha256 || copied.manifest != bundle.manifest {
            return Err(BundleError::Sums {
                problem: "the bundle changed while it was copied",
            }
            .into());
        }
        let tested = self_test(&copied)?;
        if place.exists() {
            // It is there, but damaged.
            let old = staging.path().join("old");
            fs::rename(place, &old).map_err(at(place))?;
        }
        fs::rename(&fresh, place).map_err(at(place))?;
        sync(&shelf)?;
        Ok(tested)
    }

    /// Compares with every release of the same name that the device has had, and with the one in
    /// use, whatever it is called: another name makes an old release no newer.
    fn refuse_older(&self, bundle: &Bundle, keys: &TrustedKeys) -> Result<(), ModelError> {
        let (name, release) = (&bundle.manifest.name, bundle.manifest.release);
        let installed = self.list(keys)?.into_iter();
        let installed: Vec<Installed> =
            installed.filter_map(|shelved| shelved.model.ok()).collect();
        let is_used = installed.iter().any(|installed| installed.is_current);
        let own = builtin()?.manifest;
        let own = (own.name == *name || !is_used).then_some(own.release);
        let installed = installed
            .into_iter()
            .filter(|installed| installed.name == name.as_str() || installed.is_current)
            .map(|installed| installed.release);
        match installed.chain(own).max() {
            Some(newest) if newest > release => Err(ModelError::Older {
                name: name.to_string(),
                release,
                newest,
            }),
            _ => Ok(()),
        }
    }

    fn open(&self, folder: &Path, keys: &TrustedKeys) -> Result<(Installed, Bundle), ModelError> {
        let (bundle, signed) = Bundle::open_signed(folder, keys)?;
        let installed = Installed {
            folder: folder.into(),
            name: bundle.manifest.name.to_string(),
            release: bundle.manifest.release,
            key: signed.key,
            is_current: matches!(self.current_folder(), Ok(Some(current)) if current == folder),
        };
        Ok((installed, bundle))
    }

    /// Where the link points to; `None` where nothing was ever installed. That the link is gone
    /// or something else does not mean that.
    fn current_folder(&self) -> Result<Option<PathBuf>, ModelError> {
        let path = self.root.join(CURRENT);
        match fs::read_link(&path) {
            Ok(target) => {
                let name = target.file_name().ok_or(ModelError::NoCurrent { path })?;
                Ok(Some(self.root.join(INSTALLED).join(name)))
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                match self.folders()?.is_empty() {
                    true => Ok(None),
                    false => Err(ModelError::NoCurrent { path }),
                }
            }
            Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => {
                Err(ModelError::NoCurrent { path })
            }
            Err(cause) => Err(at(&path)(cause)),
        }
    }

    /// Lets the link point to another bundle, in one step.
    fn point_to(&self, place: &Path) -> Result<(), ModelError> {
        let link = self.root.join(CURRENT);
        let name = place.file_name().unwrap_or_default();
        let staging = tempfile::Builder::new()
            .prefix(LINKED)
            .tempdir_in(&self.root)
            .map_err(without_temporary_name)
            .map_err(at(&self.root))?;
        let fresh = staging.path().join(CURRENT);
        let target = Path::new(INSTALLED).join(name);
        std::os::unix::fs::symlink(target, &fresh).map_err(at(&link))?;
        fs::rename(&fresh, &link).map_err(at(&link))?;
        sync(&self.root)
    }

    fn folders(&self) -> Result<Vec<PathBuf>, ModelError> {
        let shelf = self.root.join(INSTALLED);
        let entries = match fs::read_dir(&shelf) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(at(&shelf)(cause)),
        };
        let hidden = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.is_none_or(|name| name.starts_with('.'))
        };
        let mut folders: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir() && !hidden(path))
            .take(BUNDLES_MAX)
            .collect();
        folders.sort();
        Ok(folders)
    }

    /// Keeps others from installing at the same time, until it is dropped.
    fn lock(&self) -> Result<File, ModelError> {
        let path = self.root.join(".lock");
        let file = File::create(&path).map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(ModelError::Busy {
                path: self.root.clone(),
            }),
            Err(TryLockError::Error(cause)) => Err(at(&path)(cause)),
        }
    }
}

/// The manifest allows no character that would lead elsewhere.
fn folder_name(bundle: &Bundle) -> String {
    let manifest = &bundle.manifest;
    let checksum: String = bundle.sha256.chars().take(12).collect();
    format!("{}-{}-{checksum}", manifest.name, manifest.release)
}

fn make_folder(path: &Path) -> Result<(), ModelError> {
    fs::create_dir_all(path).map_err(at(path))
}

/// Waits until a file, or the entries of a folder, are on the disk.
fn sync(path: &Path) -> Result<(), ModelError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(at(path))
}

fn at(path: &Path) -> impl Fn(io::Error) -> ModelError {
    let path = path.to_path_buf();
    move |cause| ModelError::File {
        path: path.clone(),
        cause,
    }
}
