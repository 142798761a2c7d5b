//! What the machine tells about itself, in files under `/sys` and `/proc`.

use std::fs;
use std::path::Path;

/// Most places whose temperature is read.
pub const ZONES_MAX: usize = 16;

/// One temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperature {
    /// What the kernel calls the place, such as `cpu-thermal`.
    pub zone: String,
    /// Degrees Celsius.
    pub celsius: f64,
}

/// Every temperature that the kernel knows, in the order of its zones; where two have
/// one name, the warmer one.
pub fn temperatures() -> Vec<Temperature> {
    temperatures_in(Path::new("/sys/class/thermal"))
}

/// The same with another folder in place of `/sys/class/thermal`.
pub fn temperatures_in(folder: &Path) -> Vec<Temperature> {
    let mut all: Vec<Temperature> = Vec::new();
    for number in 0..ZONES_MAX {
        let zone = folder.join(format!("thermal_zone{number}"));
        let (Some(name), Some(milli)) = (line(&zone.join("type")), line(&zone.join("temp"))) else {
            continue;
        };
        let Ok(milli) = milli.parse::<i32>() else {
            continue;
        };
        let celsius = f64::from(milli) / 1000.0;
        match all.iter_mut().find(|known| known.zone == name) {
            Some(known) => known.celsius = known.celsius.max(celsius),
            None => all.push(Temperature {
                zone: name,
                celsius,
            }),
        }
    }
    all
}

/// The warmest temperature, degrees Celsius.
pub fn warmest() -> Option<f64> {
    let all = temperatures().into_iter().map(|t| t.celsius);
    all.max_by(f64::total_cmp)
}

/// Bytes of memory that this process holds.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// Files and sockets that this process has open.
pub fn open_descriptors() -> Option<u64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

/// Seconds of processor time that this process used.
pub fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_HZ)
}

/// `USER_HZ`, which is 100 on every architecture that Linux still supports.
const TICKS_HZ: f64 = 100.0;

/// How the processor's speed is chosen, such as `performance`.
pub fn governor() -> Option<String> {
    line(Path::new(
        "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    ))
}

/// The first line of a small file.
pub fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_read_and_nonsense_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (number, name, milli) in [
            (0, "cpu-thermal", "48250\n"),
            (1, "gpu", "-1500"),
            (3, "broken", "hot"),
            (4, "cpu-thermal", "51000"),
        ] {
            let zone = folder.path().join(format!("thermal_zone{number}"));
            fs::create_dir(&zone).unwrap();
            fs::write(zone.join("type"), name).unwrap();
            fs::write(zone.join("temp"), milli).unwrap();
        }
        let found = temperatures_in(folder.path());
        let found: Vec<(&str, f64)> = found.iter().map(|t| (t.zone.as_str(), t.celsius)).collect();
        assert_eq!(found, [("cpu-thermal", 51.0), ("gpu", -1.5)]);
        assert_eq!(temperatures_in(&folder.path().join("none")), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_knows_itself() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        assert!(open_descriptors().unwrap() >= 3);
        assert!(cpu_seconds().is_some());
    }
}
