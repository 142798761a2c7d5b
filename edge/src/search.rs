//! Finding faces, also those that fill the whole picture.

use unmask_arena::within;
use unmask_shared::face::{Face, FaceFinder, FaceFinderConfig, FaceFinderError};
use unmask_shared::geometry::FaceBox;
use unmask_shared::sample::{ImageError, RgbView};

use crate::source::Frame;
use crate::source::pad_edges;

/// The margin around a padded picture, as a part of its longer side.
const MARGIN: f32 = 0.4;
/// A larger picture is thinned out before it gets a margin.
const PADDED_SIDE_MAX: usize = 1280;
/// Frames in which a search with a margin is tried in vain before it is given up.
const PADDED_TRIES_MAX: u32 = 6;

/// Finds faces: the seam at which something else takes the place of the face finder,
/// as in a simulation of a day.
pub trait FaceDetector {
    /// Fills `faces` with the faces in `frame`, largest first, in pixels of the frame.
    ///
    /// # Errors
    /// When the frame is no picture.
    fn detect(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), ImageError>;

    /// Forgets what was learnt about the stream.
    fn reset(&mut self);
}

impl FaceDetector for FaceSearch {
    fn detect(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), ImageError> {
        *faces = self.find(frame)?;
        Ok(())
    }

    fn reset(&mut self) {
        Self::reset(self);
    }
}

/// Looks for faces; where there seem to be none, once more in a frame with a
/// margin of repeated edge pixels.
pub struct FaceSearch {
    finder: FaceFinder,
    /// Width and height of the last picture, without a margin and with one.
    sizes: [(usize, usize); 2],
    padded: Frame,
    padded_tries_left: u32,
    padding: bool,
}

impl FaceSearch {
    /// `padding` allows the second look, which doubles the time for frames
    /// without faces.
    pub fn new(config: FaceFinderConfig, padding: bool) -> Result<Self, FaceFinderError> {
        Ok(Self {
            finder: FaceFinder::new(config)?,
            sizes: [(0, 0); 2],
            padded: Frame::default(),
            padded_tries_left: PADDED_TRIES_MAX,
            padding,
        })
    }

    /// The faces in `frame`, largest first, in pixels of the frame.
    pub fn find(&mut self, frame: &Frame) -> Result<Vec<Face>, ImageError> {
        let [plain, with_margin] = &mut self.sizes;
        let faces = look(&mut self.finder, &frame.view()?, plain);
        if !faces.is_empty() {
            // A face with surroundings: its stream needs no margin.
            self.padded_tries_left = 0;
            return Ok(faces);
        }
        if !self.padding || self.padded_tries_left == 0 {
            return Ok(faces);
        }
        let longest = frame.width.max(frame.height);
        let step = longest.div_ceil(PADDED_SIDE_MAX).max(1);
        let margin = (MARGIN * longest as f32) as usize / step;
        pad_edges(frame, step, margin, &mut self.padded);
        let mut faces = look(&mut self.finder, &self.padded.view()?, with_margin);
        faces.retain_mut(|face| {
            face.bbox = unpadded(&face.bbox, step as f32, margin as f32);
            let centre = face.bbox.centre();
            (0.0..frame.width as f32).contains(&centre.x)
                && (0.0..frame.height as f32).contains(&centre.y)
        });
        self.padded_tries_left = if faces.is_empty() {
            self.padded_tries_left - 1
        } else {
            PADDED_TRIES_MAX
        };
        Ok(faces)
    }

    /// Forgets what was learnt about the stream.
    pub fn reset(&mut self) {
        self.padded_tries_left = PADDED_TRIES_MAX;
    }
}

/// Searches one picture. The finder makes its lists anew for each, a few thousand small ones,
/// which the arena holds; what it keeps, it makes for the first picture of a size.
fn look(finder: &mut FaceFinder, view: &RgbView<'_>, last: &mut (usize, usize)) -> Vec<Face> {
    let size = (view.width(), view.height());
    if std::mem::replace(last, size) == size {
        within(|| finder.find(view))
    } else {
        finder.find(view)
    }
}

/// A box of the padded picture in pixels of the original one.
fn unpadded(bbox: &FaceBox, step: f32, margin: f32) -> FaceBox {
    FaceBox {
        x: step * (bbox.x - margin),
        y: step * (bbox.y - margin),
        width: step * bbox.width,
        height: step * bbox.height,
    }
}
