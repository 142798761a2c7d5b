//! What a person sees of a run, and what its `metrics.jsonl` keeps.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

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
    /// Mean of `L_dcl` since the last line.
    pub dcl: f32,
    /// Mean of `L_asl`; null before the first attack.
    pub asl: Option<f32>,
    /// Mean of `L_srl`; null before the first attack.
    pub srl: Option<f32>,
    /// Radius of the inner attack in units of 1/255.
    pub epsilon_255: f32,
    /// Learning rate.
    pub learning_rate: f64,
    /// Frames per second of wall-clock time, attacks included.
    pub images_per_second: f64,
    /// Validation AUC on clean faces; null where no validation was due.
    pub auc: Option<f64>,
    /// Validation AUC with both classes under PGD-10 at the run's epsilon.
    pub auc_attacked: Option<f64>,
}

/// Parts of one step's loss as numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) dcl: f32,
    pub(super) asl: Option<f32>,
    pub(super) srl: Option<f32>,
    pub(super) images: usize,
}

/// Progress bar, log lines and the metrics file.
pub struct Progress {
    bar: ProgressBar,
    file: File,
    recent: VecDeque<(Instant, Parts)>,
    last_line: Instant,
    auc: Option<f64>,
    auc_attacked: Option<f64>,
}

impl Progress {
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
            let left = self.bar.eta().as_secs();
            tracing::info!("step {done}/{all}  {text}  {} min left", left.div_ceil(60));
        }
    }

    /// Adds a validation to the display and a line to the file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn record(&mut self, mut line: Measured) -> Result<()> {
        let mean = |part: fn(&Parts) -> Option<f32>| mean(self.recent.iter().map(|(_, p)| part(p)));
        line.dcl = mean(|p| Some(p.dcl)).unwrap_or(0.0);
        line.asl = mean(|p| p.asl);
        line.srl = mean(|p| p.srl);
        line.images_per_second = self.images_per_second();
        self.auc = line.auc.or(self.auc);
        self.auc_attacked = line.auc_attacked.or(self.auc_attacked);
        let shown = |auc: Option<f64>| auc.map_or("-".to_string(), |auc| format!("{auc:.3}"));
        self.say(&format!(
            "epoch {:.2}  {}  attacked AUC {}",
            line.epoch,
            self.describe(),
            shown(self.auc_attacked)
        ));
        serde_json::to_writer(&mut self.file, &line)?;
        self.file.write_all(b"\n")?;
        self.file.sync_data()?;
        Ok(())
    }

    /// Prints a line above the bar.
    pub fn say(&self, text: &str) {
        if self.bar.is_hidden() {
            tracing::info!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// Leaves the bar where it is.
    pub fn finish(&self) {
        self.bar.abandon();
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        let mut add = |name: &str, value: Option<f32>| {
            if let Some(value) = value {
                text.push_str(&format!("{name} {value:.3}  "));
            }
        };
        add("dcl", mean(self.recent.iter().map(|(_, p)| Some(p.dcl))));
        add("asl", mean(self.recent.iter().map(|(_, p)| p.asl)));
        add("srl", mean(self.recent.iter().map(|(_, p)| p.srl)));
        add("AUC", self.auc.map(|auc| auc as f32));
        text + &format!("{:.0} images/s", self.images_per_second())
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

fn mean(values: impl Iterator<Item = Option<f32>>) -> Option<f32> {
    let (sum, count) = values
        .flatten()
        .fold((0.0, 0), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f32)
}
