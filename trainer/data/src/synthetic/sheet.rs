//! A picture of sampled people, to look at.

use image::{Rgb, RgbImage};
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use super::SyntheticError;

const PAIRS_PER_ROW: usize = 2;
const SHRINK: usize = 2;

/// What to show.
#[derive(Clone, Copy, Debug)]
pub struct SheetOptions {
    /// First seed; each person has the next one.
    pub seed: u64,
    /// Number of people, 1 to 64.
    pub people: usize,
}

/// Draws each person twice, genuine on the left and swapped on the right.
///
/// # Errors
/// Where the number of people is out of range.
pub fn render(model: &FaceModel, options: &SheetOptions) -> Result<RgbImage, SyntheticError> {
    if !(1..=64).contains(&options.people) {
        return Err(SyntheticError::Option("people must be 1 to 64".to_owned()));
    }
    let size = SceneConfig::default();
    let (width, height) = (size.width / SHRINK, size.height / SHRINK);
    let rows = options.people.div_ceil(PAIRS_PER_ROW);
    let columns = 2 * PAIRS_PER_ROW;
    let mut sheet = RgbImage::new((width * columns) as u32, (height * rows) as u32);
    for person in 0..options.people {
        for (side, swap) in [Swap::Never, Swap::Always].into_iter().enumerate() {
            let seed = options.seed.wrapping_add(person as u64);
            let scene = Scene::new(
                model,
                SceneConfig {
                    seed,
                    swap,
                    ..SceneConfig::default()
                },
            )?;
            let column = person % PAIRS_PER_ROW * 2 + side;
            let corner = (column * width, person / PAIRS_PER_ROW * height);
            let rgb = scene.frame(0).rgb;
            paste(&mut sheet, corner, &rgb, size.width);
        }
    }
    Ok(sheet)
}

/// Puts a picture at half its size into the sheet.
fn paste(sheet: &mut RgbImage, corner: (usize, usize), rgb: &[u8], width: usize) {
    let height = rgb.len() / (width * 3);
    for y in 0..height / SHRINK {
        for x in 0..width / SHRINK {
            let mean = |channel: usize| {
                let sum: u32 = (0..SHRINK * SHRINK)
                    .map(|i| (y * SHRINK + i / SHRINK) * width + x * SHRINK + i % SHRINK)
                    .map(|at| u32::from(rgb[at * 3 + channel]))
                    .sum();
                (sum / (SHRINK * SHRINK) as u32) as u8
            };
            let (x, y) = ((corner.0 + x) as u32, (corner.1 + y) as u32);
            sheet.put_pixel(x, y, Rgb([mean(0), mean(1), mean(2)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_shows_each_person_twice_and_differently() {
        let model = FaceModel::builtin().unwrap();
        let sheet = render(&model, &SheetOptions { seed: 1, people: 1 }).unwrap();
        assert_eq!(sheet.dimensions(), (1280, 240));
        let half = |left: u32| image::imageops::crop_imm(&sheet, left, 0, 320, 240).to_image();
        assert_ne!(half(0), half(320));
    }

    #[test]
    fn an_empty_sheet_is_refused() {
        let model = FaceModel::builtin().unwrap();
        assert!(render(&model, &SheetOptions { seed: 1, people: 0 }).is_err());
    }
}
