//! Counts what a network file holds before anything of it is decoded.
//!
//! A decoder makes a structure of every message that it meets, of an empty one of two
//! bytes as well: a file of some megabytes could fill the memory. So the fields are
//! counted first, along those of ONNX that hold others. Where a field holds what no
//! exported detector has, such as a graph within a node, the file is refused.

use super::EngineError;
use super::inspect::refused;

/// Most fields of a file.
const FIELDS_MAX: u32 = 1 << 18;
/// Most bytes of whole numbers that are spelled in a varying number of bytes: each byte
/// may become a number of eight.
const VARINT_BYTES_MAX: usize = 4 << 20;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Shape,
    /// Holds nothing but numbers and text.
    Leaf,
}

/// What a field with a length is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Message(Kind),
    /// Whole numbers one behind the other.
    Varints,
    /// Text, bytes, or numbers of fixed width.
    Plain,
    /// What no exported detector has.
    Foreign,
}

impl Kind {
    /// Numbers are those of onnx.proto, version 1.18.
    fn field(self, number: u64) -> Field {
        match (self, number) {
            (Self::Model, 7) => Field::Message(Self::Graph),
            (Self::Model, 8 | 14) => Field::Message(Self::Leaf),
            (Self::Graph, 1) => Field::Message(Self::Node),
            (Self::Graph, 5) => Field::Message(Self::Tensor),
            (Self::Graph, 11..=13) => Field::Message(Self::Value),
            (Self::Node, 5) => Field::Message(Self::Attribute),
            (Self::Attribute, 5) => Field::Message(Self::Tensor),
            (Self::Value, 2) => Field::Message(Self::Type),
            (Self::Type, 1) => Field::Message(Self::TensorType),
            (Self::TensorType, 2) => Field::Message(Self::Shape),
            (Self::Shape, 1) => Field::Message(Self::Leaf),
            // Training and functions; sparse tensors and quantisation; graphs and lists
            // of messages in attributes; tensors in parts and in other files.
            (Self::Model, 20 | 25)
            | (Self::Graph, 14 | 15)
            | (Self::Attribute, 6 | 10 | 11 | 15 | 22 | 23)
            | (Self::Tensor, 3 | 13) => Field::Foreign,
            (Self::Attribute, 8) | (Self::Tensor, 1 | 5 | 7 | 11) => Field::Varints,
            _ => Field::Plain,
        }
    }
}

/// Refuses files with more fields than any exported detector has.
///
/// # Errors
/// Also for files that are no protobuf.
pub(super) fn walk(file: &[u8]) -> Result<(), EngineError> {
    let mut counts = Counts::default();
    counts.message(Kind::Model, file)
}

#[derive(Default)]
struct Counts {
    fields: u32,
    varint_bytes: usize,
}

impl Counts {
    /// Goes at most as deep as kinds hold each other.
    fn message(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), EngineError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.fields += 1;
            if self.fields > FIELDS_MAX {
                return Err(refused("it has more parts than any detector"));
            }
            let tag = varint(&mut rest)?;
            match tag & 7 {
                0 => drop(varint(&mut rest)?),
                1 => drop(take(&mut rest, 8)?),
                5 => drop(take(&mut rest, 4)?),
                2 => {
                    let length = varint(&mut rest)?;
                    let length = usize::try_from(length).map_err(|_| no_onnx())?;
                    let inside = take(&mut rest, length)?;
                    self.field(kind.field(tag >> 3), inside)?;
                }
                _ => return Err(no_onnx()),
            }
        }
        Ok(())
    }

    fn field(&mut self, field: Field, inside: &[u8]) -> Result<(), EngineError> {
        match field {
            Field::Message(kind) => self.message(kind, inside),
            Field::Plain => Ok(()),
            Field::Foreign => Err(refused(
                "functions, inner graphs, sparse tensors and tensors in other files are not supported",
            )),
            Field::Varints => {
                self.varint_bytes = self.varint_bytes.saturating_add(inside.len());
                match self.varint_bytes > VARINT_BYTES_MAX {
                    true => Err(refused("it has more whole numbers than any detector")),
                    false => Ok(()),
                }
            }
        }
    }
}

fn no_onnx() -> EngineError {
    refused("it is not an ONNX file")
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], EngineError> {
    let (taken, after) = rest.split_at_checked(length).ok_or_else(no_onnx)?;
    *rest = after;
    Ok(taken)
}

/// A number of 7 bits per byte, the lowest first.
fn varint(rest: &mut &[u8]) -> Result<u64, EngineError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or_else(no_onnx)?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(no_onnx())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with a length.
    fn field(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut length = inside.len();
        while length > 0x7f {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(inside);
        bytes
    }

    #[test]
    fn a_released_network_has_few_parts() {
        let mut counts = Counts::default();
        let file = include_bytes!("../../../models/afsl-stream-m/model.onnx");
        counts.message(Kind::Model, file).unwrap();
        assert!((500..20_000).contains(&counts.fields), "{}", counts.fields);
        assert!(counts.varint_bytes < 20_000, "{}", counts.varint_bytes);
    }

    #[test]
    fn many_empty_parts_are_refused_wherever_they_are() {
        let many = [0x0a, 0].repeat(FIELDS_MAX as usize + 1);
        let nodes = field(7, &many);
        let inputs = field(7, &field(1, &many));
        let attributes = [0x2a, 0].repeat(FIELDS_MAX as usize + 1);
        let attributes = field(7, &field(1, &attributes));
        for file in [many, nodes, inputs, attributes] {
            let error = walk(&file).unwrap_err().to_string();
            assert!(error.contains("more parts"), "{error}");
        }
    }

    #[test]
    fn whole_numbers_that_would_grow_are_bounded() {
        let numbers = vec![1; VARINT_BYTES_MAX + 1];
        let tensor = |number| field(7, &field(5, &field(number, &numbers)));
        for number in [1, 5, 7, 11] {
            let error = walk(&tensor(number)).unwrap_err().to_string();
            assert!(error.contains("whole numbers"), "{error}");
        }
        assert!(walk(&tensor(9)).is_ok());
    }

    #[test]
    fn graphs_in_nodes_and_cut_files_are_refused() {
        let inner = field(7, &field(1, &field(5, &field(6, &[]))));
        assert!(walk(&inner).is_err());
        let whole = field(7, &field(1, &field(4, b"Relu")));
        assert!(walk(&whole).is_ok());
        for end in 1..whole.len() {
            assert!(walk(&whole[..end]).is_err(), "{end}");
        }
        // A number of more than 64 bits, and a group.
        assert!(walk(&[0x08; 1]).is_err());
        assert!(walk(&[[0x08].as_slice(), &[0xff; 10], &[1]].concat()).is_err());
        assert!(walk(&[0x0b]).is_err());
    }
}
