//! Commands that are known to deliver frames.

use std::process::Command;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::address::Address;
use crate::capture::process::CommandLine;
use crate::capture::{PixelFormat, WantedFormat};
use crate::secret::Secret;

/// A source that a known command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preset {
    /// A file, played at its own speed by ffmpeg: `ffmpeg:clip.mp4`.
    File(String),
    /// A network camera, read by ffmpeg: `rtsp://camera/stream`.
    Rtsp(Secret),
    /// A camera on a Jetson's CSI socket, read by GStreamer: `csi`, `csi:1`.
    JetsonCsi(u8),
    /// A camera on a Raspberry Pi's CSI socket, read by rpicam-vid: `rpicam`,
    /// `rpicam:1`.
    Rpicam(u8),
}

impl Preset {
    /// The preset that `text` names, if it names one.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = scheme.to_ascii_lowercase();
            return Some(match scheme.as_str() {
                "rtsp" | "rtsps" => Ok(Self::Rtsp(format!("{scheme}://{rest}").into())),
                _ => Err(format!(
                    "{scheme}:// is no source by itself: let a command read it, as in \
                     --command \"ffmpeg -loglevel error -i '{scheme}://...' -f image2pipe -c:v ppm -\""
                )),
            });
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
            Self::Rtsp(url) => Address::of(url.expose()).label(),
            Self::JetsonCsi(number) => format!("csi:{number}"),
            Self::Rpicam(number) => format!("rpicam:{number}"),
        }
    }

    /// What nobody may read in the log: name and password of a network camera, wherever in its
    /// address they stand.
    pub fn hidden(&self) -> Vec<Secret> {
        match self {
            Self::Rtsp(url) => Address::of(url.expose()).secrets(),
            _ => Vec::new(),
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

    /// What the command reads: the address of a network camera, with its password, which everybody
    /// on the machine could read among the command's arguments.
    pub fn input(&self, ffmpeg_major: Option<u32>) -> Option<Secret> {
        let Self::Rtsp(url) = self else {
            return None;
        };
        // Lists have no options there: the camera may send by UDP. Where nothing is to be hidden,
        // arguments serve better.
        let options = match is_old(ffmpeg_major) {
            true if self.hidden().is_empty() => return None,
            true => "",
            false => LIST_OPTIONS,
        };
        let quoted = url
            .expose()
            .replace('\'', "'\\''")
            .replace(['\r', '\n'], "");
        Some(format!("{LIST}file '{quoted}'\n{options}").into())
    }

    /// The command, for this release of ffmpeg (`None`: not known, taken for a new one). No shell
    /// looks at what it is asked for.
    pub fn command(&self, wanted: &WantedFormat, ffmpeg_major: Option<u32>) -> CommandLine {
        let (width, height, rate) = (wanted.width, wanted.height, wanted.rate_hz);
        CommandLine::Program(match self {
            Self::File(path) => ffmpeg(&["-re", "-i", &format!("file:{path}")], wanted),
            Self::Rtsp(_) if self.input(ffmpeg_major).is_none() => {
                // There, -timeout means to listen. Nobody is told a secret.
                let before = words(
                    "-rtsp_transport tcp -stimeout 5000000 -fflags nobuffer -flags low_delay -i",
                );
                let address = self.label();
                let before = before.iter().map(String::as_str).chain([address.as_str()]);
                ffmpeg(&before.collect::<Vec<_>>(), wanted)
            }
            Self::Rtsp(_) => {
                let protocols = "pipe,rtsp,rtsps,rtp,tcp,udp,tls,crypto";
                let before = words(&format!(
                    "-flags low_delay -protocol_whitelist {protocols} -f concat -safe 0 -i pipe:0"
                ));
                ffmpeg(
                    &before.iter().map(String::as_str).collect::<Vec<_>>(),
                    wanted,
                )
            }
            // The plugin talks on its standard output: frames get a descriptor of their own.
            Self::JetsonCsi(number) => {
                let mut command = words("/bin/sh -c");
                command.push("exec 3>&1 1>&2; exec \"$@\"".into());
                command.push("csi".into());
                command.extend(words(&format!(
                    "gst-launch-1.0 -q nvarguscamerasrc sensor-id={number} ! \
                     video/x-raw(memory:NVMM),width={width},height={height},framerate={rate:.0}/1 ! \
                     nvvidconv ! video/x-raw,format=NV12 ! fdsink fd=3 sync=false"
                )));
                command
            }
            Self::Rpicam(number) => words(&format!(
                "rpicam-vid --nopreview --timeout 0 --camera {number} --width {width} \
                 --height {height} --framerate {rate} --codec yuv420 --flush --output -"
            )),
        })
    }
}

/// What a list of inputs, the only one of which is the camera, says of it.
const LIST: &str = "ffconcat version 1.0\n";
const LIST_OPTIONS: &str =
    "option rtsp_transport tcp\noption timeout 5000000\noption fflags nobuffer\n";

/// Whether this release knows neither `-timeout` nor options of inputs in a list.
fn is_old(ffmpeg_major: Option<u32>) -> bool {
    ffmpeg_major.is_some_and(|major| major < 5)
}

fn number(name: &str, text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number of a camera; try {name}:0"))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Pictures of the source's own aspect, with square pixels, whose longer side is no longer than
/// that which is wanted. Each tells its size.
fn ffmpeg(input: &[&str], wanted: &WantedFormat) -> Vec<String> {
    let (longest, rate) = (wanted.width.max(wanted.height), wanted.rate_hz);
    let mut command = words("ffmpeg -nostdin -hide_banner -loglevel error");
    command.extend(input.iter().map(|&word| word.to_owned()));
    command.extend(words("-map 0:v:0 -an -sn -dn -vf"));
    let share = format!("min(1,{longest}/max(iw*sar,ih))");
    command.push(format!(
        "fps={rate},scale=w='max(1,round(iw*sar*{share}))':h='max(1,round(ih*{share}))':flags=area"
    ));
    command.extend(words("-f image2pipe -c:v ppm -pix_fmt rgb24 pipe:1"));
    command
}

/// The release of the ffmpeg that is installed, by its first number: asked once. `None` where it
/// does not say, as that which was built from the newest source.
pub fn ffmpeg_major() -> Option<u32> {
    static MAJOR: OnceLock<Option<u32>> = OnceLock::new();
    *MAJOR.get_or_init(|| {
        let output = Command::new("ffmpeg").arg("-version").output().ok()?;
        major_of(&String::from_utf8_lossy(&output.stdout))
    })
}

/// Reads `ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright ...` or `ffmpeg version n7.1 ...`.
fn major_of(text: &str) -> Option<u32> {
    let version = text.strip_prefix("ffmpeg version ")?;
    let version = version.trim_start_matches('n');
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Width and height: `1280x720`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PictureSize {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

impl FromStr for PictureSize {
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

impl TryFrom<String> for PictureSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PictureSize> for String {
    fn from(size: PictureSize) -> Self {
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
        assert_eq!(camera.hidden(), ["me:a@b:c", "a@b:c"].map(Secret::from));
        assert!(parsed("rtsp://10.0.0.7/x@y").unwrap().hidden().is_empty());
        assert_eq!(
            parsed("RTSP://Camera/live"),
            Ok(Preset::Rtsp("rtsp://Camera/live".into()))
        );
    }

    #[test]
    fn other_addresses_are_named_with_a_way() {
        for url in ["http://host/x.mjpg", "rtmp://host/app", "srt://host:9000"] {
            let error = Preset::parse(url).unwrap().unwrap_err();
            assert!(
                error.contains("--command") && error.contains("ppm"),
                "{error}"
            );
        }
    }

    #[test]
    fn each_release_of_ffmpeg_gets_the_option_that_it_knows() {
        let (plain, telling) = ("rtsp://c/live", "rtsp://me:secret@c/live");
        for (version, is_old) in [
            ("ffmpeg version 4.2.7-0ubuntu0.1 Copyright", true),
            ("ffmpeg version n4.4 Copyright", true),
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright", false),
            ("ffmpeg version 7.1 Copyright", false),
            ("ffmpeg version N-109540-gaa Copyright", false),
        ] {
            let major = major_of(version);
            for url in [plain, telling] {
                let camera = Preset::Rtsp(url.into());
                let CommandLine::Program(words) = camera.command(&WantedFormat::default(), major)
                else {
                    panic!("a shell would see it");
                };
                let timeouts: Vec<_> = words.iter().filter(|w| w.ends_with("timeout")).collect();
                let input = camera.input(major);
                match (is_old, &input) {
                    (true, None) => {
                        assert_eq!(
                            (url, timeouts[0].as_str()),
                            (plain, "-stimeout"),
                            "{version}"
                        );
                        assert!(
                            words.iter().any(|word| word == plain),
                            "{version}: {words:?}"
                        );
                    }
                    (true, Some(input)) => {
                        assert_eq!(input.expose(), format!("{LIST}file '{telling}'\n"));
                    }
                    (false, None) => panic!("{version}: nothing is read"),
                    (false, Some(input)) => {
                        assert!(
                            input.expose().contains("option timeout 5000000"),
                            "{version}"
                        );
                    }
                }
                assert!(
                    !words.iter().any(|word| word.contains("secret")),
                    "{words:?}"
                );
                assert!(is_old || timeouts.is_empty(), "{version}: {timeouts:?}");
            }
        }
    }

    #[test]
    fn the_plugin_of_a_board_does_not_talk_among_frames() {
        let CommandLine::Program(words) =
            Preset::JetsonCsi(1).command(&WantedFormat::default(), Some(6))
        else {
            panic!("a shell would see it");
        };
        assert!(words[2].starts_with("exec 3>&1 1>&2;"), "{words:?}");
        assert!(words.iter().any(|word| word == "fd=3"), "{words:?}");
        assert!(!words.iter().any(|word| word == "fd=1"), "{words:?}");
    }

    /// Among arguments, everybody on the machine could read it.
    #[test]
    fn a_password_is_no_argument() {
        let camera = Preset::Rtsp("rtsp://me:it's@host/live".into());
        let CommandLine::Program(words) = camera.command(&WantedFormat::default(), Some(6)) else {
            panic!("a shell would see it");
        };
        assert!(!words.iter().any(|word| word.contains("host")), "{words:?}");
        let input = camera.input(Some(6)).unwrap();
        let input = input.expose();
        assert!(
            input.contains("file 'rtsp://me:it'\\''s@host/live'\n"),
            "{input}"
        );
    }

    #[test]
    fn a_name_stays_one_argument_whatever_it_holds() {
        let (path, url) = ("a b;rm -rf ~", "rtsp://host/a b;rm -rf ~");
        let command = Preset::File(path.into()).command(&WantedFormat::default(), Some(6));
        let CommandLine::Program(words) = command else {
            panic!("a shell would see it");
        };
        let whole = format!("file:{path}");
        assert!(words.contains(&whole), "{words:?}");
        let input = Preset::Rtsp(url.into()).input(Some(6)).unwrap();
        assert_eq!(
            input.expose().lines().nth(1),
            Some(&*format!("file '{url}'"))
        );
        let size = "min(1,1280/max(iw*sar,ih))";
        assert!(words.iter().any(|word| word.contains(size)), "{words:?}");
    }

    #[test]
    fn sizes_are_bounded() {
        let (width, height) = (640, 480);
        assert_eq!("640x480".parse(), Ok(PictureSize { width, height }));
        for wrong in ["640", "x", "0x480", "640x99999", "-1x5"] {
            assert!(wrong.parse::<PictureSize>().is_err(), "{wrong}");
        }
    }
}
