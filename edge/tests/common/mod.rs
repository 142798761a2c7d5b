//! Running the program, and videos and bundles made for a test.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use unmask_edge::builtin::builtin;
use unmask_edge::source::synthetic::SyntheticSource;
use unmask_edge::source::{Frame, FrameSource};
use unmask_shared::bundle::Bundle;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

/// What a run of the program came to.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Standard output as JSON lines.
    pub fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

/// Runs the program; a panic of it fails the test.
pub fn unmask(arguments: &[&str]) -> Ran {
    unmask_in(Path::new("."), arguments)
}

/// The same in some folder.
pub fn unmask_in(folder: &Path, arguments: &[&str]) -> Ran {
    let output = command()
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    ran(&output)
}

/// The program, ready to start.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unmask-edge"));
    command.stdin(Stdio::null());
    command
}

/// Checks and unpacks what a run came to.
pub fn ran(output: &Output) -> Ran {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("panicked"), "{stderr}");
    let code = output
        .status
        .code()
        .unwrap_or_else(|| panic!("{}: {stderr}", output.status));
    Ran {
        code,
        stdout,
        stderr,
    }
}

/// What a command logs until it has said what is wanted, within two minutes, was watched for some
/// time more, and was ended.
pub fn log_until(command: &mut Command, more: Duration, wanted: &str) -> String {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut log = String::new();
    let pid = child.id().to_string();
    let kill = |signal: &str| Command::new("kill").args([signal, &pid]).status();
    let is_said = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !is_said.load(Ordering::SeqCst) {
                if start.elapsed() > Duration::from_secs(120) {
                    let _ = kill("-KILL");
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        while !log.contains(wanted) && stderr.read_line(&mut log).unwrap() > 0 {}
        is_said.store(true, Ordering::SeqCst);
    });
    assert!(log.contains(wanted), "it ended without `{wanted}`: {log}");
    std::thread::sleep(more);
    assert!(kill("-INT").unwrap().success());
    stderr.read_to_string(&mut log).unwrap();
    child.wait().unwrap();
    log
}

/// Whether ffmpeg is there. Where it is not, says so past the test harness, or
/// fails if nothing may be skipped (`UNMASK_NO_SKIP=1`).
pub fn have_ffmpeg(test: &str) -> bool {
    let version = |name| {
        Command::new(name)
            .arg("-version")
            .stdout(Stdio::null())
            .status()
    };
    let found = version("ffmpeg").is_ok() && version("ffprobe").is_ok();
    if !found {
        skip(test, "ffmpeg is not installed (apt-get install ffmpeg)");
    }
    found
}

/// Says loudly that a test was skipped.
pub fn skip(test: &str, why: &str) {
    assert!(
        std::env::var_os("UNMASK_NO_SKIP").is_none(),
        "{test} must not be skipped: {why}"
    );
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {why}\n");
}

/// One synthetic person, 640 x 480.
pub fn person(seed: u64, frames: u32) -> Vec<Frame> {
    let config = SceneConfig {
        seed,
        face_px: 120.0..=180.0,
        ..SceneConfig::default()
    };
    scene(config, frames)
}

/// Somebody with the face of somebody else, 320 x 240; seed 501 is flagged.
pub fn swapped(seed: u64, frames: u32) -> Vec<Frame> {
    let config = SceneConfig {
        width: 320,
        height: 240,
        seed,
        swap: Swap::Always,
        face_px: 100.0..=140.0,
    };
    scene(config, frames)
}

fn scene(config: SceneConfig, frames: u32) -> Vec<Frame> {
    let model = FaceModel::builtin().unwrap();
    let scene = Scene::new(&model, config).unwrap();
    let shot = |index| {
        let shot = scene.frame(index);
        let (width, height) = (shot.width, shot.height);
        Frame {
            index: u64::from(index),
            time_us: 0,
            width,
            height,
            rgb: shot.rgb,
        }
    };
    (0..frames).map(shot).collect()
}

/// The two places of the synthetic source.
pub fn two_people(seed: u64, first: u64, frames: usize) -> Vec<Frame> {
    let mut source = SyntheticSource::starting_at(seed, first).unwrap();
    let mut frame = Frame::default();
    let mut all = Vec::new();
    while all.len() < frames && source.next_frame(&mut frame).unwrap() {
        all.push(frame.clone());
    }
    all
}

/// Encodes frames with ffmpeg at 30 a second, with arguments for the output.
pub fn encode(frames: &[Frame], path: &Path, arguments: &[&str]) {
    let size = [frames[0].width, frames[0].height];
    let output = [&["-c:v", "mpeg4", "-q:v", "3"], arguments].concat();
    encode_rgb(
        frames.iter().map(|frame| &frame.rgb),
        size,
        "30",
        path,
        &output,
    );
}

/// Encodes pictures of RGB bytes with ffmpeg, with arguments for the output.
pub fn encode_rgb<P: AsRef<[u8]>>(
    pictures: impl Iterator<Item = P>,
    [width, height]: [usize; 2],
    rate: &str,
    path: &Path,
    arguments: &[&str],
) {
    let mut child = Command::new("ffmpeg")
        .args(["-y", "-loglevel", "error"])
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24"])
        .args([
            "-s",
            &format!("{width}x{height}"),
            "-r",
            rate,
            "-i",
            "pipe:0",
        ])
        .args(arguments)
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    for picture in pictures {
        pipe.write_all(picture.as_ref()).unwrap();
    }
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

/// Saves a frame as a picture.
pub fn save(frame: &Frame, path: &Path) {
    let (width, height) = (frame.width as u32, frame.height as u32);
    image::RgbImage::from_raw(width, height, frame.rgb.clone())
        .unwrap()
        .save(path)
        .unwrap();
}

/// Writes the built-in bundle into a folder.
pub fn write_bundle(folder: &Path) {
    let bundle = builtin().unwrap();
    Bundle::write(folder, &bundle.manifest, &bundle.model, "A card.\n").unwrap();
}
