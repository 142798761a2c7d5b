//! Runs `unmask-edge analyze` over many files, several at once, and remembers what it said.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unmask_shared::verdict::Verdict;

use crate::files::Memory;
use crate::progress::Bar;

/// Files given to one run of the program.
const FILES_PER_RUN: usize = 8;

/// What the program says of a file: the fields of its report that count here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The file.
    pub path: String,
    /// `image` or `video`; empty where it could not be read.
    #[serde(default)]
    pub kind: String,
    /// On the whole file.
    #[serde(default)]
    pub verdict: Verdict,
    /// Each face.
    #[serde(default)]
    pub tracks: Vec<JudgedTrack>,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One face of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JudgedTrack {
    /// Frames that were judged.
    pub frames: u32,
    /// Width of the face in pixels.
    #[serde(default)]
    pub face_px: u32,
    /// Raw scores of the decisions that counted.
    #[serde(default)]
    pub logits: Vec<f32>,
}

/// `unmask-edge analyze` with a bundle, and a face finder in place of the one built in.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Folder of the bundle.
    pub bundle: PathBuf,
    /// File for `--finder`.
    pub finder: Option<PathBuf>,
}

/// Analyses the files that `memory`, a file of JSON lines, does not know yet, and adds them to
/// it, so that a run that was stopped goes on. `memory` must be of this program alone.
///
/// # Errors
/// When the program cannot be run, fails as a whole, or says something that is no report; or
/// the disk refuses.
pub fn analyze(
    program: &Program,
    files: &[PathBuf],
    memory: &Path,
    jobs: usize,
) -> Result<HashMap<PathBuf, Analysis>> {
    let (file, known) = Memory::open::<Analysis>(memory)?;
    let known = known
        .into_iter()
        .map(|said| (PathBuf::from(&said.path), said));
    let mut known: HashMap<PathBuf, Analysis> = known.collect();
    let missing: BTreeSet<&PathBuf> = files.iter().filter(|f| !known.contains_key(*f)).collect();
    let missing: Vec<&PathBuf> = missing.into_iter().collect();
    let bar = Bar::new("analysing", files.len(), "files")?;
    bar.resume(files.len() - missing.len());
    let file = Mutex::new(file);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let found: Vec<Vec<Analysis>> = pool.install(|| {
        missing
            .par_chunks(FILES_PER_RUN)
            .map(|files| {
                let found = program.run(files)?;
                let mut file = file.lock().map_err(|_| anyhow!("another thread failed"))?;
                file.add(&found)?;
                bar.advance(files.len());
                Ok(found)
            })
            .collect::<Result<_>>()
    })?;
    bar.finish();
    let found = found.into_iter().flatten();
    known.extend(found.map(|analysis| (PathBuf::from(&analysis.path), analysis)));
    Ok(known)
}

impl Program {
    /// What the program says of each of some files, in their order.
    ///
    /// # Errors
    /// When it cannot be run, fails as a whole, or says something that is no report.
    pub fn run(&self, files: &[&PathBuf]) -> Result<Vec<Analysis>> {
        let program = self.path.display();
        let mut command = Command::new(&self.path);
        command
            .args(["analyze", "--format", "jsonl", "--logits", "--bundle"])
            .arg(&self.bundle);
        if let Some(finder) = &self.finder {
            command.arg("--finder").arg(finder);
        }
        let ran =
            command.arg("--").args(files).output().with_context(|| {
                format!("cannot run {program}: build it, or name it with --edge")
            })?;
        let said = String::from_utf8_lossy(&ran.stdout);
        let reports = said.lines().map(|line| {
            serde_json::from_str(line).with_context(|| format!("this is no report: {line}"))
        });
        let reports: Vec<Analysis> = reports.collect::<Result<_>>()?;
        let complete = reports.len() == files.len()
            && reports
                .iter()
                .zip(files)
                .all(|(r, f)| Path::new(&r.path) == f.as_path());
        ensure!(
            complete,
            "{program} told of {} of {} files: {}",
            reports.len(),
            files.len(),
            String::from_utf8_lossy(&ran.stderr).trim()
        );
        Ok(reports)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that tells of every path what the real one does.
    fn program(folder: &Path, body: &str) -> Program {
        let path = folder.join("edge");
        std::fs::write(&path, format!("#!/bin/sh\n{body}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Program {
            path,
            bundle: folder.into(),
            finder: None,
        }
    }

    #[test]
    fn what_was_analysed_is_not_analysed_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let body = format!(
            "shift 7; for f in \"$@\"; do echo \"$f\" >> {}; \
             printf '{{\"path\":\"%s\",\"kind\":\"video\",\"verdict\":\"genuine\",\"tracks\":\
             [{{\"frames\":9,\"face_px\":90,\"logits\":[1.5]}}]}}\\n' \"$f\"; done; exit 0",
            log.display()
        );
        let edge = program(folder.path(), &body);
        let files: Vec<PathBuf> = (0..20)
            .map(|i| folder.path().join(format!("{i}")))
            .collect();
        let memory = folder.path().join("memory.jsonl");
        let run = |count: usize| analyze(&edge, &files[..count], &memory, 2);
        assert_eq!(run(11).unwrap().len(), 11);
        // Stopped in the middle of a line.
        let mut text = std::fs::read_to_string(&memory).unwrap();
        text.truncate(text.len() - 20);
        std::fs::write(&memory, &text).unwrap();
        let found = run(20).unwrap();
        assert_eq!(found.len(), 20);
        assert_eq!(found[&files[3]].verdict, Verdict::Genuine);
        assert_eq!(found[&files[3]].tracks[0].logits, [1.5]);
        let asked = std::fs::read_to_string(&log).unwrap().lines().count();
        assert_eq!(asked, 21, "one was lost and asked for again");
    }

    #[test]
    fn a_finder_is_handed_on() {
        let folder = tempfile::tempdir().unwrap();
        let body = "[ \"$7 $8 $9\" = \"--finder yunet.onnx --\" ] && echo '{\"path\":\"a\"}'";
        let edge = Program {
            finder: Some("yunet.onnx".into()),
            ..program(folder.path(), body)
        };
        let memory = folder.path().join("memory.jsonl");
        let found = analyze(&edge, &["a".into()], &memory, 1).unwrap();
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_program_that_fails_is_named_with_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let edge = program(folder.path(), "echo no such bundle >&2; exit 2");
        let files = [folder.path().join("a")];
        let memory = folder.path().join("memory.jsonl");
        let error = analyze(&edge, &files, &memory, 1).unwrap_err();
        assert!(error.to_string().contains("no such bundle"), "{error}");
        let nowhere = Program {
            path: folder.path().join("nowhere"),
            ..edge
        };
        let error = analyze(&nowhere, &files, &memory, 1).unwrap_err();
        assert!(error.to_string().contains("--edge"), "{error}");
    }
}
