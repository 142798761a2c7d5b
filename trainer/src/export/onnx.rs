//! The streaming step as an ONNX file.

use prost::Message;

use super::graph::{Graph, int, ints};
use super::quantise::{QuantisedConv, QuantisedNet};
use crate::network::NetworkConfig;

const OPSET: usize = 17;

/// Names of the tensors that the firmware feeds and reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNames {
    /// `[1, 3, side, side]`, RGB in [0, 1].
    pub image: String,
    /// `[1, 1]`
    pub logit: String,
    /// `[1, embedding]`
    pub embedding: String,
    /// `[1, 1, h, w]`, in units of the logit; its mean is the logit.
    pub evidence: String,
    /// Input and output of each temporal state, `[1, channels, h, w]`.
    pub states: Vec<(String, String)>,
}

impl GraphNames {
    /// The names used for a network with so many states.
    pub fn new(states: usize) -> Self {
        Self {
            image: "image".into(),
            logit: "logit".into(),
            embedding: "embedding".into(),
            evidence: "evidence".into(),
            states: (0..states)
                .map(|i| (format!("state_{i}"), format!("next_state_{i}")))
                .collect(),
        }
    }
}

/// Writes one step of the stream: image and states in; logit, embedding, evidence
/// and next states out. Weights are int8 behind one `DequantizeLinear(axis = 0)`.
pub fn write_onnx(net: &QuantisedNet, config: &NetworkConfig, version: &str) -> Vec<u8> {
    let mut graph = Graph::new("unmask-stream");
    let shapes = config.state_shapes();
    let names = GraphNames::new(shapes.len());
    graph.input(&names.image, &[1, 3, config.input, config.input]);
    for ((input, output), [c, h, w]) in names.states.iter().zip(&shapes) {
        graph.input(input, &[1, *c, *h, *w]);
        graph.output(output, &[1, *c, *h, *w]);
    }
    graph.floats("half", &[1], &[0.5]);
    let mut x = graph.node("Sub", &[&names.image, "half"], "centred", vec![]);
    let mut states = names.states.iter();
    for (index, conv) in net.convs.iter().enumerate() {
        if conv.past > 0
            && let Some((past, next)) = states.next()
        {
            x = temporal(&mut graph, index, &x, conv.past, past, next);
        }
        x = convolution(&mut graph, index, &x, conv);
    }
    head(&mut graph, &names, &x, net, config);
    graph.into_model(version, OPSET as i64).encode_to_vec()
}

fn temporal(
    graph: &mut Graph,
    index: usize,
    x: &str,
    channels: usize,
    past: &str,
    next: &str,
) -> String {
    let name = |part: &str| format!("conv_{index}.{part}");
    graph.integers(&name("from"), &[0]);
    graph.integers(&name("to"), &[channels as i64]);
    graph.integers(&name("axis"), &[1]);
    graph.node(
        "Slice",
        &[x, &name("from"), &name("to"), &name("axis")],
        next,
        vec![],
    );
    graph.node(
        "Concat",
        &[x, past],
        &name("with_past"),
        vec![int("axis", 1)],
    )
}

fn convolution(graph: &mut Graph, index: usize, x: &str, conv: &QuantisedConv) -> String {
    let name = |part: &str| format!("conv_{index}.{part}");
    let [out, _, kernel, _] = conv.shape;
    graph.bytes(&name("int8"), &conv.shape, &conv.values);
    graph.floats(&name("scale"), &[out], &conv.scales);
    graph.bytes(&name("zero"), &[out], &vec![0; out]);
    graph.floats(&name("bias"), &[out], &conv.bias);
    graph.node(
        "DequantizeLinear",
        &[&name("int8"), &name("scale"), &name("zero")],
        &name("weight"),
        vec![int("axis", 0)],
    );
    graph.node(
        "Conv",
        &[x, &name("weight"), &name("bias")],
        &name("sum"),
        vec![
            ints("kernel_shape", &[kernel; 2]),
            ints("strides", &[conv.stride; 2]),
            ints("pads", &[conv.padding; 4]),
        ],
    );
    graph.node("Relu", &[&name("sum")], &name("out"), vec![])
}

/// Pooled, normalised embedding and the map whose mean is the logit:
/// `evidence = (F . (a w) + b . w) / |f|` with `f = a mean(F) + b`.
fn head(
    graph: &mut Graph,
    names: &GraphNames,
    x: &str,
    net: &QuantisedNet,
    config: &NetworkConfig,
) {
    let (length, side) = (config.embedding(), config.evidence_side());
    graph.floats("embed.scale", &[1, length], &net.embed_scale);
    graph.floats("embed.bias", &[1, length], &net.embed_bias);
    graph.integers("embed.axis", &[1]);
    graph.floats("embed.tiny", &[1], &[1e-12]);
    graph.node(
        "ReduceMean",
        &[x],
        "pooled",
        vec![ints("axes", &[2, 3]), int("keepdims", 0)],
    );
    graph.node("Mul", &["pooled", "embed.scale"], "embed.scaled", vec![]);
    graph.node(
        "Add",
        &["embed.scaled", "embed.bias"],
        &names.embedding,
        vec![],
    );
    graph.node(
        "Mul",
        &[&names.embedding, &names.embedding],
        "embed.squares",
        vec![],
    );
    graph.node(
        "ReduceSum",
        &["embed.squares", "embed.axis"],
        "embed.sum",
        vec![int("keepdims", 1)],
    );
    graph.node(
        "Add",
        &["embed.sum", "embed.tiny"],
        "embed.positive",
        vec![],
    );
    graph.node("Sqrt", &["embed.positive"], "embed.norm", vec![]);
    let weight: Vec<f32> = net
        .head
        .iter()
        .zip(&net.embed_scale)
        .map(|(w, a)| w * a)
        .collect();
    let bias: f32 = net
        .head
        .iter()
        .zip(&net.embed_bias)
        .map(|(w, b)| w * b)
        .sum();
    graph.floats("head.weight", &[1, length, 1, 1], &weight);
    graph.floats("head.bias", &[1], &[bias]);
    graph.node(
        "Conv",
        &[x, "head.weight", "head.bias"],
        "head.map",
        vec![ints("kernel_shape", &[1, 1])],
    );
    graph.node("Div", &["head.map", "embed.norm"], &names.evidence, vec![]);
    graph.node(
        "ReduceMean",
        &[&names.evidence],
        &names.logit,
        vec![ints("axes", &[2, 3]), int("keepdims", 0)],
    );
    graph.output(&names.logit, &[1, 1]);
    graph.output(&names.embedding, &[1, length]);
    graph.output(&names.evidence, &[1, 1, side, side]);
}
