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
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// FaceForensics++ with FaceShifter and DeepFakeDetection.
    #[value(name = "faceforensics")]
    FaceForensics,
    /// DeeperForensics-1.0.
    #[value(name = "deeperforensics")]
    DeeperForensics,
    /// Celeb-DF-v2.
    #[value(name = "celeb-df")]
    CelebDf,
    /// Deepfake Detection Challenge.
    #[value(name = "dfdc")]
    Dfdc,
    /// Preview of the Deepfake Detection Challenge.
    #[value(name = "dfdcp")]
    Dfdcp,
    /// Files below folders named `real` and `fake`.
    #[value(name = "plain")]
    Plain,
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FaceForensics => "faceforensics",
            Self::DeeperForensics => "deeperforensics",
            Self::CelebDf => "celeb-df",
            Self::Dfdc => "dfdc",
            Self::Dfdcp => "dfdcp",
            Self::Plain => "plain",
        })
    }
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
    /// Tells by what lies in the folder.
    pub(super) fn detect(root: &Path) -> Self {
        if faceforensics::is(root) {
            Self::FaceForensics
        } else if deeperforensics::is(root) {
            Self::DeeperForensics
        } else if celeb_df::is(root) {
            Self::CelebDf
        } else if dfdcp::is(root) {
            Self::Dfdcp
        } else if dfdc::is(root) {
            Self::Dfdc
        } else {
            Self::Plain
        }
    }

    /// Kind of manipulation of the fakes of a method.
    pub(super) fn kind(self, method: Option<&str>) -> Option<&'static str> {
        match (self, method) {
            (Self::FaceForensics, Some("Face2Face" | "NeuralTextures")) => Some("reenactment"),
            (Self::Plain, _) => None,
            _ => Some("swap"),
        }
    }

    /// Lists the folder's files as jobs.
    ///
    /// # Errors
    /// When the folder or an annotation cannot be read, or what was asked for is not there.
    pub(super) fn list(self, request: &Request<'_>) -> Result<Listing> {
        match self {
            Self::FaceForensics => faceforensics::list(request),
            Self::DeeperForensics => deeperforensics::list(request),
            Self::CelebDf => celeb_df::list(request),
            Self::Dfdc => dfdc::list(request),
            Self::Dfdcp => dfdcp::list(request),
            Self::Plain => plain::list(request),
        }
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
    use super::*;

    #[test]
    fn folders_tell_their_layout() {
        for (paths, layout) in [
            (
                &["original_sequences/youtube/c23/videos/"][..],
                Layout::FaceForensics,
            ),
            (&["manipulated_sequences/Deepfakes/"], Layout::FaceForensics),
            (&["manipulated_videos/end_to_end/"], Layout::DeeperForensics),
            (&["Celeb-real/", "Youtube-real/videos/"], Layout::CelebDf),
            (&["dataset.json", "method_A/"], Layout::Dfdcp),
            (&["dfdc_train_part_0/metadata.json"], Layout::Dfdc),
            (
                &["dfdc_train_part_00/dfdc_train_part_0/metadata.json"],
                Layout::Dfdc,
            ),
            (&["test/labels.csv"], Layout::Dfdc),
            (&["real/a/", "fake/a/"], Layout::Plain),
            (&["dataset.json", "real/"], Layout::Plain),
        ] {
            let root = tempfile::tempdir().unwrap();
            for path in paths {
                let path = root.path().join(path);
                if path.extension().is_some() {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, "{}").unwrap();
                } else {
                    std::fs::create_dir_all(path).unwrap();
                }
            }
            assert_eq!(Layout::detect(root.path()), layout, "{paths:?}");
        }
    }
}
