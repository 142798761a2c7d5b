//! Frames per second of one core: camera and pipeline on one thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use unmask_shared::engine::Engine;
use unmask_shared::face::FinderChoice;
use unmask_shared::manifest::Manifest;

use super::machine::Processor;
use super::pictures::{PICTURES, Pictures};
use super::replay_camera::{ReplayBus, Schedule};
use super::watcher::Watcher;
use super::{StagesMs, camera_config};
use crate::capture::{Camera, CameraStep};
use crate::clock::SystemClock;
use crate::error::EdgeError;
use crate::pipeline::PipelineConfig;
use crate::source::SourceError;
use crate::stopwatch::Stage;

/// The network has met everybody by then.
const WARM_UP_FRAMES: u64 = 40;
/// Frames between two looks at the clock.
const ROUND: u64 = 2 * PICTURES as u64;

/// What one core does.
#[derive(Debug, Clone, Serialize)]
pub struct Throughput {
    /// Faces in each frame.
    pub faces: usize,
    /// Frames that were measured.
    pub frames: u64,
    /// Frames per second of processor time: what one core does that has nothing
    /// else to do. By the clock where the system does not tell processor time.
    pub frames_per_second: f64,
    /// Frames per second by the clock, whatever else the machine did.
    pub frames_per_second_by_clock: f64,
    /// The same of the fastest round of a second or so.
    pub frames_per_second_by_clock_best: f64,
    /// Milliseconds per frame by the clock.
    pub clock_ms: f64,
    /// Milliseconds per frame on the core; `None` where the system does not tell.
    pub processor_ms: Option<f64>,
    /// Milliseconds per frame that the program waited for the core while others had it.
    pub waited_ms: Option<f64>,
    /// Median milliseconds of each stage.
    pub stages_ms: StagesMs,
    /// The milliseconds that a tenth of the turns of each stage stays below: hardly
    /// disturbed by other programs.
    pub stages_ms_quiet: StagesMs,
    /// Mean bytes of a JPEG picture.
    pub jpeg_bytes: usize,
    /// Events that were written.
    pub events: u64,
}

/// Plays the pictures for about so long, as fast as they are judged.
pub(super) fn measure(
    network: &(Engine, &FinderChoice, &Manifest),
    config: PipelineConfig,
    faces: usize,
    pictures: &Arc<Pictures>,
    time: Duration,
) -> Result<Throughput, EdgeError> {
    let mut eye = Watcher::new(network, config)?;
    let bus = ReplayBus {
        pictures: Arc::clone(pictures),
        schedule: Arc::new(Schedule::default()),
    };
    let clock = Arc::new(SystemClock::default());
    let mut camera = Camera::new(camera_config(), Box::new(bus), clock);
    play(&mut camera, &mut eye, WARM_UP_FRAMES)?;
    eye.clear();
    let (start, before) = (Instant::now(), Processor::now());
    let mut best = f64::INFINITY;
    while eye.frames < ROUND || start.elapsed() < time {
        let round = Instant::now();
        let frames = eye.frames;
        play(&mut camera, &mut eye, frames + ROUND)?;
        let each = round.elapsed().as_secs_f64() / (eye.frames - frames) as f64;
        best = best.min(each);
    }
    let seconds = start.elapsed().as_secs_f64();
    let frames = eye.frames as f64;
    let given = before.zip(Processor::now()).map(|(b, now)| now.since(b));
    let each_ms = |time: Duration| time.as_secs_f64() * 1e3 / frames;
    let processor_ms = given.map(|given| each_ms(given.ran));
    let clock_ms = seconds * 1e3 / frames;
    let bytes: usize = pictures.iter().map(Vec::len).sum();
    Ok(Throughput {
        faces,
        frames: eye.frames,
        frames_per_second: 1e3 / processor_ms.unwrap_or(clock_ms),
        frames_per_second_by_clock: 1e3 / clock_ms,
        frames_per_second_by_clock_best: 1.0 / best,
        clock_ms,
        processor_ms,
        waited_ms: given.map(|given| each_ms(given.waited)),
        stages_ms: StagesMs::of(&eye.pipeline.stopwatch, 0.5),
        stages_ms_quiet: StagesMs::of(&eye.pipeline.stopwatch, 0.1),
        jpeg_bytes: bytes / pictures.len().max(1),
        events: eye.events,
    })
}

/// Goes on until the eye has seen so many frames.
fn play(camera: &mut Camera, eye: &mut Watcher, frames: u64) -> Result<(), EdgeError> {
    while eye.frames < frames {
        let (start, looked) = (Instant::now(), eye.seconds);
        let step = camera.step(eye);
        let decoded = start.elapsed().as_secs_f64() - (eye.seconds - looked);
        if eye.seconds > looked {
            let stopwatch = &mut eye.pipeline.stopwatch;
            stopwatch.note(Stage::Decode, (decoded * 1e3) as f32);
        }
        if let Some(error) = eye.error.take() {
            return Err(error);
        }
        if step != CameraStep::Continue || eye.faults > 0 {
            let what = format!("the pictures were refused: {step:?}");
            return Err(SourceError::Synthetic(what).into());
        }
    }
    Ok(())
}
