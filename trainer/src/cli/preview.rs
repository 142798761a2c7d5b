//! `unmask-trainer preview`

use std::path::PathBuf;

use anyhow::Context;
use image::{Rgb, RgbImage};

use crate::dataset::{MakePlan, PairConfig, Pairs, read_shards};

/// Writes a picture of pairs as the network sees them: real on the left, fake on the
/// right, kinds in the order of the epoch.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Picture to write
    #[arg(long, default_value = "pairs.png")]
    output: PathBuf,
    /// Pairs to show
    #[arg(long, default_value_t = 48)]
    pairs: usize,
    /// Seed of the pseudo-fakes
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const SIDE: usize = 112;
const COLUMNS: usize = 8;

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let records = read_shards(&self.data)?;
        let pairs = Pairs::new(&records, &PairConfig::default(), false)?;
        let epoch = pairs.epoch(self.seed, 0);
        let count = self.pairs.min(epoch.len());
        let gap = 6;
        let (width, height) = (
            (2 * SIDE + gap) * COLUMNS,
            (SIDE + gap) * count.div_ceil(COLUMNS),
        );
        let mut sheet = RgbImage::from_pixel(width as u32, height as u32, Rgb([20, 20, 20]));
        for index in 0..count {
            let pair = pairs.make(&epoch, index, &MakePlan::frame(SIDE))?;
            let (x, y) = (
                index % COLUMNS * (2 * SIDE + gap),
                index / COLUMNS * (SIDE + gap),
            );
            paste(&mut sheet, &pair.real, x, y);
            paste(&mut sheet, &pair.fake, x + SIDE, y);
            println!("{index}\t{}", pair.kind);
        }
        sheet
            .save(&self.output)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        println!(
            "{}: {count} pairs, real left, fake right",
            self.output.display()
        );
        Ok(())
    }
}

fn paste(sheet: &mut RgbImage, planes: &[f32], x: usize, y: usize) {
    let area = SIDE * SIDE;
    for i in 0..area {
        let colour = [0, 1, 2].map(|c| (planes[c * area + i] * 255.0).round() as u8);
        sheet.put_pixel((x + i % SIDE) as u32, (y + i / SIDE) as u32, Rgb(colour));
    }
}
