//! The network of a bundle.

use std::sync::LazyLock;

use prost::Message;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use unmask_shared::bundle::{Bundle, sha256_hex};
use unmask_shared::engine::{Engine, EngineError};

use super::{Parser, Reached, joined, sections};

/// The released network.
const RELEASED: &[u8] = include_bytes!("../../../models/afsl-stream-m/model.onnx");
const SIDE: usize = 16;
const WORDS: &[&[u8]] = &[
    b"Add",
    b"Concat",
    b"Constant",
    b"Conv",
    b"DequantizeLinear",
    b"Div",
    b"Gemm",
    b"MatMul",
    b"MaxPool",
    b"Mul",
    b"ReduceMean",
    b"Reshape",
    b"Slice",
    b"Split",
    b"Squeeze",
    b"Transpose",
    b"Unsqueeze",
    b"Loop",
    b"pads",
    b"axis",
    b"dilations",
    b"group",
    b"image",
    b"weights",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x10",
    b"\x0a\x00",
    b"\x3a\x00",
];

fn value(name: &str, shape: &[i64]) -> pb::ValueInfoProto {
    let dim = shape.iter().map(|&side| Dimension {
        denotation: String::new(),
        value: Some(dimension::Value::DimValue(side)),
    });
    let tensor = pb::type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim: dim.collect() }),
    };
    pb::ValueInfoProto {
        name: name.into(),
        r#type: Some(pb::TypeProto {
            denotation: String::new(),
            value: Some(pb::type_proto::Value::TensorType(tensor)),
        }),
        doc_string: String::new(),
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

/// A network of a few operators: averages 4 x 4 blocks of red, adds its state and a
/// constant, and calls the sum evidence.
fn tiny() -> pb::ModelProto {
    let ints = |name: &str, side| pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: vec![side, side],
        ..Default::default()
    };
    let mut blocks = node("Conv", &["image", "weights"], "blocks");
    blocks.attribute = vec![ints("kernel_shape", 4), ints("strides", 4)];
    let mut weights = vec![0.0; 48];
    weights[..16].fill(1.0 / 16.0);
    let floats = |name: &str, dims: &[i64], values: Vec<f32>| pb::TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: values,
        ..Default::default()
    };
    let graph = pb::GraphProto {
        name: "tiny".into(),
        input: vec![
            value("state_0", &[1, 1, 4, 4]),
            value("image", &[1, 3, SIDE as i64, SIDE as i64]),
        ],
        output: vec![
            value("next_state_0", &[1, 1, 4, 4]),
            value("evidence", &[1, 1, 4, 4]),
            value("logit", &[1, 1]),
            value("embedding", &[1, 1]),
        ],
        initializer: vec![
            floats("weights", &[1, 3, 4, 4], weights),
            floats("row", &[1, 1, 1, 4], vec![0.5; 4]),
            floats("column", &[1, 1, 4, 1], vec![2.0; 4]),
        ],
        node: vec![
            blocks,
            node("Mul", &["row", "column"], "ones"),
            node("Add", &["blocks", "state_0"], "sum"),
            node("Mul", &["sum", "ones"], "next_state_0"),
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

/// The same as bytes.
static TINY: LazyLock<Vec<u8>> = LazyLock::new(|| tiny().encode_to_vec());

const TINY_MANIFEST: &str = r#"{"format":1,"name":"tiny","release":1,"created":"2026-01-02T03:04:05Z",
"kind":"stream","crop":{"size":16,"eye_distance":0.34,"eye_line":0.36},
"graph":{"file":"model.onnx","image":"image","logit":"logit","embedding":"embedding",
"evidence":"evidence","states":[{"input":"state_0","output":"next_state_0","shape":[1,1,4,4]}],
"embedding_len":1,"evidence_side":4,"macs":256,"parameters":48},
"calibration":{"scale":1.0,"bias":0.0,"llr_max":4.0},
"operating_point":{"threshold":0.7,"genuine_below":0.3,"bpcer":0.01,"apcer":0.1},
"verdict":{"false_alarm":0.01,"miss":0.05,"frame_weight":0.5,"frames_min":5,
"quality":{"sharpness_min":1.5,"luma_min":0.06,"face_px_min":48.0}},"golden":[],"figures":[],
"provenance":{"trainer":"test","method":"none","seed":0,"config_sha256":"","data":"","terms":"",
"machine":"","minutes":0.0}}"#;

fn reached(error: &EngineError) -> Reached {
    match error {
        EngineError::Refused(why) if why.contains("not an ONNX file") => Reached::Refused,
        _ => Reached::Within,
    }
}

/// In front of a whole network.
const WHOLE: u8 = 0;
/// In front of a node that is added to the tiny network, so that the lengths around it
/// are right.
const NODE: u8 = 1;
/// In front of a tensor that is added to the tiny network.
const TENSOR: u8 = 2;

/// The network that bytes stand for.
fn network(bytes: &[u8]) -> Vec<u8> {
    let (kind, rest) = bytes.split_first().unwrap_or((&WHOLE, &[]));
    match *kind {
        NODE => [TINY.as_slice(), &field(7, &field(1, rest))].concat(),
        TENSOR => [TINY.as_slice(), &field(7, &field(5, rest))].concat(),
        _ => rest.to_vec(),
    }
}

/// A field of protobuf with a length. A message that comes twice is one message with the
/// fields of both.
pub fn field(number: u8, inside: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(inside.len() as u64, &mut bytes);
    bytes.extend_from_slice(inside);
    bytes
}

fn attribute(name: &str, kind: AttributeType, ints: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: kind as i32,
        i: match kind {
            AttributeType::Int => ints.first().copied().unwrap_or(0),
            _ => 0,
        },
        ints: match kind {
            AttributeType::Ints => ints.to_vec(),
            _ => Vec::new(),
        },
        ..Default::default()
    }
}

/// Nodes and tensors that the tiny network can take in, each after its kind.
fn parts() -> Vec<Vec<u8>> {
    let with = |op: &str, inputs: &[&str], attributes: Vec<pb::AttributeProto>| {
        let mut node = node(op, inputs, "extra");
        node.attribute = attributes;
        [&[NODE], node.encode_to_vec().as_slice()].concat()
    };
    let ints = |name, values: &[i64]| attribute(name, AttributeType::Ints, values);
    let int = |name, value| attribute(name, AttributeType::Int, &[value]);
    let tensor = pb::TensorProto {
        name: "spare".into(),
        dims: vec![2, 3],
        data_type: DataType::Float as i32,
        raw_data: vec![0; 24],
        ..Default::default()
    };
    vec![
        with("Add", &["row", "column"], vec![]),
        with("MatMul", &["column", "row"], vec![]),
        with("Concat", &["row", "row"], vec![int("axis", 3)]),
        with("Transpose", &["image"], vec![ints("perm", &[0, 2, 3, 1])]),
        with(
            "ReduceMean",
            &["image"],
            vec![ints("axes", &[2, 3]), int("keepdims", 0)],
        ),
        with(
            "MaxPool",
            &["image"],
            vec![ints("kernel_shape", &[2, 2]), ints("pads", &[1, 1, 0, 0])],
        ),
        with(
            "Conv",
            &["image", "weights"],
            vec![ints("dilations", &[2, 2]), int("group", 1)],
        ),
        with("SpaceToDepth", &["image"], vec![int("blocksize", 2)]),
        [&[TENSOR], tensor.encode_to_vec().as_slice()].concat(),
    ]
}

/// The walk over a network that comes before it is loaded.
#[derive(Debug)]
pub struct Inspect;

/// The first nodes of the released network, without its weights.
fn skeleton() -> Vec<u8> {
    let mut model = pb::ModelProto::decode(RELEASED).expect("the released network");
    if let Some(graph) = &mut model.graph {
        graph.node.truncate(12);
        let inputs = graph.node.iter().flat_map(|node| &node.input);
        let used: Vec<&str> = inputs.map(String::as_str).collect();
        let is_used = |tensor: &pb::TensorProto| used.contains(&tensor.name.as_str());
        graph.initializer.retain(is_used);
        for tensor in &mut graph.initializer {
            tensor.raw_data.clear();
        }
    }
    model.encode_to_vec()
}

impl Parser for Inspect {
    fn name(&self) -> &'static str {
        "network_inspect"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let whole = [TINY.clone(), skeleton()].map(|model| [&[WHOLE], model.as_slice()].concat());
        whole.into_iter().chain(parts()).collect()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        WORDS
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match Engine::inspect(&network(bytes)) {
            Ok(()) => Reached::Accepted,
            Err(error) => reached(&error),
        }
    }
}

/// A whole bundle whose checksums agree with its files: the manifest and the network are
/// read, the network is loaded and run.
#[derive(Debug, Default)]
pub struct Load {
    /// Bundles whose manifest was refused.
    pub manifests: u64,
    /// Networks that were loaded.
    pub loaded: u64,
}

impl Parser for Load {
    fn name(&self) -> &'static str {
        "bundle_load"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let manifest = TINY_MANIFEST.as_bytes();
        let whole = [&[WHOLE], TINY.as_slice()].concat();
        let both = joined(&[manifest, &whole]);
        // Without a manifest, its own is taken.
        let networks = parts().into_iter().chain([whole]);
        let networks = networks.map(|network| joined(&[&[], &network]));
        networks.chain([both]).collect()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        WORDS
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let [manifest, model] = sections::<2>(bytes);
        let manifest = match manifest {
            [] => TINY_MANIFEST.as_bytes(),
            manifest => manifest,
        };
        let model = network(model);
        let files: [(&[u8], &str); 3] = [
            (&model, "model.onnx"),
            (manifest, "manifest.json"),
            (b"", "CARD.md"),
        ];
        let sums = files
            .map(|(bytes, file)| format!("{}  {file}\n", sha256_hex(bytes)))
            .concat();
        let Ok(bundle) = Bundle::from_bytes(sums.as_bytes(), manifest, &model) else {
            self.manifests += 1;
            return Reached::Refused;
        };
        let engine = match Engine::load(&bundle) {
            Ok(engine) => engine,
            Err(error) => return reached(&error),
        };
        self.loaded += 1;
        let side = engine.crop_side();
        let ran = engine
            .session()
            .and_then(|mut session| session.picture(&vec![0.5; 3 * side * side]));
        match ran {
            Ok(step) => {
                let graph = &bundle.manifest.graph;
                let places = usize::from(graph.evidence_side).pow(2);
                assert_eq!(step.evidence.len(), places);
                assert_eq!(step.embedding.len(), usize::from(graph.embedding_len));
                Reached::Accepted
            }
            Err(_) => Reached::Within,
        }
    }
}
