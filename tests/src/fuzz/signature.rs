//! Signatures of bundles, and the keys that they are checked with.

use unmask_shared::signature::{SignatureError, TrustedKeys};

use super::{Parser, Reached};

/// The example of minisign's documentation: `test`, signed by its author.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const SIGNATURE: &str = "\
untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
";
/// Somebody else's key.
const OTHER: &str = "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhcAb/U";
const MESSAGE: &[u8] = b"test";
/// One in so many signatures is compared with the key that it names, which takes a
/// hundred times as long as all else.
const CHECKED_ONE_IN: usize = 16;

/// The signature of a bundle.
#[derive(Debug)]
pub struct SignatureFile {
    own: TrustedKeys,
    strangers: TrustedKeys,
}

impl Default for SignatureFile {
    fn default() -> Self {
        Self {
            own: TrustedKeys::parse([OTHER, KEY]).expect("public keys"),
            strangers: TrustedKeys::parse([OTHER]).expect("public keys"),
        }
    }
}

/// All but the untrusted comment, which no signature covers.
fn covered(signature: &[u8]) -> &[u8] {
    let end = signature.iter().position(|&byte| byte == b'\n');
    &signature[end.unwrap_or(0)..]
}

impl Parser for SignatureFile {
    fn name(&self) -> &'static str {
        "signature"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![SIGNATURE.as_bytes().to_vec()]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"untrusted comment: ",
            b"trusted comment: ",
            b"\n",
            b"\r\n",
            b"RUQ",
            b"RWQ",
            b"==",
            b"AAAA",
            b"\xff",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let sum: usize = bytes.iter().map(|&byte| usize::from(byte)).sum();
        let is_seed = bytes == SIGNATURE.as_bytes();
        let keys = match sum % CHECKED_ONE_IN {
            0 => &self.own,
            _ if is_seed => &self.own,
            _ => &self.strangers,
        };
        match keys.verify(MESSAGE, bytes) {
            Ok(signed) => {
                assert_eq!(signed.key, KEY);
                assert_eq!(covered(bytes), covered(SIGNATURE.as_bytes()));
                Reached::Accepted
            }
            Err(SignatureError::Malformed(_)) => Reached::Refused,
            Err(SignatureError::Stranger | SignatureError::Forged) => Reached::Within,
            Err(other) => panic!("{other}"),
        }
    }
}

/// Public keys.
#[derive(Debug)]
pub struct PublicKeys;

impl Parser for PublicKeys {
    fn name(&self) -> &'static str {
        "public_key"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let file = format!("untrusted comment: minisign public key\n{KEY}\n");
        vec![KEY.into(), file.into_bytes()]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[b"RW", b"\n", b"=", b"untrusted comment: "]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let text = String::from_utf8_lossy(bytes);
        match TrustedKeys::parse([&text]) {
            Ok(keys) => {
                assert!(!keys.is_empty());
                let shown = format!("{keys:?}");
                let line = shown.trim_matches(|c| "[]\"".contains(c));
                assert_eq!(TrustedKeys::parse([line]).as_ref(), Ok(&keys));
                Reached::Accepted
            }
            Err(SignatureError::Key { .. }) => Reached::Refused,
            Err(other) => panic!("{other}"),
        }
    }
}
