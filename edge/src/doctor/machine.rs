//! Processor, memory, temperature, clock.

use std::path::Path;

use super::Examination;
use crate::log::clock;
use crate::machine::{governor, line, temperatures};

/// Warmer is worth a look, degrees Celsius; most boards slow down at 80 to 85.
const WARM: f64 = 75.0;
/// Warmer is slower.
const HOT: f64 = 85.0;
/// Less memory than this is too little for a model and some cameras.
const MEMORY_BYTES_MIN: u64 = 200 << 20;

pub(super) fn checks() -> Vec<Examination> {
    vec![processor(), memory(), temperature(), time()]
}

fn processor() -> Examination {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let name = "processor";
    match governor().as_deref() {
        Some(slow @ ("powersave" | "conservative")) => Examination::warning(
            name,
            format!("{cores} cores, governor {slow}: frames may be judged late"),
            "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        ),
        Some(governor) => Examination::ok(name, format!("{cores} cores, governor {governor}")),
        None => Examination::ok(name, format!("{cores} cores, speed not governed")),
    }
}

fn memory() -> Examination {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let free = free.and_then(|free| free.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    match free.map(|kilobytes| kilobytes << 10) {
        None => Examination::ok("memory", "not told by this system"),
        Some(bytes) if bytes < MEMORY_BYTES_MIN => Examination::warning(
            "memory",
            format!("{} MB are free", bytes >> 20),
            "end other programs: 200 MB should be free",
        ),
        Some(bytes) => Examination::ok("memory", format!("{} MB are free", bytes >> 20)),
    }
}

fn temperature() -> Examination {
    let name = "temperature";
    let warmest = temperatures()
        .into_iter()
        .max_by(|a, b| a.celsius.total_cmp(&b.celsius));
    let Some(warmest) = warmest else {
        return Examination::ok(name, "not told by this system");
    };
    let found = format!("{:.0} °C ({})", warmest.celsius, warmest.zone);
    let remedy = "give it air, a heat sink or a fan: hot boards slow down";
    match warmest.celsius {
        hot if hot >= HOT => Examination::problem(name, found, remedy),
        warm if warm >= WARM => Examination::warning(name, found, remedy),
        _ => Examination::ok(name, found),
    }
}

fn time() -> Examination {
    let name = "clock";
    let remedy =
        "sudo timedatectl set-ntp true; a board without a battery needs a network or a clock chip";
    if clock().is_none() {
        return Examination::problem(name, "it was never set: events have no time", remedy);
    }
    let now = jiff::Timestamp::now().to_string();
    let now = now.split('.').next().unwrap_or_default().to_owned();
    let is_synced = Path::new("/run/systemd/timesync/synchronized").exists();
    let other = ["/run/chrony", "/run/ntpd.pid", "/var/lib/ntp/ntp.drift"];
    let is_kept = is_synced || other.iter().any(|path| Path::new(path).exists());
    let is_virtual = line(Path::new("/proc/1/comm")).is_none_or(|first| first != "systemd");
    if is_kept || is_virtual {
        return Examination::ok(name, format!("{now}Z"));
    }
    Examination::warning(
        name,
        format!("{now}Z, kept by nothing that is known here"),
        remedy,
    )
}
