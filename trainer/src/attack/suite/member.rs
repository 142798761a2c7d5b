//! The attacks of a suite.

use anyhow::{Result, bail};

use super::super::{
    Access, Apgd, Attacked, BlackBox, Fab, Faces, HopSkipJump, Named, Nes, Noise, NoiseFloor, Norm,
    Pgd, Square, Target, Victim, WhiteBox,
};
use crate::fake::Random;
use crate::network::Differentiable;

/// An attack, by what it needs.
pub enum Attacker<'a> {
    /// Needs gradients.
    White(Box<dyn WhiteBox + 'a>),
    /// Needs answers only.
    Black(Box<dyn BlackBox + 'a>),
}

/// What an attack costs per clip, for estimates.
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
    /// Radius of its limit, [0, 1].
    pub epsilon: f32,
    /// What it costs.
    pub cost: Cost,
    /// Looks for the smallest change: a clip that it cannot fool within epsilon stays clean,
    /// which for others is a sign that the attack is broken.
    pub minimal: bool,
}

/// Names that [`Member::named`] knows.
pub const MEMBER_NAMES: [&str; 10] = [
    "fgsm",
    "pgd",
    "apgd-margin",
    "apgd-ce",
    "fab",
    "square",
    "square-shared",
    "nes",
    "hop-skip-jump",
    "noise",
];

/// Draws of the noise floor.
const DRAWS: usize = 100;

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

    /// An attack of the command line, in l_inf; `queries` is Square's budget.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn named(name: &str, epsilon: f32, queries: usize, target: Target) -> Result<Self> {
        Ok(match name {
            "fgsm" => Self::white(Pgd::fgsm(epsilon, target), epsilon, 1),
            "pgd" => Self::white(Pgd::ten(epsilon, target), epsilon, 10),
            "apgd-margin" => {
                let apgd = Apgd::margin(Norm::Linf, epsilon, target);
                let passes = apgd.restarts * apgd.iterations;
                Self::white(apgd, epsilon, passes)
            }
            "apgd-ce" => {
                let apgd = Apgd::cross_entropy(Norm::Linf, epsilon, target);
                let passes = apgd.restarts * apgd.iterations;
                Self::white(apgd, epsilon, passes)
            }
            "fab" => {
                let fab = Fab::new(Norm::Linf, Some(epsilon), target);
                let passes = 2 * fab.iterations * fab.restarts;
                Self {
                    minimal: true,
                    ..Self::white(fab, epsilon, passes)
                }
            }
            "square" | "square-shared" => {
                let mut square = Square::new(epsilon, queries, target);
                if name == "square-shared" {
                    square.noise = Noise::Shared;
                }
                Self::black(square, Access::Scores, epsilon, queries + 1)
            }
            "nes" => {
                let nes = Nes::new(epsilon, target);
                let queries = nes.steps * (2 * nes.pairs + 1);
                Self::black(nes, Access::Scores, epsilon, queries)
            }
            "hop-skip-jump" => {
                let attack = HopSkipJump {
                    radius: Some(epsilon),
                    ..HopSkipJump::new(Norm::Linf, target)
                };
                let member = Self::black(
                    attack,
                    Access::Decisions,
                    epsilon,
                    attack.decisions_expected(),
                );
                Self {
                    minimal: true,
                    ..member
                }
            }
            "noise" => {
                let floor = NoiseFloor::new(epsilon, DRAWS, target);
                Self::black(floor, Access::Nothing, epsilon, DRAWS)
            }
            _ => bail!(
                "there is no attack `{name}`: choose from {}",
                MEMBER_NAMES.join(", ")
            ),
        })
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
/// None at present.
pub fn aa_binary<'a>(epsilon: f32, queries: usize, target: Target) -> Result<Vec<Member<'a>>> {
    ["apgd-margin", "apgd-ce", "fab", "square", "noise"]
        .iter()
        .map(|name| Member::named(name, epsilon, queries, target))
        .collect()
}
