//! Reads the stream of portable pixmaps that ffmpeg writes into a pipe.
//!
//! Each frame says its own size, so that rotated videos and videos that change
//! their size need no guessing.

use std::io::{self, BufRead, Read};

use super::Frame;

const SIDE_MAX: usize = 16_384;
const TOKEN_MAX: usize = 16;

/// Reads one PPM picture into `frame` (pixels and size only). `false` at a clean end.
///
/// # Errors
/// When it is cut short, or no picture of 8 bits a colour and at most 16,384 pixels a side.
pub fn read_frame(input: &mut impl BufRead, frame: &mut Frame) -> io::Result<bool> {
    if input.fill_buf()?.is_empty() {
        return Ok(false);
    }
    let magic = token(input)?;
    if magic != "P6" {
        return Err(invalid("a frame does not start with P6"));
    }
    let width = number(input)?;
    let height = number(input)?;
    let depth = number(input)?;
    if !(1..=SIDE_MAX).contains(&width) || !(1..=SIDE_MAX).contains(&height) || depth != 255 {
        return Err(invalid("a frame has an impossible size or depth"));
    }
    frame.width = width;
    frame.height = height;
    frame.rgb.resize(3 * width * height, 0);
    input.read_exact(&mut frame.rgb)?;
    Ok(true)
}

fn number(input: &mut impl Read) -> io::Result<usize> {
    token(input)?
        .parse()
        .map_err(|_| invalid("a frame header holds no number"))
}

/// Reads up to the next white space, which it swallows.
fn token(input: &mut impl Read) -> io::Result<String> {
    let mut text = String::with_capacity(TOKEN_MAX);
    let mut byte = [0_u8];
    while text.len() < TOKEN_MAX {
        input.read_exact(&mut byte)?;
        if byte[0].is_ascii_whitespace() {
            return Ok(text);
        }
        text.push(char::from(byte[0]));
    }
    Err(invalid("a frame header is too long"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_frames_of_different_sizes_to_the_end() {
        let mut bytes = b"P6\n2 1\n255\nabcdef".to_vec();
        bytes.extend_from_slice(b"P6\n1 1\n255\nxyz");
        let mut input = io::Cursor::new(bytes);
        let mut frame = Frame::default();
        assert!(read_frame(&mut input, &mut frame).unwrap());
        assert_eq!(
            (frame.width, frame.height, frame.rgb.as_slice()),
            (2, 1, &b"abcdef"[..])
        );
        assert!(read_frame(&mut input, &mut frame).unwrap());
        assert_eq!(
            (frame.width, frame.height, frame.rgb.as_slice()),
            (1, 1, &b"xyz"[..])
        );
        assert!(!read_frame(&mut input, &mut frame).unwrap());
    }

    #[test]
    fn refuses_cut_off_oversized_and_foreign_frames() {
        for bytes in [
            &b"P6\n2 1\n255\nabc"[..],
            b"P6\n99999 99999\n255\n",
            b"P6\n0 4\n255\n",
            b"P5\n1 1\n255\nx",
            b"P6\n-1 1\n255\nx",
            b"RIFF....................................",
        ] {
            let mut frame = Frame::default();
            assert!(read_frame(&mut io::Cursor::new(bytes), &mut frame).is_err());
        }
    }
}
