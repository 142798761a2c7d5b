//! The attacks of a suite.

use anyhow::{Result, bail};

use super::super::{
    Access, Apgd, Attacked, BlackBox, Carlini, Fab, Faces, Frequency, HopSkipJump, Hussain, MiFgsm,
    Named, Nes, Noise, NoiseFloor, Norm, Patch, Pgd, Square, Statistical, Target, Universal,
    Victim, WhiteBox,
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

/// Names that [`Member::named`] knows.
pub const MEMBER_NAMES: [&str; 20] = [
    "fgsm",
    "pgd",
    "mi-fgsm",
    "apgd-margin",
    "apgd-ce",
    "fab",
    "hussain",
    "frequency",
    "universal",
    "patch",
    "statistical",
    "square",
    "square-shared",
    "nes",
    "hop-skip-jump",
    "noise",
    "pgd-l2",
    "apgd-l2",
    "fab-l2",
    "carlini-wagner",
];

/// What the attacks of [`Member::named`] may spend.
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

    /// An attack of the command line. `hussain` and `frequency` keep to `epsilon`; those in l_2,
    /// `patch` and `statistical` have limits of their own and do not count for the worst case.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn named(name: &str, limits: &Limits) -> Result<Self> {
        let Limits {
            epsilon,
            radius,
            queries,
            target,
        } = *limits;
        let found = Self::gradients(name, epsilon, target)
            .or_else(|| Self::euclidean(name, radius, target))
            .or_else(|| Self::answers(name, epsilon, queries, target));
        let Some(mut member) = found else {
            bail!(
                "there is no attack `{name}`: choose from {}",
                MEMBER_NAMES.join(", ")
            );
        };
        if target != Target::Both {
            // Only the clips of one class are asked about; gradients are of whole batches.
            member.cost.queries /= 2.0;
        }
        Ok(member)
    }

    /// Attacks that see gradients.
    fn gradients(name: &str, epsilon: f32, target: Target) -> Option<Self> {
        let apgd = |apgd: Apgd| {
            let passes = apgd.restarts * apgd.iterations;
            Self::white(apgd, epsilon, passes)
        };
        Some(match name {
            "fgsm" => Self::white(Pgd::fgsm(epsilon, target), epsilon, 1),
            "pgd" => Self::white(Pgd::ten(epsilon, target), epsilon, 10),
            "mi-fgsm" => Self::white(MiFgsm::ten(epsilon, target), epsilon, 10),
            "apgd-margin" => apgd(Apgd::margin(Norm::Linf, epsilon, target)),
            "apgd-ce" => apgd(Apgd::cross_entropy(Norm::Linf, epsilon, target)),
            "fab" => {
                let fab = Fab::new(Norm::Linf, Some(epsilon), target);
                let passes = 2 * fab.iterations * fab.restarts;
                Self {
                    minimal: true,
                    ..Self::white(fab, epsilon, passes)
                }
            }
            "hussain" => {
                let robust = Hussain {
                    epsilon,
                    step: epsilon / 10.0,
                    stop: None,
                    ..Hussain::robust(target)
                };
                let passes = robust.steps * robust.transforms.len();
                Self::white(robust, epsilon, passes)
            }
            "frequency" => {
                let attack = Frequency::new(epsilon, target);
                let passes = attack.steps * (attack.copies + 1);
                Self::white(attack, epsilon, passes)
            }
            "universal" => {
                let attack = Universal::new(epsilon, target);
                Self::white(attack, epsilon, attack.epochs)
            }
            "patch" => {
                let attack = Patch::new(target);
                Self::white(attack, 1.0, attack.epochs)
            }
            "statistical" => {
                let attack = Statistical::new(target);
                Self::white(attack, attack.epsilon, attack.steps)
            }
            _ => return None,
        })
    }

    /// Attacks in l_2 that see gradients.
    fn euclidean(name: &str, radius: f32, target: Target) -> Option<Self> {
        let (member, minimal) = match name {
            "pgd-l2" => {
                let pgd = Pgd {
                    norm: Norm::L2,
                    ..Pgd::ten(radius, target)
                };
                (Self::white(pgd, radius, pgd.steps), false)
            }
            "apgd-l2" => {
                let apgd = Apgd::margin(Norm::L2, radius, target);
                let passes = apgd.restarts * apgd.iterations;
                (Self::white(apgd, radius, passes), false)
            }
            "fab-l2" => {
                let fab = Fab::new(Norm::L2, Some(radius), target);
                let passes = 2 * fab.iterations * fab.restarts;
                (Self::white(fab, radius, passes), true)
            }
            "carlini-wagner" => {
                let carlini = Carlini::new(Some(radius), target);
                let passes = carlini.search_steps * (carlini.iterations + 1);
                (Self::white(carlini, radius, passes), true)
            }
            _ => return None,
        };
        Some(Self {
            norm: Norm::L2,
            minimal,
            ..member
        })
    }

    /// Attacks that see scores, decisions or nothing.
    fn answers(name: &str, epsilon: f32, queries: usize, target: Target) -> Option<Self> {
        Some(match name {
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
                let asked = attack.decisions_expected();
                Self {
                    minimal: true,
                    ..Self::black(attack, Access::Decisions, epsilon, asked)
                }
            }
            "noise" => {
                let floor = NoiseFloor::new(epsilon, DRAWS, target);
                Self::black(floor, Access::Nothing, epsilon, DRAWS)
            }
            _ => return None,
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
/// Those of [`Member::named`].
pub fn aa_binary<'a>(limits: &Limits) -> Result<Vec<Member<'a>>> {
    ["apgd-margin", "apgd-ce", "fab", "square", "noise"]
        .iter()
        .map(|name| Member::named(name, limits))
        .collect()
}
