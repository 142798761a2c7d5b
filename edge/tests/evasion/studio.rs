//! A swapped and a genuine person, filmed as a test wants them.

use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use crate::common::unmask;

pub const WIDTH: usize = 320;
pub const HEIGHT: usize = 240;
pub const FRAMES: u32 = 75;
/// People whom the built-in model judges rightly when nothing is hidden.
pub const SWAPPED: u64 = 501;
pub const GENUINE: u64 = 500;

/// A picture, RGB.
#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Picture {
    pub fn map(mut self, change: impl Fn(u8) -> u8) -> Self {
        self.rgb
            .iter_mut()
            .for_each(|value| *value = change(*value));
        self
    }

    pub fn black(self) -> Self {
        self.map(|_| 0)
    }

    pub fn upside_down(mut self) -> Self {
        let rows: Vec<u8> = self.rows().rev().flatten().copied().collect();
        self.rgb = rows;
        self
    }

    /// Out of focus by so many pixels.
    pub fn blurred(self, sigma: f32) -> Self {
        let (width, height) = (self.width as u32, self.height as u32);
        let whole = image::RgbImage::from_raw(width, height, self.rgb).expect("the right size");
        Self {
            rgb: image::imageops::fast_blur(&whole, sigma).into_raw(),
            ..self
        }
    }

    /// Vertical bars over half of it.
    pub fn barred(mut self) -> Self {
        for (at, pixel) in self.rgb.chunks_exact_mut(3).enumerate() {
            if (at % self.width / 12).is_multiple_of(2) {
                pixel.fill(20);
            }
        }
        self
    }

    /// A plain patch over these columns and rows.
    pub fn covered(mut self, columns: Range<usize>, rows: Range<usize>) -> Self {
        for (at, pixel) in self.rgb.chunks_exact_mut(3).enumerate() {
            if columns.contains(&(at % self.width)) && rows.contains(&(at / self.width)) {
                pixel.fill(90);
            }
        }
        self
    }

    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.rgb.chunks_exact(3 * self.width)
    }

    /// This one on the left, another on the right.
    pub fn beside(&self, other: &Self) -> Self {
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
pub fn person(model: &FaceModel, seed: u64, swap: Swap) -> Vec<Picture> {
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

pub fn ffmpeg(arguments: &[&str], input: &[u8]) {
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
pub fn film(pictures: &[Picture], path: &Path, arguments: &[&str]) {
    let size = format!("{}x{}", pictures[0].width, pictures[0].height);
    let bytes: Vec<u8> = pictures.iter().flat_map(|p| p.rgb.clone()).collect();
    let input = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size];
    let output = ["-r", "25", "-i", "pipe:0", "-c:v", "mpeg4", "-q:v", "2"];
    let all = [&input[..], &output, arguments, &[text(path)]].concat();
    ffmpeg(&all, &bytes);
}

/// The folder of the tests' videos, and everybody in them.
pub struct Studio {
    pub folder: tempfile::TempDir,
    pub swapped: Vec<Picture>,
    pub genuine: Vec<Picture>,
}

impl Studio {
    pub fn open() -> Self {
        let model = FaceModel::builtin().expect("built in");
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            swapped: person(&model, SWAPPED, Swap::Always),
            genuine: person(&model, GENUINE, Swap::Never),
        }
    }

    /// Everybody beside each other, the swapped one as `change` leaves each picture.
    pub fn both(&self, change: impl Fn(usize, Picture) -> Picture) -> Vec<Picture> {
        let pairs = self.genuine.iter().zip(&self.swapped).enumerate();
        pairs
            .map(|(at, (genuine, swapped))| genuine.beside(&change(at, swapped.clone())))
            .collect()
    }

    pub fn alone(&self, change: impl Fn(usize, Picture) -> Picture) -> Vec<Picture> {
        let all = self.swapped.iter().cloned().enumerate();
        all.map(|(at, picture)| change(at, picture)).collect()
    }

    /// What the program says of some pictures.
    pub fn judge(&self, pictures: &[Picture], arguments: &[&str]) -> Value {
        let path = self.folder.path().join("clip.mp4");
        film(pictures, &path, arguments);
        judge(&path)
    }
}

pub fn judge(path: &Path) -> Value {
    let ran = unmask(&["analyze", text(path), "--format", "jsonl"]);
    assert!(
        ran.code == 0 || ran.code == 1,
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    serde_json::from_str(&ran.stdout).expect("one line")
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

pub fn verdict(report: &Value) -> &str {
    report["verdict"].as_str().expect("a verdict")
}
