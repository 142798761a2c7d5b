//! Real clips, below the folder that `UNMASK_DATA` names.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use unmask_shared::media::list_media;

/// Frames in a second of what is decoded here.
pub const RATE_HZ: u64 = 25;

/// All clips, real and fake mixed; of two files of the same name, which are one recording before
/// and after a swap, the first. `None`, and a line that says so, without `UNMASK_DATA`.
pub fn clips() -> Option<Vec<PathBuf>> {
    let Some(data) = std::env::var_os("UNMASK_DATA") else {
        eprintln!("SKIPPED: UNMASK_DATA does not name a folder with video/");
        return None;
    };
    let mut files = list_media(&PathBuf::from(data).join("video")).expect("video/ holds clips");
    let mix = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let bytes = name.bytes();
        let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        (hash, name)
    };
    files.sort_by_key(mix);
    files.dedup_by_key(|path| mix(path));
    Some(files)
}

/// The first `most` frames of a clip, RGB, with black bars where it has another shape.
pub fn frames(path: &Path, width: usize, height: usize, most: usize) -> Vec<Vec<u8>> {
    let filter = format!(
        "fps={RATE_HZ},scale={width}:{height}:force_original_aspect_ratio=decrease,\
         pad={width}:{height}:(ow-iw)/2:(oh-ih)/2"
    );
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(path)
        .args(["-vf", &filter, "-frames:v", &most.to_string()])
        .args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg");
    let mut bytes = Vec::new();
    let mut out = child.stdout.take().expect("piped");
    out.read_to_end(&mut bytes).expect("it writes");
    child.wait().expect("it ends");
    let pictures = bytes.chunks_exact(3 * width * height);
    pictures.map(<[u8]>::to_vec).collect()
}
