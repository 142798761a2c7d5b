//! What every request must pass: rate, host, origin, token. And the headers of every
//! response.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use sha2::{Digest, Sha256};

use super::Site;
use super::token::has_cookie;

/// Who is connected: a visitor, or a proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor(pub(super) IpAddr);

/// Where proxies say who asked them.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who asks: whoever the proxies say that is, from the last of them on, as long as it is one.
fn visitor(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let mut visitor = peer;
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let names = values.filter_map(|value| value.to_str().ok());
    for name in names.flat_map(|names| names.rsplit(',')) {
        match name.trim().parse() {
            Ok(before) if proxies.contains(&visitor.to_canonical()) => visitor = before,
            _ => break,
        }
    }
    visitor.to_canonical()
}

/// What the page may load: itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// What is served to everybody, so that they can log in.
const OPEN: [&str; 6] = [
    "/login",
    "/style.css",
    "/icon.svg",
    "/login.js",
    "/text.js",
    "/texts.json",
];

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Rate,
    Host,
    Origin,
    Token,
}

impl Refusal {
    fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Token => "token",
        }
    }

    fn response(self, login: Option<&'static str>) -> Response {
        match self {
            Self::Rate => (StatusCode::TOO_MANY_REQUESTS, "too many requests\n").into_response(),
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "this name is not known here: add it to web.hosts\n",
            )
                .into_response(),
            Self::Origin => (StatusCode::FORBIDDEN, "only for this page itself\n").into_response(),
            Self::Token => match login {
                Some(login) => (StatusCode::SEE_OTHER, [(LOCATION, login)]).into_response(),
                None => (
                    StatusCode::UNAUTHORIZED,
                    [(WWW_AUTHENTICATE, "Bearer")],
                    "a token is needed: log in, or send Authorization: Bearer TOKEN\n",
                )
                    .into_response(),
            },
        }
    }
}

/// Lets a request through, or refuses it.
pub(super) async fn guard(
    State(site): State<Arc<Site>>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let visitor = visitor(peer, request.headers(), &site.proxies);
    request.extensions_mut().insert(Visitor(visitor));
    let login = login_of(request.uri().path());
    let checked = check(
        &site,
        visitor,
        request.method(),
        request.uri(),
        request.headers(),
    );
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            site.metrics.device.refused(refusal.name());
            refusal.response(login)
        }
    };
    dress(response.headers_mut());
    response
}

/// Where a page sends whoever is not known yet; who logs in there comes back.
fn login_of(path: &str) -> Option<&'static str> {
    match path {
        "/" => Some("/login"),
        "/kiosk" => Some("/login?next=kiosk"),
        _ => None,
    }
}

fn is_page(path: &str) -> bool {
    login_of(path).is_some()
}

fn check(
    site: &Site,
    visitor: IpAddr,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    if !site.requests.allows(visitor, Instant::now()) {
        return Err(Refusal::Rate);
    }
    let text = |name: HeaderName| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(one), None) => one.to_str().ok(),
            _ => None,
        }
    };
    let host = text(HOST).filter(|host| is_known(host, &site.hosts));
    let Some(host) = host else {
        return Err(Refusal::Host);
    };
    let is_write = method != Method::GET && method != Method::HEAD;
    let is_own = |origin: &str| {
        let (_, name) = origin.split_once("://").unwrap_or_default();
        name.eq_ignore_ascii_case(host)
    };
    if headers.contains_key(ORIGIN) && !text(ORIGIN).is_some_and(is_own) {
        return Err(Refusal::Origin);
    }
    // A link on another site may open a page, but nothing else.
    let site_of = text(HeaderName::from_static("sec-fetch-site"));
    let is_stranger = site_of.is_some_and(|from| from != "same-origin" && from != "none");
    if is_stranger && (is_write || !is_page(uri.path()) && uri.path() != "/login") {
        return Err(Refusal::Origin);
    }
    let Some(token) = &site.token else {
        return Ok(());
    };
    if OPEN.contains(&uri.path()) {
        return Ok(());
    }
    let bearer = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let cookies = text(COOKIE).filter(|cookies| has_cookie(cookies));
    if bearer.is_none() && cookies.is_none() {
        return Err(Refusal::Token);
    }
    // One limit for every door, also for whoever has guessed right by now.
    let now = Instant::now();
    if !site.logins.may_guess(visitor, now) {
        return Err(Refusal::Rate);
    }
    let is_known = bearer.is_some_and(|bearer| token.is(bearer))
        || cookies.is_some_and(|cookies| token.is_in_cookies(cookies));
    if is_known {
        return Ok(());
    }
    let guess = [bearer, cookies].map(Option::unwrap_or_default).join("\n");
    site.logins
        .wrong(visitor, Sha256::digest(guess).into(), now);
    Err(Refusal::Token)
}

/// Whether the page may be asked for under this name. A numeric address cannot be
/// pointed elsewhere by whoever owns a name (DNS rebinding), any other name can.
fn is_known(host: &str, names: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    };
    let v6 = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    if let Some(v6) = v6 {
        return v6.parse::<Ipv6Addr>().is_ok();
    }
    name.parse::<std::net::Ipv4Addr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn dress(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_are_whom_a_proxy_names_and_nobody_else() {
        let proxies = ["127.0.0.1", "10.0.0.2"].map(|proxy| proxy.parse().unwrap());
        let ask = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            if !forwarded.is_empty() {
                headers.insert(FORWARDED_FOR, forwarded.parse().unwrap());
            }
            visitor(peer.parse().unwrap(), &headers, &proxies).to_string()
        };
        assert_eq!(ask("127.0.0.1", ""), "127.0.0.1");
        assert_eq!(ask("127.0.0.1", "9.9.9.9"), "9.9.9.9");
        assert_eq!(ask("::ffff:127.0.0.1", "9.9.9.9"), "9.9.9.9");
        assert_eq!(ask("127.0.0.1", "1.1.1.1, 9.9.9.9, 10.0.0.2"), "9.9.9.9");
        assert_eq!(ask("127.0.0.1", "1.1.1.1, nonsense"), "127.0.0.1");
        assert_eq!(ask("8.8.8.8", "9.9.9.9"), "8.8.8.8", "no proxy of ours");
    }

    #[test]
    fn hosts_are_addresses_localhost_and_what_is_configured() {
        let names = ["kiosk.example".to_owned()];
        for host in [
            "127.0.0.1",
            "127.0.0.1:8464",
            "[::1]",
            "[::1]:8464",
            "localhost:1",
            "LOCALHOST",
            "kiosk.example",
            "Kiosk.Example:8464",
            "192.168.0.9:80",
        ] {
            assert!(is_known(host, &names), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8464",
            "kiosk.example.evil",
            "::1",
            "[::1",
            "[evil.example]",
            "127.0.0.1:80:80",
            "1.2.3",
        ] {
            assert!(!is_known(host, &names), "{host}");
        }
    }
}
