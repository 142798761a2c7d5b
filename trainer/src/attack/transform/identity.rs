//! Nothing.

use anyhow::Result;
use burn::tensor::Tensor;

use super::Transform;
use crate::random::Random;

/// Leaves pictures as they are.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl Transform for Identity {
    fn name(&self) -> String {
        "as it is".into()
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn apply(&self, images: Tensor<4>, _: &mut Random) -> Tensor<4> {
        images
    }
}
