//! Reads a tree as serde asks for it.

use std::cell::RefCell;
use std::str::FromStr;

use serde::de::{self, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Entries, Items};
use super::de::{DeError, Problem, Schema};
use super::node::{Kind, Node, Value};

/// Reads one node.
pub(super) struct Reader<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
    schema: &'a RefCell<Schema>,
    /// Below a table whose type is not known yet.
    untyped: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(node: &'a Node, schema: &'a RefCell<Schema>) -> Self {
        Self {
            node,
            path: String::new(),
            schema,
            untyped: false,
        }
    }

    pub(super) fn child(&self, path: String, node: &'a Node) -> Self {
        Self {
            node,
            path,
            schema: self.schema,
            untyped: self.untyped,
        }
    }

    /// Text that becomes whatever is asked for.
    fn loose(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Loose(text, _) => Some(text.trim()),
            _ => None,
        }
    }

    /// Lets `visitor` see the node as what it is.
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let (path, node) = (self.path.clone(), self.node);
        let seen = match &node.value {
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Integer(number) => visit_whole(visitor, *number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_str(text),
            Value::Loose(text, kind) => self.guess(text, *kind, visitor),
            Value::Array(items) => visitor.visit_seq(Items {
                parent: self,
                items: items.iter().enumerate(),
            }),
            Value::Table(table) => visitor.visit_map(Entries {
                parent: self,
                entries: table.entries.iter(),
                value: None,
            }),
        };
        seen.map_err(|error| error.at(&path, node))
    }

    /// Reads loose text as the type of what it replaced, else as TOML, else as
    /// text.
    fn guess<'de, V: Visitor<'de>>(
        &self,
        text: &str,
        kind: Option<Kind>,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match kind {
            Some(Kind::Bool) => visitor.visit_bool(parsed(text, &"true or false")?),
            Some(Kind::Integer) => visit_whole(visitor, parsed(text, &"a whole number")?),
            Some(Kind::Float) => visitor.visit_f64(parsed(text, &"a number")?),
            Some(Kind::Text) => visitor.visit_str(text),
            Some(Kind::Other) | None => match Node::parse_value(text, self.node.layer) {
                Some(node) => self.child(self.path.clone(), &node).visit(visitor),
                None => visitor.visit_str(text),
            },
        }
    }

    /// Reads loose text as a number or a truth value, all else as what it is.
    fn scalar<'de, T, V>(
        self,
        visitor: V,
        give: impl FnOnce(V, T) -> Result<V::Value, DeError>,
    ) -> Result<V::Value, DeError>
    where
        T: FromStr,
        V: Visitor<'de>,
    {
        let Some(text) = self.loose() else {
            return self.visit(visitor);
        };
        parsed(text, &visitor)
            .and_then(|value| give(visitor, value))
            .map_err(|error| error.at(&self.path, self.node))
    }

    /// Reads loose text as the TOML that it must be, such as an inline table.
    fn structured<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self
            .loose()
            .map(|text| Node::parse_value(text, self.node.layer))
        {
            Some(Some(node)) => self.child(self.path.clone(), &node).visit(visitor),
            _ => self.visit(visitor),
        }
    }

    /// Refuses keys that are no field.
    fn check_fields(&self, fields: &'static [&'static str]) -> Result<(), DeError> {
        self.schema
            .borrow_mut()
            .fields
            .insert(self.path.clone(), fields);
        let entries = self.node.table().map(|table| &table.entries);
        match entries.and_then(|entries| entries.keys().find(|key| !fields.contains(&key.as_str())))
        {
            None => Ok(()),
            Some(key) => {
                let error: DeError = de::Error::unknown_field(key, fields);
                Err(error.at(&self.path, self.node))
            }
        }
    }
}

/// Numbers and truth values: the method, and the type that text must have.
macro_rules! scalars {
    ($($method:ident $kind:ty => $give:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            self.scalar::<$kind, V>(visitor, $give)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DeError> {
        if self.node.table().is_some() && !self.untyped {
            self.schema.borrow_mut().tagged.insert(self.path.clone());
        }
        self.untyped = true;
        self.visit(visitor)
    }

    scalars! {
        deserialize_bool bool => Visitor::visit_bool;
        deserialize_i8 i128 => visit_whole;
        deserialize_i16 i128 => visit_whole;
        deserialize_i32 i128 => visit_whole;
        deserialize_i64 i128 => visit_whole;
        deserialize_i128 i128 => visit_whole;
        deserialize_u8 i128 => visit_whole;
        deserialize_u16 i128 => visit_whole;
        deserialize_u32 i128 => visit_whole;
        deserialize_u64 i128 => visit_whole;
        deserialize_u128 i128 => visit_whole;
        deserialize_f32 f32 => Visitor::visit_f32;
        deserialize_f64 f64 => Visitor::visit_f64;
        deserialize_char char => Visitor::visit_char;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match &self.node.value {
            Value::Loose(text, _) => visitor
                .visit_str(text)
                .map_err(|error: DeError| error.at(&self.path, self.node)),
            _ => self.visit(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    /// Empty loose text takes an optional value away.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.loose() {
            Some("") => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let (path, node) = (self.path.clone(), self.node);
        let value = visitor.visit_newtype_struct(self);
        value.map_err(|error| error.at(&path, node))
    }

    /// Loose text is an array in TOML, or its items with commas between them.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let text = match self.loose() {
            None => return self.visit(visitor),
            Some(text) if text.starts_with('[') => return self.structured(visitor),
            Some(text) => text,
        };
        let items = text.split(',').filter(|_| !text.is_empty());
        let items = items.map(|item| Node::loose(item.trim(), self.node.layer));
        let node = Node {
            value: Value::Array(items.collect()),
            ..*self.node
        };
        self.child(self.path.clone(), &node).visit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.structured(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.check_fields(fields)?;
        self.structured(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let (path, node) = (self.path.clone(), self.node);
        let value = match &node.value {
            Value::Text(text) | Value::Loose(text, _) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Value::Table(_) => self
                .variant()
                .and_then(|variant| visitor.visit_enum(variant)),
            _ => self.visit(visitor),
        };
        value.map_err(|error| error.at(&path, node))
    }

    /// Serde asks for this where nobody reads the value.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, DeError> {
        let unknown = DeError {
            problem: Problem::Unknown(String::new(), Vec::new()),
            key: Some(self.path),
            place: (self.node.newest(), self.node.line),
        };
        Err(unknown)
    }

    forward_to_deserialize_any! { bytes byte_buf unit unit_struct }
}

fn parsed<T: FromStr>(text: &str, expected: &dyn de::Expected) -> Result<T, DeError> {
    let text = text.trim();
    let wrong = |_| de::Error::invalid_value(Unexpected::Str(text), expected);
    text.parse().map_err(wrong)
}

fn visit_whole<'de, V: Visitor<'de>>(visitor: V, number: i128) -> Result<V::Value, DeError> {
    if let Ok(number) = i64::try_from(number) {
        visitor.visit_i64(number)
    } else if let Ok(number) = u64::try_from(number) {
        visitor.visit_u64(number)
    } else {
        visitor.visit_i128(number)
    }
}
