//! Cameras: how frames are had from devices that fail.
//!
//! A [`device::Bus`] finds and opens devices: those of Linux ([`v4l2`]), a
//! command that writes frames ([`process`]), or scripted ones that fail on
//! purpose ([`scripted`]). A [`camera::Camera`] drives one of them: it notices
//! faults ([`fault`]), opens the device again, and knows it by what stays
//! ([`identity`]). [`cameras::Cameras`] runs several, each on its own thread,
//! and keeps the newest frame of each ([`mailbox`]). Time comes from a
//! [`crate::clock::Clock`].

pub mod camera;
pub mod cameras;
pub mod config;
pub mod device;
pub mod fault;
pub mod identity;
pub mod list;
pub mod mailbox;
pub mod process;
pub mod scripted;
pub mod sysfs;
#[cfg(target_os = "linux")]
pub mod v4l2;
pub mod watch;

pub use camera::{Camera, CameraSink, CameraStep};
pub use cameras::{CameraSetup, Cameras};
pub use config::{CameraConfig, CaptureLimits};
pub use device::WantedFormat;
pub use fault::{CameraEvent, FaultCounters, FaultKind, FaultSet};
pub use identity::{Attached, Enrolment};
pub use mailbox::{CameraStatus, Taken};
pub use unmask_pixels::{Format, PixelFormat};

/// What an error of a camera means to its user, and what to do about it.
pub fn remedy(error: &std::io::Error) -> String {
    let todo = match FaultKind::of(error) {
        FaultKind::PermissionLost => {
            "; add this user to the group that owns the device \
             (sudo usermod -aG video $USER) and log in again"
        }
        FaultKind::Busy => "; another program uses the camera: fuser -v /dev/video* names it",
        FaultKind::Unplugged => "; unmask-edge cameras lists what is connected",
        _ => "",
    };
    format!("{error}{todo}")
}

/// The cameras of this machine, unopened.
#[cfg(target_os = "linux")]
pub fn connected() -> std::io::Result<Vec<Attached>> {
    use device::Bus;
    v4l2::V4l2Bus::default().list()
}

/// The cameras of this machine, unopened.
#[cfg(not(target_os = "linux"))]
pub fn connected() -> std::io::Result<Vec<Attached>> {
    Ok(Vec::new())
}
