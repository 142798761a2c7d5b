//! `unmask-edge bench`: how fast this machine is.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use serde::Serialize;
use unmask_shared::bundle::Bundle;

use crate::error::EdgeError;
use crate::pipeline::{Pipeline, PipelineConfig};
use crate::source::{Frame, FrameSource, SourceError, SyntheticSource};
use crate::stopwatch::{Stage, Stopwatch};

/// How the figures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BenchFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Synthetic frames prepared in memory and played over and over.
const FRAMES: usize = 50;
/// First frame of the stream that is used: both places are taken by then.
const FIRST_FRAME: u64 = 70;
const JPEG_QUALITY: u8 = 90;
const WARM_UP_FRAMES: usize = 10;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Median milliseconds: decode and detect of one frame, track of one frame,
    /// crop, network and verdict of one face.
    pub stages_ms: StagesMs,
    /// Frames with one face that one core can judge in a second, everything
    /// from decoding to the verdict included.
    pub frames_per_second: f64,
    /// Faces are looked for in every so many frames.
    pub detect_every: u32,
    /// Frames of a face that the network decides on at once.
    pub frames_per_decision: u16,
    /// Size of a frame in pixels.
    pub frame: [usize; 2],
    /// Frames that were measured.
    pub frames: u64,
    /// Most memory in use at any time, megabytes; `None` where the system does
    /// not tell.
    pub memory_peak_mb: Option<f64>,
    /// The model.
    pub model: ModelReport,
    /// The machine.
    pub machine: Machine,
}

/// Medians in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct StagesMs {
    /// A JPEG frame into pixels.
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

/// Which model was measured.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Checksum of the network.
    pub sha256: String,
}

/// Where it was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// What the processor calls itself.
    pub cpu: String,
    /// Instruction set, such as `x86_64`.
    pub arch: &'static str,
    /// Operating system.
    pub os: &'static str,
    /// Processors that the system lets us use.
    pub cores: usize,
    /// Threads that were used for the measurement.
    pub threads: usize,
}

/// Measures for about `seconds`.
pub fn measure(bundle: &Bundle, seconds: f64) -> Result<BenchReport, EdgeError> {
    let frames = jpeg_frames()?;
    let config = PipelineConfig::default();
    let mut pipeline = Pipeline::open(bundle, config)?;
    let mut frame = Frame::default();
    let deadline = Duration::from_secs_f64(seconds.clamp(0.1, 3600.0));
    let mut count = 0_usize;
    let mut start = Instant::now();
    while count < WARM_UP_FRAMES + FRAMES || start.elapsed() < deadline {
        if count == WARM_UP_FRAMES {
            pipeline.stopwatch.clear();
            start = Instant::now();
        }
        let began = Instant::now();
        decode(&frames[count % frames.len()], &mut frame)?;
        pipeline
            .stopwatch
            .note(Stage::Decode, began.elapsed().as_secs_f32() * 1e3);
        frame.index = count as u64;
        pipeline.push(&frame, &mut |_, _| {})?;
        count += 1;
    }
    let stages_ms = medians(&pipeline.stopwatch);
    let per_decision = bundle.manifest.kind.frames_per_decision();
    Ok(BenchReport {
        frames_per_second: frames_per_second(&stages_ms, config.detect_every, per_decision),
        stages_ms,
        frames_per_decision: per_decision,
        detect_every: config.detect_every,
        frame: [frame.width, frame.height],
        frames: (count - WARM_UP_FRAMES) as u64,
        memory_peak_mb: memory_peak_mb(),
        model: ModelReport {
            name: format!("{} {}", bundle.manifest.name, bundle.manifest.release),
            sha256: bundle.sha256.clone(),
        },
        machine: machine(),
    })
}

/// Prints the figures.
pub fn write(
    report: &BenchReport,
    format: BenchFormat,
    out: &mut dyn Write,
) -> Result<(), EdgeError> {
    if format == BenchFormat::Json {
        serde_json::to_writer(&mut *out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    let (stages, machine) = (&report.stages_ms, &report.machine);
    writeln!(
        out,
        "{} on {} ({}, {})",
        report.model.name, machine.cpu, machine.arch, machine.os
    )?;
    writeln!(
        out,
        "{} x {} pixels, {} frames, one thread\n",
        report.frame[0], report.frame[1], report.frames
    )?;
    let every = format!("every {} frames", report.detect_every);
    let decision = match report.frames_per_decision {
        0 | 1 => "face".to_owned(),
        frames => format!("{frames} frames of a face"),
    };
    for (name, value, per) in [
        ("decode", stages.decode, "frame (JPEG)"),
        ("detect", stages.detect, every.as_str()),
        ("track", stages.track, "frame"),
        ("crop", stages.crop, "face"),
        ("network", stages.network, decision.as_str()),
        ("verdict", stages.verdict, "face"),
    ] {
        writeln!(out, "{name:<10}{value:>9.3} ms   {per}")?;
    }
    writeln!(
        out,
        "\n{:.0} frames a second with one face, on one core",
        report.frames_per_second
    )?;
    if let Some(peak) = report.memory_peak_mb {
        writeln!(out, "{peak:.0} MB of memory at most")?;
    }
    Ok(())
}

fn jpeg_frames() -> Result<Vec<Vec<u8>>, EdgeError> {
    let mut source = SyntheticSource::starting_at(1, FIRST_FRAME)?;
    let mut frame = Frame::default();
    let mut frames = Vec::with_capacity(FRAMES);
    for _ in 0..FRAMES {
        source.next_frame(&mut frame)?;
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
            .encode(
                &frame.rgb,
                frame.width as u32,
                frame.height as u32,
                image::ColorType::Rgb8.into(),
            )
            .map_err(|error| SourceError::Synthetic(error.to_string()))?;
        frames.push(jpeg);
    }
    Ok(frames)
}

fn decode(jpeg: &[u8], frame: &mut Frame) -> Result<(), EdgeError> {
    let picture = image::ImageReader::with_format(Cursor::new(jpeg), image::ImageFormat::Jpeg)
        .decode()
        .map_err(|error| SourceError::Synthetic(error.to_string()))?
        .into_rgb8();
    (frame.width, frame.height) = (picture.width() as usize, picture.height() as usize);
    frame.rgb = picture.into_raw();
    Ok(())
}

fn medians(stopwatch: &Stopwatch) -> StagesMs {
    let median = |stage| stopwatch.median_ms(stage).unwrap_or(0.0);
    StagesMs {
        decode: median(Stage::Decode),
        detect: median(Stage::Detect),
        track: median(Stage::Track),
        crop: median(Stage::Crop),
        network: median(Stage::Network),
        verdict: median(Stage::Verdict),
    }
}

fn frames_per_second(stages: &StagesMs, detect_every: u32, per_decision: u16) -> f64 {
    let network = stages.network / f32::from(per_decision.max(1));
    let each = stages.decode + stages.track + stages.crop + network + stages.verdict;
    1e3 / f64::from(each + stages.detect / detect_every as f32)
}

fn machine() -> Machine {
    Machine {
        cpu: cpu_name().unwrap_or_else(|| "unknown".into()),
        arch: std::env::consts::ARCH,
        os: std::env::consts::OS,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        threads: 1,
    }
}

fn cpu_name() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let value = |key: &str| {
        let line = info.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    value("model name")
        .or_else(|| value("Model"))
        .or_else(|| value("Hardware"))
}

/// `VmHWM` of this process.
fn memory_peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kilobytes * 1024.0 / 1e5).round() / 10.0)
}
