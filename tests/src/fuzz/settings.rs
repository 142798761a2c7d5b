//! Settings from a file, from the environment and from overrides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use unmask_shared::settings::{SettingLayers, SettingsError};

use super::{Parser, Reached, joined, sections};

/// Settings of every shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Shapes {
    text: String,
    number: i64,
    share: f64,
    flag: bool,
    maybe: Option<u16>,
    list: Vec<i64>,
    table: Table,
    kind: Kind,
    free: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Table {
    name: String,
    size: [u32; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Wide { by: u32 },
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            text: "front \"door\"".into(),
            number: 3,
            share: 0.5,
            flag: true,
            maybe: None,
            list: vec![1, 2],
            table: Table::default(),
            kind: Kind::Wide { by: 2 },
            free: BTreeMap::from([("key".into(), "value".into())]),
        }
    }
}

/// A file, an override and a variable of the environment.
#[derive(Debug)]
pub struct SettingsText;

const FILE: &str = "\
text = 'a'
share = 1e3
maybe = 7
list = [3, 0x1F]
kind = \"plain\"
[table]
size = [1, 2]
[free]
\"a.b\" = \"\"\"c\"\"\"
";

impl Parser for SettingsText {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let seed = |file: &str, set: &str, variable: &str| {
            joined(&[file.as_bytes(), set.as_bytes(), variable.as_bytes()])
        };
        vec![
            seed(FILE, "", ""),
            seed("", "table.name=hall", "5"),
            seed("number = 4\n", "list=4,5", "6"),
            seed("[kind.wide]\nby = 3\n", "kind.wide.by=9", "7"),
        ]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"[[",
            b"]]",
            b"[[[[[[[[[[[[[[[[",
            b"{a={a={a=",
            b"a.a.a.a.a.a.a.a",
            b"'''",
            b"\"\"\"",
            b"nan",
            b"-inf",
            b"1979-05-27T07:32:00Z",
            b"0x7fffffffffffffff",
            b"\\u0000",
            b"= ",
            b"table",
            b"maybe=",
            b"#",
            b"[free]\n",
            b"\\",
            b"1_0",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let [file, set, variable] = sections::<3>(bytes).map(String::from_utf8_lossy);
        let mut layers = SettingLayers::<Shapes>::new().text("a file", &file);
        if !set.is_empty() {
            layers = layers.set(&set);
        }
        if !variable.is_empty() {
            let variable = ("F__NUMBER".into(), variable.into_owned().into());
            layers = layers.variables("F", [variable]);
        }
        match layers.build() {
            Ok(settings) => {
                assert_prints(&settings.value, settings.print());
                Reached::Accepted
            }
            Err(SettingsError::Layer(..)) => Reached::Refused,
            Err(SettingsError::Unknown(..) | SettingsError::Wrong(..)) => Reached::Within,
            Err(error @ SettingsError::NoForm(_)) => panic!("{error}"),
        }
    }
}

/// What is printed reads back as the same value.
///
/// # Panics
/// When it does not.
pub(super) fn assert_prints<T>(value: &T, printed: &str)
where
    T: Serialize + for<'a> Deserialize<'a> + Default,
{
    let again = SettingLayers::<T>::new().text("printed", printed).build();
    let again = again.unwrap_or_else(|error| panic!("{error}:\n{printed}"));
    // NaN is like no number, not even itself.
    let text = |value: &T| serde_json::to_string(value).expect("plain data");
    assert_eq!(text(&again.value), text(value), "{printed}");
}
