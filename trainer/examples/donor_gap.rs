//! Measures what choosing donors by likeness is worth:
//! `cargo run --release -p unmask-trainer --example donor_gap SHARDS`.
//!
//! Prints the mean seam of X-ray swaps (see `Blend::seam`) with anybody as donor and with
//! the most alike of more and more others.

use std::path::PathBuf;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use unmask_trainer::dataset::{Label, Record, read_shards, stored_crop};
use unmask_trainer::fake::{Blend, BlendKind, Likeness, LikenessGrid, Picture, Random};

const TARGETS: usize = 300;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .context("name a folder of shards")?;
    let mut records = read_shards(&PathBuf::from(folder))?;
    records.retain(|record| record.meta.label == Label::Real);
    let grid = LikenessGrid::new(&stored_crop());
    let faces: Vec<Picture> = records.iter().map(picture).collect::<anyhow::Result<_>>()?;
    let described: Vec<Likeness> = faces.iter().map(|face| grid.describe(face)).collect();
    println!("{} real faces, {TARGETS} targets", records.len());
    for candidates in [1, 16, 64, 256, 512] {
        let mut random = Random::seed_from_u64(1);
        let (mut seam, mut distance) = (0.0, 0.0);
        for _ in 0..TARGETS {
            let target = random.random_range(0..records.len());
            let apart = |other: &usize| records[*other].meta.group != records[target].meta.group;
            let donor = (0..candidates)
                .map(|_| random.random_range(0..records.len()))
                .filter(apart)
                .map(|other| (other, described[target].distance(&described[other])))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let Some((donor, apart)) = donor else {
                continue;
            };
            let blend = Blend::sample(BlendKind::XraySwap, &stored_crop(), &mut random);
            seam += blend.seam(&faces[target], &faces[donor]).unwrap_or(0.0);
            distance += apart;
        }
        let mean = |sum: f32| sum / TARGETS as f32;
        println!(
            "nearest of {candidates:4}: seam {:.4}, distance {:.4}",
            mean(seam),
            mean(distance)
        );
    }
    Ok(())
}

fn picture(record: &Record) -> anyhow::Result<Picture> {
    let png = record.frames.first().context("a record has no frame")?;
    let decoded = image::load_from_memory(png)?.into_rgb8();
    Ok(Picture::from_u8(decoded.width() as usize, decoded.as_raw()))
}
