//! The cast: one genuine and one swapped person, and an empty room, as raw YUYV
//! frames that a virtual camera can show.

use std::error::Error;
use std::fs;
use std::path::Path;

use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

/// Pixels across: small, since an emulated machine is slow.
pub const WIDTH: usize = 320;
/// Pixels down.
pub const HEIGHT: usize = 240;
/// Bytes of a frame.
pub const FRAME_BYTES: usize = 2 * WIDTH * HEIGHT;
const FRAMES: u32 = 24;

/// Seeds of people on whom the released model is right, on any machine.
const GENUINE: u64 = 5;
const SWAPPED: u64 = 4;

/// Writes `genuine.yuyv`, `swapped.yuyv` and `nobody.yuyv` into the folder.
pub fn draw(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let model = FaceModel::builtin()?;
    for (name, seed, swap) in [
        ("genuine.yuyv", GENUINE, Swap::Never),
        ("swapped.yuyv", SWAPPED, Swap::Always),
    ] {
        let config = SceneConfig {
            width: WIDTH,
            height: HEIGHT,
            seed,
            swap,
            face_px: 100.0..=130.0,
        };
        let scene = Scene::new(&model, config)?;
        let frames = (0..FRAMES).flat_map(|index| yuyv(&scene.frame(index).rgb));
        fs::write(folder.join(name), frames.collect::<Vec<u8>>())?;
    }
    let wall = (0..FRAMES).flat_map(|index| (0..FRAME_BYTES).map(move |at| room(index, at)));
    fs::write(folder.join("nobody.yuyv"), wall.collect::<Vec<u8>>())?;
    Ok(())
}

/// A grey wall with a little noise: a camera whose pictures are all the same is
/// taken for frozen.
fn room(index: u32, at: usize) -> u8 {
    if at % 2 == 1 {
        return 128;
    }
    let mixed = (at as u32 ^ index.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
    120 + (mixed >> 29) as u8
}

/// BT.601 in studio range; two neighbours share their colour.
fn yuyv(rgb: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rgb.len() / 3 * 2);
    for pair in rgb.as_chunks::<6>().0 {
        let [r0, g0, b0, r1, g1, b1] = pair.map(f32::from);
        let luma = |r: f32, g: f32, b: f32| 16.0 + 0.2568 * r + 0.5041 * g + 0.0979 * b;
        let [r, g, b] = [(r0 + r1) / 2.0, (g0 + g1) / 2.0, (b0 + b1) / 2.0];
        let blue = 128.0 - 0.1482 * r - 0.2910 * g + 0.4392 * b;
        let red = 128.0 + 0.4392 * r - 0.3678 * g - 0.0714 * b;
        let samples = [luma(r0, g0, b0), blue, luma(r1, g1, b1), red];
        out.extend(samples.map(|sample| sample.round() as u8));
    }
    out
}
