//! Official splits: lists of names for training, validation and test.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, ensure};

use super::super::record::Split;
use super::folder;

/// Which part each name belongs to.
#[derive(Default)]
pub(super) struct Splits {
    by_name: HashMap<String, Split>,
    /// Names that were listed as pairs.
    pub(super) pairs: Vec<[String; 2]>,
}

impl Splits {
    /// Reads `train.json`, `val.json` and `test.json`: lists of pairs of names. `None`
    /// where the folder has none of them.
    pub(super) fn pairs(folder: &Path) -> Result<Option<Self>> {
        Self::read(folder, "json", |path| {
            let pairs: Vec<[String; 2]> = folder::json(path)?;
            Ok((pairs.iter().flatten().cloned().collect(), pairs))
        })
    }

    /// Reads `train.txt`, `val.txt` and `test.txt`: one file name per line. `None` where
    /// the folder has none of them.
    pub(super) fn lines(folder: &Path) -> Result<Option<Self>> {
        Self::read(folder, "txt", |path| {
            let text = folder::text(path)?;
            let names = text.lines().filter_map(|line| {
                let name = line.trim().rsplit(['/', '\\']).next()?;
                let name = name.split_once('.').map_or(name, |(stem, _)| stem);
                (!name.is_empty()).then(|| name.to_string())
            });
            Ok((names.collect(), vec![]))
        })
    }

    fn read(
        folder: &Path,
        ending: &str,
        read: impl Fn(&Path) -> Result<(Vec<String>, Vec<[String; 2]>)>,
    ) -> Result<Option<Self>> {
        let parts = [Split::Train, Split::Val, Split::Test];
        let path = |split: &Split| folder.join(format!("{split}.{ending}"));
        let missing: Vec<_> = parts.iter().map(path).filter(|p| !p.is_file()).collect();
        if missing.len() == parts.len() {
            return Ok(None);
        }
        ensure!(
            missing.is_empty(),
            "{} is missing: the three lists of a split belong together",
            missing[0].display()
        );
        let mut splits = Self::default();
        for split in parts {
            let (names, pairs) = read(&path(&split))?;
            splits.pairs.extend(pairs);
            for name in names {
                let before = splits.by_name.insert(name.clone(), split);
                ensure!(
                    before.is_none_or(|before| before == split),
                    "{} lists `{name}`, which is in another part, too",
                    path(&split).display()
                );
            }
        }
        Ok(Some(splits))
    }

    pub(super) fn of(&self, name: &str) -> Option<Split> {
        self.by_name.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_contradictions_refused() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert!(Splits::pairs(folder.path()).unwrap().is_none());
        put("train.json", r#"[["000", "003"], ["001", "870"]]"#);
        let error = Splits::pairs(folder.path()).err().unwrap().to_string();
        assert!(error.contains("val.json is missing"), "{error}");
        put("val.json", r#"[["720", "672"]]"#);
        put("test.json", r#"[["953", "974"]]"#);
        let splits = Splits::pairs(folder.path()).unwrap().unwrap();
        assert_eq!(
            (splits.of("870"), splits.of("672")),
            (Some(Split::Train), Some(Split::Val))
        );
        assert_eq!(
            (splits.of("953"), splits.of("111")),
            (Some(Split::Test), None)
        );
        assert_eq!(splits.pairs.len(), 4);

        put("test.json", r#"[["000", "974"]]"#);
        let error = Splits::pairs(folder.path()).err().unwrap().to_string();
        assert!(error.contains("test.json lists `000`"), "{error}");
        put("test.json", r#"{"000": 1}"#);
        let error = Splits::pairs(folder.path()).err().unwrap().to_string();
        assert!(
            error.contains("test.json is not what it should be"),
            "{error}"
        );

        put("train.txt", "000_M101.mp4\r\n001_W020.mp4\n\n");
        put("val.txt", "a/b/002_W104.mp4\n");
        put("test.txt", "003_M004");
        let splits = Splits::lines(folder.path()).unwrap().unwrap();
        assert_eq!(splits.of("000_M101"), Some(Split::Train));
        assert_eq!(splits.of("002_W104"), Some(Split::Val));
        assert_eq!(splits.of("003_M004"), Some(Split::Test));
    }
}
