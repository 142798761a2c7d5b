//! The files of the page, which are part of the program.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type and text of each file.
pub(super) const FILES: [(&str, &str, &str); 12] = [
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
    ("/review.js", SCRIPT, include_str!("page/review.js")),
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
