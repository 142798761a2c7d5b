//! A network of plain layers as an ONNX graph.
//!
//! A frame network sees `[1, 3, side, side]`. A clip network sees `[1, 3, frames, side,
//! side]`, and its convolutions and poolings have three dimensions.

use super::graph::{Graph, float, int, ints};
use super::int8::QuantisedKernel;
use super::onnx::{GraphNames, MapHead, weights};
use super::quantise::QuantisedPlain;
use super::views::{luminance, mean, mirrored};
use crate::network::{ConvSpec, NetworkConfig, Op};

pub(super) fn plain(net: &QuantisedPlain, config: &NetworkConfig) -> Graph {
    let clip = net.blueprint.clip;
    let mut graph = Graph::new(if clip { "unmask-clip" } else { "unmask-frame" });
    let names = GraphNames::new(0);
    let mut image = vec![1, 3, config.input, config.input];
    if clip {
        image.insert(2, config.frames);
    }
    graph.input(&names.image, &image);
    let rank = image.len();
    let (mut kernels, mut affines) = (net.kernels.iter(), net.affines.iter());
    let mut values = vec![if net.blueprint.mirror {
        mirrored(&mut graph, &names.image, rank, config.input)
    } else {
        names.image.clone()
    }];
    let extents = net.blueprint.extents(config.input, config.frames);
    for (index, layer) in net.blueprint.layers.iter().enumerate() {
        let x = values[layer.from].clone();
        let name = |part: &str| format!("layer_{index}.{part}");
        let out = name("out");
        let value = match layer.op {
            Op::Conv(spec) => match kernels.next() {
                Some(kernel) => {
                    let pads = spec.pads(extents[layer.from].side);
                    convolution(&mut graph, &name, &x, (&spec, pads), kernel, rank)
                }
                None => x,
            },
            Op::Affine => match affines.next() {
                Some([scale, bias]) => affine(&mut graph, &name, &x, scale, bias, rank),
                None => x,
            },
            Op::Pixels { mean, std } => {
                let scale = std.map(f32::recip);
                let bias: Vec<f32> = mean.iter().zip(scale).map(|(m, s)| -m * s).collect();
                affine(&mut graph, &name, &x, &scale, &bias, rank)
            }
            Op::Luminance => luminance(&mut graph, &name, &x, rank),
            Op::Relu => graph.node("Relu", &[&x], &out, vec![]),
            Op::Relu6 => {
                graph.floats(&name("low"), &[], &[0.0]);
                graph.floats(&name("high"), &[], &[6.0]);
                let inputs = [x.as_str(), &name("low"), &name("high")];
                graph.node("Clip", &inputs, &out, vec![])
            }
            Op::LeakyRelu { slope } => {
                let alpha = float("alpha", slope as f32);
                graph.node("LeakyRelu", &[&x], &out, vec![alpha])
            }
            Op::MaxPool {
                size,
                stride,
                padding,
            } => {
                let attributes = window(rank, [1, size, size], [1, stride], 0, [padding; 2]);
                graph.node("MaxPool", &[&x], &out, attributes)
            }
            Op::Add => graph.node("Add", &[&x, &values[layer.plus]], &out, vec![]),
            // The map is of that side already: the graph is written for the network's own input.
            Op::Resize { .. } | Op::Norm(_) | Op::Dropout { .. } => x,
        };
        values.push(value);
    }
    let last = values.pop().unwrap_or_default();
    let head = MapHead {
        weight: net.head.weight.clone(),
        bias: net.head.bias.unwrap_or(0.0),
        cosine: net.head.bias.is_none(),
        mirror: net.blueprint.mirror,
    };
    let places: Vec<usize> = (2..rank).collect();
    mean(&mut graph, &last, &places, false, head.embedding(&names));
    head.write(&mut graph, &names, &last, rank, config);
    graph
}

fn convolution(
    graph: &mut Graph,
    name: &impl Fn(&str) -> String,
    x: &str,
    (spec, pads): (&ConvSpec, [usize; 2]),
    kernel: &QuantisedKernel<5>,
    rank: usize,
) -> String {
    let [out, channels, frames, rows, columns] = kernel.shape;
    let shape = match rank {
        5 => vec![out, channels, frames, rows, columns],
        _ => vec![out, channels, rows, columns],
    };
    let [weight, bias] = weights(graph, name, kernel, &shape);
    let mut attributes = window(rank, spec.kernel, spec.stride, spec.padding[0], pads);
    attributes.push(int("group", spec.groups));
    graph.node("Conv", &[x, &weight, &bias], &name("out"), attributes)
}

/// Kernel, strides and pads over the places of a value of the given rank; `early` frames of
/// padding on both sides in time, and in space as many rows before and behind as `edges` has.
fn window(
    rank: usize,
    kernel: [usize; 3],
    stride: [usize; 2],
    early: usize,
    edges: [usize; 2],
) -> Vec<tract_onnx::pb::AttributeProto> {
    let skip = 5 - rank;
    let [time, space] = stride;
    let pads = edges.map(|edge| [early, edge, edge]);
    let pads = [&pads[0][skip..], &pads[1][skip..]].concat();
    vec![
        ints("kernel_shape", &kernel[skip..]),
        ints("strides", &[time, space, space][skip..]),
        ints("pads", &pads),
    ]
}

fn affine(
    graph: &mut Graph,
    name: &impl Fn(&str) -> String,
    x: &str,
    scale: &[f32],
    bias: &[f32],
    rank: usize,
) -> String {
    let shape: Vec<usize> = [1, scale.len()]
        .into_iter()
        .chain(vec![1; rank - 2])
        .collect();
    graph.floats(&name("scale"), &shape, scale);
    graph.floats(&name("bias"), &shape, bias);
    graph.node("Mul", &[x, &name("scale")], &name("scaled"), vec![]);
    graph.node(
        "Add",
        &[&name("scaled"), &name("bias")],
        &name("out"),
        vec![],
    )
}
