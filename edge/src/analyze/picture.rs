//! Single pictures: every face is judged once, by the operating point.

use std::path::Path;

use unmask_shared::engine::{Engine, Session};
use unmask_shared::face::Face;
use unmask_shared::manifest::{Manifest, OperatingPoint};
use unmask_shared::quality::{Quality, QualityLimits};
use unmask_shared::sample::{ImageError, crop_planar};
use unmask_shared::verdict::{Reason, Verdict};

use crate::error::EdgeError;
use crate::pipeline::PipelineError;
use crate::search::{FaceDetector, FaceSearch};
use crate::source::{Animation, Frame, MediaKind, animation, read_picture_before};
use crate::track::FACE_SCORE_MIN;

use super::report::Damage;
use super::{Analyzer, MediaReport, TrackReport};

/// What viewers show behind what is transparent, most first.
const BEHIND: [u8; 2] = [255, 0];

impl Analyzer {
    /// Reads a picture and judges each face in it: all that a viewer may be shown of it. Where it is
    /// transparent, what is behind it makes another picture of it; where it moves, its first frame
    /// is not all.
    pub fn picture(&mut self, path: &Path) -> Result<MediaReport, EdgeError> {
        let mut report = None;
        for behind in BEHIND {
            let is_transparent = read_picture_before(path, behind, &mut self.frame)?;
            let seen = self.still(path)?;
            report = Some(seen.or_worse(report));
            if !is_transparent {
                break;
            }
        }
        let report = match report {
            Some(report) => report,
            None => self.still(path)?,
        };
        match animation(path) {
            None => Ok(report),
            Some(Animation::Png) => Ok(self.video(path)?.or_worse(Some(report))),
            Some(Animation::WebP) => Ok(report.but(Damage {
                notes: vec!["it moves, and only its first picture was judged".into()],
                is_mostly_missing: true,
                ..Damage::default()
            })),
        }
    }

    /// Judges each face of the frame that was read last, as a picture.
    pub(super) fn still(&mut self, path: &Path) -> Result<MediaReport, EdgeError> {
        let tracks = self.judge.faces(&self.frame)?;
        Ok(MediaReport::new(
            path,
            MediaKind::Image,
            1,
            tracks.len(),
            tracks,
        ))
    }
}

/// Judges the faces of single pictures.
pub(super) struct PictureJudge {
    session: Session,
    manifest: Manifest,
    search: FaceSearch,
    faces: Vec<Face>,
    crop: Vec<f32>,
    keep_logits: bool,
}

impl PictureJudge {
    pub(super) fn new(
        engine: &Engine,
        manifest: Manifest,
        search: FaceSearch,
        keep_logits: bool,
    ) -> Result<Self, EdgeError> {
        let side = engine.crop_side();
        let crop = vec![0.0; 3 * side * side];
        Ok(Self {
            session: engine.session()?,
            manifest,
            search,
            faces: Vec::new(),
            crop,
            keep_logits,
        })
    }

    fn faces(&mut self, frame: &Frame) -> Result<Vec<TrackReport>, EdgeError> {
        self.search.reset();
        let mut faces = std::mem::take(&mut self.faces);
        let found = self.search.detect(frame, &mut faces);
        found.map_err(PipelineError::from)?;
        let numbered = faces.iter().zip(1..);
        let among = faces.len();
        let reports = numbered.map(|(face, id)| self.face(frame, face, id, among));
        let reports = reports.collect();
        self.faces = faces;
        reports
    }

    fn face(
        &mut self,
        frame: &Frame,
        face: &Face,
        id: u32,
        among: usize,
    ) -> Result<TrackReport, EdgeError> {
        let quality = self.cut(frame, face).map_err(PipelineError::from)?;
        let logit = self.session.picture(&self.crop)?.logit;
        let probability = self.manifest.calibration.probability(logit);
        let unfit = unfit(face, &quality, &self.manifest.verdict.quality);
        let (verdict, reason) = judge(probability, unfit, among, &self.manifest.operating_point);
        let is_number = probability.is_finite() && reason != Some(Reason::NotAFace);
        Ok(TrackReport {
            id,
            first_frame: 0,
            last_frame: 0,
            frames: 1,
            coverage: if unfit.is_none() { 1.0 } else { 0.0 },
            score: (unfit.is_none() && is_number).then(|| beside(verdict, probability)),
            mean_score: is_number.then_some(probability),
            face_px: face.bbox.width,
            bbox: face.bbox,
            logits: self
                .keep_logits
                .then(|| unfit.is_none().then_some(logit).into_iter().collect()),
            verdict,
            reason,
        })
    }

    fn cut(&mut self, frame: &Frame, face: &Face) -> Result<Quality, ImageError> {
        let side = usize::from(self.manifest.crop.size);
        let to_crop = self.manifest.crop.of_face(&face.landmarks);
        let to_crop = to_crop.ok_or(ImageError::Transform)?;
        crop_planar(&frame.view()?, &to_crop, side, &mut self.crop)?;
        Ok(Quality::of_crop(
            &self.crop,
            &self.manifest.crop,
            &face.landmarks,
        ))
    }
}

/// Why a face cannot be judged. That it does not move says nothing in a picture.
fn unfit(face: &Face, quality: &Quality, limits: &QualityLimits) -> Option<Reason> {
    let is_none = face.score < FACE_SCORE_MIN;
    limits
        .check(quality)
        .or(is_none.then_some(Reason::NotAFace))
}

/// The verdict on one of `among` faces. Each of them is a chance of a false alarm, so that the
/// evidence must be so many times as strong (Bonferroni): the error rate is that of a picture.
fn judge(
    score: f32,
    unfit: Option<Reason>,
    among: usize,
    at: &OperatingPoint,
) -> (Verdict, Option<Reason>) {
    let odds = score / (1.0 - score).max(f32::EPSILON) / among.max(1) as f32;
    let as_one = match among {
        0 | 1 => score,
        _ => odds / (1.0 + odds),
    };
    if unfit.is_some() {
        (Verdict::Undecided, unfit)
    } else if as_one >= at.threshold {
        (Verdict::Manipulated, None)
    } else if score < at.genuine_below {
        (Verdict::Genuine, None)
    } else {
        (Verdict::Undecided, Some(Reason::Inconclusive))
    }
}

/// The score that is told beside a verdict. Operating points on the other side of one half, as
/// of networks that are worth little, do not make it contradict the verdict.
fn beside(verdict: Verdict, probability: f32) -> f32 {
    match verdict {
        Verdict::Manipulated => probability.max(0.5),
        Verdict::Genuine => probability.min(0.5),
        Verdict::Undecided => probability,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photograph_of_a_face_is_one_though_it_does_not_move() {
        let quality = |face_px| Quality {
            sharpness: 20.0,
            luma: 0.5,
            face_px,
            turn_deg: 0.0,
            pitch_deg: 0.0,
            contrast: 0.2,
        };
        let limits = QualityLimits::default();
        let why = |score, face_px| {
            let face = Face {
                bbox: Default::default(),
                landmarks: Default::default(),
                score,
            };
            unfit(&face, &quality(face_px), &limits)
        };
        assert_eq!(why(0.9, 120.0), None);
        assert_eq!(why(0.72, 120.0), None);
        assert_eq!(why(0.65, 120.0), Some(Reason::NotAFace));
        assert_eq!(why(0.65, 10.0), Some(Reason::TooSmall));
    }

    #[test]
    fn the_score_agrees_with_the_verdict() {
        assert_eq!(beside(Verdict::Manipulated, 0.8), 0.8);
        assert_eq!(beside(Verdict::Manipulated, 0.3), 0.5);
        assert_eq!(beside(Verdict::Genuine, 0.7), 0.5);
        assert_eq!(beside(Verdict::Undecided, 0.3), 0.3);
    }

    #[test]
    fn the_operating_point_has_a_band_of_doubt() {
        let at = OperatingPoint {
            threshold: 0.8,
            genuine_below: 0.4,
            bpcer: 0.01,
            apcer: 0.3,
        };
        let judge = |score, unfit, at| judge(score, unfit, 1, at);
        assert_eq!(judge(0.8, None, &at).0, Verdict::Manipulated);
        assert_eq!(
            judge(0.79, None, &at),
            (Verdict::Undecided, Some(Reason::Inconclusive))
        );
        assert_eq!(judge(0.4, None, &at).0, Verdict::Undecided);
        assert_eq!(judge(0.39, None, &at).0, Verdict::Genuine);
        assert_eq!(judge(f32::NAN, None, &at).0, Verdict::Undecided);
        let blurred = judge(0.99, Some(Reason::Blurred), &at);
        assert_eq!(blurred, (Verdict::Undecided, Some(Reason::Blurred)));
    }

    /// Odds of 4 to 1 are asked of one face, of 228 to 1 of each of 57.
    #[test]
    fn many_faces_are_not_many_chances() {
        let at = OperatingPoint {
            threshold: 0.8,
            genuine_below: 0.4,
            bpcer: 0.01,
            apcer: 0.3,
        };
        for (score, among, wanted) in [
            (0.81, 1, Verdict::Manipulated),
            (0.81, 2, Verdict::Undecided),
            (0.89, 2, Verdict::Manipulated),
            (0.995, 57, Verdict::Undecided),
            (0.996, 57, Verdict::Manipulated),
            (0.39, 57, Verdict::Genuine),
            (1.0, 57, Verdict::Manipulated),
            (f32::NAN, 57, Verdict::Undecided),
        ] {
            assert_eq!(judge(score, None, among, &at).0, wanted, "{score} {among}");
        }
    }
}
