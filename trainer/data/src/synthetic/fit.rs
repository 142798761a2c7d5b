//! Fits an eigenface model to a folder of photographs.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use unmask_shared::face::{Finder, FinderConfig, builtin_finder};
use unmask_shared::geometry::{CropSpec, FaceBox, Point, Similarity};
use unmask_shared::sample::RgbView;
use unmask_shared::synthetic::{Component, FaceModel};

use super::SyntheticError;
use super::align::{AlignTarget, Photo};
use super::faces::{FaceSet, window};
use super::pca::principal;

const FACES_MIN: usize = 64;
const FILES_MAX: usize = 200_000;
const ROUNDS: usize = 3;
/// Where the eyes of the face picture are meant to be, as fractions of its
/// side: it reaches from the forehead to below the chin.
const EYE_DISTANCE: f32 = 0.385;
const EYE_LINE: f32 = 0.29;

/// Where the eyes are in pictures that are aligned already, as fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignedEyes {
    /// Midpoint of the eyes, fraction of the width.
    pub x: f32,
    /// Midpoint of the eyes, fraction of the height.
    pub y: f32,
    /// Distance between the eyes, fraction of the width.
    pub distance: f32,
}

/// What to fit.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// Pixels per side of the face picture.
    pub side: u16,
    /// Number of components.
    pub components: usize,
    /// Layout of aligned pictures; without it faces are searched.
    pub aligned: Option<AlignedEyes>,
    /// Only files whose name begins with an age in this range, as UTKFace names do.
    pub ages: Option<(u32, u32)>,
    /// Share of the photographs kept, the ones most like the mean face, in (0, 1].
    pub keep: f32,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            side: 112,
            components: 96,
            aligned: None,
            ages: None,
            keep: 0.85,
        }
    }
}

/// How far a fit has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitProgress {
    /// What is being done.
    pub stage: &'static str,
    /// Steps done.
    pub done: usize,
    /// Steps in this stage.
    pub total: usize,
}

/// A fitted model and how it came about.
#[derive(Clone, Debug)]
pub struct FitReport {
    /// The model, quantised.
    pub model: FaceModel,
    /// Picture files found.
    pub files: usize,
    /// Faces that went into the fit, mirror images not counted.
    pub faces: usize,
    /// Share of the variance within the face that the components explain.
    pub explained: f32,
}

/// Fits a model to every JPEG and PNG under `input`.
///
/// # Errors
/// Where the folder cannot be read, holds too few faces, or an option is out of range.
pub fn fit(
    input: &Path,
    options: &FitOptions,
    progress: &(dyn Fn(FitProgress) + Sync),
) -> Result<FitReport, SyntheticError> {
    check(options)?;
    let files = pictures(input, options.ages)?;
    let spec = CropSpec {
        size: options.side,
        eye_distance: EYE_DISTANCE,
        eye_line: EYE_LINE,
        ..CropSpec::default()
    };
    let mut photos = load(&files, spec, options.aligned, progress)?;
    enough(photos.len(), input)?;
    for round in 0..ROUNDS {
        let faces = face_set(&photos, &spec);
        let mean = faces.mean();
        let anchor = anchor(&mean, &spec);
        let target = AlignTarget::new(&mean, faces.side(), spec.eye_distance, spec.eye_line);
        photos.par_iter_mut().for_each(|photo| {
            photo.refine(&target);
            photo.shift(&anchor);
        });
        progress(FitProgress {
            stage: "align",
            done: round + 1,
            total: ROUNDS,
        });
    }
    photos.sort_by(|a, b| b.likeness.total_cmp(&a.likeness));
    photos.truncate((photos.len() as f32 * options.keep).ceil() as usize);
    enough(photos.len(), input)?;

    let faces = face_set(&photos, &spec);
    let mean = faces.mean();
    let weights = window(faces.side(), spec.eye_distance, spec.eye_line);
    let found = principal(
        &faces,
        &mean,
        &weights,
        options.components,
        &|done, total| {
            progress(FitProgress {
                stage: "components",
                done,
                total,
            });
        },
    );
    let (eye_distance, eye_line) = eyes_of(&mean, &spec);
    let components: Vec<Component> = found
        .components
        .into_iter()
        .zip(found.deviations)
        .map(|(pixels, deviation)| Component { pixels, deviation })
        .collect();
    let side = usize::from(options.side);
    Ok(FitReport {
        model: FaceModel::from_parts(side, eye_distance, eye_line, &mean, &components)?,
        files: files.len(),
        faces: faces.count(),
        explained: found.explained,
    })
}

fn check(options: &FitOptions) -> Result<(), SyntheticError> {
    let bad = |what: &str| Err(SyntheticError::Option(what.to_owned()));
    if !(48..=160).contains(&options.side) || !options.side.is_multiple_of(2) {
        return bad("side must be an even number of 48 to 160 pixels");
    }
    if !(1..=256).contains(&options.components) {
        return bad("components must be 1 to 256");
    }
    if !(options.keep > 0.0 && options.keep <= 1.0) {
        return bad("keep must be above 0 and at most 1");
    }
    match options.aligned {
        Some(eyes) if !(eyes.distance > 0.05 && eyes.distance < 0.9) => {
            bad("aligned-eyes: the distance must be between 0.05 and 0.9 of the width")
        }
        _ => Ok(()),
    }
}

fn enough(faces: usize, input: &Path) -> Result<(), SyntheticError> {
    if faces < FACES_MIN {
        return Err(SyntheticError::TooFewFaces {
            folder: input.to_owned(),
            found: faces,
            needed: FACES_MIN,
        });
    }
    Ok(())
}

/// Picture files under `folder`, in a fixed order.
fn pictures(folder: &Path, ages: Option<(u32, u32)>) -> Result<Vec<PathBuf>, SyntheticError> {
    let mut waiting = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        let failed = |source| SyntheticError::Read {
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                waiting.push(path);
            } else if is_picture(&path) && age_fits(&path, ages) && files.len() < FILES_MAX {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_picture(path: &Path) -> bool {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    ["jpg", "jpeg", "png"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

fn age_fits(path: &Path, ages: Option<(u32, u32)>) -> bool {
    let Some((low, high)) = ages else { return true };
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    let age = name
        .split('_')
        .next()
        .and_then(|age| age.parse::<u32>().ok());
    age.is_some_and(|age| (low..=high).contains(&age))
}

/// Decodes the files; those without a readable picture or a face are left out.
fn load(
    files: &[PathBuf],
    spec: CropSpec,
    aligned: Option<AlignedEyes>,
    progress: &(dyn Fn(FitProgress) + Sync),
) -> Result<Vec<Photo>, SyntheticError> {
    const STEP: usize = 128;
    let mut photos = Vec::new();
    for (index, part) in files.chunks(STEP).enumerate() {
        let found: Result<Vec<_>, SyntheticError> = part
            .par_iter()
            .map_init(
                || builtin_finder(FinderConfig::default()),
                |finder, path| {
                    let Ok(picture) = image::open(path) else {
                        return Ok(None);
                    };
                    let picture = picture.to_rgb8();
                    let (width, height) = (picture.width() as usize, picture.height() as usize);
                    let Ok(view) = RgbView::new(width, height, picture.as_raw()) else {
                        return Ok(None);
                    };
                    let Some(eyes) = aligned else {
                        let finder = finder
                            .as_mut()
                            .map_err(|e| SyntheticError::Finder(e.to_string()))?;
                        return Ok(searched(&view, spec, &mut **finder));
                    };
                    let middle = Point {
                        x: eyes.x * width as f32,
                        y: eyes.y * height as f32,
                    };
                    Ok(Photo::new(
                        &view,
                        spec,
                        middle,
                        eyes.distance * width as f32,
                    ))
                },
            )
            .collect();
        photos.extend(found?.into_iter().flatten());
        let done = (index + 1) * STEP;
        progress(FitProgress {
            stage: "load",
            done: done.min(files.len()),
            total: files.len(),
        });
    }
    Ok(photos)
}

/// The largest face of a photograph, where there is one.
fn searched(view: &RgbView, spec: CropSpec, finder: &mut dyn Finder) -> Option<Photo> {
    let mut faces = Vec::new();
    finder.find(view, &mut faces).ok()?;
    let bbox = FaceBox::from_landmarks(&faces.first()?.landmarks)?;
    let to_face = spec.from_box(&bbox).inverse()?;
    let side = f32::from(spec.size);
    let eyes = to_face.apply(Point {
        x: side / 2.0,
        y: side * spec.eye_line,
    });
    Photo::new(view, spec, eyes, side * spec.eye_distance * to_face.scale())
}

fn face_set(photos: &[Photo], spec: &CropSpec) -> FaceSet {
    let faces = photos.par_iter().filter_map(Photo::face).collect();
    FaceSet::new(usize::from(spec.size), faces)
}

/// What brings the eyes of the mean face to their place: photographs moved
/// onto their mean would otherwise drift together.
fn anchor(mean: &[f32], spec: &CropSpec) -> Similarity {
    let (distance, line) = eyes_of(mean, spec);
    let side = f32::from(spec.size);
    let scale = distance / spec.eye_distance;
    Similarity {
        a: scale,
        b: 0.0,
        tx: side * 0.5 * (1.0 - scale),
        ty: side * (line - scale * spec.eye_line),
    }
}

/// Where the eyes of the mean face really are: the centre of what is dark
/// around the expected place, as (distance, line) fractions of the side.
fn eyes_of(mean: &[f32], spec: &CropSpec) -> (f32, f32) {
    let (side, width) = (f32::from(spec.size), usize::from(spec.size));
    let mut eye = (side * (0.5 - spec.eye_distance / 2.0), side * spec.eye_line);
    for reach in [0.16, 0.12, 0.10, 0.10, 0.10] {
        let near = |x: f32, y: f32| (x - eye.0).hypot(y - eye.1) < reach * side * spec.eye_distance;
        let inside: Vec<(f32, f32, f32)> = mean
            .chunks_exact(3)
            .enumerate()
            .map(|(i, p)| {
                (
                    (i % width) as f32 + 0.5,
                    (i / width) as f32 + 0.5,
                    p.iter().sum(),
                )
            })
            .filter(|&(x, y, _)| near(x, y))
            .collect();
        let bright = inside.iter().fold(0.0f32, |m, p| m.max(p.2));
        let sum = inside
            .iter()
            .fold((1e-9, 0.0, 0.0), |(sum, sx, sy), &(x, y, grey)| {
                let weight = (bright - grey).powi(2);
                (sum + weight, sx + weight * x, sy + weight * y)
            });
        eye = (sum.1 / sum.0, sum.2 / sum.0);
    }
    (
        (1.0 - 2.0 * eye.0 / side).clamp(0.2, 0.6),
        (eye.1 / side).clamp(0.1, 0.6),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = fit(folder.path(), &FitOptions::default(), &|_| ()).unwrap_err();
        assert!(error.to_string().contains("0 faces"), "{error}");
    }

    #[test]
    fn a_missing_folder_is_a_clear_error() {
        let error = fit(Path::new("no such folder"), &FitOptions::default(), &|_| ()).unwrap_err();
        assert!(error.to_string().contains("no such folder"), "{error}");
    }

    #[test]
    fn ages_come_from_the_name() {
        let path = Path::new("25_1_0_2017.jpg");
        assert!(age_fits(path, None));
        assert!(age_fits(path, Some((18, 70))));
        assert!(!age_fits(path, Some((30, 70))));
        assert!(!age_fits(Path::new("anna.jpg"), Some((18, 70))));
    }

    #[test]
    fn sampled_people_can_be_fitted_again() {
        use unmask_shared::synthetic::{Scene, SceneConfig};
        let folder = tempfile::tempdir().unwrap();
        let model = FaceModel::builtin().unwrap();
        for seed in 0..72 {
            let scene = Scene::new(
                &model,
                SceneConfig {
                    seed,
                    ..SceneConfig::default()
                },
            )
            .unwrap();
            let frame = scene.frame(0);
            let path = folder.path().join(format!("{seed}.png"));
            image::save_buffer(
                path,
                &frame.rgb,
                frame.width as u32,
                frame.height as u32,
                image::ColorType::Rgb8,
            )
            .unwrap();
        }
        let options = FitOptions {
            side: 64,
            components: 8,
            keep: 1.0,
            ..FitOptions::default()
        };
        let report = fit(folder.path(), &options, &|_| ()).unwrap();
        assert!(report.faces >= 68, "{}", report.faces);
        assert!(report.explained > 0.5, "{}", report.explained);
        assert!((report.model.eye_line() - EYE_LINE).abs() < 0.04);
    }
}
