//! The exported graph against onnxruntime.

use burn::tensor::Device;
use burn::tensor::{Tensor, TensorData};
use unmask_trainer::export::{Quantised, clip_logits, quantise, write_onnx};
use unmask_trainer::network::{Detector, NetworkConfig, Size};

const FRAMES: usize = 3;

/// What onnxruntime 1.31 gives for the file that this test leaves behind, after
/// `onnx.checker.check_model(..., full_check=True)` of onnx 1.23 accepted it:
///
/// import numpy as np, onnx, onnxruntime as ort
/// path = "target/tmp/oracle.onnx"; onnx.checker.check_model(path, full_check=True)
/// run = ort.InferenceSession(path); names = [o.name for o in run.get_outputs()]
/// feed = {i.name: np.zeros(i.shape, np.float32) for i in run.get_inputs()}
/// for t in range(3):
///     i = np.arange(3 * 48 * 48); feed["image"] = ((i * 37 + t * 11) % 101 / 101).astype(np.float32).reshape(1, 3, 48, 48)
///     out = dict(zip(names, run.run(None, feed))); print(out["logit"][0, 0])
///     for n in names:
///         if n.startswith("next_"): feed[n[5:]] = out[n]
const ONNXRUNTIME: [f32; FRAMES] = [2.986_75, 2.241_652_5, 3.110_610_5];

fn network(device: &Device) -> (NetworkConfig, Quantised) {
    device.seed(7);
    let config = NetworkConfig {
        size: Size::Tiny,
        input: 48,
        ..Default::default()
    };
    let net = Detector::new(&config, &device.clone().autodiff());
    // Running statistics away from their start, so that fusing has something to fold.
    for frame in 0..FRAMES {
        let shape = TensorData::new(image(frame), [1, 3, 48, 48]);
        net.forward(Tensor::from_data(shape, device).autodiff(), 1);
    }
    let fused = quantise(&net.fold()).unwrap();
    (config, fused)
}

fn image(frame: usize) -> Vec<f32> {
    (0..3 * 48 * 48)
        .map(|i| ((i * 37 + frame * 11) % 101) as f32 / 101.0)
        .collect()
}

#[test]
fn burn_agrees_with_onnxruntime_on_the_exported_file() {
    let device = Device::flex();
    let (config, net) = network(&device);
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle.onnx");
    std::fs::write(&path, write_onnx(&net, &config, "test")).unwrap();
    let clip: Vec<Vec<f32>> = (0..FRAMES).map(image).collect();
    let logits = clip_logits(&net.dequantise(&device), &config, &clip, &device).unwrap();
    for (frame, (got, want)) in logits.iter().zip(ONNXRUNTIME).enumerate() {
        assert!(
            (got - want).abs() < 1e-3,
            "frame {frame}: {got}, onnxruntime {want}"
        );
    }
    assert!(
        (logits[0] - logits[2]).abs() > 1e-3,
        "the frames are told apart: {logits:?}"
    );
}
