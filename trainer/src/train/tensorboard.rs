//! Metrics as TensorBoard reads them.
//!
//! An event file is a series of TFRecords, each the length of a message as u64, the masked CRC-32C
//! of these eight bytes, the message, and the masked CRC-32C of that, little-endian. The messages
//! are those fields of TensorFlow's `event.proto` and `summary.proto` that scalars need.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use crc::{CRC_32_ISCSI, Crc, Table};
use prost::Message;

use super::progress::Measured;

/// CRC-32C.
const CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
const VERSION: &str = "brain.Event:2";
/// `SessionLog.SessionStatus.START`: what was told of this step and later ones counts no more.
const START: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session: Option<Session>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Session {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// An event file of a run, or of the part of it since it was resumed.
pub(super) struct EventFile(File);

impl EventFile {
    /// A new file in the run's folder, named after the time and the steps that are done. Values of
    /// later steps, left in other files by a run that was killed, count no more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn start(folder: &Path, step: usize) -> Result<Self> {
        let now = wall_time();
        let path = folder.join(format!("events.out.tfevents.{now:.0}.{step:09}.unmask"));
        let file = File::create(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let mut events = Self(file);
        events.write(&Event {
            file_version: Some(VERSION.into()),
            ..at(0)
        })?;
        if step > 0 {
            events.write(&Event {
                session: Some(Session { status: START }),
                ..at(step + 1)
            })?;
        }
        Ok(events)
    }

    /// Adds every number of a line.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn record(&mut self, line: &Measured) -> Result<()> {
        let values = scalars(line).into_iter();
        let values = values.map(|(tag, value)| Scalar {
            tag,
            value: Some(value),
        });
        self.write(&Event {
            summary: Some(Summary {
                values: values.collect(),
            }),
            ..at(line.step)
        })
    }

    fn write(&mut self, event: &Event) -> Result<()> {
        let written = self.0.write_all(&framed(&event.encode_to_vec()));
        written.context("cannot write the TensorBoard events (is the disk full?)")
    }
}

fn at(step: usize) -> Event {
    Event {
        wall_time: wall_time(),
        step: i64::try_from(step).unwrap_or(i64::MAX),
        ..Event::default()
    }
}

fn wall_time() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

fn scalars(line: &Measured) -> Vec<(String, f32)> {
    let auc = |tag: &str, auc: Option<f64>| auc.map(|auc| (tag.to_owned(), auc as f32));
    let terms = line.terms.iter();
    let terms = terms.map(|(name, value)| (format!("loss/{name}"), *value));
    let settings = [
        ("loss/all", line.loss),
        ("schedule/epoch", line.epoch),
        ("schedule/epsilon_255", line.epsilon_255),
        ("schedule/learning_rate", line.learning_rate as f32),
        ("speed/images_per_second", line.images_per_second as f32),
    ];
    let settings = settings.map(|(tag, value)| (tag.to_owned(), value));
    settings
        .into_iter()
        .chain(terms)
        .chain(auc("auc/training", line.auc_training))
        .chain(auc("auc/held_out", line.auc))
        .chain(auc("auc/held_out_attacked", line.auc_attacked))
        .collect()
}

/// A message as TFRecord.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    [
        &length[..],
        &masked(&length).to_le_bytes(),
        message,
        &masked(message).to_le_bytes(),
    ]
    .concat()
}

/// A checksum of bytes that may hold checksums themselves.
fn masked(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `trainer/tests/oracles/tensorboard_events.py`: one event of TensorBoard's own writer.
    const WRITTEN: &str = "34000000000000005e33175c0900000040fc54d94110ac022a260a0f0a086c6f73732f616c6c15\
         0000303f0a130a0c6175632f68656c645f6f75741500000000444faa5a";

    #[test]
    fn a_record_is_what_tensorboard_writes() {
        let scalar = |tag: &str, value| Scalar {
            tag: tag.into(),
            value: Some(value),
        };
        let event = Event {
            wall_time: 1.7e9,
            step: 300,
            summary: Some(Summary {
                values: vec![scalar("loss/all", 0.6875), scalar("auc/held_out", 0.0)],
            }),
            ..Event::default()
        };
        let record = framed(&event.encode_to_vec());
        let hex = unmask_shared::hex(&record);
        assert_eq!(hex, WRITTEN);
    }

    #[test]
    fn every_number_of_a_line_is_told() {
        let line = Measured {
            auc: Some(0.75),
            auc_training: Some(1.0),
            terms: [("dcl".to_owned(), 0.5)].into(),
            ..Measured::default()
        };
        let found = scalars(&line);
        for (tag, wanted) in [
            ("loss/dcl", 0.5),
            ("auc/held_out", 0.75),
            ("auc/training", 1.0),
        ] {
            assert!(
                found.contains(&(tag.to_owned(), wanted)),
                "{tag}: {found:?}"
            );
        }
        assert_eq!(found.len(), 8, "{found:?}");
    }
}
