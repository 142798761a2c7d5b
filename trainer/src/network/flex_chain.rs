//! Networks of plain layers on the `flex` device: all their convolutions as one node of the
//! autodiff graph, computed by [`BlockChain`]. Other devices, and layers that it does not know, go
//! the way of single tensor operations.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::blueprint::{Blueprint, ConvSpec, Op};
use super::flex::{Numbers, OnGraph, numbers, off_graph, on_graph, slice};
use super::plain::luminance;
use unmask_kernel::{BlockChain, Both, Colours, Keep, Kept, Kind, Link, Packs, WantedGradients};

/// Kernel [`ConvSpec::shape`] and bias `[out]` of a convolution.
pub(super) type KernelAndBias = (Tensor<5>, Tensor<1>);

/// The embedding of each picture, on the autodiff graph if the pictures are; with gradients
/// of the weights where they are trained. `None` on another device, or for layers that the
/// kernels do not know.
///
/// # Shapes
/// - `images`: `[n, 3, side, side]` in [0, 1], output: `[n, embedding]`
pub(super) fn embedding(
    blueprint: &Blueprint,
    images: &Tensor<4>,
    convs: impl Fn() -> Vec<KernelAndBias>,
    trained: bool,
) -> Option<Tensor<2>> {
    let [count, colours, height, width] = images.dims();
    if count == 0 || colours != 3 || height != width {
        return None;
    }
    let (links, moved) = links(blueprint, height)?;
    let images = match blueprint.layers.first()?.op {
        Op::Luminance => luminance(images.clone()),
        _ => images.clone(),
    };
    let first = blueprint.frozen_convs();
    let graph = on_graph(&images);
    let tracked = graph.as_ref().is_some_and(is_tracked);
    let keep = match (trained && graph.is_some(), tracked) {
        (true, true) => Keep::From(0),
        (true, false) => Keep::From(first.saturating_sub(1)),
        (false, true) => Keep::Limits,
        (false, false) => Keep::Nothing,
    };
    let chain = BlockChain::new(&links, moved, [height, width], keep)?;
    let convs = convs();
    let packs = pack(&chain, &convs)?;
    let pictures = off_graph(images.inner())?;
    let (pooled, kept) = chain.forward(&packs, slice(&pictures));
    let pooled = numbers(pooled, [count, chain.features()]);
    let Some(graph) = graph else {
        return Some(Tensor::from_primitive::<Flex>(pooled));
    };
    let saved = Saved {
        chain,
        packs,
        pictures,
        kept,
        first,
    };
    let node = if trained {
        let flat = convs.into_iter().skip(first).flat_map(|(weight, bias)| {
            let length = weight.dims().iter().product::<usize>();
            [weight.reshape([length]), bias]
        });
        run(
            saved,
            [graph, on_graph(&Tensor::cat(flat.collect(), 0))?],
            pooled,
        )
    } else {
        run(saved, [graph], pooled)
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(node))
}

fn pack(chain: &BlockChain, convs: &[KernelAndBias]) -> Option<Packs> {
    let numbers: Option<Vec<(Numbers, Numbers)>> = convs
        .iter()
        .map(|(weight, bias)| {
            let weight = off_graph(weight.clone().inner())?;
            Some((weight, off_graph(bias.clone().inner())?))
        })
        .collect();
    let numbers = numbers?;
    let both = numbers.iter().map(|(weight, bias)| Both {
        weight: slice(weight),
        bias: slice(bias),
    });
    chain.pack(&both.collect::<Vec<_>>())
}

/// Whether a gradient of it will be asked for.
fn is_tracked(graph: &OnGraph) -> bool {
    let step = ChainNode.prepare::<NoCheckpointing>([graph.node()]);
    matches!(step.compute_bound().stateful(), OpsKind::Tracked(_))
}

fn run<const N: usize>(saved: Saved, parents: [OnGraph; N], pooled: Numbers) -> OnGraph {
    let step = ChainNode.prepare::<NoCheckpointing>(parents.each_ref().map(OnGraph::node));
    match step.compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(Arc::new(saved), pooled),
        OpsKind::UnTracked(prep) => prep.finish(pooled),
    }
}

/// What the backward pass needs.
#[derive(Debug)]
struct Saved {
    chain: BlockChain,
    packs: Packs,
    pictures: Numbers,
    kept: Kept,
    /// First convolution whose weights are trained.
    first: usize,
}

/// Parents are the pictures and, if they are trained, the weights.
#[derive(Debug)]
struct ChainNode;

impl<const N: usize> Backward<Flex, N> for ChainNode {
    type State = Arc<Saved>;

    fn backward(
        self,
        ops: Ops<Arc<Saved>, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let slope = grads.consume::<Flex>(&ops.node).to_contiguous();
        let saved = &*ops.state;
        let [images, weights] = [0, 1].map(|at| ops.parents.get(at).cloned().flatten());
        let wanted = WantedGradients {
            weights_from: weights.as_ref().map(|_| saved.first),
            pictures: images.is_some(),
        };
        let (of_weights, of_pictures) = saved.chain.backward(
            &saved.packs,
            slice(&saved.pictures),
            &saved.kept,
            slice(&slope),
            wanted,
        );
        if let Some(weights) = weights {
            let length = of_weights.len();
            grads.register::<Flex>(weights.id, numbers(of_weights, [length]));
        }
        if let Some(images) = images {
            let [height, width] = saved.chain.picture();
            let count = of_pictures.len() / (3 * height * width);
            let gradient = numbers(of_pictures, [count, 3, height, width]);
            grads.register::<Flex>(images.id, gradient);
        }
    }
}

/// The convolutions with what follows them, for pictures of a side; `None` where there is
/// more to a network than that.
fn links(blueprint: &Blueprint, side: usize) -> Option<(Vec<Link>, Colours)> {
    if blueprint.clip {
        return None;
    }
    let (extents, uses) = (blueprint.extents(side, 1), blueprint.uses());
    let mut moved = Colours {
        scale: [1.0; 3],
        bias: [0.0; 3],
    };
    let mut links: Vec<Link> = Vec::new();
    // The value that each link ends in, and the one that the next has to read.
    let (mut ends, mut end) = (Vec::new(), 0);
    for (index, layer) in blueprint.layers.iter().enumerate() {
        let value = index + 1;
        if layer.from != end && (layer.op != Op::Add || layer.plus != end) {
            return None;
        }
        match layer.op {
            Op::Luminance if index == 0 => {}
            Op::Pixels { mean, std } if links.is_empty() => {
                moved.scale = std.map(f32::recip);
                moved.bias = [0, 1, 2].map(|c| -mean[c] * moved.scale[c]);
            }
            Op::Conv(spec) => {
                let [from, to] = [extents[layer.from].side, extents[value].side];
                links.push(link(&spec, links.is_empty(), from, to)?);
                ends.push(value);
            }
            Op::Relu | Op::Relu6 | Op::Add if uses[end] != 1 => return None,
            Op::Relu | Op::Relu6 => {
                let last = links.last_mut()?;
                if last.limit.is_some() || last.plus.is_some() {
                    return None;
                }
                let six = layer.op == Op::Relu6;
                last.limit = Some(if six { 6.0 } else { f32::INFINITY });
                *ends.last_mut()? = value;
            }
            Op::Add => {
                let other = layer.from + layer.plus - end;
                let plus = ends.iter().position(|end| *end == other)?;
                let last = links.last_mut()?;
                if last.plus.is_some() {
                    return None;
                }
                last.plus = Some(plus);
                *ends.last_mut()? = value;
            }
            _ => return None,
        }
        end = value;
    }
    Some((links, moved))
}

fn link(spec: &ConvSpec, first: bool, from: usize, to: usize) -> Option<Link> {
    let [frames, kernel, columns] = spec.kernel;
    let plain = frames == 1 && columns == kernel && spec.stride[0] == 1 && spec.bias;
    let kind = match spec.groups {
        1 if first => Kind::Picture,
        1 => Kind::Point,
        groups if groups == spec.input => Kind::Depthwise,
        _ => return None,
    };
    plain.then(|| Link {
        kind,
        kernel,
        stride: spec.stride[1],
        before: spec.pads(from)[0],
        outputs: spec.output,
        size: [to; 2],
        limit: None,
        plus: None,
    })
}
