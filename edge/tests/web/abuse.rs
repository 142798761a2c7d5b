//! What the server is sent by people who mean no good.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use unmask_edge::alarm::Beacon;
use unmask_edge::builtin::builtin;
use unmask_edge::clock::SystemClock;
use unmask_edge::machine::resident_bytes;
use unmask_edge::metrics::Metrics;
use unmask_edge::observe::desk;
use unmask_edge::web::{LiveObserver, WebConfig, WebInput, WebServer};

use crate::http::{Answer, ask, connect, get, raw};

const TOKEN: &str = "a-token-for-a-test";

/// A server without a pipeline.
pub struct Alone {
    pub url: String,
    _server: WebServer,
    pub observer: LiveObserver,
    _folder: tempfile::TempDir,
}

pub fn alone(change: impl FnOnce(&mut WebConfig)) -> Alone {
    let folder = tempfile::tempdir().unwrap();
    let token: PathBuf = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let bundle = builtin().unwrap();
    let streams = ["front".to_owned()];
    let mut config = WebConfig {
        address: Some("127.0.0.1:0".into()),
        requests_hz_max: 10_000,
        ..WebConfig::default()
    };
    change(&mut config);
    if config.token_file.is_some() {
        config.token_file = Some(token);
    }
    let clock = Arc::new(SystemClock::default());
    let input = WebInput {
        bundle: &bundle,
        streams: &streams,
        rate_hz: 30.0,
        metrics: Arc::new(Metrics::new(&bundle, &streams)),
        beacon: Arc::new(Beacon::new(clock, Duration::from_secs(1))),
        requester: desk().0,
        log: None,
    };
    let (server, observer) = WebServer::start(&config, input).unwrap().unwrap();
    Alone {
        url: format!("http://{}", server.address()),
        _server: server,
        observer,
        _folder: folder,
    }
}

#[test]
fn only_this_page_may_ask_and_only_under_its_own_name() {
    let server = alone(|config| {
        config.hosts = vec!["kiosk.example".into()];
        config.token_file = Some("token".into());
    });
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let ask = |url: &str, method: &str, path: &str, fields: &[&str], body: &str| {
        let fields = [fields, &[bearer.as_str()]].concat();
        ask(url, method, path, &fields, body)
    };
    let status = |fields: &[&str]| ask(&server.url, "GET", "/", fields, "").status;
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&["Host: kiosk.example:8464"]), 200);
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        "localhost.evil",
    ] {
        assert_eq!(status(&[&format!("Host: {host}")]), 421, "{host}");
    }
    let twice = raw(
        &server.url,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(twice.unwrap().status, 421);
    let none = raw(&server.url, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(none.status, 421);

    let post = |fields: &[&str]| ask(&server.url, "POST", "/api/acknowledge", fields, "").status;
    assert_eq!(post(&["Origin: http://evil.example"]), 403);
    assert_eq!(post(&["Origin: null"]), 403);
    assert_eq!(post(&["Sec-Fetch-Site: cross-site"]), 403);
    assert_eq!(post(&["Sec-Fetch-Site: same-site"]), 403);
    let read = |path, fields: &[&str]| ask(&server.url, "GET", path, fields, "").status;
    assert_eq!(read("/metrics", &["Sec-Fetch-Site: cross-site"]), 403);
    assert_eq!(
        read("/", &["Sec-Fetch-Site: cross-site"]),
        200,
        "a link on another site"
    );
    assert_eq!(read("/metrics", &["Sec-Fetch-Site: same-origin"]), 200);
    let own = format!("Origin: {}", server.url);
    // The pipeline is not there: what is asked of it cannot be handed in.
    assert_eq!(post(&[own.as_str()]), 503);
}

#[test]
fn every_answer_forbids_scripts_of_others_and_frames() {
    let server = alone(|_| {});
    for path in ["/", "/metrics", "/nothing", "/api/picture/9"] {
        let answer = get(&server.url, path);
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.field("x-frame-options"), Some("DENY"));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.field("access-control-allow-origin"), None);
    }
    let page = get(&server.url, "/").body;
    for inline in [
        "<style",
        "style=",
        "onclick",
        "javascript:",
        "<script>",
        "http://",
        "https://",
    ] {
        assert!(!page.contains(inline), "{inline} in the page");
    }
}

/// The beacon of this server has heard nothing of a pipeline for longer than its second.
#[test]
fn metrics_say_that_the_pipeline_hangs() {
    let server = alone(|_| {});
    let has = |wanted: &str| get(&server.url, "/metrics").body.contains(wanted);
    let start = Instant::now();
    while !has("\nunmask_pipeline_hung 1") {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(50));
    }
    for wanted in [
        "unmask_camera_up{camera=\"front\"} 0",
        "unmask_frame_rate_hertz{camera=\"front\"} 0",
        "unmask_alarm_state{state=\"safe\"} 1",
        "unmask_alarm_state{state=\"idle\"} 0",
    ] {
        assert!(
            has(wanted),
            "{wanted}: {}",
            get(&server.url, "/metrics").body
        );
    }
}

#[test]
fn paths_lead_nowhere_else() {
    let server = alone(|_| {});
    for path in [
        "/../Cargo.toml",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/api/still/../../log.key",
        "/api/still/..%2flog.key",
        "/api/still/0",
        "/api/still/-1",
        "/api/still/99999999999999999999999",
        "/api/still/%00",
        "/api/picture/1",
        "/api/picture/99999999999999999999999",
        "/api/picture/0?after=x",
        "/api/picture/0?after=1&after=2",
        "/style.css/../../log.key",
        "/page/style.css",
        "/log.key",
        "/config",
        "/api",
        "/?page=/etc/passwd/..",
        "*",
        "http://evil.example/metrics.txt",
    ] {
        let answer = get(&server.url, path);
        let is_page = path.starts_with("/?") && answer.status == 200;
        assert!(
            is_page || (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.body.contains("root:") && !answer.body.contains("PRIVATE"));
    }
    for method in [
        "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "BREW",
    ] {
        for path in ["/", "/metrics", "/api/live", "/api/reviews/1"] {
            let status = ask(&server.url, method, path, &[], "").status;
            assert!((400..500).contains(&status), "{method} {path}: {status}");
        }
    }
    for nonsense in [
        &b"\r\n\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let status = raw(&server.url, nonsense).map_or(400, |answer| answer.status);
        assert!((400..506).contains(&status), "{nonsense:?}: {status}");
    }
    assert_eq!(get(&server.url, "/").status, 200);
}

#[test]
fn without_the_token_nothing_is_told() {
    let server = alone(|config| config.token_file = Some("token".into()));
    let with = |path: &str, fields: &[&str]| ask(&server.url, "GET", path, fields, "");
    for (path, login) in [("/", "/login"), ("/kiosk", "/login?next=kiosk")] {
        let answer = with(path, &[]);
        assert_eq!(
            (answer.status, answer.field("location")),
            (303, Some(login))
        );
    }
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for path in [
        "/metrics",
        "/main.js",
        "/api/reviews",
        "/api/still/1",
        "/api/picture/0",
        "/x",
    ] {
        let answer = with(path, &[]);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.body.contains("unmask_"), "{path}");
        assert_ne!(with(path, &[bearer.as_str()]).status, 401, "{path}");
        let in_url = format!("{path}?token={TOKEN}");
        assert_eq!(with(&in_url, &[]).status, 401, "{in_url}");
    }
    let log_in = |token: &str| -> Answer { ask(&server.url, "POST", "/login", &[], token) };
    assert_eq!(log_in("wrong-token-wrong-token").status, 401);
    let answer = log_in(TOKEN);
    assert_eq!(answer.status, 204);
    let cookie = answer.field("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && !cookie.contains(TOKEN),
        "{cookie}"
    );
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!(with("/metrics", &[cookie.as_str()]).status, 200);
    let other = cookie.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(with("/metrics", &[other.as_str()]).status, 401);
    // Whoever guesses is slowed down.
    let guesses: Vec<u16> = (0..20)
        .map(|n| log_in(&format!("guess-number-{n:05}")).status)
        .collect();
    assert!(
        guesses.iter().filter(|status| **status == 401).count() <= 6,
        "{guesses:?}"
    );
    let guess = "Authorization: Bearer guess-guess-guess-guess";
    assert_eq!(with("/metrics", &[guess]).status, 429);
}

/// Through one door as through the other; behind a proxy, each visitor for himself.
#[test]
fn wrong_tokens_close_every_door_for_their_visitor_alone() {
    let server = alone(|config| config.token_file = Some("token".into()));
    let from = |visitor: &str, field: &str| {
        let forwarded = format!("X-Forwarded-For: {visitor}");
        ask(&server.url, "GET", "/metrics", &[&forwarded, field], "").status
    };
    let right = format!("Authorization: Bearer {TOKEN}");
    for (visitor, wrong) in [
        ("10.0.0.1", "Authorization: Bearer guess-guess-guess-"),
        ("10.0.0.2", "Cookie: unmask="),
    ] {
        let guesses: Vec<u16> = (0..114)
            .map(|n| from(visitor, &format!("{wrong}{n}")))
            .collect();
        let tried = guesses.iter().filter(|status| **status == 401).count();
        assert!((1..=6).contains(&tried), "{guesses:?}");
        assert_eq!(from(visitor, &right), 429, "{visitor} was believed at once");
        let forwarded = format!("X-Forwarded-For: {visitor}");
        let answer = ask(&server.url, "POST", "/login", &[&forwarded], TOKEN);
        assert_eq!(answer.status, 429, "{visitor}");
    }
    assert_eq!(from("10.0.0.3", &right), 200);
    // An old cookie, sent again and again, is one guess.
    let old = "Cookie: unmask=yesterday";
    assert!((0..50).all(|_| from("10.0.0.4", old) == 401));
    assert_eq!(from("10.0.0.4", &right), 200);
}

#[test]
fn who_asks_too_often_is_refused_for_a_while() {
    let server = alone(|config| config.requests_hz_max = 5);
    let statuses: Vec<u16> = (0..40)
        .map(|_| get(&server.url, "/icon.svg").status)
        .collect();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(
        refused > 5 && statuses.first() == Some(&200),
        "{statuses:?}"
    );
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(get(&server.url, "/icon.svg").status, 200);
}

/// Sends this until the other side has enough; how many bytes that took.
fn pour(stream: &mut TcpStream, chunk: &[u8], most: usize) -> usize {
    let mut sent = 0;
    while sent < most {
        match stream.write(chunk) {
            Ok(0) | Err(_) => break,
            Ok(bytes) => sent += bytes,
        }
    }
    sent
}

#[test]
fn a_header_and_a_body_without_end_are_cut_off() {
    if !has_own_process("abuse::a_header_and_a_body_without_end_are_cut_off") {
        return;
    }
    const GIGABYTE: usize = 1 << 30;
    let server = alone(|_| {});
    let before = resident_bytes().unwrap();
    let mut stream = connect(&server.url).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        .unwrap();
    let sent = pour(&mut stream, &[b'a'; 1 << 16], GIGABYTE);
    assert!(sent < 64 << 20, "{sent} bytes of header were taken");
    let mut many = connect(&server.url).unwrap();
    many.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        .unwrap();
    let sent = pour(
        &mut many,
        "X-Many: header\r\n".repeat(4096).as_bytes(),
        GIGABYTE,
    );
    assert!(sent < 64 << 20, "{sent} bytes of headers were taken");
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a".repeat(100_000)
    );
    let status = raw(&server.url, long.as_bytes()).map_or(414, |answer| answer.status);
    assert!((400..500).contains(&status), "{status}");

    let declared = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {GIGABYTE}\r\n\r\n"
    );
    assert_eq!(raw(&server.url, declared.as_bytes()).unwrap().status, 413);
    let mut chunked = connect(&server.url).unwrap();
    chunked
        .write_all(b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
    let sent = pour(&mut chunked, &chunk, GIGABYTE);
    assert!(sent < 64 << 20, "{sent} bytes of body were taken");
    let grown = resident_bytes().unwrap().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes of memory");
    assert_eq!(get(&server.url, "/").status, 200);
}

#[test]
fn slow_visitors_are_given_up() {
    let server = alone(|_| {});
    let mut drip = connect(&server.url).unwrap();
    drip.set_nodelay(true).unwrap();
    let mut idle = connect(&server.url).unwrap();
    let start = Instant::now();
    let head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for byte in head {
        if drip.write_all(&[*byte]).is_err() || start.elapsed() > Duration::from_secs(15) {
            break;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    let gone = start.elapsed();
    assert!(
        gone < Duration::from_secs(12),
        "a slow head was borne for {gone:?}"
    );
    let mut byte = [0];
    assert!(
        matches!(idle.read(&mut byte), Ok(0) | Err(_)),
        "an idle connection stays"
    );
    // A body that never comes.
    let mut stuck = connect(&server.url).unwrap();
    stuck
        .write_all(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc")
        .unwrap();
    let mut answer = String::new();
    let start = Instant::now();
    let _ = stuck.read_to_string(&mut answer);
    assert!(start.elapsed() < Duration::from_secs(25), "{answer}");
}

/// Memory is that of a process, and the other tests of this one use some: runs the test once more,
/// in a process of its own. True there.
fn has_own_process(test: &str) -> bool {
    const OWN: &str = "UNMASK_TEST_OWN_PROCESS";
    if std::env::var_os(OWN).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(program);
    let output = command
        .args(["--exact", test])
        .env(OWN, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    false
}

#[test]
fn two_thousand_connections_are_bounded_and_others_are_served_again() {
    if !has_own_process("abuse::two_thousand_connections_are_bounded_and_others_are_served_again") {
        return;
    }
    let server = alone(|config| config.connections_max = 32);
    let before = resident_bytes().unwrap();
    // Twice a thousand: a process may often have no more than that open.
    for _ in 0..2 {
        let mut all: Vec<TcpStream> = (0..1000)
            .filter_map(|_| connect(&server.url).ok())
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        let mut open = 0;
        for stream in &mut all {
            stream
                .set_read_timeout(Some(Duration::from_millis(1)))
                .unwrap();
            let mut byte = [0];
            // What is open has nothing to say yet; what was refused is closed.
            open += usize::from(stream.read(&mut byte).is_err_and(|error| {
                matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                )
            }));
        }
        assert!(open <= 32, "{open} connections are open");
    }
    let grown = resident_bytes().unwrap().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes of memory");
    // Whoever does not ask loses his place.
    let start = Instant::now();
    loop {
        let asked = raw(
            &server.url,
            b"GET /icon.svg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        if asked.is_ok_and(|answer| answer.status == 200) {
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "nobody is served any more"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let metrics = get(&server.url, "/metrics").body;
    assert!(
        metrics.contains("unmask_web_refused_total{reason=\"connections\"}"),
        "{metrics}"
    );
}
