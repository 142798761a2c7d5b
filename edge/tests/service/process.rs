//! The program as a service: what the service manager and the alarm see of it.

use std::fs;
use std::time::{Duration, Instant};

use crate::common::{command, unmask, unmask_in};
use crate::running::{Running, levels};

const CONFIG: &str = "
source = 'synthetic:5'
realtime = true
format = 'jsonl'
[verdict]
hold_ms = 100
clear_ms = 100
[alarm]
transcript = 'pin'
stall_ms = 2000
patterns.idle = '200/200'
patterns.genuine = '200/200'
patterns.undecided = '200/200'
[log]
folder = 'events'
";

#[test]
fn a_service_is_ready_reloads_refuses_and_ends_with_its_alarm_safe() {
    let mut running = Running::start(CONFIG);
    let before = running.wait_for("READY=1");
    assert_eq!(before, ["READY=1"], "nothing is told before");
    let fed = running.wait_for("WATCHDOG=1");
    assert!(fed.len() <= 3, "{fed:?}");

    running.configure(&CONFIG.replace("[verdict]", "[verdict]\nfalse_alarm = 0.002"));
    let told = running.wait_for("STATUS=thresholds reloaded");
    assert!(
        told.last().unwrap().contains("false alarm 0.002"),
        "{told:?}"
    );

    for (wrong, wanted) in [
        ("[verdict]\nfalse_alarm = 0.7", "false_alarm is 0.7"),
        ("[verdict]\nfalse_alarms = 0.1", "false_alarms"),
        ("[verdict", "TOML"),
    ] {
        running.configure(&CONFIG.replace("[verdict]", wrong));
        let told = running.wait_for("STATUS=configuration refused");
        assert!(told.last().unwrap().contains(wanted), "{told:?}");
    }
    // A pipe in its place does not hold up the pipeline.
    let config = running.folder.path().join("kiosk.toml");
    fs::remove_file(&config).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&config).status();
    assert!(made.unwrap().success());
    running.signal("-HUP");
    let told = running.wait_for("STATUS=configuration refused");
    assert!(told.last().unwrap().contains("plain file"), "{told:?}");
    // The service goes on with the thresholds that it had.
    running.wait_for("WATCHDOG=1");

    let pin = running.folder.path().join("pin");
    assert!(levels(&pin).contains(&true), "the alarm never blinked");
    // Until the lamp is on, so that its end is seen.
    let start = Instant::now();
    while !levels(&pin).last().is_some_and(|on| *on) {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(5));
    }
    running.signal("-TERM");
    assert_eq!(running.end(), Some(0), "{}", running.stderr());
    running.wait_for("STOPPING=1");
    assert_eq!(levels(&pin).last(), Some(&false), "the alarm is not safe");
    assert!(
        !running.stderr().contains("panicked"),
        "{}",
        running.stderr()
    );
    let verified = unmask_in(running.folder.path(), &["log", "verify", "events"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn a_configuration_is_read_in_layers_and_shown_with_its_origins() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kiosk.toml"), CONFIG).unwrap();
    let output = command()
        .current_dir(folder.path())
        .args([
            "run",
            "--config",
            "kiosk.toml",
            "--print-config",
            "--every",
            "7",
        ])
        .args(["--set", "serial.baud=9600"])
        .args(["--enrolled", "usb:1", "--enrolled", "usb:2"])
        .args(["--injection", "refuse", "--size", "640x480"])
        .env("UNMASK_EDGE__CAPTURE__PIXELS", "nv12")
        .args(["--set", "verdict.false_alarm=0.002"])
        .env("UNMASK_EDGE__VERDICT__MISS", "0.125")
        .env("UNMASK_EDGE__ALARM__PATTERNS__FAULT", "50/50")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for wanted in [
        "source = \"synthetic:5\"  # kiosk.toml",
        "every = 7  # --every",
        "baud = 9600  # --set",
        "false_alarm = 0.002  # --set",
        "miss = 0.125  # environment UNMASK_EDGE__VERDICT__MISS",
        "fault = \"50/50\"  # environment UNMASK_EDGE__ALARM__PATTERNS__FAULT",
        "manipulated = \"on\"  # default",
        "sync = \"always\"  # default",
        "enrolled = [\"usb:1\", \"usb:2\"]  # --enrolled",
        "injection = \"refuse\"  # --injection",
        "size = \"640x480\"  # --size",
        "rate = 30.0  # default",
        "pixels = \"nv12\"  # environment UNMASK_EDGE__CAPTURE__PIXELS",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    // What is printed is a configuration itself.
    fs::write(folder.path().join("printed.toml"), &text).unwrap();
    let again = ["run", "--config", "printed.toml", "--print-config"];
    let again = unmask_in(folder.path(), &again);
    let values = |text: &str| -> Vec<String> {
        let value = |line: &str| line.split("  #").next().unwrap_or_default().to_owned();
        text.lines().map(value).collect()
    };
    assert_eq!(values(&again.stdout), values(&text), "{}", again.stderr);
}

#[test]
fn an_input_on_the_command_line_replaces_that_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kiosk.toml"), CONFIG).unwrap();
    let print = |more: &[&str]| {
        let all = ["run", "--config", "kiosk.toml", "--print-config"];
        unmask_in(folder.path(), &[&all[..], more].concat()).stdout
    };
    let text = print(&["--camera", "usb-1", "--camera", "usb-2"]);
    for wanted in [
        "cameras = [\"usb-1\", \"usb-2\"]  # --camera",
        "source = \"\"  # --camera",
        "command = \"\"  # --camera",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    let text = print(&["--command", "cat"]);
    assert!(text.contains("command = \"cat\"  # --command"), "{text}");
    assert!(text.contains("source = \"\"  # --command"), "{text}");
    let text = print(&["--folder", "synthetic"]);
    assert!(
        text.contains("source = \"./synthetic\"  # --folder"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("pin.toml"),
        "[alarm]\nchip = 98\nline = 4",
    )
    .unwrap();
    let run = ["run", "--source", "synthetic", "--config", "pin.toml"];
    let ran = unmask_in(folder.path(), &run);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("/dev/gpiochip98"), "{}", ran.stderr);
    fs::write(folder.path().join("pin.toml"), "[alarm]\nline = [1]").unwrap();
    let ran = unmask_in(folder.path(), &run);
    assert!(ran.stderr.contains("a name or a number"), "{}", ran.stderr);
    let cases = [
        ("alarm.lines=17", "did you mean `alarm.line`"),
        ("alarm.line=17", "alarm.chip"),
        ("alarm.stall_ms=1", "alarm.stall_ms must be"),
        ("alarm.patterns.idle=100", "alarm.patterns.idle"),
        ("alarm.active_low=maybe", "alarm.active_low"),
        ("serial.baud=1", "serial.baud"),
        ("verdict.miss=0.9", "miss is 0.9"),
        ("log.key=k", "log.folder"),
        ("every=0", "every is 0"),
        ("source=synthetic:x", "seed"),
        ("capture.camera=x", "did you mean `capture.cameras`"),
        ("capture.cameras=/dev/video0", "exclude each other"),
        ("capture.size=640", "WIDTHxHEIGHT"),
        ("capture.rate=0", "capture.rate"),
        ("capture.pixels=blue", "no pixel format"),
        ("capture.injection=ignore", "capture.injection"),
        ("capture.silence_ms=1", "capture.silence_ms"),
    ];
    for (assignment, wanted) in cases {
        let ran = unmask(&["run", "--set", "source=synthetic", "--set", assignment]);
        assert_eq!(ran.code, 2, "{assignment}");
        assert!(ran.stderr.contains(wanted), "{assignment}: {}", ran.stderr);
    }
    let ran = unmask(&[
        "run",
        "--set",
        "alarm.chip=99",
        "--set",
        "alarm.line=4",
        "--source",
        "synthetic",
    ]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("/dev/gpiochip99"), "{}", ran.stderr);
    assert!(ran.stderr.contains("gpiodetect"), "{}", ran.stderr);
}

#[test]
fn a_log_that_cannot_be_written_ends_the_program_or_is_a_fault_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    // In place of the log's folder.
    fs::write(folder.path().join("events"), "").unwrap();
    let run = "run --source synthetic:5 --max-frames 40 --log events";
    let run: Vec<&str> = run.split(' ').collect();
    let ran = unmask_in(folder.path(), &run);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("events"), "{}", ran.stderr);
    let on = [&run[..], &["--set", "log.required=false"]].concat();
    let ran = unmask_in(folder.path(), &on);
    assert!(ran.code < 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("was not logged"), "{}", ran.stderr);
}
