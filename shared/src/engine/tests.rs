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
        .map(|_| session.step(&red(0.5)).unwrap().unwrap().logit)
        .collect();
    assert_eq!(logits, [0.5, 1.0, 1.5]);
    session.reset().unwrap();
    let step = session.step(&red(0.25)).unwrap().unwrap();
    assert_eq!((step.logit, step.embedding.as_slice()), (0.25, &[0.25][..]));
    assert_eq!(step.evidence, vec![0.25; 16]);
}

#[test]
fn sessions_of_one_engine_do_not_mix() {
    let engine = engine();
    let (mut first, mut second) = (engine.session().unwrap(), engine.session().unwrap());
    first.step(&red(1.0)).unwrap();
    assert_eq!(second.step(&red(0.5)).unwrap().unwrap().logit, 0.5);
    assert_eq!(first.step(&red(1.0)).unwrap().unwrap().logit, 2.0);
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

/// Red of frame `t` counts `t + 1` times: the logit tells order and number of the frames.
fn clip_graph(frames: i64) -> pb::ModelProto {
    let mut weighed = node("Conv", &["image", "weights"], "weighed");
    weighed.attribute = vec![pb::AttributeProto {
        name: "kernel_shape".into(),
        r#type: AttributeType::Ints as i32,
        ints: vec![frames, 16, 16],
        ..Default::default()
    }];
    let mut weights = vec![0.0; 3 * 256 * frames as usize];
    for (frame, plane) in weights.chunks_mut(256).take(frames as usize).enumerate() {
        plane.fill((frame + 1) as f32 / 256.0);
    }
    let mut shape = floats("shape", &[2], vec![]);
    (shape.data_type, shape.int64_data) = (DataType::Int64 as i32, vec![1, 1]);
    let mut map = floats("map", &[4], vec![]);
    (map.data_type, map.int64_data) = (DataType::Int64 as i32, vec![1, 1, 1, 1]);
    let inside = pb::GraphProto {
        name: "clip".into(),
        input: vec![value("image", &[1, 3, frames, 16, 16])],
        output: vec![
            value("logit", &[1, 1]),
            value("embedding", &[1, 1]),
            value("evidence", &[1, 1, 1, 1]),
        ],
        initializer: vec![
            floats("weights", &[1, 3, frames, 16, 16], weights),
            shape,
            map,
        ],
        node: vec![
            weighed,
            node("Reshape", &["weighed", "shape"], "logit"),
            node("Identity", &["logit"], "embedding"),
            node("Reshape", &["weighed", "map"], "evidence"),
        ],
        ..Default::default()
    };
    pb::ModelProto {
        graph: Some(inside),
        ..graph()
    }
}

fn clip_manifest(frames: u16) -> Manifest {
    let mut manifest = manifest();
    manifest.kind = crate::manifest::ModelKind::Clip { frames };
    manifest.graph.states.clear();
    manifest.graph.evidence_side = 1;
    manifest
}

fn clip_session() -> Session {
    let engine = Engine::from_proto(&clip_graph(3), &clip_manifest(3)).unwrap();
    engine.session().unwrap()
}

fn logit(step: Option<Step>) -> Option<f32> {
    step.map(|step| (step.logit * 1e3).round() / 1e3)
}

#[test]
fn a_clip_network_decides_on_every_full_clip() {
    let mut session = clip_session();
    let said: Vec<Option<f32>> = (1..=7)
        .map(|frame| logit(session.step(&red(frame as f32)).unwrap()))
        .collect();
    let first = 1.0 + 2.0 * 2.0 + 3.0 * 3.0;
    let second = 4.0 + 2.0 * 5.0 + 3.0 * 6.0;
    assert_eq!(
        said,
        [None, None, Some(first), None, None, Some(second), None]
    );
    // One crop is left: it is judged with the two before it, once.
    let last = 5.0 + 2.0 * 6.0 + 3.0 * 7.0;
    assert_eq!(logit(session.finish().unwrap()), Some(last));
    assert_eq!(session.finish().unwrap(), None);
}

#[test]
fn a_short_track_and_a_picture_stand_still() {
    let mut session = clip_session();
    assert_eq!(session.finish().unwrap(), None);
    session.step(&red(1.0)).unwrap();
    session.step(&red(2.0)).unwrap();
    // 1, 1, 2
    assert_eq!(logit(session.finish().unwrap()), Some(9.0));
    assert_eq!(session.picture(&red(0.5)).unwrap().logit, 3.0);
    assert_eq!(
        session.step(&red(1.0)).unwrap(),
        None,
        "the picture is forgotten"
    );
}

#[test]
fn a_clip_of_another_length_is_refused() {
    let error = Engine::from_proto(&clip_graph(3), &clip_manifest(4)).unwrap_err();
    assert!(matches!(error, EngineError::Disagree(_)), "{error}");
}

/// A picture that is joined to itself again and again would fill the memory with every
/// frame.
#[test]
fn tensors_beyond_those_of_a_detector_are_refused() {
    let mut model = graph();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes.pop();
    let names: Vec<String> = (0..=18).map(|at| format!("picture_{at}")).collect();
    nodes.push(node("Identity", &["image"], &names[0]));
    let int = |name: &str, kind, i, ints: &[i64]| pb::AttributeProto {
        name: name.into(),
        r#type: kind as i32,
        i,
        ints: ints.into(),
        ..Default::default()
    };
    for pair in names.windows(2) {
        let mut doubled = node("Concat", &[&pair[0], &pair[0]], &pair[1]);
        doubled.attribute = vec![int("axis", AttributeType::Int, 2, &[])];
        nodes.push(doubled);
    }
    let mut mean = node("ReduceMean", &[&names[18]], "mean_of_all");
    mean.attribute = vec![int("axes", AttributeType::Ints, 0, &[1, 2, 3])];
    nodes.push(mean);
    nodes.push(node("Flatten", &["mean_of_all"], "embedding"));
    let error = Engine::from_proto(&model, &manifest()).unwrap_err();
    assert!(error.to_string().contains("computes tensors"), "{error}");
}
