//! `unmask-edge cameras`: what is connected.

use std::io::{self, Write};

use super::identity::{Attached, Enrolment};
use crate::console::style::printable;

/// What a machine without cameras is told.
const NONE: &str = "\
No camera is connected: the kernel lists none in /sys/class/video4linux.
Plug one in; in a container, hand it over (docker run --device /dev/video0).
Cameras of a Raspberry Pi or Jetson board are used with --source rpicam or csi,
network cameras with --source rtsp://ADDRESS.";

/// Lists cameras with what they can deliver.
pub fn write_list(cameras: &[Attached], out: &mut dyn Write) -> io::Result<()> {
    if cameras.is_empty() {
        return writeln!(out, "{NONE}");
    }
    for (at, camera) in cameras.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        // A device may call itself anything.
        writeln!(out, "{}", printable(camera.id()))?;
        writeln!(out, "  name    {}", printable(&camera.card))?;
        writeln!(out, "  node    {}", camera.path.display())?;
        writeln!(out, "  bus     {}", printable(&camera.bus))?;
        if !camera.driver.is_empty() {
            writeln!(out, "  driver  {}", printable(&camera.driver))?;
        }
        if Enrolment::default().doubts(camera) {
            let why = if camera.is_software() {
                "made by software: frames from it are reported as a possible injection"
            } else {
                "on the board, or made by software: believed when enrolled by its bus"
            };
            writeln!(out, "  note    {why}")?;
        }
        write_modes(camera, out)?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn write_modes(camera: &Attached, out: &mut dyn Write) -> io::Result<()> {
    let modes = match super::v4l2::modes(&camera.path) {
        Ok(modes) => modes,
        Err(error) => return writeln!(out, "  error   {}", super::remedy(&error)),
    };
    for mode in &modes {
        let rates: Vec<String> = mode.rates_hz.iter().map(|hz| format!("{hz:.3}")).collect();
        let rates: Vec<&str> = rates
            .iter()
            .map(|hz| hz.trim_end_matches('0').trim_end_matches('.'))
            .collect();
        let at = if rates.is_empty() { "" } else { " at " };
        let unit = if rates.is_empty() { "" } else { " frames/s" };
        let usable = if mode.is_usable {
            ""
        } else {
            " (not supported)"
        };
        writeln!(
            out,
            "  format  {} {}x{}{at}{}{unit}{usable}",
            mode.code,
            mode.width,
            mode.height,
            rates.join(", ")
        )?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn write_modes(_: &Attached, _: &mut dyn Write) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_camera_is_said_clearly_and_one_by_its_lasting_name() {
        let mut out = Vec::new();
        write_list(&[], &mut out).unwrap();
        assert!(out.starts_with(b"No camera is connected"));
        let camera = Attached {
            path: "/dev/video-missing".into(),
            bus: "platform:vivid.0".into(),
            serial: None,
            card: "vivid\u{1b}[2J".into(),
            driver: "vivid".into(),
            is_virtual: false,
        };
        out.clear();
        write_list(&[camera], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("platform:vivid.0\n"), "{text}");
        assert!(text.contains("possible injection"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
