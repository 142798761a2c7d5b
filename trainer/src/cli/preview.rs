//! `unmask-trainer preview`

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use image::{Rgb, RgbImage};

use crate::config::RunConfig;
use crate::dataset::{MakePlan, PairConfig, PairKind, Pairs, PreparedPair, Record, read_shards};
use crate::distortion::Perturbation;
use crate::reconstruct::bank_of;

/// Writes a picture of pairs as the network sees them, kind by kind: blended, encoded,
/// degraded.
///
/// Single frames lie side by side, real left and fake right, eight pairs to a row. Clips
/// are film strips: a row of real frames and the row of their fakes below. Which rows show
/// which kind is printed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Picture to write
    #[arg(long, default_value = "pairs.png")]
    output: PathBuf,
    /// Pairs to show of each kind, 1 to 64
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pairs: u8,
    /// Frames of each pair, 1 to 16; temporal kinds need at least 3
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    frames: u8,
    /// Seed of the pseudo-fakes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Configuration of a run, whose pairs are shown; without it every kind is made often
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Networks that draw faces anew, to show what they make (reconstruct)
    #[arg(long, value_name = "FILE")]
    bank: Option<PathBuf>,
    /// Perturb the stored crops, such as gb_4: an approximation of perturbed frames
    #[arg(long, value_name = "CODE")]
    perturb: Option<Perturbation>,
}

const SIDE: usize = 112;
const COLUMNS: usize = 8;
const GAP: usize = 6;
/// Pairs made for each one asked for, before a kind that is too rare is shown with fewer.
const EFFORT: usize = 40;

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (sheet, legend) = self.sheet(&read_shards(&self.data)?)?;
        sheet
            .save(&self.output)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        legend.iter().for_each(|line| println!("{line}"));
        let place = if self.frames == 1 {
            "real left, fake right"
        } else {
            "real above, fake below"
        };
        println!("{}: {place}", self.output.display());
        Ok(())
    }

    /// The picture, and a line for each kind that says where it is.
    fn sheet(&self, records: &[Record]) -> anyhow::Result<(RgbImage, Vec<String>)> {
        let config = match &self.config {
            Some(path) => RunConfig::read(path)?.data,
            None => PairConfig {
                xray_share: 0.34,
                temporal_share: 0.6,
                reconstruct_share: if self.bank.is_some() { 0.3 } else { 0.0 },
                reconstruct_bank: self.bank.clone(),
                ..Default::default()
            },
        };
        let pairs = Pairs::new(records, &config, false)?.with_bank(bank_of(&config)?);
        let kinds = self.collect(&pairs)?;
        let rows: usize = kinds.values().map(|pairs| self.rows(pairs.len())).sum();
        ensure!(rows > 0, "there are no pairs to show");
        let (columns, gaps) = self.columns();
        let mut sheet = RgbImage::from_pixel(
            (columns * SIDE + gaps * GAP) as u32,
            (rows * (SIDE + GAP)) as u32,
            Rgb([20, 20, 20]),
        );
        let mut legend = Vec::new();
        let mut row = 0;
        for (kind, shown) in &kinds {
            let next = row + self.rows(shown.len());
            let pairs = shown.len();
            legend.push(format!("rows {} to {next}\t{kind}\t{pairs} pairs", row + 1));
            for (index, pair) in shown.iter().enumerate() {
                self.draw(&mut sheet, pair, index, row);
            }
            row = next;
        }
        Ok((sheet, legend))
    }

    /// Pairs by kind, as many of each as asked for or as a bounded search finds.
    fn collect(&self, pairs: &Pairs<'_>) -> anyhow::Result<BTreeMap<PairKind, Vec<PreparedPair>>> {
        let wanted = usize::from(self.pairs);
        let plan = MakePlan {
            frames: self.frames.into(),
            side: SIDE,
            hardness: 1.0,
            stacked: false,
        };
        let mut kinds: BTreeMap<PairKind, Vec<PreparedPair>> = BTreeMap::new();
        let mut left = EFFORT * wanted;
        for number in 0..=left as u64 {
            let epoch = pairs.epoch(self.seed, number);
            for index in 0..epoch.len().min(left) {
                let pair = match &self.perturb {
                    Some(perturbation) => {
                        pairs.make_perturbed(&epoch, index, &plan, perturbation)?
                    }
                    None => pairs.make(&epoch, index, &plan)?,
                };
                let found = kinds.entry(pair.kind.clone()).or_default();
                if found.len() < wanted {
                    found.push(pair);
                }
            }
            left = left.saturating_sub(epoch.len());
            if left == 0 {
                break;
            }
        }
        Ok(kinds)
    }

    /// Pictures across, and gaps between them.
    fn columns(&self) -> (usize, usize) {
        match self.frames {
            1 => (2 * COLUMNS, COLUMNS),
            frames => (frames.into(), 1),
        }
    }

    fn rows(&self, pairs: usize) -> usize {
        match self.frames {
            1 => pairs.div_ceil(COLUMNS),
            _ => 2 * pairs,
        }
    }

    fn draw(&self, sheet: &mut RgbImage, pair: &PreparedPair, index: usize, row: usize) {
        let frame = 3 * SIDE * SIDE;
        if self.frames == 1 {
            let x = index % COLUMNS * (2 * SIDE + GAP);
            let y = (row + index / COLUMNS) * (SIDE + GAP);
            paste(sheet, &pair.real, x, y);
            paste(sheet, &pair.fake, x + SIDE, y);
            return;
        }
        for (line, strip) in [&pair.real, &pair.fake].into_iter().enumerate() {
            // The strips of a pair touch; pairs are apart.
            let y = (row + 2 * index) * (SIDE + GAP) + line * SIDE;
            for (place, planes) in strip.chunks_exact(frame).enumerate() {
                paste(sheet, planes, place * SIDE, y);
            }
        }
    }
}

fn paste(sheet: &mut RgbImage, planes: &[f32], x: usize, y: usize) {
    let area = SIDE * SIDE;
    for i in 0..area {
        let colour = [0, 1, 2].map(|c| (planes[c * area + i] * 255.0).round() as u8);
        sheet.put_pixel((x + i % SIDE) as u32, (y + i / SIDE) as u32, Rgb(colour));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    use crate::dataset::{Meta, STORED_SIDE};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    /// Four people with eight frames each, in which something moves.
    fn people() -> Vec<Record> {
        let frame = |person: u32, index: u32| {
            let side = STORED_SIDE.into();
            let picture = RgbImage::from_fn(side, side, |x, y| {
                let value = ((x * (3 + person) + 5 * y + 9 * index) % 256) as u8;
                Rgb([value, 90, 200 - value / 2])
            });
            let mut png = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
            png.into_inner()
        };
        let person = |person: u32| Record {
            meta: Meta {
                source: "people".into(),
                group: format!("group-{person}"),
                frames: 8,
                ..Default::default()
            },
            frames: (0..8).map(|index| frame(person, index)).collect(),
        };
        (0..4).map(person).collect()
    }

    fn sheet(words: &[&str]) -> (RgbImage, Vec<String>) {
        let words = ["preview", "--data", "none"].iter().chain(words);
        Command::parse_from(words).args.sheet(&people()).unwrap()
    }

    #[test]
    fn a_sheet_has_rows_for_every_kind_of_frame_and_strips_for_every_kind_of_clip() {
        let row = (SIDE + GAP) as u32;
        // Self-blends, swaps and X-ray swaps: nine pairs of each take two rows.
        let (picture, legend) = sheet(&["--pairs", "9"]);
        let width = (COLUMNS * (2 * SIDE + GAP)) as u32;
        assert_eq!(picture.dimensions(), (width, 3 * 2 * row));
        assert_eq!(legend[2], "rows 5 to 6\txray-swap\t9 pairs");
        // The same three, each flickering as well, and frames repeated or left out.
        let (picture, legend) = sheet(&["--pairs", "2", "--frames", "4"]);
        let width = (4 * SIDE + GAP) as u32;
        assert_eq!(picture.dimensions(), (width, 8 * 2 * 2 * row), "{legend:?}");
    }

    #[test]
    fn a_configuration_decides_the_kinds_and_perturbation_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "[data]\nswap_share = 0.0\n").unwrap();
        let path = path.to_str().unwrap();
        let (clean, legend) = sheet(&["--pairs", "1", "--config", path]);
        assert_eq!(legend, ["rows 1 to 1\tself-blend\t1 pairs"]);
        let perturbed = ["--pairs", "1", "--config", path, "--perturb", "cc_5"];
        assert_ne!(sheet(&perturbed).0, clean);
    }
}
