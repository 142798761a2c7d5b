//! Which camera it is, whatever number it got this time.

use std::fmt;
use std::path::PathBuf;

/// A device that is connected now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its node: `/dev/video0`. Another one after each reconnection.
    pub path: PathBuf,
    /// Where it is plugged in, as V4L2 says it (`usb-0000:00:14.0-2`,
    /// `platform:fe801000.csi`); a second camera of the same device has the USB
    /// interface behind it (`usb-0000:00:14.0-2:1.2`).
    pub bus: String,
    /// Maker, product and serial number (`usb:046d:085b:9F2C1A`), where the
    /// device has all three.
    pub serial: Option<String>,
    /// What the device calls itself.
    pub card: String,
    /// The kernel's driver, where it is known.
    pub driver: String,
    /// Whether the kernel keeps it among devices that do not exist.
    pub is_virtual: bool,
}

/// Drivers that show what a program feeds them, or test pictures.
const VIRTUAL_DRIVERS: &[&str] = &["v4l2loopback", "v4l2 loopback", "vivid", "vimc", "akvcam"];

impl Attached {
    /// Whether `name` means this device: a bus, a serial number as in
    /// [`Attached::serial`], or a node.
    pub fn answers_to(&self, name: &str) -> bool {
        self.bus == name || self.serial.as_deref() == Some(name) || self.path.as_os_str() == name
    }

    /// The name that stays: the serial number where there is one, else the bus.
    pub fn id(&self) -> &str {
        self.serial.as_deref().unwrap_or(&self.bus)
    }

    /// Whether it is surely made by software.
    pub fn is_software(&self) -> bool {
        self.is_virtual || VIRTUAL_DRIVERS.contains(&self.driver.as_str())
    }

    /// Whether another device has come in its place.
    pub(super) fn is_other_than(&self, known: &Self) -> bool {
        self.card != known.card || self.serial != known.serial || self.driver != known.driver
    }
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.id(), self.card, self.path.display())
    }
}

/// The cameras whose pictures are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enrolment {
    /// Buses and serial numbers; node names do not count. Empty: any camera
    /// that is not virtual.
    pub cameras: Vec<String>,
    /// Whether other cameras are not used at all; else that is only told.
    pub refuse: bool,
}

impl Enrolment {
    /// Whether the list names it.
    pub fn names(&self, camera: &Attached) -> bool {
        self.cameras
            .iter()
            .any(|name| *name == camera.bus || Some(name) == camera.serial.as_ref())
    }

    /// Whether there is a list that does not name it.
    pub fn misses(&self, camera: &Attached) -> bool {
        !self.cameras.is_empty() && !self.names(camera)
    }

    /// Whether it is, or may be, made by software. Cameras on the board have
    /// buses that begin with `platform:`, as test drivers have: those are
    /// believed only when they are enrolled.
    pub fn doubts(&self, camera: &Attached) -> bool {
        camera.is_software() || (camera.bus.starts_with("platform:") && !self.names(camera))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(bus: &str, serial: Option<&str>, driver: &str) -> Attached {
        Attached {
            path: "/dev/video0".into(),
            bus: bus.into(),
            serial: serial.map(str::to_owned),
            card: "Camera".into(),
            driver: driver.into(),
            is_virtual: false,
        }
    }

    fn list(names: &[&str]) -> Enrolment {
        Enrolment {
            cameras: names.iter().map(|&name| name.to_owned()).collect(),
            refuse: false,
        }
    }

    #[test]
    fn enrolled_by_bus_or_serial_but_never_by_number() {
        let webcam = camera("usb-0000:00:14.0-2", Some("usb:046d:085b:77"), "uvcvideo");
        assert!(!list(&[]).misses(&webcam));
        assert!(!list(&["usb-0000:00:14.0-2"]).misses(&webcam));
        assert!(!list(&["other", "usb:046d:085b:77"]).misses(&webcam));
        assert!(list(&["/dev/video0"]).misses(&webcam));
        assert!(webcam.answers_to("/dev/video0"));
        assert_eq!(webcam.id(), "usb:046d:085b:77");
    }

    #[test]
    fn software_is_doubted_even_when_enrolled_and_boards_until_enrolled() {
        let enrolled = |camera: &Attached| list(&[&camera.bus]).doubts(camera);
        let fed = camera("platform:v4l2loopback-000", None, "v4l2 loopback");
        let test = camera("platform:vivid-000", None, "vivid");
        let hidden = Attached {
            is_virtual: true,
            ..camera("usb-0000:00:14.0-2", None, "uvcvideo")
        };
        for camera in [&fed, &test, &hidden] {
            assert!(list(&[]).doubts(camera) && enrolled(camera), "{camera}");
        }
        let board = camera("platform:fe801000.csi", None, "unicam");
        assert!(list(&[]).doubts(&board) && !enrolled(&board));
        assert!(!list(&[]).doubts(&camera("usb-0000:00:14.0-2", None, "uvcvideo")));
    }
}
