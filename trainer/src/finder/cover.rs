//! Masks, which hide faces that must be found all the same, and hands, which have the colour of
//! faces and are none.

use std::f32::consts::{PI, TAU};

use unmask_shared::face::Face;
use unmask_shared::geometry::{FaceBox, Point};
use unmask_shared::synthetic::Random;

use super::picture::Canvas;

/// Cloth over nose and mouth.
pub(super) fn mask(canvas: &mut Canvas, face: &Face, random: &mut Random) {
    let [left, right, nose, mouth_left, mouth_right] = face.landmarks;
    let (eyes, mouth) = (middle(left, right), middle(mouth_left, mouth_right));
    let across = Point::new(right.x - left.x, right.y - left.y);
    let down = Point::new(mouth.x - eyes.x, mouth.y - eyes.y);
    let at = |from: Point, x: f32, y: f32| {
        Point::new(
            from.x + x * across.x + y * down.x,
            from.y + x * across.y + y * down.y,
        )
    };
    let (top, bottom) = (random.range(0.25, 0.55), random.range(0.45, 0.8));
    let wide = random.range(0.75, 1.0);
    // Between the eyes and the tip of the nose, to the cheeks, round the chin.
    let bridge = middle(at(eyes, 0.0, top), nose);
    let corners = [
        bridge,
        at(eyes, wide, top + 0.15),
        at(mouth, 0.8 * wide, 0.25),
        at(mouth, 0.0, bottom),
        at(mouth, -0.8 * wide, 0.25),
        at(eyes, -wide, top + 0.15),
    ];
    let white = random.range(0.55, 1.0);
    let cloth = [
        [235.0, 238.0, 240.0],
        [150.0, 190.0, 220.0],
        [130.0, 180.0, 170.0],
        [30.0, 32.0, 36.0],
    ][random.below(4)]
    .map(|value: f32| value * white);
    let (pleats, deep) = (random.range(1.0, 3.0), random.range(0.0, 0.08));
    let turn = random.range(0.0, TAU);
    let slope = random.range(0.0, 0.25);
    let side = down.x.hypot(down.y).max(1.0);
    polygon(canvas, &corners, |place| {
        let (x, y) = ((place.x - mouth.x) / side, (place.y - mouth.y) / side);
        let light =
            1.0 + deep * (TAU * pleats * y).sin() + slope * (x * turn.cos() + y * turn.sin());
        cloth.map(|value| value * light)
    });
}

/// A fist or some fingers around `place`, in the colour of `skin`.
pub(super) fn hand(
    canvas: &mut Canvas,
    place: Point,
    side: f32,
    skin: [f32; 3],
    random: &mut Random,
) {
    let turn = random.range(-PI, PI);
    let along = Point::new(turn.cos(), turn.sin());
    let fingers = 2 + random.below(4);
    let radius = 0.5 * side / fingers as f32;
    let light = random.range(0.7, 1.15);
    let skin = skin.map(|value| value * light);
    for finger in 0..fingers {
        let aside = (2.0 * finger as f32 + 1.0 - fingers as f32) * radius * 0.95;
        let reach = side * random.range(0.25, 0.7);
        let from = Point::new(
            place.x - aside * along.y - 0.4 * side * along.x,
            place.y + aside * along.x - 0.4 * side * along.y,
        );
        let to = Point::new(from.x + reach * along.x, from.y + reach * along.y);
        capsule(canvas, [from, to], radius * random.range(0.9, 1.15), skin);
    }
}

fn middle(a: Point, b: Point) -> Point {
    Point::new(0.5 * (a.x + b.x), 0.5 * (a.y + b.y))
}

/// Fills a convex polygon whose corners go round clockwise, as seen.
fn polygon(canvas: &mut Canvas, corners: &[Point], colour: impl Fn(Point) -> [f32; 3]) {
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    let edges: Vec<(Point, Point)> = edges
        .map(|(a, b)| {
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let length = dx.hypot(dy).max(1e-6);
            // Inwards.
            (*a, Point::new(-dy / length, dx / length))
        })
        .collect();
    blend(canvas, &around(corners, 1.0), |place| {
        let distance = |(a, inwards): &(Point, Point)| {
            (place.x - a.x) * inwards.x + (place.y - a.y) * inwards.y
        };
        let inside = edges.iter().map(distance).fold(f32::INFINITY, f32::min);
        (colour(place), (inside + 0.5).clamp(0.0, 1.0))
    });
}

/// A round stick, darker to its edges.
fn capsule(canvas: &mut Canvas, [from, to]: [Point; 2], radius: f32, colour: [f32; 3]) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let square = (dx * dx + dy * dy).max(1e-6);
    blend(canvas, &around(&[from, to], radius + 1.0), |place| {
        let share = ((place.x - from.x) * dx + (place.y - from.y) * dy) / square;
        let share = share.clamp(0.0, 1.0);
        let away = (place.x - from.x - share * dx).hypot(place.y - from.y - share * dy);
        let part = (away / radius).min(1.0);
        let light = 0.5 + 0.5 * (1.0 - part * part).sqrt();
        let cover = (radius - away + 0.5).clamp(0.0, 1.0);
        (colour.map(|value| value * light), cover)
    });
}

fn around(points: &[Point], margin: f32) -> FaceBox {
    let least = |of: fn(&Point) -> f32| points.iter().map(of).fold(f32::INFINITY, f32::min);
    let most = |of: fn(&Point) -> f32| points.iter().map(of).fold(f32::NEG_INFINITY, f32::max);
    let (x, y) = (least(|p| p.x) - margin, least(|p| p.y) - margin);
    FaceBox {
        x,
        y,
        width: most(|p| p.x) + margin - x,
        height: most(|p| p.y) + margin - y,
    }
}

/// Lays colours over pixels, each with its cover in [0, 1].
fn blend(canvas: &mut Canvas, reach: &FaceBox, of: impl Fn(Point) -> ([f32; 3], f32)) {
    let clip = |value: f32, most: usize| value.clamp(0.0, most as f32) as usize;
    let (left, right) = (
        clip(reach.x, canvas.width),
        clip((reach.x + reach.width).ceil(), canvas.width),
    );
    for y in clip(reach.y, canvas.height)..clip((reach.y + reach.height).ceil(), canvas.height) {
        for x in left..right {
            let (colour, cover) = of(Point::new(x as f32 + 0.5, y as f32 + 0.5));
            if cover > 0.0 {
                let pixel = &mut canvas.rgb[3 * (y * canvas.width + x)..][..3];
                for (value, colour) in pixel.iter_mut().zip(colour) {
                    *value += cover * (colour - *value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(canvas: &Canvas, x: usize, y: usize) -> bool {
        canvas.rgb[3 * (y * canvas.width + x)] != 100.0
    }

    #[test]
    fn a_mask_covers_nose_and_mouth_and_no_eye() {
        let at = |x: f32, y: f32| Point::new(x, y);
        let face = Face {
            bbox: FaceBox {
                x: 40.0,
                y: 30.0,
                width: 80.0,
                height: 100.0,
            },
            landmarks: [
                at(60.0, 60.0),
                at(100.0, 62.0),
                at(80.0, 84.0),
                at(64.0, 104.0),
                at(96.0, 105.0),
            ],
            score: 0.9,
        };
        let mut random = Random::new(3, 1);
        for _ in 0..30 {
            let mut canvas = Canvas::plain(160, 160, [100.0; 3]);
            mask(&mut canvas, &face, &mut random);
            for (x, y) in [(80, 88), (66, 104), (94, 105), (80, 110)] {
                assert!(changed(&canvas, x, y), "{x}, {y}");
            }
            for (x, y) in [(60, 60), (100, 62), (80, 45), (20, 100), (150, 100)] {
                assert!(!changed(&canvas, x, y), "{x}, {y}");
            }
        }
    }

    #[test]
    fn a_hand_stays_around_its_place() {
        let mut random = Random::new(4, 1);
        for _ in 0..30 {
            let mut canvas = Canvas::plain(160, 120, [100.0; 3]);
            let place = Point::new(80.0, 60.0);
            hand(&mut canvas, place, 30.0, [200.0, 150.0, 120.0], &mut random);
            let painted = (0..160 * 120).filter(|i| changed(&canvas, i % 160, i / 160));
            let painted: Vec<usize> = painted.collect();
            assert!(painted.len() > 100, "{}", painted.len());
            let far =
                |i: &&usize| ((*i % 160) as f32 - 80.0).hypot((*i / 160) as f32 - 60.0) > 45.0;
            assert_eq!(painted.iter().find(far), None);
        }
    }
}
