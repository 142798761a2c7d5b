//! `analyze` on files made for the test.

mod common;

use std::fs;

use common::{encode, have_ffmpeg, person, save, two_people, unmask_in};
use serde_json::Value;
use unmask_edge::source::{FfmpegSource, Frame, FrameSource};
use unmask_shared::face::{FinderConfig, builtin_finder};
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn one_object_per_path_in_order_with_exactly_the_documented_fields() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..4 {
        save(
            &person(seed, 1)[0],
            &folder.path().join(format!("{seed}.png")),
        );
    }
    let paths = ["3.png", "1.png", "missing.png", "2.png", "1.png"];
    let ran = unmask_in(
        folder.path(),
        &[&["analyze", "--format", "jsonl"][..], &paths].concat(),
    );
    assert_eq!(ran.code, 2);
    let lines = ran.lines();
    assert_eq!(
        lines
            .iter()
            .map(|l| l["path"].as_str().unwrap())
            .collect::<Vec<_>>(),
        paths
    );
    assert_eq!(
        lines[1], lines[4],
        "the same picture was judged differently the second time"
    );
    for line in lines.iter().filter(|line| line.get("error").is_none()) {
        let wanted = [
            "decided_by",
            "faces",
            "frames",
            "kind",
            "path",
            "reason",
            "score",
            "tracks",
            "verdict",
        ];
        assert_eq!(keys(line), wanted);
        assert_eq!(
            (&line["kind"], &line["frames"]),
            (&Value::from("image"), &Value::from(1))
        );
        assert_eq!(line["faces"], line["tracks"].as_array().unwrap().len());
        let wanted = [
            "box",
            "coverage",
            "face_px",
            "first_frame",
            "frames",
            "id",
            "last_frame",
            "mean_score",
            "score",
            "verdict",
        ];
        for track in line["tracks"].as_array().unwrap() {
            assert_eq!(keys(track), wanted);
            assert!((0.0..=1.0).contains(&track["mean_score"].as_f64().unwrap()));
        }
    }
}

#[test]
fn a_face_that_fills_the_picture_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let frame = &person(5, 1)[0];
    let tight = {
        let mut finder = builtin_finder(FinderConfig::default()).unwrap();
        let mut faces = Vec::new();
        finder.find(&frame.view().unwrap(), &mut faces).unwrap();
        let face = faces[0].bbox;
        let whole = image::RgbImage::from_raw(640, 480, frame.rgb.clone()).unwrap();
        let (x, y) = (face.x.max(0.0) as u32, face.y.max(0.0) as u32);
        let crop = image::imageops::crop_imm(&whole, x, y, face.width as u32, face.height as u32);
        image::imageops::resize(
            &crop.to_image(),
            200,
            200,
            image::imageops::FilterType::Triangle,
        )
    };
    tight.save(folder.path().join("tight.png")).unwrap();
    let ran = unmask_in(
        folder.path(),
        &["analyze", "--format", "jsonl", "tight.png"],
    );
    assert_eq!(ran.lines()[0]["faces"], 1, "{}", ran.stdout);
}

#[test]
fn a_picture_without_a_face_has_no_score_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let wall = image::RgbImage::from_pixel(320, 240, image::Rgb([120, 110, 100]));
    wall.save(folder.path().join("wall.png")).unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "wall.png"]);
    assert_eq!(ran.code, 0);
    let line = &ran.lines()[0];
    assert_eq!(
        (&line["score"], &line["faces"]),
        (&Value::Null, &Value::from(0))
    );
    assert_eq!(
        (&line["verdict"], &line["reason"]),
        (&"undecided".into(), &"no_face".into())
    );
    let ran = unmask_in(folder.path(), &["analyze", "wall.png"]);
    assert!(ran.stdout.contains("no face was found"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\x1b'), "colours without a terminal");
}

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
    let stored = folder.path().join("stored.mp4");
    encode(&person(4, 12), &stored, &["-vf", "transpose=clock"]);
    let turned = folder.path().join("turned.mp4");
    let status = std::process::Command::new("ffmpeg")
        .args(["-loglevel", "error", "-i"])
        .arg(&stored)
        .args(["-c", "copy", "-metadata:s:v:0", "rotate=90"])
        .arg(&turned)
        .status();
    assert!(status.unwrap().success());
    let ran = unmask_in(
        folder.path(),
        &["analyze", "--format", "jsonl", "wide.mp4", "turned.mp4"],
    );
    for line in ran.lines() {
        assert_eq!(line["frames"], 12, "{line}");
    }
    assert_eq!(ran.lines()[0]["faces"], 1, "{}", ran.stdout);
}

#[test]
fn a_folder_is_walked_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir_all(media.join("b")).unwrap();
    let picture = &person(6, 1)[0];
    for name in ["c.png", "b/z.png", "a.png"] {
        save(picture, &media.join(name));
    }
    fs::write(media.join("readme.txt"), "not media").unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "media"]);
    let paths: Vec<String> = ran
        .lines()
        .iter()
        .map(|l| l["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["media/a.png", "media/b/z.png", "media/c.png"]);
}

#[test]
fn a_still_in_a_format_that_ffmpeg_reads_is_judged_as_a_picture() {
    if !have_ffmpeg("a_still_in_a_format_that_ffmpeg_reads") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    save(&person(3, 1)[0], &folder.path().join("a.png"));
    let made = std::process::Command::new("ffmpeg")
        .current_dir(folder.path())
        .args(["-loglevel", "error", "-i", "a.png", "b.tiff"])
        .status()
        .unwrap();
    assert!(made.success());
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "."]);
    let lines = ran.lines();
    assert_eq!(lines.len(), 2, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(lines[1]["kind"], "image");
    for key in ["score", "verdict", "reason", "faces"] {
        assert_eq!(lines[0][key], lines[1][key], "{key}");
    }
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

/// A face of 65 pixels in 12 megapixels.
#[test]
fn a_small_face_in_a_large_photograph_is_found() {
    let model = FaceModel::builtin().unwrap();
    let config = SceneConfig {
        width: 4000,
        height: 3000,
        seed: 3,
        face_px: 63.0..=67.0,
        ..SceneConfig::default()
    };
    let shot = Scene::new(&model, config).unwrap().frame(0);
    let folder = tempfile::tempdir().unwrap();
    let picture = image::RgbImage::from_raw(4000, 3000, shot.rgb).unwrap();
    picture.save(folder.path().join("hall.png")).unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "hall.png"]);
    assert_eq!(ran.lines()[0]["faces"], 1, "{}", ran.stdout);
}

/// Nothing in a folder is left out without a word.
#[test]
fn what_a_folder_holds_is_judged_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir(&media).unwrap();
    save(&person(6, 1)[0], &media.join("a.png"));
    fs::rename(media.join("a.png"), media.join("IMG_0001")).unwrap();
    fs::write(media.join("notes.txt"), "text").unwrap();
    fs::write(media.join("b.heic"), "none").unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "media"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let lines = ran.lines();
    assert_eq!(lines[0]["path"], "media/IMG_0001");
    assert_eq!(lines[0]["faces"], 1);
    let error = lines[1]["error"].as_str().unwrap();
    assert!(error.contains("convert it"), "{error}");
    assert!(ran.stderr.contains("1 files are neither"), "{}", ran.stderr);
}
