//! The command line.

mod clips;
mod doctor;
mod generate;
mod log;
mod model;
mod review;
mod run;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use unmask_shared::media::set_patience;

pub use doctor::DoctorArgs;
pub use generate::GenerateCommand;
pub use log::LogCommand;
pub use model::ModelCommand;
pub use review::ReviewCommand;
pub use run::{RunArgs, WebArgs};

use crate::analyze::{AnalyzeOptions, ReportFormat, analyze};
use crate::bench::{self, BenchFormat};
use crate::capture;
use crate::demo::{DemoFormat, DemoOptions, demo};
use crate::error::EdgeError;
use crate::model::ModelArgs;
use crate::report::ExitStatus;
use crate::search::FinderArgs;
use crate::source::SourceError;

const EXAMPLES: &str = "\
Examples:
  unmask-edge demo                          see it at work, no camera needed
  unmask-edge analyze clip.mp4 photo.jpg    judge files
  unmask-edge analyze evidence/ --format jsonl > report.jsonl
  unmask-edge run --source clip.mp4         watch a video as if it were live
  unmask-edge cameras                       which cameras are connected?
  unmask-edge run --camera /dev/video0      watch a camera
  unmask-edge run --source rtsp://10.0.0.7/stream --size 1280x720 --rate 15
  unmask-edge run --source synthetic --max-frames 500
  unmask-edge run --source clip.mp4 --log events && unmask-edge log verify events
  unmask-edge run --source synthetic --realtime --web   look at it in a browser
  unmask-edge run --config kiosk.toml       as a service: alarm, serial line, systemd
  unmask-edge doctor --config kiosk.toml    is everything there that it needs?
  unmask-edge review list events            what was flagged, for people to look at
  unmask-edge bench                         how fast is this machine?
  unmask-edge model install bundle --models /var/lib/unmask --trusted-key maker.pub

Exit codes:
  0  no manipulated face was found; for demo, bench, log and model: all went well
  1  a manipulated face was found; for log: the log is not intact;
     for doctor: something must be put right
  2  something could not be read or done
  3  a manipulated face was found, and something else could not be read

Videos are read by the ffmpeg command (Debian, Ubuntu: apt-get install ffmpeg).
NO_COLOR=1 turns colours off. RUST_LOG=debug tells more.";

/// Flags manipulated faces in video, in real time, on the device that has the
/// camera.
#[derive(Debug, Parser)]
#[command(name = "unmask-edge", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch cameras, a video, a folder of pictures or synthetic people, and tell each
    /// change of a verdict
    ///
    /// Every detail is a key of the configuration: see them all with --print-config.
    /// Files, then environment variables (UNMASK_EDGE__ALARM__LINE=17), then --set and
    /// flags override the defaults.
    Run(Box<RunArgs>),
    /// List the cameras that are connected, with what they can deliver
    Cameras,
    /// Judge files: one report per picture or video
    Analyze(AnalyzeArgs),
    /// Measure how fast this machine is
    Bench(BenchArgs),
    /// Show the detector at work on synthetic people
    Demo(DemoArgs),
    /// Check, show and export the event log that `run --log` writes
    Log {
        /// What to do with it.
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Check whether everything that `run` needs is there: cameras, permissions, clock, model,
    /// storage, ports
    Doctor(DoctorArgs),
    /// Look through what was flagged, and confirm or dismiss it
    Review {
        /// What to do with the queue.
        #[command(subcommand)]
        command: ReviewCommand,
    },
    /// Tell about models, verify and install them
    Model {
        /// What to do with it.
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Write manual pages and shell completions, for packages
    Generate {
        /// What to write.
        #[command(subcommand)]
        command: GenerateCommand,
    },
}

/// Arguments of `analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Pictures, videos, and folders whose pictures and videos are judged
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    /// The model.
    pub model: ModelArgs,
    #[command(flatten)]
    /// What finds the faces.
    pub finder: FinderArgs,
    /// text for people, jsonl for one JSON object per file
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
    /// Look for faces in every so many frames of a video, in the mean: nobody can foresee in
    /// which; 1 for all
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub every: u32,
    /// Give a file up when its decoder has done nothing for so long, though it had a processor: 8
    /// seconds to tell what the file is, 30 in its midst
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub patience: Option<u32>,
    /// Tell the network's raw score of every decision, too (jsonl)
    #[arg(long)]
    pub logits: bool,
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(flatten)]
    /// The model.
    pub model: ModelArgs,
    #[command(flatten)]
    /// What finds the faces.
    pub finder: FinderArgs,
    /// text for people, json for one object
    #[arg(long, value_enum, default_value_t)]
    pub format: BenchFormat,
    /// Measure each of four figures for about this many seconds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    /// The model.
    pub model: ModelArgs,
    #[command(flatten)]
    /// What finds the faces.
    pub finder: FinderArgs,
    /// Makes the people and decides whose face is swapped
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Length of the stream; a person stays for six seconds
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// Play so many seeds and print only the totals
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub seeds: u32,
    /// text for people, json for one object
    #[arg(long, value_enum, default_value_t)]
    pub format: DemoFormat,
    /// Where to put a picture of everybody with the verdicts (not with --seeds)
    #[arg(long, value_name = "FILE", default_value = "unmask-demo.png")]
    pub picture: PathBuf,
}

/// Does what the command line asks for.
pub fn execute(cli: Cli, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
    match cli.command {
        Command::Run(args) => args.run(out),
        Command::Cameras => {
            let cameras = capture::connected().map_err(SourceError::Cameras)?;
            capture::list::write_list(&cameras, out)?;
            Ok(ExitStatus::Nothing)
        }
        Command::Analyze(args) => {
            if let Some(seconds) = args.patience {
                set_patience(Duration::from_secs(seconds.into()));
            }
            let bundle = args.model.open()?.0;
            let options = AnalyzeOptions {
                paths: args.paths,
                format: args.format,
                every: args.every,
                finder: args.finder.open()?,
                logits: args.logits,
            };
            analyze(&bundle, &options, out)
        }
        Command::Bench(args) => {
            let bundle = args.model.open()?.0;
            let finder = args.finder.open()?;
            let report = bench::measure(&bundle, &finder, f64::from(args.seconds))?;
            bench::write(&report, args.format, out)?;
            Ok(ExitStatus::Nothing)
        }
        Command::Demo(args) => {
            let bundle = args.model.open()?.0;
            let options = DemoOptions {
                seed: args.seed,
                seconds: args.seconds,
                seeds: args.seeds,
                format: args.format,
                picture: Some(args.picture),
                finder: args.finder.open()?,
            };
            demo(&bundle, &options, out)
        }
        Command::Log { command } => command.run(out),
        Command::Doctor(args) => args.run(out),
        Command::Review { command } => {
            command.run(out)?;
            Ok(ExitStatus::Nothing)
        }
        Command::Model { command } => {
            command.run(out)?;
            Ok(ExitStatus::Nothing)
        }
        Command::Generate { command } => {
            command.run()?;
            Ok(ExitStatus::Nothing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_tells_examples_and_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        for wanted in [
            "Examples:",
            "Exit codes:",
            "apt-get install ffmpeg",
            "NO_COLOR",
        ] {
            assert!(help.contains(wanted), "{wanted} is missing in:\n{help}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "unmask-edge",
            "unmask-edge run",
            "unmask-edge run --source synthetic:x",
            "unmask-edge run --source synthetic --camera /dev/video0",
            "unmask-edge run --camera /dev/video0 --size 640",
            "unmask-edge run --command cat --rate 0",
            "unmask-edge analyze",
            "unmask-edge run --source a.mp4 --every 0",
            "unmask-edge demo --seeds 0",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
