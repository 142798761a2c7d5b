//! Which camera it is: by bus and serial number, whatever number it has.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use unmask_edge::capture::device::{Buffer, Bus, Device, WantedFormat};
use unmask_edge::capture::{
    Attached, Camera, CameraConfig, CameraEvent, CameraSink, CameraStep, CaptureLimits, Enrolment,
    FaultCounters, FaultKind, Format, PixelFormat,
};
use unmask_edge::clock::{Clock, SimulatedClock};
use unmask_edge::source::Frame;

const FRAME: Duration = Duration::from_millis(100);

/// Sockets into which a test plugs cameras.
#[derive(Clone, Default)]
struct Sockets {
    plugged: Arc<Mutex<Vec<Attached>>>,
    opened: Arc<Mutex<Vec<Attached>>>,
    clock: SimulatedClock,
}

impl Sockets {
    fn plug(&self, cameras: &[&Attached]) {
        *self.plugged.lock().unwrap() = cameras.iter().map(|&camera| camera.clone()).collect();
    }
}

impl Bus for Sockets {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        Ok(self.plugged.lock().unwrap().clone())
    }

    fn open(&mut self, camera: &Attached, _: &WantedFormat) -> io::Result<Box<dyn Device>> {
        self.opened.lock().unwrap().push(camera.clone());
        Ok(Box::new(Plugged {
            sockets: self.clone(),
            camera: camera.clone(),
            pixels: vec![90; 3 * 4],
        }))
    }
}

struct Plugged {
    sockets: Sockets,
    camera: Attached,
    pixels: Vec<u8>,
}

impl Device for Plugged {
    fn format(&mut self) -> io::Result<Format> {
        Format::packed(PixelFormat::Rgb24, 2, 2).map_err(io::Error::other)
    }

    fn dequeue(&mut self, _: Duration) -> io::Result<Buffer<'_>> {
        self.sockets.clock.sleep(FRAME);
        if !self.sockets.plugged.lock().unwrap().contains(&self.camera) {
            return Err(io::Error::from_raw_os_error(19));
        }
        self.pixels[0] ^= 1;
        Ok(Buffer {
            bytes: &self.pixels,
            used: self.pixels.len(),
            has_error: false,
            size: None,
            time: self.sockets.clock.now(),
        })
    }
}

#[derive(Default)]
struct Told(Vec<FaultKind>);

impl CameraSink for Told {
    fn frame(&mut self, _: &mut Frame) {}

    fn event(&mut self, event: &CameraEvent, _: &FaultCounters) {
        if let CameraEvent::Fault { kind, .. } = event {
            self.0.push(*kind);
        }
    }
}

fn camera(node: u32, bus: &str, serial: Option<&str>) -> Attached {
    Attached {
        path: format!("/dev/video{node}").into(),
        bus: bus.into(),
        serial: serial.map(|serial| format!("usb:046d:085e:{serial}")),
        card: "Brio".into(),
        driver: "uvcvideo".into(),
        is_virtual: false,
    }
}

/// Watches through each state of the sockets for three seconds; tells the
/// faults, and the nodes that were opened.
fn watch(name: &str, enrolled: &[&str], states: &[&[&Attached]]) -> (Vec<FaultKind>, Vec<String>) {
    let sockets = Sockets::default();
    let config = CameraConfig {
        name: name.into(),
        enrolment: Some(Enrolment {
            refuse: false,
            cameras: enrolled.iter().map(|&name| name.to_owned()).collect(),
        }),
        ..CameraConfig::default()
    };
    let clock = Arc::new(sockets.clock.clone());
    let mut camera = Camera::new(config, Box::new(sockets.clone()), clock);
    let mut told = Told::default();
    for state in states {
        sockets.plug(state);
        let end = sockets.clock.now() + Duration::from_secs(3);
        while sockets.clock.now() < end {
            assert_eq!(camera.step(&mut told), CameraStep::Continue);
        }
    }
    let opened = sockets.opened.lock().unwrap();
    let nodes = opened.iter().map(|c| c.path.display().to_string());
    (told.0, nodes.collect())
}

#[test]
fn a_camera_is_found_under_its_new_number() {
    let (before, after) = (camera(0, "usb-a", None), camera(7, "usb-a", None));
    let other = camera(0, "usb-b", None);
    let (faults, nodes) = watch("/dev/video0", &[], &[&[&before], &[], &[&other, &after]]);
    assert_eq!(faults, [FaultKind::Unplugged, FaultKind::Moved]);
    assert_eq!(nodes, ["/dev/video0", "/dev/video7"]);
}

#[test]
fn a_serial_number_is_followed_to_another_socket_and_a_bus_is_not() {
    let before = camera(0, "usb-a", Some("A1"));
    let after = camera(1, "usb-b", Some("A1"));
    let states: [&[&Attached]; 3] = [&[&before], &[], &[&after]];
    let (faults, nodes) = watch("usb:046d:085e:A1", &[], &states);
    assert_eq!(faults, [FaultKind::Unplugged, FaultKind::Moved]);
    assert_eq!(nodes, ["/dev/video0", "/dev/video1"]);
    let (faults, nodes) = watch("usb-a", &[], &states);
    assert_eq!(faults, [FaultKind::Unplugged]);
    assert_eq!(nodes, ["/dev/video0"]);
}

#[test]
fn another_camera_in_the_same_socket_may_be_an_injection() {
    let real = camera(0, "usb-a", Some("A1"));
    let fake = camera(0, "usb-a", Some("B2"));
    let (faults, _) = watch("usb-a", &[], &[&[&real], &[], &[&fake]]);
    assert_eq!(faults, [FaultKind::Unplugged, FaultKind::Replaced]);
    let (faults, _) = watch("usb-a", &["usb:046d:085e:A1"], &[&[&real], &[], &[&fake]]);
    let expected = [
        FaultKind::Unplugged,
        FaultKind::NotEnrolled,
        FaultKind::Replaced,
    ];
    assert_eq!(faults, expected);
    // It is told once, and the real one is well.
    let (faults, _) = watch(
        "usb-a",
        &["usb-a"],
        &[&[&real], &[], &[&real], &[], &[&real]],
    );
    assert_eq!(faults, [FaultKind::Unplugged, FaultKind::Unplugged]);
}

#[test]
fn virtual_cameras_are_told_even_when_enrolled() {
    let mut fed = camera(9, "virtual:video9", None);
    fed.is_virtual = true;
    let (faults, _) = watch("/dev/video9", &["virtual:video9"], &[&[&fed]]);
    assert_eq!(faults, [FaultKind::Virtual]);
}

#[test]
fn two_cameras_with_one_name_are_not_mixed_up() {
    let (one, two) = (camera(0, "usb-a", Some("1")), camera(2, "usb-b", Some("1")));
    let (faults, nodes) = watch("usb:046d:085e:1", &[], &[&[&one, &two]]);
    assert_eq!(faults, [FaultKind::Io]);
    assert!(nodes.is_empty());
}

#[test]
fn attempts_are_counted_far_apart_and_given_up_when_told_so() {
    let sockets = Sockets::default();
    let limits = CaptureLimits {
        failures_max: Some(8),
        ..CaptureLimits::default()
    };
    let config = CameraConfig {
        name: "usb-a".into(),
        limits,
        ..CameraConfig::default()
    };
    let clock = Arc::new(sockets.clock.clone());
    let mut camera = Camera::new(config, Box::new(sockets.clone()), clock);
    let mut told = Told::default();
    let last = loop {
        match camera.step(&mut told) {
            CameraStep::Continue => {}
            other => break other,
        }
    };
    assert_eq!(last, CameraStep::GivenUp("unplugged: not connected".into()));
    assert_eq!(camera.faults().get(FaultKind::Unplugged), 8);
    // 0.1 + 0.2 + 0.4 + 0.8 + 1 + 1 + 1 seconds.
    let waited = sockets.clock.now();
    assert_eq!(waited, Duration::from_millis(4500));
}
