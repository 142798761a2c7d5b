//! Logging in: the token for a cookie.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};

use sha2::{Digest, Sha256};

use super::Site;
use super::guard::Visitor;
use super::token::forget_cookie;

/// Takes the token, as the whole body of the request, and gives a cookie.
pub(super) async fn log_in(
    State(site): State<Arc<Site>>,
    Extension(Visitor(visitor)): Extension<Visitor>,
    body: Bytes,
) -> Response {
    let Some(token) = &site.token else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let now = Instant::now();
    if !site.logins.may_guess(visitor, now) {
        site.metrics.device.refused("login");
        return (
            StatusCode::TOO_MANY_REQUESTS,
            "too many attempts: wait ten seconds\n",
        )
            .into_response();
    }
    let is_right = std::str::from_utf8(&body).is_ok_and(|text| token.is(text.trim()));
    if is_right {
        return (StatusCode::NO_CONTENT, [(SET_COOKIE, token.set_cookie())]).into_response();
    }
    site.logins
        .wrong(visitor, Sha256::digest(&body).into(), now);
    site.metrics.device.refused("login");
    tracing::warn!(%visitor, "somebody tried to log in to the live page with a wrong token");
    (StatusCode::UNAUTHORIZED, "this is not the token\n").into_response()
}

/// Takes the cookie away.
pub(super) async fn log_out() -> Response {
    (StatusCode::NO_CONTENT, [(SET_COOKIE, forget_cookie())]).into_response()
}
