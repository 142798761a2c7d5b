//! One face, as a picture or a short run of frames.

use serde::{Deserialize, Serialize};
use unmask_shared::face::Face;
use unmask_shared::geometry::Align;

use super::pairs::PairConfig;

/// Ground truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// An untouched face.
    #[default]
    Real,
    /// A manipulated face.
    Fake,
}

/// Part of a data set that its authors assigned.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// For training.
    Train,
    /// For choosing between trainings.
    Val,
    /// For fitting what scores mean, once the choice is made.
    Calibration,
    /// For the figures that are published: neither trained on, nor chosen by, nor fitted to.
    Test,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Calibration => "calibration",
            Self::Test => "test",
        })
    }
}

/// Why this face of the frame was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceChoice {
    /// It is the largest.
    Largest,
    /// It covers the manipulation mask best.
    Mask,
    /// There was no mask here; it lies where the mask chose a face before.
    Near,
    /// It was chosen in the video that this one was made from.
    Twin,
}

/// What is known of a face; the `.json` member of its sample. Fields that a collection
/// does not tell are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Ground truth.
    pub label: Label,
    /// Collection it is from: the data set, or the folder below `real` or `fake`.
    pub source: String,
    /// Whatever must not be split between training and validation: a person, a clip.
    pub group: String,
    /// Name shared by a real face and all fakes made from it, frame for frame.
    pub twin: Option<String>,
    /// File it was cut from: name of the input folder and path below it, with forward
    /// slashes.
    pub file: String,
    /// Number of consecutive frames.
    pub frames: usize,
    /// Part that the data set's authors assigned; decides before the group does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Kind of manipulation, such as `swap`, `lip-sync`, `reenactment`, `talking head` or
    /// `whole face`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What made the fake, as the data set names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// [`Self::file`] of the real clip that a fake was made from, or stands beside; frames
    /// need not agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// Compression as the data set names it, such as `c23`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// Level of distortion, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Distortions in the order in which they were applied, such as `GB:3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distortions: Vec<String>,
    /// Number of the first frame in the video, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_frame: Option<u64>,
    /// Face box as left, top, width, height in pixels of the frame as it was read
    /// (videos wider than 1280 pixels are scaled down to that).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face: Option<[i32; 4]>,
    /// Left eye, right eye (as seen in the picture), nose tip, left and right mouth corner, each
    /// x and y, in tenths of those pixels. The crop was cut by them; where they are not told, by
    /// a box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landmarks: Option<[i32; 10]>,
    /// Why this face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face_choice: Option<FaceChoice>,
}

impl Meta {
    /// A face's box as [`Meta::face`] holds it.
    pub(super) fn corners(face: &Face) -> [i32; 4] {
        let bbox = &face.bbox;
        [bbox.x, bbox.y, bbox.width, bbox.height].map(|value| value.round() as i32)
    }

    /// A face's landmarks as [`Meta::landmarks`] holds them.
    pub(super) fn tenths(face: &Face) -> [i32; 10] {
        std::array::from_fn(|at| {
            let point = face.landmarks[at / 2];
            let value = if at % 2 == 0 { point.x } else { point.y };
            (10.0 * value).round() as i32
        })
    }

    /// What the crops were cut by.
    pub fn align(&self) -> Align {
        match self.landmarks {
            Some(_) => Align::Landmarks,
            None => Align::Box,
        }
    }
}

/// A face in memory; frames stay compressed until they are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What is known of it.
    pub meta: Meta,
    /// PNG files, [`super::STORED_SIDE`] pixels square, in order.
    pub frames: Vec<Vec<u8>>,
}

/// What the crops of all records were cut by: landmarks, if every one was.
pub fn common_align(records: &[Record]) -> Align {
    let by_box = |record: &Record| record.meta.align() == Align::Box;
    match records.iter().any(by_box) {
        true => Align::Box,
        false => Align::Landmarks,
    }
}

/// Shares of all people that training does not see.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// For choosing between trainings.
    pub validation: f32,
    /// Half of them for calibration, half for the figures that are published.
    pub held_out: f32,
}

impl Record {
    /// Which part the record belongs to: the assigned one where there is one, else by its
    /// group. The group alone decides that, so that it never depends on which other data is
    /// there, and whoever is in one part is in no other.
    pub fn part(&self, shares: Shares) -> Split {
        let Shares {
            validation,
            held_out,
        } = shares;
        let place = || group_share(&self.meta.group) - validation;
        match self.meta.split {
            Some(split) => split,
            None if place() < 0.0 => Split::Val,
            None if place() < held_out / 2.0 => Split::Calibration,
            None if place() < held_out => Split::Test,
            None => Split::Train,
        }
    }

    /// Whether its person is among the share of training people that is asked for.
    pub(super) fn is_among(&self, config: &PairConfig) -> bool {
        if config.people_share >= 1.0 {
            return true;
        }
        let there = match self.meta.split {
            Some(_) => 1.0,
            None => 1.0 - config.validation_share - config.held_out_share,
        };
        1.0 - group_share(&self.meta.group) <= config.people_share * there
    }

    /// What made a fake: its kind, or where that is not known its source.
    pub fn kind(&self) -> &str {
        self.meta.kind.as_deref().unwrap_or(&self.meta.source)
    }

    /// Whether it is a picture and not of a video.
    pub fn is_picture(&self) -> bool {
        image::ImageFormat::from_path(&self.meta.file).is_ok()
    }

    /// Whether the record is held out from training, where `share` of all groups is.
    pub fn is_held_out(&self, share: f32) -> bool {
        let shares = Shares {
            validation: share,
            held_out: 0.0,
        };
        self.part(shares) != Split::Train
    }

    /// Whether the record was assigned to the test split.
    pub fn is_test(&self) -> bool {
        self.meta.split == Some(Split::Test)
    }
}

/// A number in [0, 1) that follows from the group's name.
fn group_share(group: &str) -> f32 {
    let hash = fnv1a(group);
    // The high bits of FNV-1a mix best after one more multiplication.
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    mixed as f32 / (1u32 << 24) as f32
}

/// The 64-bit FNV-1a hash of a text.
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(group: usize) -> Record {
        let meta = Meta {
            group: format!("person-{group}"),
            ..Default::default()
        };
        Record {
            meta,
            frames: vec![],
        }
    }

    #[test]
    fn split_keeps_groups_together_and_its_share() {
        let held_out = (0..4000).filter(|i| record(*i).is_held_out(0.1)).count();
        assert!((320..480).contains(&held_out), "{held_out} of 4000");
        assert_eq!(record(7).is_held_out(0.1), record(7).is_held_out(0.1));
    }

    #[test]
    fn an_official_split_decides_before_the_group() {
        for group in 0..50 {
            let mut record = record(group);
            record.meta.split = Some(Split::Train);
            assert!(!record.is_held_out(1.0));
            record.meta.split = Some(Split::Val);
            assert!(record.is_held_out(0.0) && !record.is_test());
            record.meta.split = Some(Split::Test);
            assert!(record.is_held_out(0.0) && record.is_test());
            let shares = Shares {
                validation: 0.5,
                held_out: 0.1,
            };
            assert_eq!(record.part(shares), Split::Test);
        }
    }

    #[test]
    fn the_parts_have_their_shares_and_more_held_out_moves_nobody_else() {
        let count = |shares, part| {
            (0..4000)
                .filter(|i| record(*i).part(shares) == part)
                .count()
        };
        let shares = Shares {
            validation: 0.1,
            held_out: 0.2,
        };
        for (part, expected) in [
            (Split::Val, 400),
            (Split::Calibration, 400),
            (Split::Test, 400),
            (Split::Train, 2800),
        ] {
            let found = count(shares, part);
            assert!(found.abs_diff(expected) < 80, "{part}: {found}");
        }
        let none = Shares {
            held_out: 0.0,
            ..shares
        };
        for i in 0..4000 {
            let (with, without) = (record(i).part(shares), record(i).part(none));
            assert!(
                with == without || without == Split::Train,
                "{with} {without}"
            );
        }
    }

    #[test]
    fn fewer_people_are_among_more_of_them() {
        let among = |share: f32| -> Vec<usize> {
            let config = PairConfig {
                people_share: share,
                ..PairConfig::default()
            };
            let trained = |i: &usize| record(*i).part(config.shares()) == Split::Train;
            let chosen = (0..4000).filter(trained);
            chosen.filter(|i| record(*i).is_among(&config)).collect()
        };
        let (quarter, half, all) = (among(0.25), among(0.5), among(1.0));
        for (found, expected) in [(&quarter, 700), (&half, 1400), (&all, 2800)] {
            assert!(found.len().abs_diff(expected) < 80, "{}", found.len());
        }
        assert!(quarter.iter().all(|i| half.contains(i)));
        assert!(half.iter().all(|i| all.contains(i)));
    }

    #[test]
    fn descriptions_without_the_newer_fields_are_read() {
        let old = r#"{"label":"fake","source":"s","group":"g","twin":null,"file":"f","frames":2}"#;
        let meta: Meta = serde_json::from_str(old).unwrap();
        assert_eq!(
            (meta.label, meta.split, &meta.method),
            (Label::Fake, None, &None)
        );
        assert_eq!(serde_json::to_string(&meta).unwrap(), old);
    }

    /// Published test vectors of FNV-1a, 64 bits.
    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }
}
