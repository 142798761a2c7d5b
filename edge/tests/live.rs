//! Commands and cameras as sources, as a user starts them.
#![cfg(unix)]

mod common;

use serde_json::Value;
use std::io;
use std::time::{Duration, Instant};

use common::{log_until, person, save, unmask, unmask_in};
use unmask_edge::capture::device::{Buffer, Bus, Device, WantedFormat};
use unmask_edge::capture::process::{CommandLine, ProcessBus};
use unmask_edge::capture::{
    Attached, CameraConfig, CameraSetup, Cameras, CaptureLimits, FaultKind, Format, PixelFormat,
    Taken,
};
use unmask_edge::source::Frame;

/// Long enough for what a program would say again.
const THREE_SECONDS: Duration = Duration::from_secs(3);

fn run_command<'a>(line: &'a str, more: &[&'a str]) -> common::Ran {
    let mut arguments = vec!["run", "--command", line];
    arguments.extend_from_slice(more);
    unmask(&arguments)
}

#[test]
fn a_command_that_ends_well_is_read_to_its_end() {
    // Ten frames of 64x48 pixels in three bytes.
    let ran = run_command("head -c 92160 /dev/zero", &["--size", "64x48"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("in 10 frames"), "{}", ran.stdout);
    let ran = run_command(
        "head -c 46080 /dev/zero",
        &["--size", "64x48", "--pixels", "nv12"],
    );
    assert!(ran.stdout.contains("in 10 frames"), "{}", ran.stdout);
}

#[test]
fn frames_of_a_command_are_judged_like_those_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let mut raw = Vec::new();
    for frame in person(8, 20) {
        save(&frame, &pictures.join(format!("{:03}.png", frame.index)));
        raw.extend_from_slice(&frame.rgb);
    }
    std::fs::write(folder.path().join("frames.rgb"), raw).unwrap();
    let watch = |input: &[&str]| {
        // Searches of every frame alone are the same each time, and so is a network that judges
        // every frame: how fast a command's frames come depends on the machine.
        let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/afsl-stream-m");
        let mut arguments = vec!["run", "--every", "1", "--format", "jsonl"];
        arguments.extend(["--bundle", bundle]);
        arguments.extend_from_slice(input);
        let mut events = unmask_in(folder.path(), &arguments).lines();
        for event in &mut events {
            event["source"].take();
            event["time_us"].take();
            event["run"].take();
            for key in ["stream_us", "rate_hz"] {
                event[key].take();
            }
        }
        events
    };
    // Faces are followed by the time of their frames, and those of a command are of the moment
    // when they came: the crops, and with them the scores, differ by a little.
    let apart = |one: &mut Value, other: &mut Value, key: &str| {
        let [one, other] = [one, other].map(|event| event[key].take().as_f64().unwrap_or(0.0));
        (one - other).abs()
    };
    let mut from_folder = watch(&["--folder", "pictures"]);
    let mut from_command = watch(&["--command", "cat frames.rgb", "--size", "640x480"]);
    assert!(!from_folder.is_empty());
    for (one, other) in from_folder.iter_mut().zip(&mut from_command) {
        assert!(apart(one, other, "score") < 0.02, "{one} {other}");
        assert!(apart(one, other, "llr") < 0.2, "{one} {other}");
    }
    assert_eq!(from_folder, from_command);
}

#[test]
fn a_command_that_fails_is_tried_again_a_few_times_and_its_words_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let line = "echo x >> tries; echo the lens fell off >&2; exit 3";
    let ran = unmask_in(folder.path(), &["run", "--command", line]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("exit status: 3"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the lens fell off"), "{}", ran.stderr);
    let tries = std::fs::read_to_string(folder.path().join("tries")).unwrap();
    assert_eq!(tries.lines().count(), 5);
}

#[test]
fn half_a_frame_is_a_hint_at_the_size() {
    let ran = run_command("head -c 1000 /dev/zero", &["--size", "64x48"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("is --size right?"), "{}", ran.stderr);
}

/// Frames of another size than was said are skewed: the end gives them away, and they are not begun
/// again for ever.
#[test]
fn a_wrong_size_is_noticed_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    // Ten frames of 64x48, taken for frames of 80x50.
    let line = "echo x >> tries; head -c 92160 /dev/zero";
    let ran = unmask_in(
        folder.path(),
        &["run", "--command", line, "--size", "80x50"],
    );
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("is --size right?"), "{}", ran.stderr);
    let tries = std::fs::read_to_string(folder.path().join("tries")).unwrap();
    assert_eq!(tries.lines().count(), 1);
}

#[test]
fn the_command_and_all_it_started_end_with_the_program() {
    let folder = tempfile::tempdir().unwrap();
    // A pipeline, whose first part would never end by itself.
    let line = "echo $$ > pid; (trap '' PIPE; sleep 1000 & echo $! > child; cat /dev/zero) | cat";
    let arguments = [
        "run",
        "--command",
        line,
        "--size",
        "64x48",
        "--max-frames",
        "3",
    ];
    let ran = unmask_in(folder.path(), &arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for name in ["pid", "child"] {
        let pid = std::fs::read_to_string(folder.path().join(name)).unwrap();
        // Somebody else may have to collect it, but it is dead, or will be as soon as the system
        // finds the time.
        let dead = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.map_or(true, |state| state.contains(") Z "))
        };
        let start = Instant::now();
        while !dead() && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(dead(), "{name} {pid} still runs");
    }
}

#[test]
fn a_camera_that_is_not_there_is_named_with_what_to_do() {
    let ran = unmask(&["run", "--camera", "/dev/video987"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("/dev/video987"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("unmask-edge cameras") || ran.stderr.contains("there are:"),
        "{}",
        ran.stderr
    );
    let ran = unmask(&["cameras"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stdout.is_empty());
}

fn setup(label: &str, bus: Box<dyn Bus>, limits: CaptureLimits) -> CameraSetup {
    CameraSetup {
        label: label.into(),
        config: CameraConfig {
            name: ProcessBus::NAME.into(),
            limits,
            ..CameraConfig::default()
        },
        bus,
        lose_none: false,
    }
}

#[test]
fn passwords_of_network_cameras_are_not_told() {
    if !common::have_ffmpeg("passwords_of_network_cameras_are_not_told") {
        return;
    }
    let mut command = common::command();
    command
        .args(["run", "--source", "rtsp://me:secret@127.0.0.1:1/live"])
        .env("RUST_LOG", "unmask_edge=debug");
    let log = log_until(&mut command, THREE_SECONDS, "rtsp://127.0.0.1:1/live");
    assert!(!log.contains("secret"), "{log}");
}

/// A camera that refuses its password, through an ffmpeg that says so.
#[test]
fn a_wrong_password_is_not_tried_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let tries = place.join("tries");
    let program = format!(
        "#!/bin/sh\ncase $1 in -version) echo 'ffmpeg version 5.1'; exit;; esac\n\
         echo x >> {}; echo '[rtsp @ 0x1] method DESCRIBE failed: 401 Unauthorized' >&2; exit 1\n",
        tries.display()
    );
    std::fs::write(place.join("ffmpeg"), program).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.join("ffmpeg"), mode).unwrap();
    let mut command = common::command();
    command
        .args(["run", "--source", "rtsp://me:secret@camera/live"])
        .env("PATH", format!("{}:/usr/bin:/bin", place.display()))
        .env("RUST_LOG", "error");
    let log = log_until(&mut command, THREE_SECONDS, "not tried again");
    let tries = std::fs::read_to_string(&tries).unwrap();
    assert_eq!(tries.lines().count(), 3, "{log}");
    assert!(
        log.contains("password right?") && !log.contains("secret"),
        "{log}"
    );
}

/// Pictures that tell their size need no --size, and may change it.
#[test]
fn a_command_may_tell_the_size_of_each_frame() {
    let picture = |width: usize, height: usize| {
        let mut bytes = format!("P6\n{width} {height}\n255\n").into_bytes();
        bytes.resize(bytes.len() + 3 * width * height, 80);
        bytes
    };
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    (0..5).for_each(|_| bytes.extend(picture(48, 64)));
    (0..4).for_each(|_| bytes.extend(picture(64, 48)));
    let path = folder.path().join("frames.ppm");
    std::fs::write(&path, &bytes).unwrap();
    let ran = unmask_in(folder.path(), &["run", "--command", "cat frames.ppm"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("in 9 frames"), "{}", ran.stdout);
    bytes.truncate(bytes.len() - 7);
    std::fs::write(&path, &bytes).unwrap();
    let ran = unmask_in(folder.path(), &["run", "--command", "cat frames.ppm"]);
    assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
}

/// A portrait behind a known command keeps its shape, so that people in it are people.
#[test]
fn a_portrait_is_not_stretched() {
    if !common::have_ffmpeg("a_portrait_is_not_stretched") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let portrait = ["-vf", "crop=270:480,setsar=1"];
    common::encode(&person(8, 40), &folder.path().join("tall.mp4"), &portrait);
    let ran = unmask_in(
        folder.path(),
        &["run", "--source", "ffmpeg:tall.mp4", "--format", "jsonl"],
    );
    assert_ne!(ran.code, 2, "{}", ran.stderr);
    let events = ran.lines();
    assert!(!events.is_empty(), "nobody was seen: {}", ran.stderr);
}

#[test]
fn a_live_command_that_dies_is_started_again() {
    let bus = ProcessBus {
        label: "network".into(),
        command: CommandLine::Shell("head -c 9216 /dev/urandom; sleep 0.2; exit 1".into()),
        hidden: Vec::new(),
        input: None,
        format: Format::packed(PixelFormat::Rgb24, 64, 48).unwrap(),
        may_end: false,
    };
    let limits = CaptureLimits {
        retry_first: Duration::from_millis(10),
        ..CaptureLimits::default()
    };
    let mut cameras = Cameras::start(vec![setup("network", Box::new(bus), limits)]).unwrap();
    let mut frame = Frame::default();
    for index in 0..3 {
        let taken = cameras.take(&mut frame, Duration::from_secs(20));
        assert_eq!((taken, frame.index), (Taken::Frame(0), index));
    }
    let status = &cameras.status()[0];
    assert!(status.faults.get(FaultKind::Ended) >= 2, "{status:?}");
}

/// A camera at 100 frames/s, or one whose driver takes a second to fail.
struct Fake {
    dead: bool,
    picture: Vec<u8>,
}

impl Bus for Fake {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        Ok(vec![Attached {
            path: ProcessBus::NAME.into(),
            bus: ProcessBus::NAME.into(),
            serial: None,
            card: String::new(),
            driver: String::new(),
            is_virtual: false,
        }])
    }

    fn open(&mut self, _: &Attached, _: &WantedFormat) -> io::Result<Box<dyn Device>> {
        if self.dead {
            std::thread::sleep(Duration::from_millis(2500));
            return Err(io::Error::from_raw_os_error(5));
        }
        let picture = self.picture.clone();
        Ok(Box::new(Self {
            dead: false,
            picture,
        }))
    }
}

impl Device for Fake {
    fn format(&mut self) -> io::Result<Format> {
        Format::packed(PixelFormat::Rgb24, 8, 8).map_err(io::Error::other)
    }

    fn dequeue(&mut self, _: Duration) -> io::Result<Buffer<'_>> {
        std::thread::sleep(Duration::from_millis(10));
        self.picture[0] = self.picture[0].wrapping_add(1);
        Ok(Buffer {
            bytes: &self.picture,
            used: self.picture.len(),
            has_error: false,
            size: None,
            time: Duration::ZERO,
        })
    }
}

#[test]
fn a_dead_camera_does_not_slow_another_and_a_hanging_driver_is_noticed() {
    let fake = |dead| {
        let picture = vec![99; 3 * 64];
        Box::new(Fake { dead, picture })
    };
    let mut cameras = Cameras::start(vec![
        setup("dead", fake(true), CaptureLimits::default()),
        setup("alive", fake(false), CaptureLimits::default()),
    ])
    .unwrap();
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    let mut frame = Frame::default();
    while start.elapsed() < Duration::from_millis(3500) {
        let before = Instant::now();
        let taken = cameras.take(&mut frame, Duration::from_secs(5));
        assert_eq!(taken, Taken::Frame(1));
        longest = longest.max(before.elapsed());
    }
    let status = cameras.status();
    assert!(status[1].frames > 50, "{} frames", status[1].frames);
    assert!(longest < Duration::from_secs(1), "waited {longest:?}");
    assert_eq!(status[0].faults.get(FaultKind::Stalled), 1);
    assert!(status[0].faults.get(FaultKind::Io) >= 1, "{:?}", status[0]);
    assert_eq!(status[1].active, []);
}
