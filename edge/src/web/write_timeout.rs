//! A connection that is given up when the other side does not take what it is sent.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// So long a visitor may take nothing of what it is sent.
pub const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// A connection whose writes end with an error when they make no progress for
/// [`WRITE_WITHIN`].
pub struct WriteTimeout {
    stream: TcpStream,
    limit: Duration,
    /// When patience ends; only looked at while `is_stuck`.
    end: Pin<Box<Sleep>>,
    is_stuck: bool,
}

impl WriteTimeout {
    /// Watches over a connection.
    pub fn new(stream: TcpStream, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            end: Box::pin(sleep(limit)),
            is_stuck: false,
        }
    }

    /// Lets a write wait until patience ends.
    fn wait<T>(
        &mut self,
        poll: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.is_stuck = false;
            return poll;
        }
        if !self.is_stuck {
            self.is_stuck = true;
            self.end.as_mut().reset(Instant::now() + self.limit);
        }
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for WriteTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WriteTimeout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wait(poll, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.wait(poll, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.wait(poll, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// What becomes of an endless answer to somebody who reads this much at a time.
    async fn pour(read_every: Option<Duration>) -> (io::ErrorKind, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let visitor = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let reader = tokio::spawn(async move {
            let mut bytes = vec![0; 1 << 20];
            for _ in 0..40 {
                sleep(read_every.unwrap_or(Duration::from_secs(60))).await;
                while visitor.try_read(&mut bytes).is_ok() {}
            }
            drop(visitor);
        });
        let mut patient = WriteTimeout::new(stream, Duration::from_secs(1));
        let start = Instant::now();
        let error = loop {
            if let Err(error) = patient.write_all(&[7; 1 << 16]).await {
                break error;
            }
        };
        reader.abort();
        (error.kind(), start.elapsed())
    }

    #[tokio::test]
    async fn who_reads_nothing_is_given_up_and_who_is_slow_is_not() {
        let (kind, after) = pour(None).await;
        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert!(after < Duration::from_secs(5), "{after:?}");
        // Twice the patience in all, and no gap longer than it.
        let (kind, _) = pour(Some(Duration::from_millis(50))).await;
        assert_ne!(kind, io::ErrorKind::TimedOut);
    }
}
