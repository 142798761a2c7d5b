//! What happens to a picture between the camera and the judge besides loss of quality.

use anyhow::Result;
use rand::RngExt;

use super::Random;
use super::codec::Codec;
use super::look::Look;
use super::picture::Picture;

/// Drawn once for a real face and its fake: light and colours of the camera, video
/// compression, light and colours of whoever shows it on.
#[derive(Clone, Debug)]
pub struct Passage {
    camera: Option<Look>,
    codec: Option<Codec>,
    shown: Option<Look>,
}

impl Passage {
    /// Draws one for clips of `frames` pictures; a share of `h264` is compressed, a share
    /// of `photometry` changes its look, once or, two times of five, twice.
    pub fn sample(h264: f32, photometry: f32, frames: usize, random: &mut Random) -> Self {
        let changed = random.random_bool(f64::from(photometry));
        let (first, second) = match random.random_range(0..5) {
            _ if !changed => (false, false),
            0 | 1 => (true, true),
            2 => (true, false),
            _ => (false, true),
        };
        let camera = first.then(|| Look::sample(random));
        let shown = second.then(|| match &camera {
            Some(look) => look.then(random),
            None => Look::sample(random),
        });
        let compressed = random.random_bool(f64::from(h264));
        Self {
            camera,
            codec: compressed.then(|| Codec::sample(frames, random)),
            shown,
        }
    }

    /// As far as the decoder: consecutive pictures of one side, which may have another
    /// one afterwards.
    ///
    /// # Errors
    /// When the codec refuses.
    pub fn transmit(&self, mut pictures: Vec<Picture>) -> Result<Vec<Picture>> {
        if let Some(look) = &self.camera {
            pictures.iter_mut().for_each(|picture| look.apply(picture));
        }
        match &self.codec {
            Some(codec) => codec.pass(&pictures),
            None => Ok(pictures),
        }
    }

    /// What is done to the decoded picture, or to a part that was cut out of it.
    pub fn show(&self, picture: &mut Picture) {
        if let Some(look) = &self.shown {
            look.apply(picture);
        }
    }
}
