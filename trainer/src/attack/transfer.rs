//! Attacks made on another network.

use anyhow::Result;

use super::{Attacked, BlackBox, Faces, Named, Victim, WhiteBox};
use crate::network::Differentiable;
use crate::random::Random;

/// A white-box attack on a surrogate; the victim is not asked at all. The surrogate is a
/// network of the attacker's own, such as one of the same architecture from another seed.
pub struct Transfer<'a> {
    attack: Box<dyn WhiteBox + 'a>,
    surrogate: &'a (dyn Differentiable + Sync),
    origin: String,
}

impl<'a> Transfer<'a> {
    /// `origin` says what the surrogate is, such as the folder of its run.
    pub fn new(
        attack: Box<dyn WhiteBox + 'a>,
        surrogate: &'a (dyn Differentiable + Sync),
        origin: impl Into<String>,
    ) -> Self {
        Self {
            attack,
            surrogate,
            origin: origin.into(),
        }
    }
}

impl Named for Transfer<'_> {
    fn name(&self) -> String {
        format!("{} transferred", self.attack.name())
    }

    fn conditions(&self) -> String {
        format!("{}; made on {}", self.attack.conditions(), self.origin)
    }
}

impl BlackBox for Transfer<'_> {
    /// `passes` of the result are those through the surrogate.
    fn attack(&self, _: &dyn Victim, faces: &Faces, random: &mut Random) -> Result<Attacked> {
        self.attack.attack(self.surrogate, faces, random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::queries::fixture::{gains, linear, optimum};
    use crate::attack::{Pgd, Target, toy::Linear};
    use rand::SeedableRng;

    /// PGD on a surrogate v gains e sum(w sign(v)) on a victim w.
    #[test]
    fn a_linear_surrogate_transfers_as_its_signs_agree() {
        const EPSILON: f32 = 8.0 / 255.0;
        let (net, faces) = linear(4, 1, 6);
        let surrogate = Linear {
            weight: net.weight.clone() + 0.5,
            bias: 0.0,
        };
        let pgd = Pgd::ten(EPSILON, Target::Both);
        let transfer = Transfer::new(Box::new(pgd), &surrogate, "another seed");
        let mut random = Random::seed_from_u64(1);
        let found = transfer.attack(&net, &faces, &mut random).unwrap();
        let agreeing = net.weight.clone() * surrogate.weight.clone().sign();
        let want = agreeing.sum().into_scalar::<f32>() * EPSILON;
        assert!(want < 0.95 * optimum(&net, EPSILON), "{want}");
        for gain in gains(&net, &faces, &found.images) {
            assert!((gain - want).abs() < 1e-3 * want, "{gain} {want}");
        }
        assert!(transfer.conditions().contains("another seed"));
    }
}
