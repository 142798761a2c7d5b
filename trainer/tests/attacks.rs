//! Attacks against reference implementations: torchattacks and the
//! adversarial-robustness-toolbox (ART), whose numbers come from oracles/attacks.py.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use unmask_trainer::attack::{
    Apgd, Begin, Carlini, Fab, Faces, Frequency, Hussain, MiFgsm, Noise, Norm, Objective, Patch,
    Pgd, Statistical, Target, Universal, WhiteBox,
};
use unmask_trainer::fake::Random;
use unmask_trainer::network::{Differentiable, Features};

const SIDE: usize = 8;
const EPSILON: f32 = 8.0 / 255.0;

/// Logits after an attack, and every 16th value of the pictures.
struct Found {
    logits: [f32; 2],
    pixels: [[f32; 12]; 2],
}

const CLEAN: Found = Found {
    logits: [-1.760_036, 4.899_837],
    pixels: [
        [
            0.0,
            0.553_661,
            0.027_081_2,
            0.420_260_8,
            0.733_199_6,
            0.965_897_7,
            0.118_355_1,
            0.190_571_7,
            0.182_547_6,
            0.094_282_9,
            0.925_777_3,
            0.677_031_1,
        ],
        [
            0.068_204_6,
            0.686_058_2,
            0.223_671,
            0.681_043_1,
            0.058_174_5,
            0.355_065_2,
            0.571_715_1,
            0.708_124_4,
            0.764_292_9,
            0.740_220_7,
            0.635_907_7,
            0.451_354_1,
        ],
    ],
};

const FGSM: Found = Found {
    logits: [0.582_87, 2.725_262],
    pixels: [
        [
            0.031_372_6,
            0.522_288_4,
            0.0,
            0.451_633_3,
            0.701_827,
            0.997_270_2,
            0.149_727_6,
            0.221_944_3,
            0.151_175_1,
            0.062_910_3,
            0.957_149_9,
            0.708_403_6,
        ],
        [
            0.036_832_1,
            0.717_430_7,
            0.255_043_6,
            0.712_415_7,
            0.026_802,
            0.386_437_7,
            0.540_342_6,
            0.676_751_9,
            0.795_665_4,
            0.771_593_2,
            0.604_535_2,
            0.419_981_5,
        ],
    ],
};

const PGD_1: Found = Found {
    logits: [-1.170_362, 4.347_694],
    pixels: [
        [
            0.007_843_1,
            0.545_817_9,
            0.019_238_1,
            0.428_103_9,
            0.725_356_5,
            0.973_740_8,
            0.126_198_2,
            0.198_414_8,
            0.174_704_5,
            0.086_439_7,
            0.933_620_5,
            0.684_874_2,
        ],
        [
            0.060_361_5,
            0.693_901_3,
            0.231_514_2,
            0.688_886_3,
            0.050_331_4,
            0.362_908_3,
            0.563_872,
            0.700_281_3,
            0.772_136,
            0.748_063_8,
            0.628_064_6,
            0.443_510_9,
        ],
    ],
};

const PGD_4: Found = Found {
    logits: [0.589_976, 2.711_526],
    pixels: [
        [
            0.015_686_3,
            0.522_288_4,
            0.0,
            0.451_633_3,
            0.701_827,
            0.981_584,
            0.149_727_6,
            0.221_944_3,
            0.151_175_1,
            0.062_910_3,
            0.957_149_9,
            0.708_403_6,
        ],
        [
            0.036_832_1,
            0.717_430_7,
            0.255_043_6,
            0.681_043_1,
            0.026_802,
            0.386_437_7,
            0.540_342_6,
            0.676_751_9,
            0.795_665_4,
            0.771_593_2,
            0.604_535_2,
            0.419_981_5,
        ],
    ],
};

const PGD_10: Found = Found {
    logits: [0.598_651, 2.697_196],
    pixels: [
        [
            0.0,
            0.522_288_4,
            0.0,
            0.435_947_1,
            0.701_827,
            0.934_525_1,
            0.149_727_6,
            0.221_944_3,
            0.151_175_1,
            0.062_910_3,
            0.957_149_9,
            0.708_403_6,
        ],
        [
            0.036_832_1,
            0.717_430_7,
            0.255_043_6,
            0.649_670_6,
            0.026_802,
            0.386_437_7,
            0.540_342_6,
            0.676_751_9,
            0.795_665_4,
            0.771_593_2,
            0.604_535_2,
            0.419_981_5,
        ],
    ],
};

const PGD_L2: Found = Found {
    logits: [1.573_968, 1.831_185],
    pixels: [
        [
            0.001_081_2,
            0.518_655_1,
            0.0,
            0.422_709_7,
            0.718_355_4,
            0.960_950_6,
            0.154_713_7,
            0.223_795_2,
            0.153_307_2,
            0.085_936,
            0.947_329_5,
            0.703_382,
        ],
        [
            0.053_610_6,
            0.713_511,
            0.302_605_1,
            0.678_201_2,
            0.056_778_8,
            0.365_150_2,
            0.553_133,
            0.677_768_6,
            0.793_623_3,
            0.747_652,
            0.591_488_4,
            0.395_597_5,
        ],
    ],
};

const MI_FGSM: Found = Found {
    logits: [0.592_564, 2.700_93],
    pixels: [
        [
            0.0,
            0.522_288_4,
            0.0,
            0.451_633_3,
            0.701_827,
            0.973_740_8,
            0.149_727_6,
            0.221_944_3,
            0.151_175_1,
            0.062_910_3,
            0.957_149_9,
            0.708_403_6,
        ],
        [
            0.036_832_1,
            0.717_430_7,
            0.255_043_6,
            0.665_356_9,
            0.026_802,
            0.386_437_7,
            0.540_342_6,
            0.676_751_9,
            0.795_665_4,
            0.771_593_2,
            0.604_535_2,
            0.419_981_5,
        ],
    ],
};

/// Numbers in [-1, 1] that look random.
fn spread(count: usize, k: usize) -> Vec<f64> {
    (0..count)
        .map(|j| ((j * 7919 + k * 104_729) % 1009) as f64 / 504.0 - 1.0)
        .collect()
}

fn pictures(count: usize) -> Tensor<4> {
    let value =
        |i: usize, j: usize| ((j * j * 31 + j * (37 + 2 * i) + i * i * 17) % 997) as f64 / 997.0;
    let size = 3 * SIDE * SIDE;
    let values: Vec<f32> = (0..count * size)
        .map(|at| value(at / size, at % size) as f32)
        .collect();
    Tensor::from_data(
        TensorData::new(values, [count, 3, SIDE, SIDE]),
        &Device::flex(),
    )
}

fn weight<const D: usize>(shape: [usize; D], k: usize, gain: f64) -> Tensor<D> {
    let fan_in: usize = shape.iter().skip(1).product();
    let scale = (3.0 / fan_in as f64).sqrt() * gain;
    let values: Vec<f32> = spread(shape.iter().product(), k)
        .into_iter()
        .map(|value| (value * scale) as f32)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Two convolutions with tanh and some linear outputs.
struct Net {
    first: Tensor<4>,
    second: Tensor<4>,
    last: Tensor<2>,
}

impl Net {
    fn new(outputs: usize) -> Self {
        Self {
            first: weight([8, 3, 3, 3], 1, 2.0),
            second: weight([8, 8, 3, 3], 2, 2.0),
            last: weight([outputs, 8 * 4 * 4], 3, 4.0),
        }
    }

    /// `[n, outputs]` on the autodiff graph.
    fn outputs(&self, images: Tensor<4>) -> Tensor<2> {
        let n = images.dims()[0];
        let convolve = |x, weight: &Tensor<4>, stride| {
            let options = ConvOptions::new([stride; 2], [1; 2], [1; 2], 1);
            conv2d(x, weight.clone().autodiff(), None, options).tanh()
        };
        let x = convolve(images - 0.5, &self.first, 1);
        let x = convolve(x, &self.second, 2).reshape([n, 8 * 4 * 4]);
        x.matmul(self.last.clone().autodiff().transpose())
    }

    fn plain(&self, images: Tensor<4>) -> Vec<Vec<f32>> {
        let outputs = self.outputs(images.autodiff()).inner();
        let [_, wide] = outputs.dims();
        let values = outputs.into_data().try_to_vec::<f32>().unwrap();
        values.chunks(wide).map(<[f32]>::to_vec).collect()
    }
}

/// The first output is the logit.
impl Differentiable for Net {
    fn features(&self, images: Tensor<4>, _: usize) -> Features {
        let [n, ..] = images.dims();
        let outputs = self.outputs(images);
        Features {
            embedding: outputs.clone(),
            logit: outputs.narrow(1, 0, 1).reshape([n]),
        }
    }

    fn scale(&self) -> f32 {
        1.0
    }
}

/// Several classes as one logit: that of each picture's own class `y` against all others,
/// `z_y - ln(sum over the rest of exp(z_k))`. With the label 1 its binary cross entropy is
/// the cross entropy of all classes, so that a multi-class reference can be compared with.
struct OneAgainstRest {
    net: Net,
    /// 1 at the class of each picture, `[n, classes]`.
    own: Tensor<2>,
}

impl Differentiable for OneAgainstRest {
    fn features(&self, images: Tensor<4>, _: usize) -> Features {
        let outputs = self.net.outputs(images);
        let [n, _] = outputs.dims();
        let own = self.own.clone().autodiff();
        let others = (outputs.clone() - own.clone() * 1e4).exp().sum_dim(1).log();
        let mine = (outputs.clone() * own).sum_dim(1);
        Features {
            embedding: outputs,
            logit: (mine - others).reshape([n]),
        }
    }

    fn scale(&self) -> f32 {
        1.0
    }
}

fn faces(images: Tensor<4>, label: &[f32]) -> Faces {
    Faces {
        label: Tensor::from_floats(label, &images.device()),
        images,
        frames: 1,
    }
}

fn random() -> Random {
    Random::seed_from_u64(0)
}

/// One picture of each class.
fn pair() -> Faces {
    let images = pictures(3);
    let images = Tensor::cat(
        vec![images.clone().narrow(0, 0, 1), images.narrow(0, 2, 1)],
        0,
    );
    faces(images, &[0.0, 1.0])
}

fn agree(name: &str, images: Tensor<4>, want: &Found) {
    let logits = Net::new(1).plain(images.clone());
    for (got, want) in logits.iter().zip(want.logits) {
        assert!(
            (got[0] - want).abs() < 1e-4,
            "{name}: logit {}, {want}",
            got[0]
        );
    }
    let values = images.into_data().try_to_vec::<f32>().unwrap();
    for (row, want) in values.chunks(3 * SIDE * SIDE).zip(&want.pixels) {
        for (got, want) in row.iter().step_by(16).zip(want) {
            assert!((got - want).abs() < 1e-5, "{name}: pixel {got}, {want}");
        }
    }
}

#[test]
fn trajectories_are_those_of_torchattacks() {
    let (net, faces) = (Net::new(1), pair());
    agree("clean", faces.images.clone(), &CLEAN);
    let pgd = |steps| Pgd {
        steps,
        begin: Begin::Image,
        objective: Objective::CrossEntropy,
        ..Pgd::ten(EPSILON, Target::Both)
    };
    let l2 = Pgd {
        norm: Norm::L2,
        epsilon: 0.5,
        step: 0.1,
        ..pgd(10)
    };
    let momentum = MiFgsm {
        objective: Objective::CrossEntropy,
        ..MiFgsm::ten(EPSILON, Target::Both)
    };
    let attacks: [(&str, &dyn WhiteBox, &Found); 6] = [
        ("FGSM", &Pgd::fgsm(EPSILON, Target::Both), &FGSM),
        ("PGD-1", &pgd(1), &PGD_1),
        ("PGD-4", &pgd(4), &PGD_4),
        ("PGD-10", &pgd(10), &PGD_10),
        ("PGD-l_2", &l2, &PGD_L2),
        ("MI-FGSM", &momentum, &MI_FGSM),
    ];
    for (name, attack, want) in attacks {
        let out = attack.attack(&net, &faces, &mut random()).unwrap();
        agree(name, out.images, want);
    }
}

fn apgd(epsilon: f32) -> Apgd {
    Apgd::cross_entropy(Norm::Linf, epsilon / 255.0, Target::Both)
}

/// Robust accuracy in % of 500 pictures under ART's AutoProjectedGradientDescent with
/// cross entropy, 100 iterations, one start.
#[test]
fn apgd_is_as_strong_as_that_of_art_on_two_classes() {
    let net = Net::new(1);
    let images = pictures(500);
    let label: Vec<f32> = net
        .plain(images.clone())
        .iter()
        .map(|z| f32::from(z[0] > 0.0))
        .collect();
    let faces = faces(images, &label);
    let margin = Apgd {
        objective: Objective::Margin,
        ..apgd(4.0)
    };
    for (attack, want) in [(apgd(2.0), 77.0), (apgd(4.0), 53.0), (margin, 53.0)] {
        let out = attack.attack(&net, &faces, &mut random()).unwrap();
        let scores = net.plain(out.images);
        let right = scores
            .iter()
            .zip(&label)
            .filter(|(z, label)| (z[0] > 0.0) == (**label > 0.5))
            .count();
        let accuracy = right as f32 / 5.0;
        assert!(
            (accuracy - want).abs() <= 0.5,
            "{attack:?}: {accuracy} %, ART {want} %"
        );
    }
}

/// The same with four classes, each picture's own against the rest.
#[test]
fn apgd_is_as_strong_as_that_of_art_on_four_classes() {
    let net = Net::new(4);
    let images = pictures(500);
    let best = |row: &Vec<f32>| (0..4).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let class: Vec<usize> = net.plain(images.clone()).iter().map(best).collect();
    let own: Vec<f32> = class
        .iter()
        .flat_map(|class| (0..4).map(move |k| f32::from(k == *class)))
        .collect();
    let net = OneAgainstRest {
        own: Tensor::from_data(TensorData::new(own, [500, 4]), &Device::flex()),
        net,
    };
    let faces = faces(images, &[1.0; 500]);
    for (epsilon, want) in [(2.0, 59.8), (4.0, 32.4)] {
        let out = apgd(epsilon).attack(&net, &faces, &mut random()).unwrap();
        let after = net.net.plain(out.images);
        let right = after
            .iter()
            .zip(&class)
            .filter(|(row, class)| best(row) == **class);
        let accuracy = right.count() as f32 / 5.0;
        assert!(
            (accuracy - want).abs() <= 0.5,
            "{epsilon}/255: {accuracy} %, ART {want} %"
        );
    }
}

/// ART's CarliniL2Method with the same search over c and 300 steps: no change may be more
/// than 2 % longer.
#[test]
fn carlini_and_wagner_find_changes_as_short_as_that_of_art() {
    let net = Net::new(1);
    let faces = faces(pictures(8), &[0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    let carlini = Carlini {
        iterations: 300,
        ..Carlini::new(None, Target::Both)
    };
    let found = carlini.flip(&net, &faces).unwrap();
    let art = [
        0.264_88, 0.409_95, 0.853_68, 0.482_19, 0.109_25, 0.107_26, 0.193_13, 0.220_29,
    ];
    for (got, want) in found.distance.iter().zip(art) {
        assert!(*got > 0.0 && *got < want * 1.02, "{got}, ART {want}");
    }
}

/// Where the logit is saturated far beyond what a sigmoid resolves, cross entropy in its
/// stable form still has a gradient everywhere.
#[test]
fn saturated_logits_have_gradients() {
    let mut net = Net::new(1);
    net.last = net.last * 10.0;
    let faces = pair();
    let attack = Apgd {
        iterations: 10,
        noise: Noise::Shared,
        ..apgd(8.0)
    };
    let out = attack.attack(&net, &faces, &mut random()).unwrap();
    assert!(out.gradient_share > 0.99, "{}", out.gradient_share);
    let before = net.plain(faces.images)[1][0];
    let after = net.plain(out.images)[1][0];
    assert!(before > 40.0 && after < before - 15.0, "{before} {after}");
}

/// Without gradients no attack fails; each tells that there were none, and those of least
/// change leave the pictures alone.
#[test]
fn a_detector_without_gradients_is_told() {
    let mut net = Net::new(1);
    net.last = net.last * 0.0;
    let faces = pair();
    let both = Target::Both;
    let attacks: [(&dyn WhiteBox, bool); 11] = [
        (&Pgd::ten(EPSILON, both), true),
        (&apgd(8.0), true),
        (&Apgd::margin(Norm::L2, 0.5, both), true),
        (&Fab::new(Norm::Linf, Some(EPSILON), both), false),
        (&Fab::new(Norm::L2, None, both), false),
        (&Carlini::new(None, both), false),
        (&MiFgsm::ten(EPSILON, both), false),
        (&Hussain::robust(both), false),
        (&Frequency::new(EPSILON, both), false),
        (&Universal::new(EPSILON, both), false),
        (&Patch::new(both), true),
    ];
    for (attack, moves) in attacks {
        let out = attack.attack(&net, &faces, &mut random()).unwrap();
        assert_eq!(out.gradient_share, 0.0, "{}", attack.name());
        let changed = out.change(&faces);
        assert_eq!(changed.is_ok(), moves, "{}: {changed:?}", attack.name());
    }
    // Features have none either.
    let out = Statistical::new(both).attack(&net, &faces, &mut random());
    assert_eq!(out.unwrap().gradient_share, 0.0);
}
