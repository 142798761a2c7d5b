//! The files of the page, which are part of the program.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type and text of each file.
pub(super) const FILES: [(&str, &str, &str); 15] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/kiosk", HTML, include_str!("page/index.html")),
    ("/login", HTML, include_str!("page/login.html")),
    (
        "/style.css",
        "text/css; charset=utf-8",
        include_str!("page/style.css"),
    ),
    ("/main.js", SCRIPT, include_str!("page/main.js")),
    ("/text.js", SCRIPT, include_str!("page/text.js")),
    ("/stage.js", SCRIPT, include_str!("page/stage.js")),
    ("/panels.js", SCRIPT, include_str!("page/panels.js")),
    ("/grid.js", SCRIPT, include_str!("page/grid.js")),
    ("/review.js", SCRIPT, include_str!("page/review.js")),
    ("/sound.js", SCRIPT, include_str!("page/sound.js")),
    ("/timeline.js", SCRIPT, include_str!("page/timeline.js")),
    ("/login.js", SCRIPT, include_str!("page/login.js")),
    (
        "/texts.json",
        "application/json",
        include_str!("page/texts.json"),
    ),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// A file as it is sent. Browsers ask for it anew each time: another version of the
/// program has other files.
pub(super) fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    type Table = BTreeMap<String, BTreeMap<String, String>>;

    /// What the public page says.
    fn is_public(key: &str) -> bool {
        let starts = ["kiosk_", "do_", "verdict_", "reason_"];
        let others = [
            "no_picture",
            "person_is",
            "nobody",
            "token",
            "log_in",
            "login_wrong",
            "login_wait",
            "offline",
        ];
        starts.iter().any(|start| key.starts_with(start)) || others.contains(&key)
    }

    #[test]
    fn the_public_page_speaks_four_languages() {
        let table: Table = serde_json::from_str(include_str!("page/texts.json")).unwrap();
        let public: BTreeSet<&String> = table["en"].keys().filter(|key| is_public(key)).collect();
        assert!(public.len() > 30, "{public:?}");
        for language in ["de", "fr", "es"] {
            let words = &table[language];
            let missing: Vec<_> = public
                .iter()
                .filter(|key| !words.contains_key(**key))
                .collect();
            assert!(missing.is_empty(), "{language} lacks {missing:?}");
            for (key, text) in words {
                let english = table["en"].get(key);
                assert!(
                    english.is_some(),
                    "{language} has {key}, which nobody shows"
                );
                let values = |text: &str| text.matches('{').count();
                assert_eq!(values(text), values(english.unwrap()), "{language} {key}");
                assert!(!text.trim().is_empty(), "{language} {key}");
            }
        }
    }

    #[test]
    fn every_kind_of_event_has_words() {
        let table: Table = serde_json::from_str(include_str!("page/texts.json")).unwrap();
        for kind in unmask_shared::event::EventKind::ALL {
            let key = format!("event_{}", kind.name().unwrap());
            assert!(table["en"].contains_key(&key), "{key}");
        }
    }

    #[test]
    fn every_reason_says_what_to_do_next() {
        let table: Table = serde_json::from_str(include_str!("page/texts.json")).unwrap();
        for reason in unmask_shared::verdict::Reason::ALL {
            let name = crate::metrics::reason_name(reason);
            for start in ["do", "reason"] {
                assert!(
                    table["en"].contains_key(&format!("{start}_{name}")),
                    "{start}_{name}"
                );
            }
        }
    }
}
