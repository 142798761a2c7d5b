//! Pictures and videos in every format and size.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{self, encode, encode_rgb, have_ffmpeg, person, save, unmask_in};

/// Writes a file with ffmpeg; `false`, loudly, where this ffmpeg cannot.
pub fn convert(folder: &Path, arguments: &[&str]) -> bool {
    let made = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-y", "-loglevel", "error"])
        .args(arguments)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    if !made.success() {
        common::skip(
            &format!("ffmpeg {}", arguments.join(" ")),
            "it has no such encoder",
        );
    }
    made.success()
}

/// Whoever writes it, a picture is a picture, and is judged as one.
#[test]
fn a_still_in_a_format_that_ffmpeg_reads_is_judged_as_a_picture() {
    if !have_ffmpeg("a_still_in_a_format_that_ffmpeg_reads") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    save(&person(3, 1)[0], &here.join("a.png"));
    let judge = |name: &str| {
        let ran = unmask_in(here, &["analyze", "--format", "jsonl", name]);
        assert!(ran.code < 2, "{name}: {}{}", ran.stdout, ran.stderr);
        ran.lines().remove(0)
    };
    let original = judge("a.png");
    assert_eq!(original["faces"], 1, "{original}");
    let still = ["-i", "a.png"];
    for (name, more, is_lossless) in [
        ("b.tiff", &[][..], true),
        ("b.bmp", &[], true),
        ("b.webp", &["-lossless", "1"], true),
        ("b.jxl", &["-distance", "0"], true),
        ("b.jp2", &["-q:v", "1"], false),
        ("b.gif", &[], false),
        (
            "b.avif",
            &["-c:v", "libaom-av1", "-still-picture", "1", "-crf", "5"],
            false,
        ),
        ("b.jpg", &["-q:v", "1"], false),
        ("b.mkv", &["-c:v", "ffv1"], false),
    ] {
        let all = [&still, more, &[name]].concat();
        if !convert(here, &all) {
            continue;
        }
        let report = judge(name);
        assert_eq!(report["kind"], "image", "{name}: {report}");
        assert_eq!(report["faces"], 1, "{name}: {report}");
        assert_ne!(report["reason"], "too_short", "{name}: {report}");
        for key in ["score", "verdict", "reason"] {
            assert!(
                !is_lossless || original[key] == report[key],
                "{name}, {key}: {report}"
            );
        }
    }
    // Names do not count.
    for (from, name) in [
        ("b.jpg", "c.jfif"),
        ("b.tiff", "c.TIF"),
        ("a.png", "c.heic"),
    ] {
        fs::copy(here.join(from), here.join(name)).unwrap();
        let report = judge(name);
        assert_eq!(
            (&report["kind"], &report["faces"]),
            (&"image".into(), &1.into()),
            "{report}"
        );
    }
}

/// Codecs, depths, containers and names of broadcast, phones and the web.
#[test]
fn a_person_is_seen_in_every_kind_of_video() {
    if !have_ffmpeg("a_person_is_seen_in_every_kind_of_video") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let frames = person(4, 12);
    encode(&frames, &here.join("plain.mkv"), &["-c:v", "ffv1"]);
    let hdr = [
        "-color_primaries",
        "bt2020",
        "-color_trc",
        "smpte2084",
        "-colorspace",
        "bt2020nc",
    ];
    let deep = [
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none",
        "-pix_fmt",
        "yuv420p10le",
    ];
    for (name, arguments) in [
        (
            "a.mxf",
            &["-c:v", "mpeg2video", "-r", "25", "-q:v", "2"][..],
        ),
        (
            "a.vob",
            &["-c:v", "mpeg2video", "-r", "25", "-q:v", "2", "-f", "vob"],
        ),
        ("a.ts", &["-c:v", "mpeg2video", "-q:v", "2"]),
        (
            "a.webm",
            &[
                "-c:v",
                "libvpx-vp9",
                "-crf",
                "20",
                "-b:v",
                "0",
                "-cpu-used",
                "8",
            ],
        ),
        (
            "a.mkv",
            &["-c:v", "libaom-av1", "-crf", "20", "-cpu-used", "8"],
        ),
        ("ten.mkv", &["-c:v", "libx264", "-pix_fmt", "yuv422p10le"]),
        ("hdr.mp4", &[&deep[..], &hdr].concat()),
        (
            "full.mp4",
            &[
                "-c:v",
                "libx264",
                "-vf",
                "scale=out_range=full",
                "-color_range",
                "pc",
            ],
        ),
        ("a.gif", &["-f", "gif"]),
        ("a.avi", &["-c:v", "mjpeg", "-q:v", "2"]),
    ] {
        if !convert(here, &[&["-i", "plain.mkv"], arguments, &[name]].concat()) {
            continue;
        }
        let ran = unmask_in(here, &["analyze", "--format", "jsonl", name]);
        assert!(ran.code < 2, "{name}: {}{}", ran.stdout, ran.stderr);
        let report = ran.lines().remove(0);
        // Rates differ from 30, which leaves some out.
        assert!(
            (9..=12).contains(&report["frames"].as_u64().unwrap()),
            "{name}: {report}"
        );
        assert_eq!(
            (&report["kind"], &report["faces"]),
            (&"video".into(), &1.into()),
            "{report}"
        );
    }
    // By their content, whatever they are called.
    let unnamed = here.join("unnamed");
    fs::create_dir(&unnamed).unwrap();
    for name in [
        "a.avi", "a.vob", "ten.mkv", "full.mp4", "a.mxf", "a.ts", "a.gif", "a.webm",
    ] {
        if let Some((stem, ending)) = name.split_once('.')
            && here.join(name).exists()
        {
            fs::copy(here.join(name), unnamed.join(format!("{ending} {stem}"))).unwrap();
        }
    }
    let files = fs::read_dir(&unnamed).unwrap().count();
    let ran = unmask_in(here, &["analyze", "--format", "jsonl", "unnamed"]);
    assert!(ran.code < 2, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.lines().len(), files, "{}{}", ran.stdout, ran.stderr);
}

/// From the smallest to the widest: judged, or found to be without a face, but never an error.
#[test]
fn pictures_and_videos_of_any_size_are_read() {
    if !have_ffmpeg("pictures_and_videos_of_any_size_are_read") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (width, height) in [
        (1, 1),
        (2, 2),
        (3, 5),
        (17, 1),
        (1, 300),
        (8000, 2),
        (641, 479),
        (8001, 301),
    ] {
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([x as u8, y as u8, (x ^ y) as u8])
        });
        picture.save(folder.path().join("a.png")).unwrap();
        let size = [width as usize, height as usize];
        let path = folder.path().join("a.mkv");
        let lossless = ["-c:v", "ffv1", "-pix_fmt", "bgr0"];
        encode_rgb([&*picture; 3].into_iter(), size, "25", &path, &lossless);
        let names = ["analyze", "--format", "jsonl", "a.png", "a.mkv"];
        let ran = unmask_in(folder.path(), &names);
        assert!(
            ran.code < 2,
            "{width}x{height}: {}{}",
            ran.stdout,
            ran.stderr
        );
        let frames = ran
            .lines()
            .iter()
            .map(|line| line["frames"].as_u64().unwrap())
            .collect::<Vec<_>>();
        assert_eq!(frames, [1, 3], "{width}x{height}");
    }
}
