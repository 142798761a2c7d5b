//! The network on the `flex` device: whole blocks as single nodes of the autodiff graph,
//! computed by [`unmask_kernel`]. Other devices go the way of single tensor operations.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::nn::BatchNorm;
use burn::tensor::{DType, Tensor, TensorData};

use super::fused::FusedConv;
use unmask_kernel::{
    Block, BlockWeights, Branch, Folded, FoldedConv, Forward, Masks, Reached, Statistics, give,
};

/// A tensor of the device.
pub(super) type Numbers = FloatTensor<Flex>;
/// The same on the autodiff graph.
pub(super) type OnGraph = FloatTensor<Autodiff<Flex>>;

pub(super) fn on_graph<const D: usize>(tensor: &Tensor<D>) -> Option<OnGraph> {
    let single = tensor.dtype() == DType::F32;
    let found = || tensor.clone().try_into_primitive::<Autodiff<Flex>>().ok();
    single.then(found).flatten()
}

pub(super) fn off_graph<const D: usize>(tensor: Tensor<D>) -> Option<Numbers> {
    let single = tensor.dtype() == DType::F32;
    let found = || tensor.try_into_primitive::<Flex>().ok();
    single.then(found).flatten().map(|t| t.to_contiguous())
}

/// The numbers of a contiguous tensor.
pub(super) fn slice(tensor: &Numbers) -> &[f32] {
    tensor.as_slice::<f32>().unwrap_or(&[])
}

pub(super) fn numbers<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Numbers {
    Numbers::from_data(TensorData::new(values, shape))
}

/// Weights of the 6x6 stem as those of a 3x3 convolution of shuffled pictures.
///
/// # Shapes
/// - `weight`: `[outputs, 3, 6, 6]`, output: `[outputs, 12, 3, 3]`
pub(crate) fn shuffled_stem(weight: Tensor<4>) -> Tensor<4> {
    let [outputs, colours, _, _] = weight.dims();
    weight
        .reshape([outputs, colours, 3, 2, 3, 2])
        .permute([0, 1, 3, 5, 2, 4])
        .reshape([outputs, colours * 4, 3, 3])
}

/// One branch of a block: its kernel `[outputs, inputs, k, k]` and its normalisation.
pub(crate) type BranchModules<'a> = (Tensor<4>, &'a BatchNorm);

/// Runs a block in training; updates the running statistics. `None` where a tensor is not
/// on the autodiff graph of this device.
///
/// # Shapes
/// - `input`: `[images, height, width, channels]` or, if the block reads pictures,
///   `[images, 3, 2 height, 2 width]`
/// - output: `[images, height / stride, width / stride, outputs]`
pub(crate) fn train_block(
    block: Block,
    input: &Tensor<4>,
    wide: &BranchModules<'_>,
    point: Option<&BranchModules<'_>>,
) -> Option<Tensor<4>> {
    let mut parents = vec![on_graph(input)?];
    for (weight, norm) in [Some(wide), point].into_iter().flatten() {
        parents.push(on_graph(weight)?);
        parents.push(on_graph(&norm.gamma.val())?);
        parents.push(on_graph(&norm.beta.val())?);
    }
    let (output, forward) = match <[OnGraph; 7]>::try_from(parents) {
        Ok(seven) => run(block, seven),
        Err(four) => run(block, <[OnGraph; 4]>::try_from(four).ok()?),
    };
    update(wide.1, &forward.wide_statistics);
    if let (Some((_, norm)), Some(found)) = (point, &forward.point_statistics) {
        update(norm, found);
    }
    Some(Tensor::from_primitive::<Autodiff<Flex>>(output))
}

/// Moves the running statistics towards those of a batch.
fn update(norm: &BatchNorm, found: &Statistics) {
    let blend = |old: Tensor<1>, new: &[f32]| {
        let new = Tensor::<1>::from_floats(new, &old.device());
        (old * (1.0 - norm.momentum) + new * norm.momentum).detach()
    };
    let mean = blend(norm.running_mean.value_sync(), &found.mean);
    norm.running_mean.update(mean);
    let variance = blend(norm.running_var.value_sync(), &found.variance);
    norm.running_var.update(variance);
}

/// What a block reads.
#[derive(Debug)]
struct Read {
    block: Block,
    input: Numbers,
    /// Weight, gamma and beta of each branch.
    weights: Vec<Numbers>,
}

/// What its backward pass needs.
#[derive(Debug)]
struct Saved {
    read: Read,
    output: Numbers,
    forward: Arc<Forward>,
}

impl Drop for Saved {
    fn drop(&mut self) {
        // What nobody else holds serves again in the next step.
        let nothing = || numbers(Vec::new(), [0]);
        recycle(std::mem::replace(&mut self.read.input, nothing()));
        recycle(std::mem::replace(&mut self.output, nothing()));
    }
}

fn recycle(tensor: Numbers) {
    if tensor.is_unique()
        && let Ok(buffer) = tensor.into_data().try_into_vec::<f32>()
    {
        give(buffer);
    }
}

impl Read {
    fn weights(&self) -> BlockWeights<'_> {
        let branch = |at: usize| Branch {
            weight: slice(&self.weights[at]),
            gamma: slice(&self.weights[at + 1]),
            beta: slice(&self.weights[at + 2]),
        };
        BlockWeights {
            wide: branch(0),
            point: (self.weights.len() > 3).then(|| branch(3)),
        }
    }
}

/// Runs a block whose first parent is its input and the others are its weights.
fn run<const N: usize>(block: Block, parents: [OnGraph; N]) -> (OnGraph, Arc<Forward>) {
    let guards = parents.each_ref().map(OnGraph::node);
    let mut all = parents.map(|p| p.into_primitive().to_contiguous()).to_vec();
    let weights = all.split_off(1);
    let read = Read {
        block,
        input: all.swap_remove(0),
        weights,
    };
    let (output, forward) = read.block.forward(slice(&read.input), &read.weights());
    let map = read.block.output();
    let images = output.len() / map.len();
    let output = numbers(output, [images, map.height, map.width, map.channels]);
    let forward = Arc::new(forward);
    let step = TrainBlock.prepare::<NoCheckpointing>(guards);
    let node = match step.compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let saved = Saved {
                read,
                output: output.clone(),
                forward: forward.clone(),
            };
            prep.finish(Arc::new(saved), output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    (node, forward)
}

#[derive(Debug)]
struct TrainBlock;

impl<const N: usize> Backward<Flex, N> for TrainBlock {
    type State = Arc<Saved>;

    fn backward(
        self,
        ops: Ops<Arc<Saved>, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let slope = grads.consume::<Flex>(&ops.node).to_contiguous();
        let Saved {
            read,
            output,
            forward,
        } = &*ops.state;
        let reached = Reached {
            input: slice(&read.input),
            kept: forward,
            output: slice(output),
            slope: slice(&slope),
        };
        let wants_input = ops.parents[0].is_some();
        let found = read.block.backward(&reached, &read.weights(), wants_input);
        recycle(slope);
        let branches = [Some(found.wide), found.point].into_iter().flatten();
        let weights = branches.flat_map(|b| [b.weight, b.gamma, b.beta]);
        let gradients = [found.input].into_iter().chain(weights);
        let shapes = [&read.input].into_iter().chain(&read.weights);
        for ((parent, gradient), like) in ops.parents.into_iter().zip(gradients).zip(shapes) {
            if let Some(parent) = parent {
                let shape = like.layout().shape().clone();
                let gradient = Numbers::from_data(TensorData::new(gradient, shape));
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// Mean of the last map of a folded network for each picture, on the autodiff graph if the
/// pictures are. `None` on another device, or for shapes that the kernels do not know.
///
/// # Shapes
/// - `pictures`: `[clips * frames, 3, side, side]` in [0, 1]
/// - output: `[clips * frames, features]`
pub(super) fn pooled_features(
    convs: &[FusedConv],
    pictures: &Tensor<4>,
    frames: usize,
) -> Option<Tensor<2>> {
    let [count, _, side, width] = pictures.dims();
    let halvings = convs.iter().filter(|conv| conv.stride == 2).count();
    let known =
        |conv: &FusedConv| conv.bias.dims()[0].is_multiple_of(16) && conv.past.is_multiple_of(16);
    let even = side == width && side.is_multiple_of(1 << halvings);
    if !even || !convs.iter().all(known) || count == 0 {
        return None;
    }
    let graph = on_graph(pictures);
    let plain = off_graph(pictures.clone().inner())?;
    let folded = fold(convs, side, frames, graph.is_some())?;
    let (pooled, masks) = folded.forward(slice(&plain), graph.is_some());
    let pooled = numbers(pooled, [count, folded.features()]);
    let Some(graph) = graph else {
        return Some(Tensor::from_primitive::<Flex>(pooled));
    };
    let step = FrozenNet.prepare::<NoCheckpointing>([graph.node()]);
    let node = match step.compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(Arc::new((folded, masks)), pooled),
        OpsKind::UnTracked(prep) => prep.finish(pooled),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(node))
}

fn fold(convs: &[FusedConv], side: usize, frames: usize, differentiable: bool) -> Option<Folded> {
    let mut tensors = Vec::with_capacity(convs.len());
    for (index, conv) in convs.iter().enumerate() {
        let weight = conv.weight.clone().inner();
        let weight = if index == 0 {
            shuffled_stem(weight)
        } else {
            weight
        };
        tensors.push((off_graph(weight)?, off_graph(conv.bias.clone().inner())?));
    }
    let layers: Vec<FoldedConv<'_>> = convs
        .iter()
        .zip(&tensors)
        .enumerate()
        .map(|(index, (conv, (weight, bias)))| FoldedConv {
            weight: slice(weight),
            bias: slice(bias),
            stride: if index == 0 { 1 } else { conv.stride },
            past: conv.past,
        })
        .collect();
    Some(Folded::new(&layers, side, frames, differentiable))
}

#[derive(Debug)]
struct FrozenNet;

impl Backward<Flex, 1> for FrozenNet {
    type State = Arc<(Folded, Masks)>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let slope = grads.consume::<Flex>(&ops.node).to_contiguous();
        let (folded, masks) = &*ops.state;
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let (gradient, shape) = folded.backward(masks, slice(&slope));
            grads.register::<Flex>(parent.id, numbers(gradient, shape));
        }
    }
}
