//! Tiny videos of synthetic people, rendered and encoded once, and folders made of them.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use image::RgbImage;
use tempfile::TempDir;
use unmask_data::dataset::{PrepareOptions, PrepareReport, Record, prepare, read_shards};
use unmask_shared::geometry::FaceBox;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

pub const WIDTH: usize = 320;
pub const HEIGHT: usize = 240;
/// Frames of most videos.
pub const FRAMES: u32 = 12;

pub fn scene(seed: u64, swap: Swap, face_px: std::ops::RangeInclusive<f32>) -> Scene {
    static MODEL: OnceLock<FaceModel> = OnceLock::new();
    let model = MODEL.get_or_init(|| FaceModel::builtin().unwrap());
    let config = SceneConfig {
        seed,
        swap,
        width: WIDTH,
        height: HEIGHT,
        face_px,
    };
    Scene::new(model, config).unwrap()
}

pub fn picture(path: &Path, seed: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let frame = scene(seed, Swap::Never, 90.0..=140.0).frame(0);
    RgbImage::from_raw(WIDTH as u32, HEIGHT as u32, frame.rgb)
        .unwrap()
        .save(path)
        .unwrap();
}

/// A frame: pixels and its width.
type Pixels = (Vec<u8>, usize);

/// `false` without ffmpeg.
fn encode(path: &Path, frames: impl Iterator<Item = Pixels>) -> bool {
    let mut frames = frames.peekable();
    let width = frames.peek().unwrap().1;
    let child = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-r", "25",
        ])
        .args(["-s", &format!("{width}x{HEIGHT}"), "-i", "-"])
        .args([
            "-pix_fmt",
            "yuv420p",
            "-movflags",
            "+faststart",
            "-threads",
            "1",
            "-y",
        ])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return false };
    let mut pipe = child.stdin.take().unwrap();
    frames.for_each(|(rgb, _)| pipe.write_all(&rgb).unwrap());
    drop(pipe);
    child.wait().unwrap().success()
}

/// White where the face is.
fn mask(face: &FaceBox, width: usize) -> Vec<u8> {
    let mut rgb = vec![0; 3 * width * HEIGHT];
    for y in face.y.max(0.0) as usize..((face.y + face.height) as usize).min(HEIGHT) {
        for x in face.x.max(0.0) as usize..((face.x + face.width) as usize).min(width) {
            rgb[3 * (y * width + x)..][..3].fill(255);
        }
    }
    rgb
}

fn beside(left: &[u8], right: &[u8]) -> Vec<u8> {
    let rows = left.chunks(3 * WIDTH).zip(right.chunks(3 * WIDTH));
    rows.flat_map(|(left, right)| [left, right].concat())
        .collect()
}

/// Encoded videos by name; `None` without ffmpeg.
fn library() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<TempDir>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        render(folder.path()).then_some(folder)
    });
    if folder.is_none() {
        assert!(
            std::env::var_os("UNMASK_NO_SKIP").is_none(),
            "the ffmpeg command is missing"
        );
        eprintln!("SKIPPED: the ffmpeg command is missing, so no video was prepared");
    }
    folder.as_ref().map(TempDir::path)
}

fn render(folder: &Path) -> bool {
    let path = |name: &str| folder.join(format!("{name}.mp4"));
    let mut all = true;
    for person in 0..3_u64 {
        let real = scene(40 + person, Swap::Never, 90.0..=140.0);
        let fake = scene(40 + person, Swap::Always, 90.0..=140.0);
        let video = |scene: &Scene, i| (scene.frame(i).rgb, WIDTH);
        let masks = (0..FRAMES).map(|i| (mask(&real.frame(i).truth.bbox, WIDTH), WIDTH));
        all &= encode(
            &path(&format!("real{person}")),
            (0..FRAMES).map(|i| video(&real, i)),
        );
        all &= encode(
            &path(&format!("fake{person}")),
            (0..FRAMES).map(|i| video(&fake, i)),
        );
        all &= encode(&path(&format!("mask{person}")), masks);
    }
    let long = scene(40, Swap::Never, 90.0..=140.0);
    all &= encode(&path("long"), (0..24).map(|i| (long.frame(i).rgb, WIDTH)));
    let empty = (0..8).map(|_| (vec![90; 3 * WIDTH * HEIGHT], WIDTH));
    all &= encode(&path("empty"), empty);
    // A large face on the left, a small one that is swapped on the right.
    let left = scene(50, Swap::Never, 150.0..=160.0);
    for (name, swap) in [("duo_real", Swap::Never), ("duo_fake", Swap::Always)] {
        let right = scene(51, swap, 80.0..=90.0);
        let frame = |i| beside(&left.frame(i).rgb, &right.frame(i).rgb);
        all &= encode(&path(name), (0..FRAMES).map(|i| (frame(i), 2 * WIDTH)));
    }
    let right = scene(51, Swap::Never, 80.0..=90.0);
    let duo_mask = |i| {
        let mut face = right.frame(i).truth.bbox;
        face.x += WIDTH as f32;
        (mask(&face, 2 * WIDTH), 2 * WIDTH)
    };
    all &= encode(&path("duo_mask"), (0..FRAMES).map(duo_mask));
    all && encode(&path("duo_mask_short"), (0..4).map(duo_mask))
}

/// A folder that looks like a data set.
pub struct DataSet {
    folder: TempDir,
}

impl DataSet {
    /// An empty one; `None` without ffmpeg.
    pub fn new() -> Option<Self> {
        library()?;
        let folder = tempfile::tempdir().unwrap();
        Some(Self { folder })
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("set")
    }

    /// Puts a video of the library at a path below the root.
    pub fn video(&self, video: &str, path: &str) {
        let from = library().unwrap().join(format!("{video}.mp4"));
        std::fs::copy(from, self.place(path)).unwrap();
    }

    pub fn text(&self, path: &str, text: &str) {
        std::fs::write(self.place(path), text).unwrap();
    }

    /// The first part of a video of the library, in thousandths of its bytes.
    pub fn cut_video(&self, video: &str, path: &str, thousandths: usize) {
        let from = library().unwrap().join(format!("{video}.mp4"));
        let bytes = std::fs::read(from).unwrap();
        std::fs::write(self.place(path), &bytes[..bytes.len() * thousandths / 1000]).unwrap();
    }

    fn place(&self, path: &str) -> PathBuf {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Two windows of two frames: those from 0 and from 10 in most videos.
    pub fn options(&self) -> PrepareOptions {
        PrepareOptions {
            inputs: vec![self.root()],
            output: self.folder.path().join("shards"),
            frames: 2,
            windows: 2,
            ..Default::default()
        }
    }

    pub fn prepare(&self, options: &PrepareOptions) -> (PrepareReport, Vec<Record>, String) {
        std::fs::remove_dir_all(&options.output).ok();
        let report = prepare(options).unwrap();
        let table = std::fs::read_to_string(&report.table).unwrap();
        (report, read_shards(&options.output).unwrap(), table)
    }
}

/// Records by file, without the name of the input folder.
pub fn by_file(records: &[Record]) -> HashMap<&str, Vec<&Record>> {
    let mut found: HashMap<&str, Vec<&Record>> = HashMap::new();
    for record in records {
        let (_, file) = record.meta.file.split_once('/').unwrap();
        found.entry(file).or_default().push(record);
    }
    found
}

/// Asserts that the files are twins of the first, frame for frame and box for box.
pub fn assert_twins(records: &[Record], files: &[&str]) {
    let found = by_file(records);
    let place = |file: &str| {
        let records = found
            .get(file)
            .unwrap_or_else(|| panic!("nothing of {file}"));
        let place = |r: &&Record| {
            (
                r.meta.twin.clone(),
                r.meta.first_frame,
                r.meta.face,
                r.meta.frames,
            )
        };
        records.iter().map(place).collect::<Vec<_>>()
    };
    let first = place(files[0]);
    assert!(first.iter().all(|place| place.0.is_some()), "{first:?}");
    for file in &files[1..] {
        assert_eq!(place(file), first, "{file} and {}", files[0]);
        let pixels = |file: &str| &found[file][0].frames[0];
        assert_ne!(pixels(file), pixels(files[0]), "{file} shows the same");
    }
}
