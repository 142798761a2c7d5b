//! A service whose camera is a command that dies and comes back.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::unmask_in;
use crate::running::{Running, levels};

/// Frames until somebody puts the lid on.
const CAMERA: &str = "
while [ ! -e lid ]; do
    head -c 9216 /dev/zero
    sleep 0.03
done
echo the lid is on >&2
exit 1
";

const CONFIG: &str = "
format = 'jsonl'
[capture]
command = 'sh camera.sh'
size = '64x48'
restart = true
[alarm]
transcript = 'pin'
stall_ms = 2000
patterns.idle = 'off'
patterns.fault = 'on'
[log]
folder = 'events'
";

/// Waits until the lamp is so.
fn wait_for_lamp(pin: &Path, wanted: bool) {
    let start = Instant::now();
    while levels(pin).last() != Some(&wanted) {
        assert!(start.elapsed() < Duration::from_secs(5), "never {wanted}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_camera_that_dies_is_a_fault_and_not_a_hang_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let lid = folder.path().join("lid");
    let pin = folder.path().join("pin");
    fs::write(folder.path().join("camera.sh"), CAMERA).unwrap();
    fs::write(&lid, "").unwrap();
    let mut running = Running::start_in(folder, CONFIG);

    // No frame yet: a fault is shown, and the service is not ready.
    let told = running.wait_for("STATUS=fault");
    assert!(told.last().unwrap().contains("camera ended: "), "{told:?}");
    wait_for_lamp(&pin, true);
    fs::remove_file(&lid).unwrap();
    let before = running.wait_for("READY=1");
    assert!(
        before.iter().all(|text| !text.starts_with("WATCHDOG")),
        "{before:?}"
    );
    let told = running.wait_for("STATUS=idle");
    assert!(!told.last().unwrap().contains("camera"), "{told:?}");
    wait_for_lamp(&pin, false);

    // The camera goes: the watchdog is fed all the same.
    fs::write(&lid, "").unwrap();
    let told = running.wait_for("STATUS=fault");
    assert!(told.last().unwrap().contains("camera ended: "), "{told:?}");
    wait_for_lamp(&pin, true);
    for _ in 0..10 {
        running.wait_for("WATCHDOG=1");
    }
    std::thread::sleep(Duration::from_millis(800));
    fs::remove_file(&lid).unwrap();
    let told = running.wait_for("STATUS=idle");
    assert!(!told.last().unwrap().contains("camera"), "{told:?}");
    wait_for_lamp(&pin, false);

    // It ends in order while the camera is gone.
    fs::write(&lid, "").unwrap();
    running.wait_for("STATUS=fault");
    wait_for_lamp(&pin, true);
    running.signal("-TERM");
    assert_eq!(running.end(), Some(0), "{}", running.stderr());
    running.wait_for("STOPPING=1");
    assert_eq!(levels(&pin).last(), Some(&false), "the alarm is not safe");
    let stderr = running.stderr();
    assert!(stderr.contains("the lid is on"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");

    let place = running.folder.path();
    let verified = unmask_in(place, &["log", "verify", "events"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let exported = unmask_in(place, &["log", "export", "events"]);
    let lines = exported.lines();
    let kinds: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"]["kind"].as_str())
        .collect();
    assert!(kinds.len() >= 2 && kinds.len() <= 5, "{kinds:?}");
    for pair in kinds.chunks_exact(2) {
        assert_eq!(pair, ["camera_lost", "camera_back"], "{kinds:?}");
    }
}

#[test]
fn a_command_that_ends_is_the_end_unless_it_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let line = "echo x >> tries; head -c 27648 /dev/zero";
    let run = |more: &[&str]| {
        let all = [&["run", "--command", line, "--size", "64x48"], more].concat();
        let ran = unmask_in(folder.path(), &all);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains("in "), "{}", ran.stdout);
        let tries = fs::read_to_string(folder.path().join("tries")).unwrap();
        fs::remove_file(folder.path().join("tries")).unwrap();
        tries.lines().count()
    };
    assert_eq!(run(&[]), 1);
    let again = ["--set", "capture.restart=true", "--max-frames", "7"];
    assert_eq!(run(&again), 3);
}
