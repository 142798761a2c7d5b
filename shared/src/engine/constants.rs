//! What tract computes while it loads a graph.
//!
//! Everything that follows from constants alone is computed then. Two constants of some
//! kilobytes have a product of gigabytes, and a constant that is joined to itself thirty
//! times does not fit into any memory. So the size of all that follows from constants is
//! bounded before.

use std::collections::HashMap;

use tract_onnx::pb;

use super::EngineError;
use super::inspect::{ELEMENTS_MAX, RANK_MAX, refused};

/// Refuses graphs whose constants grow beyond those of exported detectors, and graphs
/// whose nodes are not in the order in which they are computed.
pub(super) fn check_constants(graph: &pb::GraphProto) -> Result<(), EngineError> {
    // Most elements of each value, where it follows from constants; else `None`.
    let mut known: HashMap<&str, Option<u64>> = HashMap::new();
    for input in &graph.input {
        known.insert(&input.name, None);
    }
    for tensor in &graph.initializer {
        known.insert(&tensor.name, Some(volume(tensor)));
    }
    let mut total = 0_u64;
    for node in &graph.node {
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            let size = known.get(name.as_str());
            inputs.push(*size.ok_or_else(|| refused("its nodes are not in order"))?);
        }
        // A shape is known before its tensor is.
        if node.op_type == "Shape" {
            inputs = vec![Some(RANK_MAX as u64)];
        }
        let constant: Option<Vec<u64>> = inputs.into_iter().collect();
        let size = constant.map(|sizes| grown(node, &sizes)).transpose()?;
        for output in &node.output {
            total = total.saturating_add(size.unwrap_or(0));
            known.insert(output, size);
        }
        if total > ELEMENTS_MAX.unsigned_abs() {
            return Err(refused("its constants grow beyond those of a detector"));
        }
    }
    Ok(())
}

/// Most elements that a node makes of constants with so many.
fn grown(node: &pb::NodeProto, sizes: &[u64]) -> Result<u64, EngineError> {
    let first = sizes.first().copied().unwrap_or(0);
    Ok(match node.op_type.as_str() {
        "Constant" => node.attribute.iter().map(attribute_volume).sum(),
        "Concat" => sizes.iter().fold(0, |sum, size| sum.saturating_add(*size)),
        "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" | "Clip" | "MatMul" | "Gemm" | "Gather" => {
            let sizes = sizes.iter().map(|size| (*size).max(1));
            sizes.fold(1, u64::saturating_mul)
        }
        "Conv" | "MaxPool" | "Resize" => return Err(refused("it filters a constant")),
        _ => first,
    })
}

fn volume(tensor: &pb::TensorProto) -> u64 {
    let sides = tensor.dims.iter().map(|side| side.unsigned_abs());
    sides.fold(1, u64::saturating_mul)
}

fn attribute_volume(attribute: &pb::AttributeProto) -> u64 {
    let tensor = attribute.t.as_ref().map_or(1, volume);
    let lists = attribute.floats.len() + attribute.ints.len() + attribute.strings.len();
    tensor.saturating_add(lists as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(name: &str, dims: &[i64]) -> pb::TensorProto {
        pb::TensorProto {
            name: name.into(),
            dims: dims.into(),
            ..Default::default()
        }
    }

    fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
        pb::NodeProto {
            op_type: op.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            ..Default::default()
        }
    }

    fn check(initializer: Vec<pb::TensorProto>, node: Vec<pb::NodeProto>) -> Result<(), String> {
        let input = pb::ValueInfoProto {
            name: "image".into(),
            ..Default::default()
        };
        let graph = pb::GraphProto {
            input: vec![input],
            initializer,
            node,
            ..Default::default()
        };
        check_constants(&graph).map_err(|error| error.to_string())
    }

    #[test]
    fn products_of_constants_are_bounded() {
        let both = || vec![constant("a", &[65_536, 1]), constant("b", &[1, 65_536])];
        for op in ["Add", "Mul", "MatMul", "Gemm", "Max", "Clip"] {
            let refused = check(both(), vec![node(op, &["a", "b"], "c")]);
            assert!(refused.unwrap_err().contains("grow"), "{op}");
            let fine = check(both(), vec![node(op, &["image", "b"], "c")]);
            assert_eq!(fine, Ok(()));
        }
    }

    #[test]
    fn a_constant_joined_to_itself_again_and_again_is_refused() {
        let names: Vec<String> = (0..40).map(|at| format!("x{at}")).collect();
        let doubled = names
            .windows(2)
            .map(|pair| node("Concat", &[&pair[0], &pair[0]], &pair[1]));
        let refused = check(vec![constant("x0", &[4])], doubled.collect());
        assert!(refused.unwrap_err().contains("grow"));
    }

    #[test]
    fn what_follows_from_a_shape_is_bounded_too() {
        let mut nodes = vec![node("Shape", &["image"], "x0")];
        let names: Vec<String> = (0..40).map(|at| format!("x{at}")).collect();
        let doubled = names
            .windows(2)
            .map(|pair| node("Concat", &[&pair[0], &pair[0]], &pair[1]));
        nodes.extend(doubled);
        assert!(check(Vec::new(), nodes).unwrap_err().contains("grow"));
        let resized = vec![node("Shape", &["image"], "a"), node("Resize", &["a"], "b")];
        assert!(check(Vec::new(), resized).unwrap_err().contains("constant"));
    }

    #[test]
    fn nodes_out_of_order_are_refused() {
        let nodes = vec![node("Relu", &["a"], "b"), node("Relu", &["image"], "a")];
        assert!(check(Vec::new(), nodes).unwrap_err().contains("order"));
        let circle = vec![node("Relu", &["a"], "a")];
        assert!(check(Vec::new(), circle).is_err());
        let optional = vec![node("Relu", &["image", ""], "a")];
        assert_eq!(check(Vec::new(), optional), Ok(()));
    }
}
