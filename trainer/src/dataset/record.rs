//! One face, as a picture or a short run of frames.

use serde::{Deserialize, Serialize};

/// Ground truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// An untouched face.
    Real,
    /// A manipulated face.
    Fake,
}

/// What is known of a face; the `.json` member of its sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Ground truth.
    pub label: Label,
    /// Collection it is from, such as the folder below `real` or `fake`.
    pub source: String,
    /// Whatever must not be split between training and validation: a person, a clip.
    pub group: String,
    /// Name shared by a fake and the real picture it was made from, face for face.
    pub twin: Option<String>,
    /// File it was cut from, relative to the input, with forward slashes.
    pub file: String,
    /// Number of consecutive frames.
    pub frames: usize,
}

/// A face in memory; frames stay compressed until they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What is known of it.
    pub meta: Meta,
    /// PNG files, [`super::STORED_SIDE`] pixels square, in order.
    pub frames: Vec<Vec<u8>>,
}

impl Record {
    /// Whether the record belongs to validation: decided by its group alone, so that
    /// it never depends on which other data is there.
    pub fn is_validation(&self, share: f32) -> bool {
        let hash = self
            .meta
            .group
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        // The high bits of FNV-1a mix best after one more multiplication.
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        (mixed as f32 / (1u32 << 24) as f32) < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_keeps_groups_together_and_its_share() {
        let record = |group: usize| Record {
            meta: Meta {
                label: Label::Real,
                source: "s".into(),
                group: format!("person-{group}"),
                twin: None,
                file: "f".into(),
                frames: 0,
            },
            frames: vec![],
        };
        let held_out = (0..4000).filter(|i| record(*i).is_validation(0.1)).count();
        assert!((320..480).contains(&held_out), "{held_out} of 4000");
        assert_eq!(record(7).is_validation(0.1), record(7).is_validation(0.1));
    }
}
