//! Which camera to capture from, and how patient to be with it.

use std::time::Duration;

use super::device::WantedFormat;
use super::identity::Enrolment;
use super::watch::WatchLimits;

/// How patient the capture code is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptureLimits {
    /// Longest wait for one frame, after which others get a word in.
    pub poll: Duration,
    /// No frame for so long is a fault.
    pub silence: Duration,
    /// The same for the first frame after the camera was opened.
    pub first_frame: Duration,
    /// No good frame for so long, while bad ones come: the camera is opened
    /// again.
    pub bad: Duration,
    /// Wait before a camera is opened again; doubles with each failure.
    pub retry_first: Duration,
    /// Longest such wait.
    pub retry_max: Duration,
    /// The camera is asked for its format so often.
    pub format_check: Duration,
    /// Failures in a row after which it is given up; `None`: never.
    pub failures_max: Option<u32>,
    /// After so many refusals in a row it is left alone for so long; `None`: tried as ever. An
    /// account that is asked with a wrong password again and again is locked.
    pub refused: Option<(u32, Duration)>,
    /// When a picture is suspicious; `None` for streams that may stand still.
    pub picture: Option<WatchLimits>,
}

impl Default for CaptureLimits {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(200),
            silence: Duration::from_millis(1200),
            first_frame: Duration::from_millis(1800),
            bad: Duration::from_millis(1500),
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
            format_check: Duration::from_millis(500),
            failures_max: None,
            refused: None,
            picture: Some(WatchLimits::default()),
        }
    }
}

/// Which camera, and how.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CameraConfig {
    /// A bus, a serial number or a node. A node stands for the device that is
    /// behind it when it is first found.
    pub name: String,
    /// What is asked of it.
    pub wanted: WantedFormat,
    /// The cameras that are believed; `None` where that makes no sense.
    pub enrolment: Option<Enrolment>,
    /// How patient to be.
    pub limits: CaptureLimits,
}
