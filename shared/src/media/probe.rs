//! Asks `ffprobe` what a video is before it is read.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::{SourceError, child, stderr};

/// Processor time for an answer, and longest time without doing anything for it.
const ANSWER: Duration = Duration::from_secs(8);

/// Highest rate that anybody counts timecodes at.
const TIMECODE_HZ_MAX: f64 = 120.0;

/// What the container says about its first video stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    /// Frames per second, on average.
    pub rate_hz: f64,
    /// Frames per second at which timecodes count.
    pub timecode_hz: f64,
    /// Whether frames may come at uneven times.
    pub is_variable: bool,
    /// Number of frames, where the container tells.
    pub frames: Option<u64>,
    /// Whether this ffmpeg understands `-fps_mode` (5.1 and later).
    pub fps_mode: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    program_version: Version,
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default)]
struct Format {
    #[serde(default)]
    format_name: String,
}

#[derive(Deserialize, Default)]
struct Version {
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    avg_frame_rate: String,
    #[serde(default)]
    r_frame_rate: String,
    nb_frames: Option<String>,
}

/// How many frames a video says that it has, where its container tells.
///
/// # Errors
/// When it is no video, or `ffprobe` cannot be run.
pub fn frame_count(path: &Path) -> Result<Option<u64>, SourceError> {
    Ok(probe(path)?.frames)
}

/// Runs `ffprobe` on one file.
pub(super) fn probe(path: &Path) -> Result<Probe, SourceError> {
    let mut command = Command::new("ffprobe");
    command
        .args([
            "-v",
            "error",
            "-protocol_whitelist",
            "file",
            "-select_streams",
            "v:0",
        ])
        .args(["-show_program_version", "-show_entries"])
        .args([
            "stream=avg_frame_rate,r_frame_rate,nb_frames:format=format_name",
            "-of",
            "json",
        ])
        .arg("-i")
        .arg(file_argument(path))
        .stdin(Stdio::null());
    let output = child::output_within(&mut command, ANSWER)
        .map_err(|error| launch_error("ffprobe", path, error))?;
    let said: Vec<String> = output
        .stderr
        .split(|&b| b == b'\n')
        .map(stderr::clean)
        .collect();
    let said = said
        .iter()
        .map(String::as_str)
        .filter(|line| !line.is_empty());
    let said = stderr::last_words(said, path);
    let refused = |otherwise: &str| SourceError::NotAVideo {
        path: path.to_path_buf(),
        reason: if said.is_empty() {
            otherwise.to_owned()
        } else {
            said.clone()
        },
    };
    if !output.status.success() {
        return Err(refused("ffprobe gave no reason"));
    }
    parse(&output.stdout).ok_or_else(|| refused("it has no video stream"))
}

fn parse(json: &[u8]) -> Option<Probe> {
    let answer: Answer = serde_json::from_slice(json).ok()?;
    let stream = answer.streams.first()?;
    let (average, base) = (ratio(&stream.avg_frame_rate), ratio(&stream.r_frame_rate));
    let rate_hz = average.or(base).unwrap_or(25.0);
    Some(Probe {
        rate_hz,
        timecode_hz: base.map_or(rate_hz, |base| timecode_hz(rate_hz, base)),
        // Matroska says one rate in its head, whatever follows; without a base rate, stamps are of a
        // clock.
        is_variable: base.is_none_or(|base| !is_even(rate_hz, base))
            || answer.format.format_name.contains("matroska"),
        frames: stream.nb_frames.as_deref().and_then(|n| n.parse().ok()),
        fps_mode: knows_fps_mode(&answer.program_version.version),
    })
}

/// When each frame is to be shown, microseconds since the first, in order; empty where that cannot
/// be had.
pub(super) fn stamps(path: &Path) -> Vec<u64> {
    let mut command = Command::new("ffprobe");
    command
        .args(["-v", "error", "-protocol_whitelist", "file"])
        .args(["-select_streams", "v:0", "-show_entries", "packet=pts_time"])
        .args(["-of", "csv=print_section=0", "-i"])
        .arg(file_argument(path))
        .stdin(Stdio::null());
    let output = child::output_within(&mut command, ANSWER);
    let Ok(output) = output else {
        return Vec::new();
    };
    in_order(&String::from_utf8_lossy(&output.stdout))
}

/// Times as ffprobe prints them, seconds, one a line in the order of decoding.
fn in_order(printed: &str) -> Vec<u64> {
    let time = |line: &str| line.trim_matches([',', ' ', '\r']).parse::<f64>().ok();
    let mut times: Vec<f64> = printed.lines().filter_map(time).collect();
    times.retain(|time| time.is_finite());
    times.sort_by(f64::total_cmp);
    let first = times.first().copied().unwrap_or(0.0);
    let since = |time: &f64| ((time - first) * 1e6).round() as u64;
    times.iter().map(since).collect()
}

/// Whether the mean rate is the base rate, or that of frames of two fields.
fn is_even(average: f64, base: f64) -> bool {
    let factor = base / average;
    (factor - 1.0).abs() < 0.01 || (factor - 2.0).abs() < 0.01
}

/// The rate of a stream's timecode. ffprobe tells the mean rate, and a base rate on whose frames
/// all time stamps fall: the one that was meant, where frames are left out; that of fields where
/// frames are interlaced; and anything where stamps are of a clock.
fn timecode_hz(average: f64, base: f64) -> f64 {
    let is_fields = (base / average - 2.0).abs() < 0.01;
    match is_fields || base > TIMECODE_HZ_MAX || base < average * 0.99 {
        true => average,
        false => base,
    }
}

/// `30000/1001` as a number, if it is a plausible frame rate.
fn ratio(text: &str) -> Option<f64> {
    let (over, under) = text.split_once('/')?;
    let rate = over.parse::<f64>().ok()? / under.parse::<f64>().ok()?;
    (rate.is_finite() && (0.01..=1000.0).contains(&rate)).then_some(rate)
}

/// Releases are named `5.1.9-0+deb12u1`; builds from source `N-109...`.
fn knows_fps_mode(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches('n')
        .split(['.', '-'])
        .map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 1),
        (Some(Ok(major)), _) => major > 5,
        _ => true,
    }
}

/// The path as an argument that can be taken neither for an option nor for an
/// address on the network.
pub(super) fn file_argument(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(OsStr::new(path));
    argument
}

/// Tells a missing command from a command that could not be started.
pub(super) fn launch_error(command: &'static str, path: &Path, error: io::Error) -> SourceError {
    if error.kind() == io::ErrorKind::NotFound {
        SourceError::NoFfmpeg { command }
    } else {
        SourceError::Pipe {
            path: path.to_path_buf(),
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ffprobe_prints() {
        let json = br#"{"program_version":{"version":"5.1.9-0+deb12u1"},
            "streams":[{"r_frame_rate":"30/1","avg_frame_rate":"30000/1001","nb_frames":"90"}]}"#;
        let probe = parse(json).unwrap();
        assert!((probe.rate_hz - 29.97).abs() < 0.001);
        assert_eq!(probe.frames, Some(90));
        assert!(probe.fps_mode);
    }

    #[test]
    fn timecodes_count_at_the_rate_that_was_meant() {
        for (average, base, wanted, is_variable) in [
            ("25/1", "25/1", 25.0, false),
            ("30000/1001", "30000/1001", 30_000.0 / 1001.0, false),
            // Fields of interlaced frames.
            ("25/1", "50/1", 25.0, false),
            // Most frames left out.
            ("70/22", "25/1", 25.0, true),
            // Stamps of a clock.
            ("1200/41", "90000/1", 1200.0 / 41.0, true),
        ] {
            let json = format!(
                r#"{{"streams":[{{"r_frame_rate":"{base}","avg_frame_rate":"{average}"}}]}}"#
            );
            let probe = parse(json.as_bytes()).unwrap();
            assert!(
                (probe.timecode_hz - wanted).abs() < 1e-9,
                "{average} {base}"
            );
            assert_eq!(probe.is_variable, is_variable, "{average} {base}");
        }
    }

    #[test]
    fn what_matroska_says_of_its_rate_is_not_believed() {
        let json = br#"{"streams":[{"r_frame_rate":"25/1","avg_frame_rate":"25/1"}],
            "format":{"format_name":"matroska,webm"}}"#;
        assert!(parse(json).unwrap().is_variable);
    }

    #[test]
    fn stamps_are_brought_in_order_and_begin_at_nothing() {
        let printed = "1.400000\n1.520000,\nN/A\n1.440000\n1.480000\n";
        assert_eq!(in_order(printed), [0, 40_000, 80_000, 120_000]);
        assert!(in_order("").is_empty());
    }

    #[test]
    fn survives_answers_without_sense() {
        assert_eq!(parse(b"{}"), None);
        assert_eq!(parse(b"not json"), None);
        let odd = br#"{"streams":[{"r_frame_rate":"90000/1","avg_frame_rate":"0/0"}]}"#;
        assert_eq!(
            parse(odd).map(|p| (p.rate_hz, p.frames)),
            Some((25.0, None))
        );
    }

    #[test]
    fn knows_which_ffmpeg_is_old() {
        assert!(!knows_fps_mode("4.4.2-0ubuntu0.22.04.1"));
        assert!(!knows_fps_mode("5.0"));
        assert!(knows_fps_mode("5.1.9-0+deb12u1"));
        assert!(knows_fps_mode("n7.1"));
        assert!(knows_fps_mode("7"));
        assert!(knows_fps_mode("N-109540-gaa"));
    }

    #[test]
    fn a_path_is_never_an_option_or_an_address() {
        assert_eq!(file_argument(Path::new("-y")), "file:-y");
        assert_eq!(
            file_argument(Path::new("http://host/x")),
            "file:http://host/x"
        );
    }
}
