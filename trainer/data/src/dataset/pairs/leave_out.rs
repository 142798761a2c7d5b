//! What a training never sees, so that its like can be measured as something new.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::record::{Label, Record};

/// A kind, source or method that is left out, written `kind=swap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeaveOut {
    key: Key,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// Of fakes.
    Kind,
    /// Of fakes and reals.
    Source,
    /// Of fakes.
    Method,
}

impl LeaveOut {
    fn names(&self, record: &Record) -> bool {
        let fake = record.meta.label == Label::Fake;
        match self.key {
            Key::Kind => fake && record.kind() == self.value,
            Key::Source => record.meta.source == self.value,
            Key::Method => fake && record.meta.method.as_deref() == Some(&self.value),
        }
    }
}

impl FromStr for LeaveOut {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((key, value)) = text.split_once('=') else {
            bail!("`{text}` leaves out nothing: write kind=..., source=... or method=...");
        };
        let key = match key {
            "kind" => Key::Kind,
            "source" => Key::Source,
            "method" => Key::Method,
            _ => bail!("`{key}` cannot be left out: only a kind, source or method can"),
        };
        ensure!(!value.is_empty(), "`{text}` names nothing after the `=`");
        Ok(Self {
            key,
            value: value.into(),
        })
    }
}

impl TryFrom<String> for LeaveOut {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Display for LeaveOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.key {
            Key::Kind => "kind",
            Key::Source => "source",
            Key::Method => "method",
        };
        write!(f, "{key}={}", self.value)
    }
}

impl From<LeaveOut> for String {
    fn from(left: LeaveOut) -> Self {
        left.to_string()
    }
}

/// Groups of which anything is left out. They go with all that shows them, their real clips
/// too: what is measured on them then is of people who were not seen either.
///
/// # Errors
/// When something is named that no record is of.
pub fn left_out<'a>(records: &'a [Record], what: &[LeaveOut]) -> Result<BTreeSet<&'a str>> {
    let mut groups = BTreeSet::new();
    for left in what {
        let of = records.iter().filter(|record| left.names(record));
        let before = groups.len();
        let named: BTreeSet<&str> = of.map(|record| record.meta.group.as_str()).collect();
        ensure!(!named.is_empty(), "there is no face of {left} to leave out");
        groups.extend(named);
        tracing::info!(
            "{left} leaves out {} people or clips",
            groups.len() - before
        );
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::record::Meta;

    fn record(label: Label, source: &str, group: &str, kind: &str, method: &str) -> Record {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_string());
        let meta = Meta {
            label,
            source: source.into(),
            group: group.into(),
            kind: some(kind),
            method: some(method),
            ..Default::default()
        };
        Record {
            meta,
            frames: vec![],
        }
    }

    #[test]
    fn whoever_is_in_a_fake_that_is_left_out_goes_along() {
        use Label::{Fake, Real};
        let records = [
            record(Real, "a", "anna", "", ""),
            record(Fake, "a", "anna", "swap", "one"),
            record(Fake, "a", "berta", "lip-sync", "two"),
            record(Real, "b", "carla", "", ""),
            record(Fake, "swap", "dora", "", ""),
        ];
        let groups = |what: &str| -> Vec<&str> {
            let what = [what.parse().unwrap()];
            left_out(&records, &what).unwrap().into_iter().collect()
        };
        // A kind that is not known is called by its source.
        assert_eq!(groups("kind=swap"), ["anna", "dora"]);
        assert_eq!(groups("source=b"), ["carla"]);
        assert_eq!(groups("method=two"), ["berta"]);
        let error = left_out(&records, &["kind=other".parse().unwrap()]);
        assert!(error.unwrap_err().to_string().contains("kind=other"));
        assert!(left_out(&records, &[]).unwrap().is_empty());
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        let left: LeaveOut = "kind=talking head".parse().unwrap();
        let json = serde_json::to_string(&left).unwrap();
        assert_eq!(json, "\"kind=talking head\"");
        assert_eq!(serde_json::from_str::<LeaveOut>(&json).unwrap(), left);
        for wrong in ["swap", "person=x", "kind="] {
            assert!(wrong.parse::<LeaveOut>().is_err(), "{wrong}");
        }
    }
}
