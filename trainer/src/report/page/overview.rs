//! The figures that a reader wants first.

use super::escape;
use super::words::{bounds, counted, percent};
use crate::report::checks::pixels;
use crate::report::schema::{CheckResult, EvaluationReport, Material, ReportFigure, ScoreLevel};

pub(super) fn subtitle(report: &EvaluationReport) -> String {
    format!(
        "<p class=\"sub\">Detection of manipulated faces, reported after ISO/IEC 30107-3. Method {}, \
         weights <code>{}</code>, unmask {}, {}.</p>",
        escape(&report.detector.method),
        escape(report.detector.weights_sha256.get(..12).unwrap_or_default()),
        escape(&report.software),
        escape(&report.created)
    )
}

pub(super) fn tiles(report: &EvaluationReport) -> String {
    let radius = report
        .radii
        .iter()
        .find(|r| r.epsilon > 0.0 && (r.epsilon - report.conditions.epsilon).abs() < 1e-9);
    let level = match report.detector.clip_frames {
        None => ScoreLevel::Frame,
        Some(_) => ScoreLevel::Clip,
    };
    let clean = report
        .levels
        .iter()
        .find(|l| l.material == Material::Pairs && l.level == level && l.attack.is_none());
    let pairs = format!(
        "{}, {} level",
        counted(report.conditions.pairs, "pair"),
        super::words::level(level)
    );
    let mut tiles = String::new();
    if let Some(level) = clean {
        tiles += &tile("AUC, clean", level.auc, &pairs);
        tiles += &tile("Equal error rate, clean", level.eer, &pairs);
    }
    if let Some(radius) = radius {
        let at = format!("PGD-10 at {}", pixels(radius.epsilon));
        tiles += &tile("AUC, fakes attacked", radius.fakes, &at);
        tiles += &tile("AUC, both attacked", radius.both, &at);
    }
    if let Some(attacks) = &report.attacks {
        let worst = attacks.worst_auc.map(|value| ReportFigure {
            value,
            bounds: None,
        });
        tiles += &tile(
            "AUC, worst of all attacks",
            worst,
            &counted(attacks.pairs, "pair"),
        );
    }
    if let Some(video) = report
        .levels
        .iter()
        .find(|l| l.level == ScoreLevel::Video && l.attack.is_none())
    {
        let of = format!(
            "{} real, {} fake videos",
            super::words::count(video.reals as u64),
            super::words::count(video.fakes as u64)
        );
        tiles += &tile("AUC of stored videos", video.auc, &of);
    }
    let failed = report
        .checks
        .iter()
        .filter(|c| c.verdict == CheckResult::Failed);
    let warning = match failed.count() {
        0 => String::new(),
        failed => format!(
            "<p class=\"warn\"><b>{} of {} failed.</b> Robust figures may be better than the detector \
             is: see <a href=\"#checks\">the checks</a>.</p>",
            failed,
            counted(report.checks.len(), "check")
        ),
    };
    format!(
        "<div class=\"tiles\">{tiles}</div>{warning}<p class=\"note\">Per cent. Small figures: 95 % \
         bounds, from a bootstrap over groups (people) unless a table says otherwise. PGD-10: an attack \
         that sees gradients; the radius is the largest change of a pixel value.</p>"
    )
}

fn tile(name: &str, figure: Option<ReportFigure>, below: &str) -> String {
    let Some(figure) = figure else {
        return String::new();
    };
    let range = figure
        .bounds
        .map_or(String::new(), |b| format!("<i>{}</i>", bounds(b)));
    format!(
        "<div class=\"tile\"><span>{}</span><b>{}<small> %</small></b>{range}<i>{}</i></div>",
        escape(name),
        percent(figure.value),
        escape(below)
    )
}
