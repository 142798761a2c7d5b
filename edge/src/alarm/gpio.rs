//! Pins of a Linux GPIO chip.

use std::path::PathBuf;

#[cfg(target_os = "linux")]
use gpiocdev::line::Value;

use super::config::AlarmConfig;
use super::error::AlarmError;

/// Who uses the line, as gpioinfo tells.
#[cfg(target_os = "linux")]
const CONSUMER: &str = "unmask-edge";

/// A line of a GPIO chip.
#[cfg(target_os = "linux")]
pub use gpiocdev_embedded_hal::OutputPin as GpioPin;

/// The device file of a chip: from a path, a name, or a number.
fn chip_path(chip: &str) -> PathBuf {
    if chip.contains('/') {
        chip.into()
    } else if chip.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("/dev/gpiochip{chip}").into()
    } else {
        format!("/dev/{chip}").into()
    }
}

/// Takes the line of the configuration as an output, which has its safe level
/// from the first moment on.
///
/// # Errors
/// When there is no such chip or line, when it is used by another program, and
/// when this one may not use it.
#[cfg(target_os = "linux")]
pub fn open(config: &AlarmConfig, line: &str) -> Result<GpioPin, AlarmError> {
    let level = match config.safe_on != config.active_low {
        true => Value::Active,
        false => Value::Inactive,
    };
    let (path, offset) = find(config, line)?;
    let request = gpiocdev::Request::builder()
        .on_chip(&path)
        .with_consumer(CONSUMER)
        .with_line(offset)
        .as_output(level)
        .request()
        .map_err(|error| AlarmError::gpio(&path, line, &error))?;
    GpioPin::try_from(request).map_err(|error| AlarmError::gpio(&path, line, &error))
}

/// The chip of a line, which may be used, and the number of the line on it.
pub(super) fn find(config: &AlarmConfig, line: &str) -> Result<(PathBuf, u32), AlarmError> {
    let number = line.parse::<u32>().ok();
    let chip = config.chip.as_deref().map(chip_path);
    let (path, offset) = match (chip, number) {
        (Some(path), Some(offset)) => (path, offset),
        (Some(path), None) => {
            check_access(&path)?;
            let chip = gpiocdev::Chip::from_path(&path);
            let chip = chip.map_err(|error| AlarmError::gpio(&path, line, &error))?;
            let found = chip.find_line_info(line);
            let found = found.ok_or_else(|| AlarmError::no_line(&path, line))?;
            (path, found.offset)
        }
        (None, _) => {
            let found = gpiocdev::find_named_line(line);
            let found = found.ok_or_else(|| AlarmError::NoNamedLine(line.into()))?;
            (found.chip, found.info.offset)
        }
    };
    check_access(&path)?;
    Ok((path, offset))
}

/// Tells a missing chip and a missing permission from all else.
#[cfg(target_os = "linux")]
fn check_access(path: &std::path::Path) -> Result<(), AlarmError> {
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path);
    opened.map(drop).map_err(|cause| AlarmError::Chip {
        path: path.into(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_named_in_three_ways() {
        for (chip, path) in [
            ("0", "/dev/gpiochip0"),
            ("gpiochip3", "/dev/gpiochip3"),
            ("/dev/by-id/board", "/dev/by-id/board"),
        ] {
            assert_eq!(chip_path(chip), PathBuf::from(path));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_no_chip_is_told_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let (missing, file) = (folder.path().join("none"), file);
        let cases = [
            (Some(&missing), "4", "gpiodetect"),
            (Some(&missing), "LAMP", "gpiodetect"),
            (Some(&file), "4", "not a character device"),
            (Some(&file), "LAMP", "not a character device"),
            (None, "no-such-line", "gpioinfo"),
        ];
        for (chip, line, wanted) in cases {
            let config = AlarmConfig {
                chip: chip.map(|path| path.display().to_string()),
                line: Some(line.into()),
                ..AlarmConfig::default()
            };
            let error = open(&config, line).expect_err("no chip").to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
