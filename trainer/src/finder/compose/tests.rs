use super::*;
use crate::finder::{PictureMeta, StoredPicture};

/// Grey pictures with a red ellipse for a face.
fn pictures() -> Vec<StoredPicture> {
    let one = |number: usize| {
        let (width, height) = (160 + 40 * (number % 3), 160);
        let bbox = FaceBox {
            x: 30.0 + number as f32,
            y: 40.0,
            width: 60.0,
            height: 80.0,
        };
        let place = |x: f32, y: f32| Point::new(bbox.x + x * 60.0, bbox.y + y * 80.0);
        let face = Face {
            bbox,
            landmarks: [
                place(0.3, 0.4),
                place(0.7, 0.4),
                place(0.5, 0.6),
                place(0.35, 0.8),
                place(0.65, 0.8),
            ],
            score: 0.95,
        };
        let pixel = |at: usize| {
            let middle = bbox.centre();
            let across = ((at % width) as f32 - middle.x) / 30.0;
            let down = ((at / width) as f32 - middle.y) / 40.0;
            if across.hypot(down) < 1.0 {
                [230, 20, 20]
            } else {
                [110; 3]
            }
        };
        let rgb: Vec<u8> = (0..width * height).flat_map(pixel).collect();
        let group = format!("group {}", number % 2);
        StoredPicture::new(
            PictureMeta {
                group,
                faces: vec![face],
            },
            width,
            height,
            &rgb,
        )
        .unwrap()
    };
    (0..12).map(one).collect()
}

#[test]
fn faces_are_where_the_scene_says() {
    let pictures = pictures();
    let mut composer = Composer::new(Pool::new(&pictures, |_| true).unwrap(), 1);
    let (width, height) = (192, 160);
    let (mut faces, mut red) = (0, 0);
    for _ in 0..60 {
        let scene = composer.scene(width, height).unwrap();
        assert_eq!(scene.planes.len(), 3 * width * height);
        assert!(scene.planes.iter().all(|value| (0.0..=1.0).contains(value)));
        for face in &scene.faces {
            let [left, right, nose, ..] = face.landmarks;
            assert!(left.x < right.x, "left and right are mixed up: {face:?}");
            let middle = face.bbox.centre();
            assert!(nose.distance(middle) < 0.25 * face.bbox.height, "{face:?}");
            let (x, y) = (middle.x as usize, middle.y as usize);
            if x < width && y < height {
                let [r, g] = [0, 1].map(|c| scene.planes[(c * height + y) * width + x]);
                faces += 1;
                red += usize::from(r > g + 0.1);
            }
        }
    }
    // The others are grey pictures, or hidden by what is in front of them.
    assert!(faces > 60, "{faces} faces");
    assert!(
        red * 10 > faces * 7,
        "{red} of {faces} faces are where they should be"
    );
}

#[test]
fn the_same_seed_gives_the_same_scenes() {
    let pictures = pictures();
    let scenes = |seed: u64| -> Vec<Vec<f32>> {
        let pool = Pool::new(&pictures, |_| true).unwrap();
        let mut composer = Composer::new(pool, seed);
        (0..3)
            .map(|_| composer.scene(96, 64).unwrap().planes)
            .collect()
    };
    assert_eq!(scenes(4), scenes(4));
    assert_ne!(scenes(4), scenes(5));
}
