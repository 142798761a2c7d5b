//! Who must stay together because one appears in a fake of the other.

use std::collections::BTreeMap;

/// Sets of names, joined two by two (union-find).
#[derive(Default)]
pub(in crate::dataset) struct Persons {
    parent: BTreeMap<String, String>,
}

impl Persons {
    /// Puts the sets of two names together.
    pub(in crate::dataset) fn join(&mut self, one: &str, other: &str) {
        let (a, b) = (self.first(one), self.first(other));
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        self.parent.insert(low.clone(), low.clone());
        self.parent.insert(high, low);
    }

    /// The first name of the set that a name is in.
    pub(in crate::dataset) fn first(&mut self, name: &str) -> String {
        let mut root = name;
        while let Some(parent) = self.parent.get(root)
            && parent != root
        {
            root = parent;
        }
        let root = root.to_string();
        if let Some(parent) = self.parent.get_mut(name) {
            parent.clone_from(&root);
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_grow_whatever_the_order() {
        let mut persons = Persons::default();
        for (one, other) in [("d", "c"), ("a", "b"), ("b", "a"), ("c", "b"), ("x", "y")] {
            persons.join(one, other);
        }
        for name in ["a", "b", "c", "d"] {
            assert_eq!(persons.first(name), "a");
        }
        assert_eq!(
            (persons.first("y"), persons.first("z")),
            ("x".into(), "z".into())
        );
    }
}
