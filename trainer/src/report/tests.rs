#[path = "../../../tests/src/keys.rs"]
mod keys;

use super::*;
use crate::attack::{Access, Target};
use crate::bench::BenchMachine;
use crate::evaluation::{KindRow, PartRow, RealRow, Unseen, VerdictRates};
use crate::metric::{Interval, Rate};

fn figure(value: f64) -> Option<ReportFigure> {
    Some(ReportFigure {
        value,
        bounds: Some(Interval {
            low: value - 0.02,
            high: (value + 0.02).min(1.0),
        }),
    })
}

fn level(level: ScoreLevel, material: Material, attack: Option<&str>, auc: f64) -> LevelFigures {
    LevelFigures {
        level,
        material,
        attack: attack.map(Into::into),
        reals: 120,
        fakes: 130,
        groups: 40,
        frames_per_score: 3.0,
        compression: vec!["c23".into()],
        auc: figure(auc),
        eer: figure(1.0 - auc),
        average_precision: Some(auc),
        tpr_at_1_percent: Some(0.5),
        tpr_at_01_percent: Some(0.4),
        accuracy: Some(0.8),
        calibration_error: Some(0.05),
    }
}

/// A report with everything in it.
fn example() -> EvaluationReport {
    let radius = |epsilon: f64, auc: f64| RadiusFigures {
        epsilon: epsilon / 255.0,
        fakes: figure(auc),
        reals: figure(auc),
        both: figure(auc - 0.1),
        gradient_share: (epsilon > 0.0).then_some(0.99),
    };
    let run = |name: &str, clean, both| ComparedRun {
        run: name.into(),
        method: "at".into(),
        clean: figure(clean),
        fakes: figure(both + 0.1),
        both: figure(both),
        clean_difference: figure(-0.01),
        both_difference: figure(0.02),
    };
    let distortion = |level: u8, auc, reason: Option<&str>| DistortionFigures {
        code: if level == 0 { "none" } else { "gb" }.into(),
        name: if level == 0 { "none" } else { "Gaussian blur" }.into(),
        level,
        pairs: 50,
        auc,
        reason: reason.map(Into::into),
    };
    EvaluationReport {
        schema: SCHEMA,
        created: "2026-01-01T00:00:00Z".into(),
        software: "0.1.0".into(),
        detector: DetectorTested {
            run: "<script>alert(1)</script>".into(),
            method: "afsl".into(),
            architecture: "stream, medium".into(),
            input: 64,
            clip_frames: None,
            parameters: 123_456,
            macs: 20_900_000,
            precision: "int8".into(),
            weights: "last".into(),
            step: 820,
            weights_sha256: "ab".repeat(32),
            config_sha256: "cd".repeat(32),
            seed: 1,
            trained_against: "PGD-3, l_inf 4/255".into(),
        },
        data: DataTested {
            folder: "shards".into(),
            part: "val".into(),
            sha256: "ef".repeat(32),
            groups: 40,
            sources: vec![SourceTested {
                source: "a \"quoted\" & <b>".into(),
                label: "real".into(),
                records: 120,
                frames: 360,
                files: 30,
                groups: 20,
                compression: vec!["c23".into()],
            }],
        },
        conditions: Conditions {
            pairs: 125,
            pair_frames: 1,
            pair_making: "half of them".into(),
            attack: "PGD-10".into(),
            epsilon: 2.0 / 255.0,
            seed: 7,
            resamples: 1000,
            device: "flex".into(),
            threads: 2,
            machine: BenchMachine::this(),
            seconds: 12.0,
        },
        levels: vec![
            level(ScoreLevel::Frame, Material::Pairs, None, 0.9),
            level(ScoreLevel::Frame, Material::Pairs, Some("PGD-10"), 0.6),
            level(ScoreLevel::Video, Material::StoredVideos, None, 0.8),
        ],
        curves: vec![Curve {
            name: "clean".into(),
            points: vec![[0.0, 0.0], [0.1, 0.8], [1.0, 1.0]],
        }],
        operating_point: Some(OperatingErrors {
            threshold: 1.25,
            bpcer_limit: 0.02,
            bpcer: Rate::new(2, 125),
            bpcer_attacked: Some(Rate::new(90, 125)),
            apcer: Rate::new(30, 125),
            apcer_attacked: Some(Rate::new(100, 125)),
        }),
        manipulations: vec![ManipulationErrors {
            kind: "swap".into(),
            groups: 20,
            apcer: Rate::new(30, 125),
            apcer_attacked: Some(Rate::new(100, 125)),
            bpcer: Rate::new(2, 125),
            auc: figure(0.9),
            auc_attacked: figure(0.6),
        }],
        radii: vec![radius(0.0, 0.9), radius(2.0, 0.7), radius(8.0, 0.4)],
        attacks: Some(AttackFigures {
            target: "the run in burn".into(),
            pairs: 50,
            clean_auc: Some(0.9),
            worst_auc: Some(0.3),
            rows: vec![AttackRow {
                name: "APGD-margin".into(),
                conditions: "5 restarts".into(),
                access: Access::WhiteBox,
                target: Target::Both,
                norm: "l_inf".into(),
                epsilon: Some(2.0 / 255.0),
                auc: Some(0.35),
                median_change: Some(2.0 / 255.0),
                gradient_share: Some(0.98),
                passes: 500.0,
                seconds: 77.0,
            }],
        }),
        checks: vec![AttackCheck {
            name: "Gradients".into(),
            verdict: CheckResult::Failed,
            finding: "none".into(),
        }],
        distortions: vec![
            distortion(0, figure(0.9), None),
            distortion(1, figure(0.8), None),
            distortion(2, None, Some("no <ffmpeg>")),
        ],
        filters: vec![
            filter("none", 0, 0),
            filter("grey", 3, 2),
            filter("any", 0, 4),
        ],
        comparison: vec![run("afsl", 0.9, 0.6), run("none", 0.98, 0.1)],
        unseen: Some(unseen()),
        samples: vec![Sample {
            fake: true,
            kind: "swap".into(),
            clean_logit: 2.0,
            attacked_logit: -1.0,
            magnified: 64.0,
            clean_png: "QUJD".into(),
            attacked_png: "QUJD".into(),
            perturbation_png: "QUJD".into(),
        }],
        limits: vec!["One <limit>.".into()],
    }
}

fn filter(name: &str, strength: u8, turned: usize) -> FilterFigures {
    FilterFigures {
        name: name.into(),
        strength,
        auc: figure(0.8),
        flagged: 40,
        lost: 10,
        turned,
        unflagged: 90,
        alarms: 3,
    }
}

fn unseen() -> Unseen {
    let rates = VerdictRates {
        files: 8,
        people: 4,
        genuine: 2,
        manipulated: 5,
    };
    Unseen {
        bundle: "a release 1".into(),
        kinds: vec![KindRow {
            kind: "lip-<sync>".into(),
            medium: "video".into(),
            parts: vec![PartRow {
                part: "test".into(),
                fakes: rates,
                reals: 9,
                auc: Some(0.875),
                bounds: Some(Interval {
                    low: 0.8,
                    high: 0.95,
                }),
            }],
        }],
        reals: vec![RealRow {
            source: "press".into(),
            medium: "image".into(),
            part: "unseen".into(),
            verdicts: rates,
            large: VerdictRates::default(),
        }],
        noface: [44, 1],
        failed: vec!["x.mp4: cut short".into()],
    }
}

/// JSON may lose the last bit of a number.
fn same(a: &serde_json::Value, b: &serde_json::Value) {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
        }
        (Array(a), Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| same(a, b));
        }
        (Object(a), Object(b)) => {
            assert!(a.keys().eq(b.keys()));
            a.values().zip(b.values()).for_each(|(a, b)| same(a, b));
        }
        (a, b) => assert_eq!(a, b),
    }
}

#[test]
fn a_report_survives_its_file_and_other_schemas_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new").join("report");
    let report = example();
    report.write(&folder).unwrap();
    let json = folder.join(JSON_FILE);
    let back = EvaluationReport::read(&json).unwrap();
    let value = |report: &EvaluationReport| serde_json::to_value(report).unwrap();
    same(&value(&back), &value(&report));
    let text = std::fs::read_to_string(&json).unwrap();
    std::fs::write(&json, text.replacen("\"schema\": 1", "\"schema\": 99", 1)).unwrap();
    let error = EvaluationReport::read(&json).unwrap_err().to_string();
    assert!(
        error.contains("schema 99") && error.contains("again"),
        "{error}"
    );
    std::fs::write(&json, "{").unwrap();
    assert!(EvaluationReport::read(&json).is_err());
    let error = EvaluationReport::read(&folder.join("no.json"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("unmask-trainer evaluate"), "{error}");
}

/// `docs/report-keys.md` lists every field of the JSON.
#[test]
fn every_field_is_documented() {
    const HEAD: &str = "# Fields of report.json\n\
        \n\
        What [`evaluate`](evaluation.md) writes. Shares and radii are in [0, 1]; what could not be measured is `null`. A *figure* has a `value` \
        and `bounds` with `low` and `high`, or `null`. A *rate* also tells how many were `wrong`, `of` how many. `schema` grows when a field \
        changes its meaning or goes away; new fields may come without. This page is written by a test from the code.\n";
    const FIGURE: [&str; 6] = ["value", "bounds", "low", "high", "wrong", "of"];
    fn walk(value: &serde_json::Value, path: &str, paths: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    let path = match path {
                        "" => name.clone(),
                        path => format!("{path}.{name}"),
                    };
                    if !FIGURE.contains(&name.as_str()) {
                        walk(value, &path, paths);
                        paths.push(path);
                    }
                }
            }
            serde_json::Value::Array(items) => {
                items.iter().for_each(|item| walk(item, path, paths));
            }
            _ => {}
        }
    }
    let mut paths = Vec::new();
    walk(&serde_json::to_value(example()).unwrap(), "", &mut paths);
    paths.sort();
    paths.dedup();
    keys::hold_fields(
        "report-keys.md",
        HEAD,
        "EvaluationReport",
        &paths,
        &["trainer/src", "trainer/data/src", "trainer/metrics/src"],
    );
}

#[test]
fn the_page_is_whole_and_lets_nothing_in() {
    let html = write_html(&example());
    for wanted in [
        "<!doctype html>",
        "prefers-color-scheme:dark",
        "@media print",
        "What was tested",
        "ISO/IEC 30107-3",
        "APGD-margin",
        "Gaussian blur",
        "✗ failed",
        "lip-&lt;sync&gt;",
        "1 of 44 pictures without a face",
        "keep it as the data itself",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "a &quot;quoted&quot; &amp; &lt;b&gt;",
        "no &lt;ffmpeg&gt;",
    ] {
        assert!(html.contains(wanted), "the page lacks {wanted}");
    }
    for unwanted in ["<script", "http://", "https://", "NaN", "inf\"", "src=\"/"] {
        assert!(!html.contains(unwanted), "the page has {unwanted}");
    }
    // Every element that is opened is closed.
    for tag in [
        "section", "table", "figure", "svg", "div", "ul", "dl", "p", "text",
    ] {
        let opened =
            html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn chapters_without_content_are_left_out() {
    let mut report = example();
    report.samples.clear();
    report.distortions.clear();
    report.filters.clear();
    report.unseen = None;
    report.comparison.clear();
    report.attacks = None;
    report.checks.clear();
    report.radii.truncate(1);
    report.operating_point = None;
    let html = write_html(&report);
    for unwanted in [
        "id=\"samples\"",
        "id=\"distortions\"",
        "id=\"attacks\"",
        "id=\"radii\"",
        "data:image",
    ] {
        assert!(!html.contains(unwanted), "the page has {unwanted}");
    }
    assert!(html.contains("1. What was tested") && html.contains("4. Limits"));
}
