//! Pictures that move: a viewer shows more of them than their first frame.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// What stands before the pixels of a PNG picture; more is nonsense.
const CHUNKS_MAX: usize = 256;

/// How a picture moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Animation {
    /// APNG. The picture that still viewers show need not be among the frames that others show.
    Png,
    /// WebP.
    WebP,
}

/// Whether a picture moves, by what stands before its pixels. What cannot be read does not.
pub fn animation(path: &Path) -> Option<Animation> {
    let mut file = BufReader::new(File::open(path).ok()?);
    let mut head = [0; 21];
    file.read_exact(&mut head).ok()?;
    if head.starts_with(b"RIFF") && &head[8..16] == b"WEBPVP8X" {
        // The flags of the extended file format, second bit.
        return (head[20] & 2 != 0).then_some(Animation::WebP);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return is_apng(&mut file).ok()?.then_some(Animation::Png);
    }
    None
}

/// Whether `acTL` stands before the pixels (PNG, third edition, 11.3.2.1).
fn is_apng(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    file.seek(SeekFrom::Start(8))?;
    for _ in 0..CHUNKS_MAX {
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        match &head[4..] {
            b"acTL" => return Ok(true),
            b"IDAT" | b"IEND" => return Ok(false),
            _ => {
                let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
                file.seek(SeekFrom::Current(i64::from(length) + 4))?;
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], bytes: usize) -> Vec<u8> {
        let length = (bytes as u32).to_be_bytes();
        // The checksum counts, too.
        [&length[..], name, &vec![0; bytes + 4]].concat()
    }

    #[test]
    fn what_moves_is_told_from_what_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture");
        let of = |parts: &[&[u8]]| {
            std::fs::write(&path, parts.concat()).unwrap();
            animation(&path)
        };
        let (signature, head) = (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", 13));
        let (colours, pixels) = (chunk(b"iCCP", 70_000), chunk(b"IDAT", 40));
        let control = chunk(b"acTL", 8);
        let moving = of(&[signature, &head, &colours, &control, &pixels]);
        assert_eq!(moving, Some(Animation::Png));
        assert_eq!(of(&[signature, &head, &colours, &pixels, &control]), None);
        assert_eq!(of(&[signature, &head]), None);
        let webp = |flags: u8| [&b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0"[..], &[flags; 20]].concat();
        assert_eq!(of(&[&webp(0x12)]), Some(Animation::WebP));
        assert_eq!(of(&[&webp(0x10)]), None);
        assert_eq!(of(&[b"GIF89a"]), None);
        assert_eq!(animation(folder.path()), None);
    }
}
