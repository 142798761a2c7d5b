//! Shards of prepared faces.

use std::io::Cursor;

use unmask_trainer::dataset::{Meta, read_records};

use super::{Parser, Reached};

/// In front of a tar file that is read as it is.
const AS_IT_IS: u8 = 0;
/// In front of a tar file whose heads get the right checksums first, so that what lies
/// behind them is reached.
const SUMMED: u8 = 1;
const BLOCK: usize = 512;

/// A shard: a tar file.
#[derive(Debug)]
pub struct Shard;

/// Puts the right checksum into every head.
fn sum_up(mut archive: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(block) = archive.get_mut(at..at + BLOCK) {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        if block.iter().any(|&byte| byte != 0) {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        let size = header.entry_size().unwrap_or(0) as usize;
        at = at.saturating_add(BLOCK + size.min(archive.len()).next_multiple_of(BLOCK));
    }
    archive
}

fn shard(faces: usize) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut append = |name: String, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, bytes)
            .expect("room enough");
    };
    for face in 0..faces {
        let meta = Meta {
            group: format!("g{face}"),
            frames: 1 + face % 2,
            ..Default::default()
        };
        let json = serde_json::to_vec(&meta).expect("plain data");
        append(format!("faces-000000-{face:05}.json"), &json);
        for frame in 0..meta.frames {
            append(format!("faces-000000-{face:05}.{frame:02}.png"), &[7; 30]);
        }
    }
    archive.into_inner().expect("room enough")
}

fn seed(kind: u8, faces: usize) -> Vec<u8> {
    [&[kind], shard(faces).as_slice()].concat()
}

impl Parser for Shard {
    fn name(&self) -> &'static str {
        "shard"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![seed(SUMMED, 1), seed(SUMMED, 2), seed(AS_IT_IS, 1)]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"ustar\x0000",
            b"ustar  \0",
            b"00000000036",
            b"77777777777",
            b"\x80\x00\x00\x00\x00",
            b"faces-000000-00000.json",
            b".png",
            b"\"frames\":",
            b"././@LongLink",
            b"S",
            b"x",
            b"L",
            b"30 path=a\n",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let (first, rest) = bytes.split_first().unwrap_or((&AS_IT_IS, &[]));
        let archive = match *first {
            SUMMED => sum_up(rest.to_vec()),
            _ => rest.to_vec(),
        };
        let (records, damage) = read_records(Cursor::new(archive));
        for record in &records {
            assert_eq!(record.frames.len(), record.meta.frames);
            assert!(!record.frames.is_empty());
        }
        match damage {
            None => Reached::Accepted,
            Some(error) => {
                let error = format!("{error:#}");
                let at_first = ["checksum", "numeric field", "failed to read entire block"];
                match at_first.iter().any(|why| error.contains(why)) && records.is_empty() {
                    true => Reached::Refused,
                    false => Reached::Within,
                }
            }
        }
    }
}
