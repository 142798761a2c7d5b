//! Random numbers for tests that depend on nothing but their seed: tests beside them draw from, and
//! reseed, the generator of the device.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};

use crate::random::Random;

/// Numbers in [0, 1).
pub(crate) fn uniform<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut random = Random::seed_from_u64(seed);
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| random.random()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Nearly normal numbers.
pub(crate) fn normal<const D: usize>(
    shape: [usize; D],
    deviation: f32,
    random: &mut Random,
    device: &Device,
) -> Tensor<D> {
    let mut normal = || (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0;
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| deviation * normal()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A network with other weights of the same size: kernels and matrices are drawn anew, of the
/// deviation that they have.
pub(crate) fn redrawn<M: Module>(net: M, seed: u64) -> M {
    net.map(&mut Redraw(Random::seed_from_u64(seed)))
}

struct Redraw(Random);

impl ModuleMapper for Redraw {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D < 2 {
            return param;
        }
        let old = param.val();
        let count = old.shape().num_elements() as f32;
        let square: f32 = (old.clone() * old.clone()).sum().into_scalar();
        let deviation = (square / count).sqrt();
        Param::from_tensor(normal(old.dims(), deviation, &mut self.0, &old.device()))
    }
}
