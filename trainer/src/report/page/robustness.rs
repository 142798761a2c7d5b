//! What attacks do, and whether they can be trusted.

use super::escape;
use super::table::{Column, table};
use super::words::{
    access, capital, count, counted, duration, figure, percent, percent_or_dash, target,
};
use crate::report::chart::{Axis, Line, Plot, legend, lines};
use crate::report::checks::pixels;
use crate::report::schema::{
    AttackRow, CheckResult, EvaluationReport, RadiusFigures, ReportFigure,
};

/// What is attacked, and its figure.
type Way = (&'static str, fn(&RadiusFigures) -> Option<ReportFigure>);

const WAYS: [Way; 3] = [
    ("fakes attacked (evasion)", |radius| radius.fakes),
    ("reals attacked (framing)", |radius| radius.reals),
    ("both attacked", |radius| radius.both),
];

pub(super) fn radii(report: &EvaluationReport) -> String {
    let attacked = report.radii.iter().filter(|radius| radius.epsilon > 0.0);
    if attacked.count() == 0 {
        return String::new();
    }
    let drawn = WAYS.map(|(_, of)| {
        let found = report.radii.iter();
        let found = found.filter_map(|radius| Some((radius.epsilon * 255.0, of(radius)?)));
        let found: Vec<(f64, ReportFigure)> = found.collect();
        Line {
            points: found.iter().map(|(x, figure)| (*x, figure.value)).collect(),
            bounds: found
                .iter()
                .filter(|(x, _)| *x > 0.0)
                .filter_map(|(x, figure)| Some((*x, figure.bounds?.low, figure.bounds?.high)))
                .collect(),
            marked: true,
        }
    });
    let widest = report
        .radii
        .iter()
        .map(|r| r.epsilon * 255.0)
        .fold(0.0, f64::max);
    let tick = |radius: &RadiusFigures| {
        let k = radius.epsilon * 255.0;
        (k, format!("{}", (k * 1e3).round() / 1e3))
    };
    let plot = Plot {
        title: "AUC against the radius of the attack",
        x: Axis {
            label: "radius, 1/255 of the pixel range".into(),
            range: (0.0, widest),
            ticks: report.radii.iter().map(tick).collect(),
        },
        y: Axis::percent("AUC, %", (0.0, 1.0)),
        reference: Some(([(0.0, 0.5), (widest, 0.5)], "chance")),
        small: false,
    };
    let chart = format!(
        "<figure><figcaption>AUC against the radius of PGD-10</figcaption>{}{}<p class=\"note\">Bars: 95 % \
         bounds. Below 50 % the attack has turned the order round.</p></figure>",
        legend(WAYS.iter().map(|way| way.0), true),
        lines(&plot, &drawn)
    );
    let rows: Vec<Vec<String>> = report
        .radii
        .iter()
        .map(|radius| {
            vec![
                match radius.epsilon > 0.0 {
                    true => pixels(radius.epsilon),
                    false => "no attack".into(),
                },
                figure(radius.fakes),
                figure(radius.reals),
                figure(radius.both),
                percent_or_dash(radius.gradient_share),
            ]
        })
        .collect();
    use Column::{Number, Text};
    let columns = [
        Text("Radius"),
        Number("Fakes<br>attacked"),
        Number("Reals<br>attacked"),
        Number("Both<br>attacked"),
        Number("Non-zero<br>gradients"),
    ];
    let numbers = table("AUC of the pairs in per cent.", &columns, &rows);
    format!("<div class=\"charts\">{chart}<div>{numbers}</div></div>")
}

pub(super) fn attacks(report: &EvaluationReport) -> String {
    let Some(attacks) = &report.attacks else {
        return String::new();
    };
    use Column::{Number, Text, Wide};
    let columns = [
        Text("Attack"),
        Number("AUC"),
        Text("Sees"),
        Text("Attacks"),
        Wide("Conditions"),
        Number("Median<br>change"),
        Number("Non-zero<br>gradients"),
        Number("Passes<br>a clip"),
        Number("Took"),
    ];
    let mut rows: Vec<Vec<String>> = attacks.rows.iter().map(attack).collect();
    let dash = || "–".to_string();
    rows.push(vec![
        "<b>worst of all, clip by clip</b>".into(),
        format!("<b>{}</b>", percent_or_dash(attacks.worst_auc)),
        dash(),
        dash(),
        dash(),
        dash(),
        dash(),
        dash(),
        dash(),
    ]);
    format!(
        "<p>Results of <code>unmask-trainer attack</code> on: {}. AUC of the same {} without attack: {} %.</p>{}",
        escape(&attacks.target),
        counted(attacks.pairs, "pair"),
        percent_or_dash(attacks.clean_auc),
        table(
            "AUC in per cent, the attacked against the clips that were not attacked where only one class is.",
            &columns,
            &rows
        )
    )
}

fn attack(row: &AttackRow) -> Vec<String> {
    let change = match (row.median_change, row.norm.as_str()) {
        (None, _) => "–".into(),
        (Some(change), "l_inf") => pixels(f64::from(change)),
        (Some(change), _) => format!("{change:.3}"),
    };
    let share = row.gradient_share.map(f64::from);
    vec![
        escape(&row.name),
        row.auc.map_or("–".into(), percent),
        access(row.access).into(),
        target(row.target).into(),
        escape(&row.conditions),
        format!("{change}<small>{}</small>", escape(&row.norm)),
        percent_or_dash(share),
        count(row.passes.max(0.0).round() as u64),
        duration(f64::from(row.seconds)),
    ]
}

pub(super) fn checks(report: &EvaluationReport) -> String {
    if report.checks.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = report
        .checks
        .iter()
        .map(|check| {
            let (class, word) = match check.verdict {
                CheckResult::Passed => ("passed", "✓ passed"),
                CheckResult::Failed => ("failed", "✗ failed"),
                CheckResult::Open => ("open", "○ open"),
            };
            vec![
                escape(&capital(&check.name)),
                format!("<span class=\"verdict {class}\">{word}</span>"),
                escape(&check.finding),
            ]
        })
        .collect();
    let columns = [
        Column::Wide("What must hold"),
        Column::Text("Verdict"),
        Column::Wide("What was seen"),
    ];
    "<p>A detector can look robust because an attack fails for reasons of its own, such as vanishing \
     gradients. These checks look for signs of that; they cannot prove its absence.</p>"
        .to_string()
        + &table("", &columns, &rows)
}
