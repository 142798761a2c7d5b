//! What is done of a suite, on disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use unmask_shared::bundle::sha256_hex;

use super::super::Target;
use crate::files::write_atomic;

/// What must be the same for a suite to go on where it stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteIdentity {
    /// What is attacked and with which clips, in words.
    pub subject: String,
    /// Radius, [0, 1].
    pub epsilon: f32,
    /// Who is attacked.
    pub target: Target,
    /// Seed of every random choice.
    pub seed: u64,
    /// Name and conditions of every member.
    pub members: Vec<(String, String)>,
    /// Number of batches.
    pub batches: usize,
}

/// What is known of a batch: its clean scores, or those under one attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Mean logit of each clip.
    pub logits: Vec<f32>,
    /// True = fake.
    pub fake: Vec<bool>,
    /// Size of each clip's change.
    pub changes: Vec<f32>,
    /// See [`crate::attack::Attacked::gradient_share`].
    pub gradient_share: f32,
    /// Forward passes per clip.
    pub passes: f32,
    /// Wall-clock time.
    pub seconds: f32,
}

/// A folder with one file per batch and member, each written at once.
#[derive(Clone, Debug)]
pub struct SuiteState {
    folder: PathBuf,
}

impl SuiteState {
    /// Opens or creates the folder of a suite.
    ///
    /// # Errors
    /// When the folder holds another suite's state, is damaged, or cannot be written.
    pub fn open(folder: &Path, identity: &SuiteIdentity) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let state = Self {
            folder: folder.to_path_buf(),
        };
        match state.read::<SuiteIdentity>("suite.state")? {
            None => state.write("suite.state", identity)?,
            Some(found) => ensure!(
                found == *identity,
                "{} holds the state of another suite ({}): choose another --output, or delete the folder",
                folder.display(),
                difference(&found, identity)
            ),
        }
        Ok(state)
    }

    /// Clean scores of a batch, if they were saved.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn clean(&self, batch: usize) -> Result<Option<Cell>> {
        self.cell(&format!("batch-{batch}-clean.state"))
    }

    /// Scores of a batch under an attack, if they were saved.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn attacked(&self, batch: usize, member: usize) -> Result<Option<Cell>> {
        self.cell(&format!("batch-{batch}-member-{member}.state"))
    }

    /// Saves the clean scores of a batch.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save_clean(&self, batch: usize, cell: &Cell) -> Result<()> {
        self.write(&format!("batch-{batch}-clean.state"), cell)
    }

    /// Saves the scores of a batch under an attack.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save_attacked(&self, batch: usize, member: usize, cell: &Cell) -> Result<()> {
        self.write(&format!("batch-{batch}-member-{member}.state"), cell)
    }

    fn cell(&self, name: &str) -> Result<Option<Cell>> {
        let Some(cell) = self.read::<Cell>(name)? else {
            return Ok(None);
        };
        let clips = cell.logits.len();
        ensure!(
            cell.fake.len() == clips && cell.changes.len() == clips,
            self.damaged(name)
        );
        Ok(Some(cell))
    }

    /// A digest on the first line and JSON below.
    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let text = serde_json::to_string(value)?;
        let file = format!("{}\n{text}\n", digest(&text));
        write_atomic(&self.folder.join(name), file.as_bytes())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.folder.join(name);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let file = String::from_utf8(file).unwrap_or_default();
        match file.trim_end().split_once('\n') {
            Some((sum, text)) if sum == digest(text) => serde_json::from_str(text)
                .with_context(|| self.damaged(name))
                .map(Some),
            _ => bail!(self.damaged(name)),
        }
    }

    fn damaged(&self, name: &str) -> String {
        format!(
            "{} is damaged: delete that file and this part will be computed again",
            self.folder.join(name).display()
        )
    }
}

fn digest(text: &str) -> String {
    sha256_hex(text.as_bytes())
}

/// What tells two suites apart, for people.
fn difference(found: &SuiteIdentity, wanted: &SuiteIdentity) -> String {
    let pairs = [
        ("detector or clips", found.subject != wanted.subject),
        ("epsilon", found.epsilon != wanted.epsilon),
        ("target", found.target != wanted.target),
        ("seed", found.seed != wanted.seed),
        ("attacks", found.members != wanted.members),
        ("number of batches", found.batches != wanted.batches),
    ];
    let names: Vec<&str> = pairs.iter().filter(|p| p.1).map(|p| p.0).collect();
    format!("other {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> SuiteIdentity {
        SuiteIdentity {
            subject: "run".into(),
            epsilon: 0.1,
            target: Target::Both,
            seed: 1,
            members: vec![("Square".into(), "5 queries".into())],
            batches: 2,
        }
    }

    fn cell() -> Cell {
        Cell {
            logits: vec![0.1, -1.0 / 3.0, 1.234_567_9e-7],
            fake: vec![false, true, false],
            changes: vec![0.0, 0.1, 8.0 / 255.0],
            gradient_share: 0.999,
            passes: 3.0,
            seconds: 0.5,
        }
    }

    #[test]
    fn cells_come_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let state = SuiteState::open(folder.path(), &identity()).unwrap();
        assert_eq!(state.attacked(1, 0).unwrap(), None);
        state.save_attacked(1, 0, &cell()).unwrap();
        state.save_clean(0, &cell()).unwrap();
        let state = SuiteState::open(folder.path(), &identity()).unwrap();
        assert_eq!(state.attacked(1, 0).unwrap(), Some(cell()));
        assert_eq!(state.clean(0).unwrap(), Some(cell()));
        assert_eq!(state.attacked(0, 0).unwrap(), None);
    }

    #[test]
    fn damage_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let state = SuiteState::open(folder.path(), &identity()).unwrap();
        state.save_attacked(0, 0, &cell()).unwrap();
        let path = folder.path().join("batch-0-member-0.state");
        let whole = fs::read_to_string(&path).unwrap();
        for broken in [
            whole[..whole.len() / 2].to_string(),
            whole.replace("0.999", "0.998"),
            String::new(),
        ] {
            fs::write(&path, broken).unwrap();
            let error = state.attacked(0, 0).unwrap_err().to_string();
            assert!(
                error.contains("batch-0-member-0.state is damaged"),
                "{error}"
            );
            assert!(error.contains("delete that file"), "{error}");
        }
    }

    #[test]
    fn another_suite_does_not_go_on() {
        let folder = tempfile::tempdir().unwrap();
        SuiteState::open(folder.path(), &identity()).unwrap();
        let other = SuiteIdentity {
            epsilon: 0.2,
            seed: 2,
            ..identity()
        };
        let error = SuiteState::open(folder.path(), &other)
            .unwrap_err()
            .to_string();
        assert!(error.contains("other epsilon, seed"), "{error}");
    }
}
