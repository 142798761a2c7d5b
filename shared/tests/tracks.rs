//! The promises of the verdict on tracks whose frames resemble each other and whose videos
//! differ, on simulated faces.

use unmask_shared::{Calibration, Quality, SequentialTest, TrackModel, Verdict, VerdictConfig};

const SHARP: Quality = Quality {
    sharpness: 20.0,
    luma: 0.5,
    face_px: 120.0,
    turn_deg: 0.0,
    pitch_deg: 0.0,
    contrast: 0.2,
};

const MODEL: TrackModel = TrackModel {
    genuine_mean: -2.0,
    genuine_spread: 0.6,
    manipulated_mean: 1.5,
    manipulated_spread: 1.0,
    frame_spread: 1.2,
    correlation_frames: 19.0,
    effective_max: 50.0,
    window_frames: 150,
};

/// Normal deviates from a counter.
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

/// Logits of one video: around a mean of its own, each frame like the one before.
struct Video {
    mean: f64,
    deviation: f64,
}

impl Video {
    /// A first-order autoregression with this coefficient is worth one independent frame in
    /// (1 + c) / (1 - c) = 19.
    const COEFFICIENT: f64 = 0.9;

    fn new(manipulated: bool, normal: &mut Normal) -> Self {
        let (mean, spread) = if manipulated {
            (MODEL.manipulated_mean, MODEL.manipulated_spread)
        } else {
            (MODEL.genuine_mean, MODEL.genuine_spread)
        };
        Self {
            mean: f64::from(mean) + f64::from(spread) * normal.next(),
            deviation: normal.next(),
        }
    }

    fn next(&mut self, normal: &mut Normal) -> f32 {
        let logit = self.mean + f64::from(MODEL.frame_spread) * self.deviation;
        let fresh = (1.0 - Self::COEFFICIENT * Self::COEFFICIENT).sqrt();
        self.deviation = Self::COEFFICIENT * self.deviation + fresh * normal.next();
        logit as f32
    }
}

fn test(tracks: Option<TrackModel>) -> SequentialTest {
    let config = VerdictConfig {
        frame_weight: 0.1,
        tracks,
        ..VerdictConfig::default()
    };
    let calibration = Calibration {
        llr_max: 1e6,
        ..Calibration::default()
    };
    SequentialTest::new(config, calibration).expect("settings are valid")
}

const VIDEOS: u32 = 6000;

/// Shares of videos that are called genuine, manipulated and neither after so many frames.
fn verdicts(tracks: Option<TrackModel>, manipulated: bool, frames: u32) -> [f64; 3] {
    let mut normal = Normal(3);
    let mut counts = [0_u32; 3];
    for _ in 0..VIDEOS {
        let mut test = test(tracks);
        let mut video = Video::new(manipulated, &mut normal);
        for _ in 0..frames {
            test.push(video.next(&mut normal), &SHARP);
        }
        counts[match test.verdict() {
            Verdict::Genuine => 0,
            Verdict::Manipulated => 1,
            Verdict::Undecided => 2,
        }] += 1;
    }
    counts.map(|count| f64::from(count) / f64::from(VIDEOS))
}

/// With the spread between videos in the model, what is allowed holds at every length. The
/// sum of weighted frames calls a video by the sign of its mean instead.
#[test]
fn the_stated_rates_hold_for_videos_where_adding_frames_up_fails() {
    let config = VerdictConfig::default();
    let (false_alarm, miss) = (f64::from(config.false_alarm), f64::from(config.miss));
    let (alarms, misses) = (false_alarm / (1.0 - miss), miss / (1.0 - false_alarm));
    let slack = |rate: f64| 3.0 * (rate * (1.0 - rate) / f64::from(VIDEOS)).sqrt();
    for frames in [30, 300, 1500] {
        let [genuine, alarmed, _] = verdicts(Some(MODEL), false, frames);
        assert!(
            alarmed <= alarms + slack(alarms),
            "{alarmed} of genuine videos of {frames} frames are called manipulated"
        );
        let [missed, found, _] = verdicts(Some(MODEL), true, frames);
        assert!(
            missed <= misses + slack(misses),
            "{missed} of manipulated videos of {frames} frames are called genuine"
        );
        if frames >= 300 {
            assert!(genuine > 0.75 && found > 0.75, "{genuine} {found}");
        }
    }
    let [missed, _, undecided] = verdicts(None, true, 1500);
    assert!(
        missed > 1.3 * misses && undecided < 0.01,
        "{missed} {undecided}"
    );
}

/// Where videos of both classes overlap, what cannot be told stays undecided however long it
/// is watched.
#[test]
fn what_videos_cannot_tell_stays_undecided() {
    let near = TrackModel {
        manipulated_mean: -0.8,
        ..MODEL
    };
    let mut normal = Normal(9);
    let (mut undecided, mut summed) = (0, 0);
    for _ in 0..300 {
        let mean = -1.4 + 0.6 * normal.next();
        let (mut with, mut without) = (test(Some(near)), test(None));
        for _ in 0..3000 {
            let logit = (mean + normal.next()) as f32;
            with.push(logit, &SHARP);
            without.push(logit, &SHARP);
        }
        undecided += u32::from(with.verdict() == Verdict::Undecided);
        summed += u32::from(without.verdict() == Verdict::Undecided);
    }
    assert!(undecided > 200 && summed < 10, "{undecided} {summed}");
}

#[test]
fn a_glimpse_does_not_overrule_a_track() {
    for glimpse in [15, 40] {
        let mut test = test(Some(MODEL));
        for _ in 0..1350 {
            test.push(-2.0, &SHARP);
        }
        assert_eq!(test.verdict(), Verdict::Genuine);
        for _ in 0..glimpse {
            assert_eq!(test.push(4.0, &SHARP), Verdict::Genuine);
        }
        for _ in 0..1000 {
            assert_eq!(test.push(-2.0, &SHARP), Verdict::Genuine);
        }
    }
}

#[test]
fn a_changed_person_is_seen_however_long_the_track() {
    for (frames, window) in [(1350_u32, 150_u32), (200_000, 150)] {
        let mut test = test(Some(MODEL));
        for _ in 0..frames {
            test.push(-2.0, &SHARP);
        }
        assert_eq!(test.verdict(), Verdict::Genuine);
        let mut needed = 0;
        while test.push(2.0, &SHARP) == Verdict::Genuine && needed < 10_000 {
            needed += 1;
        }
        assert!((40..2 * window).contains(&needed), "{needed} frames");
        assert_eq!(test.verdict(), Verdict::Manipulated);
        // And back.
        let mut needed = 0;
        while test.push(-2.5, &SHARP) == Verdict::Manipulated && needed < 10_000 {
            needed += 1;
        }
        assert!(needed < 2 * window, "{needed} frames back");
    }
}

/// An hour of a genuine person in front of a device, and a thousand of them: later windows
/// are new chances for a false alarm, but not many.
#[test]
fn hours_bring_few_alarms_more() {
    let mut normal = Normal(21);
    let (people, mut alarms) = (300, 0);
    for _ in 0..people {
        let mut test = test(Some(MODEL));
        let mut video = Video::new(false, &mut normal);
        let mut alarmed = false;
        for _ in 0..18_000 {
            alarmed |= test.push(video.next(&mut normal), &SHARP) == Verdict::Manipulated;
        }
        alarms += u32::from(alarmed);
    }
    assert!(
        alarms <= 9,
        "{alarms} of {people} hours at 5 decisions a second"
    );
}
