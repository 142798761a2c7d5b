//! Every architecture against PyTorch, and its exported file against onnxruntime and tract.
//! `tests/oracles/networks.py` printed the numbers.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use unmask_shared::bundle::Bundle;
use unmask_shared::calibration::Calibration;
use unmask_shared::manifest::{ModelKind, OperatingPoint};
use unmask_trainer::export::check_bundle;
use unmask_trainer::export::{About, Quantised, clip_logits, quantise, write_bundle, write_onnx};
use unmask_trainer::network::{Architecture, Detector, HeadKind, NetworkConfig, Size};

const SIDE: usize = 48;

/// Numbers in [-1, 1] that look random.
fn spread(count: usize, k: usize) -> Vec<f32> {
    (0..count)
        .map(|j| ((j * 7919 + k * 104_729) % 1009) as f32 / 504.0 - 1.0)
        .collect()
}

/// `[3, side, side]` each.
fn pictures(frames: usize) -> Vec<Vec<f32>> {
    let pixel = |t: usize| move |i: usize| ((i * 37 + t * 11) % 101) as f32 / 101.0;
    (0..frames)
        .map(|t| (0..3 * SIDE * SIDE).map(pixel(t)).collect())
        .collect()
}

/// Sets weights and running statistics by formulas.
#[derive(Default)]
struct Fill {
    path: Vec<String>,
}

impl ModuleMapper for Fill {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.dims();
        let count = shape.iter().product();
        let head = self.path.iter().any(|part| part == "head");
        let index = self.path.iter().find_map(|part| part.parse().ok());
        let k = if head { 1000 } else { index.unwrap_or(0) };
        let (base, range) = match self.path.last().unwrap().as_str() {
            "weight" if head => (0.0, 1.0),
            "weight" => {
                let fan_in: usize = shape[1..].iter().product();
                (0.0, (3.0 / fan_in as f32).sqrt())
            }
            "gamma" => (0.6, 0.2),
            "running_var" => (1.0, 0.5),
            "beta" | "bias" | "running_mean" => (0.0, 0.1),
            other => panic!("what is {other}?"),
        };
        let values: Vec<f32> = spread(count, k).iter().map(|u| base + range * u).collect();
        param.map(|old| Tensor::from_data(TensorData::new(values, shape), &old.device()))
    }
}

fn filled(config: &NetworkConfig) -> Detector {
    config.check().unwrap();
    Detector::new(config, &Device::flex()).map(&mut Fill::default())
}

fn config(architecture: Architecture) -> NetworkConfig {
    NetworkConfig {
        architecture,
        input: SIDE,
        size: Size::Tiny,
        depth: 14,
        frames: 3,
        ..Default::default()
    }
}

fn tiny_csn() -> NetworkConfig {
    NetworkConfig {
        temporal_stride: true,
        frames: 5,
        ..config(Architecture::Csn)
    }
}

fn lite(cut: usize) -> NetworkConfig {
    NetworkConfig {
        cut,
        fold: false,
        ..config(Architecture::Lite)
    }
}

/// Even light, and with the mirror image if wanted.
fn even(mirror: bool, config: NetworkConfig) -> NetworkConfig {
    NetworkConfig {
        luminance: true,
        mirror,
        ..config
    }
}

fn csn(depth: usize) -> NetworkConfig {
    NetworkConfig {
        depth,
        size: Size::Medium,
        ..config(Architecture::Csn)
    }
}

fn linear(config: NetworkConfig) -> NetworkConfig {
    NetworkConfig {
        head: HeadKind::Linear,
        ..config
    }
}

fn batch(frames: usize) -> Tensor<4> {
    let shape = [frames, 3, SIDE, SIDE];
    Tensor::from_data(
        TensorData::new(pictures(frames).concat(), shape),
        &Device::flex(),
    )
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().unwrap()
}

fn close(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    let apart = got.iter().zip(want).map(|(a, b)| (a - b).abs());
    let largest = apart.fold(0.0, f32::max);
    assert!(
        got.len() == want.len() && largest < tolerance,
        "{what}: {got:?} instead of {want:?}"
    );
}

/// Compares the trained form and the folded one.
fn against_pytorch(
    config: NetworkConfig,
    frames: usize,
    cosine: &[f32],
    dot: &[f32],
    embedding: [f32; 3],
) {
    for (config, want) in [(config.clone(), cosine), (linear(config), dot)] {
        let net = filled(&config);
        let trained = net.forward(batch(frames), frames);
        let folded = net.fold().forward(batch(frames), frames);
        let what = format!("{:?} {}", config.architecture, config.depth);
        close(&what, &floats(trained.logit), want, 1e-3);
        close(&what, &floats(folded.logit), want, 1e-3);
        close(&what, &floats(trained.embedding)[..3], &embedding, 1e-4);
    }
}

#[test]
fn csn_equals_pytorch() {
    against_pytorch(
        tiny_csn(),
        5,
        &[4.771_087_6],
        &[0.517_214_4],
        [0.069_943_58, 0.006_330_22, 0.044_588_31],
    );
    against_pytorch(
        csn(50),
        3,
        &[0.360_027_28],
        &[4.415_773],
        [0.273_986_55, 0.017_370_494, 0.0],
    );
    against_pytorch(
        csn(101),
        3,
        &[-0.239_878_83],
        &[-3.695_088_6],
        [0.090_324_946, 0.121_065_475, 0.0],
    );
}

#[test]
fn frame_detectors_equal_pytorch() {
    against_pytorch(
        config(Architecture::Meso4),
        2,
        &[-0.312_123_42, -0.347_423_34],
        &[0.061_596_457, 0.060_744_442],
        [-0.007_973_181, -0.010_823_932, 0.123_374_49],
    );
    against_pytorch(
        config(Architecture::Xception),
        2,
        &[-4.898_330_7, -4.934_047_7],
        &[-0.088_825_66, -0.090_431_38],
        [0.0; 3],
    );
    let large = NetworkConfig {
        size: Size::Large,
        ..config(Architecture::Xception)
    };
    against_pytorch(
        large,
        2,
        &[3.846_599, 3.850_923],
        &[5.253_117, 5.257_675],
        [0.033_317_775, 0.023_824_235, 0.019_015_122],
    );
}

#[test]
fn lite_equals_pytorch() {
    against_pytorch(
        lite(2),
        2,
        &[0.371_123_67, 0.360_028_98],
        &[0.083_130_48, 0.082_751_03],
        [0.053_340_38, 0.003_005_815, 0.004_360_169],
    );
    against_pytorch(
        even(false, lite(2)),
        2,
        &[0.375_512, 0.364_644_17],
        &[0.083_299_175, 0.082_929_01],
        [0.053_852_36, 0.002_176_777_5, 0.005_146_021_5],
    );
    against_pytorch(
        even(true, lite(2)),
        2,
        &[0.373_850_1, 0.366_770_83],
        &[0.083_270_594, 0.083_022_11],
        [0.054_493_41, 0.001_010_238_2, 0.006_143_143_4],
    );
    against_pytorch(
        lite(13),
        2,
        &[1.334_326_4, 1.334_325_1],
        &[1.358_709_3, 1.358_708_9],
        [0.111_281_35, 0.137_097_84, 0.044_272_166],
    );
}

/// Central differences of the logit's sum in some pixels.
#[test]
fn input_gradients_of_the_folded_networks_are_right() {
    use unmask_trainer::network::Differentiable;
    for config in [
        tiny_csn(),
        linear(config(Architecture::Csn)),
        config(Architecture::Meso4),
        config(Architecture::Xception),
        lite(2),
        even(true, lite(2)),
    ] {
        let frames = 3;
        let net = filled(&config).fold();
        let leaf = batch(frames).autodiff().require_grad();
        let logit = net.features(leaf.clone(), frames).logit;
        let gradient = leaf.grad_remove(&mut logit.sum().backward()).unwrap();
        let gradient = floats(gradient);
        let value = |at: usize, by: f32| {
            let mut pixels = pictures(frames).concat();
            pixels[at] += by;
            let data = TensorData::new(pixels, [frames, 3, SIDE, SIDE]);
            let images = Tensor::from_data(data, &Device::flex());
            f64::from(net.forward(images, frames).logit.sum().into_scalar::<f32>())
        };
        let largest = gradient.iter().fold(0f32, |most, g| most.max(g.abs()));
        let count = frames * 3 * SIDE * SIDE;
        let mut judged = 0;
        for at in (0..count).step_by(count / 12 + 1) {
            // Small slopes drown in the rounding of the logits unless the step is larger.
            let step = 2e-3 * (0.06 / largest).clamp(1.0, 10.0);
            let [before, here, after] = [-step, 0.0, step].map(|by| value(at, by));
            let (left, right) = (here - before, after - here);
            let step = f64::from(step);
            if (right - left).abs() > step * f64::from(0.05 * largest) {
                // A limit of some value lies here: there is no slope to compare with.
                continue;
            }
            let slope = (left + right) / (2.0 * step);
            judged += 1;
            let apart = (slope as f32 - gradient[at]).abs();
            assert!(
                apart < 0.05 * largest,
                "{:?} pixel {at}: {slope} and {}",
                config.architecture,
                gradient[at]
            );
        }
        assert!(largest > 0.0);
        assert!(judged >= 6, "{:?}: {judged} pixels", config.architecture);
    }
}

/// Configurations and what onnxruntime 1.31 gives for the files that the test leaves behind.
fn exported() -> Vec<(&'static str, NetworkConfig, Vec<f32>)> {
    let csn = config(Architecture::Csn);
    let meso4 = config(Architecture::Meso4);
    let xception = config(Architecture::Xception);
    vec![
        ("csn", tiny_csn(), vec![4.732_321]),
        ("csn-linear", linear(csn), vec![0.454_978_4]),
        ("meso4", meso4.clone(), vec![-0.304_261_8, -0.343_185_84]),
        (
            "meso4-linear",
            linear(meso4),
            vec![0.061_798_5, 0.060_853_93],
        ),
        ("xception", xception.clone(), vec![-4.896_764, -4.932_653]),
        ("lite", lite(2), vec![0.380_212_63, 0.368_119_78]),
        (
            "lite-even-mirror",
            even(true, lite(2)),
            vec![0.383_221_9, 0.375_415_12],
        ),
        (
            "lite-even-mirror-linear",
            linear(even(true, lite(3))),
            vec![0.203_337_68, 0.203_091_83],
        ),
        ("csn-even-mirror", even(true, tiny_csn()), vec![5.152_193]),
        ("lite-13", lite(13), vec![1.335_058_9, 1.335_057_9]),
        (
            "xception-linear",
            linear(xception),
            vec![-0.088_768_56, -0.090_388_164],
        ),
    ]
}

#[test]
fn burn_agrees_with_onnxruntime_on_the_exported_files() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, config, _) in exported() {
        let bytes = write_onnx(&shipped(&config), &config, "test");
        std::fs::write(folder.join(format!("{name}.onnx")), bytes).unwrap();
    }
    for (name, config, want) in exported() {
        close(name, &burn_logits(&shipped(&config), &config), &want, 1e-4);
    }
}

fn shipped(config: &NetworkConfig) -> Quantised {
    quantise(&filled(config).fold()).unwrap()
}

fn burn_logits(net: &Quantised, config: &NetworkConfig) -> Vec<f32> {
    let device = Device::flex();
    let frames = pictures(config.clip_frames().unwrap_or(2));
    clip_logits(&net.dequantise(&device), config, &frames, &device).unwrap()
}

/// Golden clips through tract, one after the other, against burn.
#[test]
fn tract_agrees_with_burn_on_bundles_of_frame_and_clip_networks() {
    let folder = tempfile::tempdir().unwrap();
    let memoryless = NetworkConfig {
        temporal: false,
        ..config(Architecture::Stream)
    };
    let configs = [
        memoryless,
        tiny_csn(),
        linear(config(Architecture::Csn)),
        linear(config(Architecture::Meso4)),
        config(Architecture::Xception),
        lite(11),
        even(true, lite(3)),
        linear(even(true, lite(3))),
        even(true, tiny_csn()),
    ];
    for (at, config) in configs.into_iter().enumerate() {
        let net = shipped(&config);
        let bundle = folder.path().join(format!("bundle-{at}"));
        let device = Device::flex();
        write_bundle(&bundle, &net, &config, &about(), "# tiny\n", &device).unwrap();
        let report = check_bundle(&bundle).unwrap();
        let decisions = if config.clip_frames().is_some() {
            4
        } else {
            48
        };
        assert_eq!(report.decisions, decisions, "{config:?}");
        let manifest = Bundle::open(&bundle).unwrap().manifest;
        let kind = match config.architecture {
            Architecture::Csn => ModelKind::Clip {
                frames: config.frames as u16,
            },
            _ => ModelKind::Frame,
        };
        assert_eq!(manifest.kind, kind);
        assert_eq!(manifest.graph.macs, config.macs());
    }
}

fn about() -> About {
    About {
        name: "tiny".into(),
        release: 1,
        period_ms: 0,
        align: Default::default(),
        calibration: Calibration::default(),
        operating_point: OperatingPoint {
            threshold: 0.5,
            genuine_below: 0.5,
            bpcer: 0.5,
            apcer: 0.5,
        },
        verdict: Default::default(),
        provenance: Default::default(),
        figures: vec![],
        kinds: Default::default(),
    }
}
