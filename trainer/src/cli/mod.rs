//! The command line.

mod attack;
mod attack_video;
mod average;
mod bench;
mod check;
mod distort;
mod evaluate;
mod export;
mod finder;
mod keygen;
mod prepare;
mod preview;
mod reconstruct;
mod reproduce;
mod runs;
mod sign;
mod stop;
mod subject;
mod train;
mod unseen;
mod videos;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  unmask-trainer prepare --input photos --output shards
  unmask-trainer train --data shards --run runs/first
  unmask-trainer runs                              # what was trained, side by side
  unmask-trainer evaluate runs/first --data shards --epsilon 2/255
  unmask-trainer evaluate models/afsl-lite --data shards     # a bundle as it was released
  unmask-trainer attack runs/first --data shards --epsilon 2/255
  unmask-trainer attack-video bundle --videos videos.tsv --part test --output attacked
  unmask-trainer export runs/first --data shards --output bundle && unmask-trainer check bundle
  unmask-trainer keygen --output unmask.key && unmask-trainer sign bundle --key unmask.key
  unmask-edge analyze --bundle bundle video.mp4

Exit codes: 0 done, 2 error.";

/// Trains a detector of manipulated faces that is hard to fool, and exports it.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Synthetic people: fit their face model, or look at some
    Synthetic(crate::synthetic::SyntheticArgs),
    /// Turn folders of pictures and videos into shards of aligned face crops
    Prepare(prepare::Args),
    /// Show pairs of real and pseudo-fake faces as the network sees them
    Preview(preview::Args),
    /// Train networks that draw real faces anew, for pseudo-fakes without a seam
    Reconstruct(reconstruct::Args),
    /// Perturb pictures and videos as DeeperForensics does
    Distort(distort::Args),
    /// Train a detector, defended or not
    Train(train::Args),
    /// Average the weights of runs that began with the same ones
    Average(average::Args),
    /// List runs and compare them
    Runs(runs::Args),
    /// Measure AUC on held-out faces, clean and under PGD-10
    Evaluate(evaluate::Args),
    /// List the videos and pictures behind some shards, with the part of each, for `unseen`
    Videos(videos::Args),
    /// Judge videos and pictures with the program that ships: people, sources and kinds that
    /// training saw beside those that it did not
    Unseen(unseen::Args),
    /// Train the paper's method, its rivals and its ablation, and print the tables
    Reproduce(reproduce::Args),
    /// Attack held-out faces with a suite, and check whether its figures can be trusted
    Attack(attack::Args),
    /// Attack videos through the program that ships, frame by frame or with one overlay
    AttackVideo(attack_video::Args),
    /// Time the steps of training on this machine
    Bench(bench::Args),
    /// Fuse, quantise, calibrate and write the bundle that devices run
    Export(export::Args),
    /// Prove that a bundle computes in tract what was trained in burn
    Check(check::Args),
    /// Train, measure and export what finds faces
    Finder(finder::Args),
    /// Make a pair of keys for signing bundles
    Keygen(keygen::Args),
    /// Sign a bundle, so that devices can tell that it is yours
    Sign(sign::Args),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command could not do, with cause and remedy.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Synthetic(args) => Ok(crate::synthetic::run(&args)?),
            Command::Prepare(args) => args.run(),
            Command::Preview(args) => args.run(),
            Command::Reconstruct(args) => args.run(),
            Command::Distort(args) => args.run(),
            Command::Train(args) => args.run(),
            Command::Average(args) => args.run(),
            Command::Runs(args) => args.run(),
            Command::Evaluate(args) => args.run(),
            Command::Videos(args) => args.run(),
            Command::Unseen(args) => args.run(),
            Command::Reproduce(args) => args.run(),
            Command::Attack(args) => args.run(),
            Command::AttackVideo(args) => args.run(),
            Command::Bench(args) => args.run(),
            Command::Export(args) => args.run(),
            Command::Check(args) => args.run(),
            Command::Finder(args) => args.run(),
            Command::Keygen(args) => args.run(),
            Command::Sign(args) => args.run(),
        }
    }
}
