//! Numbers that look random and are the same on every machine.
//!
//! Everything a scene shows at frame `i` is a pure function of the seed and
//! `i`, so draws are either made once (a [`Random`] stream) or addressed by
//! index ([`hash`], [`Walk`]). Transcendental functions come from `libm`.

use core::f32::consts::TAU;

/// Mixes a value well enough that neighbouring inputs look unrelated (SplitMix64).
pub fn hash(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of draws that depends only on its seed and its name.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Streams of one seed with different `stream` numbers are unrelated.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self {
            state: hash(seed) ^ hash(stream.wrapping_mul(0xd6e8_feb8_6659_fd93)),
        }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash(self.state)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..count; 0 where `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f32) as usize).min(count.saturating_sub(1))
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Normal with mean 0 and deviation 1, cut off at `limit` deviations.
    pub fn normal(&mut self, limit: f32) -> f32 {
        let radius = libm::sqrtf(-2.0 * libm::logf(1.0 - self.unit()));
        (radius * libm::cosf(TAU * self.unit())).clamp(-limit, limit)
    }
}

const WAVES: usize = 4;

/// A smooth, band-limited walk around 0 with deviation about 1, readable at
/// any time without reading what came before: a sum of slow sines.
#[derive(Clone, Debug)]
pub struct Walk {
    waves: [(f32, f32); WAVES],
}

impl Walk {
    /// `fastest` and `slowest` bound the periods, in seconds.
    pub fn new(random: &mut Random, fastest: f32, slowest: f32) -> Self {
        let waves = core::array::from_fn(|_| {
            let period = fastest * libm::powf(slowest / fastest, random.unit());
            (1.0 / period, random.unit())
        });
        Self { waves }
    }

    /// The value at `seconds`; never beyond ±2.83.
    pub fn at(&self, seconds: f64) -> f32 {
        let sum: f32 = self
            .waves
            .iter()
            .map(|&(hertz, phase)| {
                let turns = f64::from(hertz) * seconds + f64::from(phase);
                libm::sinf(TAU * (turns - libm::floor(turns)) as f32)
            })
            .sum();
        sum * libm::sqrtf(2.0 / WAVES as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_draws_have_the_stated_moments() {
        let mut random = Random::new(7, 1);
        let draws: Vec<f32> = (0..20_000).map(|_| random.normal(4.0)).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let first = |stream| Random::new(1, stream).bits();
        assert_ne!(first(1), first(2));
        assert_eq!(first(1), first(1));
    }

    #[test]
    fn a_walk_is_smooth_and_bounded() {
        let walk = Walk::new(&mut Random::new(3, 3), 2.0, 9.0);
        for i in 0..2000 {
            let now = walk.at(f64::from(i) / 30.0);
            let next = walk.at(f64::from(i + 1) / 30.0);
            assert!(now.abs() <= 2.83, "{now} at {i}");
            assert!((next - now).abs() < 0.3, "{now} to {next} at {i}");
        }
    }
}
