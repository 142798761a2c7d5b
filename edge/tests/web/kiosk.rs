//! The public page of a kiosk, and several cameras on the operator's.

use crate::browser::{Browser, have_browser};
use crate::served::Served;

/// A busy machine takes its time for a frame.
const PATIENT: [&str; 5] = [
    "--realtime",
    "--set",
    "alarm.stall_ms=5000",
    "--source",
    "synthetic:8",
];
const WATCHES: &str =
    "document.body.dataset.signal !== 'offline' && picture.dataset.frame !== undefined";
/// Whether every pixel of the picture is clear.
const IS_BLANK: &str = "picture.getContext('2d')
    .getImageData(0, 0, picture.width, picture.height).data.every((value) => value === 0)";

fn kiosk(browser: &mut Browser, served: &Served, language: &str) {
    browser.open(&format!("{}/kiosk?lang={language}", served.url));
    browser.wait(WATCHES);
}

#[test]
fn the_public_page_has_nothing_to_press_and_fits_a_small_screen() {
    if !have_browser("the_public_page_has_nothing_to_press_and_fits_a_small_screen") {
        return;
    }
    let served = Served::start(&PATIENT);
    let mut browser = Browser::start(1280, 800);
    kiosk(&mut browser, &served, "en");
    browser.evaluate(
        "window.asked = []; window.fetch = new Proxy(fetch, { apply(f, self, args) {
        if (args[1]?.method === 'POST') asked.push(args[0]);
        return Reflect.apply(f, self, args);
    } }); true",
    );
    for key in ["k", "a", "r", "e", "h", "b", "t", "?", "1"] {
        browser.press(key);
    }
    assert_eq!(browser.text("location.pathname"), "/kiosk");
    assert_eq!(browser.evaluate("asked.length"), 0);
    assert_eq!(
        browser.evaluate("!!document.querySelector('dialog[open]')"),
        false
    );
    for _ in 0..5 {
        browser.press("Tab");
        let reached = browser.text("document.activeElement.tagName");
        assert_eq!(reached, "BODY", "something can be reached by keyboard");
    }
    browser.size(360, 640, 2.0);
    for language in ["en", "de", "fr", "es"] {
        kiosk(&mut browser, &served, language);
        assert_eq!(browser.text("document.documentElement.lang"), language);
        for signal in ["genuine", "manipulated", "undecided", "fault", "safe"] {
            // The longest words of the table, whatever is shown at this moment.
            let fits = format!(
                "import('/text.js').then(({{ t }}) => {{
                    const title = document.getElementById('band-title');
                    const detail = document.getElementById('band-detail');
                    const [was, before] = [title.textContent, detail.textContent];
                    title.textContent = t('kiosk_{signal}');
                    detail.textContent = t('kiosk_{signal}_detail');
                    const root = document.documentElement;
                    const band = document.getElementById('band');
                    const fits = root.scrollWidth <= innerWidth && band.scrollWidth <= innerWidth
                        && band.getBoundingClientRect().bottom <= innerHeight + 1
                        && title.getBoundingClientRect().right <= innerWidth;
                    [title.textContent, detail.textContent] = [was, before];
                    return fits;
                }})"
            );
            assert_eq!(browser.evaluate(&fits), true, "{language} {signal}");
        }
    }
    assert_eq!(browser.errors, [] as [String; 0]);
}

#[test]
fn no_face_stays_on_the_screen_of_a_server_that_hangs() {
    if !have_browser("no_face_stays_on_the_screen_of_a_server_that_hangs") {
        return;
    }
    let served = Served::start(&PATIENT);
    let mut browser = Browser::start(900, 700);
    kiosk(&mut browser, &served, "en");
    browser.wait(&format!("!({IS_BLANK})"));
    served.signal("STOP");
    let took = browser.wait(IS_BLANK);
    println!("the face was gone after {took:?}");
    browser.wait("document.body.dataset.signal === 'offline'");
    assert_eq!(
        browser.evaluate("document.getElementById('no-picture').hidden"),
        false
    );
    served.signal("CONT");
    browser.wait(&format!(
        "document.body.dataset.signal !== 'offline' && !({IS_BLANK})"
    ));
}

#[test]
fn who_logs_in_at_the_public_page_comes_back_to_it() {
    if !have_browser("who_logs_in_at_the_public_page_comes_back_to_it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "a-token-for-a-test\n").unwrap();
    let arguments = [&PATIENT[..], &["--web-token", "token"]].concat();
    let served = Served::start_in(folder, &arguments);
    let mut browser = Browser::start(900, 700);
    browser.open(&format!("{}/kiosk", served.url));
    browser.wait(
        "location.pathname === '/login' && document.querySelector('label').textContent === 'Token'",
    );
    browser.evaluate("token.focus()");
    browser.type_in("a-token-for-a-test");
    browser.press("Enter");
    browser.wait("location.pathname === '/kiosk'");
    browser.wait(WATCHES);
    assert_eq!(browser.errors, [] as [String; 0]);
}

#[test]
fn of_several_cameras_the_one_with_an_alarm_comes_forward() {
    if !have_browser("of_several_cameras_the_one_with_an_alarm_comes_forward") {
        return;
    }
    let served = Served::start(&PATIENT);
    let mut browser = Browser::start(1280, 900);
    browser.open(&served.url);
    browser.wait(WATCHES);
    // The page's own module, told of four cameras.
    let shown = browser.evaluate(
        "import('/grid.js').then(async (grid) => {
            const picked = [];
            const pick = (at) => { picked.push(at); grid.mark(at); };
            const of = (...verdicts) => verdicts.map((verdict) => ({ verdict }));
            grid.cameras(['door', 'hall', 'yard', 'gate'], 0, pick);
            grid.seen({ stream: 0, people: of('genuine') });
            grid.seen({ stream: 3, people: of('undecided') });
            grid.seen({ stream: 1, people: of('undecided', 'genuine') });
            grid.seen({ stream: 2, people: of('genuine', 'manipulated') });
            // Another alarm does not take the place of one that is shown.
            grid.seen({ stream: 1, people: of('manipulated') });
            const tiles = [...document.querySelectorAll('#cameras .camera')];
            return {
                picked,
                signals: tiles.map((tile) => tile.dataset.signal),
                pressed: tiles.map((tile) => tile.getAttribute('aria-pressed')),
                first: getComputedStyle(tiles[2]).order,
            };
        })",
    );
    assert_eq!(shown["picked"], serde_json::json!([2]));
    assert_eq!(
        shown["signals"],
        serde_json::json!(["genuine", "manipulated", "manipulated", "undecided"])
    );
    assert_eq!(
        shown["pressed"],
        serde_json::json!(["false", "false", "true", "false"])
    );
    assert_eq!(shown["first"], "-1");
}
