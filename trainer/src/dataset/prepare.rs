//! `prepare`: folders of real and fake pictures and videos become shards of aligned crops.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use unmask_shared::synthetic::FaceModel;

use super::align::{Aligner, stored_png};
use super::jobs::{Job, jobs};
use super::media;
use super::record::{Meta, Record};
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let error = prepare(&options).unwrap_err().to_string();
        assert!(error.contains("no pictures or videos"), "{error}");
        let unlabelled = folder.path().join("face.png");
        image::RgbImage::new(8, 8).save(unlabelled).unwrap();
        let error = prepare(&options).unwrap_err().to_string();
        assert!(error.contains("named `real` or `fake`"), "{error}");
    }
}
