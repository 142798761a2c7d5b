//! The log through the program, and checked by a program in another language.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use unmask_edge::log::{
    EventLog, EventRecorder, FolderStorage, LogConfig, RecordConfig, SigningKey, StillsConfig,
    SyncPolicy,
};
use unmask_edge::source::Frame;
use unmask_shared::event::{EVENT_FORMAT, Event, EventKind};
use unmask_shared::verdict::Verdict;

use crate::common::{Ran, skip, unmask};

const VERIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/verify_event_log.py");

fn config(folder: &Path, stills: usize, sync: SyncPolicy) -> RecordConfig {
    RecordConfig {
        folder: folder.into(),
        key: None,
        log: LogConfig {
            sync,
            segment_bytes: 1200,
        },
        stills: (stills > 0).then_some(StillsConfig {
            count_max: stills,
            age_max_s: None,
        }),
    }
}

/// Logs some events; every third is a verdict of "manipulated".
fn record(config: &RecordConfig, count: u64) {
    let (mut recorder, _) = EventRecorder::open(config).unwrap();
    let frame = Frame {
        width: 64,
        height: 48,
        rgb: (0..64 * 48 * 3).map(|at| (at % 251) as u8).collect(),
        ..Frame::default()
    };
    for index in 0..count {
        let (kind, verdict) = match index % 3 {
            0 => (EventKind::VerdictChanged, Verdict::Manipulated),
            1 => (EventKind::VerdictChanged, Verdict::Genuine),
            _ => (EventKind::TrackEnded, Verdict::Genuine),
        };
        let event = Event {
            format: EVENT_FORMAT,
            sequence: 0,
            time_us: index,
            source: "door".try_into().unwrap(),
            track: index as u32,
            first_frame: 0,
            frame: index,
            kind,
            verdict,
            reason: None,
            score: Some(0.5),
            llr: 0.0,
            model: "test 1".try_into().unwrap(),
            run: 7,
            coverage: Some(1.0),
            stream_us: index * 40_000,
            rate_hz: 25.0,
        };
        let now = Duration::from_millis(index);
        recorder.record(&event, &frame, None, now).unwrap();
        recorder.poll(now).unwrap();
    }
    recorder.close().unwrap();
}

fn log(command: &str, folder: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["log", command, folder.to_str().unwrap()];
    arguments.extend(more);
    unmask(&arguments)
}

/// The newest file of entries.
fn newest(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files
        .filter(|path| name(path).starts_with("entries-"))
        .max()
        .unwrap()
}

/// Names of all files in the log's folder.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// A start with the key of another log is refused, and leaves everything as it was.
#[test]
fn a_wrong_key_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let own = config(&folder.path().join("events"), 0, SyncPolicy::Always);
    let other = config(&folder.path().join("others"), 0, SyncPolicy::Always);
    record(&own, 3);
    record(&other, 3);
    let wrong = RecordConfig {
        key: Some(other.folder.join("log.key")),
        ..own.clone()
    };
    let public = || fs::read(own.folder.join("log.pub")).unwrap();
    let before = public();
    EventRecorder::open(&wrong).unwrap_err();
    assert_eq!(public(), before);
    let verified = log("verify", &own.folder, &[]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    // Who expects another key is told that the log is not signed with it.
    let expected = fs::read_to_string(other.folder.join("log.pub")).unwrap();
    let verified = log("verify", &own.folder, &["--key", expected.trim()]);
    assert_eq!(verified.code, 1, "{}", verified.stdout);
    assert!(
        verified
            .stdout
            .contains("The log is signed with another key"),
        "{}",
        verified.stdout
    );
}

/// What a program left that was killed while it wrote; no key is among that.
#[test]
fn unfinished_files_are_cleaned_up() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), 0, SyncPolicy::Always);
    record(&config, 3);
    let left = [".tmpA1b2C3", ".new-log.pub", ".new-log.key.entries"];
    for name in left {
        fs::write(folder.path().join(name), "PRIVATE+KEY+...").unwrap();
    }
    record(&config, 3);
    let names = names(folder.path());
    assert!(
        !names.iter().any(|name| left.contains(&name.as_str())),
        "{names:?}"
    );
    assert_eq!(log("verify", folder.path(), &[]).code, 0);
}

/// Killed at any moment of its first start, the program leaves no part of a key behind.
#[test]
fn a_program_that_is_killed_leaves_no_key_behind() {
    for round in 0..12_u32 {
        let folder = tempfile::tempdir().unwrap();
        let events = folder.path().join("events");
        let mut child = crate::common::command()
            .args(["run", "--source", "synthetic:1", "--realtime", "--log"])
            .arg(&events)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let start = std::time::Instant::now();
        while !events.exists() && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(u64::from(round) * 400));
        child.kill().unwrap();
        child.wait().unwrap();
        for name in names(&events) {
            let text = fs::read(events.join(&name)).unwrap_or_default();
            let is_key = String::from_utf8_lossy(&text).contains("PRIVATE+KEY");
            assert!(!is_key || name == "log.key", "{name} holds the key");
        }
        // It goes on from whatever there is.
        EventRecorder::open(&config(&events, 0, SyncPolicy::Always)).unwrap();
    }
}

/// Somebody deletes what was logged and leaves the key: a fresh log looks as if nothing had
/// happened.
#[test]
fn a_log_that_begins_anew_under_an_old_key_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), 0, SyncPolicy::Always);
    record(&config, 6);
    assert_eq!(log("verify", folder.path(), &[]).code, 0);
    for name in names(folder.path()) {
        if name.starts_with("entries-") || name == "checkpoint" {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
    record(&config, 3);
    let public = folder.path().join("log.pub");
    let key = fs::read_to_string(&public).unwrap();
    let verified = log("verify", folder.path(), &["--key", key.trim()]);
    assert_eq!(verified.code, 1, "{}", verified.stdout);
    assert!(verified.stdout.contains("6 more"), "{}", verified.stdout);
}

/// A flag in a record of a later release: nobody may read "nothing was flagged".
#[test]
fn entries_of_a_later_release_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), 0, SyncPolicy::Always);
    record(&config, 3);
    let key = fs::read_to_string(folder.path().join("log.key")).unwrap();
    let storage = FolderStorage::lock(folder.path()).unwrap();
    let key = SigningKey::parse(&key).unwrap();
    let (mut written, _) = EventLog::open(storage, key, config.log).unwrap();
    written
        .append(&[0, EVENT_FORMAT + 1, 1, 2, 3], Duration::from_secs(1))
        .unwrap();
    written.append(&[9, 9], Duration::from_secs(2)).unwrap();
    written.close().unwrap();

    let verified = log("verify", folder.path(), &[]);
    assert!(
        verified.stdout.contains("intact: 5 entries"),
        "{}",
        verified.stdout
    );
    let exported = log("export", folder.path(), &[]);
    assert_eq!(exported.code, 2, "{}", exported.stderr);
    assert!(
        exported.stderr.contains(
            "2 entries of the log cannot be read, the first is 3: event record of format 4"
        ),
        "{}",
        exported.stderr
    );
    let lines = exported.lines();
    assert_eq!(lines.len(), 5);
    assert_eq!(
        (&lines[3]["entry"], &lines[3]["bytes"]),
        (&3.into(), &"0004010203".into())
    );
    assert!(lines[4]["unread"].is_string(), "{}", lines[4]);
    let listed = unmask(&["review", "list", folder.path().to_str().unwrap()]);
    assert_eq!(listed.code, 2, "{}", listed.stdout);
    assert!(!listed.stdout.contains("nothing"), "{}", listed.stdout);
    assert!(
        listed.stderr.contains("cannot be read"),
        "{}",
        listed.stderr
    );
}

#[test]
fn what_run_tells_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    let folder = events.to_str().unwrap();
    let source = ["run", "--source", "synthetic:1", "--max-frames", "120"];
    let how = ["--every", "20", "--format", "jsonl", "--log", folder];
    let stills = ["--stills", "2", "--stills-days", "1"];
    let ran = unmask(&[&source[..], &how, &stills].concat());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let told = ran.lines();
    let told: Vec<&Value> = told
        .iter()
        .filter(|line| line.get("kind").is_some())
        .collect();
    assert!(told.len() >= 4, "{}", ran.stdout);

    let exported = log("export", &events, &[]);
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let exported = exported.lines();
    assert_eq!(exported.len(), told.len());
    for (index, (told, logged)) in told.iter().zip(&exported).enumerate() {
        let event = &logged["event"];
        assert_eq!(logged["entry"], index as u64);
        assert_eq!(event["sequence"], index as u64);
        assert!(event["time_us"].as_u64().unwrap() > 1_577_836_800_000_000);
        for field in [
            "kind", "verdict", "track", "frame", "score", "model", "source",
        ] {
            assert_eq!(event[field], told[field], "{field}");
        }
        let is_evidence = told["kind"] == "verdict_changed" && told["verdict"] == "manipulated";
        assert_eq!(logged["still"].is_string(), is_evidence, "{logged}");
    }
    let stills = fs::read_dir(events.join("stills")).unwrap().count();
    assert!((1..=2).contains(&stills), "{stills} stills");

    let tail = log("tail", &events, &["-n", "2"]);
    assert_eq!(tail.stdout.lines().count(), 2, "{}", tail.stdout);
    let verified = log("verify", &events, &[]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let wanted = format!("intact: {} entries", told.len());
    assert!(verified.stdout.contains(&wanted), "{}", verified.stdout);
    assert!(
        verified.stdout.contains("--checkpoint"),
        "{}",
        verified.stdout
    );
}

#[test]
fn a_log_goes_on_and_its_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    record(&config(&events, 0, SyncPolicy::OnClose), 20);
    let entries = |verified: &Ran| verified.stdout.lines().next().unwrap().to_owned();
    let kept = folder.path().join("kept");
    fs::copy(events.join("checkpoint"), &kept).unwrap();
    let key = fs::read_to_string(events.join("log.pub")).unwrap();
    let first = log("verify", &events, &[]);
    let every = SyncPolicy::Every {
        entries: 4,
        wait: Duration::from_millis(3),
    };
    record(&config(&events, 0, every), 9);
    let with = ["--key", key.trim(), "--checkpoint", kept.to_str().unwrap()];
    let both = log("verify", &events, &with);
    assert_eq!(both.code, 0, "{}", both.stdout);
    assert_eq!(entries(&first), "intact: 20 entries");
    for count in [1, 7, 29, 100] {
        let tail = log("tail", &events, &["-n", &count.to_string()]);
        let numbers = tail
            .stdout
            .lines()
            .map(|line| line.split_whitespace().next());
        let numbers: Vec<usize> = numbers.map(|n| n.unwrap().parse().unwrap()).collect();
        let wanted: Vec<usize> = (29_usize.saturating_sub(count)..29).collect();
        assert_eq!(numbers, wanted, "{}", tail.stdout);
    }
    assert_eq!(entries(&both), "intact: 29 entries");
    assert!(!both.stdout.contains("--key"), "{}", both.stdout);

    let file = newest(&events);
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    fs::write(&file, &flipped).unwrap();
    for command in ["verify", "tail", "export"] {
        let ran = log(command, &events, &[]);
        assert_eq!(ran.code, 1, "{command}: {}", ran.stdout);
        let told = ran.stdout + &ran.stderr;
        assert!(told.contains("NOT INTACT: entry"), "{command}: {told}");
    }
    let refused = unmask(&[
        "run",
        "--source",
        "synthetic",
        "--log",
        events.to_str().unwrap(),
    ]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("damaged, entry"),
        "{}",
        refused.stderr
    );
    fs::write(&file, &whole).unwrap();

    let other = log("verify", &events, &["--key", "x+00000000+AAAA"]);
    assert_eq!(other.code, 2);
    fs::remove_file(events.join("log.key")).unwrap();
    let refused = unmask(&[
        "run",
        "--source",
        "synthetic",
        "--log",
        events.to_str().unwrap(),
    ]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("log.key is missing"),
        "{}",
        refused.stderr
    );
    let missing = log("verify", &folder.path().join("nowhere"), &[]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("nowhere"), "{}", missing.stderr);
}

#[test]
fn a_still_may_go_but_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    record(&config(&events, 5, SyncPolicy::Always), 20);
    let verified = log("verify", &events, &[]);
    let wanted = "5 genuine, 2 no longer kept";
    assert!(verified.stdout.contains(wanted), "{}", verified.stdout);
    let stills: Vec<PathBuf> = fs::read_dir(events.join("stills"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let still = &stills[0];
    let mut bytes = fs::read(still).unwrap();
    assert!(image::load_from_memory(&bytes).is_ok());
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    fs::write(still, bytes).unwrap();
    let verified = log("verify", &events, &[]);
    assert_eq!(verified.code, 1, "{}", verified.stdout);
    assert!(
        verified.stdout.contains("the still of entry"),
        "{}",
        verified.stdout
    );
    fs::remove_file(still).unwrap();
    let verified = log("verify", &events, &[]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert!(
        verified.stdout.contains("4 genuine, 3 no longer kept"),
        "{}",
        verified.stdout
    );
}

/// Runs the independent verifier; `None` where Python has not what it needs.
fn python(folder: &Path, more: &[&str]) -> Option<Ran> {
    let output = Command::new("python3")
        .arg(VERIFIER)
        .arg(folder)
        .args(more)
        .output();
    let ran = crate::common::ran(&output.ok()?);
    (ran.code != 77).then_some(ran)
}

#[test]
fn a_program_in_another_language_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    record(&config(&events, 2, SyncPolicy::Always), 25);
    let Some(ran) = python(&events, &[]) else {
        skip(
            "a_program_in_another_language_agrees",
            "python3 with the package cryptography is not installed (pip install cryptography)",
        );
        return;
    };
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let key = fs::read_to_string(events.join("log.pub")).unwrap();
    let kept = folder.path().join("kept");
    fs::copy(events.join("checkpoint"), &kept).unwrap();
    let with = [key.trim(), kept.to_str().unwrap()];
    assert_eq!(python(&events, &with).unwrap().code, 0);

    let file = newest(&events);
    let whole = fs::read(&file).unwrap();
    // Behind the beginning of the file: what was read is counted in records.
    for at in [90, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 16;
        fs::write(&file, flipped).unwrap();
        let (ours, theirs) = (log("verify", &events, &[]), python(&events, &[]).unwrap());
        assert_eq!((ours.code, theirs.code), (1, 1), "{}", theirs.stderr);
        let entry = |ran: &Ran| ran.stdout.split(':').nth(1).unwrap().to_owned();
        assert_eq!(entry(&ours), entry(&theirs), "byte {at}");
    }
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(python(&events, &[]).unwrap().code, 1);
}
