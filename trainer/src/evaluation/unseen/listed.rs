//! The list of files, and what is known of each.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::dataset::Table;

/// What a file shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileTruth {
    /// Untouched faces.
    Real,
    /// A manipulated face.
    Fake,
    /// Nobody: whatever is found there is no face.
    NoFace,
}

/// One file to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub path: PathBuf,
    /// What it shows.
    pub truth: FileTruth,
    /// Who is seen.
    pub person: String,
    /// Kind of manipulation of a fake.
    pub kind: String,
    /// Collection.
    pub source: String,
    /// `train`, `val`, `calibration` or `test`, as in training, or `unseen`: a source or kind
    /// that training did not see at all.
    pub part: String,
}

/// Parts in the order in which they are shown.
pub(super) const PARTS: [&str; 5] = ["train", "val", "calibration", "test", "unseen"];

/// Reads tables with the columns `path` and `label` (`real`, `fake`, `noface`), optionally
/// `person`, `kind`, `source`, `part`. Paths are relative to the table's folder. Whoever is
/// not named is a person of their own; the source is the file's folder, the part `unseen`.
///
/// # Errors
/// When a table cannot be read, or a cell means nothing.
pub fn read_videos(tables: &[PathBuf]) -> Result<Vec<Listed>> {
    let mut all = Vec::new();
    for path in tables {
        let folder = path.parent().unwrap_or(Path::new("."));
        for row in Table::read(path, &["path", "label"])?.rows() {
            let path = folder.join(row.need("path")?);
            let truth = match row.need("label")? {
                "real" => FileTruth::Real,
                "fake" => FileTruth::Fake,
                "noface" => FileTruth::NoFace,
                other => bail!(
                    "{}: label is `{other}`, must be real, fake or noface",
                    row.place()
                ),
            };
            let part = row.get("part").unwrap_or("unseen");
            ensure!(
                PARTS.contains(&part),
                "{}: `{part}` is no part: {} are",
                row.place(),
                PARTS.join(", ")
            );
            let folder = path.parent().and_then(Path::file_name);
            let folder = folder.unwrap_or_default().to_string_lossy();
            let source = row.get("source").unwrap_or(&folder).to_string();
            all.push(Listed {
                truth,
                person: match row.get("person") {
                    Some(person) => person.into(),
                    None => path.to_string_lossy().into_owned(),
                },
                kind: row.get("kind").unwrap_or(&source).into(),
                source,
                part: part.into(),
                path,
            });
        }
    }
    ensure!(!all.is_empty(), "the tables list no file");
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_table_leaves_out_follows_from_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("videos.tsv");
        let text = "path\tlabel\tperson\tkind\tpart\n\
                    a/one.mp4\tfake\tanna\tswap\ttest\nphotos/two.jpg\treal\n";
        std::fs::write(&table, text).unwrap();
        let listed = read_videos(std::slice::from_ref(&table)).unwrap();
        let [one, two] = &listed[..] else {
            panic!("{listed:?}")
        };
        assert_eq!((one.truth, one.kind.as_str()), (FileTruth::Fake, "swap"));
        assert_eq!((one.source.as_str(), one.part.as_str()), ("a", "test"));
        assert_eq!(one.path, folder.path().join("a/one.mp4"));
        assert_eq!(
            (two.source.as_str(), two.part.as_str()),
            ("photos", "unseen")
        );
        assert!(two.person.ends_with("two.jpg"));
        for (text, word) in [
            ("path\tlabel\na\tmaybe\n", "maybe"),
            ("path\tlabel\tpart\na\treal\tsome\n", "calibration"),
            ("path\tlabel\n", "no file"),
        ] {
            std::fs::write(&table, text).unwrap();
            let error = read_videos(std::slice::from_ref(&table)).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
