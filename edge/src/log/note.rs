//! Checkpoints: the size and root of a log's tree, as a signed note of
//! [C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::{SIGNATURE_BYTES, VerifyingKey, Witness};
use super::merkle::{Frontier, HASH_BYTES, Hash};

/// Most bytes of a checkpoint with its signatures.
pub const CHECKPOINT_BYTES_MAX: usize = 64 << 10;
/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 64;

/// Size and root of a log at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCheckpoint {
    /// Name of the log.
    pub origin: String,
    /// Entries in the log.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
}

/// Why a note is not a checkpoint of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no signed note, or not that of a checkpoint.
    #[error("the checkpoint is damaged or no checkpoint at all")]
    Malformed,
    /// It belongs to another log.
    #[error("the checkpoint belongs to another log, or is signed with another key")]
    Stranger,
    /// The signature does not belong to the text.
    #[error("the checkpoint was changed: its signature does not belong to it")]
    Forged,
}

impl LogCheckpoint {
    /// Of a tree.
    pub fn of(origin: &str, tree: &Frontier) -> Self {
        Self {
            origin: origin.into(),
            size: tree.size(),
            root: tree.root(),
        }
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// The note: text, blank line, signature.
    pub fn note(&self, key: &VerifyingKey, signature: &[u8; SIGNATURE_BYTES]) -> String {
        let signature = STANDARD.encode([&key.id()[..], signature].concat());
        format!("{}\n\u{2014} {} {signature}\n", self.text(), key.name())
    }

    /// Reads a note that the witness's key has signed. Signatures of others are
    /// ignored, as the specification wants it.
    pub fn open(note: &[u8], witness: &dyn Witness) -> Result<Self, NoteError> {
        let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
        let odd = |c: char| c.is_ascii_control() && c != '\n';
        if note.len() > CHECKPOINT_BYTES_MAX || note.contains(odd) || !note.ends_with('\n') {
            return Err(NoteError::Malformed);
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        let text = note.get(..=text.len()).ok_or(NoteError::Malformed)?;
        let mut found = Err(NoteError::Stranger);
        for line in signatures.lines().take(SIGNATURES_MAX) {
            let (name, id, signature) = signature_of(line).ok_or(NoteError::Malformed)?;
            if name == witness.key().name() && id == witness.key().id() {
                let signature = signature.try_into().map_err(|_| NoteError::Forged)?;
                if !witness.is_signed(text.as_bytes(), &signature) {
                    return Err(NoteError::Forged);
                }
                found = Ok(());
            }
        }
        found?;
        let checkpoint = Self::parse(text).ok_or(NoteError::Malformed)?;
        if checkpoint.origin == witness.key().name() {
            Ok(checkpoint)
        } else {
            Err(NoteError::Stranger)
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let root: [u8; HASH_BYTES] = STANDARD.decode(root).ok()?.try_into().ok()?;
        let checkpoint = Self {
            origin: origin.into(),
            size: size.parse().ok()?,
            root,
        };
        // Lines of extensions may follow; the others have one spelling.
        text.starts_with(&checkpoint.text()).then_some(checkpoint)
    }
}

/// Name, key id and signature of a line `— NAME BASE64`.
fn signature_of(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    Some((name, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::key::{Seal, SigningKey};

    fn signed(size: u64) -> (SigningKey, String) {
        let key = SigningKey::from_seed("kiosk.example/door", [7; 32]).unwrap();
        let checkpoint = LogCheckpoint {
            origin: "kiosk.example/door".into(),
            size,
            root: [9; 32],
        };
        let signature = key.sign(checkpoint.text().as_bytes());
        let note = checkpoint.note(key.verifying_key(), &signature);
        (key, note)
    }

    #[test]
    fn a_note_has_the_form_of_the_specification() {
        let (key, note) = signed(20_852_163);
        let lines: Vec<&str> = note.lines().collect();
        assert_eq!(lines[..2], ["kiosk.example/door", "20852163"]);
        assert_eq!(lines[3], "");
        assert!(lines[4].starts_with("\u{2014} kiosk.example/door "));
        assert_eq!(lines.len(), 5);
        let opened = LogCheckpoint::open(note.as_bytes(), key.verifying_key()).unwrap();
        assert_eq!((opened.size, opened.root), (20_852_163, [9; 32]));
    }

    #[test]
    fn other_signatures_are_ignored_and_extensions_allowed() {
        let (key, note) = signed(3);
        let with = format!("{note}\u{2014} someone.example AAAAAAAAAA==\n");
        LogCheckpoint::open(with.as_bytes(), key.verifying_key()).unwrap();
        let text = note.split_once("\n\n").unwrap().0.to_owned() + "\nextension\n";
        let signature = key.sign(text.as_bytes());
        let line = LogCheckpoint::open(note.as_bytes(), key.verifying_key()).unwrap();
        let line = line.note(key.verifying_key(), &signature);
        let line = line.split_once("\n\n").unwrap().1;
        let extended = format!("{text}\n{line}");
        let opened = LogCheckpoint::open(extended.as_bytes(), key.verifying_key()).unwrap();
        assert_eq!(opened.size, 3);
    }

    #[test]
    fn one_flipped_bit_anywhere_is_refused() {
        let (key, note) = signed(12);
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let opened = LogCheckpoint::open(&bytes, key.verifying_key());
                assert!(opened.is_err(), "byte {at} bit {bit}: {opened:?}");
            }
        }
        let (other, _) = (
            SigningKey::from_seed("kiosk.example/door", [8; 32]).unwrap(),
            (),
        );
        let stranger = LogCheckpoint::open(note.as_bytes(), other.verifying_key());
        assert_eq!(stranger, Err(NoteError::Stranger));
        for text in ["", "\n", "a\n\nb\n", "\u{2014} a b\n", &"x".repeat(70_000)] {
            let opened = LogCheckpoint::open(text.as_bytes(), key.verifying_key());
            assert_eq!(opened, Err(NoteError::Malformed), "{text:.20}");
        }
    }
}
