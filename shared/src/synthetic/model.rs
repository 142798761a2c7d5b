//! The eigenface model: a mean face and the directions in which faces differ.

use core::fmt;
use std::sync::Arc;

use super::file::{self, VERSION};

const SIDE: core::ops::RangeInclusive<usize> = 32..=256;
const COMPONENTS: core::ops::RangeInclusive<usize> = 1..=256;

/// The largest model that is read or written, in bytes before it is packed.
pub const MODEL_BYTES_MAX: usize = 4 << 20;

/// Why bytes are not a face model.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum FaceModelError {
    /// The file is something else, or of a later release.
    #[error("not a face model of version {VERSION}: fit one with `unmask-trainer synthetic fit`")]
    Unknown,
    /// The file was cut short, has bytes after its end, or is over the limit.
    #[error(
        "the face model has {found} bytes where its header says {expected} (limit {MODEL_BYTES_MAX}): copy the file again"
    )]
    Length {
        /// Bytes announced by the header, or the smallest possible.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// What follows the header cannot be unpacked.
    #[error("the face model is damaged: copy the file again")]
    Packing,
    /// A field holds a value no fit can produce.
    #[error("the face model's {0} is out of range: the file is damaged, fit it again")]
    Field(&'static str),
}

/// One direction in which faces differ, before quantisation.
#[derive(Clone, Debug)]
pub struct Component {
    /// Height x width x RGB, unit length, in pixel units of [0, 1].
    pub pixels: Vec<f32>,
    /// Standard deviation of the fitted faces along it, in the same units.
    pub deviation: f32,
}

pub(super) struct Inner {
    pub(super) side: usize,
    pub(super) eye_distance: f32,
    pub(super) eye_line: f32,
    pub(super) mean: Vec<u8>,
    pub(super) scales: Vec<f32>,
    pub(super) deviations: Vec<f32>,
    pub(super) weights: Vec<i8>,
}

/// Mean and components of aligned faces; cheap to clone.
///
/// A face is `mean + sum(coefficient * deviation * component)`, side x side
/// RGB, with the eyes level and their midpoint at half the width.
#[derive(Clone)]
pub struct FaceModel(Arc<Inner>);

impl fmt::Debug for FaceModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceModel")
            .field("side", &self.side())
            .field("components", &self.components())
            .finish()
    }
}

impl FaceModel {
    /// The model released with this crate.
    ///
    /// # Errors
    /// Only where the crate was built with a damaged asset.
    pub fn builtin() -> Result<Self, FaceModelError> {
        Self::from_bytes(include_bytes!("../../models/synthetic-people/people.bin"))
    }

    /// Quantises a fitted model to eight bits.
    ///
    /// `mean` holds side x side RGB in [0, 1]. `eye_distance` and `eye_line`
    /// are fractions of the side.
    ///
    /// # Errors
    /// Where a size, a position or a value is out of range.
    pub fn from_parts(
        side: usize,
        eye_distance: f32,
        eye_line: f32,
        mean: &[f32],
        components: &[Component],
    ) -> Result<Self, FaceModelError> {
        let values = side * side * 3;
        if mean.len() != values || components.iter().any(|c| c.pixels.len() != values) {
            return Err(FaceModelError::Field("pixel count"));
        }
        let mut scales = Vec::with_capacity(components.len());
        let mut weights = Vec::with_capacity(components.len() * values);
        for component in components {
            let peak = component.pixels.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let scale = (peak / 127.0).max(f32::MIN_POSITIVE);
            scales.push(scale);
            weights.extend(component.pixels.iter().map(|v| (v / scale).round() as i8));
        }
        let inner = Inner {
            side,
            eye_distance,
            eye_line,
            mean: mean
                .iter()
                .map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8)
                .collect(),
            scales,
            deviations: components.iter().map(|c| c.deviation).collect(),
            weights,
        };
        inner.check()?;
        Ok(Self(Arc::new(inner)))
    }

    /// Reads a model file; any bytes give a model or an error.
    ///
    /// # Errors
    /// Where the bytes are not a model, are cut short, or hold impossible values.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FaceModelError> {
        let inner = file::read(bytes)?;
        inner.check()?;
        Ok(Self(Arc::new(inner)))
    }

    /// The file that [`from_bytes`](Self::from_bytes) reads back.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(&self.0)
    }

    /// Pixels per side of a face picture.
    pub fn side(&self) -> usize {
        self.0.side
    }

    /// Number of components.
    pub fn components(&self) -> usize {
        self.0.scales.len()
    }

    /// Distance between the eyes as a fraction of the side.
    pub fn eye_distance(&self) -> f32 {
        self.0.eye_distance
    }

    /// Height of the eyes as a fraction of the side, from the top.
    pub fn eye_line(&self) -> f32 {
        self.0.eye_line
    }

    /// The mean face: side x side x RGB in [0, 1].
    pub fn mean(&self) -> Vec<f32> {
        self.0.mean.iter().map(|&v| f32::from(v) / 255.0).collect()
    }

    /// Adds `coefficient` standard deviations of component `index` to a face
    /// picture of side x side x RGB; an index beyond the last adds nothing.
    pub fn add(&self, index: usize, coefficient: f32, face: &mut [f32]) {
        let inner = &*self.0;
        let values = inner.mean.len();
        let Some(weights) = inner.weights.chunks_exact(values).nth(index) else {
            return;
        };
        let gain = coefficient * inner.deviations[index] * inner.scales[index];
        for (value, &weight) in face.iter_mut().zip(weights) {
            *value += gain * f32::from(weight);
        }
    }
}

impl Inner {
    fn check(&self) -> Result<(), FaceModelError> {
        check_sizes(self.side, self.scales.len())?;
        let within = |value: f32, low: f32, high: f32| value >= low && value <= high;
        if !within(self.eye_distance, 0.05, 0.9) {
            return Err(FaceModelError::Field("eye distance"));
        }
        if !within(self.eye_line, 0.05, 0.95) {
            return Err(FaceModelError::Field("eye line"));
        }
        if !self.scales.iter().all(|&s| within(s, 0.0, 1.0)) {
            return Err(FaceModelError::Field("component scale"));
        }
        if !self.deviations.iter().all(|&d| within(d, 0.0, 1e3)) {
            return Err(FaceModelError::Field("standard deviation"));
        }
        Ok(())
    }
}

pub(super) fn check_sizes(side: usize, components: usize) -> Result<(), FaceModelError> {
    if !SIDE.contains(&side) {
        return Err(FaceModelError::Field("side"));
    }
    if !COMPONENTS.contains(&components) {
        return Err(FaceModelError::Field("component count"));
    }
    let bytes = file::unpacked_bytes(side, components);
    if bytes > MODEL_BYTES_MAX {
        return Err(FaceModelError::Length {
            expected: bytes,
            found: MODEL_BYTES_MAX,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tiny() -> FaceModel {
        let values = 32 * 32 * 3;
        let component = Component {
            pixels: (0..values).map(|i| (i as f32 * 0.1).sin() / 64.0).collect(),
            deviation: 2.0,
        };
        FaceModel::from_parts(32, 0.35, 0.36, &vec![0.5; values], &[component]).unwrap()
    }

    #[test]
    fn bytes_round_trip() {
        let bytes = tiny().to_bytes();
        assert_eq!(FaceModel::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn a_component_survives_eight_bits() {
        let mut face = vec![0.0; 32 * 32 * 3];
        tiny().add(0, 1.0, &mut face);
        for (i, value) in face.iter().enumerate() {
            let expected = 2.0 * (i as f32 * 0.1).sin() / 64.0;
            assert!(
                (value - expected).abs() < 2e-4,
                "{value} for {expected} at {i}"
            );
        }
    }

    #[test]
    fn the_released_model_is_within_its_limit() {
        let model = FaceModel::builtin().unwrap();
        assert!((64..=96).contains(&model.components()), "{model:?}");
        let bytes = model.to_bytes().len();
        assert!(bytes <= 1_100_000, "{bytes} bytes");
    }

    #[test]
    fn a_nan_position_is_refused() {
        let mut bytes = tiny().to_bytes();
        bytes[16..20].copy_from_slice(&f32::NAN.to_le_bytes());
        let error = FaceModel::from_bytes(&bytes).unwrap_err();
        assert_eq!(error, FaceModelError::Field("eye distance"));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(
            edits in prop::collection::vec((0usize..7000, any::<u8>()), 0..8),
            keep in 0usize..7000,
        ) {
            let mut bytes = tiny().to_bytes();
            for (at, value) in edits {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(keep);
            if let Ok(model) = FaceModel::from_bytes(&bytes) {
                let mut face = model.mean();
                model.add(0, 1.0, &mut face);
                prop_assert!(face.iter().all(|v| v.is_finite()));
            }
        }
    }
}
