//! `unmask-trainer reconstruct`

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::ensure;

use super::stop;
use crate::dataset::{Label, PairConfig, Record, Shares, Split, read_shards};
use crate::device::DeviceArgs;
use crate::progress::Bar;
use crate::reconstruct::{Bank, SHAPES, Training, train};

/// Trains a bank of small autoencoders on the real faces of shards.
///
/// `data.reconstruct_bank` names the bank, and `data.reconstruct_share` says how many
/// pseudo-fakes are faces that one of its networks drew anew. The file is written after
/// each network; run the same command again to go on with those that are missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Bank to write
    #[arg(long, default_value = "reconstruct.tar")]
    output: PathBuf,
    /// Steps of each network
    #[arg(long, default_value_t = Training::default().steps)]
    steps: usize,
    /// Parts of faces in a step
    #[arg(long, default_value_t = Training::default().batch)]
    batch: usize,
    /// Highest learning rate
    #[arg(long, default_value_t = Training::default().rate)]
    rate: f64,
    /// Seed of weights and order
    #[arg(long, default_value_t = Training::default().seed)]
    seed: u64,
    /// Share of the groups (people, clips) that choose between trainings, as in training
    #[arg(long, default_value_t = PairConfig::default().validation_share)]
    validation: f32,
    /// Share of the groups that calibrate and are reported on, as in training
    #[arg(long, default_value_t = PairConfig::default().held_out_share)]
    held_out: f32,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.steps > 0 && self.batch > 0,
            "--steps and --batch must be at least 1"
        );
        let device = self.device.open()?;
        let records = read_shards(&self.data)?;
        let shares = Shares {
            validation: self.validation,
            held_out: self.held_out,
        };
        let learnt = |record: &&Record| {
            record.meta.label == Label::Real && record.part(shares) == Split::Train
        };
        let faces: Vec<&Record> = records.iter().filter(learnt).collect();
        let mut bank = match self.output.exists() {
            true => Bank::read(&self.output, &device)?,
            false => Bank::default(),
        };
        let known = bank.entries().iter().zip(&SHAPES);
        ensure!(
            bank.len() <= SHAPES.len() && known.clone().all(|(entry, shape)| entry.shape == *shape),
            "{} holds networks of other shapes: name another --output",
            self.output.display()
        );
        let stop = stop::listen()?;
        for (number, shape) in SHAPES.iter().enumerate().skip(bank.len()) {
            let bar = Bar::new(
                &format!("network {}/{}", number + 1, SHAPES.len()),
                self.steps,
                "steps",
            )?;
            let training = Training {
                steps: self.steps,
                batch: self.batch,
                rate: self.rate,
                seed: self.seed.wrapping_add(number as u64),
            };
            let trained = train(&faces, *shape, &training, &device, |step, _| {
                bar.reach(step);
                !stop.load(Ordering::Relaxed)
            })?;
            bar.finish();
            let Some((net, error)) = trained else {
                println!("stopped: run the same command again to go on");
                return Ok(());
            };
            bank.push(net, error);
            bank.write(&self.output)?;
            println!(
                "{}/{}\t{shape:?}\terror {error:.4}",
                number + 1,
                SHAPES.len()
            );
        }
        println!("{}: {} networks", self.output.display(), bank.len());
        Ok(())
    }
}
