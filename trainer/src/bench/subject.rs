//! What is timed: the steps of a run on random pictures.

use burn::grad_clipping::GradientClippingConfig;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Distribution, Tensor};

use super::Bench;
use crate::attack::{Begin, Faces, Pgd};
use crate::config::{Method, RunConfig};
use crate::network::Detector;
use crate::train::{Guide, attacked, average, inner_attack, loss};

/// A network in training with one batch.
pub struct BenchSubject {
    net: Detector,
    average: Detector,
    optimizer: ModuleOptimizer,
    run: RunConfig,
    frames: usize,
    images: Tensor<4>,
    label: Tensor<1>,
}

impl BenchSubject {
    /// Fresh weights and random pictures, pairs of a real and a fake clip.
    pub fn new(bench: &Bench, device: &Device) -> Self {
        device.seed(bench.run.train.seed);
        let net = Detector::new(&bench.run.network, &device.clone().autodiff());
        let side = bench.run.network.input;
        let pairs = bench.batch / bench.frames / 2;
        let optimizer = AdamWConfig::new()
            .with_weight_decay(bench.run.train.weight_decay)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(
                bench.run.train.clip_norm,
            )));
        Self {
            average: net.valid(),
            net,
            optimizer: optimizer.init(),
            run: bench.run.clone(),
            frames: bench.frames,
            images: Tensor::random(
                [bench.batch, 3, side, side],
                Distribution::Uniform(0.0, 1.0),
                device,
            ),
            label: Tensor::from_floats([0.0, 1.0].repeat(pairs).as_slice(), device),
        }
    }

    /// Trainable numbers.
    pub fn parameters(&self) -> usize {
        let mut count = Trainable(0);
        self.net.visit(&mut count);
        count.0
    }

    /// A step of method `none`.
    pub fn clean_step(&mut self) {
        self.descend(None);
    }

    /// One gradient step of the method's attack.
    pub fn attack_step(&self) {
        let attack = Pgd {
            steps: 1,
            begin: Begin::Image,
            ..inner_attack(&self.run.attack, self.run.train.method, self.epsilon())
        };
        let faces = Faces {
            images: self.images.clone(),
            label: self.label.clone(),
            frames: self.frames,
        };
        attack.run(&self.net.fold(), &faces);
    }

    /// A step of the method.
    pub fn full_step(&mut self) {
        if self.run.train.method == Method::None {
            return self.clean_step();
        }
        let (images, label) = (self.images.clone(), self.label.clone());
        let (epsilon, frames) = (self.epsilon(), self.frames);
        let found = attacked(&self.net, images, label, frames, &self.run, epsilon);
        self.descend(Some(found.autodiff()));
    }

    fn epsilon(&self) -> f32 {
        self.run.attack.epsilon.value()
    }

    fn descend(&mut self, attacked: Option<Tensor<4>>) {
        let images = self.images.clone().autodiff();
        let label = self.label.clone();
        let found = loss(
            &self.net,
            images,
            attacked,
            label,
            self.frames,
            &self.run,
            &Guide::default(),
        );
        let gradients = GradientsParams::from_grads(found.terms.total.backward(), &self.net);
        let rate = self.run.train.learning_rate;
        self.net = self.optimizer.step(rate, self.net.clone(), gradients);
        let decay = self.run.train.ema_decay;
        self.average = average(self.average.clone(), &self.net, decay);
    }
}

/// Counts numbers that have gradients, so no running statistics.
struct Trainable(usize);

impl ModuleVisitor for Trainable {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_require_grad() {
            self.0 += value.shape().num_elements();
        }
    }
}
