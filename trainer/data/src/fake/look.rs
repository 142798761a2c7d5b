//! How light and colours of a pair come out, drawn once for both of its faces.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::Random;
use super::photometry::Filter;
use super::picture::Picture;

/// What one hand does to a picture: at most one change each of its light, contrast, colour
/// and sharpness, in any order.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    filters: Vec<Filter>,
}

impl Look {
    /// Draws one; one of ten changes nothing.
    pub fn sample(random: &mut Random) -> Self {
        Self::of(&GROUPS, random)
    }

    /// Draws one that follows this one; light that was changed is left, or many a face
    /// would be lost in the dark.
    pub fn then(&self, random: &mut Random) -> Self {
        match self.filters.iter().any(is_light) {
            true => Self::of(&GROUPS[1..], random),
            false => Self::sample(random),
        }
    }

    fn of(groups: &[Group], random: &mut Random) -> Self {
        let mut filters = Vec::new();
        for (odds, draw) in groups {
            if random.random_bool(*odds) {
                filters.push(draw(random));
            }
        }
        filters.shuffle(random);
        Self { filters }
    }

    /// Applies it in place.
    pub fn apply(&self, picture: &mut Picture) {
        for filter in &self.filters {
            filter.apply(picture);
        }
    }
}

/// How often something of a group is changed, and to what.
type Group = (f64, fn(&mut Random) -> Filter);

/// Light first.
const GROUPS: [Group; 4] = [
    (0.5, light),
    (0.5, contrast),
    (0.55, colour),
    (0.2, sharpness),
];

fn light(random: &mut Random) -> Filter {
    match random.random_range(0..3) {
        0 => Filter::Gain(random.random_range(0.3..1.6)),
        1 => Filter::Brightness(random.random_range(-0.25..0.25)),
        _ => Filter::Gamma(ratio(0.5, 2.0, random)),
    }
}

fn is_light(filter: &Filter) -> bool {
    matches!(
        filter,
        Filter::Gain(_) | Filter::Brightness(_) | Filter::Gamma(_)
    )
}

fn contrast(random: &mut Random) -> Filter {
    match random.random_range(0..5) {
        0..3 => Filter::Contrast(ratio(0.5, 1.8, random)),
        _ => Filter::ToneCurve {
            bend: random.random_range(-0.6..1.0),
            black: random.random_range(-0.08..0.1),
        },
    }
}

/// With `Quality`'s own, some 10 % of all pairs are grey.
fn colour(random: &mut Random) -> Filter {
    match random.random_range(0..8) {
        0 => Filter::Saturation(0.0),
        1..5 => Filter::Saturation(random.random_range(0.0..2.2)),
        5 => Filter::Hue(random.random_range(-18.0..18.0)),
        _ => Filter::WhiteBalance(ratio(0.7, 1.4, random), ratio(0.7, 1.4, random)),
    }
}

fn sharpness(random: &mut Random) -> Filter {
    Filter::Unsharp {
        sigma: random.random_range(0.6..2.0),
        amount: random.random_range(0.3..3.0),
    }
}

/// As often below the geometric mean as above.
fn ratio(low: f32, high: f32, random: &mut Random) -> f32 {
    random.random_range(low.ln()..high.ln()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_filter_is_drawn_within_its_range() {
        let mut random = Random::seed_from_u64(1);
        let mut seen = [0; 9];
        let draws = 4000;
        for _ in 0..draws {
            let look = Look::sample(&mut random);
            let next = look.then(&mut random);
            assert!(look.filters.len() <= 4);
            for filter in look.filters.iter().chain(&next.filters) {
                let (kind, inside) = match *filter {
                    Filter::Gain(v) => (0, (0.3..1.6).contains(&v)),
                    Filter::Contrast(v) => (1, (0.5..1.8).contains(&v)),
                    Filter::Brightness(v) => (2, (-0.25..0.25).contains(&v)),
                    Filter::Gamma(v) => (3, (0.5..2.0).contains(&v)),
                    Filter::Saturation(v) => (4, (0.0..2.2).contains(&v)),
                    Filter::Hue(v) => (5, (-18.0..18.0).contains(&v)),
                    Filter::WhiteBalance(r, b) => {
                        (6, (0.7..1.4).contains(&r) && (0.7..1.4).contains(&b))
                    }
                    Filter::Unsharp { amount, .. } => (7, (0.3..3.0).contains(&amount)),
                    Filter::ToneCurve { bend, .. } => (8, (-0.6..1.0).contains(&bend)),
                };
                assert!(inside, "{filter:?}");
                seen[kind] += 1;
            }
        }
        assert!(seen.iter().all(|count| *count > draws / 10), "{seen:?}");
    }

    #[test]
    fn light_is_changed_once() {
        for seed in 0..200 {
            let mut random = Random::seed_from_u64(seed);
            let first = Look::sample(&mut random);
            let second = first.then(&mut random);
            let all = first.filters.iter().chain(&second.filters);
            assert!(all.filter(|filter| is_light(filter)).count() <= 1);
        }
    }
}
