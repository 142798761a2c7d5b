//! `analyze` on files made for the test.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{encode, encode_rgb, have_ffmpeg, person, save, two_people, unmask_in};
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
    let plain = folder.path().join("plain.mp4");
    encode(&person(4, 12), &plain, &[]);
    let stored = folder.path().join("stored.mp4");
    encode(&person(4, 12), &stored, &["-vf", "transpose=clock"]);
    let turn = ["-c", "copy", "-metadata:s:v:0", "rotate=90", "turned.mp4"];
    if !convert(folder.path(), &[&["-i", "stored.mp4"][..], &turn].concat()) {
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

/// Writes a file with ffmpeg; `false`, loudly, where this ffmpeg cannot.
fn convert(folder: &Path, arguments: &[&str]) -> bool {
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

/// One bad entry costs none of the others, and the exit code tells.
#[cfg(unix)]
#[test]
fn a_bad_entry_does_not_cost_the_others() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    let locked = media.join("locked");
    fs::create_dir_all(&locked).unwrap();
    save(&person(6, 1)[0], &media.join("z.png"));
    fs::copy(media.join("z.png"), locked.join("y.png")).unwrap();
    fs::write(media.join("._z.png"), "resources").unwrap();
    symlink("nowhere.png", media.join("b.png")).unwrap();
    symlink(".", media.join("loop")).unwrap();
    symlink("z.png", media.join("link.png")).unwrap();
    let made = Command::new("mkfifo").arg(media.join("pipe.png")).status();
    assert!(made.unwrap().success());
    fs::write(media.join("damaged.png"), "no picture").unwrap();
    // To root every folder is open.
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let is_locked = fs::read_dir(&locked).is_err();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "media"]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let lines = ran.lines();
    let told = |name: &str| {
        let path = format!("media/{name}");
        let mut found = lines.iter().filter(|line| line["path"] == path.as_str());
        let line = found
            .next()
            .unwrap_or_else(|| panic!("{name}: {}", ran.stdout));
        assert!(found.next().is_none(), "{name} twice");
        line
    };
    for good in ["z.png", "link.png"] {
        assert_eq!(told(good)["faces"], 1, "{good}: {}", ran.stdout);
    }
    for bad in ["b.png", "pipe.png", "damaged.png"] {
        assert!(told(bad)["error"].is_string(), "{bad}: {}", ran.stdout);
    }
    match is_locked {
        true => assert!(told("locked")["error"].is_string(), "{}", ran.stdout),
        false => assert_eq!(told("locked/y.png")["faces"], 1, "{}", ran.stdout),
    }
    assert!(ran.stderr.contains("2 files are neither"), "{}", ran.stderr);
}

/// A name is no part of what the program says.
#[test]
fn a_name_does_not_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let forged = "a\r\u{1b}[2Kgenuine.png";
    save(&person(6, 1)[0], &folder.path().join(forged));
    let line = ["run", "--source", forged, "--log", "events", "--format"];
    let missing = "b\u{1b}[2K\rgenuine.png";
    for arguments in [
        &["analyze", forged][..],
        &["analyze", forged, missing],
        &["analyze", "--format", "jsonl", forged, missing],
        &["run", "--source", missing],
        &[&line[..], &["text"]].concat(),
        &[&line[..], &["jsonl"]].concat(),
        &["log", "tail", "events"],
        &["log", "export", "events"],
        &["log", "verify", "events"],
        &["review", "list", "events"],
    ] {
        let ran = unmask_in(folder.path(), arguments);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!told.is_empty(), "{arguments:?}");
        for control in told.chars().filter(|c| c.is_control()) {
            assert_eq!(control, '\n', "{arguments:?}: {told:?}");
        }
    }
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
