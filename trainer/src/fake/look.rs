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
        let mut filters = Vec::new();
        for (odds, draw) in GROUPS {
            if random.random_bool(odds) {
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
const GROUPS: [(f64, fn(&mut Random) -> Filter); 4] = [
    (0.5, light),
    (0.5, contrast),
    (0.55, colour),
    (0.2, sharpness),
];

fn light(random: &mut Random) -> Filter {
    match random.random_range(0..3) {
        0 => Filter::Gain(ratio(0.3, 1.6, random)),
        1 => Filter::Brightness(random.random_range(-0.25..0.25)),
        _ => Filter::Gamma(ratio(0.5, 2.0, random)),
    }
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

/// Grey is one of four: with two hands on half of the pairs, some 10 % of all are grey.
fn colour(random: &mut Random) -> Filter {
    match random.random_range(0..8) {
        0 | 1 => Filter::Saturation(0.0),
        2..5 => Filter::Saturation(random.random_range(0.0..2.2)),
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
