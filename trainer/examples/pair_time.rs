//! Times making pairs in one thread, by kind:
//! `cargo run --release -p unmask-trainer --example pair_time [SHARDS]`, without a folder
//! of shards on synthetic people.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use unmask_trainer::dataset::{
    MakePlan, PairConfig, Pairs, PrepareOptions, Record, prepare, read_shards,
};

const PEOPLE: usize = 24;
const PAIRS_MAX: usize = 400;

fn main() -> anyhow::Result<()> {
    let records = match std::env::args_os().nth(1) {
        Some(folder) => read_shards(&PathBuf::from(folder))?,
        None => people()?,
    };
    let config = PairConfig {
        paired_only: vec![],
        fake_share: 0.0,
        ..Default::default()
    };
    let pairs = Pairs::new(&records, &config, false)?;
    for (frames, side) in [(1, 64), (1, 112), (4, 112)] {
        let plan = MakePlan {
            frames,
            side,
            hardness: 1.0,
        };
        let mut spent: BTreeMap<String, (Duration, u32)> = BTreeMap::new();
        let mut made = 0;
        for number in 0.. {
            let epoch = pairs.epoch(1, number);
            for index in 0..epoch.len().min(PAIRS_MAX - made) {
                let begun = Instant::now();
                let pair = pairs.make(&epoch, index, &plan)?;
                let place = spent.entry(pair.kind.to_string()).or_default();
                *place = (place.0 + begun.elapsed(), place.1 + 1);
                made += 1;
            }
            if made >= PAIRS_MAX {
                break;
            }
        }
        for (kind, (time, count)) in spent {
            println!(
                "{frames} x {side} px  {kind:24} {:.2} ms a pair ({count})",
                time.as_secs_f64() * 1e3 / f64::from(count)
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
