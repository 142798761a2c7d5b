use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};

use super::*;

const SIDE: usize = 16;

fn value(name: &str, shape: &[i64]) -> pb::ValueInfoProto {
    let dim = shape.iter().map(|&side| Dimension {
        denotation: String::new(),
        value: Some(dimension::Value::DimValue(side)),
    });
    let tensor = pb::type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim: dim.collect() }),
    };
    let kind = pb::TypeProto {
        denotation: String::new(),
        value: Some(pb::type_proto::Value::TensorType(tensor)),
    };
    pb::ValueInfoProto {
        name: name.into(),
        r#type: Some(kind),
        doc_string: String::new(),
    }
}

fn floats(name: &str, dims: &[i64], values: Vec<f32>) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: values,
        ..Default::default()
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

/// Averages 4 x 4 blocks of red, adds the state, and calls the sum evidence.
fn graph() -> pb::ModelProto {
    let mut blocks = node("Conv", &["image", "weights"], "blocks");
    let ints = |name: &str| pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: vec![4, 4],
        ..Default::default()
    };
    blocks.attribute = vec![ints("kernel_shape"), ints("strides")];
    let mut weights = vec![0.0; 48];
    weights[..16].fill(1.0 / 16.0);
    let graph = pb::GraphProto {
        name: "tiny".into(),
        input: vec![
            value("state_0", &[1, 1, 4, 4]),
            value("image", &[1, 3, 16, 16]),
        ],
        output: vec![
            value("next_state_0", &[1, 1, 4, 4]),
            value("evidence", &[1, 1, 4, 4]),
            value("logit", &[1, 1]),
            value("embedding", &[1, 1]),
        ],
        initializer: vec![floats("weights", &[1, 3, 4, 4], weights)],
        node: vec![
            blocks,
            node("Add", &["blocks", "state_0"], "next_state_0"),
            node("Identity", &["next_state_0"], "evidence"),
            node("GlobalAveragePool", &["evidence"], "mean"),
            node("Flatten", &["mean"], "logit"),
            node("Identity", &["logit"], "embedding"),
        ],
        ..Default::default()
    };
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        graph: Some(graph),
        ..Default::default()
    }
}

fn manifest() -> Manifest {
    let json = r#"{
        "format": 1, "name": "tiny", "release": 1, "created": "2026-01-02T03:04:05Z",
        "kind": "stream", "crop": {"size": 16, "eye_distance": 0.34, "eye_line": 0.36},
        "graph": {"file": "model.onnx", "image": "image", "logit": "logit",
            "embedding": "embedding", "evidence": "evidence",
            "states": [{"input": "state_0", "output": "next_state_0", "shape": [1, 1, 4, 4]}],
            "embedding_len": 1, "evidence_side": 4, "macs": 256, "parameters": 48},
        "calibration": {"scale": 1.0, "bias": 0.0, "llr_max": 4.0},
        "operating_point": {"threshold": 0.7, "genuine_below": 0.3, "bpcer": 0.01, "apcer": 0.1},
        "verdict": {"false_alarm": 0.01, "miss": 0.05, "frame_weight": 0.5, "frames_min": 5,
            "quality": {"sharpness_min": 1.5, "luma_min": 0.06, "face_px_min": 48.0}},
        "golden": [], "figures": [],
        "provenance": {"trainer": "test", "method": "none", "seed": 0, "config_sha256": "",
            "data": "", "terms": "", "machine": "", "minutes": 0.0}
    }"#;
    Manifest::from_json(json.as_bytes()).unwrap()
}

fn engine() -> Engine {
    Engine::from_proto(&graph(), &manifest()).unwrap()
}

fn red(level: f32) -> Vec<f32> {
    let mut image = vec![0.0; 3 * SIDE * SIDE];
    image[..SIDE * SIDE].fill(level);
    image
}

#[test]
fn a_session_remembers_and_a_reset_forgets() {
    let mut session = engine().session().unwrap();
    let logits: Vec<f32> = (0..3)
        .map(|_| session.step(&red(0.5)).unwrap().logit)
        .collect();
    assert_eq!(logits, [0.5, 1.0, 1.5]);
    session.reset().unwrap();
    let step = session.step(&red(0.25)).unwrap();
    assert_eq!((step.logit, step.embedding.as_slice()), (0.25, &[0.25][..]));
    assert_eq!(step.evidence, vec![0.25; 16]);
}

#[test]
fn sessions_of_one_engine_do_not_mix() {
    let engine = engine();
    let (mut first, mut second) = (engine.session().unwrap(), engine.session().unwrap());
    first.step(&red(1.0)).unwrap();
    assert_eq!(second.step(&red(0.5)).unwrap().logit, 0.5);
    assert_eq!(first.step(&red(1.0)).unwrap().logit, 2.0);
}

#[test]
fn a_crop_of_the_wrong_size_is_refused() {
    let error = engine().session().unwrap().step(&[0.5; 12]).unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::CropSize {
                found: 12,
                wanted: 768
            }
        ),
        "{error}"
    );
}

#[test]
fn a_manifest_that_does_not_fit_is_refused() {
    let refuse = |change: fn(&mut Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        let error = Engine::from_proto(&graph(), &manifest).unwrap_err();
        assert!(matches!(error, EngineError::Disagree(_)), "{error}");
    };
    refuse(|m| m.crop.size = 32);
    refuse(|m| m.graph.evidence_side = 7);
    refuse(|m| m.graph.embedding_len = 8);
    refuse(|m| m.graph.logit = "score".try_into().unwrap());
    refuse(|m| m.graph.image = "picture".try_into().unwrap());
    refuse(|m| m.graph.states[0].shape = [1, 2, 4, 4]);
    refuse(|m| m.graph.states.clear());
}

#[test]
fn bytes_that_are_no_network_are_refused() {
    for model in [&b""[..], b"not onnx at all", &[0xff; 64]] {
        let bundle = Bundle {
            manifest: manifest(),
            model: model.to_vec(),
            sha256: String::new(),
        };
        let error = Engine::load(&bundle).unwrap_err();
        assert!(matches!(error, EngineError::Refused(_)), "{error}");
    }
}
