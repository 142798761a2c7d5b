//! Perturbing stored face crops, where the frames they were cut from are gone.

use unmask_shared::media::Frame;

use super::{Distortion, DistortionError, Perturbation};
use crate::fake::Picture;

impl Perturbation {
    /// Perturbs consecutive stored crops as if each were a whole frame: an approximation.
    ///
    /// Levels are stated for frames of some 1,000 pixels, and a stored crop shows its face
    /// larger or smaller than the frame did. Blur, pixelation and compression are
    /// therefore harder on faces that were large in their frame than the data set's, and
    /// gentler on small ones. Contrast, saturation and noise of the single pixel are the
    /// same, though noise is not averaged by the crop's own resampling. Results should
    /// say that crops were perturbed.
    ///
    /// # Errors
    /// As [`Self::apply_to_run`], and for block-wise perturbation, which by its rule
    /// leaves pictures below 256 pixels as they are.
    pub fn apply_to_crops(&self, crops: &mut [Picture], seed: u64) -> Result<(), DistortionError> {
        if self.distortion == Distortion::Blocks && crops.iter().any(|crop| crop.side < 256) {
            return Err(DistortionError::NoEffectOnCrops(*self));
        }
        let frame = |crop: &Picture| Frame {
            width: crop.side,
            height: crop.side,
            rgb: crop.to_u8(),
            ..Default::default()
        };
        let mut frames: Vec<Frame> = crops.iter().map(frame).collect();
        self.apply_to_run(&mut frames, seed)?;
        for (crop, frame) in crops.iter_mut().zip(frames) {
            *crop = Picture::from_u8(crop.side, &frame.rgb);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crops() -> Vec<Picture> {
        let value = |i: usize| (i * 37 % 251) as f32 / 251.0;
        let crop = Picture {
            side: 48,
            rgb: (0..48 * 48 * 3).map(value).collect(),
        };
        vec![crop.clone(), crop]
    }

    #[test]
    fn crops_are_perturbed_like_frames() {
        for perturbation in Perturbation::all() {
            let mut changed = crops();
            match perturbation.distortion {
                Distortion::Blocks => {
                    let error = perturbation.apply_to_crops(&mut changed, 1).unwrap_err();
                    assert!(error.to_string().contains("before `prepare`"), "{error}");
                }
                Distortion::Video => {}
                _ => {
                    perturbation.apply_to_crops(&mut changed, 1).unwrap();
                    assert_ne!(changed, crops(), "{perturbation}");
                    let inside = |v: &f32| (0.0..=1.0).contains(v);
                    assert!(changed.iter().all(|crop| crop.rgb.iter().all(inside)));
                }
            }
        }
    }
}
