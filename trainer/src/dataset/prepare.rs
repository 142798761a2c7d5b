//! `prepare`: folders of real and fake pictures and videos become shards of aligned crops.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use unmask_shared::media::list_media;
use unmask_shared::synthetic::FaceModel;

use super::align::{Aligner, stored_png};
use super::media;
use super::record::{Label, Meta, Record};
use super::shard::ShardWriter;
use super::synthetic;

/// What to prepare and how.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    /// Folders with `real` and `fake` somewhere in the paths of their files.
    pub inputs: Vec<PathBuf>,
    /// Where shards and the table of skipped files go.
    pub output: PathBuf,
    /// Consecutive frames per record of a video.
    pub frames: usize,
    /// Records taken from each video, evenly spaced.
    pub windows: usize,
    /// Smallest face in pixels.
    pub min_face_px: u32,
    /// Table `name<TAB>group` for files that share a person or a clip.
    pub groups: Option<PathBuf>,
    /// Synthetic people to render, each genuine and swapped.
    pub synthetic: usize,
}

/// What came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrepareReport {
    /// Records written.
    pub records: usize,
    /// Files that gave no record; `skipped.tsv` says why.
    pub skipped: usize,
}

/// A real file, its fake, or both: cut with the same box.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) group: String,
    pub(super) files: Vec<(Label, PathBuf)>,
}

/// Records of a job, and files without one with the reason.
pub(super) type Outcome = (Vec<Record>, Vec<(String, String)>);

/// Prepares all inputs in parallel, in a fixed order, with a progress display.
///
/// # Errors
/// When an input cannot be listed, nothing is found, or the disk refuses. A file
/// that yields no face is no error: it is listed in `skipped.tsv` with the reason.
pub fn prepare(options: &PrepareOptions) -> Result<PrepareReport> {
    let jobs = jobs(options)?;
    ensure!(
        !jobs.is_empty() || options.synthetic > 0,
        "no picture or video below a folder named `real` or `fake` in {:?}",
        options.inputs
    );
    let mut writer = ShardWriter::create(&options.output, "faces")?;
    let bar = ProgressBar::new((jobs.len() + options.synthetic) as u64);
    bar.set_style(ProgressStyle::with_template(
        "preparing {bar:30} {pos}/{len} files, {per_sec}, {eta} left",
    )?);
    let mut report = PrepareReport::default();
    let mut table = String::from("file\treason\n");
    let mut keep = |(records, skipped): Outcome| -> Result<()> {
        for record in &records {
            writer.write(record)?;
        }
        report.records += records.len();
        report.skipped += skipped.len();
        for (file, reason) in skipped {
            let reason = reason.replace(['\t', '\n'], " ");
            writeln!(table, "{file}\t{reason}")?;
        }
        Ok(())
    };
    // In blocks, so that memory stays bounded and shards keep the order of names.
    for block in jobs.chunks(256) {
        let outcomes: Vec<Outcome> = block
            .par_iter()
            .map_init(
                || Aligner::new(options.min_face_px),
                |aligner, job| {
                    let outcome = match aligner {
                        Ok(aligner) => run(job, aligner, options),
                        Err(error) => (vec![], vec![(job.name.clone(), format!("{error:#}"))]),
                    };
                    bar.inc(1);
                    outcome
                },
            )
            .collect();
        outcomes.into_iter().try_for_each(&mut keep)?;
    }
    if options.synthetic > 0 {
        let model = FaceModel::builtin().context("the built-in synthetic people are damaged")?;
        let numbers: Vec<u64> = (0..options.synthetic as u64).collect();
        for block in numbers.chunks(64) {
            let outcomes: Vec<Outcome> = block
                .par_iter()
                .map_init(
                    || Aligner::new(options.min_face_px),
                    |aligner, number| {
                        let outcome = match aligner {
                            Ok(aligner) => {
                                synthetic::person(&model, *number, options.frames, aligner)
                            }
                            Err(error) => Err(anyhow::anyhow!("{error:#}")),
                        };
                        bar.inc(1);
                        outcome.unwrap_or_else(|error| {
                            (
                                vec![],
                                vec![(format!("synthetic/{number}"), format!("{error:#}"))],
                            )
                        })
                    },
                )
                .collect();
            outcomes.into_iter().try_for_each(&mut keep)?;
        }
    }
    bar.finish();
    writer.finish()?;
    std::fs::write(options.output.join("skipped.tsv"), table)
        .with_context(|| format!("cannot write below {}", options.output.display()))?;
    ensure!(
        report.records > 0,
        "no face was found in any file; see skipped.tsv"
    );
    Ok(report)
}

fn run(job: &Job, aligner: &mut Aligner, options: &PrepareOptions) -> Outcome {
    match cut(job, aligner, options) {
        Ok(records) => (records, vec![]),
        Err(error) => (vec![], vec![(job.name.clone(), format!("{error:#}"))]),
    }
}

/// Cuts all files of a job with the boxes found in the first, which is the real one.
fn cut(job: &Job, aligner: &mut Aligner, options: &PrepareOptions) -> Result<Vec<Record>> {
    let mut boxes = Vec::new();
    let mut records = Vec::new();
    for (label, path) in &job.files {
        for (index, window) in media::windows(path, options.windows, options.frames)?
            .iter()
            .enumerate()
        {
            if boxes.len() <= index {
                boxes.push(match window.first() {
                    Some(frame) => aligner.largest_face(frame)?,
                    None => None,
                });
            }
            let Some(face) = boxes[index] else { continue };
            let frames: Vec<Vec<u8>> = window
                .iter()
                .map(|frame| stored_png(frame, &face))
                .collect::<Result<_>>()?;
            let meta = Meta {
                label: *label,
                source: job.source.clone(),
                group: job.group.clone(),
                twin: (job.files.len() == 2).then(|| format!("{}#{index}", job.name)),
                file: job.name.clone(),
                frames: frames.len(),
            };
            records.push(Record { meta, frames });
        }
    }
    ensure!(
        !records.is_empty(),
        "no face of at least {} px was found",
        options.min_face_px
    );
    Ok(records)
}

/// Pairs every file below `real` with the one of the same path below `fake`.
fn jobs(options: &PrepareOptions) -> Result<Vec<Job>> {
    let groups = options
        .groups
        .as_deref()
        .map(read_groups)
        .transpose()?
        .unwrap_or_default();
    let mut found: BTreeMap<String, Job> = BTreeMap::new();
    for input in &options.inputs {
        for path in list_media(input)? {
            let relative = path.strip_prefix(input).unwrap_or(&path);
            let Some((label, rest)) = label_of(relative) else {
                continue;
            };
            let input = input
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let name = format!("{}/{}", input.unwrap_or_default(), rest.join("/"));
            let source = if rest.len() > 1 {
                rest[rest.len() - 2].clone()
            } else {
                "plain".into()
            };
            let group = group_of(&rest[rest.len() - 1], &groups);
            let job = found.entry(name.clone()).or_insert(Job {
                name,
                source,
                group,
                files: vec![],
            });
            job.files.push((label, path));
            job.files.sort_by_key(|(label, _)| *label == Label::Fake);
        }
    }
    Ok(found.into_values().collect())
}

fn label_of(path: &Path) -> Option<(Label, Vec<String>)> {
    let parts: Vec<String> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    let at = parts
        .iter()
        .position(|part| part == "real" || part == "fake")?;
    let label = if parts[at] == "real" {
        Label::Real
    } else {
        Label::Fake
    };
    let rest: Vec<String> = parts[..at]
        .iter()
        .chain(&parts[at + 1..])
        .cloned()
        .collect();
    (!rest.is_empty()).then_some((label, rest))
}

/// A file's stem without a trailing frame number of four digits or more, or its entry
/// in the table.
fn group_of(file: &str, groups: &HashMap<String, String>) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let clip = match stem.rsplit_once('_') {
        Some((clip, number)) if number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit()) => {
            clip
        }
        _ => stem,
    };
    groups
        .get(clip)
        .cloned()
        .unwrap_or_else(|| clip.to_string())
}

fn read_groups(path: &Path) -> Result<HashMap<String, String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the groups in {}", path.display()))?;
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, group) = line
                .split_once('\t')
                .with_context(|| format!("{}: `{line}` is not name<TAB>group", path.display()))?;
            Ok((name.to_string(), group.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_from_the_folder() {
        let (label, rest) = label_of(Path::new("real/dfl/a_0001.jpg")).unwrap();
        assert_eq!(
            (label, rest),
            (
                Label::Real,
                vec!["dfl".to_string(), "a_0001.jpg".to_string()]
            )
        );
        assert_eq!(label_of(Path::new("x/fake/y.png")).unwrap().0, Label::Fake);
        assert!(label_of(Path::new("unreal/y.png")).is_none());
    }

    #[test]
    fn frames_of_a_clip_are_one_group() {
        let groups = HashMap::from([("clip_1".to_string(), "shared".to_string())]);
        assert_eq!(group_of("clip_0_0063.jpg", &groups), "clip_0");
        assert_eq!(group_of("clip_0.mp4", &groups), "clip_0");
        assert_eq!(group_of("clip_1_0003.jpg", &groups), "shared");
        assert_eq!(group_of("34_1_0_2017.jpg", &groups), "34_1_0");
    }

    #[test]
    fn nothing_to_prepare_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let options = PrepareOptions {
            inputs: vec![folder.path().to_path_buf()],
            output: folder.path().join("out"),
            frames: 2,
            windows: 2,
            min_face_px: 60,
            groups: None,
            synthetic: 0,
        };
        assert!(prepare(&options).unwrap_err().to_string().contains("real"));
    }
}
