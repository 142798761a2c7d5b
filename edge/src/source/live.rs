//! Cameras and commands as sources of frames.

use std::io;
use std::time::Duration;

use crate::capture::config::{CameraConfig, CaptureLimits};
use crate::capture::device::Bus;
use crate::capture::process::{CommandLine, ProcessBus};
use crate::capture::{
    self, Attached, CameraSetup, CameraStatus, Cameras, Enrolment, FaultSet, Format, PixelFormat,
    Taken, WantedFormat,
};

use super::address::{program_of, secrets_in};
use super::preset::{Preset, ffmpeg_major};
use super::{Frame, FrameSource, Polled, SourceError, WatchedSource};
use crate::secret::Secret;

/// Cameras, or a command that stands for one.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSpec {
    /// Where the frames come from.
    pub input: LiveInput,
    /// What is asked of it.
    pub wanted: WantedFormat,
    /// Cameras that are believed; empty: any that is not virtual.
    pub enrolled: Vec<String>,
    /// Whether none of the frames of a camera that is not believed is looked at.
    pub refuse: bool,
    /// Whether cameras must be there at the start.
    pub required: bool,
    /// Whether a command is started again for ever, however it ends.
    pub restart: bool,
    /// How long a camera or command may be silent.
    pub patience: Patience,
    /// Whether a command waits until each of its frames was looked at.
    pub lose_none: bool,
}

/// How long a camera or command may be silent; `None` where what is usual for it
/// will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Patience {
    /// Between two frames.
    pub silence: Option<Duration>,
    /// Before the first frame.
    pub first_frame: Option<Duration>,
}

impl Patience {
    fn over(self, limits: CaptureLimits) -> CaptureLimits {
        CaptureLimits {
            silence: self.silence.unwrap_or(limits.silence),
            first_frame: self.first_frame.unwrap_or(limits.first_frame),
            ..limits
        }
    }
}

/// Where live frames come from.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveInput {
    /// Cameras by bus, serial number or node, at least one.
    Cameras(Vec<String>),
    /// A line for the shell, which writes raw frames.
    Command(Secret),
    /// A known command.
    Preset(Preset),
}

impl LiveInput {
    /// This input as most people want it.
    pub fn into_spec(self) -> LiveSpec {
        LiveSpec {
            input: self,
            wanted: WantedFormat::default(),
            enrolled: Vec::new(),
            refuse: false,
            required: true,
            restart: false,
            patience: Patience::default(),
            lose_none: false,
        }
    }
}

/// Frames of cameras as they come; of each camera the newest.
pub struct LiveSource {
    name: String,
    streams: Vec<String>,
    cameras: Cameras,
    rate_hz: f64,
}

impl LiveSource {
    /// Starts capturing.
    ///
    /// # Errors
    /// When a camera that is required is not there, or may not be used, at this moment. What
    /// happens to it later is a fault to be got over.
    pub fn open(spec: &LiveSpec) -> Result<Self, SourceError> {
        let setups = match &spec.input {
            LiveInput::Cameras(names) => camera_setups(names, spec)?,
            LiveInput::Command(line) => vec![command_setup(line, spec)?],
            LiveInput::Preset(preset) => vec![preset_setup(preset, spec)?],
        };
        let streams: Vec<String> = setups.iter().map(|setup| setup.label.clone()).collect();
        let name = streams.join(", ");
        let cameras = Cameras::start(setups).map_err(|error| camera_error(&name, &error))?;
        Ok(Self {
            name,
            streams,
            cameras,
            rate_hz: spec.wanted.rate_hz,
        })
    }

    /// What all cameras are doing, in the order of [`FrameSource::streams`].
    pub fn status(&self) -> Vec<CameraStatus> {
        self.cameras.status()
    }

    fn ended(&self) -> Result<Polled, SourceError> {
        for status in self.cameras.status() {
            if let Some(Err(reason)) = status.ended {
                let camera = status.name;
                return Err(SourceError::Camera { camera, reason });
            }
        }
        Ok(Polled::End)
    }
}

impl FrameSource for LiveSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        loop {
            match self.poll_frame(frame, Duration::from_secs(1))? {
                Polled::Frame(_) => return Ok(true),
                Polled::Nothing => {}
                Polled::End => return Ok(false),
            }
        }
    }

    fn poll_frame(&mut self, frame: &mut Frame, wait: Duration) -> Result<Polled, SourceError> {
        match self.cameras.take(frame, wait) {
            Taken::Frame(stream) => Ok(Polled::Frame(stream)),
            Taken::Nothing => Ok(Polled::Nothing),
            Taken::Ended => self.ended(),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn streams(&self) -> Vec<String> {
        self.streams.clone()
    }

    fn frames_expected(&self) -> Option<u64> {
        None
    }

    fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    fn frames_dropped(&self) -> u64 {
        self.cameras.status().iter().map(|s| s.dropped).sum()
    }
}

impl WatchedSource for LiveSource {
    fn faults(&self, stream: usize) -> FaultSet {
        self.cameras.faults(stream)
    }

    fn age(&self, stream: usize, frame: &Frame) -> Duration {
        self.cameras.age(stream, frame)
    }

    fn cameras(&self) -> Vec<CameraStatus> {
        self.status()
    }

    fn frames_delivered(&self, stream: usize) -> u64 {
        self.cameras.frames_delivered(stream)
    }
}

fn camera_error(camera: &str, error: &io::Error) -> SourceError {
    SourceError::Camera {
        camera: camera.into(),
        reason: capture::remedy(error),
    }
}

fn camera_setups(names: &[String], spec: &LiveSpec) -> Result<Vec<CameraSetup>, SourceError> {
    let connected = capture::connected().map_err(SourceError::Cameras)?;
    names
        .iter()
        .map(|name| {
            let label = match find(name, &connected) {
                Ok(found) => found.id(),
                Err(error) if spec.required => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "the camera is waited for");
                    name
                }
            };
            Ok(CameraSetup {
                label: label.to_owned(),
                config: CameraConfig {
                    name: name.clone(),
                    wanted: spec.wanted,
                    enrolment: Some(Enrolment {
                        cameras: spec.enrolled.clone(),
                        refuse: spec.refuse,
                    }),
                    limits: spec.patience.over(camera_limits(spec.wanted.rate_hz)),
                },
                bus: system_bus(name)?,
                lose_none: false,
            })
        })
        .collect()
}

/// Slow cameras may take longer for a frame.
fn camera_limits(rate_hz: f64) -> CaptureLimits {
    let limits = CaptureLimits::default();
    let some_frames = Duration::from_secs_f64(2.5 / rate_hz.max(0.1));
    CaptureLimits {
        silence: limits.silence.max(some_frames),
        first_frame: limits.first_frame.max(some_frames),
        ..limits
    }
}

/// The connected camera of this name, if we may use it.
fn find<'a>(name: &str, connected: &'a [Attached]) -> Result<&'a Attached, SourceError> {
    let Some(found) = connected.iter().find(|camera| camera.answers_to(name)) else {
        let reason = match connected {
            [] => "no camera is connected; unmask-edge cameras tells more".to_owned(),
            some => {
                let ids: Vec<&str> = some.iter().map(Attached::id).collect();
                format!("not connected; there are: {}", ids.join(", "))
            }
        };
        let camera = name.to_owned();
        return Err(SourceError::Camera { camera, reason });
    };
    let mut options = std::fs::OpenOptions::new();
    let opened = options.read(true).write(true).open(&found.path);
    opened.map_err(|error| camera_error(name, &error))?;
    Ok(found)
}

#[cfg(target_os = "linux")]
fn system_bus(_: &str) -> Result<Box<dyn Bus>, SourceError> {
    Ok(Box::new(capture::v4l2::V4l2Bus::default()))
}

#[cfg(not(target_os = "linux"))]
fn system_bus(name: &str) -> Result<Box<dyn Bus>, SourceError> {
    Err(SourceError::Camera {
        camera: name.into(),
        reason: "cameras are supported on Linux only; use --command".into(),
    })
}

/// Failures in a row after which a command that has an end is given up.
const FAILURES_MAX: u32 = 5;

/// So often a camera may say that name or password are wrong ...
const REFUSALS_MAX: u32 = 3;
/// ... before it is left alone for so long: most lock an account after five times.
const REFUSED_WAIT: Duration = Duration::from_secs(3600);

/// Commands connect to something and start up: they get more time than devices.
fn process_limits(may_end: bool) -> CaptureLimits {
    CaptureLimits {
        silence: Duration::from_secs(5),
        first_frame: Duration::from_secs(15),
        retry_first: Duration::from_millis(250),
        retry_max: if may_end {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(10)
        },
        failures_max: may_end.then_some(FAILURES_MAX),
        refused: Some((REFUSALS_MAX, REFUSED_WAIT)),
        // A video may stand still, or be black.
        picture: None,
        ..CaptureLimits::default()
    }
}

fn command_setup(line: &Secret, spec: &LiveSpec) -> Result<CameraSetup, SourceError> {
    let label = program_of(line.expose());
    let format = frame_format(
        &label,
        spec.wanted.pixels.unwrap_or(PixelFormat::Rgb24),
        spec,
    )?;
    let bus = ProcessBus {
        label,
        hidden: secrets_in(line.expose()),
        command: CommandLine::Shell(line.clone()),
        input: None,
        format,
        may_end: !spec.restart,
    };
    Ok(process_setup(bus, spec))
}

fn preset_setup(preset: &Preset, spec: &LiveSpec) -> Result<CameraSetup, SourceError> {
    let label = preset.label();
    let (program, remedy) = preset.program();
    if !is_installed(program) {
        let reason = format!("{program} is needed and was not found ({remedy})");
        let camera = label;
        return Err(SourceError::Camera { camera, reason });
    }
    let bus = ProcessBus {
        command: preset.command(&spec.wanted, ffmpeg_major()),
        hidden: preset.hidden(),
        input: preset.input(ffmpeg_major()),
        format: frame_format(&label, preset.pixels(), spec)?,
        may_end: preset.may_end() && !spec.restart,
        label,
    };
    Ok(process_setup(bus, spec))
}

pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn frame_format(label: &str, pixels: PixelFormat, spec: &LiveSpec) -> Result<Format, SourceError> {
    let refused = |reason: String| SourceError::Camera {
        camera: label.to_owned(),
        reason,
    };
    if !pixels.is_raw() {
        let names = PixelFormat::raw_names();
        let reason = format!("a command must write raw frames, in one of {names}");
        return Err(refused(reason));
    }
    Format::packed(pixels, spec.wanted.width, spec.wanted.height)
        .map_err(|error| refused(error.to_string()))
}

fn process_setup(bus: ProcessBus, spec: &LiveSpec) -> CameraSetup {
    CameraSetup {
        label: bus.label.clone(),
        config: CameraConfig {
            name: ProcessBus::NAME.into(),
            wanted: spec.wanted,
            enrolment: None,
            limits: spec.patience.over(process_limits(bus.may_end)),
        },
        bus: Box::new(bus),
        lose_none: spec.lose_none,
    }
}
