//! What an address or a command tells that nobody may read.

use super::preset::Preset;
use crate::secret::Secret;

/// A shorter word is found everywhere in what is said, and says nothing.
const SECRET_BYTES_MIN: usize = 4;
/// Names that speak of a secret.
const NAMES: [&str; 7] = ["pass", "pwd", "token", "key", "secret", "auth", "cookie"];

/// The parts of a network camera's address.
pub(super) struct Address<'a> {
    scheme: &'a str,
    /// Name and password before the `@`.
    login: &'a str,
    host: &'a str,
    /// From the `/` on.
    path: &'a str,
    /// From the `?` on.
    query: &'a str,
}

/// Words in a path beside which a password may stand.
const TELLING: [&str; 7] = ["pass", "pwd", "token", "key", "user", "auth", "="];
/// A longer part of a path may be a key itself.
const PART_BYTES_MAX: usize = 20;

impl<'a> Address<'a> {
    pub(super) fn of(url: &'a str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(end);
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (path, query) = after.split_at(after.find('?').unwrap_or(after.len()));
        Self {
            scheme,
            login,
            host,
            path,
            query,
        }
    }

    fn is_telling(&self) -> bool {
        let path = self.path.to_ascii_lowercase();
        let is_long = |part: &str| part.len() > PART_BYTES_MAX;
        TELLING.iter().any(|word| path.contains(word)) || path.split('/').any(is_long)
    }

    pub(super) fn label(&self) -> String {
        let path = match self.is_telling() {
            true => "/***",
            false => self.path,
        };
        let query = if self.query.is_empty() { "" } else { "?***" };
        format!("{}://{}{path}{query}", self.scheme, self.host)
    }

    /// Longest first, so that none is found in parts.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let mut secrets = vec![self.login, self.query.trim_start_matches('?')];
        if let Some((_, password)) = self.login.split_once(':') {
            secrets.push(password);
        }
        if self.is_telling() {
            secrets.push(self.path.trim_start_matches('/'));
        }
        secrets.retain(|secret| !secret.is_empty());
        secrets.into_iter().map(Secret::from).collect()
    }
}

/// What a line for the shell may tell: parts of addresses, what is given to a name that speaks of
/// a secret (`TOKEN=x`, `--password x`, `-H 'Authorization: x'`).
pub(super) fn secrets_in(line: &str) -> Vec<Secret> {
    let mut secrets = Vec::new();
    let is_telling = |name: &str| {
        let name = name.to_ascii_lowercase();
        NAMES.iter().any(|word| name.contains(word))
    };
    let mut is_next = false;
    let bare = |word: &str| word.trim_matches(['\'', '"', ';']).to_owned();
    for word in line.split_whitespace().map(bare) {
        if word.contains("://") {
            secrets.extend(Address::of(&word).secrets());
        }
        let given = word.split_once(['=', ':']);
        match given {
            _ if is_next => secrets.push(Secret::from(word.as_str())),
            Some((name, value)) if is_telling(name) && !value.is_empty() => {
                secrets.push(Secret::from(bare(value).as_str()));
            }
            _ => {}
        }
        // A header's name ends so, its value may be two words: Basic x.
        let is_scheme = matches!(word.as_str(), "Basic" | "Bearer" | "Digest");
        let is_name = is_telling(&word) && (word.starts_with('-') || word.ends_with(':'));
        is_next = is_scheme || is_name && given.is_none_or(|(_, value)| value.is_empty());
    }
    secrets.retain(|secret| secret.expose().len() >= SECRET_BYTES_MIN);
    secrets
}

/// What a line for the shell is called: by its program, without what it is told.
pub(super) fn program_of(line: &str) -> String {
    let is_setting = |word: &&str| !word.contains('=');
    let program = line.split_whitespace().find(is_setting).unwrap_or("sh");
    let program = program.trim_matches(['\'', '"', '(', ';']);
    match program.contains("://") {
        true => Address::of(program).label(),
        false => program.to_owned(),
    }
}

/// A configuration's text without what its source and its command tell.
pub fn without_secrets(text: &str, source: Option<&str>, command: Option<&str>) -> String {
    let of_source = match source.map(Preset::parse) {
        Some(Some(Ok(preset))) => preset.hidden(),
        _ => Vec::new(),
    };
    let all = of_source.into_iter();
    let all = all.chain(command.map(secrets_in).unwrap_or_default());
    all.fold(text.to_owned(), |text, secret| {
        // As TOML and Rust write it between quotes.
        let escaped = secret.expose().replace('\\', "\\\\").replace('"', "\\\"");
        secret.hide_in(&Secret::from(escaped).hide_in(&text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_an_address_tells_a_password() {
        for (url, label) in [
            ("rtsp://c/live/ch0", "rtsp://c/live/ch0"),
            ("rtsp://c/live?user=me&password=secret", "rtsp://c/live?***"),
            ("rtsp://c?secret", "rtsp://c?***"),
            ("rtsp://c/user=me_password=secret_ch=1", "rtsp://c/***"),
            ("rtsp://c/secret-8d1f7a66b04c4b2fa0e5/1", "rtsp://c/***"),
            ("rtsp://secret@c:554/x", "rtsp://c:554/x"),
        ] {
            assert_eq!(Address::of(url).label(), label);
            let told = without_secrets(&format!("[tcp] {url}: refused"), Some(url), None);
            assert!(!told.contains("secret"), "{told}");
        }
        let odd = r#"rtsp://me:a"b\secret@c/live"#;
        let printed = format!("source = {odd:?}");
        let told = without_secrets(&printed, Some(odd), None);
        assert!(!told.contains("secret"), "{told}");
    }

    #[test]
    fn a_command_is_called_by_its_program_and_does_not_tell_what_it_was_told() {
        for (line, program) in [
            (
                "ffmpeg -i 'rtsp://me:hunter2@c/live' -f rawvideo -",
                "ffmpeg",
            ),
            ("TOKEN=hunter2 grab --raw", "grab"),
            ("curl -s -u me:x --password hunter2 http://c/", "curl"),
            ("curl -H 'Authorization: Bearer hunter2' http://c/", "curl"),
            ("curl http://c/snap?pwd=hunter2", "curl"),
            ("grab --token=hunter2", "grab"),
        ] {
            assert_eq!(program_of(line), program);
            let told = without_secrets(&format!("cannot: {line}"), None, Some(line));
            assert!(!told.contains("hunter2"), "{told}");
            assert!(told.contains(program), "{told}");
        }
        assert!(secrets_in("cat frames.rgb --size 640x480").is_empty());
    }
}
