use super::*;

const SHARP: Quality = Quality {
    sharpness: 20.0,
    luma: 0.5,
    face_px: 120.0,
    turn_deg: 0.0,
    pitch_deg: 0.0,
    contrast: 0.2,
};

fn test() -> SequentialTest {
    let calibration = Calibration::default();
    SequentialTest::new(VerdictConfig::default(), calibration).expect("defaults are valid")
}

/// Frames that were too dark, among others that were judged, before or after them.
#[test]
fn what_was_not_seen_does_not_speak_for_genuine() {
    let dark = Quality {
        luma: 0.01,
        ..SHARP
    };
    let told = |clear: u32, unclear: u32, logit: f32| {
        let mut test = test();
        for at in 0..clear + unclear {
            let quality = if at < clear { SHARP } else { dark };
            test.push(logit, &quality);
        }
        (test.verdict(), test.reason(), test.coverage())
    };
    assert_eq!(told(300, 300, -3.0), (Verdict::Genuine, None, 0.5));
    let (verdict, reason, coverage) = told(300, 301, -3.0);
    assert_eq!(verdict, Verdict::Undecided);
    assert_eq!(reason, Some(Reason::Dark));
    assert!(coverage < 0.5 && coverage > 0.49, "{coverage}");
    // It takes nothing away from the other verdict.
    assert_eq!(told(300, 600, 3.0).0, Verdict::Manipulated);
}

#[test]
fn bounds_are_walds() {
    let config = VerdictConfig {
        false_alarm: 0.01,
        miss: 0.05,
        ..VerdictConfig::default()
    };
    let (genuine_at, manipulated_at) = config.bounds();
    // python: math.log(.05/.99), math.log(.95/.01)
    assert!((genuine_at + 2.985_682).abs() < 1e-5, "{genuine_at}");
    assert!(
        (manipulated_at - 4.553_877).abs() < 1e-5,
        "{manipulated_at}"
    );
}

#[test]
fn a_verdict_needs_the_least_number_of_frames() {
    let mut test = test();
    assert_eq!(test.reason(), Some(Reason::NoFace));
    for _ in 0..4 {
        assert_eq!(test.push(50.0, &SHARP), Verdict::Undecided);
        assert_eq!(test.reason(), Some(Reason::TooShort));
    }
    assert_eq!(test.push(50.0, &SHARP), Verdict::Manipulated);
    assert_eq!(test.reason(), None);
    assert!(test.score().is_some_and(|score| score.value() > 0.98));
}

#[test]
fn a_changed_person_is_seen_however_long_the_track() {
    let mut test = test();
    for _ in 0..100_000 {
        test.push(-3.0, &SHARP);
    }
    assert_eq!(test.verdict(), Verdict::Genuine);
    // From bound to bound: 7.54 nats at 0.25 * 3 a frame.
    let needed = (0..1000).take_while(|_| test.push(3.0, &SHARP) == Verdict::Genuine);
    assert_eq!(needed.count() + 1, 11);
    assert_eq!(test.verdict(), Verdict::Manipulated);
    test.reset();
    assert_eq!((test.verdict(), test.frames()), (Verdict::Undecided, 0));
}

#[test]
fn what_is_not_a_number_says_nothing() {
    let mut test = test();
    for logit in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for _ in 0..50 {
            assert_eq!(test.push(logit, &SHARP), Verdict::Undecided);
        }
    }
    assert_eq!((test.frames(), test.frames_not_finite()), (0, 150));
    assert_eq!(test.llr(), 0.0);
    assert_eq!(test.reason(), Some(Reason::Inconclusive));
}

#[test]
fn the_commonest_lack_is_the_reason() {
    let mut test = test();
    let small = Quality {
        face_px: 10.0,
        ..SHARP
    };
    test.push(9.0, &SHARP);
    test.push(9.0, &small);
    test.push(9.0, &small);
    test.skip(Reason::Turned);
    assert_eq!(test.reason(), Some(Reason::TooSmall));
    assert_eq!((test.frames(), test.frames_skipped()), (1, 3));
}

#[test]
fn evidence_in_between_is_inconclusive() {
    let mut test = test();
    for _ in 0..200 {
        test.push(0.5, &SHARP);
        test.push(-0.5, &SHARP);
    }
    assert_eq!(test.reason(), Some(Reason::Inconclusive));
    assert_eq!(test.score().map(Score::value), Some(0.5));
}

/// Wald's bounds as probabilities: 1 / (1 + .01 / .95) = .989583, 1 / (1 + .99 / .05) = .048077.
#[test]
fn the_score_agrees_with_the_verdict_while_the_evidence_recedes() {
    let mut test = test();
    let score = |test: &SequentialTest| test.score().map(Score::value);
    assert_eq!((score(&test), test.mean_score()), (None, None));
    for _ in 0..3 {
        test.push(-3.0, &SHARP);
    }
    assert_eq!(score(&test), None, "too short");
    for _ in 0..100 {
        test.push(-3.0, &SHARP);
    }
    assert!((score(&test).unwrap_or(1.0) - 0.048_077).abs() < 1e-5);
    while test.push(3.0, &SHARP) != Verdict::Manipulated {}
    assert!((score(&test).unwrap_or(0.0) - 0.989_583).abs() < 1e-5);
    // The mean of the frames is another quantity: most of them looked genuine.
    assert!(test.mean_score().is_some_and(|score| score.value() < 0.15));
    while test.llr() > -2.0 {
        assert_eq!(test.push(-1.0, &SHARP), Verdict::Manipulated);
        assert!((score(&test).unwrap_or(0.0) - 0.989_583).abs() < 1e-5);
    }
    let blurred = Quality {
        sharpness: 0.0,
        ..SHARP
    };
    let mut unseen = test.clone();
    unseen.reset();
    for _ in 0..20 {
        unseen.push(-3.0, &SHARP);
        unseen.push(-3.0, &blurred);
        unseen.push(-3.0, &blurred);
    }
    assert_eq!(
        (unseen.verdict(), score(&unseen)),
        (Verdict::Undecided, None)
    );
}

#[test]
fn other_settings_count_from_the_next_frame_on() {
    let mut test = test();
    for _ in 0..5 {
        test.push(2.0, &SHARP);
    }
    assert_eq!((test.verdict(), test.llr()), (Verdict::Undecided, 2.5));
    // ln(0.95 / 0.2) = 1.56: what was collected is enough.
    let lenient = VerdictConfig {
        false_alarm: 0.2,
        ..VerdictConfig::default()
    };
    test.configure(lenient).expect("in range");
    assert_eq!(test.verdict(), Verdict::Undecided);
    assert_eq!(test.push(0.0, &SHARP), Verdict::Manipulated);
    let before = test.clone();
    let wrong = VerdictConfig {
        frames_min: 0,
        ..lenient
    };
    assert_eq!(test.configure(wrong), Err(VerdictError::FramesMin));
    assert_eq!(test, before);
}

#[test]
fn a_model_that_means_nothing_is_refused() {
    let model = TrackModel {
        genuine_mean: 0.0,
        genuine_spread: 1.0,
        manipulated_mean: 2.0,
        manipulated_spread: 1.0,
        frame_spread: 1.0,
        correlation_frames: 5.0,
        effective_max: 10.0,
        window_frames: 100,
    };
    let with = |tracks| VerdictConfig {
        tracks: Some(tracks),
        ..VerdictConfig::default()
    };
    assert_eq!(with(model).check(), Ok(()));
    let wrong = TrackModel {
        manipulated_mean: -1.0,
        ..model
    };
    assert_eq!(with(wrong).check(), Err(VerdictError::Tracks));
}

#[test]
fn settings_out_of_range_are_named() {
    let good = VerdictConfig::default();
    for value in [0.0, 0.5, -1.0, f32::NAN] {
        let config = VerdictConfig {
            miss: value,
            ..good
        };
        let error = config.check().expect_err("out of range");
        assert!(matches!(error, VerdictError::Rate { name: "miss", .. }));
    }
    let config = VerdictConfig {
        frame_weight: 1.5,
        ..good
    };
    assert_eq!(config.check(), Err(VerdictError::FrameWeight(1.5)));
}

const TRACKS: TrackModel = TrackModel {
    genuine_mean: -2.0,
    genuine_spread: 0.6,
    manipulated_mean: 1.5,
    manipulated_spread: 0.8,
    frame_spread: 1.5,
    correlation_frames: 20.0,
    effective_max: 40.0,
    window_frames: 50,
};

fn of_tracks() -> SequentialTest {
    let config = VerdictConfig {
        tracks: Some(TRACKS),
        ..VerdictConfig::default()
    };
    SequentialTest::new(config, Calibration::default()).expect("in range")
}

/// The track as a whole stays genuine for long; the latest frames by themselves do not.
#[test]
fn a_change_of_person_begins_the_track_anew() {
    let mut test = of_tracks();
    for _ in 0..1000 {
        test.push(-2.0, &SHARP);
    }
    assert_eq!(test.verdict(), Verdict::Genuine);
    let same = (0..200).take_while(|_| test.push(2.5, &SHARP) == Verdict::Genuine);
    // The window is full of the new person.
    assert_eq!(same.count() + 1, 50);
    assert_eq!(test.verdict(), Verdict::Manipulated);
    // The thousand frames before are forgotten: what comes after is of the latest alone.
    for _ in 0..10 {
        test.push(2.5, &SHARP);
    }
    assert_eq!(test.verdict(), Verdict::Manipulated);
    assert_eq!(test.llr(), VerdictConfig::default().bounds().1);
}

/// What agrees with the verdict takes nothing away: 300 frames of little evidence after as many
/// of much leave a mean in between.
#[test]
fn latest_frames_that_agree_do_not_begin_the_track_anew() {
    let mut test = of_tracks();
    for _ in 0..300 {
        test.push(-4.0, &SHARP);
    }
    for _ in 0..300 {
        test.push(-1.0, &SHARP);
    }
    let (_, mean_score) = (test.verdict(), test.mean_score().map(Score::value));
    assert_eq!(test.verdict(), Verdict::Genuine);
    assert!(mean_score.is_some_and(|score| (score - sigmoid(-2.5)).abs() < 1e-5));
    assert_eq!(test.track.whole(&TRACKS), TRACKS.llr(-2.5, 600) as f32);
}

/// As many frames as are needed say something, and one that could not be judged for each
/// that could leaves it at that.
#[test]
fn just_enough_frames_are_enough() {
    let mut test = test();
    for _ in 0..5 {
        test.push(0.0, &SHARP);
    }
    assert_eq!(test.reason(), Some(Reason::Inconclusive));
    assert_eq!(test.score().map(Score::value), Some(0.5));
    for _ in 0..5 {
        test.skip(Reason::Dark);
    }
    assert_eq!(test.reason(), Some(Reason::Inconclusive));
    assert_eq!(test.score().map(Score::value), Some(0.5));
    test.skip(Reason::Dark);
    assert_eq!(test.reason(), Some(Reason::Dark));
    assert_eq!(test.score(), None);
}

#[test]
fn a_verdict_that_may_not_be_told_has_no_score() {
    let mut genuine = test();
    for _ in 0..20 {
        genuine.push(-3.0, &SHARP);
    }
    assert_eq!(genuine.verdict(), Verdict::Genuine);
    for _ in 0..21 {
        genuine.push(f32::NAN, &SHARP);
    }
    assert_eq!(genuine.reason(), Some(Reason::Inconclusive));
    assert_eq!(
        (genuine.verdict(), genuine.score()),
        (Verdict::Undecided, None)
    );
    let mut short = test();
    short.push(0.0, &SHARP);
    short.push(f32::NAN, &SHARP);
    assert_eq!(short.reason(), Some(Reason::Inconclusive));
    assert_eq!(short.score(), None);
}

#[test]
fn every_setting_has_its_range() {
    let good = VerdictConfig::default();
    let check = |change: fn(&mut VerdictConfig)| {
        let mut config = good;
        change(&mut config);
        config.check()
    };
    assert_eq!(check(|config| config.frame_weight = 1.0), Ok(()));
    assert_eq!(check(|config| config.frames_min = 1), Ok(()));
    let weightless = check(|config| config.frame_weight = 0.0);
    assert_eq!(weightless, Err(VerdictError::FrameWeight(0.0)));
    let unclear = check(|config| config.quality.luma_min = -1.0);
    assert_eq!(unclear, Err(VerdictError::Quality));
    for value in [0.0, 0.5] {
        let mut config = good;
        config.false_alarm = value;
        let name = "false_alarm";
        assert_eq!(config.check(), Err(VerdictError::Rate { name, value }));
    }
}

#[test]
fn verdicts_reasons_and_scores_have_words() {
    use std::string::ToString;
    let words = [
        (Verdict::Genuine, "genuine"),
        (Verdict::Manipulated, "manipulated"),
        (Verdict::Undecided, "undecided"),
    ];
    for (verdict, word) in words {
        assert_eq!(verdict.to_string(), word);
    }
    let all: std::collections::BTreeSet<_> = Reason::ALL.iter().map(Reason::to_string).collect();
    assert_eq!(all.len(), Reason::ALL.len());
    assert!(all.iter().all(|word| !word.is_empty()));
    assert_eq!(Reason::Other(9).to_string(), "of a later release");
    let even = Score::from_llr(0.0).expect("a number");
    assert_eq!(even.to_string(), "0.5");
    assert_eq!(Score::from_llr(f32::NAN), None);
}
