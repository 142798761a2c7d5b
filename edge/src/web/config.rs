//! The `[web]` table of the configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::review::Timecode;

/// Where the live page is served when no other address is named.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8464";

const CONNECTIONS: RangeInclusive<u32> = 4..=1024;
const REQUESTS_HZ: RangeInclusive<u32> = 5..=10_000;
const PICTURES_HZ: RangeInclusive<u32> = 1..=30;
const PICTURE_PX: RangeInclusive<u32> = 160..=3840;

/// Whether and how the live page is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebConfig {
    /// Address and port. Without one, or when empty, nothing is served. Any but a
    /// loopback address needs a token.
    pub address: Option<String>,
    /// File of the token that visitors must have.
    pub token_file: Option<PathBuf>,
    /// Names under which the page may be asked for, besides `localhost` and any
    /// numeric address.
    pub hosts: Vec<String>,
    /// Addresses of proxies, which are believed when they say who asks (`X-Forwarded-For`).
    pub proxies: Vec<IpAddr>,
    /// Most connections at once, 4 to 1024; further ones are closed.
    pub connections_max: u32,
    /// Most requests a second of one visitor, 5 to 10000.
    pub requests_hz_max: u32,
    /// Most pictures a second, 1 to 30, while somebody watches.
    pub pictures_hz_max: u32,
    /// Largest width of a picture, 160 to 3840 pixels.
    pub picture_px_max: u32,
    /// Timecode of the stream's first frame, such as `10:00:00:00`, from which the review queue
    /// counts instead of zero.
    pub start_timecode: Option<String>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            address: None,
            token_file: None,
            hosts: Vec::new(),
            proxies: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            connections_max: 64,
            requests_hz_max: 50,
            pictures_hz_max: 10,
            picture_px_max: 960,
            start_timecode: None,
        }
    }
}

impl WebConfig {
    /// Where to serve; `None` for nowhere.
    ///
    /// # Errors
    /// When it is no address, with the key and the remedy.
    pub fn listen(&self) -> Result<Option<SocketAddr>, String> {
        let Some(text) = self.address.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            format!(
                "web.address is {text:?}, must be an address and a port such as {DEFAULT_ADDRESS}"
            )
        })
    }

    /// The timecode of the first frame; `None` for zero.
    ///
    /// # Errors
    /// When it is none, with the key.
    pub fn start_timecode(&self) -> Result<Option<Timecode>, String> {
        let text = self
            .start_timecode
            .as_deref()
            .filter(|text| !text.is_empty());
        text.map(str::parse)
            .transpose()
            .map_err(|error| format!("web.start_timecode: {error}"))
    }

    /// Refuses what is out of range or not safe, with the key and the remedy.
    pub fn check(&self) -> Result<(), String> {
        let numbers = [
            ("web.connections_max", self.connections_max, CONNECTIONS),
            ("web.requests_hz_max", self.requests_hz_max, REQUESTS_HZ),
            ("web.pictures_hz_max", self.pictures_hz_max, PICTURES_HZ),
            ("web.picture_px_max", self.picture_px_max, PICTURE_PX),
        ];
        for (key, value, range) in numbers {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(format!("{key} is {value}, must be {least} to {most}"));
            }
        }
        self.start_timecode()?;
        let listen = self.listen()?;
        if listen.is_some_and(|address| !address.ip().is_loopback()) && self.token_file.is_none() {
            return Err(
                "web.address is not a loopback address: name a file with a token in \
                 web.token_file (head -c 24 /dev/urandom | base64 > token; chmod 600 token)"
                    .into(),
            );
        }
        if listen.is_some() && !self.hosts.is_empty() && self.token_file.is_none() {
            return Err(
                "web.hosts lets others than this machine ask, through a proxy: name a file with a \
                 token in web.token_file"
                    .into(),
            );
        }
        Ok(())
    }

    /// Least time between two pictures of a stream.
    pub fn picture_every(&self) -> Duration {
        Duration::from_secs(1) / self.pictures_hz_max.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> WebConfig {
        WebConfig {
            address: Some(address.into()),
            ..WebConfig::default()
        }
    }

    #[test]
    fn another_address_than_loopback_needs_a_token() {
        for address in ["", "127.0.0.1:80", "[::1]:8464", "127.7.7.7:1"] {
            assert_eq!(at(address).check(), Ok(()), "{address}");
        }
        for address in ["0.0.0.0:80", "192.168.1.4:8464", "[::]:1"] {
            let error = at(address).check().unwrap_err();
            assert!(error.contains("web.token_file"), "{error}");
            let safe = WebConfig {
                token_file: Some("token".into()),
                ..at(address)
            };
            assert_eq!(safe.check(), Ok(()));
        }
        let behind_a_proxy = WebConfig {
            hosts: vec!["kiosk.example".into()],
            ..at("127.0.0.1:8464")
        };
        let error = behind_a_proxy.check().unwrap_err();
        assert!(error.contains("web.token_file"), "{error}");
        assert!(at("localhost").check().unwrap_err().contains("127.0.0.1"));
    }
}
