//! What an attack's file says of it, so that it is found by its name.

use super::{Access, BlackBox, Norm, Target, WhiteBox};

/// An attack of the command line.
pub struct Entry {
    /// Its name there.
    pub name: &'static str,
    /// Authors, venue and year.
    pub source: &'static str,
    /// Its parameters, in short.
    pub parameters: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// What bounds its change.
    pub limit: Limit,
    /// Looks for the smallest change: a clip that it cannot fool within the limit stays clean,
    /// which for others is a sign that the attack is broken.
    pub minimal: bool,
    /// Makes it.
    pub make: Make,
}

/// What bounds the change of a clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// [`Limits::epsilon`].
    Linf,
    /// [`Limits::radius`].
    L2,
    /// A largest change of its own, in pixel units.
    Own(f32),
}

/// What an attack needs, and what makes it from what it may spend: the attack, and how often it
/// passes a clip through the network (gradients) or asks the detector (all others).
#[derive(Clone, Copy)]
pub enum Make {
    /// Needs gradients.
    Gradients(fn(&Limits) -> (Box<dyn WhiteBox>, usize)),
    /// Needs scores.
    Scores(fn(&Limits) -> (Box<dyn BlackBox>, usize)),
    /// Needs decisions.
    Decisions(fn(&Limits) -> (Box<dyn BlackBox>, usize)),
    /// Needs nothing; asks only to keep the worst.
    Nothing(fn(&Limits) -> (Box<dyn BlackBox>, usize)),
}

/// What attacks may spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Radius in l_inf, [0, 1].
    pub epsilon: f32,
    /// Radius of the attacks in l_2: length of a whole clip's change, in pixel units.
    pub radius: f32,
    /// Square's queries per clip.
    pub queries: usize,
    /// Who is attacked.
    pub target: Target,
}

impl Limits {
    /// In l_2 as far as the corners of the l_inf ball, for clips of `values` numbers: whatever
    /// l_inf allows is then allowed in l_2 too.
    pub fn new(epsilon: f32, values: usize, queries: usize, target: Target) -> Self {
        Self {
            epsilon,
            radius: epsilon * (values as f32).sqrt(),
            queries,
            target,
        }
    }
}

impl Limit {
    /// How a change is measured.
    pub fn norm(self) -> Norm {
        match self {
            Self::Linf | Self::Own(_) => Norm::Linf,
            Self::L2 => Norm::L2,
        }
    }

    /// Radius in this norm, in pixel units.
    pub fn radius(self, limits: &Limits) -> f32 {
        match self {
            Self::Linf => limits.epsilon,
            Self::L2 => limits.radius,
            Self::Own(radius) => radius,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(_) => f.write_str("its own"),
            bound => write!(f, "{}", bound.norm()),
        }
    }
}

impl Make {
    /// What the attack looks at.
    pub fn access(&self) -> Access {
        match self {
            Self::Gradients(_) => Access::WhiteBox,
            Self::Scores(_) => Access::Scores,
            Self::Decisions(_) => Access::Decisions,
            Self::Nothing(_) => Access::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
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
}
