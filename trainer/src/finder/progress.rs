//! What a person sees of a run, and what its `metrics.jsonl` keeps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::validate::FinderMeasures;
use crate::progress::{say_beside, time_left};

/// Pause between lines where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// One step in numbers.
#[derive(Clone, Debug, Default)]
pub struct FinderStep {
    /// Weighted sum.
    pub loss: f32,
    /// Its parts.
    pub parts: [(&'static str, f32); 4],
    /// Scenes in the step.
    pub scenes: usize,
    /// How long the step waited for its scenes.
    pub waited: Duration,
}

/// Progress bar, log lines and the metrics file.
#[derive(Debug)]
pub struct FinderProgress {
    bar: ProgressBar,
    file: File,
    recent: Vec<FinderStep>,
    since: Instant,
    last_line: Instant,
}

impl FinderProgress {
    /// Starts at `step` of `steps`, appending to the metrics of an earlier part.
    ///
    /// # Errors
    /// When the metrics file cannot be written.
    pub fn start(metrics: &Path, step: usize, steps: usize) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(metrics)
            .with_context(|| format!("cannot write {}", metrics.display()))?;
        let bar = ProgressBar::new(steps as u64).with_position(step as u64);
        bar.set_style(ProgressStyle::with_template(
            "{bar:24} {pos}/{len}  {msg}  {elapsed} gone, {eta} left",
        )?);
        bar.reset_eta();
        Ok(Self {
            bar,
            file,
            recent: Vec::new(),
            since: Instant::now(),
            last_line: Instant::now(),
        })
    }

    /// Shows a step.
    pub fn step(&mut self, report: FinderStep) {
        self.recent.push(report);
        self.bar.inc(1);
        if self.recent.len().is_multiple_of(20) {
            self.bar.set_message(self.describe());
        }
        if self.bar.is_hidden() && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let left = time_left(self.bar.eta());
            tracing::info!("step {done}/{all}  {}  {left} left", self.describe());
        }
    }

    /// Adds a validation to the display and a line to the file, with the mean loss since the
    /// last one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn record(&mut self, measured: &FinderMeasures) -> Result<()> {
        let line = format!(
            "step {}  {}  validation: recall {:.3}, of 32 px and more {:.3}, {:.3} false a scene, landmarks {:.2} % of the eye distance",
            self.bar.position(),
            self.describe(),
            measured.recall,
            measured.recall_32,
            measured.false_faces,
            100.0 * measured.landmarks,
        );
        say_beside(&self.bar, &line);
        let means: serde_json::Map<_, _> = (self.means().into_iter())
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let line = serde_json::json!({
            "step": self.bar.position(),
            "loss": means,
            "scenes_per_second": self.speed(),
            "validation": measured,
        });
        writeln!(self.file, "{line}").context("cannot write the metrics (is the disk full?)")?;
        self.recent.clear();
        self.since = Instant::now();
        Ok(())
    }

    fn means(&self) -> Vec<(&'static str, f32)> {
        let count = self.recent.len().max(1) as f32;
        let mean =
            |of: &dyn Fn(&FinderStep) -> f32| self.recent.iter().map(of).sum::<f32>() / count;
        let mut means = vec![("total", mean(&|report| report.loss))];
        for part in 0..4 {
            let name = self
                .recent
                .first()
                .map_or("", |report| report.parts[part].0);
            means.push((name, mean(&|report| report.parts[part].1)));
        }
        means
    }

    fn speed(&self) -> f32 {
        let scenes: usize = self.recent.iter().map(|report| report.scenes).sum();
        scenes as f32 / self.since.elapsed().as_secs_f32().max(1e-3)
    }

    fn describe(&self) -> String {
        let losses: Vec<String> = (self.means().iter())
            .map(|(name, value)| format!("{name} {value:.3}"))
            .collect();
        let waited: Duration = self.recent.iter().map(|report| report.waited).sum();
        let waiting = waited.as_secs_f32() / self.since.elapsed().as_secs_f32().max(1e-3);
        format!(
            "{}  {:.0} scenes/s, {:.0} % of the time waiting for them",
            losses.join(" "),
            self.speed(),
            100.0 * waiting
        )
    }
}
