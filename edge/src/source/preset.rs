//! Commands that are known to deliver frames.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::capture::process::CommandLine;
use crate::capture::{PixelFormat, Wanted};

/// A source that a known command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preset {
    /// A file, played at its own speed by ffmpeg: `ffmpeg:clip.mp4`.
    File(String),
    /// A network camera, read by ffmpeg: `rtsp://camera/stream`.
    Rtsp(String),
    /// A camera on a Jetson's CSI socket, read by GStreamer: `csi`, `csi:1`.
    JetsonCsi(u8),
    /// A camera on a Raspberry Pi's CSI socket, read by rpicam-vid: `rpicam`,
    /// `rpicam:1`.
    Rpicam(u8),
}

impl Preset {
    /// The preset that `text` names, if it names one.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        if text.starts_with("rtsp://") || text.starts_with("rtsps://") {
            return Some(Ok(Self::Rtsp(text.into())));
        }
        let (name, rest) = text.split_once(':').unwrap_or((text, "0"));
        match name {
            "ffmpeg" => Some(match rest {
                "" | "0" => Err("name a file, as in ffmpeg:clip.mp4".into()),
                path => Ok(Self::File(path.into())),
            }),
            "csi" => Some(number(name, rest).map(Self::JetsonCsi)),
            "rpicam" => Some(number(name, rest).map(Self::Rpicam)),
            _ => None,
        }
    }

    /// A short name for events, without a password.
    pub fn label(&self) -> String {
        match self {
            Self::File(path) => path.clone(),
            Self::Rtsp(url) => without_password(url),
            Self::JetsonCsi(number) => format!("csi:{number}"),
            Self::Rpicam(number) => format!("rpicam:{number}"),
        }
    }

    /// What nobody may read in the log: name and password of a network camera.
    pub fn hidden(&self) -> String {
        match self {
            Self::Rtsp(url) => {
                split_secret(url).map_or(String::new(), |(_, secret, _)| secret.into())
            }
            _ => String::new(),
        }
    }

    /// The program that must be installed, and how to get it.
    pub fn program(&self) -> (&'static str, &'static str) {
        match self {
            Self::File(_) | Self::Rtsp(_) => ("ffmpeg", "apt-get install ffmpeg"),
            Self::JetsonCsi(_) => (
                "gst-launch-1.0",
                "it comes with JetPack: apt-get install gstreamer1.0-tools nvidia-l4t-gstreamer",
            ),
            Self::Rpicam(_) => ("rpicam-vid", "apt-get install rpicam-apps"),
        }
    }

    /// How the command stores pixels.
    pub fn pixels(&self) -> PixelFormat {
        match self {
            Self::File(_) | Self::Rtsp(_) => PixelFormat::Rgb24,
            Self::JetsonCsi(_) => PixelFormat::Nv12,
            Self::Rpicam(_) => PixelFormat::I420,
        }
    }

    /// Whether the command may end without that being a fault.
    pub fn may_end(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// The command. No shell looks at it.
    pub fn command(&self, wanted: &Wanted) -> CommandLine {
        let (width, height, rate) = (wanted.width, wanted.height, wanted.rate_hz);
        CommandLine::Program(match self {
            Self::File(path) => ffmpeg(&["-re", "-i", &format!("file:{path}")], wanted),
            Self::Rtsp(url) => ffmpeg(
                &[
                    "-rtsp_transport",
                    "tcp",
                    "-timeout",
                    "5000000",
                    "-fflags",
                    "nobuffer",
                    "-flags",
                    "low_delay",
                    "-i",
                    url,
                ],
                wanted,
            ),
            Self::JetsonCsi(number) => words(&format!(
                "gst-launch-1.0 -q nvarguscamerasrc sensor-id={number} ! \
                 video/x-raw(memory:NVMM),width={width},height={height},framerate={rate:.0}/1 ! \
                 nvvidconv ! video/x-raw,format=NV12 ! fdsink fd=1 sync=false"
            )),
            Self::Rpicam(number) => words(&format!(
                "rpicam-vid --nopreview --timeout 0 --camera {number} --width {width} \
                 --height {height} --framerate {rate} --codec yuv420 --flush --output -"
            )),
        })
    }
}

fn number(name: &str, text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number of a camera; try {name}:0"))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn ffmpeg(input: &[&str], wanted: &Wanted) -> Vec<String> {
    let (width, height, rate) = (wanted.width, wanted.height, wanted.rate_hz);
    let mut command = words("ffmpeg -nostdin -hide_banner -loglevel error");
    command.extend(input.iter().map(|&word| word.to_owned()));
    command.extend(words("-map 0:v:0 -an -sn -dn -vf"));
    command.push(format!("fps={rate},scale={width}:{height}:flags=area"));
    command.extend(words("-f rawvideo -pix_fmt rgb24 pipe:1"));
    command
}

/// `rtsp://name:secret@host/path` without the part before the `@`.
fn without_password(url: &str) -> String {
    match split_secret(url) {
        Some((scheme, _, rest)) => format!("{scheme}://{rest}"),
        None => url.into(),
    }
}

/// Scheme, name and password, and the rest of an address that has all three.
fn split_secret(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    let (secret, _) = host.rsplit_once('@')?;
    Some((scheme, secret, rest.get(secret.len() + 1..)?))
}

/// Width and height: `1280x720`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sides = text.split_once('x').and_then(|(width, height)| {
            let (width, height) = (width.parse().ok()?, height.parse().ok()?);
            let range = 16..=unmask_pixels::format::SIDE_MAX;
            (range.contains(&width) && range.contains(&height)).then_some((width, height))
        });
        let (width, height) = sides.ok_or("write WIDTHxHEIGHT, as in 1280x720, 16 to 8192 each")?;
        Ok(Self { width, height })
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        format!("{}x{}", size.width, size.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_passwords_hidden() {
        let parsed = |text| Preset::parse(text).unwrap();
        assert_eq!(parsed("csi"), Ok(Preset::JetsonCsi(0)));
        assert_eq!(parsed("rpicam:1"), Ok(Preset::Rpicam(1)));
        assert!(parsed("csi:x").is_err() && parsed("ffmpeg:").is_err());
        assert_eq!(Preset::parse("clip.mp4"), None);
        let camera = parsed("rtsp://me:a@b:c@10.0.0.7:554/live@2").unwrap();
        assert_eq!(camera.label(), "rtsp://10.0.0.7:554/live@2");
        assert_eq!(camera.hidden(), "me:a@b:c");
        assert_eq!(parsed("rtsp://10.0.0.7/x@y").unwrap().hidden(), "");
    }

    #[test]
    fn an_address_stays_one_argument_whatever_it_holds() {
        let url = "rtsp://host/a b;rm -rf ~";
        let command = Preset::Rtsp(url.into()).command(&Wanted::default());
        let CommandLine::Program(words) = command else {
            panic!("a shell would see it");
        };
        assert!(words.iter().any(|word| word == url), "{words:?}");
        let size = "fps=30,scale=1280:720:flags=area";
        assert!(words.iter().any(|word| word == size), "{words:?}");
    }

    #[test]
    fn sizes_are_bounded() {
        let (width, height) = (640, 480);
        assert_eq!("640x480".parse(), Ok(Size { width, height }));
        for wrong in ["640", "x", "0x480", "640x99999", "-1x5"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
