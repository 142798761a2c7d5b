//! What was tested, how, and what that does not say.

use super::escape;
use super::table::{Column, list, table};
use super::words::{count, counted, duration};
use crate::report::checks::pixels;
use crate::report::schema::{EvaluationReport, Material};

pub(super) fn what(report: &EvaluationReport) -> String {
    let (detector, data) = (&report.detector, &report.data);
    let decision = match detector.clip_frames {
        None => "one frame, with a memory of the frames before it".to_string(),
        Some(frames) => format!("one clip of {frames} frames"),
    };
    let facts = list(&[
        (
            "Detector",
            format!(
                "run <code>{}</code>, {}",
                escape(&detector.run),
                escape(&detector.architecture)
            ),
        ),
        (
            "Decision on",
            format!("{decision}; crops of {0} × {0} pixels", detector.input),
        ),
        (
            "Size",
            format!(
                "{} parameters, {:.1} million multiplications and additions a decision, weights in {}",
                count(detector.parameters),
                detector.macs as f64 / 1e6,
                escape(&detector.precision)
            ),
        ),
        (
            "Training",
            format!(
                "method {}, seed {}; attack inside the training: {}",
                escape(&detector.method),
                detector.seed,
                escape(&detector.trained_against)
            ),
        ),
        (
            "Weights",
            format!(
                "{} of the run, step {}, SHA-256 <code>{}</code>",
                escape(&detector.weights),
                count(detector.step as u64),
                escape(&detector.weights_sha256)
            ),
        ),
        (
            "Configuration",
            format!("SHA-256 <code>{}</code>", escape(&detector.config_sha256)),
        ),
        (
            "Data",
            format!(
                "held-out part “{}” of <code>{}</code>: {}; SHA-256 <code>{}</code>",
                escape(&data.part),
                escape(&data.folder),
                counted(data.groups, "group"),
                escape(&data.sha256)
            ),
        ),
    ]);
    let rows: Vec<Vec<String>> = data
        .sources
        .iter()
        .map(|source| {
            vec![
                escape(&source.source),
                escape(&source.label),
                count(source.records as u64),
                count(source.frames as u64),
                count(source.files as u64),
                count(source.groups as u64),
                compression(&source.compression),
            ]
        })
        .collect();
    use Column::{Number, Text};
    let columns = [
        Text("Collection"),
        Text("Class"),
        Number("Pictures or clips"),
        Number("Frames"),
        Number("Files"),
        Number("Groups"),
        Text("Compression"),
    ];
    facts
        + &table(
            "Held-out faces. A group, such as a person, is never split between training and evaluation.",
            &columns,
            &rows,
        )
}

/// Compressions as the data names them.
pub(super) fn compression(names: &[String]) -> String {
    match names {
        [] => "not recorded".into(),
        names => escape(&names.join(", ")),
    }
}

pub(super) fn conditions(report: &EvaluationReport) -> String {
    let conditions = &report.conditions;
    let machine = &conditions.machine;
    let mut facts = vec![
        (
            "Pairs",
            format!(
                "{} of a real and a fake face, {} each; {}",
                count(conditions.pairs as u64),
                counted(conditions.pair_frames, "frame"),
                escape(&conditions.pair_making)
            ),
        ),
        (
            "Attack",
            format!(
                "{}; where no radius is named: {}",
                escape(&conditions.attack),
                pixels(conditions.epsilon)
            ),
        ),
    ];
    if report
        .levels
        .iter()
        .any(|l| l.material == Material::StoredVideos)
    {
        facts.push((
            "Stored videos",
            "real and fake videos of the data as they are stored, without pseudo-fakes and without \
             degradation; the score of a clip is the mean of its decisions, that of a video the mean of \
             its clips; every clip is attacked by itself"
                .into(),
        ));
    }
    facts.extend([
        (
            "Bounds",
            format!(
                "95 %. Of AUC and EER: percentiles of {} bootstrap samples of groups. Of APCER and BPCER: \
                 Clopper–Pearson, which takes scores for independent.",
                count(conditions.resamples as u64)
            ),
        ),
        ("Seed", format!("{:#x}", conditions.seed)),
        (
            "Machine",
            format!(
                "{}, {}, {}; {} of {}, device {}",
                escape(&machine.cpu),
                escape(&machine.arch),
                escape(&machine.os),
                counted(conditions.threads, "thread"),
                counted(machine.cores, "core"),
                escape(&conditions.device)
            ),
        ),
        ("Software", format!("unmask {}", escape(&report.software))),
        ("Took", duration(conditions.seconds)),
    ]);
    list(&facts)
}

pub(super) fn limits(report: &EvaluationReport) -> String {
    let items: String = report
        .limits
        .iter()
        .map(|limit| format!("<li>{}</li>", escape(limit)))
        .collect();
    format!("<ul>{items}</ul>")
}
