//! A small writer of ONNX graphs over tract's protobuf types.

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};

/// Builds a graph node by node; every value is named after its node.
#[derive(Default)]
pub(crate) struct Graph {
    proto: pb::GraphProto,
}

impl Graph {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            proto: pb::GraphProto {
                name: name.into(),
                ..Default::default()
            },
        }
    }

    pub(crate) fn input(&mut self, name: &str, shape: &[usize]) {
        self.proto.input.push(value_info(name, shape));
    }

    /// An input some of whose sides are free: those that are given by name.
    pub(crate) fn free_input(&mut self, name: &str, shape: &[dimension::Value]) {
        self.proto.input.push(free_value_info(name, shape));
    }

    pub(crate) fn free_output(&mut self, name: &str, shape: &[dimension::Value]) {
        self.proto.output.push(free_value_info(name, shape));
    }

    pub(crate) fn output(&mut self, name: &str, shape: &[usize]) {
        self.proto.output.push(value_info(name, shape));
    }

    pub(crate) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, shape, DataType::Float, raw);
    }

    pub(crate) fn bytes(&mut self, name: &str, shape: &[usize], values: &[i8]) {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, shape, DataType::Int8, raw);
    }

    pub(crate) fn integers(&mut self, name: &str, values: &[i64]) {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, &[values.len()], DataType::Int64, raw);
    }

    fn initializer(&mut self, name: &str, shape: &[usize], kind: DataType, raw_data: Vec<u8>) {
        self.proto.initializer.push(pb::TensorProto {
            name: name.into(),
            dims: dims(shape),
            data_type: kind as i32,
            raw_data,
            ..Default::default()
        });
    }

    /// Adds a node whose one output is called `output`, and returns that name.
    pub(crate) fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<pb::AttributeProto>,
    ) -> String {
        self.proto.node.push(pb::NodeProto {
            op_type: op.into(),
            name: output.into(),
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.into()],
            attribute: attributes,
            ..Default::default()
        });
        output.into()
    }

    /// Adds a node with several outputs.
    pub(crate) fn nodes(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<pb::AttributeProto>,
    ) {
        self.proto.node.push(pb::NodeProto {
            op_type: op.into(),
            name: outputs.first().copied().unwrap_or(op).into(),
            input: inputs.iter().map(ToString::to_string).collect(),
            output: outputs.iter().map(ToString::to_string).collect(),
            attribute: attributes,
            ..Default::default()
        });
    }

    pub(crate) fn into_model(self, producer_version: &str, opset: i64) -> pb::ModelProto {
        pb::ModelProto {
            ir_version: 8,
            opset_import: vec![pb::OperatorSetIdProto {
                domain: String::new(),
                version: opset,
            }],
            producer_name: "unmask-trainer".into(),
            producer_version: producer_version.into(),
            graph: Some(self.proto),
            ..Default::default()
        }
    }
}

/// An integer attribute.
pub(crate) fn int(name: &str, value: usize) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int as i32,
        i: value as i64,
        ..Default::default()
    }
}

/// A number.
pub(crate) fn float(name: &str, value: f32) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Float as i32,
        f: value,
        ..Default::default()
    }
}

/// A list of integers.
pub(crate) fn ints(name: &str, values: &[usize]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: dims(values),
        ..Default::default()
    }
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|side| *side as i64).collect()
}

/// A text.
pub(crate) fn text(name: &str, value: &str) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::String as i32,
        s: value.as_bytes().to_vec(),
        ..Default::default()
    }
}

fn value_info(name: &str, shape: &[usize]) -> pb::ValueInfoProto {
    let sides: Vec<_> = dims(shape)
        .into_iter()
        .map(dimension::Value::DimValue)
        .collect();
    free_value_info(name, &sides)
}

fn free_value_info(name: &str, shape: &[dimension::Value]) -> pb::ValueInfoProto {
    let dim = (shape.iter().cloned())
        .map(|side| Dimension {
            denotation: String::new(),
            value: Some(side),
        })
        .collect();
    let tensor = pb::type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim }),
    };
    let kind = pb::TypeProto {
        denotation: String::new(),
        value: Some(pb::type_proto::Value::TensorType(tensor)),
    };
    pb::ValueInfoProto {
        name: name.into(),
        r#type: Some(kind),
        doc_string: String::new(),
    }
}
