//! Reads the frames of a child on a thread of its own, so that nobody need wait for a
//! child that hangs.

use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::{Frame, ppm};

const PIPE_BUFFER_BYTES: usize = 1 << 18;
/// Frames on their way from the pipe.
const FRAMES: usize = 2;

/// What a pipe has at the moment.
pub(super) enum FromPipe {
    /// A frame.
    Frame,
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    End,
}

/// A frame; `None` at a clean end.
type Told = io::Result<Option<Frame>>;

/// Frames of a pipe, in order. The thread ends with the pipe, or when this is dropped
/// and the pipe gives a frame.
pub(super) struct FrameReader {
    frames: Receiver<Told>,
    empty: SyncSender<Frame>,
}

impl FrameReader {
    /// Begins to read.
    ///
    /// # Errors
    /// When the system has no thread to spare.
    pub(super) fn start(pipe: impl Read + Send + 'static) -> io::Result<Self> {
        let (to_us, frames) = sync_channel(FRAMES);
        let (empty, to_reader) = sync_channel(FRAMES + 2);
        std::thread::Builder::new()
            .name("video-frames".into())
            .spawn(move || read_frames(pipe, &to_us, &to_reader))?;
        Ok(Self { frames, empty })
    }

    /// Takes the next frame (pixels and size only), and waits for it up to `wait`.
    ///
    /// # Errors
    /// When the pipe broke, or holds no frames.
    pub(super) fn read(&mut self, frame: &mut Frame, wait: Duration) -> io::Result<FromPipe> {
        match self.frames.recv_timeout(wait) {
            Ok(Ok(Some(mut fresh))) => {
                std::mem::swap(frame, &mut fresh);
                // Where the reader has enough of them, this one is let go.
                let _ = self.empty.try_send(fresh);
                Ok(FromPipe::Frame)
            }
            Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => Ok(FromPipe::End),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Ok(FromPipe::Nothing),
        }
    }
}

fn read_frames(pipe: impl Read, frames: &SyncSender<Told>, empty: &Receiver<Frame>) {
    let mut pipe = BufReader::with_capacity(PIPE_BUFFER_BYTES, pipe);
    loop {
        let mut frame = empty.try_recv().unwrap_or_default();
        let told = match ppm::read_frame(&mut pipe, &mut frame) {
            Ok(true) => Ok(Some(frame)),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        let is_last = !matches!(told, Ok(Some(_)));
        if frames.send(told).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one frame, and then nothing for a while.
    struct Stuck {
        bytes: io::Cursor<Vec<u8>>,
    }

    impl Read for Stuck {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.bytes.read(buffer)? {
                0 => {
                    std::thread::sleep(Duration::from_millis(300));
                    Ok(0)
                }
                some => Ok(some),
            }
        }
    }

    #[test]
    fn nobody_waits_longer_than_wanted() {
        let bytes = io::Cursor::new(b"P6\n1 1\n255\nabc".to_vec());
        let mut reader = FrameReader::start(Stuck { bytes }).unwrap();
        let mut frame = Frame::default();
        let mut read = |wait| reader.read(&mut frame, wait).unwrap();
        let long = Duration::from_secs(60);
        assert!(matches!(read(long), FromPipe::Frame));
        let wait = Duration::from_millis(20);
        assert!(matches!(read(wait), FromPipe::Nothing));
        assert!(matches!(read(long), FromPipe::End));
        assert!(matches!(read(long), FromPipe::End), "and so it stays");
        assert_eq!((frame.width, frame.rgb.as_slice()), (1, &b"abc"[..]));
    }
}
