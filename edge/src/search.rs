//! Finding faces, also those that fill the whole picture.

use unmask_arena::within;
use unmask_shared::face::{Face, Finder, FinderError};
use unmask_shared::geometry::Point;
use unmask_shared::sample::RgbView;

use crate::source::Frame;
use crate::source::pad_edges;

/// The margin around a padded picture, as a part of its longer side.
const MARGIN: f32 = 0.4;
/// A larger picture is thinned out before it gets a margin.
const PADDED_SIDE_MAX: usize = 1280;
/// Frames in which a search with a margin is tried in vain before it is given up.
const PADDED_TRIES_MAX: u32 = 6;

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

/// Looks for faces; where there seem to be none, once more in a frame with a
/// margin of repeated edge pixels.
pub struct FaceSearch {
    finder: Box<dyn Finder>,
    /// Width and height of the last picture, without a margin and with one.
    sizes: [(usize, usize); 2],
    padded: Frame,
    padded_tries_left: u32,
    padding: bool,
}

impl FaceSearch {
    /// `padding` allows the second look, which doubles the time for frames
    /// without faces.
    pub fn new(finder: Box<dyn Finder>, padding: bool) -> Self {
        Self {
            finder,
            sizes: [(0, 0); 2],
            padded: Frame::default(),
            padded_tries_left: PADDED_TRIES_MAX,
            padding,
        }
    }

    /// Looks at a frame with a margin around it.
    fn look_padded(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        let longest = frame.width.max(frame.height);
        let step = longest.div_ceil(PADDED_SIDE_MAX).max(1);
        let margin = (MARGIN * longest as f32) as usize / step;
        pad_edges(frame, step, margin, &mut self.padded);
        let view = self.padded.view()?;
        look(&mut *self.finder, &view, &mut self.sizes[1], faces)?;
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
        look(&mut *self.finder, &frame.view()?, &mut self.sizes[0], faces)?;
        if !faces.is_empty() {
            // A face with surroundings: its stream needs no margin.
            self.padded_tries_left = 0;
        } else if self.padding && self.padded_tries_left > 0 {
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
    }
}

/// Searches one picture. The finder makes its lists anew for each, a few thousand small ones,
/// which the arena holds; what it keeps, it makes for the first picture of a size.
fn look(
    finder: &mut dyn Finder,
    view: &RgbView<'_>,
    last: &mut (usize, usize),
    faces: &mut Vec<Face>,
) -> Result<(), FinderError> {
    let size = (view.width(), view.height());
    if std::mem::replace(last, size) == size {
        within(|| finder.find(view, faces))
    } else {
        finder.find(view, faces)
    }
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
