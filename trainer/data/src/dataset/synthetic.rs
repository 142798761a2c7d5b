//! Synthetic people as training records: each genuine and swapped, frame for frame.

use anyhow::Result;
use unmask_shared::media::Frame;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use super::align::{Aligner, Hint, Search, stored_png};
use super::cut::Outcome;
use super::record::{Label, Meta, Record};
use super::skip::{Skip, SkipReason};

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
    let file = format!("synthetic/{number}");
    let mut found = None;
    let mut outcome = Outcome::default();
    for (label, swap) in [(Label::Real, Swap::Never), (Label::Fake, Swap::Always)] {
        let config = SceneConfig {
            seed,
            swap,
            ..Default::default()
        };
        let scene = Scene::new(model, config)?;
        let mut crops = Vec::with_capacity(frames);
        for index in start..start + frames as u32 {
            let frame = scene.frame(index);
            let picture = Frame {
                width: frame.width,
                height: frame.height,
                rgb: frame.rgb,
                ..Default::default()
            };
            if found.is_none()
                && let Search::Found(face, choice) = aligner.search(&picture, Hint::default())?
            {
                found = Some((face, choice));
            }
            let Some((face, _)) = &found else {
                let detail = "the face finder saw nobody";
                outcome
                    .skips
                    .push(Skip::new(&file, SkipReason::NoFace, detail));
                return Ok(outcome);
            };
            crops.push(stored_png(&picture, face)?);
        }
        let meta = Meta {
            label,
            source: "synthetic".into(),
            group: format!("synthetic-{number}"),
            twin: Some(format!("synthetic-{number}")),
            file: file.clone(),
            frames,
            first_frame: Some(start.into()),
            face: found.map(|(face, _)| Meta::corners(&face)),
            landmarks: found.map(|(face, _)| Meta::tenths(&face)),
            face_choice: found.map(|(_, choice)| choice),
            ..Default::default()
        };
        outcome.records.push(Record {
            meta,
            frames: crops,
        });
    }
    Ok(outcome)
}
