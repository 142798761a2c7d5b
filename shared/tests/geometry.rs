//! Crops and transforms, over many transforms.

use proptest::prelude::*;
use unmask_shared::{Align, CropSpec, Point, RgbView, Similarity, crop_planar, crop_rgb};

fn similarity() -> impl Strategy<Value = Similarity> {
    let shift = -500.0_f32..500.0;
    (0.05_f32..20.0, -3.1_f32..3.1, shift.clone(), shift)
        .prop_map(|(scale, turn, dx, dy)| Similarity::about(Point::default(), scale, turn, dx, dy))
}

fn point() -> impl Strategy<Value = Point> {
    (-1000.0_f32..1000.0, -1000.0_f32..1000.0).prop_map(|(x, y)| Point::new(x, y))
}

proptest! {
    #[test]
    fn crop_and_inverse_crop_agree(to_crop in similarity(), frame in point()) {
        let to_frame = to_crop.inverse().expect("scale is above 0");
        let back = to_frame.apply(to_crop.apply(frame));
        // Single precision on numbers of up to 20,000.
        let slack = 2e-2 * (1.0 + 1.0 / to_crop.scale());
        prop_assert!(back.distance(frame) < slack, "{frame:?} came back as {back:?}");
    }

    #[test]
    fn one_after_the_other_is_their_product(
        first in similarity(),
        next in similarity(),
        place in point(),
    ) {
        let (once, twice) = (first.then(&next).apply(place), next.apply(first.apply(place)));
        prop_assert!(once.distance(twice) < 1e-4 * (1.0 + twice.distance(Point::default())) + 0.5);
        prop_assert!((first.then(&next).scale() / (first.scale() * next.scale()) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn fit_recovers_the_transform(
        truth in similarity(),
        points in prop::collection::vec(point(), 3..20),
    ) {
        let spread = points.iter().map(|p| p.distance(points[0])).fold(0.0, f32::max);
        prop_assume!(spread > 10.0);
        let moved: Vec<Point> = points.iter().map(|p| truth.apply(*p)).collect();
        let fit = Similarity::fit(&points, &moved).expect("points differ");
        for (from, to) in points.iter().zip(&moved) {
            let off = fit.apply(*from).distance(*to);
            prop_assert!(off < 0.05 * truth.scale().max(1.0), "{from:?} is off by {off} px");
        }
    }

    #[test]
    fn fit_never_panics(
        from in prop::collection::vec((any::<f32>(), any::<f32>()), 0..6),
        to in prop::collection::vec((any::<f32>(), any::<f32>()), 0..6),
    ) {
        let points = |all: Vec<(f32, f32)>| -> Vec<Point> {
            all.into_iter().map(|(x, y)| Point::new(x, y)).collect()
        };
        if let Some(fit) = Similarity::fit(&points(from), &points(to)) {
            prop_assert!(fit.is_finite());
        }
    }

    #[test]
    fn the_eyes_land_where_the_crop_says(
        eyes in point(),
        distance in 5.0_f32..300.0,
        turn in -0.5_f32..0.5,
    ) {
        let spec = CropSpec::default();
        let upright = spec.from_eyes(eyes, distance);
        let face = spec.landmarks();
        // A turned face: the mean face seen through the inverse, rotated.
        let rotate = Similarity::about(eyes, 1.0, turn, 0.0, 0.0);
        let to_frame = upright.inverse().expect("scale is above 0").then(&rotate);
        let centre = |first: usize| {
            let sum = face[first..first + 6].iter().fold(Point::default(), |sum, p| {
                Point::new(sum.x + p.x / 6.0, sum.y + p.y / 6.0)
            });
            to_frame.apply(sum)
        };
        let five = [centre(36), centre(42), to_frame.apply(face[30]),
            to_frame.apply(face[48]), to_frame.apply(face[54])];
        let aligned = spec.from_landmarks(&five).expect("points differ");
        let left = aligned.apply(five[0]);
        let expected = Point::new(112.0 * (0.5 - 0.17), 112.0 * 0.36);
        prop_assert!(left.distance(expected) < 0.5, "left eye at {left:?}, not {expected:?}");
    }

    #[test]
    fn bytes_and_planes_are_the_same_crop(
        to_crop in similarity(),
        pixels in prop::collection::vec(any::<u8>(), 12 * 9 * 3),
    ) {
        let view = RgbView::new(12, 9, &pixels).expect("sizes agree");
        let size = 7;
        let mut bytes = vec![0; size * size * 3];
        let mut planes = vec![0.0; size * size * 3];
        crop_rgb(&view, &to_crop, size, &mut bytes).expect("valid crop");
        crop_planar(&view, &to_crop, size, &mut planes).expect("valid crop");
        for (i, byte) in bytes.iter().enumerate() {
            let plane = planes[(i % 3) * size * size + i / 3];
            let off = (plane * 255.0 - f32::from(*byte)).abs();
            prop_assert!(off <= 0.501, "value {i}: {plane} against {byte}");
        }
    }

    #[test]
    fn no_transform_makes_the_sampler_panic_or_leave_its_range(
        (a, b, tx, ty) in (any::<f32>(), any::<f32>(), any::<f32>(), any::<f32>()),
    ) {
        let pixels = [200; 5 * 4 * 3];
        let view = RgbView::new(5, 4, &pixels).expect("sizes agree");
        let mut planes = [0.0; 3 * 3 * 3];
        if crop_planar(&view, &Similarity { a, b, tx, ty }, 3, &mut planes).is_ok() {
            for value in planes {
                prop_assert!((value - 200.0 / 255.0).abs() < 1e-5, "{value}");
            }
        }
    }
}

#[test]
fn a_crop_drawn_back_into_the_frame_is_the_frame() {
    // A smooth picture survives two bilinear drawings.
    let (width, height) = (96, 96);
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|i| {
            let (x, y) = ((i / 3 % width) as f32, (i / 3 / width) as f32);
            (128.0 + 60.0 * (x * 0.1).sin() + 60.0 * (y * 0.07).cos()) as u8
        })
        .collect();
    let view = RgbView::new(width, height, &pixels).expect("sizes agree");
    let to_crop = Similarity::about(Point::new(48.0, 48.0), 1.5, 0.3, 20.0, 16.0);
    let mut crop = vec![0; 144 * 144 * 3];
    crop_rgb(&view, &to_crop, 144, &mut crop).expect("valid crop");
    let crop = RgbView::new(144, 144, &crop).expect("sizes agree");
    let mut back = vec![0; width * height * 3];
    let to_frame = to_crop.inverse().expect("scale is above 0");
    crop_rgb(&crop, &to_frame, width, &mut back).expect("valid crop");
    let worst = (0..width * height * 3)
        .filter(|i| (30..66).contains(&(i / 3 % width)) && (30..66).contains(&(i / 3 / width)))
        .map(|i| back[i].abs_diff(pixels[i]))
        .max();
    assert!(worst.is_some_and(|worst| worst <= 3), "{worst:?}");
}

/// The lines of Python in `docs/other-runtimes.md` for crops of 112 pixels:
/// to_crop([[310, 205], [372, 211], [338, 246], [312, 280], [361, 284]])
#[test]
fn faces_are_cut_as_the_document_for_other_runtimes_says() {
    let five = [[310, 205], [372, 211], [338, 246], [312, 280], [361, 284]];
    let five = five.map(|[x, y]| Point::new(x as f32, y as f32));
    for (align, [a, b, tx, ty]) in [
        (Align::Landmarks, [0.6056, -0.04081, -159.354, -71.897]),
        (Align::Box, [0.60769, 0.0, -151.563, -86.298]),
    ] {
        let spec = CropSpec {
            align,
            ..CropSpec::default()
        };
        let found = spec.of_face(&five).expect("a face");
        let apart = [
            (found.a - a) * 500.0,
            (found.b - b) * 500.0,
            found.tx - tx,
            found.ty - ty,
        ];
        // Four digits of the document's mean face are a twentieth of a pixel here.
        assert!(
            apart.iter().all(|apart| apart.abs() < 0.1),
            "{align:?}: {found:?}"
        );
    }
}
