//! Asks `ffprobe` what a video is before it is read.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::folder::is_still;
use super::{SourceError, child, stderr};

/// Processor time for an answer, and longest time without doing anything for it.
const ANSWER: Duration = Duration::from_secs(8);

/// Highest rate that anybody counts timecodes at.
const TIMECODE_HZ_MAX: f64 = 120.0;

/// What the container says about one of its tracks of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Number of the track among all of the file.
    pub index: u32,
    /// Frames per second, on average.
    pub rate_hz: f64,
    /// Frames per second at which timecodes count.
    pub timecode_hz: f64,
    /// Number of frames, where the container tells.
    pub frames: Option<u64>,
    /// Length in seconds, where the container tells.
    pub duration_s: Option<f64>,
    /// Whether players show this one unless they are told otherwise.
    pub is_default: bool,
    /// Whether pixels may be transparent.
    pub has_alpha: bool,
    /// Whether they are, and ffmpeg does not say how much.
    pub hides_alpha: bool,
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
    format: Container,
}

#[derive(Deserialize, Default)]
struct Container {
    duration: Option<String>,
}

#[derive(Deserialize, Default)]
struct Version {
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    avg_frame_rate: String,
    #[serde(default)]
    pix_fmt: String,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    r_frame_rate: String,
    nb_frames: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    disposition: Disposition,
}

#[derive(Deserialize, Default)]
struct Tags {
    #[serde(default, alias = "ALPHA_MODE")]
    alpha_mode: String,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    default: u8,
    #[serde(default)]
    attached_pic: u8,
}

/// What is asked.
const ENTRIES: &str = "stream=index,avg_frame_rate,r_frame_rate,nb_frames,duration,pix_fmt:\
     stream_tags=alpha_mode:stream_disposition=default,attached_pic:format=duration";

/// How many frames a video says that it has, where its container tells.
///
/// # Errors
/// When it is no video, or `ffprobe` cannot be run.
pub fn frame_count(path: &Path) -> Result<Option<u64>, SourceError> {
    Ok(probe(path)?.first().and_then(|track| track.frames))
}

/// Runs `ffprobe` on one file: at least one track of pictures, first the one that players show.
/// The cover of a piece of music is none.
pub(super) fn probe(path: &Path) -> Result<Vec<Probe>, SourceError> {
    let mut command = Command::new("ffprobe");
    command
        .args([
            "-v",
            "error",
            "-protocol_whitelist",
            "file",
            "-select_streams",
            "v",
        ])
        .args(["-show_program_version", "-show_entries", ENTRIES])
        .args(["-of", "json"])
        .arg("-i")
        .arg(file_argument(path))
        .stdin(Stdio::null());
    let output = child::output_within(&mut command, child::patience(ANSWER))
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
    let refused = |otherwise: &str| {
        let reason = if said.is_empty() { otherwise } else { &said };
        let hint = match is_still(path) {
            true => " (this ffmpeg does not read such pictures: convert it to JPEG or PNG)",
            false => "",
        };
        SourceError::NotAVideo {
            path: path.to_path_buf(),
            reason: format!("{reason}{hint}"),
        }
    };
    if !output.status.success() {
        return Err(refused("ffprobe gave no reason"));
    }
    let tracks = read_answer(&output.stdout);
    match tracks.is_empty() {
        true => Err(refused("it has no video")),
        false => Ok(tracks),
    }
}

/// The tracks of pictures in what `ffprobe` prints, first the one that players show; none where it
/// is no such answer. Rates are finite and above 0, lengths too.
pub fn read_answer(json: &[u8]) -> Vec<Probe> {
    let Ok(answer) = serde_json::from_slice::<Answer>(json) else {
        return Vec::new();
    };
    let seconds = |text: &Option<String>| {
        let seconds = text.as_ref()?.parse::<f64>().ok()?;
        (seconds.is_finite() && seconds > 0.0).then_some(seconds)
    };
    let whole = seconds(&answer.format.duration);
    let fps_mode = knows_fps_mode(&answer.program_version.version);
    let pictures = answer.streams.iter();
    let pictures = pictures.filter(|stream| stream.disposition.attached_pic == 0);
    let track = |stream: &Stream| {
        let (average, base) = (ratio(&stream.avg_frame_rate), ratio(&stream.r_frame_rate));
        let rate_hz = average.or(base).unwrap_or(25.0);
        Probe {
            index: stream.index,
            rate_hz,
            timecode_hz: base.map_or(rate_hz, |base| timecode_hz(rate_hz, base)),
            frames: stream.nb_frames.as_deref().and_then(|n| n.parse().ok()),
            duration_s: seconds(&stream.duration).or(whole),
            is_default: stream.disposition.default != 0,
            has_alpha: has_alpha(&stream.pix_fmt),
            // The decoder that Matroska's VP8 and VP9 get leaves it out.
            hides_alpha: stream.tags.alpha_mode == "1" && !has_alpha(&stream.pix_fmt),
            fps_mode,
        }
    };
    let mut tracks: Vec<Probe> = pictures.map(track).collect();
    tracks.sort_by_key(|track| !track.is_default);
    tracks
}

/// Whether pixels of this format may be transparent, as `yuva420p`, `rgba64le`, `gbrap`, `ya8`. A
/// palette's colours may be.
fn has_alpha(pix_fmt: &str) -> bool {
    let starts = [
        "yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8", "ayuv",
    ];
    starts.iter().any(|start| pix_fmt.starts_with(start))
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
        let [probe] = &read_answer(json)[..] else {
            panic!("one track");
        };
        assert!((probe.rate_hz - 29.97).abs() < 0.001);
        assert_eq!(probe.frames, Some(90));
        assert!(probe.fps_mode);
    }

    #[test]
    fn timecodes_count_at_the_rate_that_was_meant() {
        for (average, base, wanted) in [
            ("25/1", "25/1", 25.0),
            ("30000/1001", "30000/1001", 30_000.0 / 1001.0),
            // Fields of interlaced frames.
            ("25/1", "50/1", 25.0),
            // Most frames left out.
            ("70/22", "25/1", 25.0),
            // Stamps of a clock.
            ("1200/41", "90000/1", 1200.0 / 41.0),
        ] {
            let json = format!(
                r#"{{"streams":[{{"r_frame_rate":"{base}","avg_frame_rate":"{average}"}}]}}"#
            );
            let probe = &read_answer(json.as_bytes())[0];
            assert!(
                (probe.timecode_hz - wanted).abs() < 1e-9,
                "{average} {base}"
            );
        }
    }

    #[test]
    fn what_may_be_transparent_is_told() {
        for (stream, wanted) in [
            (r#""pix_fmt":"yuv420p""#, (false, false)),
            (r#""pix_fmt":"yuva444p10le""#, (true, false)),
            (r#""pix_fmt":"bgra""#, (true, false)),
            (r#""pix_fmt":"rgb24""#, (false, false)),
            (
                r#""pix_fmt":"yuv420p","tags":{"alpha_mode":"1"}"#,
                (false, true),
            ),
            (
                r#""pix_fmt":"yuv420p","tags":{"ALPHA_MODE":"1"}"#,
                (false, true),
            ),
        ] {
            let json = format!(r#"{{"streams":[{{{stream}}}]}}"#);
            let probe = &read_answer(json.as_bytes())[0];
            assert_eq!((probe.has_alpha, probe.hides_alpha), wanted, "{stream}");
        }
    }

    #[test]
    fn survives_answers_without_sense() {
        assert_eq!(read_answer(b"{}"), []);
        assert_eq!(read_answer(b"not json"), []);
        let odd = br#"{"streams":[{"r_frame_rate":"90000/1","avg_frame_rate":"0/0"}]}"#;
        let odd = read_answer(odd);
        assert_eq!((odd[0].rate_hz, odd[0].frames), (25.0, None));
        assert_eq!(odd.len(), 1);
    }

    #[test]
    fn what_players_show_comes_first_and_a_cover_is_no_video() {
        let json = br#"{"streams":[
            {"index":0,"disposition":{"default":0,"attached_pic":1}},
            {"index":1,"disposition":{"default":0}},
            {"index":3,"duration":"2.5","disposition":{"default":1}}],
            "format":{"duration":"4.0"}}"#;
        let tracks = read_answer(json);
        let told: Vec<_> = tracks.iter().map(|t| (t.index, t.duration_s)).collect();
        assert_eq!(told, [(3, Some(2.5)), (1, Some(4.0))]);
        let music = br#"{"streams":[{"index":1,"disposition":{"attached_pic":1}}]}"#;
        assert_eq!(read_answer(music), []);
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
