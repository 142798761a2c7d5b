//! `run`, `bench` and `demo` as a user starts them.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::{encode, have_ffmpeg, person, save, unmask, unmask_in};
use serde_json::Value;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Reason;

fn events(stdout: &str) -> Vec<Event> {
    stdout
        .lines()
        .map(|line| Event::from_json(line.as_bytes()).expect(line))
        .collect()
}

#[test]
fn events_are_numbered_records_that_begin_and_end_each_track() {
    let ran = unmask(&[
        "run",
        "--source",
        "synthetic:5",
        "--max-frames",
        "120",
        "--format",
        "jsonl",
    ]);
    assert!(ran.code < 2, "{}", ran.stderr);
    let events = events(&ran.stdout);
    assert!(events.iter().map(|e| e.sequence).eq(0..events.len() as u64));
    for track in 1..=2 {
        let kinds: Vec<EventKind> = events
            .iter()
            .filter(|e| e.track == track)
            .map(|e| e.kind)
            .collect();
        assert_eq!(
            kinds.first(),
            Some(&EventKind::TrackStarted),
            "track {track}"
        );
        assert_eq!(kinds.last(), Some(&EventKind::TrackEnded), "track {track}");
    }
    assert!(
        events
            .iter()
            .all(|e| e.source == "synthetic:5" && e.check().is_ok())
    );
}

#[test]
fn a_folder_of_pictures_and_a_video_of_them_are_the_same_stream() {
    if !have_ffmpeg("a_folder_of_pictures_and_a_video_of_them_are_the_same_stream") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let frames = person(8, 20);
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for frame in &frames {
        save(frame, &pictures.join(format!("{:03}.png", frame.index)));
    }
    encode(
        &frames,
        &folder.path().join("clip.mkv"),
        &["-c:v", "ffv1", "-pix_fmt", "bgr0"],
    );
    let watch = |source| {
        let ran = unmask_in(
            folder.path(),
            // Searches of every frame alone are the same each time.
            &[
                "run", "--every", "1", "--format", "jsonl", "--source", source,
            ],
        );
        let mut events = events(&ran.stdout);
        for event in &mut events {
            event.source.clear();
            (event.time_us, event.stream_us, event.rate_hz) = (0, 0, 0.0);
        }
        events
    };
    let (mut from_pictures, mut from_video) = (watch("pictures"), watch("clip.mkv"));
    assert!(!from_pictures.is_empty());
    // One number for all of a run, and another one for the next.
    let mut runs = Vec::new();
    for events in [&mut from_pictures, &mut from_video] {
        let run = events[0].run;
        assert!(
            run != 0 && events.iter().all(|event| event.run == run),
            "{events:?}"
        );
        events.iter_mut().for_each(|event| event.run = 0);
        runs.push(run);
    }
    assert_ne!(runs[0], runs[1]);
    // A container rounds the times of its frames, by which faces are followed.
    for (one, other) in from_pictures.iter_mut().zip(&mut from_video) {
        let scores = [&mut *one, other].map(|event| event.score.take().unwrap_or(0.0));
        assert!((scores[0] - scores[1]).abs() < 1e-4, "{scores:?}");
    }
    assert_eq!(from_pictures, from_video);
}

#[test]
fn where_no_turn_at_all_is_allowed_everybody_is_turned_away() {
    let ran = unmask(&[
        "run",
        "--format",
        "jsonl",
        "--source",
        "synthetic:2",
        "--max-frames",
        "150",
        "--set",
        "verdict.turn_deg_max=0",
    ]);
    let events = events(&ran.stdout);
    let ended = events.iter().filter(|e| e.kind == EventKind::TrackEnded);
    let reasons: Vec<_> = ended.map(|event| event.reason).collect();
    assert!(!reasons.is_empty(), "{}", ran.stdout);
    assert!(
        reasons.iter().all(|reason| *reason == Some(Reason::Turned)),
        "{reasons:?}"
    );
}

#[test]
fn the_report_for_people_sums_up() {
    let ran = unmask(&["run", "--source", "synthetic:2", "--max-frames", "90"]);
    assert!(ran.stdout.contains("person 1"), "{}", ran.stdout);
    assert!(ran.stdout.contains("people in 90 frames"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\x1b'), "colours without a terminal");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_with_a_summary_and_memory_stays_small() {
    let mut child = common::command()
        .args(["run", "--source", "synthetic"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert!(first.contains("comes into view"), "{first}");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150 * 1000, "{peak} kB of memory");
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let rest: Vec<String> = stdout.lines().map(Result::unwrap).collect();
    assert!(
        rest.last().is_some_and(|l| l.contains("frames a second")),
        "{rest:?}"
    );
    assert!(child.wait().unwrap().code().is_some_and(|code| code < 2));
}

#[test]
fn realtime_keeps_the_pace_of_the_source() {
    let start = std::time::Instant::now();
    let ran = unmask(&[
        "run",
        "--source",
        "synthetic",
        "--max-frames",
        "45",
        "--realtime",
    ]);
    assert!(ran.code < 2, "{}", ran.stderr);
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds >= 44.0 / 30.0, "{seconds} s for 45 frames at 30 Hz");
}

#[test]
fn bench_measures_every_stage_and_names_the_machine() {
    let ran = unmask(&["bench", "--seconds", "1", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = &ran.lines()[0];
    for stage in ["decode", "detect", "crop", "network", "verdict"] {
        let median = report["stages_ms"][stage].as_f64().unwrap();
        assert!(median > 0.0, "{stage}: {report}");
    }
    assert!(report["stages_ms"]["track"].is_number());
    assert!(report["frames_per_second"].as_f64().unwrap() > 1.0);
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for (at, faces) in [1, 4].into_iter().enumerate() {
        let throughput = &report["throughput"][at];
        assert_eq!(throughput["faces"], faces);
        let by_clock = number(&throughput["frames_per_second_by_clock"]);
        // A thread is never longer on a core than by the clock.
        assert!(number(&throughput["frames_per_second"]) > 0.9 * by_clock);
        assert!(by_clock > 0.0, "{throughput}");
        assert!(number(&throughput["events"]) < number(&throughput["frames"]));
        let latency = &report["latency"][at];
        assert_eq!(
            (&latency["faces"], &latency["frames"]),
            (&faces.into(), &30.into())
        );
        let [p50, p99, most] = ["p50_ms", "p99_ms", "max_ms"].map(|key| number(&latency[key]));
        assert!(0.0 < p50 && p50 <= p99 && p99 <= most, "{latency}");
    }
    assert_eq!(report["frame"], serde_json::json!([1280, 720]));
    for field in ["cpu", "arch", "os", "cores", "threads"] {
        assert!(!report["machine"][field].is_null(), "{field}");
    }
}

#[test]
fn the_demo_writes_its_picture_and_tells_who_was_right() {
    let folder = tempfile::tempdir().unwrap();
    let demo = [
        "demo",
        "--seconds",
        "2",
        "--format",
        "json",
        "--picture",
        "sheet.png",
    ];
    let ran = unmask_in(folder.path(), &demo);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = &ran.lines()[0];
    assert!(
        report["people"]
            .as_array()
            .is_some_and(|people| !people.is_empty()),
        "{report}"
    );
    let sheet = image::open(folder.path().join("sheet.png")).unwrap();
    assert!(sheet.width() > 600 && sheet.height() > 300);
}

#[test]
fn a_picture_that_cannot_be_written_is_told_before_the_demo_begins() {
    let ran = unmask(&["demo", "--picture", "no/such/folder/sheet.png"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("no/such/folder/sheet.png"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
}

/// What the demo must reach: `cargo test --release -p unmask-edge --test run -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn over_twenty_seeds_swaps_are_flagged_and_genuine_people_are_not() {
    let ran = unmask(&["demo", "--seeds", "20", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let totals = &ran.lines()[0]["totals"];
    let count = |name: &str| totals[name].as_u64().unwrap();
    assert!(count("swaps") >= 50, "{totals}");
    assert!(
        10 * count("swaps_flagged") >= 9 * count("swaps"),
        "{totals}"
    );
    assert!(count("genuine_flagged") <= 1, "{totals}");
}
