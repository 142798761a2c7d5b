//! What can be asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::assets::{FILES, file};
use super::guard::guard;
use super::{Site, listen, login, reviews};
use crate::metrics;
use crate::observe::{Request, RequestError};

/// Most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 4096;
/// A request is answered within this time; a picture comes within the half of it.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A picture is waited for so long.
const PICTURE_WITHIN: Duration = Duration::from_secs(2);

/// Everything that can be asked for.
pub(super) fn router(site: &Arc<Site>) -> Router {
    let mut router = Router::new();
    for (path, kind, text) in FILES {
        let answer = get(move || async move { file(kind, text) });
        let answer = match path {
            "/login" => answer.post(login::log_in),
            _ => answer,
        };
        router = router.route(path, answer);
    }
    router
        .route("/logout", post(login::log_out))
        .route("/metrics", get(metrics_text))
        .route("/api/live", get(listen::live))
        .route("/api/picture/{stream}", get(picture))
        .route("/api/still/{entry}", get(reviews::still))
        .route("/api/reviews", get(reviews::list))
        .route("/api/reviews.csv", get(reviews::csv))
        .route("/api/reviews/{entry}", post(reviews::decide))
        .route("/api/acknowledge", post(acknowledge))
        .route("/api/lamp", post(lamp))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            ANSWER_WITHIN,
        ))
        .layer(from_fn_with_state(Arc::clone(site), guard))
        .with_state(Arc::clone(site))
}

async fn metrics_text(State(site): State<Arc<Site>>) -> Response {
    // A pipeline that hangs does not say so itself.
    site.metrics.watch(&site.beacon);
    match site.metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Deserialize)]
struct After {
    /// Number of the picture that the browser has.
    #[serde(default)]
    after: u64,
}

/// The next picture of a stream.
async fn picture(
    State(site): State<Arc<Site>>,
    Path(stream): Path<usize>,
    Query(After { after }): Query<After>,
) -> Response {
    let Some(slot) = site.live.pictures.get(stream) else {
        return (StatusCode::NOT_FOUND, "no such stream\n").into_response();
    };
    let mut pictures = slot.want(site.live.now());
    let is_newer = |newest: &Option<Arc<super::picture::Encoded>>| {
        newest.as_ref().is_some_and(|newest| newest.number != after)
    };
    let waited = tokio::time::timeout(PICTURE_WITHIN, pictures.wait_for(is_newer)).await;
    let newest = match waited {
        Ok(Ok(newest)) => newest.clone(),
        _ => None,
    };
    let Some(newest) = newest else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let headers = [
        (CONTENT_TYPE.as_str(), "image/jpeg".to_owned()),
        (CACHE_CONTROL.as_str(), "no-store".to_owned()),
        ("x-unmask-picture", newest.number.to_string()),
        ("x-unmask-frame", newest.frame.to_string()),
    ];
    (headers, newest.bytes.clone()).into_response()
}

async fn acknowledge(State(site): State<Arc<Site>>) -> Response {
    asked(&site, Request::Acknowledge)
}

/// Lights the lamp, so that somebody can see that it works.
async fn lamp(State(site): State<Arc<Site>>) -> Response {
    site.beacon.rehearse();
    tracing::info!("somebody tries the alarm's lamp");
    StatusCode::ACCEPTED.into_response()
}

/// Hands in a request.
pub(super) fn asked(site: &Site, request: Request) -> Response {
    match site.requester.ask(request) {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => {
            let status = match error {
                RequestError::Note => StatusCode::UNPROCESSABLE_ENTITY,
                RequestError::Busy | RequestError::Gone => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, format!("{error}\n")).into_response()
        }
    }
}
