//! Requests, byte by byte.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = |line: &str| {
            let (key, _) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| key.len() + 1)
        };
        let line = self.head.lines().find(|line| field(line).is_some())?;
        Some(line.split_once(':')?.1.trim())
    }
}

/// Connects to `http://ADDRESS`.
pub fn connect(url: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// Sends bytes, and reads all that comes back until the other side closes.
pub fn raw(url: &str, request: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(url)?;
    // Whoever refuses a request may not read all of it.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        read?;
        return Err(io::Error::other(format!("no answer: {text:?}")));
    };
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// A request with these lines of header fields, and a body.
pub fn ask(url: &str, method: &str, path: &str, fields: &[&str], body: &str) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    let own = url.trim_start_matches("http://");
    if !fields.iter().any(|field| field.starts_with("Host")) {
        request += &format!("Host: {own}\r\n");
    }
    for field in fields {
        request += &format!("{field}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    request += &format!("\r\n{body}");
    raw(url, request.as_bytes()).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

pub fn get(url: &str, path: &str) -> Answer {
    ask(url, "GET", path, &[], "")
}
