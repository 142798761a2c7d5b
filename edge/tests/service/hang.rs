//! Commands that hang, and do not want to end: the service ends in time all the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
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
pub fn is_dead(pid: &str) -> bool {
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

/// Sends a signal to a program and waits for its end, which it must come to.
fn ended_by(signal: &str, child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return status,
            None if start.elapsed() > 2 * END => {
                child.kill().unwrap();
                panic!("it does not end after {signal}");
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
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
        let status = ended_by(signal, &mut child);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(start.elapsed() < END, "{:?}", start.elapsed());
        assert!(is_dead(&ffmpeg), "ffmpeg still runs");
    }
}

/// Whatever asks for the end, and with a configuration file or without: one way out, with a safe
/// alarm, no children and a whole log.
#[test]
fn every_signal_leaves_by_one_way() {
    for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        let line = "echo $$ > pid; while :; do head -c 9216 /dev/zero; sleep 0.03; done";
        let mut child = command()
            .current_dir(place)
            .args([
                "run",
                "--command",
                line,
                "--size",
                "64x48",
                "--log",
                "events",
            ])
            .args([
                "--set",
                "alarm.transcript=pin",
                "--set",
                "alarm.stall_ms=3000",
            ])
            .args([
                "--set",
                "alarm.patterns.idle=on",
                "--set",
                "alarm.patterns.fault=on",
            ])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let camera = pid(&place.join("pid"));
        let pin = place.join("pin");
        let start = Instant::now();
        while !fs::exists(&pin).unwrap() || levels(&pin).last() != Some(&true) {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{signal}: never lit"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = ended_by(signal, &mut child);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(is_dead(&camera), "{signal}: the command still runs");
        assert_eq!(levels(&pin).last(), Some(&false), "{signal}: not safe");
        let verified = crate::common::unmask_in(place, &["log", "verify", "events"]);
        assert_eq!(verified.code, 0, "{signal}: {}", verified.stdout);
    }
}

/// A video whose disk goes away in the middle: within two seconds it is a fault on the pin and in
/// the metrics, and nobody is in view any more.
#[test]
fn a_video_that_hangs_is_a_fault_within_two_seconds() {
    if !crate::common::have_ffmpeg("a_video_that_hangs_is_a_fault_within_two_seconds") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let clip = crate::common::person(8, 40);
    crate::common::encode(&clip, &place.join("clip.mp4"), &[]);
    let tools = place.join("tools");
    fs::create_dir(&tools).unwrap();
    // The first thirty frames of 640 x 480.
    let real = Command::new("which").arg("ffmpeg").output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    install(
        &tools,
        "ffmpeg",
        &format!(
            "case $1 in -version) exec {0} -version;; esac\n\
             {0} \"$@\" | head -c 27648450\necho > hangs\nsleep 60",
            real.trim()
        ),
    );
    let path = std::env::var("PATH").unwrap();
    let page = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut child = command()
        .current_dir(place)
        .args(["run", "--source", "clip.mp4", "--format", "jsonl"])
        .args(["--set", &format!("web.address={page}")])
        .args([
            "--set",
            "alarm.transcript=pin",
            "--set",
            "alarm.stall_ms=3000",
        ])
        .args([
            "--set",
            "alarm.patterns.fault=on",
            "--set",
            "verdict.clear_ms=0",
        ])
        .args(["--set", "verdict.hold_ms=0"])
        .env("PATH", format!("{}:{path}", tools.display()))
        .stdout(fs::File::create(place.join("events")).unwrap())
        .spawn()
        .unwrap();
    let metrics = || {
        use std::io::{Read, Write};
        let mut answer = String::new();
        if let Ok(mut stream) = std::net::TcpStream::connect(page) {
            let ask = format!("GET /metrics HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(ask.as_bytes());
            let _ = stream.read_to_string(&mut answer);
        }
        answer
    };
    let wait = |what: &str, within: Duration, is_so: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < within, "{what}: {}", metrics());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let long = Duration::from_secs(30);
    wait("no hang", long, &|| place.join("hangs").exists());
    let start = Instant::now();
    // Those frames that are on their way are judged meanwhile.
    let soon = Duration::from_millis(2500);
    wait("the pin", soon, &|| {
        levels(&place.join("pin")).last() == Some(&true)
    });
    wait("the metrics", soon, &|| {
        metrics().contains("unmask_camera_up{camera=\"clip.mp4\"} 0")
    });
    assert!(start.elapsed() < soon, "{:?}", start.elapsed());
    let events = fs::read_to_string(place.join("events")).unwrap();
    assert!(events.contains("camera_lost"), "{events}");
    assert!(events.contains("track_ended"), "{events}");
    child.kill().unwrap();
    child.wait().unwrap();
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
