//! Keeps the event log open, as far as that is possible.

use std::time::Duration;

use unmask_shared::event::Event;
use unmask_shared::geometry::FaceBox;

use super::config::LogTable;
use crate::log::{Decision, EventRecorder, RecordConfig, RecordError, Recorded};
use crate::observe::LogStatus;
use unmask_shared::media::Frame;

/// A log that could not be written is opened again after so long.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// The event log, and what to do when it cannot be written: end the program, or go
/// on without and try again.
pub struct LogKeeper {
    config: RecordConfig,
    is_required: bool,
    log: Option<EventRecorder>,
    reopen_at: Duration,
    lost: u64,
}

impl LogTable {
    /// Opens the log, if there is to be one. `now` is the time since the program
    /// started.
    ///
    /// # Errors
    /// When it is required and cannot be opened.
    pub fn open(&self, now: Duration) -> Result<Option<LogKeeper>, RecordError> {
        let Some(config) = self.record() else {
            return Ok(None);
        };
        let mut keeper = LogKeeper {
            config,
            is_required: self.required,
            log: None,
            reopen_at: now,
            lost: 0,
        };
        keeper.reopen(now)?;
        Ok(Some(keeper))
    }
}

impl LogKeeper {
    /// Logs an event; see [`EventRecorder::record`]. `None` where it was lost.
    ///
    /// # Errors
    /// When the log is required and cannot be written.
    pub fn record(
        &mut self,
        event: &Event,
        frame: &Frame,
        face: Option<&FaceBox>,
        now: Duration,
    ) -> Result<Option<Recorded>, RecordError> {
        self.reopen(now)?;
        let written = match &mut self.log {
            Some(log) => log.record(event, frame, face, now).map(Some),
            None => Ok(None),
        };
        let written = written.or_else(|error| self.fail(error, now).map(|()| None))?;
        if written.is_none() {
            self.lost += 1;
            tracing::error!(lost = self.lost, track = event.track, kind = ?event.kind, "an event was not logged");
        }
        Ok(written)
    }

    /// Logs what somebody found who looked at an entry; see
    /// [`EventRecorder::review`]. A review that cannot be logged is told as an error
    /// and lost; it never ends the program.
    pub fn review(&mut self, entry: u64, decision: Decision, note: &str, now: Duration) {
        let written = self
            .log
            .as_mut()
            .map(|log| log.review(entry, decision, note, now));
        match written {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::error!(%error, entry, "a review was not logged"),
            None => tracing::error!(entry, "a review was not logged: the log cannot be written"),
        }
    }

    /// How things are with the log.
    pub fn status(&self) -> LogStatus {
        let (entries, root) = match self.log.as_ref().map(EventRecorder::root) {
            Some((entries, root)) => (entries, Some(root)),
            None => (0, None),
        };
        LogStatus {
            entries,
            root,
            lost: self.lost,
        }
    }

    /// Brings onto the disk what has waited long enough, and opens the log again
    /// where it is lost.
    ///
    /// # Errors
    /// When the log is required and cannot be written.
    pub fn poll(&mut self, now: Duration) -> Result<(), RecordError> {
        self.reopen(now)?;
        match self.log.as_mut().map(|log| log.poll(now)) {
            Some(Err(error)) => self.fail(error, now),
            _ => Ok(()),
        }
    }

    /// Brings everything onto the disk.
    ///
    /// # Errors
    /// When the log is required and cannot be written.
    pub fn close(mut self) -> Result<(), RecordError> {
        match self.log.take().map(EventRecorder::close) {
            Some(Err(error)) => self.fail(error, self.reopen_at),
            _ => Ok(()),
        }
    }

    /// Whether events are being lost.
    pub fn is_faulty(&self) -> bool {
        self.log.is_none()
    }

    /// Events that were not logged.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn reopen(&mut self, now: Duration) -> Result<(), RecordError> {
        if self.log.is_some() || now < self.reopen_at {
            return Ok(());
        }
        match EventRecorder::open(&self.config) {
            Err(error) => self.fail(error, now),
            Ok((log, recovery)) => {
                if recovery.dropped_bytes > 0 {
                    tracing::warn!(
                        folder = %self.config.folder.display(),
                        entry = recovery.entries,
                        bytes = recovery.dropped_bytes,
                        "the event log ended in half an entry, which was cut off"
                    );
                }
                if self.lost > 0 {
                    tracing::warn!(lost = self.lost, "the event log is written again");
                }
                self.log = Some(log);
                Ok(())
            }
        }
    }

    fn fail(&mut self, error: RecordError, now: Duration) -> Result<(), RecordError> {
        if self.is_required {
            return Err(error);
        }
        tracing::error!(%error, "the event log cannot be written: going on without (log.required)");
        self.log = None;
        self.reopen_at = now + REOPEN_AFTER;
        Ok(())
    }
}
