//! Held-out pairs as batches of a suite.

use anyhow::Result;

use super::super::Faces;
use super::Batches;
use crate::evaluation::HeldOut;

impl Batches for HeldOut<'_> {
    fn count(&self) -> usize {
        self.batches()
    }

    fn batch(&self, index: usize) -> Result<Faces> {
        Ok(self.faces(&self.made(index, None)?))
    }
}
