//! Average of the weights over the steps: what is evaluated and shipped.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// `average = decay * average + (1 - decay) * live`, for every weight and running
/// statistic. `average` must be a module of its own, such as [`Module::valid`] of the live
/// one: a plain clone would share its running statistics.
pub fn average<M: Module>(average: M, live: &M, decay: f64) -> M {
    // Running statistics lag behind by one update until they are asked to synchronise.
    let live = live.valid();
    let mut collect = Collect {
        values: GradientsParams::new(),
        next: 0,
    };
    live.visit(&mut collect);
    average.map(&mut Blend {
        values: collect.values,
        next: 0,
        decay,
    })
}

struct Collect {
    /// A map to tensors of any rank. Its keys are places in the order of visits: loading a
    /// record keeps the identity of weights, but not that of running statistics.
    values: GradientsParams,
    next: u64,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.values.register(ParamId::from(self.next), param.val());
        self.next += 1;
    }
}

struct Blend {
    values: GradientsParams,
    next: u64,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let live = self.values.remove::<D>(ParamId::from(self.next));
        self.next += 1;
        let decay = self.decay;
        match live {
            Some(live) => {
                param.map(|old| Tensor::from_inner(old.inner() * decay + live * (1.0 - decay)))
            }
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{BatchNorm, BatchNormConfig, LinearConfig};
    use burn::tensor::Device;

    #[test]
    fn moves_towards_the_live_weights() {
        let device = Device::flex().autodiff();
        let start = LinearConfig::new(2, 2).init(&device);
        let mut live = start.clone();
        live.weight = live.weight.map(|w| w + 1.0);
        let mut mean = start.valid();
        for _ in 0..3 {
            mean = average(mean, &live, 0.5);
        }
        let moved = (mean.weight.val() - start.weight.val().inner()).into_data();
        for value in moved.try_to_vec::<f32>().unwrap() {
            assert!((value - 0.875).abs() < 1e-6, "{value}");
        }
    }

    #[test]
    fn running_statistics_are_averaged_apart_from_the_live_ones() {
        let device = Device::flex().autodiff();
        let live = BatchNormConfig::new(1).with_momentum(1.0).init(&device);
        let mean = live.valid();
        live.forward(Tensor::<2>::from_floats([[3.0], [5.0]], &device));
        let mean = average(mean, &live, 0.75);
        let number = |norm: &BatchNorm| norm.running_mean.value_sync().into_scalar::<f32>();
        assert_eq!(number(&live), 4.0);
        assert_eq!(number(&mean), 1.0);
    }
}
