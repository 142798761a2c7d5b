//! The source's options of `unmask-edge run`.

use std::path::PathBuf;

use clap::Args;

use crate::capture::{PixelFormat, Wanted};

use super::SourceSpec;
use super::live::{LiveInput, LiveSpec};
use super::preset::Size;

/// Where frames come from: one of these.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct InputArgs {
    /// synthetic, synthetic:SEED, a video, a picture, a folder of pictures, rtsp://ADDRESS, csi,
    /// rpicam, or ffmpeg:FILE
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<SourceSpec>,
    /// A camera by its bus, serial number or node, as unmask-edge cameras lists them; may be
    /// repeated
    #[arg(long, value_name = "ID")]
    pub camera: Vec<String>,
    /// A command line that writes raw frames to its standard output
    #[arg(long, value_name = "CMD")]
    pub command: Option<String>,
    /// A folder of pictures
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// What is asked of cameras and commands.
#[derive(Debug, Clone, Args)]
pub struct CaptureArgs {
    /// Size of the frames of a camera or command
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    pub size: Size,
    /// Frames per second of a camera or command
    #[arg(long, value_name = "N", default_value_t = 30.0, value_parser = rate)]
    pub rate: f64,
    /// How pixels are stored: rgb24, nv12, i420, yuyv, mjpg; for a command rgb24 unless told, for
    /// a camera the best that it has
    #[arg(long, value_name = "FORMAT")]
    pub pixels: Option<PixelFormat>,
    /// A camera, by bus or serial number, whose pictures are believed; may be repeated. Others
    /// are reported as a possible injection
    #[arg(long, value_name = "ID")]
    pub enrolled: Vec<String>,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1.0..=1000.0).contains(&rate) => Ok(rate),
        _ => Err("write a number from 1 to 1000".into()),
    }
}

impl InputArgs {
    /// What to open. With `realtime`, frames of a command that come too fast are
    /// left out; else the command is slowed down.
    pub fn spec(self, capture: CaptureArgs, realtime: bool) -> SourceSpec {
        let spec = match (self.source, self.command, self.folder) {
            (Some(source), ..) => source,
            (_, Some(command), _) => SourceSpec::Live(LiveInput::Command(command).into_spec()),
            (_, _, Some(folder)) => SourceSpec::Path(folder),
            _ => SourceSpec::Live(LiveInput::Cameras(self.camera).into_spec()),
        };
        let SourceSpec::Live(live) = spec else {
            return spec;
        };
        SourceSpec::Live(LiveSpec {
            wanted: Wanted {
                pixels: capture.pixels,
                width: capture.size.width,
                height: capture.size.height,
                rate_hz: capture.rate,
            },
            enrolled: capture.enrolled,
            lose_none: !realtime && matches!(live.input, LiveInput::Command(_)),
            ..live
        })
    }
}
