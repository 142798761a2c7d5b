//! Being stopped at any moment, running in parts, full disks.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use unmask_trainer::dataset::{PrepareOptions, prepare, read_shards};

/// The program on some synthetic people, in small shards.
fn program(output: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unmask-trainer"));
    command
        .args([
            "prepare",
            "--synthetic",
            "24",
            "--frames",
            "1",
            "--threads",
            "1",
        ])
        .args(["--shard-records", "4", "--output"])
        .arg(output)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Shards and tables by name, with contents.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

fn finished(folder: &Path) -> BTreeMap<String, SystemTime> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "tar"))
        .map(|entry| {
            let changed = entry.metadata().unwrap().modified().unwrap();
            (entry.file_name().into_string().unwrap(), changed)
        })
        .collect()
}

/// Waits until `shards` are there and a little longer, then kills.
fn kill_later(mut child: Child, folder: &Path, shards: usize, longer: Duration) {
    let start = Instant::now();
    while finished(folder).len() < shards && child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(240), "no progress");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(longer);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A time that differs from run to run.
fn random_ms(below: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    Duration::from_micros(u64::from(now.subsec_nanos()) / 7 % (below * 1000))
}

#[test]
fn a_killed_run_goes_on_and_ends_as_if_nothing_had_happened() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let out = program(&whole).output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let mut kept: BTreeMap<String, SystemTime> = BTreeMap::new();
    for (shards, below) in [(0, 150), (2, 120), (5, 120)] {
        let longer = random_ms(below);
        kill_later(program(&killed).spawn().unwrap(), &killed, shards, longer);
        let now = finished(&killed);
        for (name, changed) in &kept {
            assert_eq!(now.get(name), Some(changed), "{name} was made again");
        }
        kept = now;
    }
    let out = program(&killed).output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let now = finished(&killed);
    assert!(kept.iter().all(|(name, changed)| now[name] == *changed));
    assert_eq!(files(&killed), files(&whole));

    // Once more: nothing is left to do.
    let out = program(&killed).output().unwrap();
    assert!(
        said(&out).contains("12 of 12 shards were there before"),
        "{}",
        said(&out)
    );
    assert_eq!(finished(&killed), now);
}

#[test]
fn a_damaged_shard_is_made_again_and_only_that() {
    let folder = tempfile::tempdir().unwrap();
    let options = PrepareOptions {
        output: folder.path().to_path_buf(),
        synthetic: 4,
        frames: 1,
        shard_records: 2,
        ..Default::default()
    };
    prepare(&options).unwrap();
    let whole = files(folder.path());
    let path = folder.path().join("faces-000002.tar");
    std::fs::write(&path, &whole["faces-000002.tar"][..5000]).unwrap();
    std::fs::remove_file(folder.path().join("faces-000001.tar")).unwrap();
    let error = format!("{:#}", read_shards(folder.path()).unwrap_err());
    assert!(error.contains("faces-000002.tar is damaged"), "{error}");
    let report = prepare(&options).unwrap();
    assert_eq!((report.shards_kept, report.shards_made), (2, 2));
    let mended = files(folder.path());
    for shard in 0..4 {
        let name = format!("faces-{shard:06}.tar");
        assert_eq!(mended[&name], whole[&name], "{name}");
    }
    let other = PrepareOptions {
        frames: 2,
        ..options
    };
    let error = prepare(&other).unwrap_err().to_string();
    assert!(error.contains("frames 1, not 2"), "{error}");
}

/// `/dev/full` refuses every byte as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_costs_no_finished_shard() {
    let folder = tempfile::tempdir().unwrap();
    let (full, whole) = (folder.path().join("full"), folder.path().join("whole"));
    std::fs::create_dir(&full).unwrap();
    std::os::unix::fs::symlink("/dev/full", full.join("faces-000005.partial")).unwrap();
    let out = program(&full).output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    for part in [
        "faces-000005",
        "No space left on device",
        "same command again",
    ] {
        assert!(said(&out).contains(part), "{}", said(&out));
    }
    let finished = files(&full);
    let out = program(&whole).output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let all = files(&whole);
    for shard in 0..5 {
        let name = format!("faces-{shard:06}.tar");
        assert_eq!(finished[&name], all[&name], "{name}");
    }
    let out = program(&full).output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(files(&full), all);
}

/// A limit on the size of files refuses a write in the middle of a shard.
#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_half_way_leaves_no_half_shard() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"";
    let command = program(folder.path());
    let out = Command::new("sh")
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains("File too large"), "{}", said(&out));
    let names: Vec<String> = files(folder.path()).into_keys().collect();
    assert_eq!(names, ["prepare.jsonl"], "nothing but the journal is left");
}
