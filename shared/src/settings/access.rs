//! What lies within a node: the items of an array, the entries of a table, the
//! contents of a variant.

use std::collections::btree_map;
use std::slice;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::de::DeError;
use super::node::{Kind, Node, Value, join};
use super::reader::Reader;

/// A variant with contents, as a table of one key.
pub(super) struct Variant<'a> {
    name: &'a str,
    reader: Reader<'a>,
}

impl<'a> Reader<'a> {
    /// The variant that the newest layer names; what earlier layers said about
    /// others does not count.
    pub(super) fn variant(self) -> Result<Variant<'a>, DeError> {
        let entries = self.node.table().map(|table| &table.entries);
        let newest = entries
            .into_iter()
            .flatten()
            .max_by_key(|(_, node)| node.newest());
        let Some((name, node)) = newest else {
            return Err(DeError::wrong("an empty table names no variant".into()));
        };
        let rivals = entries.into_iter().flatten();
        if rivals
            .filter(|(_, rival)| rival.newest() == node.newest())
            .count()
            > 1
        {
            return Err(DeError::wrong("give one variant, not several".into()));
        }
        Ok(Variant {
            name,
            reader: self.child(join(&self.path, name), node),
        })
    }
}

impl<'de, 'a> de::EnumAccess<'de> for Variant<'a> {
    type Error = DeError;
    type Variant = Reader<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Reader<'a>), DeError> {
        let name = seed.deserialize(self.name.into_deserializer())?;
        Ok((name, self.reader))
    }
}

impl<'de> de::VariantAccess<'de> for Reader<'_> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        match self.node.table() {
            Some(table) if table.entries.is_empty() => Ok(()),
            _ => {
                Err(DeError::wrong("this variant has no contents".into()).at(&self.path, self.node))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DeError> {
        let (path, node) = (self.path.clone(), self.node);
        seed.deserialize(self)
            .map_err(|error| error.at(&path, node))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_struct("", fields, visitor)
    }
}

/// The items of an array.
pub(super) struct Items<'a> {
    pub(super) parent: Reader<'a>,
    pub(super) items: std::iter::Enumerate<slice::Iter<'a, Node>>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = DeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DeError> {
        let Some((index, node)) = self.items.next() else {
            return Ok(None);
        };
        let path = format!("{}[{index}]", self.parent.path);
        let value = seed.deserialize(self.parent.child(path.clone(), node));
        value.map(Some).map_err(|error| error.at(&path, node))
    }
}

/// The entries of a table.
pub(super) struct Entries<'a> {
    pub(super) parent: Reader<'a>,
    pub(super) entries: btree_map::Iter<'a, String, Node>,
    pub(super) value: Option<(String, &'a Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = DeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DeError> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        let path = join(&self.parent.path, key);
        self.value = Some((path.clone(), node));
        // A key is text that may stand for a number or a variant.
        let text = Node {
            value: Value::Loose(key.clone(), Some(Kind::Text)),
            ..*node
        };
        let value = seed.deserialize(self.parent.child(path.clone(), &text));
        value
            .map(Some)
            .map_err(|error| error.at(&self.parent.path, self.parent.node))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DeError> {
        let (path, node) = self
            .value
            .take()
            .ok_or_else(|| DeError::wrong("a key without a value".into()))?;
        let value = seed.deserialize(self.parent.child(path.clone(), node));
        value.map_err(|error| error.at(&path, node))
    }
}
