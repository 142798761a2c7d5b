//! The time line, and the review queue by keyboard, in a real browser.

use crate::browser::{Browser, have_browser};
use crate::served::Served;

/// Entry of the span that is looked at, as text; empty where there is none.
const CURRENT: &str = "document.querySelector('#reviews [aria-current]')?.dataset.entry ?? ''";
/// The element that has the focus is the span that is looked at.
const HAS_FOCUS: &str = "document.activeElement.matches('#reviews li[aria-current]')";

fn served() -> Served {
    let source = "--realtime --set alarm.stall_ms=5000 --source synthetic:8 --log events";
    Served::start(&source.split(' ').collect::<Vec<_>>())
}

/// A page that shows some spans in its time line.
fn opened(browser: &mut Browser, served: &Served) {
    browser.open(&served.url);
    browser.wait("document.body.dataset.signal !== 'offline'");
    browser.press("r");
    browser.wait("document.querySelectorAll('#time-rows .mark').length > 0");
    browser.wait("document.querySelectorAll('#time-rows .mark').length > 1");
    browser.wait("document.querySelectorAll('#time-rows .mark').length > 2");
}

#[test]
fn the_time_line_leads_to_every_span() {
    if !have_browser("the_time_line_leads_to_every_span") {
        return;
    }
    let mut browser = Browser::start(1280, 900);
    let served = served();
    opened(&mut browser, &served);
    browser.press("e");
    let entry = browser.text("document.querySelector('#time-rows .mark').dataset.jump");
    browser.evaluate("document.querySelector('#time-rows .mark').click()");
    browser.wait("!document.getElementById('review-panel').hidden");
    assert_eq!(browser.text(CURRENT), entry);
    assert_eq!(browser.evaluate(HAS_FOCUS), true);
    let marked = "document.querySelector('#time-rows [data-current]').dataset.jump";
    assert_eq!(browser.text(marked), entry);

    // In time, and by keyboard: one stop of the tabulator, then arrows, then Enter.
    let lefts =
        "[...document.querySelectorAll('#time-rows .mark')].map((m) => parseFloat(m.style.left))";
    let lefts: Vec<f64> = serde_json::from_value(browser.evaluate(lefts)).unwrap();
    assert!(lefts.is_sorted(), "{lefts:?}");
    assert!(
        lefts.iter().all(|left| (0.0..=100.0).contains(left)),
        "{lefts:?}"
    );
    let stops = "document.querySelectorAll('#time-rows .mark[tabindex=\"0\"]').length";
    assert_eq!(browser.evaluate(stops), 1);
    browser.evaluate("document.querySelector('#time-rows .mark').focus()");
    browser.press("ArrowRight");
    let second = browser.text("document.activeElement.dataset.jump");
    assert!(second.parse::<u64>().unwrap() > entry.parse().unwrap());
    browser.press("Enter");
    browser.wait(&format!("({CURRENT}) === '{second}'"));

    // What is told by colour is told in words, too.
    let words =
        browser.text("document.querySelector('#time-rows .mark').getAttribute('aria-label')");
    assert!(
        words.contains("Person") && words.contains("open"),
        "{words}"
    );
    for (range, pressed) in [(0, "10 min"), (2, "All")] {
        browser.evaluate(&format!(
            "document.querySelectorAll('#time-ranges button')[{range}].click()"
        ));
        let shown =
            browser.text("document.querySelector('#time-ranges [aria-pressed=true]').textContent");
        assert_eq!(shown, pressed);
    }
    browser.size(390, 844, 2.0);
    let overflow = "document.documentElement.scrollWidth - innerWidth";
    assert!(
        browser.evaluate(overflow).as_i64() <= Some(0),
        "wider than a phone"
    );
    browser.size(1280, 900, 1.0);
    browser.open(&format!("{}/kiosk", served.url.trim_end_matches('/')));
    browser.wait("document.body.dataset.signal !== 'offline'");
    let seen = "getComputedStyle(document.getElementById('time-box')).display";
    assert_eq!(browser.text(seen), "none");
    assert_eq!(browser.errors, [] as [String; 0]);
}

#[test]
fn the_queue_is_worked_through_by_keyboard() {
    if !have_browser("the_queue_is_worked_through_by_keyboard") {
        return;
    }
    let mut browser = Browser::start(1280, 900);
    let served = served();
    opened(&mut browser, &served);
    browser.press("e");
    browser.press("n");
    browser.wait(HAS_FOCUS);
    let first = browser.text(CURRENT);
    browser.press("n");
    let below = browser.text(CURRENT);
    assert!(
        below.parse::<u64>().unwrap() < first.parse().unwrap(),
        "newest first"
    );
    browser.press("p");
    assert_eq!(browser.text(CURRENT), first);

    // What is typed into a note decides nothing.
    browser.press("w");
    assert_eq!(browser.text("document.activeElement.value"), "");
    for letter in ["c", "d", "n"] {
        browser.press(letter);
    }
    assert_eq!(browser.text("document.activeElement.value"), "cdn");
    assert_eq!(
        browser.evaluate("document.querySelectorAll('#reviews .found').length"),
        0
    );
    browser.press("Escape");
    assert_eq!(browser.evaluate(HAS_FOCUS), true);

    // A decision goes on to the next open span, until none is left.
    browser.press("c");
    browser.wait(&format!(
        "document.querySelector('#reviews [data-entry=\"{first}\"] q')?.textContent === 'cdn'"
    ));
    let confirmed = format!("document.querySelector('[data-jump=\"{first}\"]').dataset.review");
    assert_eq!(browser.text(&confirmed), "confirmed");
    let now = browser.text(CURRENT);
    assert_ne!(now, first);
    browser.press("d");
    browser.wait(&format!(
        "document.querySelector('#reviews [data-entry=\"{now}\"]').dataset.review === 'dismissed'"
    ));
    assert_ne!(browser.text(CURRENT), now);
    assert_eq!(browser.errors, [] as [String; 0]);
}
