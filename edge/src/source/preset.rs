//! Commands that are known to deliver frames.

use std::process::Command;
use std::str::FromStr;
use std::sync::OnceLock;

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
        if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = scheme.to_ascii_lowercase();
            return Some(match scheme.as_str() {
                "rtsp" | "rtsps" => Ok(Self::Rtsp(format!("{scheme}://{rest}"))),
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
            Self::Rtsp(url) => Address::of(url).label(),
            Self::JetsonCsi(number) => format!("csi:{number}"),
            Self::Rpicam(number) => format!("rpicam:{number}"),
        }
    }

    /// What nobody may read in the log: name and password of a network camera, wherever in its
    /// address they stand.
    pub fn hidden(&self) -> Vec<String> {
        match self {
            Self::Rtsp(url) => Address::of(url).secrets(),
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
    /// on the machine could read among the command's arguments. Releases of ffmpeg before 5 do not
    /// take it so.
    pub fn input(&self, ffmpeg_major: Option<u32>) -> Option<String> {
        let Self::Rtsp(url) = self else {
            return None;
        };
        let quoted = url.replace('\'', "'\\''").replace(['\r', '\n'], "");
        (!is_old(ffmpeg_major)).then(|| format!("{LIST}file '{quoted}'\n{LIST_OPTIONS}"))
    }

    /// The command, for this release of ffmpeg (`None`: not known, taken for a new one). No shell
    /// looks at what it is asked for.
    pub fn command(&self, wanted: &Wanted, ffmpeg_major: Option<u32>) -> CommandLine {
        let (width, height, rate) = (wanted.width, wanted.height, wanted.rate_hz);
        CommandLine::Program(match self {
            Self::File(path) => ffmpeg(&["-re", "-i", &format!("file:{path}")], wanted),
            Self::Rtsp(url) if is_old(ffmpeg_major) => {
                // There, -timeout means to listen.
                let before = words(
                    "-rtsp_transport tcp -stimeout 5000000 -fflags nobuffer -flags low_delay -i",
                );
                let before = before.iter().map(String::as_str).chain([url.as_str()]);
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
fn ffmpeg(input: &[&str], wanted: &Wanted) -> Vec<String> {
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

/// The parts of a network camera's address.
struct Address<'a> {
    scheme: &'a str,
    /// Name and password before the `@`.
    login: &'a str,
    host: &'a str,
    /// From the `/` on.
    path: &'a str,
    /// From the `?` on.
    query: &'a str,
}

/// Words in a path beside which a password may stand.
const TELLING: [&str; 7] = ["pass", "pwd", "token", "key", "user", "auth", "="];
/// A longer part of a path may be a key itself.
const PART_BYTES_MAX: usize = 20;

impl<'a> Address<'a> {
    fn of(url: &'a str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(end);
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (path, query) = after.split_at(after.find('?').unwrap_or(after.len()));
        Self {
            scheme,
            login,
            host,
            path,
            query,
        }
    }

    fn is_telling(&self) -> bool {
        let path = self.path.to_ascii_lowercase();
        let is_long = |part: &str| part.len() > PART_BYTES_MAX;
        TELLING.iter().any(|word| path.contains(word)) || path.split('/').any(is_long)
    }

    fn label(&self) -> String {
        let path = match self.is_telling() {
            true => "/***",
            false => self.path,
        };
        let query = if self.query.is_empty() { "" } else { "?***" };
        format!("{}://{}{path}{query}", self.scheme, self.host)
    }

    fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![self.login, self.query.trim_start_matches('?')];
        if let Some((_, password)) = self.login.split_once(':') {
            secrets.push(password);
        }
        if self.is_telling() {
            secrets.push(self.path.trim_start_matches('/'));
        }
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
        secrets.map(str::to_owned).collect()
    }
}

/// A text with the secrets of a source in it taken out.
pub fn without_secrets(text: &str, source: &str) -> String {
    let secrets = match Preset::parse(source) {
        Some(Ok(preset)) => preset.hidden(),
        _ => Vec::new(),
    };
    secrets
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
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
        assert_eq!(camera.hidden(), ["me:a@b:c", "a@b:c"]);
        assert!(parsed("rtsp://10.0.0.7/x@y").unwrap().hidden().is_empty());
        assert_eq!(
            parsed("RTSP://Camera/live"),
            Ok(Preset::Rtsp("rtsp://Camera/live".into()))
        );
    }

    #[test]
    fn no_part_of_an_address_tells_a_password() {
        for (url, label) in [
            ("rtsp://c/live/ch0", "rtsp://c/live/ch0"),
            ("rtsp://c/live?user=me&password=secret", "rtsp://c/live?***"),
            ("rtsp://c?secret", "rtsp://c?***"),
            ("rtsp://c/user=me_password=secret_ch=1", "rtsp://c/***"),
            ("rtsp://c/secret-8d1f7a66b04c4b2fa0e5/1", "rtsp://c/***"),
            ("rtsp://secret@c:554/x", "rtsp://c:554/x"),
        ] {
            let preset = Preset::parse(url).unwrap().unwrap();
            assert_eq!(preset.label(), label);
            let told = without_secrets(&format!("[tcp] {url}: refused"), url);
            assert!(!told.contains("secret"), "{told}");
        }
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
        let camera = Preset::Rtsp("rtsp://c/live".into());
        for (version, is_old) in [
            ("ffmpeg version 4.2.7-0ubuntu0.1 Copyright", true),
            ("ffmpeg version n4.4 Copyright", true),
            ("ffmpeg version 5.1.9-0+deb12u1 Copyright", false),
            ("ffmpeg version 7.1 Copyright", false),
            ("ffmpeg version N-109540-gaa Copyright", false),
        ] {
            let command = camera.command(&Wanted::default(), major_of(version));
            let CommandLine::Program(words) = command else {
                panic!("a shell would see it");
            };
            let timeouts: Vec<_> = words.iter().filter(|w| w.ends_with("timeout")).collect();
            let input = camera.input(major_of(version));
            match is_old {
                true => assert_eq!(timeouts, ["-stimeout"], "{version}"),
                false => assert!(timeouts.is_empty(), "{version}: {timeouts:?}"),
            }
            assert_eq!(input.is_none(), is_old, "{version}");
            assert!(input.is_none_or(|input| input.contains("option timeout 5000000")));
        }
    }

    #[test]
    fn the_plugin_of_a_board_does_not_talk_among_frames() {
        let CommandLine::Program(words) = Preset::JetsonCsi(1).command(&Wanted::default(), None)
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
        let CommandLine::Program(words) = camera.command(&Wanted::default(), Some(6)) else {
            panic!("a shell would see it");
        };
        assert!(!words.iter().any(|word| word.contains("host")), "{words:?}");
        let input = camera.input(Some(6)).unwrap();
        assert!(
            input.contains("file 'rtsp://me:it'\\''s@host/live'\n"),
            "{input}"
        );
    }

    #[test]
    fn an_address_stays_one_argument_whatever_it_holds() {
        let url = "rtsp://host/a b;rm -rf ~";
        let command = Preset::Rtsp(url.into()).command(&Wanted::default(), Some(4));
        let CommandLine::Program(words) = command else {
            panic!("a shell would see it");
        };
        assert!(words.iter().any(|word| word == url), "{words:?}");
        let size = "min(1,1280/max(iw*sar,ih))";
        assert!(words.iter().any(|word| word.contains(size)), "{words:?}");
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
