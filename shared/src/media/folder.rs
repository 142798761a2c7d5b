//! Pictures in folders, and which files are worth opening at all.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::images::read_picture;
use super::{Frame, FrameSource, MEDIA_MAX, SourceError, open_error};

const IMAGE_ENDINGS: &[&str] = &["bmp", "jfif", "jpe", "jpeg", "jpg", "png", "webp"];
const VIDEO_ENDINGS: &[&str] = &[
    "3gp", "asf", "avi", "flv", "gif", "m2ts", "m2v", "m4v", "mjpeg", "mkv", "mov", "mp4", "mpeg",
    "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm", "wmv",
];
/// Pictures that ffmpeg reads, if it was built so, as a video of one frame.
const STILL_ENDINGS: &[&str] = &["avif", "heic", "heif", "jp2", "jxl", "tif", "tiff"];
const DEPTH_MAX: usize = 32;
/// Pictures of a folder are played at this rate.
const PICTURES_HZ: f64 = 25.0;

/// Whether a file is read as one picture or as a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// One picture.
    Image,
    /// A stream of frames.
    Video,
}

/// Looks at the first bytes of a file: what the name says does not count.
pub fn sniff(path: &Path) -> Result<MediaKind, SourceError> {
    let mut head = [0_u8; 32];
    // Before it is opened: the opening of a pipe waits for somebody who writes.
    let metadata = fs::metadata(path).map_err(|error| open_error(path, error))?;
    if metadata.is_dir() {
        let error = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        return Err(open_error(path, error));
    }
    if !metadata.is_file() {
        return Err(SourceError::NoFile(path.to_path_buf()));
    }
    let mut file = File::open(path).map_err(|error| open_error(path, error))?;
    let length = file
        .read(&mut head)
        .map_err(|error| open_error(path, error))?;
    let known = image::guess_format(&head[..length]).is_ok_and(|format| format.reading_enabled());
    let named = ending_in(path, IMAGE_ENDINGS);
    Ok(if known || named {
        MediaKind::Image
    } else {
        MediaKind::Video
    })
}

/// What is below a folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// Pictures and videos, sorted by path.
    pub files: Vec<PathBuf>,
    /// What cannot be looked into, and why.
    pub closed: Vec<(PathBuf, SourceError)>,
    /// Files that are neither.
    pub others: usize,
}

/// Every picture and video below a folder, sorted by path.
///
/// # Errors
/// When there is none, there are too many, or a folder cannot be looked into.
pub fn list_media(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let Listing { files, closed, .. } = list(folder, &is_named_media)?;
    match closed.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(files),
    }
}

/// The same, but folders below that are closed are told beside what is in the others, files with
/// other names count by what they begin with, and the rest is counted.
///
/// # Errors
/// When there is nothing at all, too much, or the folder itself cannot be looked into.
pub fn list_open_media(folder: &Path) -> Result<Listing, SourceError> {
    list(folder, &|path| {
        is_named_media(path) || begins_like_media(path)
    })
}

type IsMedia<'a> = &'a dyn Fn(&Path) -> bool;

fn list(folder: &Path, is_media: IsMedia<'_>) -> Result<Listing, SourceError> {
    let mut found = Listing::default();
    walk(folder, 0, is_media, &mut found)?;
    if found.files.is_empty() && found.closed.is_empty() {
        return Err(SourceError::NoMedia(folder.to_path_buf()));
    }
    found.files.sort();
    Ok(found)
}

fn walk(
    folder: &Path,
    depth: usize,
    is_media: IsMedia<'_>,
    found: &mut Listing,
) -> Result<(), SourceError> {
    for entry in fs::read_dir(folder).map_err(|error| open_error(folder, error))? {
        let entry = entry.map_err(|error| open_error(folder, error))?;
        let path = entry.path();
        let kind = entry
            .file_type()
            .map_err(|error| open_error(&path, error))?;
        if kind.is_dir() && depth < DEPTH_MAX {
            match walk(&path, depth + 1, is_media, found) {
                Err(error @ SourceError::Open { .. }) => found.closed.push((path, error)),
                other => other?,
            }
        } else if !kind.is_dir() && is_media(&path) {
            if found.files.len() == MEDIA_MAX {
                return Err(SourceError::TooManyFiles(folder.to_path_buf()));
            }
            found.files.push(path);
        } else {
            found.others += 1;
        }
    }
    Ok(())
}

/// Whether a file that is not named like one begins like a picture or a video.
fn begins_like_media(path: &Path) -> bool {
    // Three packets of a transport stream.
    let mut head = Vec::with_capacity(3 * TS_PACKET);
    // Before it is opened: the opening of a pipe waits for somebody who writes.
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !is_file || is_left_by_mac(path) {
        return false;
    }
    let read =
        File::open(path).and_then(|file| file.take(3 * TS_PACKET as u64).read_to_end(&mut head));
    read.is_ok() && is_media_head(&head)
}

/// Bytes from one `0x47` of a transport stream to the next.
const TS_PACKET: usize = 188;

fn is_media_head(head: &[u8]) -> bool {
    let is_picture = image::guess_format(head).is_ok_and(|format| format.reading_enabled());
    // MP4 and its kin with HEIC and AVIF, Matroska, AVI, MPEG programme and video streams, Flash,
    // MXF, Ogg, ASF, GIF; TIFF of both byte orders, JPEG 2000, JPEG XL.
    let starts: [(usize, &[u8]); 15] = [
        (4, b"ftyp"),
        (0, b"\x1a\x45\xdf\xa3"),
        (8, b"AVI "),
        (0, b"\0\0\x01\xba"),
        (0, b"\0\0\x01\xb3"),
        (0, b"FLV\x01"),
        (0, b"\x06\x0e\x2b\x34\x02\x05"),
        (0, b"OggS"),
        (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        (0, b"GIF8"),
        (0, b"II*\0"),
        (0, b"MM\0*"),
        (0, b"\0\0\0\x0cjP  "),
        (0, b"\0\0\0\x0cJXL "),
        (0, b"\xff\x0a"),
    ];
    let begins = |&(at, start): &(usize, &[u8])| head.get(at..at + start.len()) == Some(start);
    let is_transport = [0, 1, 2]
        .iter()
        .all(|n| head.get(n * TS_PACKET) == Some(&0x47));
    is_picture || is_transport || starts.iter().any(begins)
}

/// Whether ffmpeg reads such pictures only where it was built so.
pub(super) fn is_still(path: &Path) -> bool {
    ending_in(path, STILL_ENDINGS)
}

fn is_named_media(path: &Path) -> bool {
    let endings = [IMAGE_ENDINGS, VIDEO_ENDINGS, STILL_ENDINGS];
    !is_left_by_mac(path) && endings.iter().any(|endings| ending_in(path, endings))
}

/// `._name`, which a Mac puts beside each file on a stick of another system.
fn is_left_by_mac(path: &Path) -> bool {
    let name = path.file_name();
    name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"))
}

fn ending_in(path: &Path, endings: &[&str]) -> bool {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    endings
        .iter()
        .any(|known| known.eq_ignore_ascii_case(ending))
}

/// The pictures of one folder, sorted by name, as a stream.
pub struct FolderSource {
    name: String,
    files: Vec<PathBuf>,
    next: usize,
}

impl FolderSource {
    /// Lists the pictures directly inside `folder`.
    pub fn open(folder: &Path) -> Result<Self, SourceError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| open_error(folder, error))? {
            let path = entry.map_err(|error| open_error(folder, error))?.path();
            if ending_in(&path, IMAGE_ENDINGS) && !is_left_by_mac(&path) && path.is_file() {
                if files.len() == MEDIA_MAX {
                    return Err(SourceError::TooManyFiles(folder.to_path_buf()));
                }
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(SourceError::NoPictures(folder.to_path_buf()));
        }
        files.sort();
        Ok(Self {
            name: folder.display().to_string(),
            files,
            next: 0,
        })
    }

    /// One picture as a stream of one frame.
    pub fn single(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            files: vec![path.to_path_buf()],
            next: 0,
        }
    }
}

impl FrameSource for FolderSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        let Some(path) = self.files.get(self.next) else {
            return Ok(false);
        };
        read_picture(path, frame)?;
        frame.index = self.next as u64;
        frame.time_us = (self.next as f64 * 1e6 / PICTURES_HZ) as u64;
        self.next += 1;
        Ok(true)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn frames_expected(&self) -> Option<u64> {
        Some(self.files.len() as u64)
    }

    fn rate_hz(&self) -> f64 {
        PICTURES_HZ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(path: &Path, shade: u8) {
        image::RgbImage::from_pixel(4, 4, image::Rgb([shade; 3]))
            .save(path)
            .unwrap();
    }

    #[test]
    fn plays_the_pictures_of_a_folder_in_order() {
        let folder = tempfile::tempdir().unwrap();
        picture(&folder.path().join("b.png"), 20);
        picture(&folder.path().join("a.png"), 10);
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        fs::write(folder.path().join("._a.png"), "resources").unwrap();
        let mut source = FolderSource::open(folder.path()).unwrap();
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        while source.next_frame(&mut frame).unwrap() {
            seen.push((frame.index, frame.rgb[0]));
        }
        assert_eq!(seen, [(0, 10), (1, 20)]);
    }

    #[test]
    fn an_empty_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            FolderSource::open(folder.path()),
            Err(SourceError::NoPictures(_))
        ));
        assert!(matches!(
            list_media(folder.path()),
            Err(SourceError::NoMedia(_))
        ));
    }

    #[test]
    fn finds_media_in_folders_below_and_goes_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        picture(&below.join("a.PNG"), 1);
        fs::write(folder.path().join("z.mp4"), "text").unwrap();
        let files = list_media(folder.path()).unwrap();
        assert_eq!(files, [below.join("a.PNG"), folder.path().join("z.mp4")]);
        assert_eq!(sniff(&files[0]).unwrap(), MediaKind::Image);
        assert_eq!(sniff(&files[1]).unwrap(), MediaKind::Video);
    }

    #[test]
    fn what_a_mac_leaves_behind_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        picture(&folder.path().join("x.png"), 1);
        fs::write(folder.path().join("._x.png"), "resources").unwrap();
        fs::write(folder.path().join("y.HEIC"), "").unwrap();
        let files = list_media(folder.path()).unwrap();
        assert_eq!(
            files,
            ["x.png", "y.HEIC"].map(|name| folder.path().join(name))
        );
    }

    #[test]
    fn what_has_no_ending_goes_by_its_content_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        picture(&place("x.png"), 1);
        fs::rename(place("x.png"), place("IMG_0001")).unwrap();
        fs::write(place("MVI"), b"\0\0\0\x20ftypisom----").unwrap();
        for other in ["notes.txt", "._x.png", "no-ending"] {
            fs::write(place(other), "text").unwrap();
        }
        let found = list_open_media(folder.path()).unwrap();
        assert_eq!(found.files, [place("IMG_0001"), place("MVI")]);
        assert_eq!(found.others, 3);
        assert!(
            list_media(folder.path()).is_err(),
            "by their names, nothing"
        );
    }

    /// To root every folder is open.
    #[cfg(unix)]
    #[test]
    fn a_closed_folder_does_not_close_the_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).unwrap();
        picture(&folder.path().join("x.png"), 1);
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let is_closed = fs::read_dir(&closed).is_err();
        let found = list_open_media(folder.path()).unwrap();
        assert_eq!(found.files, [folder.path().join("x.png")]);
        assert_eq!(found.others, 0);
        assert_eq!(found.closed.len(), usize::from(is_closed));
        assert_eq!(list_media(folder.path()).is_err(), is_closed);
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    }
}
