//! What nobody may read: passwords, private keys, the addresses that hold them.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Stands where a secret stood.
pub const STARS: &str = "***";

/// A text that nobody may read. It cannot be displayed or serialized, and shows stars when
/// debugged; whoever needs it asks for it by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for whoever it is meant for: never for a message or an argument of a
    /// program, which everybody on the machine can read.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text with every place of this one in it starred.
    pub fn hide_in(&self, text: &str) -> String {
        match self.0.is_empty() {
            true => text.to_owned(),
            false => text.replace(&self.0, STARS),
        }
    }

    /// Reads a small file of text, see [`read_small`].
    ///
    /// # Errors
    /// See [`read_small`].
    pub fn read(path: &Path, bytes_max: u64) -> io::Result<Self> {
        read_small(path, bytes_max).map(Self)
    }

    /// Without line ends behind it, which editors put there.
    #[must_use]
    pub fn without_line_end(self) -> Self {
        Self(self.0.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

/// Reads a small file of text: a password, a token, a key.
///
/// # Errors
/// When it cannot be read, is no UTF-8, holds more than `bytes_max`, or is no plain file: opening
/// a pipe would wait for somebody who writes.
pub fn read_small(path: &Path, bytes_max: u64) -> io::Result<String> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
    if !fs::metadata(path)?.is_file() {
        return Err(invalid("not a plain file".into()));
    }
    let mut text = String::new();
    File::open(path)?
        .take(bytes_max + 1)
        .read_to_string(&mut text)?;
    match text.len() as u64 > bytes_max {
        true => Err(invalid(format!("more than {bytes_max} bytes"))),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::from("hunter2\r\n").without_line_end();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.hide_in("a hunter2b, hunter2"), "a ***b, ***");
        assert_eq!(Secret::default().hide_in("abc"), "abc");
    }

    #[test]
    fn what_is_no_small_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_small(&path, 5).unwrap(), "12345");
        let long = read_small(&path, 4).unwrap_err().to_string();
        assert!(long.contains("more than 4 bytes"), "{long}");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [&pipe, &folder.path().to_owned()] {
            let error = read_small(path, 5).unwrap_err().to_string();
            assert!(error.contains("not a plain file"), "{error}");
        }
    }
}
