//! What a graph may contain before tract gets to see it.
//!
//! tract was written for graphs that somebody meant to run. A damaged or hostile
//! file can make it panic or compute for hours, so everything outside the small
//! set of operators that exported detectors consist of is refused first.

use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;

use super::EngineError;
use super::constants::check_constants;

/// Operators that an exported detector may use.
const OPERATORS: &[&str] = &[
    "Add",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "DequantizeLinear",
    "Div",
    "Flatten",
    "Gemm",
    "GlobalAveragePool",
    "Identity",
    "LeakyRelu",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "ReduceMean",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
];

/// Kinds of numbers that an exported detector may hold. tract panics on some of the others.
const NUMBERS: &[DataType] = &[
    DataType::Float,
    DataType::Uint8,
    DataType::Int8,
    DataType::Int32,
    DataType::Int64,
];

const NODES_MAX: usize = 4096;
const TENSORS_MAX: usize = 4096;
const DIMENSION_MAX: i64 = 65_536;
/// Most elements of a tensor, and of all that is computed from constants.
pub(super) const ELEMENTS_MAX: i64 = 1 << 26;
pub(super) const RANK_MAX: usize = 6;
const PAD_MAX: i64 = 64;

/// Refuses every graph that is larger or stranger than an exported detector, which may also use
/// the operators `more`.
pub(crate) fn inspect<'a>(
    model: &'a pb::ModelProto,
    more: &[&str],
) -> Result<&'a pb::GraphProto, EngineError> {
    let graph = model
        .graph
        .as_ref()
        .ok_or_else(|| refused("it holds no graph"))?;
    if !model.functions.is_empty() || !graph.sparse_initializer.is_empty() {
        return Err(refused("functions and sparse tensors are not supported"));
    }
    if graph.node.len() > NODES_MAX || graph.initializer.len() > TENSORS_MAX {
        return Err(refused("it has more than 4096 nodes or tensors"));
    }
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
    }
    for node in &graph.node {
        check_node(node, more)?;
    }
    check_constants(graph)?;
    Ok(graph)
}

fn check_node(node: &pb::NodeProto, more: &[&str]) -> Result<(), EngineError> {
    let known_domain = node.domain.is_empty() || node.domain == "ai.onnx";
    let operator = node.op_type.as_str();
    if !known_domain || !(OPERATORS.contains(&operator) || more.contains(&operator)) {
        return Err(refused(&format!(
            "operator {:.40} is not on the list",
            node.op_type
        )));
    }
    for attribute in &node.attribute {
        if attribute.g.is_some() || !attribute.graphs.is_empty() {
            return Err(refused("graphs inside nodes are not supported"));
        }
        if let Some(tensor) = &attribute.t {
            check_tensor(tensor)?;
        }
        let limit = if attribute.name == "pads" {
            PAD_MAX
        } else {
            DIMENSION_MAX
        };
        let mut values = attribute.ints.iter().chain(core::iter::once(&attribute.i));
        if values.any(|v| v.unsigned_abs() > limit.unsigned_abs()) {
            return Err(refused(&format!(
                "attribute {:.40} is out of range",
                attribute.name
            )));
        }
    }
    Ok(())
}

fn check_tensor(tensor: &pb::TensorProto) -> Result<(), EngineError> {
    if tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty() {
        return Err(refused("tensors in other files are not supported"));
    }
    if !NUMBERS.iter().any(|kind| *kind as i32 == tensor.data_type) {
        return Err(refused("a tensor holds another kind of numbers"));
    }
    if tensor.dims.len() > RANK_MAX {
        return Err(refused("a tensor has more than six dimensions"));
    }
    let mut elements = 1_i64;
    for &dimension in &tensor.dims {
        if !(0..=DIMENSION_MAX).contains(&dimension) {
            return Err(refused("a tensor dimension is out of range"));
        }
        elements = elements.saturating_mul(dimension);
    }
    if elements > ELEMENTS_MAX {
        return Err(refused("a tensor has more than 64 million elements"));
    }
    Ok(())
}

pub(super) fn refused(why: &str) -> EngineError {
    EngineError::Refused(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_node(node: pb::NodeProto) -> pb::ModelProto {
        let graph = pb::GraphProto {
            node: vec![node],
            ..Default::default()
        };
        pb::ModelProto {
            graph: Some(graph),
            ..Default::default()
        }
    }

    #[test]
    fn refuses_tensors_of_texts() {
        let mut graph = pb::GraphProto::default();
        for (kind, fits) in [(DataType::Int8, true), (DataType::String, false)] {
            graph.initializer = vec![pb::TensorProto {
                data_type: kind as i32,
                ..Default::default()
            }];
            let model = pb::ModelProto {
                graph: Some(graph.clone()),
                ..Default::default()
            };
            assert_eq!(inspect(&model, &[]).is_ok(), fits, "{kind:?}");
        }
    }

    #[test]
    fn refuses_loops_unknown_operators_and_absurd_pads() {
        let relu = pb::NodeProto {
            op_type: "Relu".into(),
            ..Default::default()
        };
        assert!(inspect(&with_node(relu), &[]).is_ok());

        let looping = pb::NodeProto {
            op_type: "Loop".into(),
            ..Default::default()
        };
        assert!(inspect(&with_node(looping.clone()), &[]).is_err());
        assert!(inspect(&with_node(looping), &["Loop"]).is_ok());

        let pads = pb::AttributeProto {
            name: "pads".into(),
            ints: vec![1 << 20],
            ..Default::default()
        };
        let conv = pb::NodeProto {
            op_type: "Conv".into(),
            attribute: vec![pads],
            ..Default::default()
        };
        assert!(inspect(&with_node(conv), &[]).is_err());
    }

    #[test]
    fn refuses_tensors_that_live_in_other_files_or_are_too_large() {
        let graph = |tensor| pb::ModelProto {
            graph: Some(pb::GraphProto {
                initializer: vec![tensor],
                ..Default::default()
            }),
            ..Default::default()
        };
        let outside = pb::TensorProto {
            data_location: Some(1),
            ..Default::default()
        };
        assert!(inspect(&graph(outside), &[]).is_err());
        let huge = pb::TensorProto {
            dims: vec![60_000, 60_000],
            ..Default::default()
        };
        assert!(inspect(&graph(huge), &[]).is_err());
        let negative = pb::TensorProto {
            dims: vec![-1],
            ..Default::default()
        };
        assert!(inspect(&graph(negative), &[]).is_err());
    }
}
