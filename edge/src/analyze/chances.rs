//! Many people in one video: each is a chance of a false alarm.

use unmask_shared::calibration::Calibration;
use unmask_shared::quality::Quality;
use unmask_shared::verdict::{Reason, SequentialTest, Verdict, VerdictConfig, VerdictError};

use super::TrackReport;
use super::video::LOGITS_MAX;

/// Of a frame that counted.
const GOOD: Quality = Quality {
    sharpness: f32::MAX,
    luma: 0.5,
    face_px: f32::MAX,
    turn_deg: 0.0,
    pitch_deg: 0.0,
    contrast: 1.0,
};

/// Takes back the flags of those whose evidence is too little among so many people, so that the
/// rate of false alarms is that of a file, however many it shows (Bonferroni). Tracks have their
/// raw scores.
///
/// # Errors
/// When the rules are out of range.
pub(super) fn take_back(
    tracks: &mut [TrackReport],
    rules: VerdictConfig,
    calibration: Calibration,
) -> Result<(), VerdictError> {
    let is_judged = |track: &&TrackReport| match track.verdict {
        Verdict::Undecided => track.reason == Some(Reason::Inconclusive),
        Verdict::Genuine | Verdict::Manipulated => true,
    };
    let among = tracks.iter().filter(is_judged).count().max(1);
    let rules = VerdictConfig {
        false_alarm: rules.false_alarm / among as f32,
        ..rules
    };
    for track in tracks.iter_mut() {
        if among == 1 || track.verdict != Verdict::Manipulated {
            continue;
        }
        // A flag whose scores were not all kept stands: what decided may be among the others.
        let known = track.logits.as_deref().unwrap_or_default();
        let is_whole = (1..LOGITS_MAX).contains(&known.len());
        if is_whole && !is_flagged(known, rules, calibration)? {
            track.verdict = Verdict::Undecided;
            track.reason = Some(Reason::Inconclusive);
        }
    }
    Ok(())
}

/// Whether these scores, in order, ever make a face manipulated.
fn is_flagged(
    logits: &[f32],
    rules: VerdictConfig,
    calibration: Calibration,
) -> Result<bool, VerdictError> {
    let mut test = SequentialTest::new(rules, calibration)?;
    let mut verdicts = logits.iter().map(|logit| test.push(*logit, &GOOD));
    Ok(verdicts.any(|verdict| verdict == Verdict::Manipulated))
}

#[cfg(test)]
mod tests {
    use unmask_shared::geometry::FaceBox;

    use super::*;

    const RULES: VerdictConfig = VerdictConfig {
        false_alarm: 0.01,
        miss: 0.05,
        frame_weight: 1.0,
        frames_min: 1,
        quality: unmask_shared::quality::QualityLimits {
            face_px_min: 1.0,
            sharpness_min: 0.0,
            luma_min: 0.0,
            turn_deg_max: 90.0,
            pitch_deg_max: 90.0,
            contrast_min: 0.0,
        },
        tracks: None,
    };

    fn track(verdict: Verdict, logits: &[f32]) -> TrackReport {
        TrackReport {
            id: 1,
            first_frame: 0,
            last_frame: 9,
            frames: logits.len() as u32,
            coverage: 1.0,
            score: Some(0.99),
            mean_score: None,
            face_px: 90.0,
            bbox: FaceBox::default(),
            logits: Some(logits.to_vec()),
            verdict,
            reason: None,
        }
    }

    /// A flag takes ln(0.95 / 0.01) = 4.55 nats, among ten people ln(0.95 / 0.001) = 6.86, among a
    /// hundred 9.16.
    #[test]
    fn the_more_people_the_more_evidence() {
        let calibration = Calibration {
            scale: 1.0,
            bias: 0.0,
            llr_max: 10.0,
        };
        for (others, nats, wanted) in [
            (0, 4.6, Verdict::Manipulated),
            (9, 4.6, Verdict::Undecided),
            (9, 6.8, Verdict::Undecided),
            (9, 6.9, Verdict::Manipulated),
            (99, 9.1, Verdict::Undecided),
            (99, 9.2, Verdict::Manipulated),
        ] {
            let mut tracks = vec![track(Verdict::Manipulated, &[nats / 2.0; 2])];
            tracks.extend((0..others).map(|_| track(Verdict::Genuine, &[-3.0; 2])));
            take_back(&mut tracks, RULES, calibration).unwrap();
            assert_eq!(tracks[0].verdict, wanted, "{nats} among {others}");
            assert!(
                tracks[1..]
                    .iter()
                    .all(|other| other.verdict == Verdict::Genuine)
            );
        }
    }

    /// An hour of genuine frames fills what is kept, then the face is swapped: the flag stands.
    #[test]
    fn a_flag_whose_scores_were_not_all_kept_stands() {
        let calibration = Calibration {
            scale: 1.0,
            bias: 0.0,
            llr_max: 10.0,
        };
        for (kept, wanted) in [
            (LOGITS_MAX, Verdict::Manipulated),
            (LOGITS_MAX - 1, Verdict::Undecided),
            (0, Verdict::Manipulated),
        ] {
            let mut tracks = vec![track(Verdict::Manipulated, &vec![-3.0; kept])];
            tracks.push(track(Verdict::Genuine, &[-3.0; 2]));
            take_back(&mut tracks, RULES, calibration).unwrap();
            assert_eq!(tracks[0].verdict, wanted, "{kept}");
        }
    }

    /// Who could not be judged was no chance.
    #[test]
    fn patterns_and_glimpses_do_not_count() {
        let calibration = Calibration {
            scale: 1.0,
            bias: 0.0,
            llr_max: 10.0,
        };
        let mut tracks = vec![track(Verdict::Manipulated, &[2.3; 2])];
        for reason in [Reason::NotAFace, Reason::TooShort, Reason::Dark] {
            let mut other = track(Verdict::Undecided, &[]);
            other.reason = Some(reason);
            tracks.extend(std::iter::repeat_n(other, 9));
        }
        take_back(&mut tracks, RULES, calibration).unwrap();
        assert_eq!(tracks[0].verdict, Verdict::Manipulated);
    }
}
