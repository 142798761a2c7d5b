//! The network as an ONNX file: what the trainer writes, and the only thing that is read.
//!
//! Inputs and outputs are those of YuNet (Wu et al., 2023), so that whatever runs its files
//! runs these. The input is blue, green and red in 0 to 255, `[1, 3, height, width]`, sides
//! multiples of 32; the outputs are `cls`, `obj` (0 to 1), `bbox` and `kps` at the strides 8,
//! 16 and 32, `[1, cells, 1 | 1 | 4 | 10]`.

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};

/// Pixels per cell of each level.
pub const STRIDES: [usize; 3] = [8, 16, 32];
/// Numbers per cell: class, objectness, box and five landmarks.
pub const OUTPUTS: usize = 16;
/// Channels behind the stem, at a quarter of the resolution.
pub const STEM: usize = 16;
/// Stride and channels of each convolution of the body.
pub const BODY: [(usize, usize); 8] = [
    (2, 32),
    (1, 32),
    (1, 32),
    (2, 64),
    (1, 64),
    (2, 64),
    (1, 64),
    (1, 64),
];
/// Convolutions of the body behind which a level begins.
pub const TAPS: [usize; 3] = [2, 4, 7];
/// Channels in front of the outputs of each level.
pub const HEAD_CHANNELS: [usize; 3] = [32, 64, 64];
/// Subtracted from pixels.
pub const GREY: f32 = 127.5;

/// Old enough for OpenCV's importer.
const OPSET: i64 = 11;
const HEADS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

/// A convolution of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseLayer {
    /// What its tensors are called after.
    pub name: String,
    /// Channels that it reads.
    pub inputs: usize,
    /// Channels that it writes.
    pub outputs: usize,
    /// Side of its kernel.
    pub kernel: usize,
    /// Pixels from one place of the kernel to the next.
    pub stride: usize,
    /// Zeros around its input.
    pub padding: usize,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// Weights of a [`DenseLayer`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerWeights {
    /// `[outputs, inputs, kernel, kernel]`
    pub weight: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

/// All convolutions: the stem (6x6, stride 4), the body, those that carry a coarser level to
/// the finer one, and for each level one in front of its outputs and the outputs.
pub fn layers() -> Vec<DenseLayer> {
    let layer =
        |name: String, [inputs, outputs]: [usize; 2], kernel: usize, stride: usize| DenseLayer {
            relu: !name.starts_with("lateral") && !name.starts_with("said"),
            name,
            inputs,
            outputs,
            kernel,
            stride,
            padding: (kernel - 1) / 2,
        };
    let mut layers = vec![layer("stem".into(), [3, STEM], 6, 4)];
    let mut channels = STEM;
    for (number, (stride, outputs)) in BODY.into_iter().enumerate() {
        layers.push(layer(
            format!("body_{number}"),
            [channels, outputs],
            3,
            stride,
        ));
        channels = outputs;
    }
    let [fine, middle, coarse] = TAPS.map(|tap| BODY[tap].1);
    layers.push(layer("lateral_32".into(), [coarse, middle], 1, 1));
    layers.push(layer("lateral_16".into(), [middle, fine], 1, 1));
    let widths = [fine, middle, coarse].into_iter().zip(HEAD_CHANNELS);
    for (stride, (channels, head)) in STRIDES.into_iter().zip(widths) {
        layers.push(layer(format!("head_{stride}"), [channels, head], 3, 1));
        layers.push(layer(format!("said_{stride}"), [head, OUTPUTS], 1, 1));
    }
    layers
}

/// The file; weights in the order of [`layers`].
pub fn model(weights: &[LayerWeights], producer_version: &str) -> pb::ModelProto {
    let free = |name: String| Value::DimParam(name);
    let picture = [
        Value::DimValue(1),
        Value::DimValue(3),
        free("height".into()),
        free("width".into()),
    ];
    let outputs = HEADS.into_iter().flat_map(|(head, numbers)| {
        STRIDES.map(|stride| {
            let cells = free(format!("cells_{stride}"));
            let shape = [Value::DimValue(1), cells, Value::DimValue(numbers as i64)];
            value_info(format!("{head}_{stride}"), &shape)
        })
    });
    let graph = pb::GraphProto {
        name: "unmask-face-finder".into(),
        input: vec![value_info("input".into(), &picture)],
        output: outputs.collect(),
        node: nodes(),
        initializer: constants().into_iter().chain(tensors(weights)).collect(),
        ..Default::default()
    };
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        }],
        producer_name: "unmask-trainer".into(),
        producer_version: producer_version.into(),
        graph: Some(graph),
        ..Default::default()
    }
}

/// Weights of a file in the order of [`layers`]; `None` where it holds another network.
pub fn read(model: &pb::ModelProto) -> Option<Vec<LayerWeights>> {
    let graph = model.graph.as_ref()?;
    let ours = graph.node == nodes() && model.opset_import.first()?.version == OPSET;
    let find = |name: &str| graph.initializer.iter().find(|tensor| tensor.name == name);
    let known = constants()
        .iter()
        .all(|constant| find(&constant.name) == Some(constant));
    if !ours || !known {
        return None;
    }
    let values = |name: String, dims: &[usize]| -> Option<Vec<f32>> {
        let tensor = find(&name)?;
        let agree = tensor.dims == dims.iter().map(|side| *side as i64).collect::<Vec<_>>()
            && tensor.data_type == DataType::Float as i32
            && tensor.raw_data.len() == 4 * dims.iter().product::<usize>();
        let (bytes, _) = tensor.raw_data.as_chunks::<4>();
        let values: Vec<f32> = bytes.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (agree && values.iter().all(|value| value.is_finite())).then_some(values)
    };
    let read = layers().into_iter().map(|layer| {
        let (name, k) = (&layer.name, layer.kernel);
        Some(LayerWeights {
            weight: values(
                format!("{name}.weight"),
                &[layer.outputs, layer.inputs, k, k],
            )?,
            bias: values(format!("{name}.bias"), &[layer.outputs])?,
        })
    });
    read.collect()
}

fn tensors(weights: &[LayerWeights]) -> impl Iterator<Item = pb::TensorProto> {
    let pairs = layers().into_iter().zip(weights);
    pairs.flat_map(|(layer, weights)| {
        let (name, k) = (&layer.name, layer.kernel);
        let shape = [layer.outputs, layer.inputs, k, k];
        [
            floats(&format!("{name}.weight"), &shape, &weights.weight),
            floats(&format!("{name}.bias"), &[layer.outputs], &weights.bias),
        ]
    })
}

fn constants() -> Vec<pb::TensorProto> {
    let cells = [1_i64, -1, OUTPUTS as i64];
    vec![
        floats("grey", &[1], &[GREY]),
        floats("nowhere", &[0], &[]),
        floats("twice", &[4], &[1.0, 1.0, 2.0, 2.0]),
        pb::TensorProto {
            name: "cells".into(),
            dims: vec![cells.len() as i64],
            data_type: DataType::Int64 as i32,
            raw_data: cells.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..Default::default()
        },
    ]
}

fn nodes() -> Vec<pb::NodeProto> {
    let mut nodes = vec![node("Sub", &["input", "grey"], &["centred"], vec![])];
    let layers = layers();
    let mut x = "centred".to_string();
    let mut taps = Vec::new();
    let (trunk, rest) = layers.split_at(1 + BODY.len());
    for (number, layer) in trunk.iter().enumerate() {
        x = convolution(&mut nodes, layer, &x);
        if TAPS.iter().any(|tap| tap + 1 == number) {
            taps.push(x.clone());
        }
    }
    let (laterals, heads) = rest.split_at(2);
    for (layer, finer) in laterals.iter().zip([1, 0]) {
        let coarse = convolution(&mut nodes, layer, &taps[finer + 1]);
        let [larger, sum] = ["larger", "sum"].map(|part| format!("{}.{part}", layer.name));
        let nearest = vec![
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ];
        nodes.push(node(
            "Resize",
            &[&coarse, "nowhere", "twice"],
            &[&larger],
            nearest,
        ));
        nodes.push(node("Add", &[&taps[finer], &larger], &[&sum], vec![]));
        taps[finer] = sum;
    }
    for ((map, stride), pair) in taps.iter().zip(STRIDES).zip(heads.chunks_exact(2)) {
        let map = convolution(&mut nodes, &pair[0], map);
        let said = convolution(&mut nodes, &pair[1], &map);
        let name = |part: &str| format!("{part}_{stride}");
        let [turned, rows] = ["turned", "rows"].map(name);
        nodes.push(node(
            "Transpose",
            &[&said],
            &[&turned],
            vec![ints("perm", &[0, 2, 3, 1])],
        ));
        nodes.push(node("Reshape", &[&turned, "cells"], &[&rows], vec![]));
        let parts = ["cls_logit", "obj_logit", "bbox", "kps"].map(name);
        let lengths = HEADS.map(|(_, numbers)| numbers as i64);
        let split = vec![int("axis", 2), ints("split", &lengths)];
        nodes.push(node(
            "Split",
            &[&rows],
            &parts.each_ref().map(String::as_str),
            split,
        ));
        for (logit, head) in parts.iter().zip(["cls", "obj"].map(name)) {
            nodes.push(node("Sigmoid", &[logit], &[&head], vec![]));
        }
    }
    nodes
}

fn convolution(nodes: &mut Vec<pb::NodeProto>, layer: &DenseLayer, x: &str) -> String {
    let [weight, bias, sum, out] =
        ["weight", "bias", "conv", "out"].map(|part| format!("{}.{part}", layer.name));
    let attributes = vec![
        ints("kernel_shape", &[layer.kernel as i64; 2]),
        ints("strides", &[layer.stride as i64; 2]),
        ints("pads", &[layer.padding as i64; 4]),
    ];
    nodes.push(node("Conv", &[x, &weight, &bias], &[&sum], attributes));
    if !layer.relu {
        return sum;
    }
    nodes.push(node("Relu", &[&sum], &[&out], vec![]));
    out
}

fn node(
    op: &str,
    inputs: &[&str],
    outputs: &[&str],
    attribute: Vec<pb::AttributeProto>,
) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        name: outputs.first().copied().unwrap_or(op).into(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: outputs.iter().map(ToString::to_string).collect(),
        attribute,
        ..Default::default()
    }
}

fn int(name: &str, i: i64) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int as i32,
        i,
        ..Default::default()
    }
}

fn ints(name: &str, ints: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: ints.to_vec(),
        ..Default::default()
    }
}

fn text(name: &str, value: &str) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::String as i32,
        s: value.as_bytes().to_vec(),
        ..Default::default()
    }
}

fn floats(name: &str, shape: &[usize], values: &[f32]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims: shape.iter().map(|side| *side as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        ..Default::default()
    }
}

fn value_info(name: String, shape: &[Value]) -> pb::ValueInfoProto {
    let dimension = |side: &Value| Dimension {
        denotation: String::new(),
        value: Some(side.clone()),
    };
    let tensor = pb::type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(pb::TensorShapeProto {
            dim: shape.iter().map(dimension).collect(),
        }),
    };
    pb::ValueInfoProto {
        name,
        r#type: Some(pb::TypeProto {
            denotation: String::new(),
            value: Some(pb::type_proto::Value::TensorType(tensor)),
        }),
        doc_string: String::new(),
    }
}
