//! Every format, against the places of its bytes and against ffmpeg.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::format::{ColourRange, ColourSpace, PixelFormat, Place, YcbcrMatrix};

type Bytes = fn(&Format, usize, usize) -> [usize; 3];

fn bytes_of(pixels: PixelFormat) -> Option<Bytes> {
    match pixels.place() {
        Place::Luma(bytes) | Place::Rgb(bytes) => Some(bytes),
        Place::Compressed => None,
    }
}

/// Formats of brightness and colour.
fn coloured() -> impl Iterator<Item = (PixelFormat, Bytes)> {
    PixelFormat::ALL.into_iter().filter_map(|pixels| {
        let Place::Luma(bytes) = pixels.place() else {
            return None;
        };
        Some((pixels, bytes))
    })
}

/// A picture of one colour.
fn flat(format: &Format, colour: [u8; 3]) -> Vec<u8> {
    let bytes = bytes_of(format.pixels()).unwrap();
    let mut picture = vec![0; format.bytes_min()];
    for y in 0..format.height() {
        for x in 0..format.width() {
            for (at, value) in bytes(format, x, y).into_iter().zip(colour) {
                picture[at] = value;
            }
        }
    }
    picture
}

/// Y, Cb and Cr of flat pictures.
const YCBCR: [[u8; 3]; 11] = [
    [16, 128, 128],
    [235, 128, 128],
    [81, 90, 240],
    [145, 54, 34],
    [41, 240, 110],
    [128, 128, 128],
    [100, 60, 200],
    [180, 200, 90],
    [210, 16, 146],
    [0, 0, 0],
    [60, 170, 100],
];

/// What `ffmpeg -f rawvideo -pix_fmt FMT -s 16x16 -i - -vf
/// scale=in_color_matrix=MATRIX:in_range=RANGE:out_range=pc:flags=accurate_rnd+full_chroma_int+bitexact+neighbor
/// -f rawvideo -pix_fmt rgb24 -` (5.1) makes of them in yuyv422, nv12 and yuv420p alike: bt601 and
/// bt709, each tv and pc.
#[rustfmt::skip]
const FFMPEG: [(YcbcrMatrix, ColourRange, [[u8; 3]; 11]); 4] = [
    (YcbcrMatrix::Bt601, ColourRange::Studio, [
        [0, 0, 0], [255, 255, 255], [254, 0, 0], [0, 255, 1], [0, 0, 255], [130, 130, 130],
        [213, 66, 0], [130, 194, 255], [255, 255, 0], [0, 136, 0], [7, 58, 136],
    ]),
    (YcbcrMatrix::Bt601, ColourRange::Full, [
        [16, 16, 16], [235, 235, 235], [238, 14, 14], [13, 238, 14], [16, 15, 239], [128, 128, 128],
        [201, 72, 0], [127, 182, 255], [235, 236, 12], [0, 135, 0], [21, 66, 134],
    ]),
    (YcbcrMatrix::Bt709, ColourRange::Studio, [
        [0, 0, 0], [255, 255, 255], [255, 24, 0], [0, 216, 0], [0, 15, 255], [130, 130, 130],
        [227, 74, 0], [123, 196, 255], [255, 240, 0], [0, 77, 0], [1, 57, 140],
    ]),
    (YcbcrMatrix::Bt709, ColourRange::Full, [
        [16, 16, 16], [235, 235, 235], [255, 36, 10], [0, 203, 8], [13, 28, 249], [128, 128, 128],
        [213, 79, 0], [120, 184, 255], [238, 223, 2], [0, 84, 0], [16, 65, 138],
    ]),
];

#[test]
fn colours_are_those_of_ffmpeg() {
    for (pixels, _) in coloured() {
        for (matrix, range, wanted) in FFMPEG {
            let colours = ColourSpace { matrix, range };
            let format = Format::packed(pixels, 16, 16)
                .unwrap()
                .with_colours(colours);
            for (ycbcr, wanted) in YCBCR.into_iter().zip(wanted) {
                let mut rgb = Vec::new();
                Converter::default()
                    .to_rgb(&format, &flat(&format, ycbcr), &mut rgb)
                    .unwrap();
                assert_eq!(rgb.len(), 3 * 16 * 16);
                for pixel in rgb.chunks_exact(3) {
                    let off = pixel.iter().zip(wanted).map(|(a, b)| a.abs_diff(b)).max();
                    let told = format!("{pixels} {colours:?} {ycbcr:?}: {pixel:?}, {wanted:?}");
                    assert!(off <= Some(1), "{told}");
                }
            }
        }
    }
}

/// Grey level of each pixel, in order.
fn greys(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(3).map(|pixel| pixel[0]).collect()
}

#[test]
fn each_pixel_lands_in_its_place_whatever_lies_between_the_rows() {
    // Y = 16 + 219 v / 255 is grey level v.
    let luma = |x: usize, y: usize| (16 + 219 * (40 * y + 10 * x) / 255) as u8;
    for (pixels, place) in coloured() {
        for gap in [0, 8] {
            let stride = pixels.row_bytes(6) + gap;
            let format = Format::with_stride(pixels, 6, 4, stride).unwrap();
            let mut bytes = flat(&format, [255, 128, 128]);
            for y in 0..4 {
                for x in 0..6 {
                    bytes[place(&format, x, y)[0]] = luma(x, y);
                }
            }
            let mut rgb = Vec::new();
            Converter::default()
                .to_rgb(&format, &bytes, &mut rgb)
                .unwrap();
            assert_eq!(rgb.len(), 3 * 6 * 4);
            for (at, grey) in greys(&rgb).into_iter().enumerate() {
                let wanted = 40 * (at / 6) + 10 * (at % 6);
                assert!(
                    grey.abs_diff(wanted as u8) <= 1,
                    "{pixels} pixel {at}: {grey}"
                );
            }
        }
    }
}

/// Bytes without a pattern, and a gap between the rows: the loop takes each from where the
/// format's file says that it lies, and `bytes_min` ends behind the last of them.
#[test]
fn every_pixel_is_made_of_its_own_bytes() {
    for pixels in PixelFormat::ALL {
        let Some(place) = bytes_of(pixels) else {
            continue;
        };
        let stride = pixels.row_bytes(10) + 4;
        let format = Format::with_stride(pixels, 10, 6, stride).unwrap();
        let bytes = 0..format.bytes_min();
        let bytes: Vec<u8> = bytes.map(|at| (at * 7919 % 251) as u8).collect();
        let mut rgb = Vec::new();
        let mut converter = Converter::default();
        converter.to_rgb(&format, &bytes, &mut rgb).unwrap();
        let mut last = 0;
        for (at, pixel) in rgb.chunks_exact(3).enumerate() {
            let found = place(&format, at % 10, at / 10);
            last = found.into_iter().fold(last, usize::max);
            let [one, two, three] = found.map(|at| bytes[at]);
            let mut want = [one, two, three];
            if let Place::Luma(_) = pixels.place() {
                let weights = ColourSpace::default().weights();
                weights.pixel(one, weights.chroma(two, three), &mut want);
            }
            assert_eq!(pixel, want, "{pixels} pixel {at}");
        }
        assert_eq!(format.bytes_min(), last + 1, "{pixels}");
    }
}

#[test]
fn chroma_covers_its_own_pixels_only() {
    // Cr of the second of four blocks in the first row, Cb of the third in the second.
    for (pixels, cr, cb) in [
        (PixelFormat::Nv12, 32 + 3, 32 + 8 + 4),
        (PixelFormat::I420, 32 + 8 + 1, 32 + 4 + 2),
    ] {
        let format = Format::packed(pixels, 8, 4).unwrap();
        let mut bytes = flat(&format, [128, 128, 128]);
        bytes[cr] = 240;
        bytes[cb] = 240;
        let mut rgb = Vec::new();
        let mut converter = Converter::default();
        converter.to_rgb(&format, &bytes, &mut rgb).unwrap();
        for (at, pixel) in rgb.chunks_exact(3).enumerate() {
            let (x, y) = (at % 8 / 2, at / 8 / 2);
            let tinted = [pixel[0] > 200, pixel[2] > 200];
            let wanted = [(x, y) == (1, 0), (x, y) == (2, 1)];
            assert_eq!(tinted, wanted, "{pixels} pixel {at}: {pixel:?}");
        }
    }
}

#[test]
fn rgb_is_copied_without_the_padding() {
    let format = Format::with_stride(PixelFormat::Rgb24, 2, 3, 8).unwrap();
    let mut rgb = Vec::new();
    Converter::default()
        .to_rgb(&format, b"abcdef..ghijkl..mnopqr", &mut rgb)
        .unwrap();
    assert_eq!(rgb, b"abcdefghijklmnopqr");
}

#[test]
fn a_byte_too_few_is_told() {
    for pixels in PixelFormat::ALL.into_iter().filter(|f| f.is_raw()) {
        let format = Format::packed(pixels, 16, 16).unwrap();
        let bytes = vec![0; format.bytes_min() - 1];
        let fault = Converter::default().to_rgb(&format, &bytes, &mut Vec::new());
        let want = format.bytes_min();
        let have = want - 1;
        assert_eq!(fault, Err(PictureFault::Short { have, want }));
    }
}

/// A picture as ffmpeg stores it; `None` where it is not installed.
fn by_ffmpeg(rgb: &[u8], size: &str, pixels: &str) -> Option<Vec<u8>> {
    let raw = |pixels| ["-f", "rawvideo", "-pix_fmt", pixels, "-s", size];
    let scale = "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp+bitexact+neighbor";
    let child = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(raw("rgb24"))
        .args(["-i", "-", "-vf", scale])
        .args(raw(pixels))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.ok()?;
    // It reads the whole picture before it writes.
    child.stdin.take().unwrap().write_all(rgb).unwrap();
    Some(child.wait_with_output().unwrap().stdout)
}

/// Above, columns and rows of grey that all differ; below, blocks of colour.
#[test]
fn pictures_come_back_from_ffmpeg() {
    let (width, height) = (48, 32);
    let picture = (0..width * height).flat_map(|at| {
        let (x, y) = (at % width, at / width);
        let block = x / 8 + 6 * (y / 8);
        match y < 16 {
            true => [(16 + x * 37 % 101 + y * 8) as u8; 3],
            false => [
                40 + block * 29 % 150,
                40 + block * 67 % 150,
                40 + block * 47 % 150,
            ]
            .map(|value| value as u8),
        }
    });
    let picture: Vec<u8> = picture.collect();
    for pixels in PixelFormat::ALL.into_iter().filter(|f| f.is_raw()) {
        let Some(bytes) = by_ffmpeg(&picture, "48x32", pixels.ffmpeg()) else {
            eprintln!("pictures_come_back_from_ffmpeg: SKIPPED, ffmpeg is not installed");
            return;
        };
        let format = Format::packed(pixels, width, height).unwrap();
        assert_eq!(bytes.len(), format.bytes_min(), "{pixels}");
        let mut rgb = Vec::new();
        let mut converter = Converter::default();
        converter.to_rgb(&format, &bytes, &mut rgb).unwrap();
        for (at, (have, want)) in rgb.iter().zip(&picture).enumerate() {
            let (x, y) = (at / 3 % width, at / 3 / width);
            // Where blocks meet, ffmpeg may mix their colours.
            let is_inside = y < 14 || [x % 8, y % 8].iter().all(|at| (2..6).contains(at));
            let off = have.abs_diff(*want);
            assert!(!is_inside || off <= 6, "{pixels} {x},{y}: {have} of {want}");
        }
    }
}
