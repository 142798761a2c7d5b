//! Signatures of bundles: Ed25519 in the format of
//! [minisign](https://jedisct1.github.io/minisign/), whose own tool can make and
//! check them too.

use std::fmt;

use minisign_verify::{Error, PublicKey, Signature};
use thiserror::Error;

/// Most bytes of a signature file.
pub const SIGNATURE_BYTES_MAX: u64 = 4096;
/// Most keys that may be trusted at once.
pub const KEYS_MAX: usize = 64;

/// Public keys whose signatures count.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TrustedKeys {
    keys: Vec<(String, PublicKey)>,
}

/// A signature that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The public key that it belongs to, as minisign prints it.
    pub key: String,
    /// What the signer wrote into the signature, covered by it.
    pub comment: String,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Nobody is trusted, so nobody's signature counts.
    #[error("no key is trusted: name the public key of whoever signs, such as with --trusted-key")]
    NoKeys,
    /// This is no public key.
    #[error(
        "{text:.80?} is no minisign public key: it must be the line that begins with RW, or the file written by `unmask-trainer keygen`"
    )]
    Key {
        /// What was given.
        text: String,
    },
    /// More than [`KEYS_MAX`].
    #[error("more than {KEYS_MAX} keys are trusted: take some away")]
    TooManyKeys,
    /// The file is no signature.
    #[error("the signature is damaged ({0}): copy the bundle again")]
    Malformed(&'static str),
    /// Signed, but by a stranger.
    #[error("it is signed with a key that is not trusted")]
    Stranger,
    /// Signed by a trusted key, but something else.
    #[error("the signature does not belong to these checksums: somebody changed one of them")]
    Forged,
}

impl TrustedKeys {
    /// Reads public keys, each as its line of base64 or as the whole file.
    pub fn parse<S: AsRef<str>>(
        texts: impl IntoIterator<Item = S>,
    ) -> Result<Self, SignatureError> {
        let mut keys = Vec::new();
        for text in texts {
            let text = text.as_ref();
            let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
            let refuse = || SignatureError::Key { text: text.into() };
            let line = line.ok_or_else(refuse)?;
            let key = PublicKey::from_base64(line).map_err(|_| refuse())?;
            keys.push((line.to_owned(), key));
        }
        if keys.len() > KEYS_MAX {
            return Err(SignatureError::TooManyKeys);
        }
        Ok(Self { keys })
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks that `signature` is that of a trusted key for `message`.
    ///
    /// Only the spelling that minisign writes is accepted, and only signatures
    /// over the hash of the message. Of the file, the text of the untrusted
    /// comment is all that is not covered by the signature.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<Signed, SignatureError> {
        if self.keys.is_empty() {
            return Err(SignatureError::NoKeys);
        }
        let text = as_written(signature)?;
        let signature = Signature::decode(text)
            .map_err(|_| SignatureError::Malformed("its base64 is not that of a signature"))?;
        let mut outcome = SignatureError::Stranger;
        for (name, key) in &self.keys {
            match key.verify(message, &signature, false) {
                Ok(()) => {
                    return Ok(Signed {
                        key: name.clone(),
                        comment: signature.trusted_comment().into(),
                    });
                }
                Err(Error::UnexpectedKeyId) => {}
                Err(_) => outcome = SignatureError::Forged,
            }
        }
        Err(outcome)
    }
}

impl fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.keys.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// The text of a signature that is spelled as minisign spells it.
fn as_written(signature: &[u8]) -> Result<&str, SignatureError> {
    let malformed = |problem| Err(SignatureError::Malformed(problem));
    if signature.len() as u64 > SIGNATURE_BYTES_MAX {
        return malformed("too long");
    }
    let Ok(text) = std::str::from_utf8(signature) else {
        return malformed("not text");
    };
    if text.contains('\r') || text.matches('\n').count() != 4 || !text.ends_with('\n') {
        return malformed("not four lines");
    }
    if !text.starts_with("untrusted comment: ") {
        return malformed("it does not begin with `untrusted comment: `");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of minisign's documentation: `test`, signed by its author.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "\
untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
";
    /// The same in minisign's first form, which signs the message and not its hash.
    const FIRST_FORM: &str = "\
untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
";
    /// Somebody else's key.
    const OTHER: &str = "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhcAb/U";

    fn keys(texts: &[&str]) -> TrustedKeys {
        TrustedKeys::parse(texts).expect("public keys")
    }

    #[test]
    fn minisigns_own_signature_is_accepted() {
        let file = format!("untrusted comment: minisign public key\n{KEY}\n");
        for trusted in [keys(&[KEY]), keys(&[OTHER, KEY]), keys(&[&file])] {
            let signed = trusted.verify(b"test", SIGNATURE.as_bytes()).expect("good");
            assert_eq!(signed.key, KEY);
            assert!(signed.comment.starts_with("timestamp:1633700835"));
        }
    }

    /// A good signature, but of the form that is not accepted.
    #[test]
    fn signatures_over_the_message_itself_are_refused() {
        let key = PublicKey::from_base64(KEY).expect("a key");
        let signature = Signature::decode(FIRST_FORM).expect("a signature");
        assert!(key.verify(b"test", &signature, true).is_ok());
        let verified = keys(&[KEY]).verify(b"test", FIRST_FORM.as_bytes());
        assert_eq!(verified, Err(SignatureError::Forged));
    }

    #[test]
    fn other_messages_keys_and_spellings_are_refused() {
        let trusted = keys(&[KEY]);
        let verify = |message: &[u8], signature: &str| {
            trusted
                .verify(message, signature.as_bytes())
                .expect_err("refused")
        };
        assert_eq!(verify(b"Test", SIGNATURE), SignatureError::Forged);
        let comment = SIGNATURE.replace("file:test", "file:best");
        assert_eq!(verify(b"test", &comment), SignatureError::Forged);
        for spelled in [
            SIGNATURE.replace('\n', "\r\n"),
            format!("{SIGNATURE}\n"),
            SIGNATURE.trim_end().to_owned(),
            SIGNATURE.replace("untrusted ", ""),
            SIGNATURE.replace("Zwo=", "Zwp="),
            SIGNATURE.replace("RUQf", "RWQf"),
            " ".repeat(5000),
        ] {
            let error = verify(b"test", &spelled);
            let refused = matches!(error, SignatureError::Malformed(_) | SignatureError::Forged);
            assert!(refused, "{error} for {spelled}");
        }
        let stranger = keys(&[OTHER]).verify(b"test", SIGNATURE.as_bytes());
        assert_eq!(stranger, Err(SignatureError::Stranger));
        let nobody = TrustedKeys::default().verify(b"test", SIGNATURE.as_bytes());
        assert_eq!(nobody, Err(SignatureError::NoKeys));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "RW", "hello", &KEY[1..], &format!("{KEY}A")] {
            let error = TrustedKeys::parse([text]).expect_err("no key");
            assert!(matches!(error, SignatureError::Key { .. }), "{text}");
        }
        let many = TrustedKeys::parse(vec![KEY; KEYS_MAX + 1]);
        assert_eq!(many, Err(SignatureError::TooManyKeys));
    }

    #[test]
    fn as_many_keys_and_as_long_a_file_as_is_said() {
        let trusted = TrustedKeys::parse(vec![KEY; KEYS_MAX]).expect("not too many");
        assert!(!trusted.is_empty() && TrustedKeys::default().is_empty());
        assert_eq!(
            format!("{:?}", keys(&[OTHER, KEY])),
            format!("[{OTHER:?}, {KEY:?}]")
        );
        // The untrusted comment is covered by nothing, and may be as long as the file may be.
        let room = SIGNATURE_BYTES_MAX as usize - SIGNATURE.len();
        let longest = SIGNATURE.replace(
            "minisign secret",
            &format!("minisign{} secret", " ".repeat(room)),
        );
        assert_eq!(longest.len() as u64, SIGNATURE_BYTES_MAX);
        assert!(trusted.verify(b"test", longest.as_bytes()).is_ok());
        let longer = longest.replace("minisign", "minisign ");
        let refused = trusted.verify(b"test", longer.as_bytes());
        assert_eq!(refused, Err(SignatureError::Malformed("too long")));
    }
}
