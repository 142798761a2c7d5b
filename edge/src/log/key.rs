//! Keys of a log: Ed25519 under a name, in the text form of
//! [C2SP signed notes](https://c2sp.org/signed-note).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
use sha2::{Digest, Sha256};
use unmask_shared::hex;

use crate::secret::Secret;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Most bytes of a key's name.
const NAME_BYTES_MAX: usize = 128;
/// "Ed25519 signatures as specified by" C2SP signed-note.
const ED25519: u8 = 0x01;
const SECRET_PREFIX: &str = "PRIVATE+KEY+";

/// Signs checkpoints; a key in memory, or one that a chip keeps.
pub trait Seal {
    /// Who can check the signatures.
    fn verifying_key(&self) -> &VerifyingKey;

    /// The Ed25519 signature of `text`.
    fn sign(&self, text: &[u8]) -> [u8; SIGNATURE_BYTES];
}

/// Checks signatures of one key.
pub trait Witness {
    /// The key.
    fn key(&self) -> &VerifyingKey;

    /// Whether `signature` is the key's signature of `text`.
    fn is_signed(&self, text: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool;
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has another form, or was changed.
    #[error(
        "not a key of a log: a public key reads NAME+HEX+BASE64, a secret one begins with {SECRET_PREFIX}"
    )]
    Malformed,
    /// The name would not fit into a checkpoint.
    #[error(
        "the name of a log must have 1 to {NAME_BYTES_MAX} characters and no space, plus sign or control character"
    )]
    Name,
    /// The operating system gave no random numbers.
    #[error("the operating system gives no random numbers for a key: {0}")]
    Random(getrandom::Error),
}

fn fresh_seed() -> Result<Seed, KeyError> {
    let mut seed = [0; Seed::BYTES];
    getrandom::fill(&mut seed).map_err(KeyError::Random)?;
    Ok(Seed::new(seed))
}

/// Checks the signatures of a log.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    id: [u8; 4],
    key: PublicKey,
}

impl VerifyingKey {
    fn new(name: &str, key: PublicKey) -> Result<Self, KeyError> {
        let visible = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(visible) {
            return Err(KeyError::Name);
        }
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519])
            .chain_update(*key)
            .finalize();
        let mut id = [0; 4];
        id.copy_from_slice(&hash[..4]);
        Ok(Self {
            name: name.into(),
            id,
            key,
        })
    }

    /// Reads `NAME+HEX+BASE64`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, bytes) = parts(text.trim()).ok_or(KeyError::Malformed)?;
        let key = PublicKey::from_slice(&bytes).map_err(|_| KeyError::Malformed)?;
        let key = Self::new(name, key)?;
        if key.id == id {
            Ok(key)
        } else {
            Err(KeyError::Malformed)
        }
    }

    /// The name of the key, which is the origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes of the key's hash, which stand in its signatures.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }
}

/// `NAME+HEX+BASE64`, as [`VerifyingKey::parse`] reads it.
impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&joined(&self.name, self.id, &self.key[..]))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Witness for VerifyingKey {
    fn key(&self) -> &VerifyingKey {
        self
    }

    fn is_signed(&self, text: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.key.verify(text, &Signature::new(*signature)).is_ok()
    }
}

/// Signs for a log. Whoever has it can write another history.
pub struct SigningKey {
    pair: KeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// A new key. Without a name, it is named after its own hash.
    pub fn generate(name: Option<&str>) -> Result<Self, KeyError> {
        let pair = KeyPair::from_seed(fresh_seed()?);
        let hash = Sha256::digest(*pair.pk);
        let hash = hex(&hash[..8]);
        Self::new(name.unwrap_or(&format!("unmask-edge/{hash}")), pair)
    }

    /// The key that belongs to 32 secret bytes.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        Self::new(name, KeyPair::from_seed(Seed::new(seed)))
    }

    fn new(name: &str, pair: KeyPair) -> Result<Self, KeyError> {
        Ok(Self {
            public: VerifyingKey::new(name, pair.pk)?,
            pair,
        })
    }

    /// Reads what [`to_secret_text`](Self::to_secret_text) wrote.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim().strip_prefix(SECRET_PREFIX);
        let (name, id, bytes) = text.and_then(parts).ok_or(KeyError::Malformed)?;
        let seed = bytes.try_into().map_err(|_| KeyError::Malformed)?;
        let key = Self::from_seed(name, seed)?;
        if key.public.id == id {
            Ok(key)
        } else {
            Err(KeyError::Malformed)
        }
    }

    /// `PRIVATE+KEY+NAME+HEX+BASE64`, for a file that nobody else may read.
    pub fn to_secret_text(&self) -> Secret {
        let VerifyingKey { name, id, .. } = &self.public;
        let parts = joined(name, *id, &self.pair.sk.seed()[..]);
        [SECRET_PREFIX, &parts, "\n"].concat().into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

impl Seal for SigningKey {
    fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign(&self, text: &[u8]) -> [u8; SIGNATURE_BYTES] {
        *self.pair.sk.sign(text, None)
    }
}

impl Witness for SigningKey {
    fn key(&self) -> &VerifyingKey {
        &self.public
    }

    fn is_signed(&self, text: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.public.is_signed(text, signature)
    }
}

fn joined(name: &str, id: [u8; 4], key: &[u8]) -> String {
    let bytes = [&[ED25519], key].concat();
    let id = u32::from_be_bytes(id);
    format!("{name}+{id:08x}+{}", STANDARD.encode(bytes))
}

/// Name, id and key bytes of `NAME+HEX+BASE64`.
fn parts(text: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    if id.len() != 8 || id.bytes().any(|byte| !byte.is_ascii_hexdigit()) {
        return None;
    }
    let id = u32::from_str_radix(id, 16).ok()?.to_be_bytes();
    let bytes = STANDARD.decode(key).ok()?;
    match bytes.split_first() {
        Some((&ED25519, key)) => Some((name, id, key.to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_text() {
        let key = SigningKey::generate(None).unwrap();
        let text = key.to_secret_text();
        let text = text.expose();
        let again = SigningKey::parse(text).unwrap();
        assert_eq!(again.verifying_key(), key.verifying_key());
        let public = key.verifying_key().to_string();
        assert_eq!(&VerifyingKey::parse(&public).unwrap(), key.verifying_key());
        let shown = format!("{key:?}");
        assert!(!text.contains(shown.as_str()) && !shown.contains(SECRET_PREFIX));
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signatures_are_those_of_rfc_8032() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let wanted = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
            085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let bytes: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let key = SigningKey::from_seed("rfc", bytes.try_into().unwrap()).unwrap();
        let signature = key.sign(&[0x72]);
        assert_eq!(hex(&signature), wanted);
        assert!(key.verifying_key().is_signed(&[0x72], &signature));
        assert!(!key.verifying_key().is_signed(&[0x73], &signature));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = SigningKey::generate(Some("a.example/log")).unwrap();
        let text = key.verifying_key().to_string();
        let other = text.replace("a.example", "b.example");
        for text in [
            "",
            "a",
            "a+b",
            "a+00000000+",
            &other,
            &text[..text.len() - 4],
        ] {
            assert_eq!(
                VerifyingKey::parse(text),
                Err(KeyError::Malformed),
                "{text}"
            );
        }
        for name in ["", "a b", "a+b", "a\nb", &"x".repeat(200)] {
            assert_eq!(
                SigningKey::from_seed(name, [1; 32]).unwrap_err(),
                KeyError::Name
            );
        }
    }
}
