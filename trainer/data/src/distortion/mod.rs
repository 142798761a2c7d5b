//! The seven perturbations of DeeperForensics-1.0 (Jiang et al., CVPR 2020) at five levels.
//!
//! They act on the bytes of whole frames, before a face is found and cropped, and round as
//! the data set's own tool does: what a frame loses to truncation is part of the
//! perturbation. Each has a short code that names it in results, such as `gb_4`.
//! Where only stored face crops are at hand, [`Perturbation::apply_to_crops`] gives an
//! approximation that must be named as such in results.

mod blocks;
mod blur;
mod contrast;
mod crops;
mod error;
mod files;
mod noise;
mod pixelation;
mod process;
mod saturation;
mod sheet;
mod video;
mod writer;
mod ycbcr;

use std::fmt;
use std::str::FromStr;

use unmask_shared::media::Frame;

use crate::random::mix;

pub use error::DistortionError;
pub use files::{FolderReport, perturb_file, perturb_folder};
pub use sheet::sheet;
pub use video::RUN_BYTES_MAX;
pub use writer::{Coding, VideoWriter, compress_file};

/// What is done to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distortion {
    /// `cs`: less colour saturation.
    Saturation,
    /// `cc`: less contrast, and darker with it.
    Contrast,
    /// `bw`: grey squares of 8 pixels. None where a side is below 256 pixels.
    Blocks,
    /// `gnc`: Gaussian noise in colour components.
    Noise,
    /// `gb`: Gaussian blur.
    Blur,
    /// `jpeg`: named after JPEG by the data set, in truth loss of resolution.
    Pixelation,
    /// `vc`: video compression by x264.
    Video,
}

impl Distortion {
    /// All seven, in the order of the data set's tables.
    pub const ALL: [Self; 7] = [
        Self::Saturation,
        Self::Contrast,
        Self::Blocks,
        Self::Noise,
        Self::Blur,
        Self::Pixelation,
        Self::Video,
    ];

    /// The data set's short name in lower case.
    pub fn code(self) -> &'static str {
        match self {
            Self::Saturation => "cs",
            Self::Contrast => "cc",
            Self::Blocks => "bw",
            Self::Noise => "gnc",
            Self::Blur => "gb",
            Self::Pixelation => "jpeg",
            Self::Video => "vc",
        }
    }
}

impl fmt::Display for Distortion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Saturation => "colour saturation",
            Self::Contrast => "colour contrast",
            Self::Blocks => "block-wise",
            Self::Noise => "Gaussian noise in colour components",
            Self::Blur => "Gaussian blur",
            Self::Pixelation => "pixelation",
            Self::Video => "video compression",
        })
    }
}

/// How hard: 1 is the mildest, 5 the hardest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// All five, mildest first.
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// The level of this number; `None` outside 1 to 5.
    pub fn new(number: u8) -> Option<Self> {
        (1..=5).contains(&number).then_some(Self(number))
    }

    /// 1 to 5.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The entry of a table with one value per level.
    fn of<T: Copy>(self, [first, second, third, fourth, fifth]: [T; 5]) -> T {
        match self.0 {
            1 => first,
            2 => second,
            3 => third,
            4 => fourth,
            _ => fifth,
        }
    }
}

/// A distortion at a level, written `cs_1` to `vc_5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Perturbation {
    /// What is done.
    pub distortion: Distortion,
    /// How hard.
    pub level: Level,
}

impl fmt::Display for Perturbation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.distortion.code(), self.level.0)
    }
}

impl FromStr for Perturbation {
    type Err = DistortionError;

    fn from_str(text: &str) -> Result<Self, DistortionError> {
        let parsed = text.rsplit_once('_').and_then(|(code, level)| {
            Some(Self {
                distortion: *Distortion::ALL.iter().find(|d| d.code() == code)?,
                level: Level::new(level.parse().ok()?)?,
            })
        });
        parsed.ok_or_else(|| DistortionError::UnknownCode(text.to_owned()))
    }
}

impl Perturbation {
    /// All thirty-five, by distortion and then by level.
    pub fn all() -> impl Iterator<Item = Self> {
        Distortion::ALL
            .into_iter()
            .flat_map(|distortion| Level::ALL.map(|level| Self { distortion, level }))
    }

    /// Perturbs one whole frame; the same seed gives the same result.
    ///
    /// Video compression takes the frame for a video of one; see [`Self::apply_to_run`].
    ///
    /// # Errors
    /// When the frame's size does not fit its bytes, or the ffmpeg command, which only
    /// video compression uses, is missing or fails.
    pub fn apply(&self, frame: &mut Frame, seed: u64) -> Result<(), DistortionError> {
        check(frame)?;
        let level = self.level;
        match self.distortion {
            Distortion::Saturation => saturation::apply(frame, level),
            Distortion::Contrast => contrast::apply(frame, level),
            Distortion::Blocks => blocks::apply(frame, level, seed),
            Distortion::Noise => noise::apply(frame, level, seed),
            Distortion::Blur => blur::apply(frame, level),
            Distortion::Pixelation => pixelation::apply(frame, level),
            Distortion::Video => {
                return video::compress_run(std::slice::from_mut(frame), level, RATE_HZ);
            }
        }
        Ok(())
    }

    /// Perturbs consecutive frames of one size: noise and blocks differ from frame to
    /// frame, and video compression sees the motion between them.
    ///
    /// # Errors
    /// As [`Self::apply`]; for video compression also when the frames differ in size or
    /// have more than [`RUN_BYTES_MAX`] bytes together. Frames before the one at fault
    /// may have been perturbed.
    pub fn apply_to_run(&self, frames: &mut [Frame], seed: u64) -> Result<(), DistortionError> {
        if self.distortion == Distortion::Video {
            frames.iter().try_for_each(check)?;
            return video::compress_run(frames, self.level, RATE_HZ);
        }
        for (index, frame) in frames.iter_mut().enumerate() {
            self.apply(frame, mix(seed, index as u64))?;
        }
        Ok(())
    }
}

/// Frames per second of runs, whose own rate is not known. It decides how far apart
/// x264 sets its key frames, and hardly anything else.
const RATE_HZ: f64 = 25.0;

fn check(frame: &Frame) -> Result<(), DistortionError> {
    let expected = frame.width.checked_mul(frame.height);
    let expected = expected.and_then(|area| area.checked_mul(3));
    if frame.rgb.is_empty() || expected != Some(frame.rgb.len()) {
        return Err(DistortionError::FrameSize {
            width: frame.width,
            height: frame.height,
            bytes: frame.rgb.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_all_thirty_five() {
        let all: Vec<Perturbation> = Perturbation::all().collect();
        assert_eq!(all.len(), 35);
        for perturbation in all {
            let code = perturbation.to_string();
            assert_eq!(code.parse::<Perturbation>().unwrap(), perturbation);
        }
        for wrong in ["gb", "gb_0", "gb_6", "xx_1", "_1", "gb_-1", ""] {
            let error = wrong.parse::<Perturbation>().unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("gb_4"), "{error}");
        }
    }

    #[test]
    fn bytes_that_do_not_fit_the_size_are_refused() {
        for (width, height, bytes) in [(4, 4, 47), (0, 4, 0), (usize::MAX, 2, 12)] {
            let mut frame = Frame {
                width,
                height,
                rgb: vec![0; bytes],
                ..Default::default()
            };
            for perturbation in Perturbation::all() {
                let error = perturbation.apply(&mut frame, 1).unwrap_err();
                assert!(matches!(error, DistortionError::FrameSize { .. }));
            }
        }
    }

    #[test]
    fn the_seed_decides_and_frames_of_a_run_differ() {
        let grey = || Frame {
            width: 260,
            height: 256,
            rgb: vec![90; 260 * 256 * 3],
            ..Default::default()
        };
        for code in ["bw_1", "gnc_3"] {
            let perturbation: Perturbation = code.parse().unwrap();
            let run = |seed| {
                let mut frames = vec![grey(), grey()];
                perturbation.apply_to_run(&mut frames, seed).unwrap();
                frames
            };
            assert_eq!(run(5)[1].rgb, run(5)[1].rgb);
            assert_ne!(run(5)[0].rgb, run(5)[1].rgb, "{code}");
            assert_ne!(run(5)[0].rgb, run(6)[0].rgb, "{code}");
        }
    }
}
