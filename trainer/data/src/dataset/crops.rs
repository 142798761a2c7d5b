//! The crops of one file: with a face of its own, or with that of the file that it was
//! made from.

use anyhow::Result;
use unmask_shared::face::Face;
use unmask_shared::geometry::Point;
use unmask_shared::media::Frame;

use super::align::{Aligner, Hint, Search, stored_png};
use super::layout::Entry;
use super::mask::Masks;
use super::media;
use super::record::FaceChoice;
use super::skip::{Skip, SkipReason};

/// Real and fake may differ this much in the ratio of width to height.
const ASPECT_TOLERANCE: f32 = 0.02;

/// The face of a window, in pixels of a frame of `size`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) face: Face,
    pub(super) choice: FaceChoice,
    size: (usize, usize),
}

/// How a file's faces came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The first of the job: the others follow it.
    Leader,
    /// It has the leader's faces.
    Twin,
    /// It has faces of its own because it has another shape than the leader.
    Alone,
}

/// What was cut from one file: the face and the crops of each window. Windows without a
/// face have no crops.
pub(super) struct Cut<'a> {
    pub(super) entry: &'a Entry,
    pub(super) role: Role,
    pub(super) targets: Vec<Option<Target>>,
    pub(super) crops: Vec<Vec<Vec<u8>>>,
}

/// The fake has another shape than its real file: it is not its twin.
#[derive(Debug, thiserror::Error)]
#[error("its frames have another shape than those of the real file")]
struct OtherShape;

/// Cuts the files of one job.
pub(super) struct Cutter<'a> {
    pub(super) aligner: &'a mut Aligner,
    pub(super) min_face_px: u32,
    /// Frames per window.
    pub(super) frames: usize,
    pub(super) starts: &'a [u64],
    pub(super) masks: &'a Masks,
}

impl Cutter<'_> {
    /// Cuts a file with the leader's faces, or with its own where there is no leader or it
    /// has another shape. `None`, and a line in the table, where it gives nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn cut<'e>(
        &mut self,
        entry: &'e Entry,
        leader: Option<&[Option<Target>]>,
        skips: &mut Vec<Skip>,
    ) -> Result<Option<Cut<'e>>> {
        let Some(targets) = leader else {
            return self.lead(entry, Role::Leader, skips);
        };
        match self.follow(entry, targets) {
            Ok(crops) => {
                let cut = Cut {
                    entry,
                    role: Role::Twin,
                    targets: targets.to_vec(),
                    crops,
                };
                Ok(check(cut, targets.iter().flatten().count(), skips))
            }
            Err(error) if error.is::<OtherShape>() => {
                skips.push(Skip::new(
                    &entry.file,
                    SkipReason::NoteShape,
                    error.to_string(),
                ));
                self.lead(entry, Role::Alone, skips)
            }
            Err(error) => Err(error),
        }
    }

    fn follow(&self, entry: &Entry, targets: &[Option<Target>]) -> Result<Vec<Vec<Vec<u8>>>> {
        let mut crops = vec![Vec::new(); self.starts.len()];
        media::each_frame(&entry.path, self.starts, self.frames, |window, _, frame| {
            let target = targets.get(window).and_then(Option::as_ref);
            if let (Some(target), Some(crops)) = (target, crops.get_mut(window)) {
                crops.push(stored_png(frame, &fit(target, frame)?)?);
            }
            Ok(())
        })?;
        Ok(crops)
    }

    /// Looks for the face in the first frame of each window.
    fn lead<'e>(
        &mut self,
        entry: &'e Entry,
        role: Role,
        skips: &mut Vec<Skip>,
    ) -> Result<Option<Cut<'e>>> {
        let mut cut = Cut {
            entry,
            role,
            targets: vec![None; self.starts.len()],
            crops: vec![Vec::new(); self.starts.len()],
        };
        let (mut reached, mut largest_px, mut before) = (0, 0_f32, None);
        media::each_frame(
            &entry.path,
            self.starts,
            self.frames,
            |window, offset, frame| {
                if offset == 0 {
                    reached += 1;
                    let hint = Hint {
                        mask: self.masks.of(window),
                        before: before.as_ref(),
                    };
                    match self.aligner.search(frame, hint)? {
                        Search::Found(face, choice) => {
                            if choice != FaceChoice::Largest {
                                before = Some(face);
                            }
                            let size = (frame.width, frame.height);
                            cut.targets[window] = Some(Target { face, choice, size });
                        }
                        Search::TooSmall(px) => largest_px = largest_px.max(px),
                        Search::Nothing => {}
                    }
                }
                if let Some(target) = &cut.targets[window] {
                    cut.crops[window].push(stored_png(frame, &target.face)?);
                }
                Ok(())
            },
        )?;
        if reached > 0 && cut.targets.iter().flatten().next().is_none() {
            skips.push(self.faceless(entry, largest_px));
            return Ok(None);
        }
        Ok(check(cut, self.starts.len(), skips))
    }

    fn faceless(&self, entry: &Entry, largest_px: f32) -> Skip {
        let wanted = self.min_face_px;
        if largest_px > 0.0 {
            let detail = format!("the largest face has {largest_px:.0} px, not {wanted}");
            Skip::new(&entry.file, SkipReason::TooSmall, detail)
        } else {
            let detail = format!("no face of at least {wanted} px was found");
            Skip::new(&entry.file, SkipReason::NoFace, detail)
        }
    }
}

/// The leader's face in a frame of another size but the same shape.
fn fit(target: &Target, frame: &Frame) -> Result<Face> {
    let x = frame.width as f32 / target.size.0.max(1) as f32;
    let y = frame.height as f32 / target.size.1.max(1) as f32;
    if (x / y - 1.0).abs() > ASPECT_TOLERANCE {
        return Err(OtherShape.into());
    }
    let mut face = target.face;
    face.bbox.x *= x;
    face.bbox.y *= y;
    face.bbox.width *= x;
    face.bbox.height *= y;
    face.landmarks = (face.landmarks).map(|at| Point::new(x * at.x, y * at.y));
    Ok(face)
}

/// Notes which of the windows that could have crops have none; `None` where that is all.
fn check<'a>(cut: Cut<'a>, windows: usize, skips: &mut Vec<Skip>) -> Option<Cut<'a>> {
    let file = &cut.entry.file;
    let full = cut.crops.iter().filter(|crops| !crops.is_empty()).count();
    if full == 0 {
        let detail = "it ends before the first window";
        skips.push(Skip::new(file, SkipReason::NoFrames, detail));
        return None;
    }
    if full < windows {
        let detail = format!("{full} of {windows} windows show the face");
        skips.push(Skip::new(file, SkipReason::NoteFewerWindows, detail));
    }
    Some(cut)
}

#[cfg(test)]
mod tests {
    use unmask_shared::geometry::FaceBox;

    use super::*;

    #[test]
    fn faces_follow_the_size_of_the_frame_but_not_its_shape() {
        let bbox = FaceBox {
            x: 10.0,
            y: 20.0,
            width: 50.0,
            height: 70.0,
        };
        let target = Target {
            face: Face {
                bbox,
                landmarks: bbox.mean_landmarks(),
                score: 0.9,
            },
            choice: FaceChoice::Largest,
            size: (320, 240),
        };
        let frame = |width, height| Frame {
            width,
            height,
            ..Default::default()
        };
        let twice = fit(&target, &frame(640, 480)).unwrap();
        assert_eq!((twice.bbox.x, twice.bbox.y), (20.0, 40.0));
        assert_eq!((twice.bbox.width, twice.bbox.height), (100.0, 140.0));
        let eye = target.face.landmarks[0];
        assert_eq!(twice.landmarks[0], Point::new(2.0 * eye.x, 2.0 * eye.y));
        assert!(fit(&target, &frame(640, 478)).is_ok());
        assert!(
            fit(&target, &frame(640, 360))
                .unwrap_err()
                .is::<OtherShape>()
        );
    }
}
