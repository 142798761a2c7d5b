//! The power is cut after every write, sync and rename.

use std::time::Duration;

use unmask_edge::log::{EventLog, LogConfig, SyncPolicy, VerifyOptions, verify};
use unmask_shared::synthetic::Random;

use crate::disk::{Disk, Files, Moment};
use crate::keys::{Memo, entry};

const ENTRIES: u64 = 24;

fn config(sync: SyncPolicy) -> LogConfig {
    LogConfig {
        sync,
        segment_bytes: 900,
    }
}

/// Writes a log and returns every moment of it.
fn moments(memo: &Memo, sync: SyncPolicy) -> Vec<Moment> {
    let disk = Disk::default();
    let (mut log, _) = EventLog::open(disk.clone(), memo, config(sync)).unwrap();
    for index in 0..ENTRIES {
        disk.progress(log.sealed(), index + 1);
        let number = log
            .append(&entry(index), Duration::from_secs(index))
            .unwrap();
        assert_eq!(number, index);
        disk.progress(log.sealed(), index + 1);
    }
    log.close().unwrap();
    disk.progress(ENTRIES, ENTRIES);
    disk.moments()
}

/// Entries of a log that claims to be intact; `None` if it does not.
fn intact(files: &Files, memo: &Memo) -> Option<u64> {
    let mut found = Vec::new();
    let report = verify(
        &Disk::with(files),
        &memo,
        &VerifyOptions::default(),
        &mut |number, bytes| found.push((number, bytes.to_vec())),
    );
    let report = report.unwrap();
    let written = (0..report.entries).map(|index| (index, entry(index)));
    assert!(
        found.into_iter().eq(written),
        "an entry is not what was written"
    );
    report.fault.is_none().then_some(report.entries)
}

/// Opens what a power cut left, and holds it to its promises.
fn recover(files: &Files, moment: &Moment, memo: &Memo, sync: SyncPolicy) -> Vec<Moment> {
    let Moment {
        acknowledged,
        attempted,
        ..
    } = *moment;
    let may_be = acknowledged..=attempted;
    if !files.is_empty()
        && let Some(entries) = intact(files, memo)
    {
        assert!(
            may_be.contains(&entries),
            "{entries} entries claimed, {may_be:?} written"
        );
    }
    let disk = Disk::with(files);
    disk.progress(acknowledged, attempted);
    let (mut log, recovery) = EventLog::open(disk.clone(), memo, config(sync)).unwrap();
    let entries = recovery.entries;
    assert!(
        may_be.contains(&entries),
        "{entries} entries found, {may_be:?} written"
    );
    assert_eq!(log.sealed(), entries);
    assert_eq!(intact(&disk.files(), memo), Some(entries));
    disk.progress(entries, entries + 1);
    log.append(&entry(entries), Duration::ZERO).unwrap();
    log.close().unwrap();
    assert_eq!(intact(&disk.files(), memo), Some(entries + 1));
    disk.moments()
}

#[test]
fn a_power_cut_costs_at_most_what_was_not_acknowledged() {
    let memo = Memo::new();
    let mut random = Random::new(1, 0);
    let (mut points, mut second) = (0, 0);
    let every = SyncPolicy::Every {
        entries: 3,
        wait: Duration::from_secs(1000),
    };
    for (sync, variants) in [
        (SyncPolicy::Always, 24),
        (every, 24),
        (SyncPolicy::OnClose, 24),
    ] {
        for moment in moments(&memo, sync) {
            for _ in 0..variants {
                let files = moment.state.after_power_cut(&mut random);
                let again = recover(&files, &moment, &memo, sync);
                points += 1;
                // The power is cut once more while the log recovers.
                let at = random.below(2 * again.len());
                if let Some(moment) = again.get(at) {
                    let files = moment.state.after_power_cut(&mut random);
                    recover(&files, moment, &memo, sync);
                    second += 1;
                }
            }
        }
    }
    eprintln!("{points} power cuts, and {second} more during recovery");
    assert!(points >= 5_000, "{points}");
}

#[test]
fn what_waits_is_brought_onto_the_disk_in_time() {
    let memo = Memo::new();
    let every = SyncPolicy::Every {
        entries: 3,
        wait: Duration::from_secs(5),
    };
    let (mut log, _) = EventLog::open(Disk::default(), &memo, config(every)).unwrap();
    let second = Duration::from_secs;
    log.append(&entry(0), second(10)).unwrap();
    log.poll(second(14)).unwrap();
    assert_eq!(log.sealed(), 0);
    log.poll(second(15)).unwrap();
    assert_eq!(log.sealed(), 1);
    for index in 1..4 {
        assert_eq!(log.sealed(), 1);
        log.append(&entry(index), second(16)).unwrap();
    }
    assert_eq!((log.sealed(), log.entries()), (4, 4));
}
