//! Finding faces, also those that fill the whole picture.

use std::path::PathBuf;

use clap::Args;
use unmask_shared::face::{Face, Finder, FinderChoice, FinderConfig, FinderError, keep_surest};
use unmask_shared::geometry::{FaceBox, Point};
use unmask_shared::sample::RgbView;

use crate::source::pad_edges;
use crate::track::FACE_SCORE_MIN;
use unmask_shared::media::Frame;

/// The margin around a padded picture, as a part of its longer side.
const MARGIN: f32 = 0.4;
/// A larger picture is thinned out before it gets a margin.
const PADDED_SIDE_MAX: usize = 1280;
/// Frames in which a search with a margin is tried in vain before it is given up.
const PADDED_TRIES_MAX: u32 = 6;
/// Of searches in a row that find nothing, the first few are repeated more finely ...
const FINE_FIRST: u32 = 3;
/// ... and then one in so many.
const FINE_EVERY: u32 = 6;
/// Faces so many times as wide as the smallest that a coarse search sees do not need a fine one.
const COARSE_AGAIN: f32 = 1.5;

/// Of searches of pictures with dark parts, one in so many looks into them, too.
const LIFTED_EVERY: u32 = 3;
/// A picture is looked through for dark parts in so many blocks across and down ...
const BLOCKS: [usize; 2] = [16, 9];
/// ... of so many pixels a side.
const BLOCK_SAMPLES: usize = 4;
/// Blocks that are dark, at least, where there may be a face.
const DARK_BLOCKS_MIN: usize = 2;
/// Luma of what is dark, 0 to 255: not black, which shows nothing.
const DARK: std::ops::Range<u32> = 3..36;
/// A dark face is seen in so many times the light.
const LIFT: u32 = 8;
/// Faces that overlap by this much are the same (intersection over union).
const SAME_FACE: f32 = 0.3;

/// How thoroughly faces are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchConfig {
    /// The first look.
    pub finder: FinderConfig,
    /// Longest side of the copy in a finer look, pixels; `None` for none.
    pub fine_side_px: Option<u32>,
    /// When there is a finer look.
    pub fine: Fine,
    /// Whether frames that seem to hold no face are searched once more with a margin of repeated
    /// edge pixels.
    pub padded: bool,
}

/// When a finer look follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fine {
    /// At times where nothing is found, and as long as it finds small faces only.
    WhereNothing,
    /// Always, as in pictures, which are not seen again.
    Always,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            finder: FinderConfig::default(),
            fine_side_px: Some(640),
            fine: Fine::WhereNothing,
            padded: false,
        }
    }
}

/// Which face finder to use.
#[derive(Debug, Clone, Default, Args)]
pub struct FinderArgs {
    /// ONNX file of a face finder with the outputs of YuNet, instead of the one that is built in
    #[arg(long, value_name = "FILE")]
    pub finder: Option<PathBuf>,
}

impl FinderArgs {
    /// The face finder.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(&self) -> Result<FinderChoice, FinderError> {
        FinderChoice::open(self.finder.as_deref())
    }
}

/// Finds faces in the frames of a stream: the seam at which something else takes the place of
/// the face finder, as in a simulation of a day.
pub trait FaceDetector {
    /// Fills `faces` with the faces in `frame`, largest first, in pixels of the frame.
    ///
    /// # Errors
    /// When the frame is no picture, or the finder fails.
    fn detect(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError>;

    /// Forgets what was learnt about the stream.
    fn reset(&mut self);
}

/// Looks for faces, more than once where it is worth it.
pub struct FaceSearch {
    config: SearchConfig,
    coarse: Box<dyn Finder>,
    fine: Option<Box<dyn Finder>>,
    padded: Frame,
    padded_tries_left: u32,
    /// Whether the fine look is the first one, since the last faces were small.
    is_fine: bool,
    /// Searches in a row that found nothing.
    empty: u32,
    more: Vec<Face>,
    /// The picture in more light.
    lifted: Frame,
    /// Searches since dark parts were looked into; every one does, while there is somebody.
    unlifted: u32,
}

impl FaceSearch {
    /// Takes finders from `choice`.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn new(choice: &FinderChoice, config: SearchConfig) -> Result<Self, FinderError> {
        let finder = |longest_side_px| {
            choice.finder(FinderConfig {
                longest_side_px,
                ..config.finder
            })
        };
        let coarse = finder(config.finder.longest_side_px)?;
        let fine = config.fine_side_px.map(finder).transpose()?;
        Ok(Self::with_finders(config, coarse, fine))
    }

    fn with_finders(
        config: SearchConfig,
        coarse: Box<dyn Finder>,
        fine: Option<Box<dyn Finder>>,
    ) -> Self {
        Self {
            config,
            coarse,
            fine,
            padded: Frame::default(),
            padded_tries_left: PADDED_TRIES_MAX,
            is_fine: false,
            empty: 0,
            more: Vec::new(),
            lifted: Frame::default(),
            unlifted: LIFTED_EVERY,
        }
    }

    /// Looks at the frame as it is, finely where it is worth it.
    fn look(&mut self, view: &RgbView<'_>, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        let Some(fine) = self.fine.as_mut() else {
            return self.coarse.find(view, faces);
        };
        if self.config.fine == Fine::Always {
            self.coarse.find(view, faces)?;
            fine.find(view, &mut self.more)?;
            faces.append(&mut self.more);
            keep_surest(faces, self.config.finder.faces_max);
            return Ok(());
        }
        let (width, height) = (view.width(), view.height());
        let least = self.coarse.smallest_face_px(width, height);
        if fine.smallest_face_px(width, height) >= least {
            return self.coarse.find(view, faces);
        }
        match self.is_fine {
            true => fine.find(view, faces)?,
            false => self.coarse.find(view, faces)?,
        }
        let is_due = self.empty < FINE_FIRST || self.empty.is_multiple_of(FINE_EVERY);
        if !self.is_fine && faces.is_empty() && is_due {
            fine.find(view, faces)?;
        }
        self.is_fine = faces
            .iter()
            .any(|face| face.face_px() < COARSE_AGAIN * least);
        Ok(())
    }

    /// Adds faces that are seen only in more light than there is: they cannot be judged, but must
    /// not be passed over either.
    fn look_into_the_dark(
        &mut self,
        frame: &Frame,
        faces: &mut Vec<Face>,
    ) -> Result<(), FinderError> {
        self.unlifted = self.unlifted.saturating_add(1);
        let is_due = self.config.fine == Fine::Always || self.unlifted >= LIFTED_EVERY;
        if !is_due || !has_dark_parts(frame) {
            return Ok(());
        }
        let lifted = &mut self.lifted;
        (lifted.width, lifted.height) = (frame.width, frame.height);
        lifted.rgb.clear();
        let lift = |value: &u8| (u32::from(*value) * LIFT).min(255) as u8;
        lifted.rgb.extend(frame.rgb.iter().map(lift));
        let finder = match (&mut self.fine, self.config.fine, self.is_fine) {
            (Some(fine), Fine::Always, _) | (Some(fine), _, true) => fine,
            _ => &mut self.coarse,
        };
        finder.find(&self.lifted.view()?, &mut self.more)?;
        self.more.retain(|face| {
            let is_new = |known: &Face| known.bbox.iou(&face.bbox) < SAME_FACE;
            let is_sure = face.score >= FACE_SCORE_MIN;
            is_sure && DARK.contains(&luma(frame, &face.bbox)) && faces.iter().all(is_new)
        });
        self.unlifted = match self.more.is_empty() {
            true => 0,
            false => LIFTED_EVERY,
        };
        let room = self.config.finder.faces_max.saturating_sub(faces.len());
        self.more.truncate(room);
        faces.append(&mut self.more);
        Ok(())
    }

    /// Looks at a frame with a margin around it.
    fn look_padded(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        let longest = frame.width.max(frame.height);
        let step = longest.div_ceil(PADDED_SIDE_MAX).max(1);
        let margin = (MARGIN * longest as f32) as usize / step;
        pad_edges(frame, step, margin, &mut self.padded);
        self.coarse.find(&self.padded.view()?, faces)?;
        faces.retain_mut(|face| {
            *face = unpadded(face, step as f32, margin as f32);
            let centre = face.bbox.centre();
            (0.0..frame.width as f32).contains(&centre.x)
                && (0.0..frame.height as f32).contains(&centre.y)
        });
        Ok(())
    }
}

impl FaceDetector for FaceSearch {
    fn detect(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        self.look(&frame.view()?, faces)?;
        self.look_into_the_dark(frame, faces)?;
        if !faces.is_empty() {
            // A face with surroundings: its stream needs no margin.
            (self.padded_tries_left, self.empty) = (0, 0);
            return Ok(());
        }
        self.empty = self.empty.saturating_add(1);
        if self.config.padded && self.padded_tries_left > 0 {
            self.look_padded(frame, faces)?;
            self.padded_tries_left = match faces.is_empty() {
                true => self.padded_tries_left - 1,
                false => PADDED_TRIES_MAX,
            };
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.padded_tries_left = PADDED_TRIES_MAX;
        (self.is_fine, self.empty) = (false, 0);
        self.unlifted = LIFTED_EVERY;
    }
}

/// Luma of a pixel, 0 to 255; 0 outside of the frame.
fn luma_at(frame: &Frame, x: usize, y: usize) -> u32 {
    let at = 3 * (y * frame.width + x);
    match frame.rgb.get(at..at + 3) {
        Some(&[r, g, b]) => (77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8,
        _ => 0,
    }
}

/// Mean luma of a grid of pixels in a part of the frame.
fn luma_of(frame: &Frame, x: [usize; 2], y: [usize; 2]) -> u32 {
    let place = |[from, to]: [usize; 2], step: usize| {
        from + (to.saturating_sub(from)) * (2 * step + 1) / (2 * BLOCK_SAMPLES)
    };
    let steps = || (0..BLOCK_SAMPLES).flat_map(|i| (0..BLOCK_SAMPLES).map(move |j| (i, j)));
    let sum: u32 = steps()
        .map(|(i, j)| luma_at(frame, place(x, i), place(y, j)))
        .sum();
    sum / (BLOCK_SAMPLES * BLOCK_SAMPLES) as u32
}

/// Whether there are dark parts large enough for a face.
fn has_dark_parts(frame: &Frame) -> bool {
    let [across, down] = BLOCKS;
    let cut =
        |length: usize, parts: usize, at: usize| [length * at / parts, length * (at + 1) / parts];
    let blocks = (0..down).flat_map(|row| (0..across).map(move |column| (row, column)));
    let is_dark = |&(row, column): &(usize, usize)| {
        let (x, y) = (
            cut(frame.width, across, column),
            cut(frame.height, down, row),
        );
        DARK.contains(&luma_of(frame, x, y))
    };
    blocks.filter(is_dark).nth(DARK_BLOCKS_MIN - 1).is_some()
}

/// Mean luma of the middle of a face.
fn luma(frame: &Frame, bbox: &FaceBox) -> u32 {
    let middle = |from: f32, length: f32, most: usize| {
        let side = |share: f32| (from + share * length).clamp(0.0, most as f32) as usize;
        [side(0.25), side(0.75)]
    };
    luma_of(
        frame,
        middle(bbox.x, bbox.width, frame.width),
        middle(bbox.y, bbox.height, frame.height),
    )
}

/// A face of the padded picture in pixels of the original one.
fn unpadded(face: &Face, step: f32, margin: f32) -> Face {
    let place = |value: f32| step * (value - margin);
    let mut bbox = face.bbox;
    (bbox.x, bbox.y) = (place(bbox.x), place(bbox.y));
    (bbox.width, bbox.height) = (step * bbox.width, step * bbox.height);
    Face {
        bbox,
        landmarks: (face.landmarks).map(|point| Point::new(place(point.x), place(point.y))),
        score: face.score,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use unmask_shared::geometry::FaceBox;

    use super::*;

    /// Sees a face where it is wide enough, and counts its looks.
    struct Eye {
        least: f32,
        width: Arc<AtomicU32>,
        looks: Arc<AtomicU32>,
    }

    impl Finder for Eye {
        fn find(&mut self, view: &RgbView<'_>, faces: &mut Vec<Face>) -> Result<(), FinderError> {
            self.looks.fetch_add(1, Relaxed);
            faces.clear();
            let width = self.width.load(Relaxed) as f32;
            let bbox = FaceBox {
                x: 0.5 * (view.width() as f32 - width),
                y: 0.5 * (view.height() as f32 - width),
                width,
                height: width,
            };
            if width >= self.least {
                faces.push(Face {
                    bbox,
                    landmarks: bbox.mean_landmarks(),
                    score: 0.9,
                });
            }
            Ok(())
        }

        fn smallest_face_px(&self, _: usize, _: usize) -> f32 {
            self.least
        }
    }

    /// A search among faces of one width that can be set, and the looks of its finders.
    fn search(config: SearchConfig) -> (FaceSearch, Arc<AtomicU32>, [Arc<AtomicU32>; 2]) {
        let width = Arc::new(AtomicU32::new(0));
        let looks = [0, 0].map(|count| Arc::new(AtomicU32::new(count)));
        let eye = |least, looks: &Arc<AtomicU32>| {
            Box::new(Eye {
                least,
                width: Arc::clone(&width),
                looks: Arc::clone(looks),
            })
        };
        let (coarse, fine) = (eye(60.0, &looks[0]), eye(30.0, &looks[1]));
        let search = FaceSearch::with_finders(config, coarse, Some(fine));
        (search, width, looks)
    }

    fn frame() -> Frame {
        Frame {
            width: 320,
            height: 240,
            rgb: vec![90; 320 * 240 * 3],
            ..Frame::default()
        }
    }

    #[test]
    fn small_faces_are_followed_finely_and_large_ones_coarsely() {
        let (mut search, width, looks) = search(SearchConfig::default());
        let mut faces = Vec::new();
        let mut look = |count: u32| {
            let before = looks.each_ref().map(|looks| looks.load(Relaxed));
            for _ in 0..count {
                search.detect(&frame(), &mut faces).unwrap();
            }
            let after = looks.each_ref().map(|looks| looks.load(Relaxed));
            (faces.len(), after[0] - before[0], after[1] - before[1])
        };
        // Nobody: the first three times, and every sixth.
        assert_eq!(look(30), (0, 30, 3 + 4));
        width.store(40, Relaxed);
        assert_eq!(look(1), (1, 1, 1));
        assert_eq!(look(10), (1, 0, 10));
        // Coming closer: one more fine look shows that it is not needed.
        width.store(200, Relaxed);
        assert_eq!(look(10), (1, 9, 1));
        width.store(0, Relaxed);
        assert_eq!(look(2), (0, 2, 2));
    }

    #[test]
    fn dark_parts_are_looked_into_in_one_search_of_three() {
        let (mut search, _, looks) = search(SearchConfig::default());
        let mut faces = Vec::new();
        for (shade, wanted) in [(90, 30), (9, 40), (0, 30)] {
            let picture = Frame {
                rgb: vec![shade; 320 * 240 * 3],
                ..frame()
            };
            let before = looks[0].load(Relaxed);
            for _ in 0..30 {
                search.detect(&picture, &mut faces).unwrap();
            }
            assert_eq!(looks[0].load(Relaxed) - before, wanted, "{shade}");
        }
    }

    #[test]
    fn pictures_are_seen_both_ways_and_each_face_once() {
        let config = SearchConfig {
            fine: Fine::Always,
            ..SearchConfig::default()
        };
        let (mut search, width, looks) = search(config);
        let mut faces = Vec::new();
        for (px, count) in [(0, 0), (40, 1), (200, 1)] {
            width.store(px, Relaxed);
            search.detect(&frame(), &mut faces).unwrap();
            assert_eq!(faces.len(), count, "{px} px");
        }
        assert_eq!(looks.map(|looks| looks.load(Relaxed)), [3, 3]);
    }

    #[test]
    fn a_margin_moves_the_faces_that_are_found_in_it_back() {
        let config = SearchConfig {
            padded: true,
            fine_side_px: None,
            ..SearchConfig::default()
        };
        let (mut search, width, _) = search(config);
        search.fine = None;
        let mut faces = Vec::new();
        width.store(20, Relaxed);
        search.detect(&frame(), &mut faces).unwrap();
        assert!(faces.is_empty());
        width.store(100, Relaxed);
        search.detect(&frame(), &mut faces).unwrap();
        let plain = faces.clone();
        search.look_padded(&frame(), &mut faces).unwrap();
        let [there, back] = [&plain, &faces].map(|faces| {
            let [face] = faces[..] else {
                panic!("{faces:?}")
            };
            face
        });
        assert_eq!(there.bbox, back.bbox, "the middle stays the middle");
        for (there, back) in there.landmarks.iter().zip(back.landmarks) {
            assert!(there.distance(back) < 1e-3, "{there:?} {back:?}");
        }
    }
}
