//! Messages to a microcontroller over a serial line, for both ends.
//!
//! A message in postcard form is put between a version byte and a CRC, coded by
//! COBS so that it holds no zero, and put between zeros:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | 0 |
//! | at most [`FRAME_BYTES_MAX`] - 2 | COBS of: [`WIRE_VERSION`]; the message; CRC-32 (ISO-HDLC, as in zlib) of both, little-endian |
//! | 1 | 0 |
//!
//! The zero in front ends whatever noise came before, so that no frame is lost to
//! it. Nothing here allocates or needs the standard library.
//!
//! ```
//! use unmask_shared::signal::Signal;
//! use unmask_shared::wire::{Decoder, Message, State, encode};
//!
//! let state = Message::State(State { signal: Signal::Genuine, count: 7, dropped: 0 });
//! let bytes = encode(&state)?;
//! let mut decoder = Decoder::new();
//! let told = bytes.iter().filter_map(|byte| decoder.push(*byte)).next();
//! assert_eq!(told, Some(Ok(state)));
//! # Ok::<(), unmask_shared::wire::WireError>(())
//! ```

use cobs::{DecodeResult, DecoderState};
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use heapless::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{EVENT_BYTES_MAX, Event, EventError};
use crate::signal::Signal;

/// Version of the messages; frames of others are refused.
pub const WIRE_VERSION: u8 = 1;
/// Most bytes of a frame without its coding: a version, a kind, an event, a CRC.
const PLAIN_BYTES_MAX: usize = 1 + 1 + EVENT_BYTES_MAX + CRC_BYTES;
/// Most bytes of a frame with both zeros.
pub const FRAME_BYTES_MAX: usize = cobs::max_encoding_length(PLAIN_BYTES_MAX) + 2;

const CRC_BYTES: usize = 4;
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// What is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to put the event on"
)]
pub enum Message {
    /// What to show; also sent again and again, as a sign of life.
    State(State),
    /// What happened.
    Event(Event),
}

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The signal.
    pub signal: Signal,
    /// Number of this message since the program began; goes up by one and wraps.
    pub count: u32,
    /// Events that were not sent because the line was too slow or lost.
    pub dropped: u32,
}

/// Why bytes are not a message, or a message cannot become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// More bytes between two zeros than any frame has; usually noise, or another
    /// baud rate.
    #[error("more than {FRAME_BYTES_MAX} bytes without an end of frame: check the baud rate")]
    TooLong,
    /// Not COBS, or too short.
    #[error("not a frame: noise on the line, or its end was lost")]
    Malformed,
    /// The frame was changed on its way.
    #[error("a frame with a wrong checksum: noise on the line")]
    Checksum,
    /// Written by another version of the program.
    #[error("a frame of version {0}, this program reads version {WIRE_VERSION}")]
    Version(u8),
    /// Whole, but not a message that this program knows.
    #[error("a frame whose message is none")]
    Message,
    /// The event in it contradicts itself.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// The frame of a message, with both zeros.
///
/// # Errors
/// An event that [`Event::check`] refuses.
pub fn encode(message: &Message) -> Result<Vec<u8, FRAME_BYTES_MAX>, WireError> {
    if let Message::Event(event) = message {
        event.check()?;
    }
    let mut plain = [0; PLAIN_BYTES_MAX];
    let (version, rest) = plain.split_first_mut().ok_or(WireError::Message)?;
    *version = WIRE_VERSION;
    let body = postcard::to_slice(message, rest).map_err(|_| WireError::Message)?;
    let end = 1 + body.len();
    let (body, rest) = plain.split_at_mut(end);
    let checksum = rest
        .first_chunk_mut::<CRC_BYTES>()
        .ok_or(WireError::Message)?;
    *checksum = CRC.checksum(body).to_le_bytes();
    let whole = plain.get(..end + CRC_BYTES).ok_or(WireError::Message)?;

    let mut coded = [0; FRAME_BYTES_MAX - 2];
    let length = cobs::try_encode(whole, &mut coded).map_err(|_| WireError::Message)?;
    let coded = coded.get(..length).ok_or(WireError::Message)?;
    let mut frame = Vec::new();
    for part in [&[0], coded, &[0]] {
        frame
            .extend_from_slice(part)
            .map_err(|_| WireError::Message)?;
    }
    Ok(frame)
}

/// Finds messages in a stream of bytes, whatever lies between them.
#[derive(Debug)]
pub struct Decoder {
    state: DecoderState,
    plain: Vec<u8, PLAIN_BYTES_MAX>,
    /// What is being read is no frame: the rest up to the next zero is skipped.
    is_lost: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            state: DecoderState::Idle,
            plain: Vec::new(),
            is_lost: false,
        }
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next byte. Returns a message when it is complete, and what is
    /// wrong with bytes that are none, once for all of them up to the next zero.
    pub fn push(&mut self, byte: u8) -> Option<Result<Message, WireError>> {
        if self.is_lost {
            self.is_lost = byte != 0;
            return None;
        }
        match self.state.feed(byte) {
            Ok(DecodeResult::NoData) => None,
            Ok(DecodeResult::DataContinue(plain)) => {
                if self.plain.push(plain).is_ok() {
                    return None;
                }
                self.restart();
                // This byte is no zero, which would have ended the frame.
                self.is_lost = true;
                Some(Err(WireError::TooLong))
            }
            Ok(DecodeResult::DataComplete) => {
                let message = read(&self.plain);
                self.restart();
                Some(message)
            }
            Err(_) => {
                self.restart();
                Some(Err(WireError::Malformed))
            }
        }
    }

    fn restart(&mut self) {
        self.state = DecoderState::Idle;
        self.plain.clear();
    }
}

/// Reads a frame without its coding.
fn read(plain: &[u8]) -> Result<Message, WireError> {
    let (body, checksum) = plain
        .split_last_chunk::<CRC_BYTES>()
        .ok_or(WireError::Malformed)?;
    if CRC.checksum(body).to_le_bytes() != *checksum {
        return Err(WireError::Checksum);
    }
    let (version, body) = body.split_first().ok_or(WireError::Malformed)?;
    if *version != WIRE_VERSION {
        return Err(WireError::Version(*version));
    }
    let (message, rest) =
        postcard::take_from_bytes::<Message>(body).map_err(|_| WireError::Message)?;
    if !rest.is_empty() {
        return Err(WireError::Message);
    }
    if let Message::Event(event) = &message {
        event.check()?;
    }
    Ok(message)
}
