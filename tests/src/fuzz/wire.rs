//! Frames on the serial line.

use crc::{CRC_32_ISO_HDLC, Crc};
use unmask_shared::Event;
use unmask_shared::signal::Signal;
use unmask_shared::wire::{
    Decoder, FRAME_BYTES_MAX, Message, State, WIRE_VERSION, WireError, encode,
};

use super::{Parser, Reached, event};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// In front of bytes that go onto the line as they are.
const AS_IT_IS: u8 = 0;
/// In front of bytes that get a checksum and the coding of a frame first, so that the
/// message behind the checksum is reached.
const SEALED: u8 = 1;

/// The decoder of a microcontroller. It goes on from whatever it was told before.
#[derive(Debug, Default)]
pub struct Wire {
    decoder: Decoder,
}

fn messages() -> [Message; 3] {
    let state = |signal, count| {
        Message::State(State {
            signal,
            count,
            dropped: 3,
        })
    };
    let event: Event = event::examples().swap_remove(0);
    [
        state(Signal::Genuine, 7),
        state(Signal::Fault, u32::MAX),
        Message::Event(event),
    ]
}

/// What lies between the zeros of a frame, without its coding and checksum.
fn body(message: &Message) -> Vec<u8> {
    let mut buffer = [0; FRAME_BYTES_MAX];
    let message = postcard::to_slice(message, &mut buffer).expect("fits");
    [&[WIRE_VERSION], &*message].concat()
}

/// A frame around a body.
fn sealed(body: &[u8]) -> Vec<u8> {
    let plain = [body, &CRC.checksum(body).to_le_bytes()].concat();
    let mut frame = vec![0; cobs::max_encoding_length(plain.len()) + 2];
    let inside = frame.get_mut(1..).unwrap_or_default();
    let length = cobs::try_encode(&plain, inside).expect("room enough");
    frame.truncate(length + 1);
    frame.push(0);
    frame
}

impl Parser for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for message in messages() {
            let frame = encode(&message).expect("sound");
            let body = body(&message);
            assert_eq!(sealed(&body), frame.as_slice());
            seeds.push([&[AS_IT_IS], frame.as_slice()].concat());
            seeds.push([&[SEALED], body.as_slice()].concat());
        }
        seeds
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let (first, rest) = bytes.split_first().unwrap_or((&AS_IT_IS, &[]));
        let line = match *first {
            SEALED => sealed(rest),
            _ => rest.to_vec(),
        };
        let mut reached = Reached::Refused;
        for told in line.iter().filter_map(|&byte| self.decoder.push(byte)) {
            match told {
                Ok(message) => {
                    let again = encode(&message).expect("what was read can be written");
                    let mut decoder = Decoder::new();
                    let again = again.iter().filter_map(|byte| decoder.push(*byte)).next();
                    assert_eq!(again, Some(Ok(message)));
                    reached = Reached::Accepted;
                }
                Err(WireError::TooLong | WireError::Malformed) => {}
                Err(_) if reached == Reached::Refused => reached = Reached::Within,
                Err(_) => {}
            }
        }
        // Whatever came before, the next frame is read.
        let [next, ..] = messages();
        let frame = encode(&next).expect("sound");
        let told = frame.iter().filter_map(|byte| self.decoder.push(*byte));
        assert_eq!(told.last(), Some(Ok(next)));
        reached
    }
}
