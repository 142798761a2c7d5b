//! Finds out which cameras are connected without opening any.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::identity::Attached;

/// Most devices that are looked at.
const DEVICES_MAX: usize = 256;

/// The cameras that the kernel lists below `sys` (`/sys`), as nodes in `dev`
/// (`/dev`), in the order of their numbers. Of nodes that one device has
/// several of, the first: the others carry metadata.
pub fn list(sys: &Path, dev: &Path) -> io::Result<Vec<Attached>> {
    let class = sys.join("class/video4linux");
    let entries = match fs::read_dir(&class) {
        Ok(entries) => entries,
        // No driver was ever loaded.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries.take(DEVICES_MAX) {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(number) else {
            continue;
        };
        // A device may vanish while we look.
        if let Some(camera) = describe(&class.join(&name), dev.join(&name)) {
            found.push((number, camera));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    let mut cameras: Vec<Attached> = found.into_iter().map(|(_, camera)| camera).collect();
    forget_ambiguous_serials(&mut cameras);
    Ok(cameras)
}

fn number(name: &str) -> Option<u32> {
    name.strip_prefix("video")?.parse().ok()
}

fn describe(entry: &Path, path: PathBuf) -> Option<Attached> {
    if text(&entry.join("index")).is_some_and(|index| index != "0") {
        return None;
    }
    let card = text(&entry.join("name"))?;
    let Ok(device) = fs::canonicalize(entry.join("device")) else {
        let name = path.file_name()?.to_string_lossy().into_owned();
        return Some(Attached {
            bus: format!("virtual:{name}"),
            serial: None,
            driver: String::new(),
            is_virtual: true,
            path,
            card,
        });
    };
    let driver = fs::canonicalize(device.join("driver")).ok();
    let driver = driver.and_then(|driver| Some(driver.file_name()?.to_str()?.to_owned()));
    Some(Attached {
        path,
        bus: bus(&device),
        serial: serial(&device),
        card,
        driver: driver.unwrap_or_default(),
        is_virtual: device
            .components()
            .any(|part| part.as_os_str() == "virtual"),
    })
}

/// A short line, printable.
fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(
        text.trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect(),
    )
}

/// What V4L2 calls the bus, from the place in the tree of devices:
/// `.../0000:00:14.0/usb1/1-2/1-2:1.0` is `usb-0000:00:14.0-2`.
fn bus(device: &Path) -> String {
    let parts: Vec<&str> = device
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    let last = parts.last().copied().unwrap_or_default();
    let root = parts.iter().position(|part| is_usb_root(part));
    if let Some(root) = root
        && let Some(controller) = root.checked_sub(1).and_then(|at| parts.get(at))
        && let Some((port, interface)) = last.split_once(':')
        && let Some((_, port)) = port.split_once('-')
    {
        return match interface {
            "1.0" => format!("usb-{controller}-{port}"),
            other => format!("usb-{controller}-{port}:{other}"),
        };
    }
    if parts.iter().any(|part| part.starts_with("pci0")) {
        return format!("PCI:{last}");
    }
    format!("platform:{last}")
}

fn is_usb_root(part: &str) -> bool {
    part.strip_prefix("usb")
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Maker, product and serial number of the USB device that this is part of.
fn serial(device: &Path) -> Option<String> {
    let of = |name| text(&device.parent()?.join(name)).filter(|text| !text.is_empty());
    let (vendor, product, serial) = (of("idVendor")?, of("idProduct")?, of("serial")?);
    let id = format!("usb:{vendor}:{product}:{serial}");
    let interface = device.file_name()?.to_str()?.split_once(':')?.1;
    Some(match interface {
        "1.0" => id,
        other => format!("{id}:{other}"),
    })
}

/// Cheap cameras share one serial number: it then tells nothing.
fn forget_ambiguous_serials(cameras: &mut [Attached]) {
    let serials: Vec<_> = cameras.iter().filter_map(|c| c.serial.clone()).collect();
    for camera in cameras {
        let same = |serial: &&String| Some(*serial) == camera.serial.as_ref();
        if serials.iter().filter(same).count() > 1 {
            camera.serial = None;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(tree.0.path().join("class/video4linux")).unwrap();
            tree
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// A node of the device at `device`, below `devices/`.
        fn node(&self, name: &str, index: &str, card: &str, device: Option<&str>) {
            let home = format!("class/video4linux/{name}");
            self.write(&format!("{home}/index"), index);
            self.write(&format!("{home}/name"), card);
            if let Some(device) = device {
                let device = self.0.path().join("devices").join(device);
                fs::create_dir_all(&device).unwrap();
                symlink(device, self.0.path().join(home).join("device")).unwrap();
            }
        }

        fn driver(&self, device: &str, driver: &str) {
            let target = self.0.path().join("bus/drivers").join(driver);
            fs::create_dir_all(&target).unwrap();
            let device = self.0.path().join("devices").join(device);
            symlink(target, device.join("driver")).unwrap();
        }

        fn list(&self) -> Vec<Attached> {
            list(self.0.path(), Path::new("/dev")).unwrap()
        }
    }

    const USB: &str = "pci0000:00/0000:00:14.0/usb1";

    #[test]
    fn a_webcam_is_known_by_its_serial_and_socket_and_listed_once() {
        let tree = Tree::new();
        let device = format!("{USB}/1-2/1-2:1.0");
        tree.node("video10", "0\n", "Brio\n", Some(&device));
        tree.node("video11", "1\n", "Brio\n", Some(&device));
        tree.driver(&device, "uvcvideo");
        for (name, value) in [
            ("idVendor", "046d"),
            ("idProduct", "085e"),
            ("serial", "A1"),
        ] {
            tree.write(&format!("devices/{USB}/1-2/{name}"), &format!("{value}\n"));
        }
        let expected = Attached {
            path: "/dev/video10".into(),
            bus: "usb-0000:00:14.0-2".into(),
            serial: Some("usb:046d:085e:A1".into()),
            card: "Brio".into(),
            driver: "uvcvideo".into(),
            is_virtual: false,
        };
        assert_eq!(tree.list(), [expected]);
    }

    #[test]
    fn hubs_second_cameras_boards_and_loopbacks_have_their_names() {
        let tree = Tree::new();
        tree.node(
            "video0",
            "0",
            "far",
            Some(&format!("{USB}/1-1/1-1.4/1-1.4:1.0")),
        );
        tree.node(
            "video1",
            "0",
            "infrared",
            Some(&format!("{USB}/1-2/1-2:1.2")),
        );
        tree.node("video2", "0", "unicam", Some("platform/soc/fe801000.csi"));
        tree.node("video3", "0", "loop", None);
        tree.node("video4", "0", "grabber", Some("pci0000:00/0000:03:00.0"));
        let buses: Vec<String> = tree.list().into_iter().map(|camera| camera.bus).collect();
        assert_eq!(
            buses,
            [
                "usb-0000:00:14.0-1.4",
                "usb-0000:00:14.0-2:1.2",
                "platform:fe801000.csi",
                "virtual:video3",
                "PCI:0000:03:00.0",
            ]
        );
        assert!(
            tree.list()
                .iter()
                .map(|c| c.is_virtual)
                .eq([false, false, false, true, false])
        );
    }

    #[test]
    fn a_serial_that_two_cameras_share_is_none() {
        let tree = Tree::new();
        for (node, port) in [("video0", "1-2"), ("video2", "1-3")] {
            tree.node(
                node,
                "0",
                "cheap",
                Some(&format!("{USB}/{port}/{port}:1.0")),
            );
            for (name, value) in [("idVendor", "1"), ("idProduct", "2"), ("serial", "0001")] {
                tree.write(&format!("devices/{USB}/{port}/{name}"), value);
            }
        }
        assert!(tree.list().iter().all(|camera| camera.serial.is_none()));
    }

    #[test]
    fn a_machine_without_cameras_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(list(folder.path(), Path::new("/dev")).unwrap(), []);
    }
}
