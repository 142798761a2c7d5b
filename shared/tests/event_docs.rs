//! What `docs/events.md` says of events is what they are.

use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::{Reason, Verdict};

const DOCUMENT: &str = include_str!("../../docs/events.md");

/// Cells in the first column of the table with this heading.
fn first_column(heading: &str) -> Vec<String> {
    DOCUMENT
        .lines()
        .skip_while(|line| !line.starts_with(&format!("| {heading} |")))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('`').nth(1))
        .map(str::to_owned)
        .collect()
}

fn written<T: serde::Serialize>(all: &[T]) -> Vec<String> {
    let name = |value| serde_json::to_value(value).unwrap();
    all.iter()
        .map(|value| name(value).as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_example_is_an_event_with_every_field() {
    let example = DOCUMENT.lines().find(|line| line.starts_with('{')).unwrap();
    let event = Event::from_json(example.as_bytes()).unwrap();
    assert_eq!(event.verdict, Verdict::Manipulated);
    let fields = serde_json::to_value(&event).unwrap();
    let mut fields: Vec<String> = fields.as_object().unwrap().keys().cloned().collect();
    let mut documented = first_column("field");
    fields.sort();
    documented.sort();
    assert_eq!(fields, documented);
}

#[test]
fn every_kind_and_reason_is_listed() {
    assert_eq!(written(&EventKind::ALL), first_column("kind"));
    assert_eq!(written(&Reason::ALL), first_column("reason"));
}
