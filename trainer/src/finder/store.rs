//! Pictures with the teacher's answers, in tar files.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::{Deserialize, Serialize};
use unmask_shared::media::{Frame, decode_picture};

use super::picture::Pyramid;
use unmask_shared::face::Face;

/// Of the stored pictures.
const JPEG_QUALITY: u8 = 92;

/// A picture and what is to be found in it.
#[derive(Clone, Debug)]
pub struct StoredPicture {
    /// What is known about it.
    pub meta: PictureMeta,
    /// As a JPEG file.
    pub jpeg: Vec<u8>,
}

/// What is known about a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureMeta {
    /// Folder that it came from, relative to the data; pictures of one folder are alike.
    pub group: String,
    /// Every face that the teacher sees, however unsure.
    pub faces: Vec<Face>,
}

impl StoredPicture {
    /// Encodes a picture `[height, width, 3]`.
    ///
    /// # Errors
    /// When its sides are too long for a JPEG file.
    pub fn new(meta: PictureMeta, width: usize, height: usize, rgb: &[u8]) -> Result<Self> {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY).write_image(
            rgb,
            width as u32,
            height as u32,
            ExtendedColorType::Rgb8,
        )?;
        Ok(Self { meta, jpeg })
    }

    /// Decodes it.
    ///
    /// # Errors
    /// When the stored file is damaged.
    pub fn decode(&self) -> Result<Pyramid> {
        let mut frame = Frame::default();
        decode_picture(Cursor::new(&self.jpeg), &mut frame)
            .context("a stored picture is damaged: prepare the faces again")?;
        Ok(Pyramid::new(frame.width, frame.height, frame.rgb))
    }
}

/// Writes pictures as one tar file that is there whole or not at all.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write_part(path: &Path, pictures: &[StoredPicture]) -> Result<()> {
    let partial = path.with_extension("partial");
    let write = || -> Result<()> {
        let mut archive = tar::Builder::new(BufWriter::new(File::create(&partial)?));
        for (number, picture) in pictures.iter().enumerate() {
            append(
                &mut archive,
                &format!("{number:05}.json"),
                &serde_json::to_vec(&picture.meta)?,
            )?;
            append(&mut archive, &format!("{number:05}.jpg"), &picture.jpeg)?;
        }
        let file = archive.into_inner()?.into_inner()?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        Ok(())
    };
    write().with_context(|| {
        format!(
            "cannot write {}: make room and run the same command again",
            path.display()
        )
    })
}

fn append<W: Write>(archive: &mut tar::Builder<W>, name: &str, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    Ok(archive.append_data(&mut header, name, bytes)?)
}

/// Reads all pictures of a folder that [`super::prepare`] has filled.
///
/// # Errors
/// When there are none, or a file is damaged.
pub fn read_pictures(folder: &Path) -> Result<Vec<StoredPicture>> {
    let mut parts: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "tar"))
        .collect();
    parts.sort();
    let mut pictures = Vec::new();
    for part in &parts {
        read_part(part, &mut pictures).with_context(|| {
            format!(
                "{} is damaged: remove it and prepare the faces again",
                part.display()
            )
        })?;
    }
    ensure!(
        !pictures.is_empty(),
        "{} holds no prepared pictures: make them with `unmask-trainer finder prepare`",
        folder.display()
    );
    Ok(pictures)
}

fn read_part(path: &Path, pictures: &mut Vec<StoredPicture>) -> Result<()> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(path)?));
    let mut meta = None;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        match meta.take() {
            None => meta = Some(serde_json::from_slice(&bytes)?),
            Some(meta) => pictures.push(StoredPicture { meta, jpeg: bytes }),
        }
    }
    ensure!(meta.is_none(), "the last picture is missing");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_pictures(folder.path()).unwrap_err().to_string();
        assert!(error.contains("finder prepare"), "{error}");
        let meta = |group: &str| PictureMeta {
            group: group.into(),
            faces: vec![],
        };
        let picture = StoredPicture::new(meta("a"), 24, 16, &[90; 24 * 16 * 3]).unwrap();
        let other = StoredPicture::new(meta("b"), 16, 16, &[20; 16 * 16 * 3]).unwrap();
        write_part(&folder.path().join("faces-00000.tar"), &[picture, other]).unwrap();
        let read = read_pictures(folder.path()).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].meta, meta("b"));
        let pyramid = read[0].decode().unwrap();
        assert_eq!((pyramid.width(), pyramid.height()), (24, 16));
        let path = folder.path().join("faces-00000.tar");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(read_pictures(folder.path()).is_err());
    }
}
