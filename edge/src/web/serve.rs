//! Accepts connections, so many at once and no more, and gives up slow ones.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Site;
use super::guard::Peer;
use super::write_timeout::{WRITE_WITHIN, WriteTimeout};

/// A request's head must be there within this time; an idle connection is closed
/// after it.
pub(super) const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of a request's head.
pub(super) const HEAD_BYTES_MAX: usize = 16 << 10;
/// Most header fields.
const HEADERS_MAX: usize = 64;
/// When the system has no connection to give, it is asked again after this time.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until told to end.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    site: Arc<Site>,
    connections_max: usize,
    mut end: watch::Receiver<bool>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(connections_max));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = end.wait_for(|is_over| *is_over) => std::future::pending().await,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            site.metrics.device.refused("connections");
            continue;
        };
        let router = router.clone().layer(Extension(Peer(peer.ip())));
        tokio::spawn(talk(stream, router, Arc::clone(&site), place));
    }
}

/// Talks with one visitor. The place is free when it ends.
async fn talk(stream: TcpStream, router: Router, site: Arc<Site>, place: OwnedSemaphorePermit) {
    // Small messages must not wait for more.
    let _ = stream.set_nodelay(true);
    site.metrics.device.web_connections.inc();
    let stream = TokioIo::new(WriteTimeout::new(stream, WRITE_WITHIN));
    let ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(stream, TowerToHyperService::new(router))
        .await;
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection of the live page ended");
    }
    site.metrics.device.web_connections.dec();
    drop(place);
}
