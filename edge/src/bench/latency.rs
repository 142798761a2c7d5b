//! From the moment at which a picture is taken to the verdict on it, as the service
//! does it: a capture thread, and a thread that judges.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use unmask_shared::engine::Engine;
use unmask_shared::face::FinderChoice;
use unmask_shared::manifest::Manifest;

use super::camera_config;
use super::machine::Processor;
use super::pictures::Pictures;
use super::replay_camera::{ReplayBus, Schedule};
use super::watcher::Watcher;
use crate::capture::{CameraSetup, Cameras, Taken};
use crate::error::EdgeError;
use crate::percentile::percentile;
use crate::pipeline::PipelineConfig;
use crate::source::{Frame, SourceError};

/// Pictures per second.
const RATE_HZ: f64 = 30.0;
const WARM_UP_FRAMES: u64 = 30;
/// The tape has stopped when nothing comes for so long.
const SILENCE: Duration = Duration::from_secs(5);

/// How late a verdict is.
#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    /// Faces in each frame.
    pub faces: usize,
    /// Pictures per second.
    pub rate_hz: f64,
    /// Frames that were measured.
    pub frames: u64,
    /// Pictures that a newer one replaced before anybody looked.
    pub dropped: u64,
    /// Milliseconds that half of the frames take at most.
    pub p50_ms: f64,
    /// The same for 99 of 100 frames.
    pub p99_ms: f64,
    /// The slowest frame.
    pub max_ms: f64,
    /// Milliseconds per frame that both threads had a core.
    pub processor_ms: Option<f64>,
    /// Milliseconds per frame that they waited for one while others had it.
    pub waited_ms: Option<f64>,
}

/// Plays the pictures for about so long at the speed of a camera.
pub(super) fn measure(
    network: &(Engine, &FinderChoice, &Manifest),
    config: PipelineConfig,
    faces: usize,
    pictures: &Arc<Pictures>,
    time: Duration,
) -> Result<Latency, EdgeError> {
    let mut eye = Watcher::new(network, config)?;
    let schedule = Arc::new(Schedule::every(Duration::from_secs_f64(1.0 / RATE_HZ)));
    let bus = ReplayBus {
        pictures: Arc::clone(pictures),
        schedule: Arc::clone(&schedule),
    };
    let setup = CameraSetup {
        label: ReplayBus::NAME.into(),
        config: camera_config(),
        bus: Box::new(bus),
        lose_none: false,
    };
    let failed = |what: String| EdgeError::from(SourceError::Synthetic(what));
    let mut cameras = Cameras::start(vec![setup]).map_err(|error| failed(error.to_string()))?;
    let wanted = ((time.as_secs_f64() * RATE_HZ) as u64).max(1);
    let mut late_ms = Vec::with_capacity(wanted as usize);
    let (mut frame, mut before, mut dropped) = (Frame::default(), None, 0);
    while (late_ms.len() as u64) < wanted {
        if cameras.take(&mut frame, SILENCE) != Taken::Frame(0) {
            return Err(failed(format!("the tape stopped: {:?}", cameras.status())));
        }
        let due = schedule.due(frame.index);
        eye.look(&mut frame)?;
        let late = due.elapsed();
        if eye.frames == WARM_UP_FRAMES {
            before = Processor::now();
            dropped = dropped_by(&cameras);
        } else if eye.frames > WARM_UP_FRAMES {
            late_ms.push(late.as_secs_f64() * 1e3);
        }
    }
    let given = before.zip(Processor::now()).map(|(b, now)| now.since(b));
    let dropped = dropped_by(&cameras) - dropped;
    late_ms.sort_by(f64::total_cmp);
    let each_ms = |time: Duration| time.as_secs_f64() * 1e3 / late_ms.len() as f64;
    Ok(Latency {
        faces,
        rate_hz: RATE_HZ,
        frames: late_ms.len() as u64,
        dropped,
        p50_ms: percentile(&late_ms, 0.50).unwrap_or(f64::NAN),
        p99_ms: percentile(&late_ms, 0.99).unwrap_or(f64::NAN),
        max_ms: percentile(&late_ms, 1.0).unwrap_or(f64::NAN),
        processor_ms: given.map(|given| each_ms(given.ran)),
        waited_ms: given.map(|given| each_ms(given.waited)),
    })
}

fn dropped_by(cameras: &Cameras) -> u64 {
    cameras.status().iter().map(|status| status.dropped).sum()
}
