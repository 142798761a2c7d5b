//! A network as an ONNX file.

use prost::Message;

use super::graph::{Graph, int, ints};
use super::int8::QuantisedKernel;
use super::layers::plain;
use super::quantise::{Quantised, QuantisedConv, QuantisedStream};
use super::views::{mean, merged};
use crate::network::NetworkConfig;

const OPSET: usize = 17;

/// Names of the tensors that the firmware feeds and reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNames {
    /// `[1, 3, side, side]`, for a clip network `[1, 3, frames, side, side]`; RGB in [0, 1].
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

/// Writes one decision: image (or clip) and states in; logit, embedding, evidence and next
/// states out. Weights are int8 behind one `DequantizeLinear(axis = 0)`.
pub fn write_onnx(net: &Quantised, config: &NetworkConfig, version: &str) -> Vec<u8> {
    let graph = match net {
        Quantised::Stream(net) => stream(net, config),
        Quantised::Plain(net) => plain(net, config),
    };
    graph.into_model(version, OPSET as i64).encode_to_vec()
}

fn stream(net: &QuantisedStream, config: &NetworkConfig) -> Graph {
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
    let length = config.embedding();
    graph.floats("embed.scale", &[1, length], &net.embed_scale);
    graph.floats("embed.bias", &[1, length], &net.embed_bias);
    let pooled = mean(&mut graph, &x, &[2, 3], false, "pooled");
    graph.node("Mul", &[&pooled, "embed.scale"], "embed.scaled", vec![]);
    let offset = ["embed.scaled", "embed.bias"];
    graph.node("Add", &offset, &names.embedding, vec![]);
    // f = a mean(F) + b, so that f . w is the mean of F . (a w), plus b . w.
    let head = &net.head;
    let pairs =
        |other: &[f32]| -> Vec<f32> { head.weight.iter().zip(other).map(|(w, o)| w * o).collect() };
    let map = MapHead {
        weight: pairs(&net.embed_scale),
        bias: pairs(&net.embed_bias).iter().sum::<f32>() + head.bias.unwrap_or(0.0),
        cosine: head.bias.is_none(),
        mirror: false,
    };
    map.write(&mut graph, &names, &x, 4, config);
    graph
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
    let [_, _, kernel, _] = conv.kernel.shape;
    let [weight, bias] = weights(graph, &name, &conv.kernel, &conv.kernel.shape);
    graph.node(
        "Conv",
        &[x, &weight, &bias],
        &name("sum"),
        vec![
            ints("kernel_shape", &[kernel; 2]),
            ints("strides", &[conv.stride; 2]),
            ints("pads", &[conv.padding; 4]),
        ],
    );
    graph.node("Relu", &[&name("sum")], &name("out"), vec![])
}

/// An int8 kernel of the given shape behind its scales, and its bias; gives both names.
pub(super) fn weights<const D: usize>(
    graph: &mut Graph,
    name: &impl Fn(&str) -> String,
    kernel: &QuantisedKernel<D>,
    shape: &[usize],
) -> [String; 2] {
    let out = kernel.scales.len();
    graph.bytes(&name("int8"), shape, &kernel.values);
    graph.floats(&name("scale"), &[out], &kernel.scales);
    graph.bytes(&name("zero"), &[out], &vec![0; out]);
    graph.floats(&name("bias"), &[out], &kernel.bias);
    let weight = graph.node(
        "DequantizeLinear",
        &[&name("int8"), &name("scale"), &name("zero")],
        &name("weight"),
        vec![int("axis", 0)],
    );
    [weight, name("bias")]
}

/// A head that works on each place of the last feature map, so that the mean of its map is
/// the logit.
pub(super) struct MapHead {
    /// One weight per channel of the map.
    pub(super) weight: Vec<f32>,
    /// Added at every place.
    pub(super) bias: f32,
    /// Whether the map is divided by the length of the embedding.
    pub(super) cosine: bool,
    /// Whether the batch holds a picture and its mirror image, which are judged together.
    pub(super) mirror: bool,
}

impl MapHead {
    /// The value that holds the embedding of each picture.
    pub(super) fn embedding<'a>(&self, names: &'a GraphNames) -> &'a str {
        match self.mirror {
            true => "views.embedding",
            false => &names.embedding,
        }
    }

    /// Writes evidence and logit; the embedding must be there already.
    ///
    /// `x` is the last feature map `[n, channels, h, w]`, at rank 5 `[n, channels, frames, h,
    /// w]`: its evidence is the mean over the frames. `n` is 1, with the mirror image 2.
    pub(super) fn write(
        &self,
        graph: &mut Graph,
        names: &GraphNames,
        x: &str,
        rank: usize,
        config: &NetworkConfig,
    ) {
        let (channels, length) = (self.weight.len(), config.embedding());
        let side = config.evidence_side();
        let shape: Vec<usize> = [1, channels].into_iter().chain(vec![1; rank - 2]).collect();
        graph.floats("head.weight", &shape, &self.weight);
        graph.floats("head.bias", &[1], &[self.bias]);
        let one = ints("kernel_shape", &shape[2..]);
        let inputs = [x, "head.weight", "head.bias"];
        let evidence = match self.mirror {
            true => "views.evidence",
            false => &names.evidence,
        };
        let map_name = if self.cosine { "head.map" } else { evidence };
        if rank == 5 {
            graph.node("Conv", &inputs, "head.frames", vec![one]);
            mean(graph, "head.frames", &[2], false, map_name);
        } else {
            graph.node("Conv", &inputs, map_name, vec![one]);
        }
        if self.cosine {
            norm(graph, self.embedding(names));
            graph.node("Div", &["head.map", "embed.norm"], evidence, vec![]);
        }
        if self.mirror {
            mean(graph, self.embedding(names), &[0], true, &names.embedding);
            merged(graph, evidence, side, &names.evidence);
        }
        mean(graph, &names.evidence, &[2, 3], false, &names.logit);
        graph.output(&names.logit, &[1, 1]);
        graph.output(&names.embedding, &[1, length]);
        graph.output(&names.evidence, &[1, 1, side, side]);
    }
}

/// Length of each embedding, at least 1e-6, `[n, 1, 1, 1]`.
fn norm(graph: &mut Graph, embedding: &str) {
    graph.integers("embed.axis", &[1]);
    graph.integers("embed.places", &[2, 3]);
    graph.floats("embed.tiny", &[1], &[1e-12]);
    graph.node("Mul", &[embedding, embedding], "embed.squares", vec![]);
    let keep = vec![int("keepdims", 1)];
    graph.node(
        "ReduceSum",
        &["embed.squares", "embed.axis"],
        "embed.sum",
        keep,
    );
    let tiny = ["embed.sum", "embed.tiny"];
    graph.node("Add", &tiny, "embed.positive", vec![]);
    graph.node("Sqrt", &["embed.positive"], "embed.length", vec![]);
    let places = ["embed.length", "embed.places"];
    graph.node("Unsqueeze", &places, "embed.norm", vec![]);
}
