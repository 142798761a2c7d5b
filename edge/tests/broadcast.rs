//! A feed with known cuts, made here of synthetic people: what is flagged, and how it is exported.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Ran, encode_rgb, have_ffmpeg, unmask_in};
use serde_json::Value;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

/// Frames of a shot.
const SHOT: u64 = 45;
/// Seed of the person in each shot, and whether the face is swapped.
const SHOTS: [(u64, bool); 4] = [(5, false), (4, true), (9, false), (7, true)];
/// A cut to a brighter shot is held for a flash during so many frames.
const HELD: u64 = 3;

/// Every picture of the feed, RGB.
fn pictures() -> Vec<Vec<u8>> {
    let people = FaceModel::builtin().unwrap();
    let shot = |(seed, is_swapped)| {
        let config = SceneConfig {
            width: 320,
            height: 240,
            face_px: 100.0..=130.0,
            seed,
            swap: if is_swapped {
                Swap::Always
            } else {
                Swap::Never
            },
        };
        let scene = Scene::new(&people, config).unwrap();
        (0..SHOT as u32)
            .map(move |at| scene.frame(at).rgb)
            .collect::<Vec<_>>()
    };
    SHOTS.into_iter().flat_map(shot).collect()
}

/// Encodes without loss at a rate; `filter` may take frames out.
fn encode(path: &Path, rate: &str, filter: &[&str]) {
    let output = [filter, &["-c:v", "ffv1", "-pix_fmt", "bgr0"]].concat();
    encode_rgb(pictures().iter(), [320, 240], rate, path, &output);
}

fn watch(folder: &Path, feed: &str) -> Ran {
    let line = format!("run --every 1 --source {feed} --log events --stills 20");
    unmask_in(folder, &line.split(' ').collect::<Vec<_>>())
}

fn export(folder: &Path, more: &[&str]) -> Ran {
    unmask_in(
        folder,
        &[&["review", "export", "events"][..], more].concat(),
    )
}

/// How long a video is.
fn seconds_of(path: &Path) -> f64 {
    let line = "-v error -show_entries format=duration -of csv=p=0";
    let told = Command::new("ffprobe")
        .args(line.split(' '))
        .arg(path)
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    told.trim().parse().expect(&told)
}

/// Hours, minutes, seconds and frames of a timecode.
fn parts(timecode: &str) -> [u64; 4] {
    let mut parts = timecode.split([':', ';']).map(|part| part.parse().unwrap());
    std::array::from_fn(|_| parts.next().unwrap())
}

#[test]
fn flagged_spans_have_the_edges_of_their_shots_in_every_form() {
    if !have_ffmpeg("flagged_spans_have_the_edges_of_their_shots_in_every_form") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    encode(&here.join("feed.mkv"), "30000/1001", &[]);
    let ran = watch(here, "feed.mkv");
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let summary = ran.stdout.lines().last().unwrap();
    for wanted in [
        "4 people",
        "180 frames of 4 shots",
        "00:05.9 watched",
        "2 spans flagged",
    ] {
        assert!(summary.contains(wanted), "{wanted} is missing in {summary}");
    }

    let json = export(here, &["--format", "json"]);
    let spans: Vec<Value> = serde_json::from_str(&json.stdout).expect(&json.stderr);
    let swapped: Vec<u64> = (0..)
        .zip(SHOTS)
        .filter(|(_, shot)| shot.1)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(spans.len(), swapped.len(), "{spans:#?}");
    for (span, shot) in spans.iter().zip(&swapped) {
        let number = |key: &str| {
            span[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key}: {span}"))
        };
        let start = shot * SHOT;
        let first = number("first_frame");
        assert!((start..=start + HELD).contains(&first), "{span}");
        assert_eq!(number("last_frame"), start + SHOT - 1, "{span}");
        assert!(first < number("flagged_frame"), "{span}");
        assert!(span["score"].as_f64() > Some(0.5), "{span}");
        assert!((span["rate_hz"].as_f64().unwrap() - 30_000.0 / 1001.0).abs() < 1e-6);
        // 180 frames are too short for a number to be dropped.
        let [_, _, seconds, frames] = parts(span["timecode_out"].as_str().unwrap());
        assert_eq!(30 * seconds + frames, number("last_frame") + 1, "{span}");
        assert!(
            span["timecode_in"].as_str().unwrap().contains(';'),
            "{span}"
        );
    }

    let written = export(here, &["--output", "spans.edl"]);
    assert_eq!(
        written.stdout, "2 spans written to spans.edl\n",
        "{}",
        written.stderr
    );
    let edl = fs::read_to_string(here.join("spans.edl")).unwrap();
    assert!(edl.contains("FCM: DROP FRAME"), "{edl}");
    let events = edl.lines().filter(|line| line.starts_with("00"));
    for (event, span) in events.zip(&spans) {
        let fields: Vec<&str> = event.split_whitespace().collect();
        assert_eq!(fields[1], "FEED");
        assert_eq!(fields[4], span["timecode_in"], "{edl}");
        assert_eq!(fields[5], span["timecode_out"], "{edl}");
    }
    let csv = export(here, &["--format", "csv"]).stdout;
    let mut lines = csv.split("\r\n");
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| head.iter().position(|column| *column == name).unwrap();
    for (line, span) in lines.filter(|line| !line.is_empty()).zip(&spans) {
        let fields: Vec<&str> = line.split(',').collect();
        for key in ["first_frame", "flagged_frame", "last_frame"] {
            assert_eq!(fields[at(key)], span[key].to_string(), "{key}");
        }
    }

    let clips = "review clips events --from feed.mkv --output clips --margin 0.5";
    let cut = unmask_in(here, &clips.split(' ').collect::<Vec<_>>());
    assert_eq!(cut.code, 0, "{}", cut.stderr);
    for span in &spans {
        let (first, last) = (&span["first_frame"], &span["last_frame"]);
        let [first, last] = [first, last].map(|frame| frame.as_f64().unwrap());
        // The feed ends with the last span.
        let margins = if last + 1.0 < 4.0 * SHOT as f64 {
            1.0
        } else {
            0.5
        };
        let wanted = (last + 1.0 - first) * 1001.0 / 30_000.0 + margins;
        let found = seconds_of(&here.join(format!("clips/span-{}.mp4", span["entry"])));
        assert!((found - wanted).abs() < 0.1, "{found} s, not {wanted}");
    }

    // The still of what was flagged has a box: yellow that the scene has nowhere.
    let stills = fs::read_dir(here.join("events/stills")).unwrap();
    let mut count = 0;
    for still in stills.flatten() {
        let picture = image::open(still.path()).unwrap().to_rgb8();
        let is_yellow = |p: &image::Rgb<u8>| p[0] > 200 && p[1] > 180 && p[2] < 90;
        let yellow = picture.pixels().filter(|p| is_yellow(p)).count();
        assert!(yellow > 200, "{yellow} yellow pixels in {:?}", still.path());
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn timecodes_of_a_feed_with_frames_left_out_are_those_of_the_clock() {
    if !have_ffmpeg("timecodes_of_a_feed_with_frames_left_out_are_those_of_the_clock") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Of the first shot, at 25 a second, one frame in five stays.
    let select = format!("select='if(lt(n,{SHOT}),not(mod(n,5)),1)'");
    encode(
        &here.join("feed.mkv"),
        "25",
        &["-vf", &select, "-fps_mode", "vfr"],
    );
    watch(here, "feed.mkv");
    let json = export(here, &["--format", "json"]);
    let spans: Vec<Value> = serde_json::from_str(&json.stdout).expect(&json.stderr);
    let first = &spans[0];
    // Shot 1 is from frame 45 to 89 of the clock, but from frame 9 of the file.
    assert!(first["first_frame"].as_u64() <= Some(9 + HELD), "{first}");
    let [_, _, seconds, frames] = parts(first["timecode_in"].as_str().unwrap());
    let counted = 25 * seconds + frames;
    assert!((SHOT..=SHOT + HELD).contains(&counted), "{first}");
    let [_, _, seconds, frames] = parts(first["timecode_out"].as_str().unwrap());
    assert_eq!(25 * seconds + frames, 2 * SHOT, "{first}");
}

#[test]
fn what_is_no_rate_and_what_is_for_nobody_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let run = "run --source synthetic:8 --max-frames 20 --log events";
    unmask_in(here, &run.split(' ').collect::<Vec<_>>());
    for rate in ["0", "-25", "NaN", "x", "100000"] {
        let rate = format!("--rate={rate}");
        let listed = unmask_in(here, &["review", "list", "events", &rate]);
        assert_eq!(listed.code, 2, "{rate}: {}", listed.stdout);
        assert!(
            listed.stderr.contains("frames per second"),
            "{}",
            listed.stderr
        );
    }
    let nameless = export(here, &["--output", "spans.xyz"]);
    assert_eq!(nameless.code, 2);
    assert!(nameless.stderr.contains(".edl"), "{}", nameless.stderr);
    assert!(!here.join("spans.xyz").exists());
}

/// The note under a stream of unrelated pictures.
#[test]
fn photographs_are_pointed_to_analyze() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::create_dir(here.join("photos")).unwrap();
    for seed in 1..4 {
        let picture = &common::person(seed, 1)[0];
        common::save(picture, &here.join(format!("photos/{seed}.png")));
    }
    let ran = unmask_in(here, &["run", "--source", "photos"]);
    assert!(
        ran.stderr.contains("unmask-edge analyze photos"),
        "{}",
        ran.stderr
    );
    let ran = unmask_in(here, &["run", "--source", "photos/1.png"]);
    assert!(ran.stderr.contains("unmask-edge analyze"), "{}", ran.stderr);
}

/// 8 s of a genuine face and then a second of a swapped one: the number beside the verdict is on
/// its side everywhere, and `run` and `analyze` say the same.
#[test]
fn run_and_analyze_agree_and_no_score_contradicts_its_verdict() {
    if !have_ffmpeg("run_and_analyze_agree_and_no_score_contradicts_its_verdict") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    encode(&here.join("feed.mkv"), "25", &[]);
    let file = ["--every", "1", "--format", "jsonl"];
    let run = unmask_in(
        here,
        &[&["run", "--source", "feed.mkv"][..], &file].concat(),
    );
    let analyzed = unmask_in(here, &[&["analyze", "feed.mkv"][..], &file].concat());
    assert_eq!((run.code, analyzed.code), (1, 1));
    let report = &analyzed.lines()[0];
    let tracks = report["tracks"].as_array().unwrap();
    let ended: Vec<Value> = run
        .lines()
        .into_iter()
        .filter(|e| e["kind"] == "track_ended")
        .collect();
    assert_eq!(ended.len(), tracks.len());
    for (event, track) in ended.iter().zip(tracks) {
        for (key, of_track) in [
            ("track", "id"),
            ("first_frame", "first_frame"),
            ("frame", "last_frame"),
        ] {
            assert_eq!(event[key], track[of_track], "{event} {track}");
        }
        if event["verdict"] == track["verdict"] {
            let [one, other] = [&event["score"], &track["score"]].map(Value::as_f64);
            let apart = one.unwrap_or(0.5) - other.unwrap_or(0.5);
            assert!(apart.abs() < 1e-3, "{event} {track}");
        }
    }
    let told = run
        .lines()
        .into_iter()
        .chain(tracks.iter().cloned())
        .chain([report.clone()]);
    for told in told {
        let Some(score) = told["score"].as_f64() else {
            let reason = told["reason"].as_str();
            assert!(
                told["verdict"] == "undecided" && reason != Some("inconclusive"),
                "{told}"
            );
            continue;
        };
        match told["verdict"].as_str() {
            Some("manipulated") => assert!(score > 0.5, "{told}"),
            Some("genuine") => assert!(score < 0.5, "{told}"),
            _ => assert!((0.0..=1.0).contains(&score), "{told}"),
        }
    }
}
