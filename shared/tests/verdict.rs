//! The promises of the sequential test, on simulated faces.

use proptest::prelude::*;
use unmask_shared::{Calibration, Quality, Reason, Score, SequentialTest, Verdict, VerdictConfig};

const SHARP: Quality = Quality {
    sharpness: 20.0,
    luma: 0.5,
    face_px: 120.0,
    turn_deg: 0.0,
    pitch_deg: 0.0,
    contrast: 0.2,
};

/// Normal deviates from a counter: reproducible, and no crate is needed.
struct Normal(u64);

impl Normal {
    fn uniform(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

/// Share of tracks whose first verdict is wrong, and mean frames to it.
///
/// Logits are normal with the mean `±separation^2 / 2` and the standard
/// deviation `separation`, for which the logit is the exact log-likelihood
/// ratio.
fn first_verdicts(config: VerdictConfig, separation: f64, swapped: bool) -> (f64, f64) {
    let calibration = Calibration {
        llr_max: 1e6,
        ..Calibration::default()
    };
    let wrong_verdict = if swapped {
        Verdict::Genuine
    } else {
        Verdict::Manipulated
    };
    let sign = if swapped { 0.5 } else { -0.5 };
    let mut normal = Normal(7);
    let tracks = 20_000;
    let (mut wrong, mut frames) = (0, 0_u64);
    for _ in 0..tracks {
        let mut test = SequentialTest::new(config, calibration).expect("settings are valid");
        while test.verdict() == Verdict::Undecided && test.frames() < 10_000 {
            let logit = sign * separation * separation + separation * normal.next();
            test.push(logit as f32, &SHARP);
        }
        assert_ne!(
            test.verdict(),
            Verdict::Undecided,
            "no verdict in 10,000 frames"
        );
        wrong += u64::from(test.verdict() == wrong_verdict);
        frames += u64::from(test.frames());
    }
    (
        wrong as f64 / f64::from(tracks),
        frames as f64 / f64::from(tracks),
    )
}

#[test]
fn error_rates_stay_within_what_was_allowed() {
    for (false_alarm, miss) in [(0.01, 0.05), (0.05, 0.05), (0.1, 0.02)] {
        for (separation, frames_min) in [(0.3, 1), (1.0, 1), (1.0, 8)] {
            let config = VerdictConfig {
                false_alarm,
                miss,
                frame_weight: 1.0,
                frames_min,
                ..VerdictConfig::default()
            };
            let (alarms, _) = first_verdicts(config, separation, false);
            let (misses, _) = first_verdicts(config, separation, true);
            // Wald's inequalities, and three standard errors of 20,000 tracks.
            let (alarm_limit, miss_limit) = (
                f64::from(false_alarm) / (1.0 - f64::from(miss)),
                f64::from(miss) / (1.0 - f64::from(false_alarm)),
            );
            let slack = |rate: f64| 3.0 * (rate * (1.0 - rate) / 20_000.0).sqrt();
            assert!(
                alarms <= alarm_limit + slack(alarm_limit),
                "{config:?}: {alarms} false alarms, {alarm_limit} allowed"
            );
            assert!(
                misses <= miss_limit + slack(miss_limit),
                "{config:?}: {misses} misses, {miss_limit} allowed"
            );
        }
    }
}

#[test]
fn the_test_is_as_quick_as_theory_says() {
    // Wald: E[frames] is about ((1-m) ln A + m ln B) / E[llr] for swapped
    // faces; small steps leave little overshoot.
    let config = VerdictConfig {
        false_alarm: 0.01,
        miss: 0.01,
        frame_weight: 1.0,
        frames_min: 1,
        ..VerdictConfig::default()
    };
    let (_, frames) = first_verdicts(config, 0.3, true);
    let expected = (0.99 * 99.0_f64.ln() - 0.01 * 99.0_f64.ln()) / (0.5 * 0.09);
    assert!(
        (frames / expected - 1.0).abs() < 0.15,
        "{frames} frames, {expected} expected"
    );
}

#[test]
fn correlated_frames_count_less() {
    // Every frame comes four times; with a quarter of the weight the promise
    // holds all the same.
    let config = VerdictConfig {
        false_alarm: 0.02,
        miss: 0.02,
        frame_weight: 0.25,
        frames_min: 1,
        ..VerdictConfig::default()
    };
    let calibration = Calibration {
        llr_max: 1e6,
        ..Calibration::default()
    };
    let mut normal = Normal(11);
    let mut wrong = 0;
    for _ in 0..10_000 {
        let mut test = SequentialTest::new(config, calibration).expect("settings are valid");
        while test.verdict() == Verdict::Undecided {
            let logit = (-0.5 + normal.next()) as f32;
            for _ in 0..4 {
                test.push(logit, &SHARP);
            }
        }
        wrong += i32::from(test.verdict() == Verdict::Manipulated);
    }
    assert!(
        wrong <= 250,
        "{wrong} false alarms in 10,000 tracks, 2 % allowed"
    );
}

proptest! {
    #[test]
    fn evidence_stays_within_the_bounds(
        false_alarm in 0.0001_f32..0.4,
        miss in 0.0001_f32..0.4,
        frame_weight in 0.01_f32..1.0,
        frames_min in 1_u16..20,
        logits in prop::collection::vec(any::<f32>(), 0..200),
    ) {
        let config = VerdictConfig { false_alarm, miss, frame_weight, frames_min,
            ..VerdictConfig::default() };
        let (genuine_at, manipulated_at) = config.bounds();
        let mut test = SequentialTest::new(config, Calibration::default()).expect("valid");
        let mut before = Verdict::Undecided;
        for logit in logits {
            let verdict = test.push(logit, &SHARP);
            prop_assert!(test.llr().is_finite());
            if test.frames() >= u32::from(frames_min) {
                prop_assert!((genuine_at..=manipulated_at).contains(&test.llr()));
            }
            match verdict {
                Verdict::Undecided => prop_assert_eq!(before, Verdict::Undecided),
                _ if verdict != before => {
                    let bound = if verdict == Verdict::Genuine { genuine_at } else { manipulated_at };
                    prop_assert_eq!(test.llr(), bound);
                }
                _ => {}
            }
            prop_assert_eq!(test.reason().is_some(), verdict == Verdict::Undecided);
            let score = test.score().map(Score::value);
            match verdict {
                Verdict::Manipulated => prop_assert!(score.is_some_and(|score| score > 0.5)),
                Verdict::Genuine => prop_assert!(score.is_some_and(|score| score < 0.5)),
                Verdict::Undecided => {
                    let is_told = test.reason() == Some(Reason::Inconclusive);
                    prop_assert!(is_told || score.is_none());
                }
            }
            before = verdict;
        }
    }
}
