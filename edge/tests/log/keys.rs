//! A key that makes and checks each signature only once: tests ask for the same
//! ones many thousand times.

use std::cell::RefCell;
use std::collections::HashMap;

use unmask_edge::log::{Seal, SigningKey, VerifyingKey, Witness};

type Signature = [u8; 64];

/// A key with a memory.
#[derive(Debug)]
pub struct Memo {
    key: SigningKey,
    made: RefCell<HashMap<Vec<u8>, Signature>>,
    checked: RefCell<HashMap<(Vec<u8>, Signature), bool>>,
}

impl Memo {
    pub fn new() -> Self {
        Self {
            key: SigningKey::from_seed("test.example/log", [42; 32]).unwrap(),
            made: RefCell::default(),
            checked: RefCell::default(),
        }
    }
}

impl Seal for &Memo {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, text: &[u8]) -> Signature {
        let mut made = self.made.borrow_mut();
        *made
            .entry(text.to_vec())
            .or_insert_with(|| self.key.sign(text))
    }
}

impl Witness for &Memo {
    fn key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn is_signed(&self, text: &[u8], signature: &Signature) -> bool {
        let mut checked = self.checked.borrow_mut();
        *checked
            .entry((text.to_vec(), *signature))
            .or_insert_with(|| self.key.is_signed(text, signature))
    }
}

/// What the tests log: entries of various lengths.
pub fn entry(index: u64) -> Vec<u8> {
    let length = 1 + (index as usize * 37) % 150;
    (0..length)
        .map(|at| (index as usize * 31 + at) as u8)
        .collect()
}
