//! Where the data sets of the field keep their videos, and what their folders say of them.

mod celeb_df;
mod deeperforensics;
mod dfdc;
mod dfdcp;
mod faceforensics;
mod folder;
mod persons;
mod plain;
mod splits;

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::record::{Label, Split};
use super::skip::{Skip, SkipReason};

pub(super) use persons::Persons;

/// How a folder is to be read.
#[derive(Clone, Copy)]
pub struct Layout(&'static DataSet);

/// The register. The first that matches a folder has it: one that another matches as well
/// stands before it.
const LAYOUTS: &[Layout] = &[
    Layout(&faceforensics::FACE_FORENSICS),
    Layout(&deeperforensics::DEEPER_FORENSICS),
    Layout(&celeb_df::CELEB_DF),
    Layout(&dfdcp::DFDCP),
    Layout(&dfdc::DFDC),
    Layout(&plain::PLAIN),
];

/// What the file of a layout says of it.
struct DataSet {
    /// Name on the command line.
    name: &'static str,
    /// What is kept in it, as documents call it.
    title: &'static str,
    /// Whether a folder is one of these.
    is: fn(&Path) -> bool,
    /// Lists the folder's files as jobs.
    list: fn(&Request<'_>) -> Result<Listing>,
    /// Kind of manipulation of the fakes of a method; `None` where nothing tells it.
    kind: fn(Option<&str>) -> Option<&'static str>,
    /// Whether there are methods to choose from.
    methods: bool,
    /// Files and folders (which end with `/`) by which it is told from all others.
    #[cfg(test)]
    examples: &'static [&'static [&'static str]],
}

/// Compression of FaceForensics++: constant rate factor of H.264.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// None.
    Raw,
    /// 23, light.
    #[default]
    C23,
    /// 40, strong.
    C40,
}

impl Compression {
    /// Name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::C23 => "c23",
            Self::C40 => "c40",
        }
    }
}

impl Layout {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What is kept in it.
    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// Whether there are methods to choose from.
    pub fn has_methods(self) -> bool {
        self.0.methods
    }

    /// Tells by what lies in the folder.
    pub(super) fn detect(root: &Path) -> Self {
        let found = LAYOUTS.iter().find(|layout| (layout.0.is)(root));
        found.copied().unwrap_or(Self(&plain::PLAIN))
    }

    /// Kind of manipulation of the fakes of a method.
    pub(super) fn kind(self, method: Option<&str>) -> Option<&'static str> {
        (self.0.kind)(method)
    }

    /// Lists the folder's files as jobs.
    ///
    /// # Errors
    /// When the folder or an annotation cannot be read, or what was asked for is not there.
    pub(super) fn list(self, request: &Request<'_>) -> Result<Listing> {
        (self.0.list)(request)
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Layout {}

impl clap::ValueEnum for Layout {
    fn value_variants<'a>() -> &'a [Self] {
        LAYOUTS
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name).help(self.0.title))
    }
}

/// What is wanted of a folder.
pub(super) struct Request<'a> {
    /// The folder.
    pub(super) root: &'a Path,
    /// Its name in [`super::Meta::file`].
    pub(super) name: &'a str,
    pub(super) compression: Compression,
    /// Methods by name; empty for the usual ones, `all` for all.
    pub(super) methods: &'a [String],
    /// Folder with the official splits, where they are not found by themselves.
    pub(super) splits: Option<&'a Path>,
    /// FaceForensics++ folder with the originals of DeeperForensics.
    pub(super) originals: Option<&'a Path>,
}

/// What a folder holds.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) jobs: Vec<Job>,
    /// Files that cannot be prepared.
    pub(super) skips: Vec<Skip>,
    /// What the user should know, one sentence each.
    pub(super) notes: Vec<String>,
}

/// A real file and the fakes made from it, cut with the same boxes; or one of them alone.
pub(super) struct Job {
    /// Unique among all jobs.
    pub(super) name: String,
    pub(super) source: String,
    pub(super) group: String,
    /// The real one first.
    pub(super) entries: Vec<Entry>,
}

/// One file of a job.
#[derive(Clone, Default)]
pub(super) struct Entry {
    pub(super) label: Label,
    pub(super) path: PathBuf,
    /// Its name in [`super::Meta::file`].
    pub(super) file: String,
    pub(super) split: Option<Split>,
    pub(super) kind: Option<String>,
    pub(super) method: Option<String>,
    /// [`Self::file`] of the real file that it was made from, or stands beside.
    pub(super) original: Option<String>,
    pub(super) compression: Option<String>,
    pub(super) level: Option<u8>,
    pub(super) distortions: Vec<String>,
    /// Where the video of its manipulation mask should be.
    pub(super) mask: Option<PathBuf>,
}

impl Job {
    /// The clip that a file is or is a frame of: its name without ending and without a
    /// trailing frame number of four digits.
    pub(super) fn clip_of(file: &str) -> &str {
        plain::clip_of(file)
    }
}

impl Entry {
    fn new(label: Label, path: PathBuf, request: &Request<'_>) -> Self {
        Self {
            label,
            file: request.file_name(&path),
            path,
            ..Default::default()
        }
    }
}

impl Request<'_> {
    /// Name of a file for people and records: input folder and path below it.
    fn file_name(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.root).unwrap_or(path);
        let parts = below
            .components()
            .map(|part| part.as_os_str().to_string_lossy());
        std::iter::once(self.name.into())
            .chain(parts)
            .collect::<Vec<_>>()
            .join("/")
    }

    fn skip(&self, path: &Path, reason: SkipReason, detail: impl Into<String>) -> Skip {
        Skip::new(&self.file_name(path), reason, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn folders_tell_their_layout() {
        for layout in LAYOUTS {
            assert!(!layout.0.examples.is_empty(), "{layout} has no example");
            for paths in layout.0.examples {
                let root = tempfile::tempdir().unwrap();
                for path in *paths {
                    let path = root.path().join(path);
                    if path.extension().is_some() {
                        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                        std::fs::write(path, "{}").unwrap();
                    } else {
                        std::fs::create_dir_all(path).unwrap();
                    }
                }
                assert_eq!(Layout::detect(root.path()), *layout, "{paths:?}");
            }
        }
    }

    #[test]
    fn names_are_told_apart_and_say_what_they_stand_for() {
        let names: HashSet<&str> = LAYOUTS.iter().map(|layout| layout.name()).collect();
        assert_eq!(names.len(), LAYOUTS.len(), "two have one name");
        for old in [
            "faceforensics",
            "deeperforensics",
            "celeb-df",
            "dfdc",
            "dfdcp",
            "plain",
        ] {
            assert!(names.contains(old), "{old}");
        }
        for layout in LAYOUTS {
            let found = <Layout as clap::ValueEnum>::from_str(layout.name(), false);
            assert_eq!(found, Ok(*layout));
            assert!(!layout.title().is_empty(), "{layout}");
        }
    }

    #[test]
    fn fakes_are_of_their_kind() {
        let kind = |name: &str, method| {
            let layout = <Layout as clap::ValueEnum>::from_str(name, false).unwrap();
            layout.kind(method)
        };
        for (layout, method, wanted) in [
            ("faceforensics", Some("Face2Face"), Some("reenactment")),
            ("faceforensics", Some("NeuralTextures"), Some("reenactment")),
            ("faceforensics", Some("Deepfakes"), Some("swap")),
            ("deeperforensics", Some("end_to_end"), Some("swap")),
            ("celeb-df", None, Some("swap")),
            ("dfdc", None, Some("swap")),
            ("dfdcp", Some("method_A"), Some("swap")),
            ("plain", None, None),
        ] {
            assert_eq!(kind(layout, method), wanted, "{layout} {method:?}");
        }
    }
}
