//! What a frame allocates on its way from the camera to the crop.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloc_tracker::Session;
use unmask_edge::builtin::builtin;
use unmask_edge::capture::clock::SimulatedClock;
use unmask_edge::capture::convert::Converter;
use unmask_edge::capture::mailbox::Mailbox;
use unmask_edge::capture::{
    Camera, CameraConfig, CameraEvent, CameraSink, FaultCounters, Format, PixelFormat, Taken,
};
use unmask_edge::pipeline::{Pipeline, PipelineConfig};
use unmask_edge::search::{FaceDetector, FaceSearch};
use unmask_edge::source::Frame;
use unmask_shared::face::FaceFinderConfig;
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

/// The way of a frame with everything but the face finder and the network.
fn way(pixels: PixelFormat, pictures: [Vec<u8>; 2]) -> (u64, u64) {
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
        pipeline: Pipeline::with_parts(Box::new(Blind), Box::new(Four), manifest, config),
        frames: 0,
    };
    while way.frames < WARM_UP {
        camera.step(&mut way);
    }
    let used = allocations(FRAMES, || {
        camera.step(&mut way);
    });
    assert_eq!(way.frames, WARM_UP + FRAMES);
    assert_eq!(way.pipeline.people().len(), 4);
    used
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
    for pixels in [
        PixelFormat::Yuyv,
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::Rgb24,
    ] {
        assert_eq!(way(pixels, raw(pixels)), (0, 0), "{pixels}");
    }
}

/// The decoder's own rows of blocks, and what its headers say.
const JPEG_ALLOCATIONS_MAX: u64 = 24;
const JPEG_BYTES_MAX: u64 = 512 << 10;

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
fn of_a_jpeg_camera_only_the_decoder_allocates_and_that_is_bounded() {
    let _alone = ALONE.lock();
    let rgb = pictures();
    only_the_decoder_allocates("4:4:4", [0, 1].map(|at| jpeg(&rgb[at])));
    if common::have_ffmpeg("of_a_jpeg_camera_only_the_decoder_allocates") {
        for (name, pixels) in [("4:2:2", "yuvj422p"), ("4:2:0", "yuvj420p")] {
            only_the_decoder_allocates(name, [0, 1].map(|at| thinned(&rgb[at], pixels)));
        }
    }
}

fn only_the_decoder_allocates(colours: &str, pictures: [Vec<u8>; 2]) {
    let format = Format::packed(PixelFormat::Mjpg, WIDTH, HEIGHT).expect("a usual size");
    let (mut converter, mut rgb) = (Converter::default(), Vec::new());
    let mut turn = 0;
    let mut decode = || {
        turn += 1;
        let decoded = converter.to_rgb(&format, &pictures[turn % 2], &mut rgb);
        decoded.expect("sound pictures");
    };
    decode();
    decode();
    let start = Instant::now();
    let decoder = allocations(FRAMES, decode);
    let ms = start.elapsed().as_secs_f64() * 1e3 / FRAMES as f64;
    let (count, bytes) = (decoder.0 / FRAMES, decoder.1 / FRAMES);
    println!("JPEG {colours}: {count} allocations of {bytes} bytes together, {ms:.2} ms a frame");
    assert!(count <= JPEG_ALLOCATIONS_MAX, "{count} allocations a frame");
    assert!(bytes <= JPEG_BYTES_MAX, "{bytes} bytes a frame");
    assert_eq!(
        way(PixelFormat::Mjpg, pictures),
        decoder,
        "nobody else does"
    );
}

/// In a search, every fifth frame. Its lists of candidates grow with what looks like a
/// face.
const SEARCH_ALLOCATIONS_MAX: u64 = 20_000;
const SEARCH_BYTES_MAX: u64 = 4 << 20;

#[test]
fn a_search_for_faces_keeps_nothing() {
    let _alone = ALONE.lock();
    let mut search = FaceSearch::new(FaceFinderConfig::default(), false).expect("valid");
    let frames = pictures().map(|rgb| Frame {
        width: WIDTH,
        height: HEIGHT,
        rgb,
        ..Frame::default()
    });
    let mut faces = Vec::new();
    let mut turn = 0;
    let mut look = || {
        turn += 1;
        search.detect(&frames[turn % 2], &mut faces).expect("sound");
    };
    look();
    look();
    let (count, bytes) = allocations(10, look);
    let (count, bytes) = (count / 10, bytes / 10);
    println!("the face finder: {count} allocations of {bytes} bytes together for each search");
    assert!(count <= SEARCH_ALLOCATIONS_MAX, "{count} allocations");
    assert!(bytes <= SEARCH_BYTES_MAX, "{bytes} bytes");
}
