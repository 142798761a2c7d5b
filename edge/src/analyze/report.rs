//! What is reported about a path.

use std::fmt::Display;
use std::path::Path;

use serde::{Serialize, Serializer};
use unmask_shared::geometry::FaceBox;
use unmask_shared::verdict::{Reason, Verdict};

use crate::person::Person;
use crate::source::MediaKind;

/// Tracks over fewer frames do not speak for a video that has longer ones.
const FRAMES_MIN: u64 = 5;

/// The report on one path: one JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PathReport {
    /// It could be read.
    Done(MediaReport),
    /// It could not.
    Failed {
        /// The path as it was given.
        path: String,
        /// Its bytes in hex where it is no UTF-8, so that `path` is not quite it.
        #[serde(skip_serializing_if = "Option::is_none")]
        path_hex: Option<String>,
        /// What is wrong, and what to do about it.
        error: String,
    },
}

impl PathReport {
    /// A report that says why there is none.
    pub fn failed(path: &Path, error: &dyn Display) -> Self {
        Self::Failed {
            path: path.to_string_lossy().into_owned(),
            path_hex: path_hex(path),
            error: error.to_string(),
        }
    }
}

/// What was found in a picture or a video.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MediaReport {
    /// The path as it was given.
    pub path: String,
    /// Its bytes in hex where it is no UTF-8, so that `path` is not quite it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// Picture or video.
    #[serde(serialize_with = "kind_name")]
    pub kind: MediaKind,
    /// Frames that were read.
    pub frames: u64,
    /// Faces that were found.
    pub faces: usize,
    /// The score of the face in [`Self::decided_by`]; `None` where that could not be judged.
    #[serde(serialize_with = "rounded_option")]
    pub score: Option<f32>,
    /// Manipulated if any counted track is; genuine if all are, birds and patterns aside;
    /// else undecided.
    pub verdict: Verdict,
    /// Why there is no verdict.
    pub reason: Option<Reason>,
    /// Number of the face that the verdict, or the reason for none, rests on; `None` without a
    /// face.
    pub decided_by: Option<u32>,
    /// What of the file could not be read or is damaged, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// The faces, in order of appearance.
    pub tracks: Vec<TrackReport>,
    /// Whether a part of the file could not be read.
    #[serde(skip)]
    pub(super) is_cut: bool,
}

/// What is wrong with a file of which something could be read.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// For people.
    pub(super) notes: Vec<String>,
    /// Whether a part could not be read.
    pub(super) is_cut: bool,
    /// Whether that is more than half of it, or what is seen is not what was judged.
    pub(super) is_mostly_missing: bool,
}

/// What was found out about one face.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrackReport {
    /// Number of the face within the path, from 1.
    pub id: u32,
    /// First frame with the face.
    pub first_frame: u64,
    /// Last frame with the face.
    pub last_frame: u64,
    /// Frames that were judged.
    pub frames: u32,
    /// Share of them that were good enough to count, 0 to 1.
    #[serde(serialize_with = "rounded")]
    pub coverage: f32,
    /// Probability of a manipulated face, 0 to 1, from the evidence that the verdict rests on: from
    /// 0.5 on beside manipulated, up to 0.5 beside genuine. `None` where the face could not be
    /// judged.
    #[serde(serialize_with = "rounded_option")]
    pub score: Option<f32>,
    /// Mean of the judged frames as a probability, 0 to 1; it may contradict the verdict, as after a
    /// short swap. `None` for what is no face.
    #[serde(serialize_with = "rounded_option")]
    pub mean_score: Option<f32>,
    /// Width of the face in pixels, when it was last seen.
    #[serde(serialize_with = "whole_pixels")]
    pub face_px: f32,
    /// Where the face was then: left, top, width and height in pixels of the picture, of which
    /// those of wide videos are 1280 across.
    #[serde(rename = "box", serialize_with = "box_pixels")]
    pub bbox: FaceBox,
    /// The verdict on the whole track.
    pub verdict: Verdict,
    /// Raw scores of the decisions that counted, in order; only where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logits: Option<Vec<f32>>,
    #[serde(skip)]
    pub(super) reason: Option<Reason>,
}

impl TrackReport {
    pub(super) fn of(person: &Person) -> Self {
        let verdict = person.overall_verdict();
        let reason = if verdict == Verdict::Undecided {
            person.reason()
        } else {
            None
        };
        Self {
            id: person.id,
            first_frame: person.first_frame,
            last_frame: person.last_frame,
            frames: person.frames,
            coverage: person.coverage(),
            score: person.overall_score(),
            mean_score: person.mean_score(),
            face_px: person.bbox.width,
            bbox: person.bbox,
            logits: None,
            verdict,
            reason,
        }
    }

    /// Frames from the first to the last.
    pub(super) fn span(&self) -> u64 {
        self.last_frame.saturating_sub(self.first_frame) + 1
    }
}

impl MediaReport {
    /// Sums up the tracks. `faces` may be larger than the number of tracks,
    /// where there were too many to list.
    pub(super) fn new(
        path: &Path,
        kind: MediaKind,
        frames: u64,
        faces: usize,
        tracks: Vec<TrackReport>,
    ) -> Self {
        let longest = tracks.iter().map(TrackReport::span).max().unwrap_or(0);
        let counted = || {
            tracks
                .iter()
                .filter(|track| track.span() >= FRAMES_MIN.min(longest))
        };
        let (verdict, reason, decider) = sum_up(counted());
        let score = decider.and_then(|track| track.score);
        let decided_by = decider.map(|track| track.id);
        Self {
            path: path.to_string_lossy().into_owned(),
            path_hex: path_hex(path),
            kind,
            frames,
            faces,
            score,
            verdict,
            reason,
            decided_by,
            damage: None,
            tracks,
            is_cut: false,
        }
    }

    /// Of two ways to see a file the one that speaks more against it; this one where they say the
    /// same. Where no face is seen, nothing is said.
    pub(super) fn or_worse(self, other: Option<Self>) -> Self {
        let rank = |report: &Self| match report.verdict {
            Verdict::Manipulated => 3,
            Verdict::Undecided if report.faces > 0 => 2,
            Verdict::Genuine => 1,
            Verdict::Undecided => 0,
        };
        match other {
            Some(other) if rank(&other) > rank(&self) => other,
            _ => self,
        }
    }

    /// The report on a file with some damage. What was not read does not speak for genuine.
    pub(super) fn but(mut self, damage: Damage) -> Self {
        if damage.is_mostly_missing && self.verdict == Verdict::Genuine {
            let reason = match damage.is_cut {
                true => Reason::TooShort,
                false => Reason::Inconclusive,
            };
            (self.verdict, self.reason) = (Verdict::Undecided, Some(reason));
        }
        self.damage = (!damage.notes.is_empty()).then(|| damage.notes.join("; "));
        self.is_cut = damage.is_cut;
        self
    }
}

/// The bytes of a path that is no UTF-8, in hex.
fn path_hex(path: &Path) -> Option<String> {
    let bytes = path.as_os_str().as_encoded_bytes();
    path.to_str().is_none().then(|| unmask_shared::hex(bytes))
}

/// Verdict, reason for none, and the face that it rests on: the one of the highest score among
/// the manipulated, else among those whose evidence is inconclusive, else the longest watched of
/// those that could not be judged, else the highest score among the genuine. A face that could not be
/// judged may be a fake, so that the others do not speak for the file; what is no face says
/// nothing where there are faces.
fn sum_up<'a>(
    tracks: impl Iterator<Item = &'a TrackReport> + Clone,
) -> (Verdict, Option<Reason>, Option<&'a TrackReport>) {
    let reason = |track: &TrackReport| track.reason.unwrap_or(Reason::Inconclusive);
    let weight = |track: &TrackReport| match track.verdict {
        Verdict::Manipulated => 4,
        Verdict::Undecided if reason(track) == Reason::Inconclusive => 3,
        Verdict::Undecided if reason(track) == Reason::NotAFace => 0,
        Verdict::Undecided => 2,
        Verdict::Genuine => 1,
    };
    let strength = |track: &TrackReport| match track.verdict {
        Verdict::Undecided if reason(track) != Reason::Inconclusive => track.frames as f32,
        _ => track.score.unwrap_or(-1.0),
    };
    // The first of equals.
    let stronger = |a: &'a TrackReport, b: &'a TrackReport| {
        let further = (weight(b), strength(b)) > (weight(a), strength(a));
        if further { b } else { a }
    };
    match tracks.reduce(stronger) {
        None => (Verdict::Undecided, Some(Reason::NoFace), None),
        Some(track) => {
            let why = (track.verdict == Verdict::Undecided).then(|| reason(track));
            (track.verdict, why, Some(track))
        }
    }
}

fn kind_name<S: Serializer>(kind: &MediaKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
    })
}

fn whole_pixels<S: Serializer>(width: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(width.round().max(0.0) as u32)
}

fn box_pixels<S: Serializer>(bbox: &FaceBox, serializer: S) -> Result<S::Ok, S::Error> {
    let sides = [bbox.x, bbox.y, bbox.width, bbox.height];
    sides.map(|side| side.round() as i32).serialize(serializer)
}

fn rounded<S: Serializer>(share: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    rounded_option(&Some(*share), serializer)
}

fn rounded_option<S: Serializer>(score: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    score
        .map(|s| (f64::from(s) * 1e4).round() / 1e4)
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(frames: u32, score: f32, verdict: Verdict, reason: Option<Reason>) -> TrackReport {
        let is_judged = reason.is_none_or(|reason| reason == Reason::Inconclusive);
        TrackReport {
            id: 1,
            first_frame: 0,
            last_frame: u64::from(frames) - 1,
            frames,
            coverage: 0.987_654,
            score: is_judged.then_some(score),
            mean_score: Some(0.25),
            face_px: 119.7,
            bbox: FaceBox {
                x: -3.6,
                y: 20.2,
                width: 119.7,
                height: 119.7,
            },
            logits: None,
            verdict,
            reason,
        }
    }

    fn report(tracks: Vec<TrackReport>) -> MediaReport {
        MediaReport::new(
            Path::new("a.mp4"),
            MediaKind::Video,
            90,
            tracks.len(),
            tracks,
        )
    }

    #[test]
    fn one_manipulated_face_is_enough() {
        let done = report(vec![
            track(90, 0.1, Verdict::Genuine, None),
            track(40, 0.9, Verdict::Manipulated, None),
        ]);
        assert_eq!(
            (done.verdict, done.score, done.reason),
            (Verdict::Manipulated, Some(0.9), None)
        );
    }

    #[test]
    fn a_glimpse_does_not_speak_for_a_video_with_longer_tracks() {
        let glimpse = track(2, 0.99, Verdict::Undecided, Some(Reason::TooShort));
        let done = report(vec![
            track(90, 0.1, Verdict::Genuine, None),
            glimpse.clone(),
        ]);
        assert_eq!((done.verdict, done.score), (Verdict::Genuine, Some(0.1)));
        let alone = report(vec![glimpse]);
        assert_eq!((alone.score, alone.reason), (None, Some(Reason::TooShort)));
    }

    #[test]
    fn a_face_that_could_not_be_judged_keeps_others_from_speaking_for_the_file() {
        let small = track(90, 0.5, Verdict::Undecided, Some(Reason::TooSmall));
        let genuine = track(50, 0.1, Verdict::Genuine, None);
        let done = report(vec![small.clone(), genuine.clone()]);
        assert_eq!(
            (done.verdict, done.reason),
            (Verdict::Undecided, Some(Reason::TooSmall))
        );
        let bird = track(90, 0.5, Verdict::Undecided, Some(Reason::NotAFace));
        assert_eq!(
            report(vec![bird.clone(), genuine.clone()]).verdict,
            Verdict::Genuine
        );
        assert_eq!(report(vec![bird]).reason, Some(Reason::NotAFace));
        let doubtful = track(90, 0.5, Verdict::Undecided, Some(Reason::Inconclusive));
        let done = report(vec![small.clone(), genuine, doubtful]);
        assert_eq!(
            (done.verdict, done.reason),
            (Verdict::Undecided, Some(Reason::Inconclusive))
        );
        assert_eq!(report(vec![small]).reason, Some(Reason::TooSmall));
    }

    #[test]
    fn the_face_that_decided_is_named() {
        let faces = |faces: &[(Verdict, Option<Reason>, f32, u32)]| {
            let numbered = faces.iter().zip(1..);
            let tracks = numbered.map(|(&(verdict, reason, score, frames), id)| TrackReport {
                id,
                ..track(frames, score, verdict, reason)
            });
            report(tracks.collect()).decided_by
        };
        let (genuine, manipulated) = (Verdict::Genuine, Verdict::Manipulated);
        let undecided = Verdict::Undecided;
        let doubtful = (undecided, Some(Reason::Inconclusive), 0.6, 40);
        let small = (undecided, Some(Reason::TooSmall), 0.9, 90);
        let group = [
            (genuine, None, 0.1, 50),
            (manipulated, None, 0.8, 50),
            doubtful,
            (manipulated, None, 0.9, 20),
            small,
        ];
        assert_eq!(faces(&group), Some(4));
        assert_eq!(faces(&[group[0], small, doubtful]), Some(3));
        assert_eq!(faces(&[small, group[0], (genuine, None, 0.3, 9)]), Some(1));
        assert_eq!(faces(&[group[0], (genuine, None, 0.3, 9)]), Some(2));
        assert_eq!(
            faces(&[(undecided, Some(Reason::Blurred), 0.2, 30), small]),
            Some(2)
        );
    }

    #[test]
    fn what_was_not_read_does_not_speak_for_genuine() {
        let damaged = |is_mostly_missing, verdict| {
            let damage = Damage {
                notes: vec!["cut short".into()],
                is_cut: true,
                is_mostly_missing,
            };
            let done = report(vec![track(90, 0.1, verdict, None)]).but(damage);
            assert_eq!(done.damage.as_deref(), Some("cut short"));
            done.verdict
        };
        assert_eq!(damaged(false, Verdict::Genuine), Verdict::Genuine);
        assert_eq!(damaged(true, Verdict::Genuine), Verdict::Undecided);
        assert_eq!(damaged(true, Verdict::Manipulated), Verdict::Manipulated);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_can_be_mapped_back() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"a\xff.mp4");
        let failed = PathReport::failed(Path::new(name), &"no");
        let told = serde_json::to_value(failed).unwrap();
        assert_eq!(told["path_hex"], "61ff2e6d7034");
    }

    #[test]
    fn the_object_has_exactly_the_documented_fields() {
        let done = PathReport::Done(report(vec![track(90, 0.123_456, Verdict::Genuine, None)]));
        let json = serde_json::to_string(&done).unwrap();
        assert_eq!(
            json,
            r#"{"path":"a.mp4","kind":"video","frames":90,"faces":1,"score":0.1235,"verdict":"genuine","reason":null,"decided_by":1,"tracks":[{"id":1,"first_frame":0,"last_frame":89,"frames":90,"coverage":0.9877,"score":0.1235,"mean_score":0.25,"face_px":120,"box":[-4,20,120,120],"verdict":"genuine"}]}"#
        );
        let nobody = serde_json::to_value(PathReport::Done(report(vec![]))).unwrap();
        assert_eq!(nobody["score"], serde_json::Value::Null);
        assert_eq!(nobody["reason"], "no_face");
        assert_eq!(nobody["decided_by"], serde_json::Value::Null);
    }
}
