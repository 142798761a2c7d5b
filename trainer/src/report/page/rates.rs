//! Figures at each level, ROC and DET, and errors by kind of manipulation.

use super::escape;
use super::table::{Column, table};
use super::tested::compression;
use super::words::{count, figure, level, percent, percent_or_dash, rate, rate_or_dash};
use crate::report::chart::{det, legend, roc};
use crate::report::schema::{EvaluationReport, LevelFigures, Material, ScoreLevel};

/// Reals below which a false positive rate of 0.1 % means none at all.
const REALS_FOR_01_PERCENT: usize = 1000;

pub(super) fn levels(report: &EvaluationReport) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("Level and material"),
        Text("Attack"),
        Number("Real / fake<br>scores"),
        Number("Groups"),
        Number("Frames<br>a score"),
        Text("Compression"),
        Number("AUC"),
        Number("EER"),
        Number("AP"),
        Number("TPR at<br>1 % FPR"),
        Number("TPR at<br>0.1 % FPR"),
        Number("Accuracy"),
        Number("ECE"),
    ];
    let rows: Vec<Vec<String>> = report.levels.iter().map(row).collect();
    let few = report.levels.iter().any(|l| l.reals < REALS_FOR_01_PERCENT);
    let note = match few {
        true => {
            "<p class=\"note\">* With fewer than 1000 real scores (100 for 1 %) this is the share of fakes \
             found without any false alarm.</p>"
        }
        false => "",
    };
    let figures = "Per cent. AP: average precision. Accuracy and ECE (expected calibration error, 15 bins): \
                   of scores calibrated on clean scores of the other half of the groups, at one half.";
    let mut html = table(figures, &columns, &rows) + note + &missing_levels(report);
    if !report.curves.is_empty() {
        let key = || legend(report.curves.iter().map(|curve| curve.name.as_str()), false);
        html += &format!(
            "<div class=\"charts\"><figure><figcaption>ROC, pairs</figcaption>{}{}</figure>\
             <figure><figcaption>DET, pairs</figcaption>{}{}<p class=\"note\">Both axes follow the normal \
             distribution; rates below 0.1 % and above 99.9 % lie on the edge.</p></figure></div>",
            key(),
            roc(&report.curves),
            key(),
            det(&report.curves)
        );
    }
    html
}

fn row(figures: &LevelFigures) -> Vec<String> {
    let material = match figures.material {
        Material::Pairs => "pairs",
        Material::StoredVideos => "stored videos",
    };
    let found = |share: Option<f64>, needed: usize| match share {
        Some(share) if figures.reals < needed => format!("{}*", percent(share)),
        share => percent_or_dash(share),
    };
    vec![
        format!("{}<small>{material}</small>", level(figures.level)),
        attack(figures.attack.as_deref()),
        format!(
            "{} / {}",
            count(figures.reals as u64),
            count(figures.fakes as u64)
        ),
        count(figures.groups as u64),
        format!("{}", (figures.frames_per_score * 10.0).round() / 10.0),
        compression(&figures.compression),
        figure(figures.auc),
        figure(figures.eer),
        percent_or_dash(figures.average_precision),
        found(figures.tpr_at_1_percent, 100),
        found(figures.tpr_at_01_percent, REALS_FOR_01_PERCENT),
        percent_or_dash(figures.accuracy),
        percent_or_dash(figures.calibration_error),
    ]
}

/// An attack, its radius and target below its name.
fn attack(attack: Option<&str>) -> String {
    let Some(attack) = attack else {
        return "none".into();
    };
    match attack.split_once(" at ") {
        Some((name, rest)) => format!("{}<small>{}</small>", escape(name), escape(rest)),
        None => escape(attack),
    }
}

fn missing_levels(report: &EvaluationReport) -> String {
    let videos = report.levels.iter().any(|l| l.level == ScoreLevel::Video);
    match videos {
        true => String::new(),
        false => {
            "<p class=\"note\">There is no video level: no held-out videos were scored.</p>".into()
        }
    }
}

pub(super) fn manipulations(report: &EvaluationReport) -> String {
    let Some(point) = &report.operating_point else {
        return String::new();
    };
    use Column::{Number, Text};
    let columns = [
        Text("Kind of manipulation"),
        Number("Groups"),
        Number("APCER<br>clean"),
        Number("APCER<br>attacked"),
        Number("BPCER of<br>counterparts"),
        Number("AUC<br>clean"),
        Number("AUC<br>attacked"),
    ];
    let mut rows: Vec<Vec<String>> = report
        .manipulations
        .iter()
        .map(|of| {
            vec![
                escape(&of.kind),
                count(of.groups as u64),
                rate(&of.apcer),
                rate_or_dash(of.apcer_attacked.as_ref()),
                rate(&of.bpcer),
                figure(of.auc),
                figure(of.auc_attacked),
            ]
        })
        .collect();
    let dash = || "–".to_string();
    rows.push(vec![
        "<b>all together</b>".into(),
        dash(),
        rate(&point.apcer),
        rate_or_dash(point.apcer_attacked.as_ref()),
        rate(&point.bpcer),
        dash(),
        dash(),
    ]);
    let worst = report
        .manipulations
        .iter()
        .max_by(|a, b| a.apcer.value.total_cmp(&b.apcer.value));
    let worst = worst.map_or(String::new(), |kind| {
        format!(
            " The highest APCER, which the standard asks for, is {} %, of <b>{}</b>.",
            percent(kind.apcer.value),
            escape(&kind.kind)
        )
    });
    let attacked = point.bpcer_attacked.as_ref().map_or(String::new(), |rate| {
        format!(
            " With the reals attacked, BPCER is {} %.",
            percent(rate.value)
        )
    });
    format!(
        "<p>Operating point: a face is called manipulated from a logit of {:.3}, the lowest threshold that \
         calls at most {} % of these real faces manipulated. It was chosen on these very scores: BPCER is \
         what was asked for, not a finding.{worst}{attacked}</p>{}",
        point.threshold,
        percent(point.bpcer_limit),
        table(
            "Pairs, at the operating point, in per cent. APCER: fakes missed. BPCER: reals called manipulated.",
            &columns,
            &rows
        )
    )
}
