//! What a frame allocates on its way from the camera to the crop.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use alloc_tracker::Session;
use unmask_arena::usage;
use unmask_edge::builtin::builtin;
use unmask_edge::capture::mailbox::Mailbox;
use unmask_edge::capture::{
    Camera, CameraConfig, CameraEvent, CameraSink, FaultCounters, Format, PixelFormat, Taken,
};
use unmask_edge::clock::SimulatedClock;
use unmask_edge::pipeline::{Pipeline, PipelineConfig};
use unmask_edge::search::{FaceDetector, FaceSearch, SearchConfig};
use unmask_edge::source::Frame;
use unmask_pixels::Converter;
use unmask_shared::face::FinderChoice;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig};

use crate::rig::{Blind, Four, Pair};
use crate::{ALONE, common};

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;
const WARM_UP: u64 = 20;
const FRAMES: u64 = 60;

/// What the service does with a frame, on one thread.
struct Way {
    mailbox: Mailbox,
    frame: Frame,
    pipeline: Pipeline,
    frames: u64,
}

impl CameraSink for Way {
    fn frame(&mut self, frame: &mut Frame) {
        self.mailbox.put(0, frame, false);
        let taken = self.mailbox.take(&mut self.frame, Duration::ZERO);
        assert_eq!(taken, Taken::Frame(0));
        self.pipeline
            .push(&self.frame, &mut |_, _| {})
            .expect("a sound frame");
        self.frames += 1;
    }

    fn event(&mut self, event: &CameraEvent, _: &FaultCounters) {
        panic!("{event:?}");
    }
}

/// Allocations and bytes of `count` turns of `work`.
fn allocations(count: u64, mut work: impl FnMut()) -> (u64, u64) {
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("work");
    {
        let _span = operation.measure_thread().iterations(count);
        for _ in 0..count {
            work();
        }
    }
    let report = session.to_report();
    let (_, work) = report.operations().next().expect("measured");
    (work.total_allocations_count(), work.total_bytes_allocated())
}

/// The way of a frame with everything but the network: calls of the system's allocator and
/// their bytes, and the people in view at the end.
fn way(
    pixels: PixelFormat,
    pictures: [Vec<u8>; 2],
    faces: Box<dyn FaceDetector>,
) -> ((u64, u64), usize) {
    let clock = SimulatedClock::default();
    let bus = Pair {
        format: Format::packed(pixels, WIDTH, HEIGHT).expect("a usual size"),
        pictures: Arc::new(pictures),
        clock: clock.clone(),
        count: 0,
    };
    let config = CameraConfig {
        name: "/dev/video0".into(),
        ..CameraConfig::default()
    };
    let mut camera = Camera::new(config, Box::new(bus), Arc::new(clock));
    let manifest = builtin().expect("built in").manifest;
    let config = PipelineConfig::default();
    let mut way = Way {
        mailbox: Mailbox::new(["camera".to_owned()]),
        frame: Frame::default(),
        pipeline: Pipeline::with_parts(Box::new(Blind), faces, manifest, config),
        frames: 0,
    };
    while way.frames < WARM_UP {
        camera.step(&mut way);
    }
    let used = allocations(FRAMES, || {
        camera.step(&mut way);
    });
    assert_eq!(way.frames, WARM_UP + FRAMES);
    (used, way.pipeline.people().len())
}

/// Calls of the system's allocator are none, with four faces that are given and with those
/// that are found.
fn assert_nothing(name: &str, pixels: PixelFormat, pictures: [Vec<u8>; 2], people: usize) {
    let before = usage();
    let four = way(pixels, pictures.clone(), Box::new(Four));
    assert_eq!(four, ((0, 0), 4), "{name}, four faces");
    let given = usage();
    let finder = search();
    let seen = way(pixels, pictures, Box::new(finder));
    assert_eq!(seen, ((0, 0), people), "{name}, the face finder");
    let found = usage();
    let each = |served: u64| served as f64 / (WARM_UP + FRAMES) as f64;
    println!(
        "{name}: from the arena, {:.1} allocations a frame with given faces, {:.1} with the finder",
        each(given.served - before.served),
        each(found.served - given.served),
    );
    assert_eq!(
        found.served - given.served,
        given.served - before.served,
        "{name}: the finder itself asks for no memory, nor the arena"
    );
    assert_eq!(found.spilled, before.spilled, "{name}: and sufficed");
}

fn search() -> FaceSearch {
    FaceSearch::new(&FinderChoice::BuiltIn, SearchConfig::default()).expect("valid")
}

/// Two pictures of somebody.
fn pictures() -> [Vec<u8>; 2] {
    let config = SceneConfig {
        width: WIDTH,
        height: HEIGHT,
        seed: 5,
        ..SceneConfig::default()
    };
    let scene = Scene::new(&FaceModel::builtin().expect("built in"), config).expect("in range");
    [0, 1].map(|index| scene.frame(index).rgb)
}

/// Bytes that mean something in each of the raw formats.
fn raw(pixels: PixelFormat) -> [Vec<u8>; 2] {
    let format = Format::packed(pixels, WIDTH, HEIGHT).expect("a usual size");
    [3, 5].map(|step| {
        let bytes = 0..format.bytes_min();
        bytes.map(|at| 60 + (at * step % 97) as u8).collect()
    })
}

/// A JPEG picture with colours of full resolution (4:4:4).
fn jpeg(rgb: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90)
        .encode(
            rgb,
            WIDTH as u32,
            HEIGHT as u32,
            image::ColorType::Rgb8.into(),
        )
        .expect("into memory");
    bytes
}

#[test]
fn from_a_raw_camera_to_the_crop_no_frame_allocates() {
    let _alone = ALONE.lock();
    for pixels in PixelFormat::ALL.into_iter().filter(|f| f.is_raw()) {
        let (pictures, people) = match pixels {
            PixelFormat::Rgb24 => (pictures(), 1),
            other => (raw(other), 0),
        };
        assert_nothing(&pixels.to_string(), pixels, pictures, people);
    }
}

/// One with half the colours, as most cameras deliver it.
fn thinned(rgb: &[u8], pixels: &str) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"])
        .args(["-s", &format!("{WIDTH}x{HEIGHT}"), "-i", "pipe:0"])
        .args(["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", pixels])
        .args(["-f", "mjpeg", "pipe:1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg");
    // It reads the whole picture before it writes.
    let mut pipe = child.stdin.take().expect("piped");
    pipe.write_all(rgb).expect("it reads");
    drop(pipe);
    child.wait_with_output().expect("it ends").stdout
}

#[test]
fn from_a_jpeg_camera_to_the_crop_no_frame_allocates() {
    let _alone = ALONE.lock();
    let rgb = pictures();
    let mjpg = PixelFormat::Mjpg;
    assert_nothing("4:4:4", mjpg, [0, 1].map(|at| jpeg(&rgb[at])), 1);
    if common::have_ffmpeg("from_a_jpeg_camera_to_the_crop_no_frame_allocates") {
        for (name, pixels) in [("4:2:2", "yuvj422p"), ("4:2:0", "yuvj420p")] {
            let thinned = [0, 1].map(|at| thinned(&rgb[at], pixels));
            assert_nothing(name, mjpg, thinned, 1);
        }
    }
}

/// Most of the arena that decoding the largest picture and a search take.
const ARENA_BYTES_MAX: usize = 2 << 20;

#[test]
fn the_arena_has_room_for_several_large_cameras() {
    let _alone = ALONE.lock();
    let before = usage();
    let (width, height) = (3840, 2160);
    let mut picture = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut picture, 90)
        .encode(
            &vec![90; 3 * width * height],
            width as u32,
            height as u32,
            image::ColorType::Rgb8.into(),
        )
        .expect("into memory");
    let format = Format::packed(PixelFormat::Mjpg, width, height).expect("a usual size");
    let mut search = search();
    let mut frame = Frame {
        width,
        height,
        ..Frame::default()
    };
    let mut faces = Vec::new();
    for _ in 0..3 {
        let decoded = Converter::default().to_rgb(&format, &picture, &mut frame.rgb);
        decoded.expect("a sound picture");
        search.detect(&frame, &mut faces).expect("sound");
    }
    let after = usage();
    println!("{after:?}");
    assert!(after.served > before.served);
    assert_eq!(after.spilled, before.spilled);
    assert!(
        after.peak <= ARENA_BYTES_MAX,
        "{} bytes at once",
        after.peak
    );
}
