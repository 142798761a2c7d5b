//! Buffers whose numbers begin where a vector may begin.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the longest vector.
const LINE: usize = 64;
/// Numbers that may have to be left out in front.
pub const SLACK: usize = LINE / size_of::<f32>();

/// The part of a buffer that begins at a cache line; a vector that lies across two of them
/// takes twice as long to load.
pub fn aligned(buffer: &[f32]) -> &[f32] {
    &buffer[buffer.as_ptr().align_offset(LINE).min(SLACK)..]
}

/// The same to write to.
pub fn aligned_mut(buffer: &mut [f32]) -> &mut [f32] {
    let skip = buffer.as_ptr().align_offset(LINE).min(SLACK);
    &mut buffer[skip..]
}

/// A buffer of a thread.
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    buffer: Vec<f32>,
    length: usize,
}

impl Aligned {
    /// So many zeros.
    pub fn zeros(length: usize) -> Self {
        Self {
            buffer: vec![0.0; length + SLACK],
            length,
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let length = self.length;
        aligned(&self.buffer).get(..length).unwrap_or(&[])
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        let length = self.length;
        aligned_mut(&mut self.buffer)
            .get_mut(..length)
            .unwrap_or(&mut [])
    }
}
