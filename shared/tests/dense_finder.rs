//! The face finder's kernels against tract on the same file, and what they ask of the
//! allocator.
#![cfg(feature = "tract")]

use alloc_tracker::{Allocator, Session};
use prost::Message;
use tract_onnx::pb;
use tract_onnx::prelude::*;
use unmask_shared::face::dense::graph::{self, LayerWeights, STRIDES};
use unmask_shared::face::{DenseFinder, Face, Finder, FinderConfig};
use unmask_shared::sample::RgbView;
use unmask_shared::synthetic::Random;

#[global_allocator]
static ALLOCATOR: Allocator<std::alloc::System> = Allocator::system();

/// The network with weights that mean nothing.
fn file() -> pb::ModelProto {
    let mut random = Random::new(5, 0);
    let weights: Vec<LayerWeights> = (graph::layers().iter())
        .map(|layer| {
            let taps = layer.inputs * layer.kernel * layer.kernel;
            let pixels = if layer.name == "stem" { 60.0 } else { 1.0 };
            let size = 2.4 / (taps as f32).sqrt() / pixels;
            let mut numbers = |count: usize, size: f32| -> Vec<f32> {
                (0..count).map(|_| random.range(-size, size)).collect()
            };
            LayerWeights {
                weight: numbers(layer.outputs * taps, size),
                bias: numbers(layer.outputs, 0.3),
            }
        })
        .collect();
    graph::model(&weights, "test")
}

fn picture(width: usize, height: usize) -> Vec<u8> {
    let mut random = Random::new(9, width as u64);
    (0..3 * width * height)
        .map(|at| (random.below(120) + at / 3 % width * 130 / width) as u8)
        .collect()
}

fn finder(model: &[u8], score_min: f32) -> DenseFinder {
    let config = FinderConfig {
        min_face_px: 16,
        longest_side_px: 4096,
        score_min,
        ..FinderConfig::default()
    };
    DenseFinder::new(model, config).expect("it is the network")
}

/// `[1, cells, numbers]` of each output, in the order of the file's outputs.
fn by_tract(file: &pb::ModelProto, width: usize, height: usize, rgb: &[u8]) -> Vec<Vec<f32>> {
    let mut blob = vec![0.0_f32; 3 * width * height];
    for (at, pixel) in rgb.chunks_exact(3).enumerate() {
        for (plane, value) in pixel.iter().rev().enumerate() {
            blob[plane * width * height + at] = f32::from(*value);
        }
    }
    let shape = [1, 3, height, width];
    let plan = onnx()
        .with_ignore_output_shapes(true)
        .model_for_proto_model(file)
        .and_then(|model| {
            let model = model.with_input_fact(0, f32::fact(shape).into())?;
            model.into_optimized()?.into_runnable()
        })
        .expect("tract takes it");
    let input = Tensor::from_shape(&shape, &blob).expect("sizes agree");
    let outputs = plan.run(tvec!(input.into_tvalue())).expect("tract runs it");
    let values = |value: &TValue| {
        let view = value.try_as_plain_ram().expect("plain");
        view.as_slice::<f32>().expect("f32").to_vec()
    };
    outputs.iter().map(values).collect()
}

#[test]
fn kernels_agree_with_tract() {
    let file = file();
    let mut finder = finder(&file.encode_to_vec(), 0.5);
    for (width, height) in [(320, 256), (64, 96), (32, 32), (320, 256)] {
        let rgb = picture(width, height);
        let view = RgbView::new(width, height, &rgb).expect("sizes agree");
        let wanted = by_tract(&file, width, height, &rgb);
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let (levels, _) = finder.say(&view);
        for (level, (stride, columns, said)) in levels.enumerate() {
            assert_eq!((stride, columns), (STRIDES[level], width / stride));
            let numbers = [(0, 1), (1, 1), (2, 4), (6, 10)];
            for (head, (first, count)) in numbers.into_iter().enumerate() {
                let wanted = &wanted[3 * head + level];
                assert_eq!(wanted.len(), said.len() / 16 * count);
                for (at, wanted) in wanted.iter().enumerate() {
                    let raw = said[at / count * 16 + first + at % count];
                    let got = if head < 2 { sigmoid(raw) } else { raw };
                    assert!(
                        (got - wanted).abs() < 1e-4,
                        "head {head} of stride {stride} at {at}: {got}, tract {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn frames_of_one_size_need_no_memory() {
    let mut finder = finder(&file().encode_to_vec(), 0.3);
    let frames = [picture(320, 240), picture(320, 240)];
    let mut faces: Vec<Face> = Vec::new();
    let mut search = |rgb: &[u8]| {
        let view = RgbView::new(320, 240, rgb).expect("sizes agree");
        finder.find(&view, &mut faces).expect("it runs");
        assert!(!faces.is_empty(), "the test sees nothing at work");
    };
    frames.iter().for_each(|rgb| search(rgb));
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("find");
    {
        let _span = operation.measure_thread().iterations(5);
        for _ in 0..5 {
            frames.iter().for_each(|rgb| search(rgb));
        }
    }
    let report = session.to_report();
    let (_, work) = report.operations().next().expect("one was measured");
    assert_eq!(work.total_allocations_count(), 0);
}

#[test]
fn another_frame_leaves_nothing_behind() {
    let model = file().encode_to_vec();
    let (mut used, mut fresh) = (finder(&model, 0.3), finder(&model, 0.3));
    let (large, small) = (picture(96, 64), picture(70, 40));
    let mut faces = Vec::new();
    let view = RgbView::new(96, 64, &large).expect("sizes agree");
    used.find(&view, &mut faces).expect("it runs");
    let view = RgbView::new(70, 40, &small).expect("sizes agree");
    used.find(&view, &mut faces).expect("it runs");
    let mut wanted = Vec::new();
    fresh.find(&view, &mut wanted).expect("it runs");
    assert_eq!(faces, wanted);
}

#[test]
fn other_files_are_refused() {
    let refused = |change: &dyn Fn(&mut pb::GraphProto)| {
        let mut file = file();
        change(file.graph.as_mut().expect("there is a graph"));
        DenseFinder::new(&file.encode_to_vec(), FinderConfig::default()).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|graph| graph.node[3].op_type = "Tanh".into()));
    assert!(refused(
        &|graph| graph.node[1].attribute[1].ints = vec![2, 2]
    ));
    assert!(refused(&|graph| graph.initializer[5].dims = vec![1, 2, 3]));
    assert!(refused(&|graph| graph.initializer[7].raw_data.truncate(9)));
    assert!(refused(
        &|graph| graph.initializer[7].raw_data[..4].copy_from_slice(&f32::NAN.to_le_bytes())
    ));
    assert!(DenseFinder::new(b"no model", FinderConfig::default()).is_err());
}
