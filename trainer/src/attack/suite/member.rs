//! The attacks of a suite.

use anyhow::{Result, bail};

use super::super::{
    ATTACKS, Access, Attacked, BlackBox, Entry, Faces, Limits, Make, Named, Norm, Target, Victim,
    WhiteBox, names,
};
use crate::network::Differentiable;
use crate::random::Random;

/// An attack, by what it needs.
pub enum Attacker<'a> {
    /// Needs gradients.
    White(Box<dyn WhiteBox + 'a>),
    /// Needs answers only.
    Black(Box<dyn BlackBox + 'a>),
}

/// What an attack costs per clip of a batch, half of which are fakes, for estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Forward passes through the victim.
    pub queries: f32,
    /// Forward and backward passes through the network that gradients come from.
    pub gradients: f32,
}

/// An attack in a suite.
pub struct Member<'a> {
    /// The attack.
    pub attacker: Attacker<'a>,
    /// What it looks at.
    pub access: Access,
    /// Norm of its limit and of the changes that are reported.
    pub norm: Norm,
    /// Radius of its limit, in pixel units.
    pub epsilon: f32,
    /// What it costs.
    pub cost: Cost,
    /// Looks for the smallest change: a clip that it cannot fool within epsilon stays clean,
    /// which for others is a sign that the attack is broken.
    pub minimal: bool,
}

impl<'a> Member<'a> {
    /// A white-box attack in l_inf that takes `gradients` passes per clip.
    pub fn white(attack: impl WhiteBox + 'a, epsilon: f32, gradients: usize) -> Self {
        Self {
            attacker: Attacker::White(Box::new(attack)),
            access: Access::WhiteBox,
            norm: Norm::Linf,
            epsilon,
            cost: Cost {
                queries: 0.0,
                gradients: gradients as f32,
            },
            minimal: false,
        }
    }

    /// A black-box attack in l_inf that takes `queries` passes per clip.
    pub fn black(attack: impl BlackBox + 'a, access: Access, epsilon: f32, queries: usize) -> Self {
        Self {
            attacker: Attacker::Black(Box::new(attack)),
            access,
            norm: Norm::Linf,
            epsilon,
            cost: Cost {
                queries: queries as f32,
                gradients: 0.0,
            },
            minimal: false,
        }
    }

    /// An attack of the command line, from [`ATTACKS`]. Those with a limit of their own, and
    /// those in l_2, do not count for the worst case.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn named(name: &str, limits: &Limits) -> Result<Self> {
        match ATTACKS.iter().find(|entry| entry.name == name) {
            Some(entry) => Ok(Self::of(entry, limits)),
            None => bail!(
                "there is no attack `{name}`: choose from {}",
                names(ATTACKS)
            ),
        }
    }

    fn of(entry: &Entry, limits: &Limits) -> Self {
        let (attacker, cost) = match entry.make {
            Make::Gradients(make) => {
                let (attack, passes) = make(limits);
                let cost = Cost {
                    queries: 0.0,
                    gradients: passes as f32,
                };
                (Attacker::White(attack), cost)
            }
            Make::Scores(make) | Make::Decisions(make) | Make::Nothing(make) => {
                let (attack, passes) = make(limits);
                // Only the clips of one class are asked about; gradients are of whole batches.
                let share = if limits.target == Target::Both {
                    1.0
                } else {
                    0.5
                };
                let cost = Cost {
                    queries: passes as f32 * share,
                    gradients: 0.0,
                };
                (Attacker::Black(attack), cost)
            }
        };
        Self {
            attacker,
            access: entry.make.access(),
            norm: entry.limit.norm(),
            epsilon: entry.limit.radius(limits),
            cost,
            minimal: entry.minimal,
        }
    }

    /// Name and conditions.
    pub fn named_attack(&self) -> &dyn Named {
        match &self.attacker {
            Attacker::White(attack) => attack.as_ref(),
            Attacker::Black(attack) => attack.as_ref(),
        }
    }

    /// Runs the attack: white-box ones against `net`, others against `victim`.
    ///
    /// # Errors
    /// Those of the attack.
    pub fn attack(
        &self,
        net: &dyn Differentiable,
        victim: &dyn Victim,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Attacked> {
        match &self.attacker {
            Attacker::White(attack) => attack.attack(net, faces, random),
            Attacker::Black(attack) => attack.attack(victim, faces, random),
        }
    }
}

/// `aa-binary`: AutoAttack for one logit. APGD on the margin with five restarts, APGD on the
/// stable cross entropy, FAB, Square, and random noise as a floor. DLR does not exist for two
/// classes.
///
/// # Errors
/// Those of [`Member::named`].
pub fn aa_binary<'a>(limits: &Limits) -> Result<Vec<Member<'a>>> {
    ["apgd-margin", "apgd-ce", "fab", "square", "noise"]
        .iter()
        .map(|name| Member::named(name, limits))
        .collect()
}
