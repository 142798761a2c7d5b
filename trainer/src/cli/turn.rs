//! `unmask-trainer turn`

use std::path::PathBuf;

use anyhow::Context;
use unmask_shared::QualityLimits;

use crate::dataset::{Record, read_shards};
use crate::turn::{Figures, faces, fit, measure, read_angles};

/// Fits what tells the firmware how far a head is turned, and measures it on held-out faces.
///
/// The weights are built into the firmware from models/head-turn/turn.bin: build it again
/// after they were written there. models/head-turn/CARD.md tells how the angles of the
/// released ones were made.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Table of angles: file, first_frame and degrees, tab-separated, with that header
    #[arg(long, value_name = "FILE")]
    angles: PathBuf,
    /// File of weights to write; without it they are only measured
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Share of the groups (people, clips) that is held out
    #[arg(long, default_value_t = 0.25)]
    held_out: f32,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let angles = read_angles(&self.angles)?;
        let records = read_shards(&self.data)?;
        let (held_out, fitted): (Vec<&Record>, Vec<&Record>) = records
            .iter()
            .partition(|record| record.is_held_out(self.held_out));
        let (held_out, fitted) = (faces(&held_out, &angles)?, faces(&fitted, &angles)?);
        let weights = fit(&fitted)?;
        let limit = QualityLimits::default().turn_deg_max;
        println!("fitted to {} faces", fitted.len());
        show(&measure(&held_out, &weights, limit), limit);
        if let Some(output) = &self.output {
            let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
            std::fs::write(output, bytes)
                .with_context(|| format!("cannot write {}", output.display()))?;
            println!("{}: {} weights", output.display(), weights.len());
        }
        Ok(())
    }
}

fn show(figures: &Figures, limit: f32) {
    println!(
        "held out: {} faces, mean error {:.1} degrees; the limit of {limit} degrees refuses {:.1} % \
         of those within 15",
        figures.faces,
        figures.error,
        100.0 * figures.refused,
    );
    for turned in &figures.turned {
        println!(
            "turned beyond {:.0} degrees: {:4} faces, AUC {}, {:.0} % refused",
            turned.beyond,
            turned.count,
            turned.auc.map_or("-".into(), |auc| format!("{auc:.3}")),
            100.0 * turned.refused,
        );
    }
}
