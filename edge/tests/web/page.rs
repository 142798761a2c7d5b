//! The page in a real browser.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use unmask_edge::source::synthetic::{Act, Casting};

use crate::browser::{Browser, have_browser};
use crate::served::Served;

/// Somebody with a swapped face comes first, and the model sees it.
const SEED: u64 = 8;
/// The verdict comes within this time of a stream of 30 frames a second after somebody came into
/// view, and the page turns within it after the verdict.
const TURNS_WITHIN: Duration = Duration::from_secs(5);
/// A busy machine takes its time for a frame.
const PATIENT: [&str; 4] = ["--realtime", "--set", "alarm.stall_ms=5000", "--source"];

fn screenshot(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("screenshots").join(format!("{name}.png"))
}

fn served(more: &[&str]) -> Served {
    let source = format!("synthetic:{SEED}");
    let arguments = [&PATIENT[..], &[source.as_str()], more].concat();
    Served::start(&arguments)
}

/// Notes in the page when somebody came, when the verdict came, and when which signal was shown.
const NOTE: &str = "
    window.noted = { came: null, told: null, frames: [], signals: {} };
    new EventSource('/api/live').addEventListener('event', (m) => {
        const event = JSON.parse(m.data);
        if (event.kind === 'track_started') {
            noted.came ??= performance.now();
            noted.frames[0] ??= event.frame;
        }
        if (event.verdict === 'manipulated') {
            noted.told ??= performance.now();
            noted.frames[1] ??= event.frame;
        }
    });
    new MutationObserver(() => {
        noted.signals[document.body.dataset.signal] ??= performance.now();
    }).observe(document.body, { attributes: true });
    true";

#[test]
fn a_swapped_person_turns_the_band_and_the_picture_moves() {
    if !have_browser("a_swapped_person_turns_the_band_and_the_picture_moves") {
        return;
    }
    let first = Casting::new(SEED).at(0, 0).unwrap();
    assert_eq!(first.act, Act::Swapped);
    let mut browser = Browser::start(1280, 900);
    let served = served(&["--log", "events", "--stills", "20"]);
    browser.open(&served.url);
    browser.evaluate(NOTE);
    browser.wait("noted.signals.manipulated !== undefined");
    browser.screenshot(&screenshot("operator"));
    browser.wait("noted.told !== null");
    let [whole, page] = ["came", "told"].map(|since| {
        let took = browser.evaluate(&format!("noted.signals.manipulated - noted.{since}"));
        took.as_f64().unwrap_or(f64::NAN)
    });
    println!(
        "the band turned {whole:.0} ms after the person was seen, {page:.0} after the verdict"
    );
    // A machine may be busy with other things: of the pipeline, the frames count.
    let frames = browser
        .evaluate("noted.frames[1] - noted.frames[0]")
        .as_u64();
    assert!(
        frames < Some(TURNS_WITHIN.as_secs() * 30),
        "{frames:?} frames"
    );
    assert!(page < TURNS_WITHIN.as_millis() as f64, "{page} ms");

    // The picture moves: its frames go on, and so do its pixels.
    let pixels = "(() => { const c = document.getElementById('picture');
        return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)
            .reduce((sum, v, at) => (sum * 31 + v * (at % 97)) % 1000003, 7); })()";
    let (frame, before) = (
        browser.text("document.getElementById('picture').dataset.frame"),
        browser.evaluate(pixels),
    );
    browser.wait(&format!(
        "Number(picture.dataset.frame) > Number('{frame}') + 3"
    ));
    // A picture may have come between the number and the pixels.
    browser.wait(&format!("{pixels} !== {before}"));
    browser.wait("people.children.length > 0");
    browser.wait("tiles.innerText.includes('entries')");
    let tiles = browser.text("tiles.innerText");
    for wanted in ["afsl-lite", "a second", "p99", "entries"] {
        assert!(tiles.contains(wanted), "{wanted} is missing in\n{tiles}");
    }
    assert!(browser.evaluate("!!document.querySelector('#events .thumb')") == true);
    browser.evaluate("document.querySelector('#events .thumb').click()");
    browser.wait("document.getElementById('still-picture').naturalWidth > 100");
    browser.press("Escape");
    browser.press("r");
    browser.wait("document.querySelectorAll('#reviews .shot img').length > 0");
    browser.wait("document.querySelector('#reviews .shot img').naturalWidth > 100");
    browser.evaluate("document.querySelector('#reviews .decide input').focus()");
    browser.type_in("seen by the test");
    browser.evaluate("document.querySelector('#reviews .decide button.confirmed').click()");
    browser.wait("!!document.querySelector('#reviews [data-review=confirmed] q')");
    browser.evaluate("document.getElementById('panels').scrollIntoView()");
    browser.screenshot(&screenshot("review"));
    // The strip of stills leads to the queue.
    browser.wait("document.querySelector('#film .film-frame img').naturalWidth > 100");
    browser.evaluate("document.querySelector('#film .film-frame').click()");
    browser.wait("!!document.querySelector('#film [data-current]')");
    browser.press("a");
    browser.wait("tiles.innerText.includes('acknowledged')");
    assert_eq!(browser.errors, [] as [String; 0]);
}

#[test]
fn an_alarm_is_heard_and_the_lamp_is_tried() {
    if !have_browser("an_alarm_is_heard_and_the_lamp_is_tried") {
        return;
    }
    let mut browser = Browser::start(1280, 900);
    let served = served(&["--set", "alarm.transcript=pin.txt"]);
    browser.open(&served.url);
    browser.wait("document.body.dataset.signal !== 'offline'");
    browser.evaluate(
        "window.tones = 0; window.asked = [];
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (when) { tones++; start.call(this, when); };
        window.fetch = new Proxy(fetch, { apply: async (f, self, args) => {
            const answer = await Reflect.apply(f, self, args);
            if (args[1]?.method === 'POST') asked.push([args[0], answer.status]);
            return answer;
        } }); true",
    );
    browser.press("s");
    assert_eq!(browser.text("sound.getAttribute('aria-pressed')"), "true");
    // Once so that it is known, and again with the alarm.
    browser.wait("tones >= 2");
    browser.wait("tones >= 4");
    browser.press("s");
    assert_eq!(browser.text("sound.getAttribute('aria-pressed')"), "false");
    browser.press("l");
    browser.wait("asked.length > 0");
    assert_eq!(
        browser.evaluate("asked"),
        serde_json::json!([["/api/lamp", 202]])
    );
    assert_eq!(browser.evaluate("lamp.disabled"), true);
    browser.wait("!lamp.disabled");
    assert_eq!(browser.errors, [] as [String; 0]);
}

#[test]
fn everything_is_reached_by_keyboard_in_both_modes_and_schemes() {
    if !have_browser("everything_is_reached_by_keyboard_in_both_modes_and_schemes") {
        return;
    }
    let mut browser = Browser::start(1280, 900);
    let served = served(&[]);
    browser.open(&served.url);
    browser.wait("document.body.dataset.signal !== 'offline' && people.children.length > 0");
    browser.press("Tab");
    assert_eq!(browser.text("document.activeElement.className"), "skip");
    let mut reached = Vec::new();
    for _ in 0..20 {
        browser.press("Tab");
        reached.push(browser.text("document.activeElement.id"));
    }
    for wanted in [
        "boxes",
        "heat",
        "mirror",
        "tab-events",
        "theme",
        "mode",
        "keys",
    ] {
        assert!(
            reached.iter().any(|id| id == wanted),
            "{wanted}: {reached:?}"
        );
    }
    let pressed = |browser: &mut Browser, id: &str| -> Value {
        browser.evaluate(&format!(
            "document.getElementById('{id}').getAttribute('aria-pressed')"
        ))
    };
    for (key, id, now) in [
        ("h", "heat", "false"),
        ("b", "boxes", "false"),
        ("m", "mirror", "true"),
    ] {
        browser.press(key);
        assert_eq!(pressed(&mut browser, id), now, "{key}");
    }
    browser.press("r");
    assert_eq!(browser.text("document.activeElement.id"), "tab-review");
    browser.press("ArrowRight");
    assert_eq!(browser.text("document.activeElement.id"), "tab-events");
    browser.press("?");
    assert_eq!(
        browser.evaluate("document.getElementById('help').open"),
        true
    );
    browser.press("Escape");
    assert_eq!(
        browser.evaluate("document.getElementById('help').open"),
        false
    );
    // Every control has a name, and what changes is told to screen readers.
    let nameless = "[...document.querySelectorAll('button, a, input, canvas[role=img]')]
        .filter((n) => !(n.innerText || n.textContent || n.getAttribute('aria-label') || '').trim())
        .map((n) => n.outerHTML)";
    assert_eq!(browser.evaluate(nameless).as_array().map(Vec::len), Some(0));
    let told = browser.text("polite.textContent + urgent.textContent");
    assert_eq!(
        told,
        browser.text("document.getElementById('band-title').textContent")
    );

    browser.press("t");
    let theme = browser.text("document.documentElement.dataset.theme");
    assert_eq!(theme, "dark");
    browser.screenshot(&screenshot("operator-dark"));
    browser.press("t");
    browser.size(390, 844, 2.0);
    browser.evaluate("scrollTo(0, 0)");
    let overflow = "document.documentElement.scrollWidth - innerWidth";
    assert!(
        browser.evaluate(overflow).as_i64() <= Some(0),
        "wider than a phone"
    );
    browser.screenshot(&screenshot("phone"));
    browser.size(1280, 800, 1.0);
    browser.press("k");
    browser.wait("location.pathname === '/kiosk' && document.readyState === 'complete'");
    browser
        .wait("document.body.dataset.signal !== 'offline' && picture.dataset.frame !== undefined");
    // Readable from two metres: letters of a twentieth of the screen's height, at least.
    let size = "parseFloat(getComputedStyle(document.getElementById('band-title')).fontSize)";
    assert!(browser.evaluate(size).as_f64() > Some(0.07 * 800.0));
    assert_eq!(browser.evaluate("getComputedStyle(health).display"), "none");
    browser.screenshot(&screenshot("kiosk"));
    assert_eq!(browser.errors, [] as [String; 0]);
}

#[test]
fn the_token_is_asked_for_refused_and_accepted() {
    if !have_browser("the_token_is_asked_for_refused_and_accepted") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "a-token-for-a-test\n").unwrap();
    let served = Served::start_in(
        folder,
        &[&PATIENT[..], &["synthetic:2", "--web-token", "token"]].concat(),
    );
    let mut browser = Browser::start(900, 700);
    browser.open(&served.url);
    browser.wait("location.pathname === '/login'");
    browser.wait("document.querySelector('label').textContent === 'Token'");
    browser.screenshot(&screenshot("login"));
    assert_eq!(browser.errors, [] as [String; 0]);
    browser.type_in("not-the-token-of-it");
    browser.press("Enter");
    browser.wait("refused.textContent.length > 0");
    // The browser tells of the status 401 itself.
    assert!(
        browser.errors.iter().all(|error| error.contains("401")),
        "{:?}",
        browser.errors
    );
    browser.errors.clear();
    browser.evaluate("token.select()");
    browser.type_in("a-token-for-a-test");
    browser.press("Enter");
    browser.wait("location.pathname === '/' && document.body.dataset.signal !== 'offline'");
    assert_eq!(
        browser.text("document.cookie"),
        "",
        "scripts can read the cookie"
    );
    assert!(!browser.text("location.href").contains("token"));
    assert_eq!(browser.errors, [] as [String; 0]);
}

/// The picture for the README:
///
///     cargo test --release --workspace --test web -- --ignored picture_for_the_readme
#[test]
#[ignore = "writes docs/live.png"]
fn picture_for_the_readme() {
    let mut browser = Browser::start(1100, 1000);
    let served = Served::start(
        &[
            &PATIENT[..],
            &["synthetic:5", "--log", "events", "--stills", "20"],
        ]
        .concat(),
    );
    browser.open(&served.url);
    let flagged = ".person[data-verdict=manipulated] .numbers";
    let both = format!(
        "document.body.dataset.signal === 'manipulated' && !acknowledge.hidden &&
        !!document.querySelector('.person[data-verdict=genuine]') &&
        parseFloat(document.querySelector('{flagged}')?.textContent.split('\u{b7}')[1]) > 4"
    );
    browser.wait(&both);
    std::thread::sleep(Duration::from_millis(150));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/live.png");
    browser.screenshot(&path);
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(bytes < 300_000, "{bytes} bytes are too many for a README");
}
