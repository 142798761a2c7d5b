//! Whether something listens at an address, and speaks what is expected.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Examination;

/// Whoever listens answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Port of RTSP, and of RTSP in TLS.
const RTSP_PORTS: [u16; 2] = [554, 322];
/// What a camera is asked: no password, nothing is set up.
const OPTIONS: &str = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: unmask-edge doctor\r\n\r\n";

/// Connects to a host, or says why that does not work.
pub(super) fn reach(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = (host, port).to_socket_addrs();
    let mut problem = "has no address".to_owned();
    for address in addresses
        .map_err(|error| error.to_string())?
        .take(ADDRESSES_MAX)
    {
        match TcpStream::connect_timeout(&address, ANSWER_WITHIN) {
            Ok(stream) => return Ok(stream),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

/// Asks a network camera for a sign of life. `label` is its address without a password.
pub(super) fn rtsp(name: &str, url: &str, label: &str) -> Examination {
    let remedy =
        "is the camera on, and the address right? the service bears with that and tries again";
    let Some((host, port, is_plain)) = host_of(url) else {
        return Examination::problem(
            name,
            format!("{label} names no host"),
            "write rtsp://host/path, with a port as in rtsp://host:8554/path where it is not 554",
        );
    };
    let mut stream = match reach(&host, port) {
        Ok(stream) => stream,
        Err(problem) => {
            return Examination::problem(
                name,
                format!("{label}: {host}:{port}: {problem}"),
                remedy,
            );
        }
    };
    if !is_plain {
        return Examination::ok(name, format!("{label}: {host}:{port} can be reached"));
    }
    let mut answer = [0; 8];
    let asked = stream
        .set_read_timeout(Some(ANSWER_WITHIN))
        .and_then(|()| stream.set_write_timeout(Some(ANSWER_WITHIN)))
        .and_then(|()| stream.write_all(OPTIONS.as_bytes()))
        .and_then(|()| stream.read_exact(&mut answer));
    match asked {
        Ok(()) if answer.starts_with(b"RTSP/") => Examination::ok(name, format!("{label} answers")),
        Ok(()) => Examination::problem(
            name,
            format!("{label}: what listens at {host}:{port} does not speak RTSP"),
            "check the port: cameras mostly use 554",
        ),
        Err(error) => Examination::problem(
            name,
            format!("{label}: {host}:{port} took the connection, but does not answer: {error}"),
            remedy,
        ),
    }
}

/// Host and port of an address, and whether it is without TLS.
fn host_of(url: &str) -> Option<(String, u16, bool)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_plain = !scheme.eq_ignore_ascii_case("rtsps");
    let place = rest.split(['/', '?', '#']).next()?;
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let [plain, tls] = RTSP_PORTS;
    let usual = if is_plain { plain } else { tls };
    let (host, port) = match place.strip_prefix('[') {
        // An IPv6 address.
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (host.to_owned(), port, is_plain))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::Severity;
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_from_passwords_and_paths() {
        for (url, wanted) in [
            ("rtsp://10.0.0.7/stream", Some(("10.0.0.7", 554, true))),
            ("rtsp://a:b:c@cam:8554/x?y=1", Some(("cam", 8554, true))),
            ("rtsps://cam", Some(("cam", 322, false))),
            ("rtsp://[::1]:9/x", Some(("::1", 9, true))),
            ("rtsp://[::1]", Some(("::1", 554, true))),
            ("rtsp:///x", None),
            ("rtsp://cam:x/", None),
        ] {
            let wanted = wanted.map(|(host, port, plain)| (host.to_owned(), port, plain));
            assert_eq!(host_of(url), wanted, "{url}");
        }
    }

    /// What is said of an address at which somebody gives this answer.
    fn said(answer: &'static str) -> Severity {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let camera = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 7];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(&asked, b"OPTIONS");
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let check = rtsp(
            "source",
            &format!("rtsp://me:secret@{address}/x"),
            "rtsp://x",
        );
        camera.join().unwrap();
        assert!(!check.found.contains("secret"), "{}", check.found);
        check.level
    }

    #[test]
    fn only_what_speaks_rtsp_is_ok() {
        assert_eq!(said("RTSP/1.0 200 OK\r\n\r\n"), Severity::Ok);
        assert_eq!(said("RTSP/1.0 401 Unauthorized\r\n\r\n"), Severity::Ok);
        assert_eq!(said("HTTP/1.1 400 Bad Request\r\n\r\n"), Severity::Problem);
        assert_eq!(said(""), Severity::Problem);
    }

    #[test]
    fn where_nothing_listens_is_a_problem() {
        let check = rtsp("source", "rtsp://127.0.0.1:1/x", "rtsp://127.0.0.1:1/x");
        assert_eq!(check.level, Severity::Problem);
        assert!(check.found.contains("127.0.0.1:1"), "{}", check.found);
    }
}
