//! Ways to keep a swapped face from being judged, each through the whole program over synthetic
//! people: what was made hard to see is called manipulated or undecided, and never speaks for
//! genuine.

mod common;

use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use common::unmask;

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
const FRAMES: u32 = 75;
/// People whom the built-in model judges rightly when nothing is hidden.
const SWAPPED: u64 = 501;
const GENUINE: u64 = 500;

/// A picture, RGB.
#[derive(Clone)]
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    fn map(mut self, change: impl Fn(u8) -> u8) -> Self {
        self.rgb
            .iter_mut()
            .for_each(|value| *value = change(*value));
        self
    }

    fn black(self) -> Self {
        self.map(|_| 0)
    }

    fn upside_down(mut self) -> Self {
        let rows: Vec<u8> = self.rows().rev().flatten().copied().collect();
        self.rgb = rows;
        self
    }

    /// Out of focus by so many pixels.
    fn blurred(self, sigma: f32) -> Self {
        let (width, height) = (self.width as u32, self.height as u32);
        let whole = image::RgbImage::from_raw(width, height, self.rgb).expect("the right size");
        Self {
            rgb: image::imageops::fast_blur(&whole, sigma).into_raw(),
            ..self
        }
    }

    /// Vertical bars over half of it.
    fn barred(mut self) -> Self {
        for (at, pixel) in self.rgb.chunks_exact_mut(3).enumerate() {
            if (at % self.width / 12).is_multiple_of(2) {
                pixel.fill(20);
            }
        }
        self
    }

    /// A plain patch over these columns and rows.
    fn covered(mut self, columns: Range<usize>, rows: Range<usize>) -> Self {
        for (at, pixel) in self.rgb.chunks_exact_mut(3).enumerate() {
            if columns.contains(&(at % self.width)) && rows.contains(&(at / self.width)) {
                pixel.fill(90);
            }
        }
        self
    }

    fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.rgb.chunks_exact(3 * self.width)
    }

    /// This one on the left, another on the right.
    fn beside(&self, other: &Self) -> Self {
        let pairs = self.rows().zip(other.rows());
        Self {
            width: self.width + other.width,
            height: self.height,
            rgb: pairs
                .flat_map(|(left, right)| [left, right].concat())
                .collect(),
        }
    }
}

/// Pictures of one person.
fn person(model: &FaceModel, seed: u64, swap: Swap) -> Vec<Picture> {
    let config = SceneConfig {
        width: WIDTH,
        height: HEIGHT,
        seed,
        swap,
        face_px: 100.0..=140.0,
    };
    let scene = Scene::new(model, config).expect("in range");
    let picture = |index| Picture {
        width: WIDTH,
        height: HEIGHT,
        rgb: scene.frame(index).rgb,
    };
    (0..FRAMES).map(picture).collect()
}

fn ffmpeg(arguments: &[&str], input: &[u8]) {
    let mut child = Command::new("ffmpeg")
        .args(["-y", "-nostdin", "-loglevel", "error"])
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed: ./unmask setup");
    let mut pipe = child.stdin.take().expect("piped");
    pipe.write_all(input).expect("it reads");
    drop(pipe);
    assert!(child.wait().expect("it ends").success(), "{arguments:?}");
}

/// Writes a video, with arguments for the output.
fn film(pictures: &[Picture], path: &Path, arguments: &[&str]) {
    let size = format!("{}x{}", pictures[0].width, pictures[0].height);
    let bytes: Vec<u8> = pictures.iter().flat_map(|p| p.rgb.clone()).collect();
    let input = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size];
    let output = ["-r", "25", "-i", "pipe:0", "-c:v", "mpeg4", "-q:v", "2"];
    let all = [&input[..], &output, arguments, &[text(path)]].concat();
    ffmpeg(&all, &bytes);
}

/// The folder of the tests' videos, and everybody in them.
struct Studio {
    folder: tempfile::TempDir,
    swapped: Vec<Picture>,
    genuine: Vec<Picture>,
}

impl Studio {
    fn open() -> Self {
        let model = FaceModel::builtin().expect("built in");
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            swapped: person(&model, SWAPPED, Swap::Always),
            genuine: person(&model, GENUINE, Swap::Never),
        }
    }

    /// Everybody beside each other, the swapped one as `change` leaves each picture.
    fn both(&self, change: impl Fn(usize, Picture) -> Picture) -> Vec<Picture> {
        let pairs = self.genuine.iter().zip(&self.swapped).enumerate();
        pairs
            .map(|(at, (genuine, swapped))| genuine.beside(&change(at, swapped.clone())))
            .collect()
    }

    fn alone(&self, change: impl Fn(usize, Picture) -> Picture) -> Vec<Picture> {
        let all = self.swapped.iter().cloned().enumerate();
        all.map(|(at, picture)| change(at, picture)).collect()
    }

    /// What the program says of some pictures.
    fn judge(&self, pictures: &[Picture], arguments: &[&str]) -> Value {
        let path = self.folder.path().join("clip.mp4");
        film(pictures, &path, arguments);
        judge(&path)
    }
}

fn judge(path: &Path) -> Value {
    let ran = unmask(&["analyze", text(path), "--format", "jsonl"]);
    assert!(
        ran.code == 0 || ran.code == 1,
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    serde_json::from_str(&ran.stdout).expect("one line")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn verdict(report: &Value) -> &str {
    report["verdict"].as_str().expect("a verdict")
}

/// Without this, all that follows would say nothing.
#[test]
fn in_plain_sight_each_is_judged_rightly() {
    let studio = Studio::open();
    let genuine = studio.judge(&studio.genuine, &[]);
    assert_eq!(verdict(&genuine), "genuine", "{genuine}");
    let swapped = studio.judge(&studio.swapped, &[]);
    assert_eq!(verdict(&swapped), "manipulated", "{swapped}");
    let both = studio.judge(&studio.both(|_, picture| picture), &[]);
    assert_eq!(verdict(&both), "manipulated", "{both}");
    assert_eq!(both["faces"], 2, "{both}");
}

/// In whatever the program writes stands how much of the time was judged.
#[test]
fn coverage_is_in_every_output() {
    let studio = Studio::open();
    let here = studio.folder.path();
    let dark = studio.both(|at, picture| match at {
        0..40 => picture,
        _ => picture.map(|v| v / 10),
    });
    film(&dark, &here.join("clip.mp4"), &[]);
    let run = "run --log events --source clip.mp4 --format";
    for line in [
        "analyze clip.mp4".to_owned(),
        format!("{run} text"),
        "log tail events".to_owned(),
    ] {
        let ran = common::unmask_in(here, &line.split(' ').collect::<Vec<_>>());
        assert!(ran.code < 2, "{line}: {}", ran.stderr);
        assert!(ran.stdout.contains("% judged"), "{line}: {}", ran.stdout);
    }
    for line in [format!("{run} jsonl"), "log export events".to_owned()] {
        let ran = common::unmask_in(here, &line.split(' ').collect::<Vec<_>>());
        let ended = ran.lines().into_iter().map(|line| match line.get("event") {
            Some(event) => event.clone(),
            None => line,
        });
        let ended = ended.filter(|event| event["kind"] == "track_ended");
        let shares: Vec<f64> = ended.filter_map(|e| e["coverage"].as_f64()).collect();
        assert!(
            shares.iter().any(|share| *share < 0.9),
            "{line}: {shares:?}"
        );
        assert!(
            shares.iter().any(|share| *share > 0.9),
            "{line}: {shares:?}"
        );
    }
}

/// Whoever knows that faces are looked for in each fifth frame hides just those.
#[test]
fn blanked_frames_hide_nobody() {
    let studio = Studio::open();
    type Blank = fn(Picture) -> Picture;
    for (name, blank) in [
        ("black", Picture::black as Blank),
        ("blurred", |picture| picture.blurred(20.0)),
        ("turned", Picture::upside_down),
        ("barred", Picture::barred),
    ] {
        let hide = |at: usize, picture: Picture| match at % 5 {
            0 => blank(picture),
            _ => picture,
        };
        for (pictures, faces) in [(studio.alone(hide), 1), (studio.both(hide), 2)] {
            let report = studio.judge(&pictures, &[]);
            assert_ne!(verdict(&report), "genuine", "{name}: {report}");
            assert!(report["faces"].as_u64() >= Some(faces), "{name}: {report}");
        }
    }
}

/// Seen in 4 of every 10 frames, beside somebody genuine.
#[test]
fn a_face_that_comes_and_goes_is_listed() {
    let studio = Studio::open();
    let report = studio.judge(
        &studio.both(|at, picture| match at % 10 {
            0..4 => picture,
            _ => picture.map(|value| 90 + value / 16),
        }),
        &[],
    );
    assert_ne!(verdict(&report), "genuine", "{report}");
    assert!(report["faces"].as_u64() >= Some(2), "{report}");
}

#[test]
fn a_face_in_the_dark_speaks_for_nobody() {
    let studio = Studio::open();
    let report = studio.judge(&studio.both(|_, picture| picture.map(|v| v / 10)), &[]);
    assert_eq!(verdict(&report), "undecided", "{report}");
    assert_eq!(report["reason"], "dark", "{report}");
    assert_eq!(report["faces"], 2, "{report}");
}

/// Whoever cannot be judged, for whatever reason, keeps a genuine bystander from speaking for the
/// file; how much was judged is told.
#[test]
fn a_face_that_cannot_be_judged_keeps_the_file_undecided() {
    let studio = Studio::open();
    type Hide = fn(usize, Picture) -> Picture;
    for (name, hide, reason) in [
        (
            "dark",
            (|_, picture| picture.map(|v| v / 10)) as Hide,
            "dark",
        ),
        ("blurred", |_, picture| picture.blurred(6.0), "blurred"),
        (
            "short",
            |at, picture| match at {
                30..42 => picture,
                _ => picture.black(),
            },
            "too_short",
        ),
    ] {
        let report = studio.judge(&studio.both(hide), &[]);
        assert_eq!(verdict(&report), "undecided", "{name}: {report}");
        assert_eq!(report["reason"], reason, "{name}: {report}");
        let tracks = report["tracks"].as_array().expect("tracks").iter();
        let by = tracks
            .clone()
            .find(|track| track["id"] == report["decided_by"]);
        assert_eq!(by.expect("somebody")["verdict"], "undecided", "{report}");
        for track in tracks {
            let coverage = track["coverage"].as_f64().expect("a share");
            assert!((0.0..=1.0).contains(&coverage), "{name}: {report}");
        }
    }
}

/// Nor does a mask or a bar speak for whoever is behind it.
#[test]
fn a_covered_face_does_not_speak_for_itself() {
    let studio = Studio::open();
    for (name, columns, rows) in [
        ("mask", 190..280, 155..190),
        ("bar over the eyes", 185..285, 118..142),
    ] {
        let hide = |_, picture: Picture| picture.covered(columns.clone(), rows.clone());
        for (pictures, faces) in [(studio.alone(hide), 1), (studio.both(hide), 2)] {
            let report = studio.judge(&pictures, &[]);
            assert_ne!(verdict(&report), "genuine", "{name}: {report}");
            assert_eq!(report["faces"], faces, "{name}: {report}");
        }
    }
}

/// The door, which opens for genuine people alone, stays closed while somebody beside them cannot be
/// judged.
#[test]
fn a_door_does_not_open_for_a_bystander() {
    let studio = Studio::open();
    type Hide = fn(usize, Picture) -> Picture;
    for (name, hide, opens) in [
        ("nobody else", (|_, picture| picture.black()) as Hide, true),
        ("in plain sight", |_, picture| picture, false),
        ("dark", |_, picture| picture.map(|v| v / 10), false),
        (
            "comes and goes",
            |at, picture| match at % 10 {
                0..4 => picture,
                _ => picture.map(|value| 90 + value / 16),
            },
            false,
        ),
    ] {
        film(
            &studio.both(hide),
            &studio.folder.path().join("clip.mp4"),
            &[],
        );
        let pin = studio.folder.path().join("pin");
        let _ = std::fs::remove_file(&pin);
        let mut arguments = vec![
            "run",
            "--source",
            "clip.mp4",
            "--set",
            "alarm.transcript=pin",
        ];
        let patterns = ["idle", "undecided", "manipulated", "fault"];
        let patterns = patterns.map(|state| format!("alarm.patterns.{state}=off"));
        arguments.extend(patterns.iter().flat_map(|set| ["--set", set]));
        arguments.extend([
            "--set",
            "alarm.patterns.genuine=on",
            "--set",
            "alarm.stall_ms=60000",
        ]);
        let ran = common::unmask_in(studio.folder.path(), &arguments);
        assert!(ran.code < 2, "{name}: {}", ran.stderr);
        let pin = std::fs::read_to_string(&pin).expect("a transcript");
        let is_open = pin.lines().any(|line| line.ends_with(" 1"));
        assert_eq!(is_open, opens, "{name}: {pin}{}", ran.stdout);
    }
}

/// Beside somebody genuine who is larger and longer in view.
#[test]
fn a_bystander_does_not_speak_for_others() {
    let studio = Studio::open();
    let report = studio.judge(
        &studio.both(|at, picture| match at {
            0..30 => picture.black(),
            _ => picture,
        }),
        &[],
    );
    assert_ne!(verdict(&report), "genuine", "{report}");
}

/// What any editor or phone offers: a flagged swap stays flagged, or is doubted.
#[test]
fn a_filter_does_not_make_it_genuine() {
    let studio = Studio::open();
    let mut flagged = 0;
    for filter in [
        "eq=contrast=1.5",
        "eq=saturation=2",
        "eq=gamma=1.6",
        "eq=gamma=0.6",
        "eq=brightness=-0.2",
        "hue=s=0",
        "unsharp=5:5:3",
    ] {
        let report = studio.judge(&studio.swapped, &["-vf", filter]);
        assert_ne!(verdict(&report), "genuine", "{filter}: {report}");
        assert_eq!(report["faces"], 1, "{filter}: {report}");
        flagged += u32::from(verdict(&report) == "manipulated");
    }
    // One of them takes the fine detail, too, so that it is undecided.
    assert!(flagged >= 5, "{flagged} of 7");
}

/// Players show the track that is flagged default, and viewers may choose any.
#[test]
fn a_second_track_is_judged_too() {
    let studio = Studio::open();
    let [first, second, both] = ["a", "b", "both"].map(|name| {
        let name = format!("{name}.mp4");
        studio.folder.path().join(name)
    });
    film(&studio.genuine, &first, &[]);
    film(&studio.swapped, &second, &[]);
    for default in ["0", "1"] {
        let (one, other) = match default {
            "0" => ("default", "0"),
            _ => ("0", "default"),
        };
        ffmpeg(
            &[
                ["-i", text(&first), "-i", text(&second)],
                ["-map", "0:v", "-map", "1:v"],
                ["-disposition:v:0", one, "-disposition:v:1", other],
            ]
            .concat()
            .into_iter()
            .chain(["-c", "copy", text(&both)])
            .collect::<Vec<_>>(),
            &[],
        );
        let report = judge(&both);
        assert_eq!(verdict(&report), "manipulated", "{report}");
        assert_eq!(report["frames"], 2 * FRAMES, "{report}");
        assert_eq!(report["faces"], 2, "{report}");
        let ids = report["tracks"].as_array().expect("tracks").iter();
        let ids: Vec<u64> = ids.filter_map(|track| track["id"].as_u64()).collect();
        assert_eq!(ids, [1, 2], "{report}");
    }
}

/// Frames that change their size all the time, so that nobody is followed for long.
#[test]
fn changing_sizes_do_not_make_it_genuine() {
    let studio = Studio::open();
    let mut bytes = Vec::new();
    for (number, part) in studio.swapped.chunks(15).enumerate() {
        let path = studio.folder.path().join("part.ts");
        let scale = ["scale=320:240", "scale=336:252"][number % 2];
        film(part, &path, &["-vf", scale, "-c:v", "mpeg2video"]);
        bytes.extend(std::fs::read(&path).expect("written"));
    }
    let path = studio.folder.path().join("sizes.ts");
    std::fs::write(&path, bytes).expect("a file");
    let report = judge(&path);
    assert_ne!(verdict(&report), "genuine", "{report}");
    // The decoder takes some at each seam.
    assert!(report["frames"].as_u64() > Some(60), "{report}");
}

/// Stored squeezed to half its width, as broadcasts are in part, and shown as it was.
#[test]
fn pixels_that_are_not_square_are_seen_as_shown() {
    let studio = Studio::open();
    let report = studio.judge(
        &studio.swapped,
        &["-vf", "scale=160:240,setsar=2/1", "-q:v", "1"],
    );
    assert_ne!(verdict(&report), "genuine", "{report}");
    assert_eq!(report["faces"], 1, "{report}");
    let bounds = &report["tracks"][0]["box"];
    let side = |at: usize| bounds[at].as_f64().expect("a box");
    let aspect = side(2) / side(3);
    assert!((0.6..1.4).contains(&aspect), "{report}");
    assert!(side(2) > 80.0, "{report}");
    // Stored wider than it is shown, so that nothing is lost: judged as with square pixels.
    for stored in ["scale=640:240,setsar=1/2", "scale=320:480,setsar=2/1"] {
        let report = studio.judge(&studio.swapped, &["-vf", stored]);
        assert_eq!(verdict(&report), "manipulated", "{stored}: {report}");
    }
}

fn png(picture: &Picture) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let (width, height) = (picture.width as u32, picture.height as u32);
    image::RgbImage::from_raw(width, height, picture.rgb.clone())
        .expect("the right size")
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("encoded");
    bytes.into_inner()
}

/// Name and bytes of each chunk.
fn chunks(png: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut rest = &png[8..];
    let mut all = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes(head[..4].try_into().expect("four bytes")) as usize;
        all.push((&head[4..], &after[..length]));
        rest = &after[length + 4..];
    }
    all
}

fn chunk(name: &[u8], bytes: &[u8]) -> Vec<u8> {
    let named = [name, bytes].concat();
    // PNG, annex D: the CRC of ISO 3309.
    let crc = !named.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    });
    let length = (bytes.len() as u32).to_be_bytes();
    [&length[..], &named, &crc.to_be_bytes()].concat()
}

/// An animation, before which stands another picture for whoever shows none.
fn animated(still: &Picture, frames: &[Picture]) -> Vec<u8> {
    let (width, height) = (still.width as u32, still.height as u32);
    let still = png(still);
    let mut out = still[..8].to_vec();
    let (head, pixels): (Vec<_>, Vec<_>) = chunks(&still)
        .into_iter()
        .partition(|(name, _)| *name != b"IDAT" && *name != b"IEND");
    head.iter()
        .for_each(|(name, bytes)| out.extend(chunk(name, bytes)));
    let count = (frames.len() as u32).to_be_bytes();
    out.extend(chunk(b"acTL", &[&count[..], &1_u32.to_be_bytes()].concat()));
    for (name, bytes) in pixels.iter().filter(|(name, _)| *name == b"IDAT") {
        out.extend(chunk(name, bytes));
    }
    let mut sequence = 0_u32;
    for frame in frames {
        let mut control = Vec::new();
        for number in [sequence, width, height, 0, 0] {
            control.extend(number.to_be_bytes());
        }
        // A twenty-fifth of a second; nothing is disposed of or blended.
        control.extend([0, 1, 0, 25, 0, 0]);
        out.extend(chunk(b"fcTL", &control));
        sequence += 1;
        for (name, bytes) in chunks(&png(frame)) {
            if name == b"IDAT" {
                out.extend(chunk(
                    b"fdAT",
                    &[&sequence.to_be_bytes()[..], bytes].concat(),
                ));
                sequence += 1;
            }
        }
    }
    out.extend(chunk(b"IEND", &[]));
    out
}

/// The picture for those who show no animation does not speak for the animation.
#[test]
fn an_animation_behind_a_still_is_judged_too() {
    let studio = Studio::open();
    let path = studio.folder.path().join("still.png");
    let bytes = animated(&studio.genuine[0], &studio.swapped);
    std::fs::write(&path, bytes).expect("a file");
    let report = judge(&path);
    assert_eq!(verdict(&report), "manipulated", "{report}");
    assert_eq!(report["frames"], FRAMES, "{report}");
}

/// What is seen of a transparent picture is not its colours.
#[test]
fn a_face_made_of_transparency_is_seen() {
    let studio = Studio::open();
    let place = |name: &str| studio.folder.path().join(name);
    let face = &studio.swapped[0];
    let (width, height) = (face.width as u32, face.height as u32);
    let plain = image::RgbImage::from_raw(width, height, face.rgb.clone()).expect("a picture");
    let grey = image::DynamicImage::ImageRgb8(plain).into_luma8();
    // Black ink of this density is the same grey before white.
    let ink = |x, y| image::Rgba([0, 0, 0, 255 - grey.get_pixel(x, y).0[0]]);
    let ink = image::RgbaImage::from_fn(width, height, ink);
    grey.save(place("grey.png")).expect("written");
    ink.save(place("ink.png")).expect("written");
    let (seen, hidden) = (judge(&place("grey.png")), judge(&place("ink.png")));
    assert_eq!(seen["faces"], 1, "{seen}");
    assert_eq!(hidden["tracks"][0]["box"], seen["tracks"][0]["box"]);
    assert_eq!(
        hidden["tracks"][0]["mean_score"],
        seen["tracks"][0]["mean_score"]
    );
}

/// Videos in which nothing hides what is behind it, too.
#[test]
fn a_transparent_video_is_seen_before_white() {
    let studio = Studio::open();
    let path = studio.folder.path().join("clear.mov");
    let clear = "format=argb,colorchannelmixer=aa=0";
    film(&studio.swapped, &path, &["-vf", clear, "-c:v", "qtrle"]);
    let report = judge(&path);
    assert_eq!(report["frames"], FRAMES, "{report}");
    assert_eq!(report["faces"], 0, "nothing can be seen: {report}");
}
