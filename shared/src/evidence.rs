//! What a whole track says: frames of one video resemble each other, and videos of one class
//! differ, so that watching longer helps only so far.

use libm::{log, sqrt};
use serde::{Deserialize, Serialize};

/// How calibrated frames (log-likelihood ratios in nats, see
/// [`Calibration::llr`](crate::calibration::Calibration::llr)) vary within and between videos.
/// A random effects model, fitted on videos of people that no training saw:
///
/// - the mean of a video is normal around its class's mean with the class's spread;
/// - a frame is normal around its video's mean with [`Self::frame_spread`];
/// - `n` frames are worth `1 + (n - 1) / correlation_frames` independent ones, at most
///   [`Self::effective_max`].
///
/// The mean over a track of so many frames is all that the track tells of its class, and the
/// ratio of its two densities is in closed form ([`Self::llr`]).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackModel {
    /// Mean over genuine videos, nats.
    pub genuine_mean: f32,
    /// Standard deviation between genuine videos, nats, above 0.
    pub genuine_spread: f32,
    /// Mean over manipulated videos, nats, above that of genuine ones.
    pub manipulated_mean: f32,
    /// Standard deviation between manipulated videos, nats, above 0.
    pub manipulated_spread: f32,
    /// Standard deviation of frames within a video, nats, at least 0.
    pub frame_spread: f32,
    /// Frames that say as much as one independent frame, at least 1.
    pub correlation_frames: f32,
    /// Most independent frames that a track is worth, at least 1.
    pub effective_max: f32,
    /// Frames of the window in which a change of person shows, at least 1. A glimpse that is
    /// shorter never overrules a longer track.
    pub window_frames: u16,
}

impl TrackModel {
    /// Whether all numbers are in their ranges.
    pub fn is_valid(&self) -> bool {
        let numbers = [
            self.genuine_mean,
            self.genuine_spread,
            self.manipulated_mean,
            self.manipulated_spread,
            self.frame_spread,
            self.correlation_frames,
            self.effective_max,
        ];
        numbers.iter().all(|number| number.is_finite())
            && self.genuine_spread > 0.0
            && self.manipulated_spread > 0.0
            && self.manipulated_mean > self.genuine_mean
            && self.frame_spread >= 0.0
            && self.correlation_frames >= 1.0
            && self.effective_max >= 1.0
            && self.window_frames >= 1
    }

    /// Independent frames that `frames` neighbouring ones are worth, 0 for none.
    pub fn effective(&self, frames: u32) -> f64 {
        if frames == 0 {
            return 0.0;
        }
        let further = f64::from(frames - 1) / f64::from(self.correlation_frames);
        (1.0 + further).min(self.effective_max.into())
    }

    /// Log-likelihood ratio in nats of a track whose `frames` frames have this mean:
    /// `ln N(mean; manipulated) / N(mean; genuine)`, each with the variance between videos
    /// and that of the mean over the effective frames. 0 for no frame; NaN in, NaN out.
    ///
    /// It never falls where the mean grows. With unequal spreads the ratio of the normal
    /// densities turns round far out; there it stays what it was at the turn.
    pub fn llr(&self, mean: f64, frames: u32) -> f64 {
        let effective = self.effective(frames);
        if effective <= 0.0 {
            return 0.0;
        }
        let square = |spread: f32| f64::from(spread) * f64::from(spread);
        let within = square(self.frame_spread) / effective;
        let genuine = square(self.genuine_spread) + within;
        let manipulated = square(self.manipulated_spread) + within;
        let (at_genuine, at_manipulated) = (
            f64::from(self.genuine_mean),
            f64::from(self.manipulated_mean),
        );
        let mean = if manipulated == genuine {
            mean
        } else {
            // Where the derivative of the ratio is zero.
            let turn =
                (at_genuine * manipulated - at_manipulated * genuine) / (manipulated - genuine);
            if manipulated > genuine {
                mean.max(turn)
            } else {
                mean.min(turn)
            }
        };
        let from = |centre: f64, variance: f64| (mean - centre) * (mean - centre) / variance;
        let wider = log(genuine / manipulated);
        0.5 * (from(at_genuine, genuine) - from(at_manipulated, manipulated) + wider)
    }

    /// Standard deviation in nats of the mean of `frames` frames around its class's mean.
    pub fn spread(&self, manipulated: bool, frames: u32) -> f64 {
        let between = f64::from(if manipulated {
            self.manipulated_spread
        } else {
            self.genuine_spread
        });
        let within = f64::from(self.frame_spread);
        sqrt(between * between + within * within / self.effective(frames).max(1.0))
    }
}

/// Mean of some frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    llr: f64,
    frames: u32,
}

impl Sum {
    fn add(&mut self, llr: f32) {
        self.llr += f64::from(llr);
        self.frames = self.frames.saturating_add(1);
    }

    fn and(self, other: Self) -> Self {
        Self {
            llr: self.llr + other.llr,
            frames: self.frames.saturating_add(other.frames),
        }
    }

    fn evidence(self, model: &TrackModel) -> f32 {
        model.llr(self.llr / f64::from(self.frames.max(1)), self.frames) as f32
    }
}

/// Frames of one track, summed up: all of them, and the latest by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TrackEvidence {
    whole: Sum,
    /// The block of the window that is being filled, and the one before it.
    latest: Sum,
    before: Sum,
}

impl TrackEvidence {
    /// Takes a frame in constant time.
    pub(crate) fn push(&mut self, llr: f32, model: &TrackModel) {
        self.whole.add(llr);
        self.latest.add(llr);
        if self.latest.frames >= u32::from(model.window_frames) {
            self.before = self.latest;
            self.latest = Sum::default();
        }
    }

    /// The track's log-likelihood ratio in nats.
    pub(crate) fn whole(&self, model: &TrackModel) -> f32 {
        self.whole.evidence(model)
    }

    /// That of the last one to two windows by themselves; `None` while they are the whole
    /// track.
    pub(crate) fn recent(&self, model: &TrackModel) -> Option<f32> {
        let recent = self.recent_sum();
        (recent.frames < self.whole.frames).then(|| recent.evidence(model))
    }

    /// Starts anew from the latest frames: they show somebody else than the earlier ones.
    pub(crate) fn forget_the_past(&mut self) {
        self.whole = self.recent_sum();
    }

    fn recent_sum(&self) -> Sum {
        self.before.and(self.latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: TrackModel = TrackModel {
        genuine_mean: -2.0,
        genuine_spread: 0.6,
        manipulated_mean: 1.5,
        manipulated_spread: 1.2,
        frame_spread: 1.5,
        correlation_frames: 20.0,
        effective_max: 40.0,
        window_frames: 150,
    };

    /// python: from scipy.stats import norm
    /// def llr(m, n):
    ///     e = min(1 + (n - 1) / 20, 40); w = 1.5 ** 2 / e
    ///     return (norm.logpdf(m, 1.5, (1.2 ** 2 + w) ** .5)
    ///             - norm.logpdf(m, -2, (.6 ** 2 + w) ** .5))
    /// [llr(m, n) for m, n in [(-2, 5), (0, 5), (0, 200), (1.5, 200), (-1, 10000), (4, 10000)]]
    #[test]
    fn the_ratio_is_that_of_two_normal_densities() {
        for (mean, frames, expected) in [
            (-2.0, 5, -2.044_770),
            (0.0, 5, 0.358_380),
            (0.0, 200, 2.319_074),
            (1.5, 200, 10.297_459),
            (-1.0, 10_000, -1.527_069),
            (4.0, 10_000, 40.514_970),
        ] {
            let found = MODEL.llr(mean, frames);
            assert!((found - expected).abs() < 1e-6, "{mean} {frames}: {found}");
        }
        assert_eq!(MODEL.llr(3.0, 0), 0.0);
    }

    #[test]
    fn evidence_never_falls_where_the_mean_grows() {
        let narrow = TrackModel {
            manipulated_spread: 0.2,
            ..MODEL
        };
        let equal = TrackModel {
            manipulated_spread: MODEL.genuine_spread,
            ..MODEL
        };
        for model in [MODEL, narrow, equal] {
            for frames in [1, 5, 30, 2000] {
                let mut before = f64::NEG_INFINITY;
                for step in -100..100 {
                    let llr = model.llr(f64::from(step) * 0.1, frames);
                    assert!(llr >= before, "{model:?} {step} {frames}");
                    before = llr;
                }
            }
        }
    }

    #[test]
    fn frames_beyond_the_cap_add_nothing() {
        assert_eq!(MODEL.effective(1), 1.0);
        assert_eq!(MODEL.effective(21), 2.0);
        assert_eq!(MODEL.effective(u32::MAX), 40.0);
        assert_eq!(MODEL.llr(0.3, 100_000), MODEL.llr(0.3, 10_000_000));
        let all = MODEL.spread(false, 1_000_000);
        assert!(
            (all - (0.36_f64 + 2.25 / 40.0).sqrt()).abs() < 1e-6,
            "{all}"
        );
    }

    #[test]
    fn the_window_is_of_the_latest_frames() {
        let mut evidence = TrackEvidence::default();
        for _ in 0..290 {
            evidence.push(-3.0, &MODEL);
        }
        assert_eq!(evidence.recent(&MODEL), None, "still the whole track");
        for _ in 0..310 {
            evidence.push(2.0, &MODEL);
        }
        let recent = evidence.recent(&MODEL).expect("more than two windows");
        assert_eq!(recent, MODEL.llr(2.0, 150) as f32);
        assert!(evidence.whole(&MODEL) < recent);
        evidence.forget_the_past();
        assert_eq!(evidence.whole(&MODEL), recent);
    }

    #[test]
    fn numbers_out_of_range_are_told() {
        assert!(MODEL.is_valid());
        for wrong in [
            TrackModel {
                manipulated_mean: -2.0,
                ..MODEL
            },
            TrackModel {
                genuine_spread: 0.0,
                ..MODEL
            },
            TrackModel {
                frame_spread: f32::NAN,
                ..MODEL
            },
            TrackModel {
                correlation_frames: 0.5,
                ..MODEL
            },
            TrackModel {
                window_frames: 0,
                ..MODEL
            },
        ] {
            assert!(!wrong.is_valid(), "{wrong:?}");
        }
    }

    /// Where the ratio of the densities turns round, by looking everywhere instead of at its
    /// derivative: beyond, the evidence stays what it is there.
    #[test]
    fn beyond_the_turn_evidence_is_the_least_or_most_of_the_ratio() {
        let narrow = TrackModel {
            manipulated_spread: 0.2,
            ..MODEL
        };
        for (model, far, is_least) in [(MODEL, -1e6, true), (narrow, 1e6, false)] {
            let within = 1.5_f64 * 1.5 / 2.0;
            let variance = |spread: f32| f64::from(spread).powi(2) + within;
            let (genuine, manipulated) = (
                variance(model.genuine_spread),
                variance(model.manipulated_spread),
            );
            let density = |mean: f64, centre: f64, variance: f64| {
                -0.5 * ((mean - centre).powi(2) / variance + variance.ln())
            };
            let ratio = |mean: f64| density(mean, 1.5, manipulated) - density(mean, -2.0, genuine);
            let everywhere = (-20_000..20_000).map(|step| ratio(f64::from(step) * 1e-3));
            let extreme = if is_least {
                everywhere.fold(f64::INFINITY, f64::min)
            } else {
                everywhere.fold(f64::NEG_INFINITY, f64::max)
            };
            let found = model.llr(far, 21);
            assert!((found - extreme).abs() < 1e-6, "{found}, {extreme}");
        }
    }

    /// sqrt(1.2^2 + 1.5^2) and sqrt(0.6^2 + 1.5^2 / 2).
    #[test]
    fn spreads_are_those_of_the_class_and_of_the_frames() {
        for (manipulated, frames, expected) in [
            (true, 1, 1.920_937),
            (false, 21, 1.218_606),
            (true, 0, 1.920_937),
        ] {
            let found = MODEL.spread(manipulated, frames);
            assert!((found - expected).abs() < 1e-6, "{frames}: {found}");
        }
    }

    #[test]
    fn limits_themselves_are_in_range_and_what_is_beyond_is_not() {
        let least = TrackModel {
            frame_spread: 0.0,
            correlation_frames: 1.0,
            effective_max: 1.0,
            window_frames: 1,
            ..MODEL
        };
        assert!(least.is_valid());
        for wrong in [
            TrackModel {
                manipulated_spread: 0.0,
                ..MODEL
            },
            TrackModel {
                frame_spread: -0.1,
                ..MODEL
            },
            TrackModel {
                effective_max: 0.9,
                ..MODEL
            },
            TrackModel {
                effective_max: f32::INFINITY,
                ..MODEL
            },
        ] {
            assert!(!wrong.is_valid(), "{wrong:?}");
        }
    }
}
