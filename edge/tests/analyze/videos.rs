//! Videos of every kind and length.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use unmask_edge::source::{FfmpegSource, Frame, FrameSource};

use crate::common::{self, encode, have_ffmpeg, person, two_people, unmask_in};

#[test]
fn every_frame_of_a_video_is_read_and_a_second_look_says_the_same() {
    if !have_ffmpeg("every_frame_of_a_video_is_read_and_a_second_look_says_the_same") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    encode(&two_people(1, 70, 60), &folder.path().join("two.mp4"), &[]);
    encode(&person(4, 33), &folder.path().join("one.mkv"), &[]);
    // Searches of every frame alone are the same each time.
    let ran = unmask_in(
        folder.path(),
        &[
            "analyze", "--every", "1", "--format", "jsonl", "two.mp4", "one.mkv", "two.mp4",
        ],
    );
    assert_ne!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
    let lines = ran.lines();
    assert_eq!(
        lines[0], lines[2],
        "state leaked from one file into the next"
    );
    assert_eq!(
        (&lines[0]["frames"], &lines[0]["faces"]),
        (&60.into(), &2.into())
    );
    assert_eq!(
        (&lines[1]["frames"], &lines[1]["faces"]),
        (&33.into(), &1.into())
    );
    for track in lines[0]["tracks"].as_array().unwrap() {
        assert_eq!(
            (&track["first_frame"], &track["last_frame"]),
            (&0.into(), &59.into())
        );
        // The built-in network judges a face five times a second.
        assert_eq!(track["frames"], 10);
    }
}

#[test]
fn rotated_and_huge_videos_are_read() {
    if !have_ffmpeg("rotated_and_huge_videos_are_read") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wide = folder.path().join("wide.mp4");
    encode(&person(4, 12), &wide, &["-vf", "scale=2560:1440"]);
    // Stored lying on its side, with the note that it is to be turned back.
    let plain = folder.path().join("plain.mp4");
    encode(&person(4, 12), &plain, &[]);
    let stored = folder.path().join("stored.mp4");
    encode(&person(4, 12), &stored, &["-vf", "transpose=clock"]);
    let turn = ["-c", "copy", "-metadata:s:v:0", "rotate=90", "turned.mp4"];
    if !crate::formats::convert(folder.path(), &[&["-i", "stored.mp4"][..], &turn].concat()) {
        return;
    }
    let ran = unmask_in(
        folder.path(),
        &[
            "analyze",
            "--every",
            "1",
            "--format",
            "jsonl",
            "wide.mp4",
            "turned.mp4",
            "plain.mp4",
        ],
    );
    let lines = ran.lines();
    for line in &lines {
        assert_eq!(line["frames"], 12, "{line}");
        assert_eq!(line["faces"], 1, "{line}");
    }
    // Upright, the face is where it is in what was never turned.
    let side = |line: &Value, at: usize| line["tracks"][0]["box"][at].as_f64().unwrap();
    for at in 0..4 {
        let apart = side(&lines[1], at) - side(&lines[2], at);
        assert!(apart.abs() < 8.0, "{} {}", lines[1], lines[2]);
    }
}

/// However long a video is, memory does not grow with it.
#[cfg(target_os = "linux")]
#[test]
fn a_long_video_takes_no_more_memory_than_a_short_one() {
    if !have_ffmpeg("a_long_video_takes_no_more_memory_than_a_short_one") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    encode(&person(4, 60), &path, &["-vf", "scale=320:240"]);
    let looped = Command::new("ffmpeg")
        .current_dir(folder.path())
        .args(["-loglevel", "error", "-stream_loop", "40", "-i", "clip.mp4"])
        .args(["-c", "copy", "long.mp4"])
        .status();
    assert!(looped.unwrap().success());
    let mut child = common::command()
        .current_dir(folder.path())
        .args(["analyze", "long.mp4", "--format", "jsonl"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let peak = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let start = std::time::Instant::now();
    let mut peaks: Vec<u64> = Vec::new();
    // A process that has ended has no memory.
    while let Some(peak) = peak() {
        peaks.push(peak);
        assert!(start.elapsed().as_secs() < 300, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut told).unwrap();
    child.wait().unwrap();
    let report: Value = serde_json::from_str(&told).unwrap();
    assert!(report["frames"].as_u64() > Some(2400), "{report}");
    assert!(peaks.len() > 8, "too fast to tell: {peaks:?}");
    let (early, late) = (peaks[peaks.len() / 4], *peaks.last().unwrap());
    assert!(late < 150_000, "{late} kB");
    assert!(late < early + 8_000, "{early} kB, then {late} kB");
}

/// The swap of a file whose frames come unevenly is where its time stamps say.
#[test]
fn frames_have_the_time_stamps_of_the_file() {
    if !have_ffmpeg("frames_have_the_time_stamps_of_the_file") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uneven.mkv");
    // Frames at 30 a second for half a second, then one each half second.
    let uneven = "setpts='if(lt(N,15),N/30,0.5+(N-15)*0.5)/TB'";
    encode(
        &person(4, 20),
        &path,
        &["-vf", uneven, "-vsync", "passthrough"],
    );
    let mut source = FfmpegSource::open(&path).unwrap();
    let mut frame = Frame::default();
    let mut times = Vec::new();
    while source.next_frame(&mut frame).unwrap() {
        times.push(frame.time_us / 1000);
    }
    assert_eq!(times.len(), 20, "{times:?}");
    let near = |at: usize, ms: u64| times[at].abs_diff(ms) <= 2;
    assert!(near(0, 0) && near(14, 467) && near(15, 500), "{times:?}");
    assert!(near(16, 1000) && near(19, 2500), "{times:?}");
}

/// A decoder that does nothing is given up after as long as is asked for.
#[test]
fn patience_with_a_decoder_is_an_option() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("ffprobe");
    fs::write(&tool, "#!/bin/sh\nexec sleep 60\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let clip = folder.path().join("clip.mp4");
    fs::write(&clip, b"\0\0\0\x18ftypisom\0\0\0\0isomiso2").unwrap();
    let path = std::env::var("PATH").unwrap();
    let told = common::command()
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .args(["analyze", "--patience", "1", "--format", "jsonl"])
        .arg(&clip)
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(2));
    let text = String::from_utf8(told.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let error = report["error"].as_str().unwrap();
    assert!(error.contains("nothing done for 1 s"), "{error}");
    assert!(error.contains("--patience"), "{error}");
}
