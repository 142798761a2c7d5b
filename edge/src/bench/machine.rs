//! The machine, and what it gave to this program.

use std::fs;
use std::time::Duration;

use serde::Serialize;

/// Where it was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// What the processor calls itself.
    pub cpu: String,
    /// Instruction set, such as `x86_64`.
    pub arch: &'static str,
    /// Operating system.
    pub os: &'static str,
    /// Processors that the system lets us use.
    pub cores: usize,
    /// Threads that were used for the frames per second.
    pub threads: usize,
    /// Programs that wanted to run, on average over the last minute before the
    /// measurement; `None` where the system does not tell.
    pub load: Option<f32>,
}

impl Machine {
    pub(super) fn here() -> Self {
        Self {
            cpu: cpu_name().unwrap_or_else(|| "unknown".into()),
            arch: std::env::consts::ARCH,
            os: std::env::consts::OS,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: 1,
            load: load(),
        }
    }
}

fn cpu_name() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let value = |key: &str| {
        let line = info.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    value("model name")
        .or_else(|| value("Model"))
        .or_else(|| value("Hardware"))
}

fn load() -> Option<f32> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// `VmHWM` of this process in megabytes.
pub(super) fn memory_peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kilobytes * 1024.0 / 1e5).round() / 10.0)
}

/// What the scheduler gave to the threads of this process that are alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Processor {
    /// Time on a core.
    pub(super) ran: Duration,
    /// Time that a thread could have run and had no core.
    pub(super) waited: Duration,
}

impl Processor {
    /// Since the threads began; `None` where the system does not tell.
    pub(super) fn now() -> Option<Self> {
        let mut sum = Self::default();
        for task in fs::read_dir("/proc/self/task").ok()? {
            // A thread may have ended in this moment.
            let Ok(text) = fs::read_to_string(task.ok()?.path().join("schedstat")) else {
                continue;
            };
            let one = Self::parse(&text)?;
            sum.ran += one.ran;
            sum.waited += one.waited;
        }
        (!sum.ran.is_zero()).then_some(sum)
    }

    /// Two numbers in nanoseconds, and one that does not matter here.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok().map(Duration::from_nanos);
        let (ran, waited) = (next()?, next()?);
        Some(Self { ran, waited })
    }

    /// What was given since an earlier look.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(earlier.ran),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_scheduler_is_read() {
        let processor = Processor::parse("5000000 700 12\n").expect("three numbers");
        assert_eq!(processor.ran, Duration::from_millis(5));
        assert_eq!(processor.waited, Duration::from_nanos(700));
        assert_eq!(Processor::parse("5000000 x 12"), None);
        assert_eq!(Processor::parse(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn work_takes_processor_time_and_sleep_does_not() {
        let Some(before) = Processor::now() else {
            return;
        };
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        let Some(after) = Processor::now() else {
            return;
        };
        // Other tests of this process may run beside it.
        let worked = after.since(before);
        assert!(
            worked.ran + worked.waited >= Duration::from_millis(40),
            "{worked:?}"
        );
    }
}
