//! Measures where the face finder puts its boxes: finds the face in every
//! picture of a folder of aligned faces, compares the box with where the eyes
//! are known to be on average, and draws the mean of the crops.
//!
//! ```sh
//! cargo run --release -p unmask-shared --features std --example box_convention -- \
//!     FOLDER EYE_X EYE_Y EYE_DISTANCE mean.png
//! ```
//! The three numbers are the mean point between the eyes and the mean distance
//! between them, as fractions of the picture (UTKFace: 0.50 0.36 0.37). Without
//! them only the hit rate, the time and the mean crop are given.

use std::env;
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use image::RgbImage;
use unmask_shared::{
    CropSpec, Face, Finder, FinderConfig, Quality, RgbView, builtin_finder, crop_planar,
};

/// Width that is added at each edge, as a fraction of the side.
const PADDING: f32 = 0.25;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, eyes, out) = match arguments.as_slice() {
        [folder, x, y, d, out] => (folder, Some([x.parse()?, y.parse()?, d.parse()?]), out),
        [folder, out] => (folder, None, out),
        _ => return Err("usage: box_convention FOLDER [EYE_X EYE_Y EYE_DISTANCE] OUT.png".into()),
    };
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let spec = CropSpec::default();
    let mut finder = builtin_finder(FinderConfig::default())?;
    let mut tally = Tally::new(usize::from(spec.size));
    for path in paths {
        let Ok(picture) = image::open(&path) else {
            continue;
        };
        let picture = if eyes.is_some() {
            pad(&picture.to_rgb8())
        } else {
            picture.to_rgb8()
        };
        tally.add(&picture, &mut *finder, &spec, eyes)?;
    }
    tally.print();
    tally.mean_crop().save(out)?;
    Ok(())
}

/// What was seen over all pictures.
struct Tally {
    size: usize,
    pictures: u32,
    faces: u32,
    extra: u32,
    time: Duration,
    eye_x: Vec<f32>,
    eye_y: Vec<f32>,
    eye_d: Vec<f32>,
    sharpness: Vec<f32>,
    luma: Vec<f32>,
    mean: Vec<f64>,
}

impl Tally {
    fn new(size: usize) -> Self {
        Self {
            size,
            pictures: 0,
            faces: 0,
            extra: 0,
            time: Duration::ZERO,
            eye_x: Vec::new(),
            eye_y: Vec::new(),
            eye_d: Vec::new(),
            sharpness: Vec::new(),
            luma: Vec::new(),
            mean: vec![0.0; size * size * 3],
        }
    }

    fn add(
        &mut self,
        picture: &RgbImage,
        finder: &mut dyn Finder,
        spec: &CropSpec,
        eyes: Option<[f32; 3]>,
    ) -> Result<(), Box<dyn Error>> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let view = RgbView::new(width, height, picture.as_raw())?;
        let start = Instant::now();
        let mut faces: Vec<Face> = Vec::new();
        finder.find(&view, &mut faces)?;
        self.time += start.elapsed();
        self.pictures += 1;
        let Some(face) = faces.first() else {
            return Ok(());
        };
        self.faces += 1;
        self.extra += faces.len() as u32 - 1;
        if let Some([x, y, d]) = eyes {
            // Fractions of the picture before padding, in padded pixels.
            let side = width as f32 / (1.0 + 2.0 * PADDING);
            let place = |fraction: f32| (fraction + PADDING) * side;
            let bbox = face.bbox;
            self.eye_x.push((place(x) - bbox.x) / bbox.width);
            self.eye_y.push((place(y) - bbox.y) / bbox.height);
            self.eye_d.push(d * side / bbox.width);
        }
        let mut crop = vec![0.0; self.mean.len()];
        crop_planar(&view, &spec.from_box(&face.bbox), self.size, &mut crop)?;
        let quality = Quality::of_crop(&crop, self.size, &face.landmarks);
        self.sharpness.push(quality.sharpness);
        self.luma.push(quality.luma);
        for (sum, value) in self.mean.iter_mut().zip(&crop) {
            *sum += f64::from(*value);
        }
        Ok(())
    }

    fn print(&mut self) {
        println!(
            "{} pictures, {} with a face ({:.2} %), {} extra faces, {:.1} ms a picture",
            self.pictures,
            self.faces,
            100.0 * f64::from(self.faces) / f64::from(self.pictures.max(1)),
            self.extra,
            1e3 * self.time.as_secs_f64() / f64::from(self.pictures.max(1)),
        );
        for (name, values) in [
            ("eye midpoint x / width", &mut self.eye_x),
            ("eye midpoint y / height", &mut self.eye_y),
            ("eye distance / width", &mut self.eye_d),
            ("sharpness", &mut self.sharpness),
            ("luma", &mut self.luma),
        ] {
            if values.is_empty() {
                continue;
            }
            values.sort_by(f32::total_cmp);
            let at = |q: f32| values[(q * (values.len() - 1) as f32) as usize];
            println!(
                "{name:24} 0.5 % {:.4}  5 % {:.4}  median {:.4}  mean {:.4}  95 % {:.4}",
                at(0.005),
                at(0.05),
                at(0.5),
                values.iter().sum::<f32>() / values.len() as f32,
                at(0.95),
            );
        }
    }

    /// The mean crop, with the eyes of the specification marked.
    fn mean_crop(&self) -> RgbImage {
        let plane = self.size * self.size;
        let count = f64::from(self.faces.max(1));
        let marks = CropSpec::default()
            .landmarks()
            .map(|p| (p.x as u32, p.y as u32));
        RgbImage::from_fn(self.size as u32, self.size as u32, |x, y| {
            let at = y as usize * self.size + x as usize;
            let colour = [0, 1, 2].map(|c| (255.0 * self.mean[c * plane + at] / count) as u8);
            image::Rgb(if marks[17..].contains(&(x, y)) {
                [0, 255, 0]
            } else {
                colour
            })
        })
    }
}

/// Repeats the edge pixels, so that the face finder sees some surroundings.
fn pad(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let border = (width as f32 * PADDING) as u32;
    RgbImage::from_fn(width + 2 * border, height + 2 * border, |x, y| {
        let x = x.saturating_sub(border).min(width - 1);
        let y = y.saturating_sub(border).min(height - 1);
        *picture.get_pixel(x, y)
    })
}
