//! Turns what cameras deliver into RGB: raw formats, and Motion JPEG.
//!
//! Every byte of every frame passes through here, so this crate is built for speed where the
//! rest of the firmware is built for size.

// On a device each of these is a crash.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo)
)]

pub mod convert;
pub mod format;
pub mod jpeg;

pub use convert::{Converter, PictureFault};
pub use format::{ColourRange, ColourSpace, Format, FormatError, PixelFormat, YcbcrMatrix};
pub use jpeg::{JpegDecoder, JpegFault};
