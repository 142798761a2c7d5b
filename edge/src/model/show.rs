//! `unmask-edge model show`: what is known about a model.

use std::io::{self, Write};

use unmask_shared::bundle::Bundle;
use unmask_shared::manifest::{Figure, KindFigure, ModelKind};
use unmask_shared::verdict::VerdictConfig;

use crate::console::style::printable;

/// Prints the manifest of a bundle for people.
pub fn show(bundle: &Bundle, origin: &str, out: &mut dyn Write) -> io::Result<()> {
    let manifest = &bundle.manifest;
    let (graph, made) = (&manifest.graph, &manifest.provenance);
    let mut line = |name: &str, value: String| writeln!(out, "{name:<16}{}", printable(&value));
    line(
        "model",
        format!("{} release {} ({origin})", manifest.name, manifest.release),
    )?;
    line("created", manifest.created.to_string())?;
    line("sha256", bundle.sha256.clone())?;
    line("size", format!("{:.2} MB", bundle.model.len() as f64 / 1e6))?;
    let side = manifest.crop.size;
    let (how, decision) = match manifest.kind {
        ModelKind::Stream => ("one frame at a time, with memory".into(), "frame"),
        ModelKind::Frame if manifest.period_ms > 0 => (
            format!("of each one every {} ms", manifest.period_ms),
            "look",
        ),
        ModelKind::Frame => ("one frame at a time".into(), "frame"),
        ModelKind::Clip { frames } => (format!("clips of {frames} frames"), "clip"),
    };
    line("sees", format!("faces of {side} x {side} pixels, {how}"))?;
    line(
        "network",
        format!(
            "{:.2} million numbers, {:.1} million multiply-adds a {decision}, {} state tensors",
            graph.parameters as f64 / 1e6,
            graph.macs as f64 / 1e6,
            graph.states.len()
        ),
    )?;
    let verdict = &manifest.verdict;
    line(
        "verdict",
        format!(
            "allowed are {:.1} % false alarms and {:.1} % misses, at least {} {decision}s",
            100.0 * verdict.false_alarm,
            100.0 * verdict.miss,
            verdict.frames_min
        ),
    )?;
    line("", how_fitted(verdict))?;
    let point = &manifest.operating_point;
    line(
        "single pictures",
        format!(
            "manipulated from {:.2}, genuine below {:.2} (false alarms {:.1} %, misses {:.1} %)",
            point.threshold,
            point.genuine_below,
            100.0 * point.bpcer,
            100.0 * point.apcer
        ),
    )?;
    line(
        "trained by",
        format!(
            "{}, {}, seed {}, {:.0} minutes",
            made.trainer, made.method, made.seed, made.minutes
        ),
    )?;
    line("on", made.machine.to_string())?;
    line("with data", made.data.to_string())?;
    line("terms", made.terms.to_string())?;
    for (title, found) in [("finds", true), ("does not find", false)] {
        for (number, kind) in manifest
            .kinds
            .iter()
            .filter(|kind| kind.found == found)
            .enumerate()
        {
            line(if number == 0 { title } else { "" }, told_apart(kind))?;
        }
    }
    if !manifest.figures.is_empty() {
        line("figures", String::new())?;
    }
    for figure in &manifest.figures {
        line("", measured(figure))?;
    }
    Ok(())
}

/// What the allowed rates rest on: figures below tell what was measured.
fn how_fitted(verdict: &VerdictConfig) -> String {
    match &verdict.tracks {
        Some(tracks) => format!(
            "by videos of people that no training saw: genuine {:.2} ± {:.2} nats, manipulated {:.2} ± {:.2}",
            tracks.genuine_mean,
            tracks.genuine_spread,
            tracks.manipulated_mean,
            tracks.manipulated_spread
        ),
        None => "by single frames: for whole videos of other people this promises too much".into(),
    }
}

fn told_apart(kind: &KindFigure) -> String {
    let bounds = kind.bounds.map_or(String::new(), |[low, high]| {
        format!(", {:.1} to {:.1}", 100.0 * low, 100.0 * high)
    });
    format!(
        "{:<31} AUC {:.1} %  ({} people{bounds})",
        kind.name,
        100.0 * kind.auc,
        kind.people
    )
}

fn measured(figure: &Figure) -> String {
    let bounds = figure.bounds.map_or(String::new(), |[low, high]| {
        format!(", {low:.4} to {high:.4}")
    });
    format!(
        "{:<31} {:.4}  ({} samples{bounds})",
        figure.name, figure.value, figure.count
    )
}
