//! What a person sees of a run, and what its `metrics.jsonl` keeps.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::tensorboard::EventFile;
use crate::files::write_atomic;
use crate::progress::{say_beside, time_left};

/// Steps over which the shown loss and speed are averaged.
const WINDOW_STEPS: usize = 50;
/// Pause between lines where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Steps done.
    pub step: usize,
    /// Epochs done.
    pub epoch: f32,
    /// Mean loss since the last line.
    pub loss: f32,
    /// Means of its parts by name, such as `dcl`, `asl`, `srl` of AFSL.
    pub terms: BTreeMap<String, f32>,
    /// Radius of the inner attack in units of 1/255.
    pub epsilon_255: f32,
    /// Learning rate.
    pub learning_rate: f64,
    /// Frames per second of wall-clock time, attacks included.
    pub images_per_second: f64,
    /// Validation AUC on clean faces; null where no validation was due.
    pub auc: Option<f64>,
    /// AUC on as many clean training pairs.
    pub auc_training: Option<f64>,
    /// Validation AUC with both classes under PGD-10 at the run's epsilon.
    pub auc_attacked: Option<f64>,
}

/// One step's loss as numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub(super) loss: f32,
    pub(super) terms: Vec<(&'static str, f32)>,
    pub(super) images: usize,
}

/// Progress bar, log lines, the metrics file, and TensorBoard's events beside it.
pub struct Progress {
    bar: ProgressBar,
    file: File,
    events: EventFile,
    recent: VecDeque<(Instant, Parts)>,
    last_line: Instant,
    auc: Option<f64>,
    auc_attacked: Option<f64>,
}

impl Progress {
    /// Starts at `step` of `steps`, appending to the metrics of an earlier part. Lines beyond
    /// `step`, left by a run that was killed after its last checkpoint, are dropped.
    ///
    /// # Errors
    /// When the metrics file or the events cannot be written.
    pub fn start(metrics: &Path, step: usize, steps: usize) -> Result<Self> {
        forget_after(metrics, step)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(metrics)
            .with_context(|| format!("cannot write {}", metrics.display()))?;
        let folder = metrics.parent().unwrap_or(Path::new("."));
        let events = EventFile::start(folder, step)?;
        let bar = ProgressBar::new(steps as u64).with_position(step as u64);
        bar.set_style(ProgressStyle::with_template(
            "{bar:24} {pos}/{len}  {msg}  {elapsed} gone, {eta} left",
        )?);
        bar.reset_eta();
        Ok(Self {
            bar,
            file,
            events,
            recent: VecDeque::with_capacity(WINDOW_STEPS),
            last_line: Instant::now(),
            auc: None,
            auc_attacked: None,
        })
    }

    pub(super) fn step(&mut self, parts: Parts) {
        if self.recent.len() == WINDOW_STEPS {
            self.recent.pop_front();
        }
        self.recent.push_back((Instant::now(), parts));
        self.bar.inc(1);
        let text = self.describe();
        self.bar.set_message(text.clone());
        if self.bar.is_hidden() && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let left = time_left(self.bar.eta());
            tracing::info!("step {done}/{all}  {text}  {left} left");
        }
    }

    /// Adds a validation to the display and a line to the file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn record(&mut self, mut line: Measured) -> Result<()> {
        (line.loss, line.terms) = self.means();
        line.images_per_second = self.images_per_second();
        self.auc = line.auc.or(self.auc);
        self.auc_attacked = line.auc_attacked.or(self.auc_attacked);
        let shown = |auc: Option<f64>| auc.map_or("-".to_string(), |auc| format!("{auc:.3}"));
        self.say(&format!(
            "epoch {:.2}  {}  training AUC {}  attacked AUC {}",
            line.epoch,
            self.describe(),
            shown(line.auc_training),
            shown(self.auc_attacked)
        ));
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .context("cannot write metrics.jsonl (is the disk full?)")?;
        self.events.record(&line)
    }

    /// Prints a line above the bar.
    pub fn say(&self, text: &str) {
        say_beside(&self.bar, text);
    }

    /// Leaves the bar where it is.
    pub fn finish(&self) {
        self.bar.abandon();
    }

    fn describe(&self) -> String {
        let (loss, terms) = self.means();
        let mut text = format!("loss {loss:.3}  ");
        if terms.len() > 1 {
            for (name, value) in terms {
                text.push_str(&format!("{name} {value:.3}  "));
            }
        }
        if let Some(auc) = self.auc {
            text.push_str(&format!("AUC {auc:.3}  "));
        }
        text + &format!("{:.0} images/s", self.images_per_second())
    }

    /// Mean loss and means of its parts over the recent steps.
    fn means(&self) -> (f32, BTreeMap<String, f32>) {
        let mut sums: BTreeMap<&str, (f32, usize)> = BTreeMap::new();
        let mut loss = 0.0;
        for (_, parts) in &self.recent {
            loss += parts.loss;
            for (name, value) in &parts.terms {
                let sum = sums.entry(name).or_default();
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
        let terms = sums
            .into_iter()
            .map(|(name, (sum, count))| (name.to_string(), sum / count as f32))
            .collect();
        (loss / self.recent.len().max(1) as f32, terms)
    }

    fn images_per_second(&self) -> f64 {
        let (Some(first), Some(last)) = (self.recent.front(), self.recent.back()) else {
            return 0.0;
        };
        let images: usize = self
            .recent
            .iter()
            .skip(1)
            .map(|(_, parts)| parts.images)
            .sum();
        let seconds = last.0.duration_since(first.0).as_secs_f64();
        if seconds > 0.0 {
            images as f64 / seconds
        } else {
            0.0
        }
    }
}

fn forget_after(metrics: &Path, step: usize) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(metrics) else {
        return Ok(()); // a new run
    };
    let kept: String = text
        .split_inclusive('\n')
        .filter(|line| {
            let line: Option<Measured> = serde_json::from_str(line).ok();
            line.is_some_and(|line| line.step <= step)
        })
        .collect();
    if kept.len() < text.len() {
        write_atomic(metrics, kept.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_the_checkpoint_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut progress = Progress::start(&path, 0, 30).unwrap();
        for step in [10, 20, 30] {
            progress.step(Parts::default());
            let line = Measured {
                step,
                ..Measured::default()
            };
            progress.record(line).unwrap();
        }
        // The last line was cut short as well.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        Progress::start(&path, 10, 30).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
