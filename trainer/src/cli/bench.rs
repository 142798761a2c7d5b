//! `unmask-trainer bench`

use anyhow::{Context, ensure};

use crate::bench::{Bench, write_text};
use crate::config::{Method, RunConfig};
use crate::device::DeviceArgs;
use crate::network::{Architecture, NetworkConfig, Size};

const EXAMPLES: &str = "\
Examples:
  unmask-trainer bench
  unmask-trainer bench --size small --input 64 --batch 64 --threads 2
  unmask-trainer bench --method trades --attack-steps 10 --device vulkan
  unmask-trainer bench --architecture lite --method none --threads 1
  unmask-trainer bench --architecture csn --batch 50 --frames 25 --repeats 3
  python3 trainer/benches/against_pytorch.py --threads 2";

/// Time the steps of training on random pictures.
///
/// Three kinds of step, each with the same batch: a clean one (forwards, backwards,
/// optimiser, average of the weights), one gradient step of the attack on the folded
/// network, and the whole step of a method with its attack. Data loading is not in it: it
/// runs beside the steps. On a machine that does other things as well, compare the fastest
/// steps (--format json) rather than the medians.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Network
    #[arg(long, value_enum, default_value = "stream")]
    architecture: Architecture,
    /// Its size
    #[arg(long, value_enum, default_value = "medium")]
    size: Size,
    /// Side of the square pictures in pixels, a multiple of 16
    #[arg(long, value_name = "PIXELS", default_value_t = 112)]
    input: usize,
    /// Faces in a step, half of them fake; a step with an attack sees each twice
    #[arg(long, value_name = "FACES", default_value_t = 64)]
    batch: usize,
    /// Frames of a clip; 1 = single faces
    #[arg(long, default_value_t = 1)]
    frames: usize,
    /// Method of the whole step
    #[arg(long, value_enum, default_value = "afsl")]
    method: Method,
    /// Gradient steps of its attack (PGD)
    #[arg(long, value_name = "STEPS", default_value_t = 3)]
    attack_steps: usize,
    /// Threads of the CPU; by default one for each processor
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Steps that are timed; the median counts
    #[arg(long, default_value_t = 7)]
    repeats: usize,
    /// Steps before the clock starts
    #[arg(long, default_value_t = 2)]
    warm_up: usize,
    /// How the figures are written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object, with the fastest step beside the median.
    Json,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if let Some(threads) = self.threads {
            ensure!(
                (1..=1024).contains(&threads),
                "--threads is {threads}: it must be 1 to 1024"
            );
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build_global().context("cannot start the threads")?;
        }
        let mut run = RunConfig {
            network: NetworkConfig {
                architecture: self.architecture,
                size: self.size,
                input: self.input,
                ..Default::default()
            },
            ..Default::default()
        };
        run.train.method = self.method;
        run.attack.steps = self.attack_steps;
        let bench = Bench {
            run,
            batch: self.batch,
            frames: self.frames,
            warm_up: self.warm_up,
            repeats: self.repeats,
        };
        bench.check()?;
        let device = self.device.open()?;
        let name = self.device.device.to_string();
        let report = bench.measure(&device, &name, rayon::current_num_threads())?;
        match self.format {
            Format::Text => print!("{}", write_text(&report)),
            Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        }
        Ok(())
    }
}
