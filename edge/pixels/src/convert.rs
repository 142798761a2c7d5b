//! Turns the bytes of cameras into RGB.

use crate::format::{Format, PixelFormat};
use crate::jpeg::{JpegDecoder, JpegFault};

/// Why the bytes of a buffer are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureFault {
    /// The picture ends too early.
    #[error("the picture is cut short: {have} bytes of {want}")]
    Short {
        /// Bytes that came.
        have: usize,
        /// Least bytes of a whole picture.
        want: usize,
    },
    /// The bytes are no sound JPEG picture, or one of another size.
    #[error(transparent)]
    Jpeg(#[from] JpegFault),
}

/// Turns buffers into RGB; keeps what it needs between pictures.
#[derive(Debug, Default)]
pub struct Converter {
    jpeg: JpegDecoder,
}

impl Converter {
    /// Fills `rgb` with the `3 * width * height` bytes of the picture, row by
    /// row. What `rgb` holds after an error is of no use.
    pub fn to_rgb(
        &mut self,
        format: &Format,
        bytes: &[u8],
        rgb: &mut Vec<u8>,
    ) -> Result<(), PictureFault> {
        if format.pixels() == PixelFormat::Mjpg {
            self.jpeg
                .decode(bytes, (format.width(), format.height()), rgb)?;
            return Ok(());
        }
        let want = format.bytes_min();
        if bytes.len() < want {
            let have = bytes.len();
            return Err(PictureFault::Short { have, want });
        }
        rgb.resize(3 * format.width() * format.height(), 0);
        match format.pixels() {
            PixelFormat::Yuyv => yuyv_to_rgb(format, bytes, rgb),
            PixelFormat::Nv12 => nv12_to_rgb(format, bytes, rgb),
            PixelFormat::I420 => i420_to_rgb(format, bytes, rgb),
            PixelFormat::Rgb24 | PixelFormat::Mjpg => copy_rows(format, bytes, rgb),
        }
        Ok(())
    }
}

/// What the colour of a pixel adds to red, green and blue, in 1/65536.
#[derive(Clone, Copy)]
struct Chroma {
    red: i32,
    green: i32,
    blue: i32,
}

impl Chroma {
    /// BT.601, studio range: what cameras deliver unless they say otherwise.
    #[inline]
    fn new(cb: u8, cr: u8) -> Self {
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        Self {
            red: 104_597 * cr,
            green: -25_675 * cb - 53_279 * cr,
            blue: 132_201 * cb,
        }
    }

    #[inline]
    fn pixel(self, y: u8, out: &mut [u8]) {
        let luma = 76_309 * (i32::from(y) - 16) + (1 << 15);
        let byte = |value: i32| ((luma + value) >> 16).clamp(0, 255) as u8;
        if let [red, green, blue] = out {
            *red = byte(self.red);
            *green = byte(self.green);
            *blue = byte(self.blue);
        }
    }
}

fn rows<'a>(format: &Format, rgb: &'a mut [u8]) -> std::slice::ChunksExactMut<'a, u8> {
    rgb.chunks_exact_mut(3 * format.width())
}

fn copy_rows(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    for (out, row) in rows(format, rgb).zip(bytes.chunks(format.stride())) {
        for (out, value) in out.iter_mut().zip(row) {
            *out = *value;
        }
    }
}

fn yuyv_to_rgb(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    for (out, row) in rows(format, rgb).zip(bytes.chunks(format.stride())) {
        for (out, pair) in out.chunks_exact_mut(6).zip(row.chunks_exact(4)) {
            let &[y0, cb, y1, cr] = pair else { continue };
            let chroma = Chroma::new(cb, cr);
            let (left, right) = out.split_at_mut(3);
            chroma.pixel(y0, left);
            chroma.pixel(y1, right);
        }
    }
}

fn nv12_to_rgb(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    let stride = format.stride();
    let (luma, chroma) = bytes.split_at(stride * format.height());
    for (at, (out, y)) in rows(format, rgb).zip(luma.chunks(stride)).enumerate() {
        let colours = chroma.get(at / 2 * stride..).unwrap_or_default();
        let pairs = y.chunks_exact(2).zip(colours.chunks_exact(2));
        for (out, (y, colour)) in out.chunks_exact_mut(6).zip(pairs) {
            if let (&[y0, y1], &[cb, cr]) = (y, colour) {
                two(out, y0, y1, Chroma::new(cb, cr));
            }
        }
    }
}

fn i420_to_rgb(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    let (stride, half) = (format.stride(), format.stride() / 2);
    let (luma, chroma) = bytes.split_at(stride * format.height());
    let (blues, reds) = chroma.split_at(half * format.height() / 2);
    for (at, (out, y)) in rows(format, rgb).zip(luma.chunks(stride)).enumerate() {
        let blues = blues.get(at / 2 * half..).unwrap_or_default();
        let reds = reds.get(at / 2 * half..).unwrap_or_default();
        let pairs = y.chunks_exact(2).zip(blues.iter().zip(reds));
        for (out, (y, (cb, cr))) in out.chunks_exact_mut(6).zip(pairs) {
            if let &[y0, y1] = y {
                two(out, y0, y1, Chroma::new(*cb, *cr));
            }
        }
    }
}

#[inline]
fn two(out: &mut [u8], y0: u8, y1: u8, chroma: Chroma) {
    let (left, right) = out.split_at_mut(3);
    chroma.pixel(y0, left);
    chroma.pixel(y1, right);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of one colour in rows of `stride` bytes.
    fn flat(format: &Format, [y, cb, cr]: [u8; 3]) -> Vec<u8> {
        let (stride, height) = (format.stride(), format.height());
        match format.pixels() {
            PixelFormat::Yuyv => [y, cb, y, cr].repeat(stride * height / 4),
            PixelFormat::Nv12 => {
                let mut bytes = vec![y; stride * height];
                bytes.extend([cb, cr].repeat(stride * height / 4));
                bytes
            }
            PixelFormat::I420 => {
                let mut bytes = vec![y; stride * height];
                bytes.extend(vec![cb; stride * height / 4]);
                bytes.extend(vec![cr; stride * height / 4]);
                bytes
            }
            PixelFormat::Rgb24 | PixelFormat::Mjpg => [y, cb, cr].repeat(stride * height / 3),
        }
    }

    const RAW: [PixelFormat; 3] = [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::I420];

    /// What `ffmpeg -f rawvideo -pix_fmt FMT -s 16x16 -i - -vf
    /// scale=flags=accurate_rnd+full_chroma_int+bitexact+neighbor -f rawvideo
    /// -pix_fmt rgb24 -` (5.1) makes of flat pictures in yuyv422, nv12 and
    /// yuv420p alike: Y, Cb, Cr and red, green, blue.
    const FFMPEG: [([u8; 3], [u8; 3]); 11] = [
        ([16, 128, 128], [0, 0, 0]),
        ([235, 128, 128], [255, 255, 255]),
        ([81, 90, 240], [254, 0, 0]),
        ([145, 54, 34], [0, 255, 1]),
        ([41, 240, 110], [0, 0, 255]),
        ([128, 128, 128], [130, 130, 130]),
        ([100, 60, 200], [213, 66, 0]),
        ([180, 200, 90], [130, 194, 255]),
        ([210, 16, 146], [255, 255, 0]),
        ([0, 0, 0], [0, 136, 0]),
        ([60, 170, 100], [7, 58, 136]),
    ];

    #[test]
    fn colours_are_those_of_ffmpeg() {
        for pixels in RAW {
            let format = Format::packed(pixels, 16, 16).unwrap();
            for (yuv, wanted) in FFMPEG {
                let mut rgb = Vec::new();
                Converter::default()
                    .to_rgb(&format, &flat(&format, yuv), &mut rgb)
                    .unwrap();
                assert_eq!(rgb.len(), 3 * 16 * 16);
                for pixel in rgb.chunks_exact(3) {
                    for (have, want) in pixel.iter().zip(wanted) {
                        let off = (i32::from(*have) - i32::from(want)).abs();
                        assert!(off <= 1, "{pixels} {yuv:?}: {pixel:?}, ffmpeg {wanted:?}");
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
        for pixels in RAW {
            for gap in [0, 8] {
                let stride = pixels.row_bytes(6) + gap;
                let format = Format::with_stride(pixels, 6, 4, stride).unwrap();
                let mut bytes = flat(&format, [255, 128, 128]);
                for y in 0..4 {
                    for x in 0..6 {
                        let step = if pixels == PixelFormat::Yuyv { 2 } else { 1 };
                        bytes[y * stride + step * x] = luma(x, y);
                    }
                }
                let mut rgb = Vec::new();
                Converter::default()
                    .to_rgb(&format, &bytes[..format.bytes_min()], &mut rgb)
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
        for pixels in [PixelFormat::Rgb24, RAW[0], RAW[1], RAW[2]] {
            let format = Format::packed(pixels, 16, 16).unwrap();
            let bytes = vec![0; format.bytes_min() - 1];
            let fault = Converter::default().to_rgb(&format, &bytes, &mut Vec::new());
            let want = format.bytes_min();
            let have = want - 1;
            assert_eq!(fault, Err(PictureFault::Short { have, want }));
        }
    }
}
