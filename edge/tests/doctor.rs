//! `unmask-edge doctor`.

mod common;

use serde_json::Value;

use common::unmask_in;

fn doctor(folder: &std::path::Path, more: &[&str]) -> (i32, Vec<Value>) {
    let all = [&["doctor", "--format", "json"][..], more].concat();
    let ran = unmask_in(folder, &all);
    let checks: Value = serde_json::from_str(&ran.stdout).expect(&ran.stderr);
    (ran.code, checks.as_array().unwrap().clone())
}

fn level<'a>(checks: &'a [Value], name: &str) -> (&'a str, &'a str, &'a str) {
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("{name} is missing in {checks:?}"));
    let text = |key: &str| check[key].as_str().unwrap();
    (text("level"), text("found"), text("remedy"))
}

#[test]
fn a_sound_machine_has_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let run = "run --source synthetic:8 --max-frames 30 --log events";
    unmask_in(folder.path(), &run.split(' ').collect::<Vec<_>>());
    let set = ["--set", "source=synthetic", "--set", "log.folder=events"];
    let (code, checks) = doctor(folder.path(), &set);
    for name in [
        "configuration",
        "source",
        "model",
        "self-test",
        "event log",
        "storage",
        "alarm",
    ] {
        assert_eq!(level(&checks, name).0, "ok", "{checks:?}");
    }
    // A hot machine is a problem of its own.
    if level(&checks, "temperature").0 != "problem" && level(&checks, "clock").0 != "problem" {
        assert_eq!(code, 0, "{checks:?}");
    }
    let text = unmask_in(folder.path(), &[&["doctor"][..], &set].concat());
    assert!(text.stdout.contains("0 problems"), "{}", text.stdout);
}

#[test]
fn what_is_wrong_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    std::fs::write(here.join("token"), "a-token-for-a-test").unwrap();
    std::fs::write(here.join("no-folder"), "").unwrap();
    let sets = [
        "source=clips/none.mp4".to_owned(),
        "alarm.chip=98".into(),
        "alarm.line=4".into(),
        "serial.port=/dev/ttyNONE".into(),
        "log.folder=no-folder/events".into(),
        "model.bundle=none".into(),
        "web.token_file=token".into(),
        format!("web.address={address}"),
        "mqtt.host=127.0.0.1".into(),
        "mqtt.port=1".into(),
    ];
    let sets: Vec<&str> = sets
        .iter()
        .flat_map(|set| ["--set", set.as_str()])
        .collect();
    let (code, checks) = doctor(here, &sets);
    assert_eq!(code, 1);
    for (name, wanted, told) in [
        ("source", "problem", "none.mp4"),
        ("alarm", "problem", "/dev/gpiochip98"),
        ("serial line", "problem", "/dev/ttyNONE"),
        ("storage", "problem", "no-folder"),
        ("model", "problem", "none"),
        ("token", "warning", "token"),
        ("live page", "warning", "in use"),
        ("broker", "warning", "127.0.0.1:1"),
    ] {
        let (is, found, remedy) = level(&checks, name);
        assert_eq!(is, wanted, "{name}: {found}");
        assert!(found.contains(told), "{name}: {found}");
        assert!(
            !remedy.is_empty() || found.contains(';'),
            "{name}: no remedy for {found}"
        );
    }
    let (code, checks) = doctor(here, &["--set", "alarm.lines=4"]);
    let (is, found, _) = level(&checks, "configuration");
    assert_eq!((code, is), (1, "problem"));
    assert!(found.contains("alarm.line"), "{found}");
}

/// Root reads every file, the service does not.
#[test]
fn a_token_that_only_root_may_read_is_told() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a-token-for-a-test-of-24").unwrap();
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    let is_of_root = std::fs::metadata(&token).unwrap().uid() == 0;
    let set = [
        "--set",
        "source=synthetic",
        "--set",
        "web.token_file=token",
        "--set",
        "web.address=127.0.0.1:0",
    ];
    let (_, checks) = doctor(folder.path(), &set);
    let (is, found, remedy) = level(&checks, "token");
    match is_of_root {
        true => assert_eq!(is, "warning", "{found}"),
        false => assert_eq!(is, "ok", "{found}"),
    }
    assert!(!is_of_root || remedy.contains("chgrp"), "{remedy}");
}

#[test]
fn a_damaged_log_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let run = "run --source synthetic:8 --max-frames 60 --log events";
    unmask_in(folder.path(), &run.split(' ').collect::<Vec<_>>());
    let file = folder.path().join("events/entries-00000000000000000000");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (code, checks) = doctor(
        folder.path(),
        &["--set", "log.folder=events", "--set", "source=synthetic"],
    );
    let (is, found, remedy) = level(&checks, "event log");
    assert_eq!((code, is), (1, "problem"), "{found}");
    assert!(
        found.contains("NOT INTACT") && remedy.contains("log verify"),
        "{found}"
    );
}
