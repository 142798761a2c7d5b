//! Who may look: whoever knows the token.

use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// Fewest bytes of a token.
pub const TOKEN_BYTES_MIN: usize = 16;
/// Most bytes of a token, and of its file.
pub const TOKEN_BYTES_MAX: usize = 512;
/// Name of the cookie.
pub const COOKIE: &str = "unmask";
/// How long a browser keeps it, seconds: 30 days.
const COOKIE_AGE_S: u32 = 30 * 86_400;

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file cannot be read.
    #[error("{path}: {cause}; put a token there: head -c 24 /dev/urandom | base64 > {path}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        cause: io::Error,
    },
    /// It is easily guessed, or too long.
    #[error(
        "{path} must be a plain file with one line of {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} visible characters: head -c 24 /dev/urandom | base64 > {path}"
    )]
    Form {
        /// The file.
        path: String,
    },
}

/// What visitors must know. Only checksums of it are kept.
#[derive(Clone)]
pub struct Token {
    token: [u8; 32],
    /// Text of the cookie that stands for it.
    cookie: String,
    cookie_hash: [u8; 32],
}

impl Token {
    /// Reads the token from its file.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let name = || path.display().to_string();
        let text = match Secret::read(path, TOKEN_BYTES_MAX as u64 + 2) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => {
                return Err(TokenError::Form { path: name() });
            }
            Err(cause) => {
                return Err(TokenError::File {
                    path: name(),
                    cause,
                });
            }
        };
        Self::new(text.expose().trim_end()).ok_or_else(|| TokenError::Form { path: name() })
    }

    /// A token; `None` when it is too short, too long, or not visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let is_long = (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&text.len());
        if !is_long || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        // Nobody can tell the token from the cookie.
        let cookie = Sha256::new()
            .chain_update("unmask-web-cookie/1\n")
            .chain_update(text)
            .finalize();
        let cookie = unmask_shared::hex(&cookie);
        Some(Self {
            token: Sha256::digest(text).into(),
            cookie_hash: Sha256::digest(&cookie).into(),
            cookie,
        })
    }

    /// Whether this is the token.
    pub fn is(&self, text: &str) -> bool {
        is_same(&Sha256::digest(text).into(), &self.token)
    }

    /// Whether a `Cookie` header holds the cookie that stands for it.
    pub fn is_in_cookies(&self, header: &str) -> bool {
        ours(header).any(|value| is_same(&Sha256::digest(value).into(), &self.cookie_hash))
    }

    /// The `Set-Cookie` header for whoever showed the token.
    pub fn set_cookie(&self) -> String {
        format!(
            "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_AGE_S}",
            self.cookie
        )
    }
}

/// The `Set-Cookie` header that takes the cookie away.
pub fn forget_cookie() -> String {
    format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

/// Values of our cookie in a `Cookie` header.
fn ours(header: &str) -> impl Iterator<Item = &str> {
    let values = header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let ours = values.filter(|(name, _)| *name == COOKIE);
    ours.map(|(_, value)| value)
}

/// Whether a `Cookie` header holds something that may stand for the token.
pub fn has_cookie(header: &str) -> bool {
    ours(header).any(|value| !value.is_empty())
}

/// Compares checksums in a time that does not depend on where they differ. What is
/// compared are checksums of what was sent, so that nobody can choose them either.
fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_and_its_cookie_are_accepted() {
        let token = Token::new("correct-horse-battery").unwrap();
        assert!(token.is("correct-horse-battery"));
        for wrong in [
            "",
            "correct-horse-batterz",
            "correct-horse-battery ",
            &token.cookie,
        ] {
            assert!(!token.is(wrong), "{wrong:?}");
        }
        let set = token.set_cookie();
        let pair = set.split(';').next().unwrap();
        assert!(token.is_in_cookies(pair));
        assert!(token.is_in_cookies(&format!("a=b; {pair}; c=d")));
        for wrong in ["", "unmask=", "unmask=correct-horse-battery", "unmask"] {
            assert!(!token.is_in_cookies(wrong), "{wrong}");
        }
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"));
    }

    #[test]
    fn weak_tokens_are_refused() {
        for weak in [
            "",
            "short",
            "with a space inside it",
            "line\nline-line-line-line",
        ] {
            assert!(Token::new(weak).is_none(), "{weak:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(matches!(Token::read(&path), Err(TokenError::File { .. })));
        std::fs::write(&path, "short\n").unwrap();
        assert!(matches!(Token::read(&path), Err(TokenError::Form { .. })));
        std::fs::write(&path, "long-enough-to-be-safe\n").unwrap();
        assert!(Token::read(&path).unwrap().is("long-enough-to-be-safe"));
    }

    #[test]
    fn the_shortest_and_the_longest_token_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (bytes, is_good) in [
            (TOKEN_BYTES_MIN - 1, false),
            (TOKEN_BYTES_MIN, true),
            (TOKEN_BYTES_MAX, true),
            (TOKEN_BYTES_MAX + 1, false),
        ] {
            let text = "k".repeat(bytes);
            assert_eq!(Token::new(&text).is_some(), is_good, "{bytes}");
            std::fs::write(&path, format!("{text}\r\n")).unwrap();
            let read = Token::read(&path);
            assert_eq!(read.is_ok_and(|token| token.is(&text)), is_good, "{bytes}");
        }
    }

    #[test]
    fn cookies_last_for_thirty_days_and_are_taken_away() {
        let token = Token::new("correct-horse-battery").unwrap();
        assert!(token.set_cookie().ends_with("; Max-Age=2592000"));
        assert_eq!(
            forget_cookie(),
            "unmask=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"
        );
        assert!(has_cookie("a=b; unmask=c") && has_cookie("unmask=; unmask=c"));
        assert!(!has_cookie("unmask=") && !has_cookie("a=unmask") && !has_cookie("unmasked=c"));
    }

    /// Differences that are alike do not cancel.
    #[test]
    fn every_byte_of_a_checksum_counts() {
        let (zero, mut other) = ([0; 32], [0; 32]);
        assert!(is_same(&zero, &other));
        (other[3], other[30]) = (5, 5);
        assert!(!is_same(&zero, &other));
    }
}
