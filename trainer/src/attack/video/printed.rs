//! A printed patch (Sharif et al., CCS 2016: glasses): pixels free to choose on a part of the face,
//! the same in every frame, moving with the face.

use anyhow::{Context, Result};
use rand::RngExt;
use unmask_shared::geometry::{CropSpec, Point, Similarity};
use unmask_shared::media::Frame;
use unmask_shared::sample::bilinear_weights;

use super::{Climb, Footage, SHARED_FRAMES, VideoAttack, VideoCase, shown};
use crate::random::Random;

/// Length of a step in pixel units, [0, 1].
const STEP: f32 = 8.0 / 255.0;
/// Steps, of which each sees some frames.
const STEPS: usize = 60;
/// Share of the past gradients that is kept.
const DECAY: f32 = 0.9;

/// Where the patch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchShape {
    /// Over both eyes, from the brows to the cheekbones.
    Glasses,
    /// Above the brows.
    Forehead,
}

impl PatchShape {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Glasses => "printed glasses",
            Self::Forehead => "printed forehead",
        }
    }

    /// Left, top, right and bottom in crop pixels, on the mean face.
    fn area(self, spec: &CropSpec) -> [f32; 4] {
        let face = spec.landmarks();
        let eyes = face[45].x - face[36].x;
        let brows = face[17..27].iter().map(|point| point.y).sum::<f32>() / 10.0;
        let below = face[36..48].iter().map(|p| p.y).fold(f32::MIN, f32::max);
        let [left, right] = [face[36].x - 0.15 * eyes, face[45].x + 0.15 * eyes];
        match self {
            Self::Glasses => [left, brows, right, below + 0.1 * eyes],
            Self::Forehead => [left, brows - 0.4 * eyes, right, brows - 0.08 * eyes],
        }
    }
}

/// A patch that was found.
#[derive(Clone, Debug)]
pub struct PrintedPatch {
    area: [f32; 4],
    side: usize,
    spec: CropSpec,
    /// `[side, side, 3]` in [0, 1], over the whole crop.
    pub(super) texture: Vec<f32>,
}

/// A pixel of the frame that shows the patch, and the four of the texture that it is mixed of.
struct Printed {
    texel: usize,
    pixels: [(usize, f32); 4],
}

impl PrintedPatch {
    /// Looks for the patch that changes the score of all frames of a video most. `attack` says how
    /// faces are cut and jittered; its radius is not asked for.
    ///
    /// # Errors
    /// When the network has no gradient, or a face no size.
    pub fn fit(
        shape: PatchShape,
        attack: &VideoAttack,
        case: &VideoCase<'_>,
        random: &mut Random,
    ) -> Result<Self> {
        let side = usize::from(attack.spec.size);
        let mut patch = Self {
            area: shape.area(&attack.spec),
            side,
            spec: attack.spec,
            texture: vec![0.5; 3 * side * side],
        };
        let mut mean = vec![0.0; patch.texture.len()];
        let count = case.footage.frames.len();
        for _ in 0..STEPS {
            let frames: Vec<usize> = (0..SHARED_FRAMES.min(count))
                .map(|_| random.random_range(0..count))
                .collect();
            let gradient = patch.gradient(attack, case, &frames, random)?;
            let length = gradient.iter().map(|g| g.abs()).sum::<f32>();
            let unit = (length / gradient.len() as f32).max(1e-30);
            let values = patch.texture.iter_mut().zip(&mut mean).zip(&gradient);
            for ((value, mean), gradient) in values {
                *mean = DECAY * *mean + gradient / unit;
                if *mean != 0.0 {
                    *value = (*value + STEP * mean.signum()).clamp(0.0, 1.0);
                }
            }
        }
        Ok(patch)
    }

    /// Frames with the patch on every face.
    ///
    /// # Errors
    /// When a face has no size.
    pub fn print(&self, footage: &Footage) -> Result<Vec<Frame>> {
        let pairs = footage.frames.iter().zip(&footage.faces);
        pairs
            .map(|(frame, faces)| {
                let mut values = shown(frame, &vec![0.0; frame.rgb.len()]);
                self.lay(&self.places(footage.size(), faces)?, &mut values);
                let bytes = values.iter().map(|value| (value * 255.0).round() as u8);
                Ok(Frame {
                    rgb: bytes.collect(),
                    ..frame.clone()
                })
            })
            .collect()
    }

    fn gradient(
        &self,
        attack: &VideoAttack,
        case: &VideoCase<'_>,
        frames: &[usize],
        random: &mut Random,
    ) -> Result<Vec<f32>> {
        let footage = case.footage;
        let (mut all, mut places) = (Vec::new(), Vec::new());
        for &at in frames {
            let frame = &footage.frames[at];
            let mut values = shown(frame, &vec![0.0; frame.rgb.len()]);
            let found = self.places(footage.size(), &footage.faces[at])?;
            self.lay(&found, &mut values);
            all.push(values);
            places.push(found);
        }
        let mut climb = Climb {
            attack,
            case,
            random,
        };
        let mut gradient = vec![0.0; self.texture.len()];
        for (frame, places) in climb.gradients(frames, &all)?.iter().zip(&places) {
            for place in places {
                for (pixel, weight) in place.pixels {
                    for channel in 0..3 {
                        gradient[3 * pixel + channel] += weight * frame[3 * place.texel + channel];
                    }
                }
            }
        }
        Ok(gradient)
    }

    /// Lays the texture over a frame, `[height, width, 3]` in [0, 1].
    fn lay(&self, places: &[Printed], frame: &mut [f32]) {
        for place in places {
            for channel in 0..3 {
                let mixed = place.pixels.iter();
                let mixed = mixed.map(|(pixel, weight)| weight * self.texture[3 * pixel + channel]);
                frame[3 * place.texel + channel] = mixed.sum();
            }
        }
    }

    /// Which pixels of a frame show what of the texture.
    fn places(
        &self,
        (width, height): (usize, usize),
        faces: &[[Point; 5]],
    ) -> Result<Vec<Printed>> {
        let mut places = Vec::new();
        for landmarks in faces {
            let to_crop = self.spec.of_face(landmarks);
            let to_crop = to_crop.context("a face without a size")?;
            let [columns, rows] = self.covered(&to_crop, (width, height))?;
            for row in rows {
                for column in columns.clone() {
                    let at = Point::new(column as f32 + 0.5, row as f32 + 0.5);
                    places.extend(self.place(to_crop.apply(at), row * width + column));
                }
            }
        }
        Ok(places)
    }

    /// Columns and rows of the frame around the patch.
    fn covered(
        &self,
        to_crop: &Similarity,
        (width, height): (usize, usize),
    ) -> Result<[std::ops::Range<usize>; 2]> {
        let to_frame = to_crop.inverse().context("a face without a size")?;
        let [left, top, right, bottom] = self.area;
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
            .map(|(x, y)| to_frame.apply(Point::new(x, y)));
        let range = |values: [f32; 4], most: usize| {
            let low = values.into_iter().fold(f32::MAX, f32::min).max(0.0) as usize;
            let high = values.into_iter().fold(0.0, f32::max).ceil() as usize;
            low.min(most)..high.min(most)
        };
        let (x, y) = (corners.map(|at| at.x), corners.map(|at| at.y));
        Ok([range(x, width), range(y, height)])
    }

    /// `None` outside of the patch.
    fn place(&self, at: Point, texel: usize) -> Option<Printed> {
        let [left, top, right, bottom] = self.area;
        let is_inside = (left..right).contains(&at.x) && (top..bottom).contains(&at.y);
        is_inside.then(|| Printed {
            texel,
            pixels: bilinear_weights((self.side, self.side), at),
        })
    }
}
