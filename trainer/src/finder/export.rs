//! The network as an ONNX file with the inputs and outputs of YuNet.

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;

use super::network::{Folded, FoldedLayer, TAPS};
use super::teacher::STRIDES;
use crate::export::{Graph, int, ints, text};

/// Old enough for OpenCV's importer.
const OPSET: i64 = 11;
/// Numbers of each head.
const HEADS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];
/// What is subtracted from pixels.
const GREY: f32 = 127.5;
/// Padding of the stem.
const STEM_PAD: usize = 2;

/// Writes the file.
///
/// Its input is blue, green and red in 0 to 255, `[1, 3, height, width]` with sides that are
/// multiples of 32; its outputs are `cls`, `obj`, `bbox` and `kps` at the strides 8, 16 and
/// 32, `[1, cells, 1 | 1 | 4 | 10]`, as those of YuNet.
pub fn onnx_bytes(net: &Folded, version: &str) -> Vec<u8> {
    let mut graph = Graph::new("unmask-face-finder");
    let free = |name: &str| Value::DimParam(name.into());
    let sides = [Value::DimValue(1), Value::DimValue(3), free("height"), free("width")];
    graph.free_input("input", &sides);
    graph.floats("grey", &[1], &[GREY]);
    graph.node("Sub", &["input", "grey"], "centred", vec![]);
    let mut x = convolution(&mut graph, "stem", "centred", &of_bytes(&net.stem), true);
    let mut taps = Vec::new();
    for (number, layer) in net.body.iter().enumerate() {
        x = convolution(&mut graph, &format!("body_{number}"), &x, layer, true);
        if TAPS.contains(&number) {
            taps.push(x.clone());
        }
    }
    graph.floats("nowhere", &[0], &[]);
    graph.floats("twice", &[4], &[1.0, 1.0, 2.0, 2.0]);
    for (number, layer) in net.lateral.iter().enumerate() {
        let finer = taps.len() - 2 - number;
        let name = format!("lateral_{number}");
        let coarse = convolution(&mut graph, &name, &taps[finer + 1], layer, false);
        let larger = graph.node(
            "Resize",
            &[&coarse, "nowhere", "twice"],
            &format!("{name}.larger"),
            vec![
                text("mode", "nearest"),
                text("coordinate_transformation_mode", "asymmetric"),
                text("nearest_mode", "floor"),
            ],
        );
        let sum = format!("{name}.sum");
        taps[finer] = graph.node("Add", &[&taps[finer], &larger], &sum, vec![]);
    }
    graph.integers("cells", &[1, -1, 16]);
    let levels = taps.iter().zip(STRIDES).zip(net.heads.iter().zip(&net.outputs));
    for ((map, stride), (head, output)) in levels {
        let map = convolution(&mut graph, &format!("head_{stride}"), map, head, true);
        let said = convolution(&mut graph, &format!("said_{stride}"), &map, output, false);
        outputs(&mut graph, &said, stride);
    }
    for (head, numbers) in HEADS {
        for stride in STRIDES {
            let cells = free(&format!("cells_{stride}"));
            let shape = [Value::DimValue(1), cells, Value::DimValue(numbers as i64)];
            graph.free_output(&format!("{head}_{stride}"), &shape);
        }
    }
    graph.into_model(version, OPSET).encode_to_vec()
}

/// From a map of 16 channels to the four outputs of a level.
fn outputs(graph: &mut Graph, said: &str, stride: usize) {
    let name = |part: &str| format!("{part}_{stride}");
    let turned = [ints("perm", &[0, 2, 3, 1])];
    graph.node("Transpose", &[said], &name("turned"), turned.to_vec());
    graph.node("Reshape", &[&name("turned"), "cells"], &name("rows"), vec![]);
    let names = ["cls_logit", "obj_logit", "bbox", "kps"].map(name);
    graph.nodes(
        "Split",
        &[&name("rows")],
        &names.each_ref().map(String::as_str),
        vec![int("axis", 2), ints("split", &HEADS.map(|(_, numbers)| numbers))],
    );
    for head in ["cls", "obj"] {
        let logit = name(&format!("{head}_logit"));
        graph.node("Sigmoid", &[&logit], &name(head), vec![]);
    }
}

fn convolution(
    graph: &mut Graph,
    name: &str,
    x: &str,
    layer: &FoldedLayer,
    then_relu: bool,
) -> String {
    let part = |part: &str| format!("{name}.{part}");
    let (kernel, outputs) = (layer.kernel, layer.bias.len());
    graph.floats(
        &part("weight"),
        &[outputs, layer.inputs, kernel, kernel],
        &layer.weight,
    );
    graph.floats(&part("bias"), &[outputs], &layer.bias);
    let pad = if layer.stride == 4 { STEM_PAD } else { kernel / 2 };
    let attributes = vec![
        ints("kernel_shape", &[kernel; 2]),
        ints("strides", &[layer.stride; 2]),
        ints("pads", &[pad; 4]),
    ];
    let sum = graph.node("Conv", &[x, &part("weight"), &part("bias")], &part("sum"), attributes);
    if then_relu {
        graph.node("Relu", &[&sum], &part("out"), vec![])
    } else {
        sum
    }
}

/// The stem for blue, green and red in 0 to 255 instead of red, green and blue in 0 to 1.
fn of_bytes(stem: &FoldedLayer) -> FoldedLayer {
    let plane = stem.kernel * stem.kernel;
    let turned = stem.weight.chunks_exact(3 * plane).flat_map(|filter| {
        let planes = filter.chunks_exact(plane).rev();
        planes.flatten().map(|weight| weight / 255.0)
    });
    FoldedLayer {
        weight: turned.collect(),
        ..stem.clone()
    }
}
