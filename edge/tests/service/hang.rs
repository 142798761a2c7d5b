//! Commands that hang, and do not want to end: the service ends in time all the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::command;
use crate::running::{Running, levels};

/// The service has ended by then: half a second for the command to end by itself, and
/// some for a busy machine.
const END: Duration = Duration::from_secs(3);

const CONFIG: &str = "
[capture]
command = 'exec sh camera.sh'
size = '64x48'
restart = true
[alarm]
transcript = 'pin'
patterns.fault = 'on'
";

/// Whatever a command may do instead of ending; it tells its number first.
const COMMANDS: [&str; 3] = [
    // It writes nothing.
    "trap '' TERM INT HUP; echo $$ > pid; while :; do sleep 1; done",
    // It writes some frames, and half of one.
    "trap '' TERM INT HUP; head -c 50000 /dev/zero; echo $$ > pid; while :; do sleep 1; done",
    // It closes its output.
    "trap '' TERM INT HUP; echo $$ > pid; exec >&-; while :; do sleep 1; done",
];

/// Waits for a file that tells the number of a process.
fn pid(path: &Path) -> String {
    let start = Instant::now();
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(start.elapsed() < Duration::from_secs(10), "no {path:?}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Somebody else may have to collect it, but it is dead.
fn is_dead(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat"));
    state.map_or(true, |state| state.contains(") Z "))
}

#[test]
fn a_command_that_hangs_does_not_hold_up_the_end() {
    for (line, signal, code) in [
        (COMMANDS[0], "-TERM", Some(0)),
        (COMMANDS[0], "-INT", Some(0)),
        (COMMANDS[1], "-TERM", Some(0)),
        (COMMANDS[2], "-TERM", Some(0)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("camera.sh"), line).unwrap();
        let mut running = Running::start_in(folder, CONFIG);
        let pid = pid(&running.folder.path().join("pid"));
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        running.signal(signal);
        assert_eq!(running.end(), code, "{}", running.stderr());
        let took = start.elapsed();
        assert!(took < END, "{took:?} for {line:?}");
        assert!(is_dead(&pid), "{pid} still runs: {line:?}");
        let pin = running.folder.path().join("pin");
        assert_ne!(levels(&pin).last(), Some(&true), "the alarm is not safe");
        assert!(!running.stderr().contains("left behind"));
    }
}

/// Puts a program into the folder.
fn install(folder: &Path, name: &str, line: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_video_that_hangs_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let answer = r#"echo '{"streams":[{"avg_frame_rate":"30/1"}]}'"#;
    install(place, "ffprobe", answer);
    install(place, "ffmpeg", COMMANDS[0]);
    fs::write(place.join("clip.mp4"), "no video").unwrap();
    for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
        let _ = fs::remove_file(place.join("pid"));
        let mut child = command()
            .current_dir(place)
            .args(["run", "--source", "clip.mp4"])
            .env("PATH", format!("{}:/usr/bin:/bin", place.display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let ffmpeg = pid(&place.join("pid"));
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > 2 * END => {
                    child.kill().unwrap();
                    panic!("it does not end after {signal}");
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(start.elapsed() < END, "{:?}", start.elapsed());
        assert!(is_dead(&ffmpeg), "ffmpeg still runs");
    }
}

/// The manager's watchdog runs only once the service is ready.
#[test]
fn a_start_that_hangs_ends_so_that_it_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let manager = place.join("notify");
    let _socket = std::os::unix::net::UnixDatagram::bind(&manager).unwrap();
    // Opening a pipe waits for somebody who writes.
    let config = place.join("kiosk.toml");
    let made = Command::new("mkfifo").arg(&config).status();
    assert!(made.unwrap().success());
    let start = Instant::now();
    let mut child = command()
        .args(["run", "--config"])
        .arg(&config)
        .env("NOTIFY_SOCKET", &manager)
        .env("WATCHDOG_USEC", "7000000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_secs(20) => {
                child.kill().unwrap();
                panic!("it hangs for ever");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(6), "{status}");
    // With the second that the unit waits, it is there again within ten.
    assert!(
        start.elapsed() < Duration::from_secs(9),
        "{:?}",
        start.elapsed()
    );
}
