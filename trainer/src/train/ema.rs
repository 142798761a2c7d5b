//! Average of the weights over the steps: what is evaluated and shipped.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// `average = decay * average + (1 - decay) * live`, for every weight and running
/// statistic. Both modules must be clones of one: parameters are matched by identity.
pub fn average<M: Module>(average: M, live: &M, decay: f64) -> M {
    let mut collect = Collect {
        values: GradientsParams::new(),
    };
    live.visit(&mut collect);
    average.map(&mut Blend {
        values: collect.values,
        decay,
    })
}

struct Collect {
    /// A map from parameter to tensor of any rank.
    values: GradientsParams,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.values.register(param.id, param.val().inner());
    }
}

struct Blend {
    values: GradientsParams,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let live = self.values.remove::<D>(param.id);
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
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    #[test]
    fn moves_towards_the_live_weights() {
        let device = Device::flex().autodiff();
        let start = LinearConfig::new(2, 2).init(&device);
        let mut live = start.clone();
        live.weight = live.weight.map(|w| w + 1.0);
        let mut mean = start.clone();
        for _ in 0..3 {
            mean = average(mean, &live, 0.5);
        }
        let moved = (mean.weight.val().inner() - start.weight.val().inner()).into_data();
        for value in moved.try_to_vec::<f32>().unwrap() {
            assert!((value - 0.875).abs() < 1e-6, "{value}");
        }
    }
}
