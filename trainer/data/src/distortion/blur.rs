//! `gb`: Gaussian blur with OpenCV's fixed-point arithmetic for bytes.

use unmask_shared::media::Frame;

use super::Level;

const KERNEL: [usize; 5] = [7, 9, 13, 17, 21];
/// Fractional bits of a weight; a weight of one is 256.
const BITS: u32 = 8;

/// Half a kernel of `size` taps with a deviation of a sixth of it, outermost tap first.
fn half_kernel(size: usize) -> Vec<f64> {
    let middle = size / 2;
    let sigma = size as f64 / 6.0;
    let weight = |i: usize| {
        let distance = (middle - i) as f64;
        (-distance * distance / (2.0 * sigma * sigma)).exp()
    };
    let half: Vec<f64> = (0..=middle).map(weight).collect();
    let total = 2.0 * half.iter().sum::<f64>() - 1.0;
    half.iter().map(|weight| weight / total).collect()
}

/// The same in 256ths: rounding errors move on to the next tap, and the middle one takes
/// what is missing to 256.
fn fixed_kernel(size: usize) -> Vec<u32> {
    let one = 1u32 << BITS;
    let half = half_kernel(size);
    let (mut taps, mut error) = (vec![0; size], 0.0);
    for (i, weight) in half.iter().take(size / 2).enumerate() {
        let exact = weight * f64::from(one) + error;
        let rounded = exact.round_ties_even();
        error = exact - rounded;
        taps[i] = rounded as u32;
        taps[size - 1 - i] = rounded as u32;
    }
    taps[size / 2] = one - taps.iter().sum::<u32>();
    taps
}

pub(super) fn apply(frame: &mut Frame, level: Level) {
    let kernel = fixed_kernel(level.of(KERNEL));
    let reach = kernel.len() / 2;
    let row = frame.width * 3;
    // 8 bits of pixel and 8 of weight: the weights sum up to 256, so that 16 hold the sum.
    let mut across = vec![0u16; frame.rgb.len()];
    let mut padded = vec![0u8; row + 6 * reach];
    for (from, to) in frame
        .rgb
        .chunks_exact(row)
        .zip(across.chunks_exact_mut(row))
    {
        pad(from, reach, &mut padded);
        for (tap, weight) in kernel.iter().enumerate() {
            let from = &padded[tap * 3..tap * 3 + row];
            let weight = *weight as u16;
            to.iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to += weight * u16::from(*from));
        }
    }
    let mut sums = vec![0u32; row];
    for (y, to) in frame.rgb.chunks_exact_mut(row).enumerate() {
        sums.fill(1 << (2 * BITS - 1));
        for (tap, weight) in kernel.iter().enumerate() {
            let line = mirrored(y as isize + tap as isize - reach as isize, frame.height);
            let from = &across[line * row..(line + 1) * row];
            sums.iter_mut()
                .zip(from)
                .for_each(|(sum, from)| *sum += weight * u32::from(*from));
        }
        for (to, sum) in to.iter_mut().zip(&sums) {
            *to = (sum >> (2 * BITS)) as u8;
        }
    }
}

/// A row between mirrored ends; the edge pixel itself is not repeated.
fn pad(row: &[u8], reach: usize, padded: &mut [u8]) {
    let width = row.len() / 3;
    for (i, pixel) in padded.chunks_exact_mut(3).enumerate() {
        let x = mirrored(i as isize - reach as isize, width) * 3;
        pixel.copy_from_slice(&row[x..x + 3]);
    }
}

fn mirrored(place: isize, length: usize) -> usize {
    let last = length as isize - 1;
    if last == 0 {
        return 0;
    }
    let folded = place.rem_euclid(2 * last);
    folded.min(2 * last - folded) as usize
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `cv2.getGaussianKernel(k, k / 6)`, outermost tap first.
    #[test]
    fn kernels_are_the_data_sets() {
        let close = |size: usize, known: &[f64]| {
            for (weight, known) in half_kernel(size).iter().zip(known) {
                assert!(
                    (weight - known).abs() < 6e-6,
                    "{size}: {weight}, not {known}"
                );
            }
        };
        close(7, &[0.01256, 0.07883, 0.2373, 0.34263]);
        close(9, &[0.00761, 0.03607, 0.10959, 0.21344, 0.26656]);
        assert!((half_kernel(21)[10] - 0.11428).abs() < 5e-6);
        for size in KERNEL {
            assert_eq!(fixed_kernel(size).iter().sum::<u32>(), 256, "{size}");
        }
    }

    /// `img` of the recipe: a picture without flat parts.
    pub(in crate::distortion) fn pattern(width: usize, height: usize) -> Frame {
        let value = |i: usize| {
            let (x, y, channel) = (i / 3 % width, i / 3 / width, i % 3);
            (x * x + 7 * y * y + 31 * x * y + 83 * channel) as u8
        };
        Frame {
            width,
            height,
            rgb: (0..width * height * 3).map(value).collect(),
            ..Default::default()
        }
    }

    /// First bytes, and a sum in which every byte counts.
    pub(in crate::distortion) fn summary(frame: &Frame) -> (&[u8], usize) {
        let weighted = |(i, value): (usize, &u8)| usize::from(*value) * (i % 251 + 1);
        (
            &frame.rgb[..9],
            frame.rgb.iter().enumerate().map(weighted).sum(),
        )
    }

    /// OpenCV 4.10 and 5.0:
    ///
    /// ```python
    /// y, x, c = np.mgrid[0:45, 0:62, 0:3]
    /// img = ((x * x + 7 * y * y + 31 * x * y + 83 * c) % 256).astype(np.uint8)
    /// for k in (7, 9, 13, 17, 21):
    ///     out = cv2.GaussianBlur(img, (k, k), k / 6).astype(int).ravel()
    ///     print(out[:9], (out * (np.arange(out.size) % 251 + 1)).sum())
    /// ```
    #[test]
    fn every_byte_is_opencvs() {
        let known: [([u8; 9], usize); 5] = [
            ([33, 114, 166, 43, 121, 163, 63, 132, 150], 133_346_644),
            ([54, 127, 153, 61, 129, 149, 77, 134, 139], 133_327_713),
            ([87, 134, 135, 90, 134, 133, 97, 132, 130], 133_313_189),
            ([106, 131, 127, 107, 130, 127, 110, 129, 126], 133_318_193),
            ([115, 127, 126, 116, 128, 125, 117, 126, 126], 133_319_505),
        ];
        for (level, (first, sum)) in Level::ALL.into_iter().zip(known) {
            let mut frame = pattern(62, 45);
            apply(&mut frame, level);
            assert_eq!(summary(&frame), (&first[..], sum), "{level:?}");
        }
    }

    #[test]
    fn frames_smaller_than_the_kernel_are_mirrored_again() {
        for (width, height) in [(1, 1), (2, 5), (40, 3)] {
            let mut frame = Frame {
                width,
                height,
                rgb: vec![77; width * height * 3],
                ..Default::default()
            };
            apply(&mut frame, Level::new(5).unwrap());
            assert!(frame.rgb.iter().all(|v| *v == 77), "{width}x{height}");
        }
    }
}
