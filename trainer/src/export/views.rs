//! What is done to pictures inside the graph: their light, and their mirror images.

use super::graph::{Graph, int, ints};
use crate::network::{LUMINANCE_MEAN, LUMINANCE_SHARES, LUMINANCE_STD, LUMINANCE_TINY};

/// Mean over axes, which are left out of the result unless they are kept as one.
pub(super) fn mean(graph: &mut Graph, x: &str, axes: &[usize], keep: bool, output: &str) -> String {
    let attributes = vec![ints("axes", axes), int("keepdims", usize::from(keep))];
    graph.node("ReduceMean", &[x], output, attributes)
}

/// See [`crate::network::Op::Luminance`].
///
/// # Shapes
/// - `x`: `[n, 3, ..]` of the given rank, as the output
pub(super) fn luminance(
    graph: &mut Graph,
    name: &impl Fn(&str) -> String,
    x: &str,
    rank: usize,
) -> String {
    let shape: Vec<usize> = [1, 3].into_iter().chain(vec![1; rank - 2]).collect();
    for (part, number) in [
        ("tiny", LUMINANCE_TINY),
        ("std", LUMINANCE_STD),
        ("mean", LUMINANCE_MEAN),
    ] {
        graph.floats(&name(part), &vec![1; rank], &[number]);
    }
    graph.floats(&name("shares"), &shape, &LUMINANCE_SHARES);
    let window = vec![ints("kernel_shape", &shape[2..])];
    let light = graph.node("Conv", &[x, &name("shares")], &name("light"), window);
    let places = [rank - 2, rank - 1];
    let middle = mean(graph, &light, &places, true, &name("middle"));
    let off = graph.node("Sub", &[&light, &middle], &name("off"), vec![]);
    let squares = graph.node("Mul", &[&off, &off], &name("squares"), vec![]);
    let variance = mean(graph, &squares, &places, true, &name("variance"));
    let mut step = |op: &str, a: &str, b: &str, out: &str| {
        let inputs = [a, b];
        let inputs = if b.is_empty() { &inputs[..1] } else { &inputs };
        graph.node(op, inputs, &name(out), vec![])
    };
    let positive = step("Add", &variance, &name("tiny"), "positive");
    let spread = step("Sqrt", &positive, "", "spread");
    let centred = step("Sub", x, &middle, "centred");
    let even = step("Div", &centred, &spread, "even");
    let scaled = step("Mul", &even, &name("std"), "scaled");
    step("Add", &scaled, &name("mean"), "out")
}

/// A batch of the picture and its mirror image.
pub(super) fn mirrored(graph: &mut Graph, image: &str, rank: usize, side: usize) -> String {
    let flipped = flip(graph, image, rank - 1, side, "views.mirrored");
    let views = [image, &flipped];
    graph.node("Concat", &views, "views", vec![int("axis", 0)])
}

/// Mean of the maps of both, `[2, 1, side, side]`, where places agree.
pub(super) fn merged(graph: &mut Graph, maps: &str, side: usize, output: &str) {
    graph.integers("views.axis", &[0]);
    for (at, view) in ["views.plain", "views.flipped"].into_iter().enumerate() {
        let [from, to] = [format!("{view}.from"), format!("{view}.to")];
        graph.integers(&from, &[at as i64]);
        graph.integers(&to, &[at as i64 + 1]);
        let inputs = [maps, &from, &to, "views.axis"];
        graph.node("Slice", &inputs, view, vec![]);
    }
    let back = flip(graph, "views.flipped", 3, side, "views.back");
    graph.floats("views.half", &[1], &[0.5]);
    graph.node("Add", &["views.plain", &back], "views.sum", vec![]);
    graph.node("Mul", &["views.sum", "views.half"], output, vec![]);
}

/// Turns an axis of so many places round.
fn flip(graph: &mut Graph, x: &str, axis: usize, places: usize, output: &str) -> String {
    let name = |part: &str| format!("{output}.{part}");
    for (part, number) in [
        ("from", -1),
        ("to", -(places as i64) - 1),
        ("axis", axis as i64),
        ("step", -1),
    ] {
        graph.integers(&name(part), &[number]);
    }
    let inputs = [x, &name("from"), &name("to"), &name("axis"), &name("step")];
    graph.node("Slice", &inputs, output, vec![])
}
