//! The review queue over the web and on the command line.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::unmask_in;
use crate::http::{ask, get};
use crate::served::Served;

/// The queue, once something is in it that `wanted` accepts.
fn wait_for(served: &Served, wanted: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let answer = get(&served.url, "/api/reviews");
        let spans: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let found = spans
            .as_array()
            .and_then(|spans| spans.iter().find(|s| wanted(s)));
        if let Some(span) = found {
            return span.clone();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{}", answer.body);
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_flagged_face_is_confirmed_in_an_entry_of_its_own() {
    let source = [
        "--source",
        "synthetic:8",
        "--log",
        "events",
        "--stills",
        "5",
        "--set",
        "web.start_timecode=10:00:00:00",
    ];
    let served = Served::start(&source);
    let url = served.url.as_str();
    let span = wait_for(&served, |span| span["review"].is_null());
    assert!(
        span["timecode_in"].as_str().unwrap().starts_with("10:00:"),
        "{span}"
    );
    let entry = span["entry"].as_u64().unwrap();
    let still = get(url, &format!("/api/still/{entry}"));
    assert_eq!(
        (still.status, still.field("content-type")),
        (200, Some("image/jpeg"))
    );

    let json = ["Content-Type: application/json"];
    let path = format!("/api/reviews/{entry}");
    let body = r#"{"decision":"confirmed","note":"=seen, by me"}"#;
    assert_eq!(ask(url, "POST", &path, &json, body).status, 202);
    let reviewed = wait_for(&served, |span| {
        span["entry"] == entry && !span["review"].is_null()
    });
    let review = &reviewed["review"];
    assert_eq!(
        (&review["decision"], &review["note"]),
        (&"confirmed".into(), &"=seen, by me".into())
    );
    assert!(review["entry"].as_u64() > Some(entry));
    let csv = get(url, "/api/reviews.csv");
    assert!(
        csv.body.contains("confirmed,\"'=seen, by me\""),
        "{}",
        csv.body
    );

    // Nothing else is taken.
    for (path, body, status) in [
        ("/api/reviews/99999999", body, 404),
        (path.as_str(), r#"{"decision":"deleted"}"#, 422),
        (path.as_str(), r#"{"decision":"confirmed","more":1}"#, 422),
        (path.as_str(), "{", 400),
        ("/api/reviews/x", body, 400),
    ] {
        assert_eq!(
            ask(url, "POST", path, &json, body).status,
            status,
            "{path} {body}"
        );
    }
    let long = format!(r#"{{"decision":"confirmed","note":"{}"}}"#, "n".repeat(300));
    assert_eq!(ask(url, "POST", &path, &json, &long).status, 422);
    let plain = ["Content-Type: text/plain"];
    assert_eq!(
        ask(url, "POST", &path, &plain, body).status,
        415,
        "as a form of another site"
    );

    // The command line reads it while the program writes, and does not write itself.
    let folder = served.path();
    let listed = unmask_in(folder, &["review", "list", "events", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let same = |span: &&Value| span["entry"] == entry && span["review"]["decision"] == "confirmed";
    assert!(
        listed.as_array().unwrap().iter().find(same).is_some(),
        "{listed}"
    );
    let number = entry.to_string();
    let locked = unmask_in(folder, &["review", "dismiss", "events", &number]);
    assert_eq!(locked.code, 2, "{}", locked.stdout);
}

#[test]
fn a_log_that_nobody_writes_is_reviewed_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = "run --source synthetic:8 --max-frames 100 --log events";
    unmask_in(folder.path(), &run.split(' ').collect::<Vec<_>>());
    let list = |more: &[&str]| {
        let all = [&["review", "list", "events", "--format", "json"][..], more].concat();
        let listed = unmask_in(folder.path(), &all);
        let spans: Value = serde_json::from_str(&listed.stdout).unwrap();
        spans.as_array().unwrap().clone()
    };
    let spans = list(&["--rate", "25"]);
    let first = spans.last().unwrap();
    let frame = first["first_frame"].as_u64().unwrap();
    let timecode = format!("00:00:{:02}:{:02}", frame / 25, frame % 25);
    assert_eq!(first["timecode_in"], timecode.as_str());
    let started = list(&["--rate", "25", "--start-timecode", "10:00:00:00"]);
    assert_eq!(
        started.last().unwrap()["timecode_in"],
        timecode.replacen("00", "10", 1).as_str()
    );
    let entry = first["entry"].to_string();
    let dismiss = ["review", "dismiss", "events", &entry, "--note", "a poster"];
    let dismissed = unmask_in(folder.path(), &dismiss);
    assert_eq!(dismissed.code, 0, "{}", dismissed.stderr);
    assert_eq!(list(&["--open"]).len(), spans.len() - 1);
    let verified = unmask_in(folder.path(), &["log", "verify", "events"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let tail = unmask_in(folder.path(), &["log", "tail", "events", "-n", "1"]);
    assert!(
        tail.stdout
            .contains(&format!("entry {entry} Dismissed: a poster")),
        "{}",
        tail.stdout
    );
    let export = unmask_in(folder.path(), &["log", "export", "events"]);
    assert!(
        export.stdout.contains("\"decision\":\"dismissed\""),
        "{}",
        export.stdout
    );
    let wrong = unmask_in(folder.path(), &["review", "confirm", "events", "0"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stdout);
    assert!(wrong.stderr.contains("review list"), "{}", wrong.stderr);
}
