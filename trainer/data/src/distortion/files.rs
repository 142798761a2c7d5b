//! Perturbing pictures, videos and whole folders of them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use image::{ImageFormat, RgbImage};
use rayon::prelude::*;
use unmask_shared::media::{
    FfmpegSource, Frame, FrameSource, MediaKind, list_media, read_picture, sniff,
};

use super::{Coding, Distortion, Perturbation, VideoWriter, compress_file};
use crate::progress::Bar;
use crate::random::mix;

/// What says in an output folder how its files were made.
const LABEL: &str = "perturbations.txt";

/// What became of the files of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderReport {
    /// Files written.
    pub written: usize,
    /// Files that an earlier run had written.
    pub present: usize,
    /// Files that could not be perturbed; `skipped.tsv` says why.
    pub skipped: usize,
}

/// Perturbs a picture into a PNG file, or a video into an MP4 file, one perturbation after
/// the other. The output appears when it is complete.
///
/// Frames of a video are those that `prepare` sees, at most 1,280 pixels wide, written with
/// ffmpeg's usual x264 settings; the data set's detour over XVID is not taken. Video
/// compression alone works on the file itself, at its full size.
///
/// # Errors
/// When a file cannot be read or written, ffmpeg is missing for a video, or video
/// compression is not the last perturbation of a video.
pub fn perturb_file(input: &Path, output: &Path, chain: &[Perturbation], seed: u64) -> Result<()> {
    match sniff(input)? {
        MediaKind::Image => {
            let mut frame = Frame::default();
            read_picture(input, &mut frame)?;
            for (place, perturbation) in chain.iter().enumerate() {
                perturbation.apply(&mut frame, mix(seed, place as u64))?;
            }
            write_picture(&frame, output)
        }
        MediaKind::Video => perturb_video(input, output, chain, seed),
    }
}

fn write_picture(frame: &Frame, output: &Path) -> Result<()> {
    let picture = RgbImage::from_raw(
        u32::try_from(frame.width)?,
        u32::try_from(frame.height)?,
        frame.rgb.clone(),
    );
    let picture = picture.context("a frame has lost its size")?;
    let partial = output.with_extension("partial");
    picture
        .save_with_format(&partial, ImageFormat::Png)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(fs::rename(&partial, output)?))
        .with_context(|| {
            // Of a full disk nothing should remain.
            let _ = fs::remove_file(&partial);
            format!("cannot write {}", output.display())
        })
}

fn perturb_video(input: &Path, output: &Path, chain: &[Perturbation], seed: u64) -> Result<()> {
    let video = |p: &Perturbation| p.distortion == Distortion::Video;
    let (frames, last) = match chain.split_last() {
        Some((last, before)) if video(last) => (before, Some(last)),
        _ => (chain, None),
    };
    ensure!(
        !frames.iter().any(video),
        "video compression must be the last perturbation of a video: it encodes the file"
    );
    let Some(last) = last else {
        return perturb_frames(input, output, frames, seed);
    };
    if frames.is_empty() {
        return Ok(compress_file(input, output, last.level)?);
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let between = folder.path().join("frames.mp4");
    perturb_frames(input, &between, frames, seed)?;
    Ok(compress_file(&between, output, last.level)?)
}

fn perturb_frames(input: &Path, output: &Path, chain: &[Perturbation], seed: u64) -> Result<()> {
    let mut source = FfmpegSource::open(input)?;
    let mut frame = Frame::default();
    let mut writer: Option<VideoWriter> = None;
    while source.next_frame(&mut frame)? {
        let of_frame = mix(seed, frame.index);
        for (place, perturbation) in chain.iter().enumerate() {
            perturbation.apply(&mut frame, mix(of_frame, place as u64))?;
        }
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(VideoWriter::create(
                output,
                frame.width,
                frame.height,
                source.rate_hz(),
                Coding::RateFactor(23),
            )?),
        };
        writer.write(&frame)?;
    }
    let writer = writer.with_context(|| format!("{} has no frame", input.display()))?;
    Ok(writer.finish()?)
}

/// Perturbs every picture and video below a folder, in parallel, into the same places
/// below another. Files that are there already are left, so that a run can be taken up
/// again; a picture's seed follows from its place.
///
/// # Errors
/// When a folder cannot be read or written, two files would get the same name, the output
/// was made with other perturbations, or every single file failed. Single files that fail
/// are listed in `skipped.tsv`.
pub fn perturb_folder(
    input: &Path,
    output: &Path,
    chain: &[Perturbation],
    seed: u64,
) -> Result<FolderReport> {
    let files = outputs(input, output)?;
    claim(output, chain, seed)?;
    let bar = Bar::new("perturbing", files.len(), "files")?;
    let done: Vec<Result<bool>> = files
        .par_iter()
        .map(|(from, to)| {
            let present = to.exists();
            let result = if present {
                Ok(())
            } else {
                one_of_folder(input, from, to, chain, seed)
            };
            bar.advance(1);
            result.map(|()| present)
        })
        .collect();
    bar.finish();
    let mut report = FolderReport::default();
    let mut table = String::from("file\treason\n");
    for ((from, _), result) in files.iter().zip(done) {
        match result {
            Ok(true) => report.present += 1,
            Ok(false) => report.written += 1,
            Err(error) => {
                report.skipped += 1;
                let reason = format!("{error:#}").replace(['\t', '\n'], " ");
                table.push_str(&format!("{}\t{reason}\n", from.display()));
            }
        }
    }
    let path = output.join("skipped.tsv");
    fs::write(&path, table).with_context(|| format!("cannot write {}", path.display()))?;
    if report.written + report.present == 0 {
        bail!("no file could be perturbed: {} says why", path.display());
    }
    Ok(report)
}

fn one_of_folder(
    folder: &Path,
    from: &Path,
    to: &Path,
    chain: &[Perturbation],
    seed: u64,
) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    // From the path, so that neither order nor other files count.
    let place = from.strip_prefix(folder).unwrap_or(from).to_string_lossy();
    let own = place
        .bytes()
        .fold(seed, |seed, byte| mix(seed, byte.into()));
    perturb_file(from, to, chain, own)
}

/// Each file below the input with its place below the output.
fn outputs(input: &Path, output: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut taken: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut files = Vec::new();
    for from in list_media(input)? {
        let relative = from.strip_prefix(input).unwrap_or(&from);
        // Told by its bytes, as when it is read; what cannot be read is reported then.
        let ending = match sniff(&from) {
            Ok(MediaKind::Video) => "mp4",
            _ => "png",
        };
        let to = output.join(relative).with_extension(ending);
        if let Some(other) = taken.insert(to.clone(), from.clone()) {
            bail!(
                "{} and {} would both become {}: rename one",
                other.display(),
                from.display(),
                to.display()
            );
        }
        files.push((from, to));
    }
    Ok(files)
}

/// Creates the output, or makes sure that it was made with the same perturbations.
fn claim(output: &Path, chain: &[Perturbation], seed: u64) -> Result<()> {
    let codes: Vec<String> = chain.iter().map(ToString::to_string).collect();
    let label = format!("{} seed {seed}\n", codes.join(" "));
    let path = output.join(LABEL);
    match fs::read_to_string(&path) {
        Ok(found) if found == label => return Ok(()),
        Ok(found) => bail!(
            "{} was made with `{}`: give another folder",
            output.display(),
            found.trim()
        ),
        Err(_) if output.is_dir() && fs::read_dir(output)?.next().is_some() => {
            bail!("{} holds other files: give a new folder", output.display())
        }
        Err(_) => {}
    }
    fs::create_dir_all(output)
        .and_then(|()| fs::write(&path, label))
        .with_context(|| format!("cannot write below {}", output.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(codes: &[&str]) -> Vec<Perturbation> {
        codes.iter().map(|code| code.parse().unwrap()).collect()
    }

    fn picture(path: &Path, value: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let pixel = |x: u32, y: u32| image::Rgb([value, (x * 9) as u8, (y * 7) as u8]);
        RgbImage::from_fn(20, 14, pixel).save(path).unwrap();
    }

    #[test]
    fn a_folder_keeps_its_places_and_can_be_taken_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        picture(&input.join("real/a/x.png"), 10);
        picture(&input.join("fake/a/x.bmp"), 200);
        fs::write(input.join("real/torn.jpg"), b"\xff\xd8\xff and no more").unwrap();
        let chain = chain(&["gnc_2", "cc_5"]);
        let report = perturb_folder(&input, &output, &chain, 7).unwrap();
        assert_eq!((report.written, report.present, report.skipped), (2, 0, 1));
        let table = fs::read_to_string(output.join("skipped.tsv")).unwrap();
        assert!(table.contains("torn.jpg"), "{table}");
        let path = output.join("real/a/x.png");
        let first = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let report = perturb_folder(&input, &output, &chain, 7).unwrap();
        assert_eq!((report.written, report.present, report.skipped), (1, 1, 1));
        assert_eq!(fs::read(&path).unwrap(), first);
        assert!(output.join("fake/a/x.png").exists());
        let other = perturb_folder(&input, &output, &chain[..1], 7).unwrap_err();
        assert!(other.to_string().contains("gnc_2 cc_5 seed 7"), "{other}");
    }

    #[test]
    fn a_picture_meets_the_chain_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("a.png"), folder.path().join("b.png"));
        picture(&input, 50);
        perturb_file(&input, &output, &chain(&["cc_3", "cs_1"]), 1).unwrap();
        let mut frame = Frame::default();
        read_picture(&input, &mut frame).unwrap();
        for perturbation in chain(&["cc_3", "cs_1"]) {
            perturbation.apply(&mut frame, 0).unwrap();
        }
        assert_eq!(image::open(&output).unwrap().into_bytes(), frame.rgb);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn names_that_collide_and_strange_outputs_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in");
        picture(&input.join("x.png"), 1);
        picture(&input.join("x.bmp"), 2);
        let error = perturb_folder(&input, &folder.path().join("out"), &chain(&["cc_1"]), 1);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("x.bmp") && error.contains("rename"),
            "{error}"
        );
        fs::remove_file(input.join("x.bmp")).unwrap();
        let error = perturb_folder(&input, folder.path(), &chain(&["cc_1"]), 1).unwrap_err();
        assert!(error.to_string().contains("other files"), "{error}");
    }

    #[test]
    fn compression_is_the_last_of_a_video() {
        let input = Path::new("none.mp4");
        let error = perturb_video(input, input, &chain(&["vc_1", "gb_1"]), 1).unwrap_err();
        assert!(error.to_string().contains("last"), "{error}");
    }
}
