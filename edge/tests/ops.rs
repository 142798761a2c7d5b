//! The dashboard and the alert rules ask for metrics that there are.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use unmask_edge::builtin::builtin;
use unmask_edge::capture::FaultKind;
use unmask_edge::metrics::{Metrics, MetricsObserver};
use unmask_edge::observe::{LogStatus, Observer, Status, StreamStatus};
use unmask_shared::signal::Signal;

use common::skip;

fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// The text of metrics of which each has been used.
fn text() -> String {
    let streams = ["front".to_owned()];
    let metrics = std::sync::Arc::new(Metrics::new(&builtin().unwrap(), &streams));
    let mut observer = MetricsObserver::new(&metrics, &streams);
    let status = StreamStatus {
        name: "front".into(),
        faults: FaultKind::ALL.into_iter().take(1).collect(),
        counters: Default::default(),
        captured: 3,
        dropped: 1,
        judged: 2,
        rate_hz: 30.0,
    };
    observer.status(&Status {
        streams: &[status],
        shown: Signal::Fault,
        is_acknowledged: true,
        alarms: 4,
        log: Some(LogStatus {
            entries: 7,
            root: Some([0; 32]),
            lost: 2,
        }),
        stalls: 5,
        serial_dropped: Some(6),
        pin_failed: true,
    });
    metrics.device.refused("host");
    metrics.text().unwrap()
}

/// Names of metrics as a scraper stores them.
fn stored(text: &str) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(str::to_owned)
        .collect();
    // Series that come with their first value, or only where the machine has them.
    names.extend(
        [
            "camera_faults_total",
            "undecided_total",
            "temperature_celsius",
            "tracks",
        ]
        .map(|name| format!("unmask_{name}")),
    );
    names
}

/// Every word of a text that begins with `unmask_`.
fn asked(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words
        .filter(|word| word.starts_with("unmask_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_was_told_is_in_the_text() {
    let text = text();
    for wanted in [
        "unmask_frames_captured_total{camera=\"front\"} 3",
        "unmask_frames_dropped_total{camera=\"front\"} 1",
        "unmask_frame_rate_hertz{camera=\"front\"} 30.0",
        "unmask_camera_up{camera=\"front\"} 0.0",
        "unmask_alarm_state{state=\"fault\"} 1.0",
        "unmask_alarm_state{state=\"genuine\"} 0.0",
        "unmask_alarms_total 4",
        "unmask_alarm_acknowledged 1.0",
        "unmask_alarm_pin_failed 1.0",
        "unmask_pipeline_stalls_total 5",
        "unmask_log_entries 7.0",
        "unmask_log_write_failures_total 2",
        "unmask_queue_dropped_total{name=\"serial\"} 6",
        "unmask_web_refused_total{reason=\"host\"} 1",
        "unmask_model_info{name=\"afsl-lite\"",
        "unmask_build_info{version=",
        "unmask_verdict_latency_seconds_bucket{le=\"0.033\"} 0",
        "unmask_resident_memory_bytes ",
        "# EOF",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
}

#[test]
fn the_dashboard_and_the_rules_ask_for_metrics_that_exist() {
    let stored = stored(&text());
    for file in [
        "edge/ops/dashboard.json",
        "edge/ops/alerts.yml",
        "docs/metrics.md",
    ] {
        let text = std::fs::read_to_string(repository(file)).unwrap();
        let asked = asked(&text);
        assert!(asked.len() > 10, "{file}: {asked:?}");
        let unknown: Vec<&String> = asked.difference(&stored).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
    let documented = std::fs::read_to_string(repository("docs/metrics.md")).unwrap();
    let documented = asked(&documented);
    let base = |name: &String| {
        let name = name
            .strip_suffix("_sum")
            .or(name.strip_suffix("_count"))
            .unwrap_or(name);
        name.to_owned()
    };
    let missing: Vec<String> = stored
        .iter()
        .map(base)
        .filter(|n| {
            let is_there = documented.contains(n) || documented.contains(&format!("{n}_bucket"));
            !is_there
        })
        .collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks {missing:?}");
    let dashboard = std::fs::read_to_string(repository("edge/ops/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(
        panels
            .iter()
            .all(|panel| panel["targets"][0]["expr"].is_string())
    );
}

/// Targets of the links of a page that lead to files.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    files
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_book_holds_every_page_and_no_link_is_broken() {
    let docs = repository("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let chapters: BTreeSet<String> = links(&summary).into_iter().collect();
    let mut broken = Vec::new();
    for file in std::fs::read_dir(&docs).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let is_in = name == "SUMMARY.md" || chapters.contains(&name);
        assert!(is_in, "{name} is missing in docs/SUMMARY.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let missing = links(&text)
            .into_iter()
            .filter(|link| !docs.join(link).exists());
        broken.extend(missing.map(|link| format!("{name}: {link}")));
    }
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn promtool_accepts_the_rules() {
    let rules = repository("edge/ops/alerts.yml");
    match Command::new("promtool")
        .args(["check", "rules"])
        .arg(&rules)
        .output()
    {
        Err(_) => skip(
            "promtool_accepts_the_rules",
            "promtool is not installed (apt-get install prometheus)",
        ),
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{told}");
        }
    }
}
