//! The source's options of `unmask-edge run`: each stands for a key of the
//! configuration.

use std::path::PathBuf;

use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use unmask_shared::settings::SettingLayers;

use super::SourceSpec;
use super::config::{Injection, RATE_HZ};
use super::preset::PictureSize;
use crate::capture::PixelFormat;

/// Where frames come from: one of these.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub struct InputArgs {
    /// synthetic, synthetic:SEED, a video, a picture, a folder of pictures, rtsp://ADDRESS, csi,
    /// rpicam, or ffmpeg:FILE
    #[arg(long, value_name = "SOURCE", value_parser = source_text, required_unless_present_any =
        ["camera", "command", "folder", "config", "set", "print_config"])]
    pub source: Option<String>,
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
#[derive(Debug, Clone, Default, Args)]
pub struct CaptureArgs {
    /// Size of the frames of a camera or command, 1280x720 by default
    #[arg(long, value_name = "WxH")]
    pub size: Option<PictureSize>,
    /// Frames per second of a camera or command, 30 by default
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
    /// How pixels are stored
    #[arg(long, value_name = "FORMAT", help = pixels_help())]
    pub pixels: Option<PixelFormat>,
    /// A camera, by bus or serial number, whose pictures are believed; may be repeated. Others
    /// are reported as a possible injection
    #[arg(long, value_name = "ID")]
    pub enrolled: Vec<String>,
    /// What a possible injection leads to: report (the default) or refuse, which looks at none
    /// of the camera's frames
    #[arg(long, value_enum, value_name = "WHAT")]
    pub injection: Option<Injection>,
}

/// Refuses what is no source before anything is opened.
fn source_text(text: &str) -> Result<String, String> {
    text.parse::<SourceSpec>().map(|_| text.into())
}

fn pixels_help() -> String {
    let names = PixelFormat::names();
    format!(
        "How pixels are stored: {names}; for a command rgb24 unless told, for a camera the best that it has"
    )
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if RATE_HZ.contains(&rate) => Ok(rate),
        _ => Err("write a number from 1 to 1000".into()),
    }
}

impl InputArgs {
    /// Lays what is given over the configuration. One input replaces every other.
    pub fn with_flags<T>(&self, layers: SettingLayers<T>) -> SettingLayers<T>
    where
        T: Serialize + DeserializeOwned + Default,
    {
        let folder = self.folder.as_deref().map(|folder| {
            let text = folder.to_string_lossy();
            // A folder may be called as something else is.
            match text.parse() {
                Ok(SourceSpec::Path(_)) => text.into_owned(),
                _ => format!("./{text}"),
            }
        });
        let (flag, source) = match &folder {
            Some(folder) => ("--folder", Some(folder)),
            None => ("--source", self.source.as_ref()),
        };
        let command = self.command.as_ref();
        let cameras = Some(&self.camera).filter(|cameras| !cameras.is_empty());
        let replacing = match (source, command, cameras) {
            (Some(_), ..) => flag,
            (_, Some(_), _) => "--command",
            (.., Some(_)) => "--camera",
            _ => return layers,
        };
        // Empty text takes back what an earlier layer said.
        let text = |given: Option<&String>| given.cloned().unwrap_or_default();
        layers
            .flag(replacing, "source", Some(&text(source)))
            .flag(replacing, "capture.command", Some(&text(command)))
            .flag(replacing, "capture.cameras", Some(&self.camera))
    }
}

impl CaptureArgs {
    /// Lays what is given over the configuration.
    pub fn with_flags<T>(&self, layers: SettingLayers<T>) -> SettingLayers<T>
    where
        T: Serialize + DeserializeOwned + Default,
    {
        let enrolled = Some(&self.enrolled).filter(|names| !names.is_empty());
        layers
            .flag("--size", "capture.size", self.size.as_ref())
            .flag("--rate", "capture.rate", self.rate.as_ref())
            .flag("--pixels", "capture.pixels", self.pixels.as_ref())
            .flag("--enrolled", "capture.enrolled", enrolled)
            .flag("--injection", "capture.injection", self.injection.as_ref())
    }
}
