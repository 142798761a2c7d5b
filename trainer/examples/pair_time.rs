//! Times making pairs in one thread, by kind, each pair by the fastest of some runs, so
//! that other work on the machine counts little:
//! `cargo run --release -p unmask-trainer --example pair_time [SHARDS [BANK]]`, without a
//! folder of shards on synthetic people; with a bank also of faces that it draws anew.
//! Codec and photometry are left out, then added.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use unmask_trainer::dataset::{
    MakePlan, PairConfig, Pairs, PrepareOptions, Record, prepare, read_shards,
};

const PEOPLE: usize = 24;
const PAIRS_MAX: usize = 300;
const RUNS: usize = 5;

fn main() -> anyhow::Result<()> {
    let records = match std::env::args_os().nth(1) {
        Some(folder) => read_shards(&PathBuf::from(folder))?,
        None => people()?,
    };
    let bank = std::env::args_os().nth(2).map(PathBuf::from);
    let plain = PairConfig {
        paired_only: vec![],
        fake_share: 0.0,
        xray_share: 0.3,
        temporal_share: 0.3,
        reconstruct_share: if bank.is_some() { 0.3 } else { 0.0 },
        reconstruct_bank: bank,
        h264_share: 0.0,
        photometry_share: 0.0,
        ..Default::default()
    };
    let passed = PairConfig {
        h264_share: PairConfig::default().h264_share,
        photometry_share: PairConfig::default().photometry_share,
        ..plain.clone()
    };
    time("plain", &Pairs::new(&records, &plain, false)?)?;
    time("passed", &Pairs::new(&records, &passed, false)?)
}

fn time(name: &str, pairs: &Pairs<'_>) -> anyhow::Result<()> {
    for (frames, side) in [(1, 64), (1, 112), (4, 112)] {
        let plan = MakePlan {
            frames,
            side,
            hardness: 1.0,
            stacked: false,
        };
        let mut spent: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut made = 0;
        for number in 0.. {
            let epoch = pairs.epoch(1, number);
            for index in 0..epoch.len().min(PAIRS_MAX - made) {
                let mut fastest = f64::INFINITY;
                let mut kind = String::new();
                for _ in 0..RUNS {
                    let begun = Instant::now();
                    let pair = pairs.make(&epoch, index, &plan)?;
                    fastest = fastest.min(begun.elapsed().as_secs_f64() * 1e3);
                    kind = pair.kind.to_string();
                }
                spent.entry(kind).or_default().push(fastest);
                made += 1;
            }
            if made >= PAIRS_MAX {
                break;
            }
        }
        for (kind, times) in spent {
            println!(
                "{name:6} {frames} x {side} px  {kind:20} {:6.2} ms a pair ({})",
                times.iter().sum::<f64>() / times.len() as f64,
                times.len()
            );
        }
    }
    Ok(())
}

fn people() -> anyhow::Result<Vec<Record>> {
    let folder = tempfile::tempdir()?;
    prepare(&PrepareOptions {
        output: folder.path().to_path_buf(),
        frames: 6,
        windows: 1,
        synthetic: PEOPLE,
        ..Default::default()
    })?;
    read_shards(folder.path())
}
