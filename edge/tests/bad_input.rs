//! Input that is damaged, missing or not what it says: a clear error, the right
//! exit code, and never a panic.

mod common;

use std::fs;
use std::path::Path;

use common::{encode, have_ffmpeg, person, save, unmask, unmask_in, write_bundle};

/// Analyses one bad path together with a good picture behind it.
fn expect_error(folder: &Path, bad: &str, wanted: &[&str]) {
    save(&person(1, 1)[0], &folder.join("good.png"));
    let ran = unmask_in(folder, &["analyze", "--format", "jsonl", bad, "good.png"]);
    assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
    let lines = ran.lines();
    assert_eq!(lines.len(), 2, "{}", ran.stdout);
    assert_eq!(lines[0]["path"], bad);
    let error = lines[0]["error"].as_str().unwrap();
    for part in wanted {
        assert!(error.contains(part), "{part:?} is missing in {error:?}");
    }
    assert_eq!(lines[0].as_object().unwrap().len(), 2, "{}", lines[0]);
    assert_eq!(lines[1]["path"], "good.png");
    assert!(
        lines[1]["tracks"][0]["mean_score"].is_number(),
        "{}",
        lines[1]
    );

    let ran = unmask_in(folder, &["run", "--source", bad]);
    assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains(bad.trim_start_matches("./")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    expect_error(
        folder.path(),
        "nowhere.mp4",
        &["nowhere.mp4", "No such file"],
    );
}

#[test]
fn a_pipe_that_nobody_writes_to() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.path().join("pipe.mp4"))
        .status();
    assert!(made.unwrap().success());
    expect_error(folder.path(), "pipe.mp4", &["pipe.mp4", "is a pipe"]);
}

#[test]
fn a_text_file_named_mp4() {
    if !have_ffmpeg("a_text_file_named_mp4") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.mp4"), "buy milk\n".repeat(500)).unwrap();
    expect_error(
        folder.path(),
        "notes.mp4",
        &["notes.mp4", "cannot be read as a video", "Invalid data"],
    );
}

#[test]
fn an_empty_file_and_a_text_file_named_jpg() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.jpg"), "").unwrap();
    expect_error(
        folder.path(),
        "empty.jpg",
        &["empty.jpg", "cannot read the picture"],
    );
    fs::write(folder.path().join("notes.jpg"), "buy milk").unwrap();
    expect_error(
        folder.path(),
        "notes.jpg",
        &["notes.jpg", "cannot read the picture"],
    );
}

#[test]
fn an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("nothing")).unwrap();
    expect_error(folder.path(), "nothing", &["nothing", "holds no pictures"]);
}

#[test]
fn a_video_cut_off_before_its_index() {
    if !have_ffmpeg("a_video_cut_off_before_its_index") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.mp4");
    encode(&person(2, 30), &path, &[]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    expect_error(
        folder.path(),
        "cut.mp4",
        &[
            "cut.mp4",
            "cannot be read as a video",
            "moov atom not found",
        ],
    );
}

/// What can be read of it is judged, and what cannot is told; damage does not hide a finding.
#[test]
fn a_video_cut_off_in_the_middle_of_its_frames() {
    if !have_ffmpeg("a_video_cut_off_in_the_middle_of_its_frames") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments, is_swapped) in [
        ("cut.mp4", &["-movflags", "+faststart"][..], false),
        ("cut.mp4", &["-q:v", "2", "-movflags", "+faststart"], true),
        ("cut.mkv", &["-q:v", "2"], true),
        ("cut.ts", &["-q:v", "2", "-c:v", "mpeg2video"], true),
    ] {
        let path = folder.path().join(name);
        let frames = match is_swapped {
            true => common::swapped(501, 120),
            false => person(2, 120),
        };
        encode(&frames, &path, arguments);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() * 8 / 10]).unwrap();
        let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", name]);
        let line = &ran.lines()[0];
        let read = line["frames"].as_u64().unwrap();
        assert!((80..117).contains(&read), "{line}");
        assert_eq!(line["faces"], 1, "{line}");
        assert!(ran.code & 1 == i32::from(is_swapped), "{line}");
        assert_eq!(line["verdict"] == "manipulated", is_swapped, "{line}");
        let damage = line["damage"].as_str().unwrap();
        if name == "cut.ts" {
            // A stream for broadcast does not say how long it is: what is told is its last, broken
            // frame.
            assert!(damage.contains("ffmpeg says"), "{line}");
            continue;
        }
        assert!(ran.code >= 2, "{line}");
        assert!(
            damage.contains("cut short") && damage.contains("of 120"),
            "{line}"
        );
        let ran = unmask_in(folder.path(), &["analyze", name]);
        assert!(ran.stdout.contains("damaged:"), "{}", ran.stdout);
        let ran = unmask_in(folder.path(), &["run", "--source", name]);
        assert!(ran.code >= 2, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("cut short"), "{}", ran.stderr);
    }
}

/// Grey below the cut is not judged as a face.
#[test]
fn a_photograph_cut_below_the_eyes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jpg");
    save(&person(2, 1)[0], &path);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    expect_error(folder.path(), "cut.jpg", &["cut.jpg", "cut short"]);
}

/// The cover of a piece of music is no video.
#[test]
fn a_song_with_a_cover() {
    if !have_ffmpeg("a_song_with_a_cover") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    save(&person(2, 1)[0], &folder.path().join("cover.jpg"));
    let inputs = "-loglevel error -f lavfi -i sine=d=1 -i cover.jpg -map 0 -map 1";
    let cover = "-c:v copy -disposition:v attached_pic";
    for name in ["song.m4a", "song.mp3", "song.flac"] {
        let arguments = inputs.split(' ').chain(cover.split(' ')).chain([name]);
        let made = std::process::Command::new("ffmpeg")
            .current_dir(folder.path())
            .args(arguments)
            .status();
        match made.unwrap().success() {
            true => expect_error(folder.path(), name, &[name, "no video"]),
            false => common::skip(name, "this ffmpeg has no encoder for it"),
        }
    }
}

#[test]
fn names_that_look_like_options_or_addresses() {
    if !have_ffmpeg("names_that_look_like_options_or_addresses") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    encode(&person(3, 12), &clip, &[]);
    for name in ["-y.mp4", "http:x.mp4", "pipe:0.mp4", "a b'c\".mp4"] {
        fs::copy(&clip, folder.path().join(name)).unwrap();
        let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "--", name]);
        assert_ne!(ran.code, 2, "{name}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.lines()[0]["frames"], 12, "{name}");
    }
}

#[test]
fn a_missing_ffmpeg_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clip.mp4"), "anything").unwrap();
    let output = common::command()
        .current_dir(folder.path())
        .env("PATH", folder.path())
        .args(["run", "--source", "clip.mp4"])
        .output()
        .unwrap();
    let ran = common::ran(&output);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("apt-get install ffmpeg"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_bundle() {
    for line in [
        &["model", "show"][..],
        &["demo"],
        &["bench"],
        &["analyze", "x.jpg"],
        &["run", "--source", "synthetic"],
    ] {
        let ran = unmask(&[line, &["--bundle", "no/such/bundle"]].concat());
        assert_eq!(ran.code, 2, "{line:?}");
        assert!(ran.stderr.contains("no/such/bundle"), "{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
}

#[test]
fn one_flipped_byte_in_any_file_of_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    write_bundle(&bundle);
    let show = ["model", "show", "--bundle", bundle.to_str().unwrap()];
    assert_eq!(unmask(&show).code, 0);
    for file in ["model.onnx", "manifest.json", "CARD.md", "SHA256SUMS"] {
        let path = bundle.join(file);
        let whole = fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            let ran = unmask(&show);
            assert_eq!(ran.code, 2, "{file}, byte {at}: {}", ran.stdout);
            assert!(ran.stderr.contains("unmask-edge: "), "{}", ran.stderr);
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(unmask(&show).code, 0);
}
