//! `unmask-edge bench`: how fast this machine is.
//!
//! Synthetic people are drawn once, encoded as JPEG, and played from memory through
//! what `run` uses: the capture code with its checks, the decoder, face finder, tracker,
//! crop, network, verdict, and events as JSON. Once as fast as one thread can, and once
//! at the speed of a camera with the two threads of the service.

mod latency;
mod machine;
mod pictures;
mod replay_camera;
mod report;
mod throughput;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use unmask_shared::bundle::Bundle;
use unmask_shared::engine::Engine;
use unmask_shared::face::FinderChoice;

use crate::capture::CameraConfig;
use crate::error::EdgeError;
use crate::pipeline::PipelineConfig;
use crate::stopwatch::{Stage, Stopwatch};

pub use latency::Latency;
pub use machine::Machine;
pub use report::{BenchFormat, write};
pub use throughput::Throughput;

/// How many faces the frames show.
const FACES: [usize; 2] = [1, 4];

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Median milliseconds of the stages with one face, as in `throughput`.
    pub stages_ms: StagesMs,
    /// Frames with one face that one core judges in a second, as in `throughput`.
    pub frames_per_second: f64,
    /// What one core does, with one face and with four.
    pub throughput: Vec<Throughput>,
    /// From the picture to the verdict, with one face and with four.
    pub latency: Vec<Latency>,
    /// Faces are looked for in every so many frames.
    pub detect_every: u32,
    /// Frames of a face that the network decides on at once.
    pub frames_per_decision: u16,
    /// Size of a frame in pixels.
    pub frame: [usize; 2],
    /// Most memory in use at any time, megabytes; `None` where the system does
    /// not tell.
    pub memory_peak_mb: Option<f64>,
    /// The model.
    pub model: ModelReport,
    /// The machine.
    pub machine: Machine,
}

/// Milliseconds of each stage, by the clock.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct StagesMs {
    /// A JPEG picture into pixels, with the checks of the capture code.
    pub decode: f32,
    /// Finding the faces in a frame.
    pub detect: f32,
    /// Following them.
    pub track: f32,
    /// Cutting out one face.
    pub crop: f32,
    /// One decision of the network on one face: on a frame, or on a clip.
    pub network: f32,
    /// Quality measures and sequential test on one face.
    pub verdict: f32,
}

impl StagesMs {
    /// What this part of the samples, 0 to 1, stays below.
    fn of(stopwatch: &Stopwatch, part: f32) -> Self {
        let value = |stage| stopwatch.quantile_ms(stage, part).unwrap_or(0.0);
        Self {
            decode: value(Stage::Decode),
            detect: value(Stage::Detect),
            track: value(Stage::Track),
            crop: value(Stage::Crop),
            network: value(Stage::Network),
            verdict: value(Stage::Verdict),
        }
    }
}

/// Which model was measured.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Checksum of the network.
    pub sha256: String,
}

/// Measures each figure for about `seconds`.
///
/// # Errors
/// When the model cannot be run.
pub fn measure(
    bundle: &Bundle,
    finder: &FinderChoice,
    seconds: f64,
) -> Result<BenchReport, EdgeError> {
    let machine = Machine::here();
    let network = (Engine::load(bundle)?, finder, &bundle.manifest);
    let config = PipelineConfig::default();
    let time = Duration::from_secs_f64(seconds.clamp(0.1, 3600.0));
    let (mut throughput, mut latency) = (Vec::new(), Vec::new());
    for faces in FACES {
        let drawn = Arc::new(pictures::draw(faces)?);
        throughput.push(throughput::measure(&network, config, faces, &drawn, time)?);
        latency.push(latency::measure(&network, config, faces, &drawn, time)?);
    }
    let one_face = throughput.first();
    Ok(BenchReport {
        stages_ms: one_face.map_or_else(StagesMs::default, |one| one.stages_ms),
        frames_per_second: one_face.map_or(0.0, |one| one.frames_per_second),
        throughput,
        latency,
        frames_per_decision: bundle.manifest.kind.frames_per_decision(),
        detect_every: config.detect_every,
        frame: [pictures::WIDTH, pictures::HEIGHT],
        memory_peak_mb: machine::memory_peak_mb(),
        model: ModelReport {
            name: format!("{} {}", bundle.manifest.name, bundle.manifest.release),
            sha256: bundle.sha256.clone(),
        },
        machine,
    })
}

/// The camera that plays the pictures, as the service would treat it.
fn camera_config() -> CameraConfig {
    CameraConfig {
        name: replay_camera::ReplayBus::NAME.into(),
        ..CameraConfig::default()
    }
}
