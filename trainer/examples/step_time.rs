//! Times the parts of a training step: `cargo run --release -p unmask-trainer --example step_time`.

use std::time::Instant;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Tensor};
use unmask_trainer::attack::{Objective, Pgd};
use unmask_trainer::config::AfslConfig;
use unmask_trainer::network::{Detector, NetworkConfig};
use unmask_trainer::train::{StepOptions, average, loss};

const IMAGES: usize = 64;

fn main() {
    let device = Device::flex();
    device.seed(1);
    let config = NetworkConfig::default();
    let mut net = Detector::new(&config, &device.clone().autodiff());
    let mut optimizer = AdamWConfig::new().init();
    let afsl = AfslConfig::default();
    for side in [80, 112] {
        let images = Tensor::<4>::random(
            [IMAGES, 3, side, side],
            Distribution::Uniform(0.0, 1.0),
            &device,
        );
        let label = Tensor::<1>::random([IMAGES], Distribution::Bernoulli(0.5), &device);
        time(side, "fused forward", || {
            let _: f32 = net
                .fold()
                .forward(images.clone(), 1)
                .logit
                .sum()
                .into_scalar();
        });
        time(side, "one attack step", || {
            let pgd = Pgd::training(0.01, 1, Objective::Margin);
            let out = pgd.attack(&net.fold(), images.clone(), label.clone(), 1);
            let _: f32 = out.images.sum().into_scalar();
        });
        time(side, "training forward", || {
            let _: f32 = net
                .forward(images.clone().autodiff(), 1)
                .logit
                .sum()
                .into_scalar();
        });
        let options = StepOptions {
            afsl: &afsl,
            epsilon: 0.0,
        };
        time(side, "clean step", || {
            let parts = loss(&net, images.clone(), label.clone(), 1, &options);
            let grads = GradientsParams::from_grads(parts.total.backward(), &net);
            net = optimizer.step(1e-4, net.clone(), grads);
        });
        time(side, "average", || {
            average(net.clone(), &net, 0.9);
        });
        let options = StepOptions {
            afsl: &afsl,
            epsilon: 0.01,
        };
        time(side, "afsl step", || {
            let parts = loss(&net, images.clone(), label.clone(), 1, &options);
            let grads = GradientsParams::from_grads(parts.total.backward(), &net);
            net = optimizer.step(1e-4, net.clone(), grads);
        });
    }
}

fn time(side: usize, name: &str, mut work: impl FnMut()) {
    work();
    let began = Instant::now();
    let rounds = 4;
    (0..rounds).for_each(|_| work());
    let ms = began.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
    println!(
        "{side} px  {name:18} {ms:8.1} ms  {:6.2} ms per image",
        ms / IMAGES as f64
    );
}
