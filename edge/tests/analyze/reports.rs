//! What a report says.

use serde_json::Value;
use unmask_shared::face::{FinderConfig, builtin_finder};
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig};

use crate::common::{person, save, unmask_in};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn one_object_per_path_in_order_with_exactly_the_documented_fields() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..4 {
        save(
            &person(seed, 1)[0],
            &folder.path().join(format!("{seed}.png")),
        );
    }
    let paths = ["3.png", "1.png", "missing.png", "2.png", "1.png"];
    let ran = unmask_in(
        folder.path(),
        &[&["analyze", "--format", "jsonl"][..], &paths].concat(),
    );
    assert_eq!(ran.code, 2);
    let lines = ran.lines();
    assert_eq!(
        lines
            .iter()
            .map(|l| l["path"].as_str().unwrap())
            .collect::<Vec<_>>(),
        paths
    );
    assert_eq!(
        lines[1], lines[4],
        "the same picture was judged differently the second time"
    );
    for line in lines.iter().filter(|line| line.get("error").is_none()) {
        let wanted = [
            "decided_by",
            "faces",
            "frames",
            "kind",
            "path",
            "reason",
            "score",
            "tracks",
            "verdict",
        ];
        assert_eq!(keys(line), wanted);
        assert_eq!(
            (&line["kind"], &line["frames"]),
            (&Value::from("image"), &Value::from(1))
        );
        assert_eq!(line["faces"], line["tracks"].as_array().unwrap().len());
        let wanted = [
            "box",
            "coverage",
            "face_px",
            "first_frame",
            "frames",
            "id",
            "last_frame",
            "mean_score",
            "score",
            "verdict",
        ];
        for track in line["tracks"].as_array().unwrap() {
            assert_eq!(keys(track), wanted);
            assert!((0.0..=1.0).contains(&track["mean_score"].as_f64().unwrap()));
        }
    }
}

#[test]
fn a_face_that_fills_the_picture_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let frame = &person(5, 1)[0];
    let tight = {
        let mut finder = builtin_finder(FinderConfig::default()).unwrap();
        let mut faces = Vec::new();
        finder.find(&frame.view().unwrap(), &mut faces).unwrap();
        let face = faces[0].bbox;
        let whole = image::RgbImage::from_raw(640, 480, frame.rgb.clone()).unwrap();
        let (x, y) = (face.x.max(0.0) as u32, face.y.max(0.0) as u32);
        let crop = image::imageops::crop_imm(&whole, x, y, face.width as u32, face.height as u32);
        image::imageops::resize(
            &crop.to_image(),
            200,
            200,
            image::imageops::FilterType::Triangle,
        )
    };
    tight.save(folder.path().join("tight.png")).unwrap();
    let ran = unmask_in(
        folder.path(),
        &["analyze", "--format", "jsonl", "tight.png"],
    );
    assert_eq!(ran.lines()[0]["faces"], 1, "{}", ran.stdout);
}

#[test]
fn a_picture_without_a_face_has_no_score_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let wall = image::RgbImage::from_pixel(320, 240, image::Rgb([120, 110, 100]));
    wall.save(folder.path().join("wall.png")).unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "wall.png"]);
    assert_eq!(ran.code, 0);
    let line = &ran.lines()[0];
    assert_eq!(
        (&line["score"], &line["faces"]),
        (&Value::Null, &Value::from(0))
    );
    assert_eq!(
        (&line["verdict"], &line["reason"]),
        (&"undecided".into(), &"no_face".into())
    );
    let ran = unmask_in(folder.path(), &["analyze", "wall.png"]);
    assert!(ran.stdout.contains("no face was found"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\x1b'), "colours without a terminal");
}

/// A face of 65 pixels in 12 megapixels.
#[test]
fn a_small_face_in_a_large_photograph_is_found() {
    let model = FaceModel::builtin().unwrap();
    let config = SceneConfig {
        width: 4000,
        height: 3000,
        seed: 3,
        face_px: 63.0..=67.0,
        ..SceneConfig::default()
    };
    let shot = Scene::new(&model, config).unwrap().frame(0);
    let folder = tempfile::tempdir().unwrap();
    let picture = image::RgbImage::from_raw(4000, 3000, shot.rgb).unwrap();
    picture.save(folder.path().join("hall.png")).unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "hall.png"]);
    assert_eq!(ran.lines()[0]["faces"], 1, "{}", ran.stdout);
}
