//! Every attack of the register, on a linear detector.

use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::tensor::Tensor;
use rand::SeedableRng;

use super::*;
use crate::attack::queries::fixture::{gains, linear};
use crate::attack::suite::Member;
use crate::attack::toy::Linear;
use crate::attack::{ATTACKS, Faces, Victim, greatest, host, lengths};
use crate::network::{Differentiable, Features};
use crate::random::Random;

const SIDE: usize = 16;
const CLIPS: usize = 4;

/// Counts frames that pass through it.
struct Counted {
    net: Linear,
    gradients: Cell<usize>,
    queries: Cell<usize>,
}

fn add(count: &Cell<usize>, images: &Tensor<4>) {
    count.set(count.get() + images.dims()[0]);
}

impl Differentiable for Counted {
    fn features(&self, images: Tensor<4>, frames: usize) -> Features {
        add(&self.gradients, &images);
        self.net.features(images, frames)
    }

    fn scale(&self) -> f32 {
        self.net.scale()
    }
}

impl Victim for Counted {
    fn logits(&self, images: Tensor<4>, frames: usize) -> Result<Tensor<1>> {
        add(&self.queries, &images);
        self.net.logits(images, frames)
    }
}

/// A linear detector that is right about every clip, half of which are fakes.
fn right() -> (Counted, Faces) {
    let (mut net, mut faces) = linear(CLIPS, 1, SIDE);
    let mut sorted = host(net.logits(faces.images.clone(), 1).unwrap()).unwrap();
    sorted.sort_by(f32::total_cmp);
    net.bias -= (sorted[CLIPS / 2 - 1] + sorted[CLIPS / 2]) / 2.0;
    let logits = host(net.logits(faces.images.clone(), 1).unwrap()).unwrap();
    let labels: Vec<f32> = logits
        .iter()
        .map(|z| f32::from(u8::from(*z > 0.0)))
        .collect();
    faces.label = Tensor::from_floats(labels.as_slice(), &faces.images.device());
    let counted = Counted {
        net,
        gradients: Cell::new(0),
        queries: Cell::new(0),
    };
    (counted, faces)
}

/// What is wrong with an attack; empty if nothing is.
fn wrong(entry: &Entry) -> Result<Vec<String>> {
    let (net, faces) = right();
    let limits = Limits::new(8.0 / 255.0, 3 * SIDE * SIDE, 50, Target::Both);
    let member = Member::named(entry.name, &limits)?;
    let mut random = Random::seed_from_u64(3);
    let found = member.attack(&net, &net, &faces, &mut random)?.images;
    let mut wrong = Vec::new();
    let range = host(found.clone().reshape([-1]))?;
    if !range.iter().all(|value| (0.0..=1.0).contains(value)) {
        wrong.push("leaves [0, 1]".to_string());
    }
    let change = found.clone() - faces.images.clone();
    let sizes = match member.norm {
        Norm::Linf => greatest(&change, 1),
        Norm::L2 => lengths(&change, 1),
    };
    let sizes = host(sizes.reshape([-1]))?;
    if !sizes
        .iter()
        .all(|size| *size > 0.0 && *size <= member.epsilon * 1.001)
    {
        wrong.push(format!("moves clips by {sizes:?} of {}", member.epsilon));
    }
    let gain: f32 = gains(&net.net, &faces, &found).iter().sum();
    if gain <= 0.0 {
        wrong.push(format!("lowers the margins by {gain}"));
    }
    let cost = member.cost;
    let passes = |count: &Cell<usize>| count.get() as f32 / CLIPS as f32;
    for (what, said, done) in [
        ("gradients", cost.gradients, passes(&net.gradients)),
        ("queries", cost.queries, passes(&net.queries)),
    ] {
        if said.max(done) > 2.0 * said.min(done) {
            wrong.push(format!(
                "says that it costs {said} {what} a clip, and takes {done}"
            ));
        }
    }
    Ok(wrong)
}

#[test]
fn every_attack_keeps_its_limit_lowers_margins_and_tells_its_cost() {
    let wrong = ATTACKS.iter().flat_map(|entry| {
        let wrong = wrong(entry).unwrap_or_else(|error| vec![format!("{error:#}")]);
        wrong
            .into_iter()
            .map(|wrong| format!("{} {wrong}", entry.name))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_attack_has_a_name_of_its_own_and_says_what_it_is() {
    let mut names = HashSet::new();
    for entry in ATTACKS {
        assert!(
            names.insert(entry.name),
            "two attacks are called {}",
            entry.name
        );
        for text in [entry.name, entry.parameters, entry.purpose] {
            assert!(!text.is_empty(), "{} lacks words", entry.name);
        }
    }
}

/// One that is not registered is not used, of which the compiler warns.
#[test]
fn every_file_with_an_attack_registers_it() {
    fn files(folder: &Path) -> Vec<PathBuf> {
        let below = std::fs::read_dir(folder).unwrap().flatten();
        let below = below.map(|entry| entry.path());
        let found = below.flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        });
        found.collect()
    }
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/attack")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        let attacks = ["WhiteBox for", "BlackBox for"].map(|of| shipped.contains(of));
        // Transfer needs another network, which `--surrogate` names.
        let named = path.ends_with("transfer.rs") || shipped.contains(": Entry = Entry {");
        assert!(!attacks.contains(&true) || named, "{path:?} has no Entry");
    }
}
