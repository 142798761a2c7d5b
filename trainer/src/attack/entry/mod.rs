//! What an attack's file says of it, so that it is found by its name.

#[cfg(test)]
mod tests;

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
