//! Short videos around flagged spans, cut out of the recording that was watched.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use super::review::SpanArgs;
use crate::console::style::plural;
use crate::error::EdgeError;

/// Seconds of a clip at most.
const CLIP_S_MAX: f64 = 600.0;

/// Arguments of `review clips`.
#[derive(Debug, Args)]
pub struct ClipsArgs {
    #[command(flatten)]
    /// Which spans.
    pub spans: SpanArgs,
    /// The recording that was watched, from its first frame on
    #[arg(long, value_name = "VIDEO")]
    pub from: PathBuf,
    /// Folder for the clips, span-ENTRY.mp4 for each span
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// Seconds before and after each span, 0 to 60
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = margin)]
    pub margin: f64,
}

fn margin(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s| (0.0..=60.0).contains(s));
    seconds.ok_or_else(|| "seconds are a number, 0 to 60".to_owned())
}

impl ClipsArgs {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        let failed = |path: &Path, why: &dyn std::fmt::Display| {
            EdgeError::Config(format!("cannot cut clips: {}: {why}", path.display()))
        };
        if !self.from.is_file() {
            return Err(failed(&self.from, &"there is no such file"));
        }
        std::fs::create_dir_all(&self.output).map_err(|error| failed(&self.output, &error))?;
        let read = self.spans.read()?;
        let mut without_end = 0;
        for span in &read.spans {
            let Some((begin, end)) = span.seconds() else {
                without_end += 1;
                continue;
            };
            let begin = (begin - self.margin).max(0.0);
            let length = (end + self.margin - begin).min(CLIP_S_MAX);
            let path = self.output.join(format!("span-{}.mp4", span.entry));
            // What is stopped in its midst leaves no clip that looks whole.
            let fresh = self.output.join(format!(".span-{}.mp4", span.entry));
            cut(&self.from, begin, length, &fresh).map_err(|why| failed(&path, &why))?;
            std::fs::rename(&fresh, &path).map_err(|why| failed(&path, &why))?;
            writeln!(
                out,
                "{}  {length:.1} s from {begin:.1} s on",
                path.display()
            )?;
        }
        if without_end > 0 {
            let spans = plural(without_end, "span has", "spans have");
            writeln!(out, "{spans} no end yet, or no frame rate: no clip")?;
        }
        read.end(out)
    }
}

/// Encodes a part of a video anew, so that it begins with the very frame that is wanted.
fn cut(from: &Path, begin: f64, length: f64, to: &Path) -> Result<(), String> {
    // What begins with a protocol is no option and no other protocol.
    let local = |path: &Path| {
        let mut name = std::ffi::OsString::from("file:");
        name.push(path);
        name
    };
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(["-ss", &format!("{begin:.6}")])
        .args(["-protocol_whitelist", "file", "-i"])
        .arg(local(from))
        .args(["-t", &format!("{length:.6}")])
        .args(["-map", "0:v:0", "-map", "0:a:0?", "-pix_fmt", "yuv420p"])
        .arg(local(to))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ffmpeg: {error} (apt-get install ffmpeg)"))?;
    if done.status.success() {
        return Ok(());
    }
    // It may not have been begun.
    let _ = std::fs::remove_file(to);
    Err(String::from_utf8_lossy(&done.stderr).trim().to_owned())
}
