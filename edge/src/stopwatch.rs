//! How long each stage of the frame path takes.

use crate::percentile::percentile;
use std::time::Instant;

/// The stages of the frame path, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From compressed bytes to pixels.
    Decode,
    /// Finding faces in a frame.
    Detect,
    /// Following faces.
    Track,
    /// Cutting out one face.
    Crop,
    /// One step of the network on one face.
    Network,
    /// Quality measures and the sequential test of one face.
    Verdict,
}

impl Stage {
    /// All stages, in the order of the frame path.
    pub const ALL: [Self; 6] = [
        Self::Decode,
        Self::Detect,
        Self::Track,
        Self::Crop,
        Self::Network,
        Self::Verdict,
    ];

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Detect => "detect",
            Self::Track => "track",
            Self::Crop => "crop",
            Self::Network => "network",
            Self::Verdict => "verdict",
        }
    }
}

/// Most samples kept per stage; older ones are overwritten.
const SAMPLES_MAX: usize = 4096;

/// The latest durations of each stage.
#[derive(Debug, Clone, Default)]
pub struct Stopwatch {
    samples_ms: [Vec<f32>; 6],
    count: [usize; 6],
}

impl Stopwatch {
    /// Does `work` and notes how long it took.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = work();
        self.note(stage, start.elapsed().as_secs_f32() * 1e3);
        value
    }

    /// Notes a duration in milliseconds.
    pub fn note(&mut self, stage: Stage, milliseconds: f32) {
        let samples = &mut self.samples_ms[stage as usize];
        let count = &mut self.count[stage as usize];
        if samples.capacity() == 0 {
            // At once, so that later frames allocate nothing.
            samples.reserve_exact(SAMPLES_MAX);
        }
        if samples.len() < SAMPLES_MAX {
            samples.push(milliseconds);
        } else {
            samples[*count % SAMPLES_MAX] = milliseconds;
        }
        *count = count.wrapping_add(1);
    }

    /// The median in milliseconds; `None` before the first sample.
    pub fn median_ms(&self, stage: Stage) -> Option<f32> {
        self.quantile_ms(stage, 0.5)
    }

    /// The milliseconds that this part of the samples, 0 to 1, stays below; `None`
    /// before the first sample.
    pub fn quantile_ms(&self, stage: Stage, part: f32) -> Option<f32> {
        let mut sorted = self.samples_ms[stage as usize].clone();
        sorted.sort_by(f32::total_cmp);
        percentile(&sorted, part.into())
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.samples_ms.iter_mut().for_each(Vec::clear);
        self.count = [0; 6];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_an_outlier_and_samples_are_bounded() {
        let mut watch = Stopwatch::default();
        assert_eq!(watch.median_ms(Stage::Crop), None);
        for _ in 0..10_000 {
            watch.note(Stage::Crop, 2.0);
        }
        watch.note(Stage::Crop, 900.0);
        assert_eq!(watch.median_ms(Stage::Crop), Some(2.0));
        assert_eq!(watch.quantile_ms(Stage::Crop, 1.0), Some(900.0));
        assert_eq!(watch.samples_ms[Stage::Crop as usize].len(), SAMPLES_MAX);
    }
}
