//! From minutes to epochs.

use std::time::Instant;

use anyhow::{Result, ensure};
use burn::tensor::Device;

use super::rows::DefenceRow;
use crate::bench::{Bench, BenchSubject};
use crate::config::{Method, RunConfig};
use crate::dataset::{MakePlan, Pairs};

/// Undefended epochs for each epoch of a defence.
const CLEAN_SHARE: f32 = 4.0;
/// Least epochs of a defence that can mean anything.
const LEAST: f32 = 0.5;
/// Steps that are timed.
const REPEATS: usize = 4;

/// Seconds of one step, measured on this machine now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Making one pair, on one thread.
    pub pair: f32,
    /// An undefended step.
    pub clean: f32,
    /// A step under the inner attack, with clean and attacked faces in the batch.
    pub defended: f32,
}

/// How long everything is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Undefended epochs, once per seed.
    pub clean_epochs: f32,
    /// Epochs of every row.
    pub epochs: f32,
    /// Estimate for all seeds, in minutes.
    pub minutes: f32,
}

impl Speed {
    /// Times a few steps and pairs.
    ///
    /// # Errors
    /// When a stored face is damaged or the device fails.
    pub fn measure(config: &RunConfig, pairs: &Pairs<'_>, device: &Device) -> Result<Self> {
        let mut run = config.clone();
        run.train.method = Method::Afsl;
        let batch = 2 * config.train.batch_pairs;
        let bench = Bench {
            run,
            batch,
            frames: 1,
            warm_up: 1,
            repeats: REPEATS,
        };
        let mut subject = BenchSubject::new(&bench, device);
        let mut time = |defended: bool| -> Result<f32> {
            let mut best = f32::INFINITY;
            for _ in 0..=REPEATS {
                let began = Instant::now();
                if defended {
                    subject.full_step();
                } else {
                    subject.clean_step();
                }
                device
                    .sync()
                    .map_err(|error| anyhow::anyhow!("the device failed: {error:?}"))?;
                best = best.min(began.elapsed().as_secs_f32());
            }
            Ok(best)
        };
        let (clean, defended) = (time(false)?, time(true)?);
        let epoch = pairs.epoch(config.train.seed, 0);
        let count = epoch.len().min(64);
        ensure!(count > 0, "the training part has no pairs");
        let plan = MakePlan::frame(config.network.input);
        let began = Instant::now();
        for index in 0..count {
            pairs.make(&epoch, index, &plan)?;
        }
        Ok(Self {
            pair: began.elapsed().as_secs_f32() / count as f32,
            clean,
            defended,
        })
    }
}

impl Budget {
    /// Divides `minutes` between `seeds` seeds and the rows, equal epochs for every row.
    ///
    /// # Errors
    /// When that leaves too little for each; says how much is needed.
    pub fn divide(
        minutes: f32,
        seeds: usize,
        rows: &[DefenceRow],
        pairs: usize,
        config: &RunConfig,
        speed: &Speed,
    ) -> Result<Self> {
        let one = Self::of(1.0, seeds, rows, pairs, config, speed);
        let epochs = minutes / one.minutes;
        ensure!(
            epochs >= LEAST,
            "{minutes} minutes are too few on this machine for {seeds} seeds and {} rows: at least {:.0} are needed (or fewer --seeds, or --rows)",
            rows.len(),
            (one.minutes * LEAST).ceil()
        );
        Ok(Self::of(epochs, seeds, rows, pairs, config, speed))
    }

    /// What `epochs` of every row take.
    pub fn of(
        epochs: f32,
        seeds: usize,
        rows: &[DefenceRow],
        pairs: usize,
        config: &RunConfig,
        speed: &Speed,
    ) -> Self {
        let steps = pairs as f32 / config.train.batch_pairs as f32;
        let threads = rayon::current_num_threads() as f32;
        let making = speed.pair * config.train.batch_pairs as f32 / threads;
        let row = |row: &DefenceRow| {
            let defended = row.config(config).train.method != Method::None;
            let step = if defended {
                speed.defended
            } else {
                speed.clean
            };
            epochs * steps * (making + step)
        };
        let clean = CLEAN_SHARE * epochs * steps * (making + speed.clean);
        let seconds = seeds as f32 * (clean + rows.iter().map(row).sum::<f32>());
        Self {
            clean_epochs: CLEAN_SHARE * epochs,
            epochs,
            // Evaluation and validations take about a tenth more.
            minutes: seconds * 1.1 / 60.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::rows;

    const SPEED: Speed = Speed {
        pair: 0.0,
        clean: 0.1,
        defended: 0.4,
    };

    /// 320 pairs are 10 steps: 4 clean epochs of 1 s and ten rows, nine of them of 4 s.
    #[test]
    fn minutes_become_epochs() {
        let config = RunConfig::default();
        let one = Budget::of(1.0, 1, &rows(), 320, &config, &SPEED);
        let seconds = (4.0 + 1.0 + 9.0 * 4.0) * 1.1;
        assert!((one.minutes * 60.0 - seconds).abs() < 1e-3, "{one:?}");
        let budget = Budget::divide(30.0, 3, &rows(), 320, &config, &SPEED).unwrap();
        assert!((budget.minutes - 30.0).abs() < 1e-3);
        assert!((budget.clean_epochs - 4.0 * budget.epochs).abs() < 1e-5);
    }

    #[test]
    fn too_few_minutes_are_refused_with_the_need() {
        let config = RunConfig::default();
        let error = Budget::divide(0.1, 3, &rows(), 3200, &config, &SPEED).unwrap_err();
        assert!(
            error.to_string().contains("at least 12 are needed"),
            "{error}"
        );
    }
}
