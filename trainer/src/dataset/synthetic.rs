//! Synthetic people as training records: each genuine and swapped, frame for frame.

use anyhow::{Context, Result};
use unmask_shared::media::Frame;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use super::align::{Aligner, stored_png};
use super::prepare::Outcome;
use super::record::{Label, Meta, Record};

/// Seeds of training people; those of demos and tests are below it.
const FIRST_SEED: u64 = 1 << 32;

/// Renders one person twice, from a frame that depends on the person.
pub(super) fn person(
    model: &FaceModel,
    number: u64,
    frames: usize,
    aligner: &mut Aligner,
) -> Result<Outcome> {
    let seed = FIRST_SEED + number;
    let start = (number % 40) as u32;
    let mut face = None;
    let mut records = Vec::new();
    for (label, swap) in [(Label::Real, Swap::Never), (Label::Fake, Swap::Always)] {
        let scene = Scene::new(
            model,
            SceneConfig {
                seed,
                swap,
                ..Default::default()
            },
        )?;
        let mut crops = Vec::with_capacity(frames);
        for index in start..start + frames as u32 {
            let frame = scene.frame(index);
            let picture = Frame {
                width: frame.width,
                height: frame.height,
                rgb: frame.rgb,
                ..Default::default()
            };
            if face.is_none() {
                face = aligner.largest_face(&picture)?;
            }
            let bbox = face.context("the face finder saw nobody")?;
            crops.push(stored_png(&picture, &bbox)?);
        }
        let meta = Meta {
            label,
            source: "synthetic".into(),
            group: format!("synthetic-{number}"),
            twin: Some(format!("synthetic-{number}")),
            file: format!("synthetic/{number}"),
            frames,
        };
        records.push(Record {
            meta,
            frames: crops,
        });
    }
    Ok((records, vec![]))
}
