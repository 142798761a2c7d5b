//! One transform after another.

use anyhow::Result;
use burn::tensor::Tensor;

use super::Transform;
use crate::random::Random;

/// Applies transforms in order.
#[derive(Debug)]
pub struct Chain(pub Vec<Box<dyn Transform>>);

impl Transform for Chain {
    fn name(&self) -> String {
        let names: Vec<String> = self.0.iter().map(|part| part.name()).collect();
        names.join(" then ")
    }

    fn check(&self) -> Result<()> {
        self.0.iter().try_for_each(|part| part.check())
    }

    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4> {
        self.0
            .iter()
            .fold(images, |images, part| part.apply(images, random))
    }
}
