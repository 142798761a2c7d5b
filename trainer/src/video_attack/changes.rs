//! Everyday filters of whole pictures, and printed patches, as attacks.

use std::path::PathBuf;

use anyhow::Result;
use rand::SeedableRng;
use unmask_shared::media::Frame;

use super::{ChangedVerdict, VideoTarget};
use crate::attack::video::{Footage, PrintedPatch};
use crate::distortion::Coding;
use crate::fake::Picture;
use crate::fake::photometry::{EVERYDAY, Filter};
use crate::random::Random;

impl VideoTarget<'_> {
    /// What the program says under each of [`EVERYDAY`] at each strength.
    pub(super) fn filtered(&self, footage: &Footage) -> Result<Vec<ChangedVerdict>> {
        let folder = tempfile::tempdir()?;
        let mut files = Vec::new();
        for (name, filters) in EVERYDAY {
            for (strength, filter) in (1..).zip(filters) {
                let frames: Vec<Frame> =
                    (footage.frames.iter().map(|frame| under(frame, &filter))).collect();
                let change = format!("{name} {strength}");
                let file = footage.write(&frames, folder.path(), &change, Coding::Lossless)?;
                files.push((change, file));
            }
        }
        self.judge_changed(files)
    }

    /// What it says with each of the patches printed on every face.
    pub(super) fn printed(&self, footage: &Footage, fake: bool) -> Result<Vec<ChangedVerdict>> {
        let folder = tempfile::tempdir()?;
        let mut files = Vec::new();
        for shape in &self.patches {
            let mut random = Random::seed_from_u64(self.seed);
            let frames = self.with_case(footage, fake, |case| {
                PrintedPatch::fit(*shape, &self.attack(1), case, &mut random)?.print(footage)
            })?;
            let change = shape.name().to_owned();
            let file = footage.write(&frames, folder.path(), &change, Coding::Lossless)?;
            files.push((change, file));
        }
        self.judge_changed(files)
    }

    fn judge_changed(&self, files: Vec<(String, PathBuf)>) -> Result<Vec<ChangedVerdict>> {
        let (changes, files): (Vec<String>, Vec<PathBuf>) = files.into_iter().unzip();
        let pairs = changes.into_iter().zip(self.judge(&files)?);
        Ok(pairs
            .map(|(change, said)| ChangedVerdict {
                change,
                verdict: said.verdict,
            })
            .collect())
    }
}

/// A frame under a filter. Filters are for squares: the frame is filled up to one with the pixels
/// of its edge, and cut out again.
fn under(frame: &Frame, filter: &Filter) -> Frame {
    let side = frame.width.max(frame.height);
    let at = |row: usize, column: usize| {
        let (row, column) = (row.min(frame.height - 1), column.min(frame.width - 1));
        3 * (row * frame.width + column)
    };
    let places = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
    let bytes: Vec<u8> = places
        .flat_map(|(row, column)| frame.rgb[at(row, column)..][..3].to_vec())
        .collect();
    let mut picture = Picture::from_u8(side, &bytes);
    filter.apply(&mut picture);
    let rows = picture.to_u8();
    let rows = rows.chunks_exact(3 * side).take(frame.height);
    Frame {
        rgb: rows
            .flat_map(|row| row[..3 * frame.width].to_vec())
            .collect(),
        ..frame.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half the light in a frame of three by two pixels: each stays where it was.
    #[test]
    fn every_pixel_stays_in_its_place() {
        let frame = Frame {
            width: 3,
            height: 2,
            rgb: (0..18).map(|value| value * 10).collect(),
            ..Frame::default()
        };
        let half = under(&frame, &Filter::Gain(0.5));
        assert_eq!((half.width, half.height), (3, 2));
        let known: Vec<u8> = (0..18).map(|value| value * 5).collect();
        assert_eq!(half.rgb, known);
        let upright = Frame {
            width: 2,
            height: 3,
            ..frame
        };
        assert_eq!(under(&upright, &Filter::Gain(0.5)).rgb, known);
    }
}
