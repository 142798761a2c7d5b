//! What was measured, for people and for programs.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::config::Method;
use crate::network::NetworkConfig;

/// Figures of one machine.
#[derive(Clone, Debug, Serialize)]
pub struct StepTimes {
    /// The network.
    pub network: NetworkConfig,
    /// Its trainable numbers.
    pub parameters: usize,
    /// Method of the full step.
    pub method: Method,
    /// Gradient steps of its attack.
    pub attack_steps: usize,
    /// Faces in a step.
    pub batch: usize,
    /// Frames of a clip.
    pub frames: usize,
    /// Compute device.
    pub device: String,
    /// Threads of the CPU.
    pub threads: usize,
    /// Steps that were timed.
    pub repeats: usize,
    /// Method `none`: forwards, backwards, optimiser, average.
    pub clean_step: Timing,
    /// One gradient step of the attack on the folded network.
    pub attack_step: Timing,
    /// The whole step of the method, its attack included.
    pub full_step: Timing,
    /// Where.
    pub machine: BenchMachine,
}

/// Time of one kind of step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Timing {
    /// Median milliseconds of a step.
    pub ms: f64,
    /// Milliseconds of the fastest one.
    pub fastest_ms: f64,
    /// Median milliseconds for each face.
    pub ms_per_image: f64,
    /// Faces in a second, from the median.
    pub images_per_second: f64,
    /// Median milliseconds that processors computed for each face, all threads together;
    /// `None` where the system does not say.
    pub processor_ms_per_image: Option<f64>,
}

impl Timing {
    /// Of steps of `batch` faces that took so many milliseconds, and used so many of the
    /// processors where that is known.
    pub fn of(mut took: Vec<f64>, mut used: Vec<f64>, batch: usize) -> Self {
        took.sort_by(f64::total_cmp);
        used.sort_by(f64::total_cmp);
        let median = |sorted: &[f64]| sorted.get(sorted.len() / 2).copied();
        let ms = median(&took).unwrap_or(f64::NAN);
        Self {
            ms,
            fastest_ms: took.first().copied().unwrap_or(f64::NAN),
            ms_per_image: ms / batch as f64,
            images_per_second: 1e3 * batch as f64 / ms,
            processor_ms_per_image: median(&used).map(|ms| ms / batch as f64),
        }
    }
}

/// Where it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchMachine {
    /// What the processor calls itself.
    pub cpu: String,
    /// Instruction set, such as `x86_64`.
    pub arch: String,
    /// Operating system.
    pub os: String,
    /// Processors that the system lets us use.
    pub cores: usize,
}

impl BenchMachine {
    /// The one that runs this.
    pub fn this() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            cpu: model.map_or("unknown", |(_, name)| name.trim()).to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            os: std::env::consts::OS.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// The figures as a table.
pub fn write_text(report: &StepTimes) -> String {
    let (network, machine) = (&report.network, &report.machine);
    let mut text = format!(
        "{} {}, {} px, {} parameters, on {} ({}, {}), {} threads\n",
        name(network.architecture),
        name(network.size),
        network.input,
        report.parameters,
        machine.cpu,
        machine.arch,
        report.device,
        report.threads,
    );
    let clips = match report.frames {
        1 => String::new(),
        frames => format!(" in clips of {frames} frames"),
    };
    let _ = writeln!(
        text,
        "{} faces a step{clips}, median of {}\n",
        report.batch, report.repeats
    );
    let full = match report.method {
        Method::None => "none".to_owned(),
        method => format!("{method}, {} attack steps", report.attack_steps),
    };
    let _ = writeln!(
        text,
        "{:28}{:>10}{:>11}{:>11}{:>16}",
        "", "ms", "ms/face", "faces/s", "processor/face"
    );
    for (name, timing) in [
        ("clean step", report.clean_step),
        ("one attack step", report.attack_step),
        (&*full, report.full_step),
    ] {
        let _ = writeln!(
            text,
            "{name:28}{:>10.1}{:>11.3}{:>11.1}{:>16}",
            timing.ms,
            timing.ms_per_image,
            timing.images_per_second,
            timing
                .processor_ms_per_image
                .map_or_else(|| "-".into(), |ms| format!("{ms:.3}")),
        );
    }
    text
}

/// A choice as the command line has it.
fn name(choice: impl clap::ValueEnum) -> String {
    let name = choice.to_possible_value();
    name.map_or_else(String::new, |name| name.get_name().to_owned())
}
