//! A small writer of ONNX graphs over tract's protobuf types.

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};

/// Builds a graph node by node; every value is named after its node.
#[derive(Default)]
pub(super) struct Graph {
    proto: pb::GraphProto,
}

impl Graph {
    pub(super) fn new(name: &str) -> Self {
        Self {
            proto: pb::GraphProto {
                name: name.into(),
                ..Default::default()
            },
        }
    }

    pub(super) fn input(&mut self, name: &str, shape: &[usize]) {
        self.proto.input.push(value_info(name, shape));
    }

    pub(super) fn output(&mut self, name: &str, shape: &[usize]) {
        self.proto.output.push(value_info(name, shape));
    }

    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, shape, DataType::Float, raw);
    }

    pub(super) fn bytes(&mut self, name: &str, shape: &[usize], values: &[i8]) {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, shape, DataType::Int8, raw);
    }

    pub(super) fn integers(&mut self, name: &str, values: &[i64]) {
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
    pub(super) fn node(
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

    pub(super) fn into_model(self, producer_version: &str, opset: i64) -> pb::ModelProto {
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
pub(super) fn int(name: &str, value: usize) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int as i32,
        i: value as i64,
        ..Default::default()
    }
}

/// A number.
pub(super) fn float(name: &str, value: f32) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Float as i32,
        f: value,
        ..Default::default()
    }
}

/// A list of integers.
pub(super) fn ints(name: &str, values: &[usize]) -> pb::AttributeProto {
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

fn value_info(name: &str, shape: &[usize]) -> pb::ValueInfoProto {
    let dim = dims(shape)
        .into_iter()
        .map(|side| Dimension {
            denotation: String::new(),
            value: Some(dimension::Value::DimValue(side)),
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
