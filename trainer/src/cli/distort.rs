//! `unmask-trainer distort`

use std::path::PathBuf;

use anyhow::{Context, bail};
use unmask_shared::media::{FfmpegSource, Frame, FrameSource, MediaKind, read_picture, sniff};

use crate::distortion::{Perturbation, perturb_file, perturb_folder, sheet};

/// Perturbs whole frames as DeeperForensics does, before faces are cut out of them.
///
/// A picture becomes a PNG file, a video an MP4 file, and a folder a folder of the same
/// layout, ready for `prepare`. Codes are cs (colour saturation), cc (contrast), bw (grey
/// blocks; none below 256 px), gnc (noise), gb (blur), jpeg (pixelation) and vc (video
/// compression) with a level from 1 to 5, such as gb_4.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Picture, video or folder
    input: PathBuf,
    /// File or folder to write
    output: PathBuf,
    /// Perturbation, such as gb_4; several are applied in their order
    #[arg(long = "type", value_name = "CODE", required_unless_present = "sheet")]
    chain: Vec<Perturbation>,
    /// Write a picture of all seven at five levels instead: the frame itself and levels 1
    /// to 5 in each row. Of a video the first frame
    #[arg(long, conflicts_with = "chain")]
    sheet: bool,
    /// Seed of noise and blocks
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.sheet {
            return self.draw_sheet();
        }
        let codes: Vec<String> = self.chain.iter().map(ToString::to_string).collect();
        let (codes, output) = (codes.join(", "), self.output.display());
        if self.input.is_dir() {
            let report = perturb_folder(&self.input, &self.output, &self.chain, self.seed)?;
            println!(
                "{output}: {} files with {codes}, {} were there, {} skipped (see {})",
                report.written,
                report.present,
                report.skipped,
                self.output.join("skipped.tsv").display()
            );
            return Ok(());
        }
        if self.output.exists() {
            bail!("{output} is there already: give another name or remove it");
        }
        perturb_file(&self.input, &self.output, &self.chain, self.seed)?;
        println!("{output}: {} with {codes}", self.input.display());
        Ok(())
    }

    fn draw_sheet(&self) -> anyhow::Result<()> {
        let mut frame = Frame::default();
        match sniff(&self.input)? {
            MediaKind::Image => read_picture(&self.input, &mut frame)?,
            MediaKind::Video => {
                FfmpegSource::open(&self.input)?.next_frame(&mut frame)?;
            }
        }
        sheet(&frame, self.seed)?
            .save(&self.output)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        println!(
            "{}: rows cs, cc, bw, gnc, gb, jpeg, vc; the frame itself, then levels 1 to 5",
            self.output.display()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn distort(words: &[&str]) -> anyhow::Result<()> {
        let words = std::iter::once(&"distort").chain(words);
        Command::try_parse_from(words)?.args.run()
    }

    #[test]
    fn a_picture_is_written_once_and_codes_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (input, output) = (path("in.png"), path("out.png"));
        image::RgbImage::from_pixel(16, 16, image::Rgb([9, 200, 40]))
            .save(&input)
            .unwrap();
        distort(&[&input, &output, "--type", "cs_5", "--type", "cc_1"]).unwrap();
        let pixel = *image::open(&output).unwrap().into_rgb8().get_pixel(0, 0);
        assert!(
            pixel[0].abs_diff(pixel[1]) <= 1 && pixel[1] < 120,
            "{pixel:?}"
        );
        let again = distort(&[&input, &output, "--type", "cs_5"]).unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
        let wrong = distort(&[&input, &path("x.png"), "--type", "cs_9"]).unwrap_err();
        assert!(wrong.to_string().contains("level from 1 to 5"), "{wrong}");
        assert!(distort(&[&input, &path("x.png")]).is_err());
        assert!(distort(&[&input, &path("x.png"), "--sheet", "--type", "cs_5"]).is_err());
        let missing = distort(&[&path("none.png"), &path("x.png"), "--type", "cs_5"]);
        assert!(format!("{:#}", missing.unwrap_err()).contains("none.png"));
    }
}
