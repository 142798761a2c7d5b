//! A virtual camera's other side (v4l2loopback), and the controls of one (vivid).

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use v4l::control::{Control, Value};
use v4l::video::Output;
use v4l::{Device, Format, FourCC};

use crate::people::{FRAME_BYTES, HEIGHT, WIDTH};

/// Shows the frames of the file that `scene` points at, there and back, for ever.
/// Another file is shown as soon as the link is changed.
pub fn play(device: &str, scene: &Path, rate_hz: f64) -> Result<(), Box<dyn Error>> {
    let mut device = Device::with_path(device)?;
    let format = Format::new(WIDTH as u32, HEIGHT as u32, FourCC::new(b"YUYV"));
    device.set_format(&format)?;
    let pause = Duration::try_from_secs_f64(1.0 / rate_hz)?;
    let (mut shown, mut film, mut step) = (PathBuf::new(), Vec::new(), 0);
    loop {
        // While the link is changed there is none for a moment.
        if let Ok(file) = fs::canonicalize(scene)
            && file != shown
        {
            film = fs::read(&file)?;
            (shown, step) = (file, 0);
        }
        let frames = film.as_chunks::<FRAME_BYTES>().0;
        let last = frames.len().saturating_sub(1).max(1);
        let at = step % (2 * last);
        let frame = frames.get(at.min(2 * last - at)).or(frames.first());
        if let Some(frame) = frame {
            device.write_all(frame)?;
        }
        step += 1;
        thread::sleep(pause);
    }
}

/// Sets a control of a device by its number, as in `0xf0f040`.
pub fn control(device: &str, id: &str, value: Option<i64>) -> Result<(), Box<dyn Error>> {
    let id = u32::from_str_radix(id.trim_start_matches("0x"), 16)?;
    let value = value.map_or(Value::None, Value::Integer);
    Ok(Device::with_path(device)?.set_control(Control { id, value })?)
}
