//! The disk is full at every byte.

use std::time::Duration;

use unmask_edge::log::{EventLog, LogConfig, LogError, SyncPolicy, VerifyOptions, verify};

use crate::disk::Disk;
use crate::keys::{Memo, entry};

const CONFIG: LogConfig = LogConfig {
    sync: SyncPolicy::Always,
    segment_bytes: 600,
};

fn entries(disk: &Disk, memo: &Memo) -> u64 {
    let report = verify(disk, &memo, &VerifyOptions::default(), &mut |_, _| {}).unwrap();
    assert_eq!(report.fault, None);
    report.entries
}

/// Appends until it fails; `Err` with the number of entries that did not.
fn fill(disk: &Disk, memo: &Memo) -> Result<(), u64> {
    let (mut log, recovery) = EventLog::open(disk.clone(), memo, CONFIG).map_err(|_| 0_u64)?;
    for index in recovery.entries..10 {
        if log.append(&entry(index), Duration::ZERO).is_err() {
            // Whether it can be used on or not, it must not lie.
            match log.append(&entry(index), Duration::ZERO) {
                Ok(_) => panic!("the disk is still full"),
                Err(LogError::Unknown | LogError::Storage { .. }) => return Err(index),
                Err(error) => panic!("{error}"),
            }
        }
    }
    Ok(())
}

#[test]
fn a_full_disk_costs_nothing_that_was_acknowledged() {
    let memo = Memo::new();
    for is_cutting_broken in [false, true] {
        for room in (0..).step_by(7) {
            let disk = Disk::default();
            disk.limit(Some(room), is_cutting_broken);
            let filled = fill(&disk, &memo);
            disk.limit(None, false);
            let Err(acknowledged) = filled else { break };
            assert_eq!(fill(&disk, &memo), Ok(()));
            assert_eq!(entries(&disk, &memo), 10, "room for {room} bytes");
            assert!(acknowledged < 10);
        }
    }
}

#[test]
fn the_log_goes_on_once_there_is_room_again() {
    let memo = Memo::new();
    let disk = Disk::default();
    let (mut log, _) = EventLog::open(disk.clone(), &memo, CONFIG).unwrap();
    log.append(&entry(0), Duration::ZERO).unwrap();
    disk.limit(Some(40), false);
    let error = log.append(&entry(4), Duration::ZERO).unwrap_err();
    assert!(
        error.to_string().contains("cannot write the event log"),
        "{error}"
    );
    disk.limit(None, false);
    assert_eq!(log.append(&entry(1), Duration::ZERO).unwrap(), 1);
    assert_eq!(entries(&disk, &memo), 2);
}

#[test]
fn entries_that_do_not_fit_are_refused() {
    let memo = Memo::new();
    let (mut log, _) = EventLog::open(Disk::default(), &memo, CONFIG).unwrap();
    for length in [0, 20_000, 70_000] {
        let error = log.append(&vec![1; length], Duration::ZERO).unwrap_err();
        assert!(
            matches!(error, LogError::Entry(found) if found == length),
            "{error}"
        );
    }
    log.append(&vec![1; 16 << 10], Duration::ZERO).unwrap();
}
