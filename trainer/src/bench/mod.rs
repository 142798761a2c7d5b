//! `unmask-trainer bench`: how long a training step takes.

mod processor;
mod report;
mod subject;

use std::time::Instant;

use anyhow::{Result, ensure};
use burn::tensor::Device;

use crate::config::RunConfig;

pub use processor::processor_ms;
pub use report::{BenchMachine, StepTimes, Timing, write_text};
pub use subject::BenchSubject;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Bench {
    /// Network, method and inner attack.
    pub run: RunConfig,
    /// Faces in a step.
    pub batch: usize,
    /// Frames of a clip; 1 for single faces.
    pub frames: usize,
    /// Steps before the clock starts.
    pub warm_up: usize,
    /// Steps that are timed; the median counts.
    pub repeats: usize,
}

impl Bench {
    /// Refuses what cannot be measured.
    ///
    /// # Errors
    /// The first value that is out of its range, by the name of its flag.
    pub fn check(&self) -> Result<()> {
        self.run.check()?;
        let pair = 2 * self.frames;
        ensure!(
            (1..=64).contains(&self.frames),
            "--frames is {}: it must be 1 to 64",
            self.frames
        );
        ensure!(
            self.batch.is_multiple_of(pair) && (pair..=65_536).contains(&self.batch),
            "--batch is {}: it must be a multiple of {pair}, pairs of clips of {} frames, at most 65536",
            self.batch,
            self.frames
        );
        ensure!(
            (1..=1000).contains(&self.repeats) && self.warm_up <= 1000,
            "--repeats is {} and --warm-up {}: they must be at most 1000, and --repeats at least 1",
            self.repeats,
            self.warm_up
        );
        Ok(())
    }

    /// Times the steps, one kind after the other.
    ///
    /// # Errors
    /// When a value is out of range or the device fails.
    pub fn measure(&self, device: &Device, name: &str, threads: usize) -> Result<StepTimes> {
        self.check()?;
        let mut subject = BenchSubject::new(self, device);
        let parameters = subject.parameters();
        Ok(StepTimes {
            network: self.run.network.clone(),
            parameters,
            method: self.run.train.method,
            attack_steps: self.run.attack.steps,
            batch: self.batch,
            frames: self.frames,
            device: name.to_owned(),
            threads,
            repeats: self.repeats,
            clean_step: self.time(device, || subject.clean_step())?,
            attack_step: self.time(device, || subject.attack_step())?,
            full_step: self.time(device, || subject.full_step())?,
            machine: BenchMachine::this(),
        })
    }

    fn time(&self, device: &Device, mut step: impl FnMut()) -> Result<Timing> {
        let mut took = Vec::with_capacity(self.repeats);
        let mut used = Vec::with_capacity(self.repeats);
        for turn in 0..self.warm_up + self.repeats {
            let (before, began) = (processor_ms(), Instant::now());
            step();
            device
                .sync()
                .map_err(|error| anyhow::anyhow!("the device failed: {error:?}"))?;
            if turn >= self.warm_up {
                took.push(began.elapsed().as_secs_f64() * 1e3);
                used.extend(before.zip(processor_ms()).map(|(from, to)| to - from));
            }
        }
        Ok(Timing::of(took, used, self.batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Method;
    use crate::network::{NetworkConfig, Size};

    fn bench(method: Method) -> Bench {
        let mut run = RunConfig {
            network: NetworkConfig {
                size: Size::Tiny,
                input: 32,
                ..Default::default()
            },
            ..Default::default()
        };
        run.train.method = method;
        Bench {
            run,
            batch: 4,
            frames: 1,
            warm_up: 0,
            repeats: 3,
        }
    }

    #[test]
    fn every_method_is_timed() {
        let device = Device::flex();
        for method in [Method::None, Method::Trades, Method::Afsl] {
            let report = bench(method).measure(&device, "flex", 1).unwrap();
            for timing in [report.clean_step, report.attack_step, report.full_step] {
                assert!(
                    timing.ms > 0.0 && timing.fastest_ms <= timing.ms,
                    "{timing:?}"
                );
                let product = timing.images_per_second * timing.ms_per_image;
                assert!((product - 1e3).abs() < 1e-6, "{timing:?}");
            }
            let text = write_text(&report);
            assert!(
                text.contains(&method.to_string()) && text.contains("tiny"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_batch_without_pairs_is_refused() {
        let odd = Bench {
            batch: 3,
            ..bench(Method::Afsl)
        };
        let error = odd.check().unwrap_err().to_string();
        assert!(error.contains("--batch is 3"), "{error}");
    }
}
