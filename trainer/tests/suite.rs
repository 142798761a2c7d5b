//! Attacks against another implementation, and the suite on a trained detector.

mod support;

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use support::{config, people, trained, turn};
use unmask_trainer::attack::check::Verdict;
use unmask_trainer::attack::suite::{HeldOut, Member, State, Suite};
use unmask_trainer::attack::{Apgd, BlackBox, Faces, Norm, Square, Target, Victim};
use unmask_trainer::config::Method;
use unmask_trainer::dataset::Pairs;
use unmask_trainer::evaluation::Validation;
use unmask_trainer::fake::Random;

const SIDE: usize = 12;
const PIXELS: usize = 3 * SIDE * SIDE;
const HIDDEN: usize = 16;
const SAMPLES: usize = 500;

/// As `spread` of oracles/square.py.
fn spread(count: usize, k: usize) -> Vec<f32> {
    let number = |j: usize| {
        let n = (j + k * count) as u64;
        ((n * n * 7919 + n * 104_729) % 65_521) as f64 / 32_760.5 - 1.0
    };
    (0..count).map(|j| number(j) as f32).collect()
}

/// The network of oracles/square.py.
struct Binary {
    first: Vec<Vec<f32>>,
    second: Vec<f32>,
    bias: f32,
}

impl Binary {
    fn new(bias: f32) -> Self {
        let row = |k| {
            let mut row = spread(PIXELS, k);
            for (i, weight) in row.iter_mut().enumerate() {
                if i % SIDE == SIDE - 1 || i / SIDE % SIDE == SIDE - 1 {
                    *weight = 0.0;
                }
            }
            row
        };
        Self {
            first: (0..HIDDEN).map(row).collect(),
            second: spread(HIDDEN, 100),
            bias,
        }
    }

    fn logit(&self, image: &[f32]) -> f32 {
        let hidden = self.first.iter().map(|row| {
            let sum: f32 = row.iter().zip(image).map(|(w, x)| w * (x - 0.5)).sum();
            sum.max(0.0)
        });
        hidden.zip(&self.second).map(|(h, w)| h * w).sum::<f32>() + self.bias
    }
}

impl Victim for Binary {
    fn logits(&self, images: Tensor<4>, _: usize) -> Result<Tensor<1>> {
        let device = images.device();
        let values = images.into_data().try_to_vec::<f32>().unwrap();
        let logits: Vec<f32> = values.chunks(PIXELS).map(|x| self.logit(x)).collect();
        Ok(Tensor::from_floats(logits.as_slice(), &device))
    }
}

/// python3 trainer/tests/oracles/square.py
/// bias -1.2199113 fakes 250
/// epsilon 2/255 seed 0: robust accuracy 0.4060
/// epsilon 2/255 seed 1: robust accuracy 0.3980
/// epsilon 2/255 seed 2: robust accuracy 0.4040
/// epsilon 4/255 seed 0: robust accuracy 0.1180
/// epsilon 4/255 seed 1: robust accuracy 0.1140
/// epsilon 4/255 seed 2: robust accuracy 0.1120
#[test]
fn square_is_as_strong_as_the_adversarial_robustness_toolbox() {
    let device = Device::flex();
    let net = Binary::new(-1.219_911_3);
    let pictures: Vec<f32> = (0..SAMPLES)
        .flat_map(|i| spread(PIXELS, 200 + i))
        .map(|x| 0.5 + 0.3 * x)
        .collect();
    let shape = [SAMPLES, 3, SIDE, SIDE];
    let images = Tensor::<4>::from_data(TensorData::new(pictures, shape), &device);
    let label = net.logits(images.clone(), 1).unwrap();
    let label = label.greater_elem(0.0).float();
    assert_eq!(label.clone().sum().into_scalar::<f32>(), 250.0);
    let faces = Faces {
        images,
        label,
        frames: 1,
    };
    for (epsilon, want) in [(2.0 / 255.0, 0.4027), (4.0 / 255.0, 0.1147)] {
        let square = Square {
            rescale: true,
            stop_when_fooled: true,
            ..Square::new(epsilon, 2000, Target::Both)
        };
        let mut random = Random::seed_from_u64(1);
        let found = square.attack(&net, &faces, &mut random).unwrap();
        let margins = net.logits(found.images, 1).unwrap() * faces.sign();
        let right = margins.greater_elem(0.0).float().mean();
        let right: f32 = right.into_scalar();
        assert!((right - want).abs() <= 0.005, "{epsilon}: {right} {want}");
    }
}

/// Below 1 % with fakes attacked, reals attacked and both, and nothing suspicious.
#[test]
fn an_undefended_detector_falls_to_nothing() {
    const EPSILON: f32 = 8.0 / 255.0;
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let config = config(Method::None);
    let run = trained(&folder.path().join("run"), &config);
    let device = Device::flex();
    let net = run.trained(&config, None, &device).unwrap().net.fold();
    let pairs = Pairs::new(people(), &config.data, true).unwrap();
    let request = Validation::of(&config.network, 8, EPSILON);
    let batches = HeldOut::new(&pairs, &request, &device);
    let apgd = Apgd {
        iterations: 20,
        restarts: 1,
        ..Apgd::margin(Norm::Linf, EPSILON, Target::Both)
    };
    let named = |name| Member::named(name, EPSILON, 50, Target::Both).unwrap();
    let suite = Suite {
        net: &net,
        victim: &net,
        members: vec![
            Member::white(apgd, EPSILON, 20),
            named("square"),
            named("noise"),
        ],
        target: Target::Both,
        epsilon: EPSILON,
        seed: 1,
        subject: "undefended".into(),
    };
    let state = State::open(&folder.path().join("state"), &suite.identity(1)).unwrap();
    let report = suite.run(&batches, &state, &mut |_| ()).unwrap();
    for attacked in [Target::Fakes, Target::Reals, Target::Both] {
        let auc = report.auc(&report.worst, attacked).unwrap();
        assert!(auc < 0.01, "{attacked:?}: {auc}");
    }
    assert_eq!(report.success(&report.worst), Some(1.0));
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
