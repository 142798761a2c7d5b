//! Commands that write frames to their standard output, as cameras: raw, or each behind a
//! header of its own (PPM), which tells its size.

use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use unmask_pixels::Format;
use unmask_shared::media::{Frame, StderrTail, end, read_ppm};

use super::device::{Buffer, Bus, Device, WantedFormat};
use super::identity::Attached;
use crate::secret::Secret;

/// How long a child may take to end by itself, or when it is asked to.
const GRACE: Duration = Duration::from_millis(500);
/// Frames on their way from the pipe.
const FRAMES: usize = 2;
/// How long a child may do nothing, or be busy, after its last frame before it counts as failed.
const END: Duration = Duration::from_millis(500);

/// What a command says whose camera does not let it in.
const REFUSED: [&str; 2] = ["401 Unauthorized", "403 Forbidden"];

/// Where the shell finds its line ...
const LINE: &str = "UNMASK_COMMAND_LINE";
/// ... and what it does with it.
const FROM_ENVIRONMENT: &str =
    "line=$UNMASK_COMMAND_LINE; unset UNMASK_COMMAND_LINE; eval \"$line\"";

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// A line for the shell, which may hold a password.
    Shell(Secret),
    /// A program and its arguments, which no shell looks at.
    Program(Vec<String>),
}

impl CommandLine {
    fn command(&self) -> Command {
        match self {
            Self::Shell(line) => {
                let mut command = Command::new("/bin/sh");
                // Everybody on the machine can read arguments, but not the environment.
                command.args(["-c", FROM_ENVIRONMENT]);
                command.env(LINE, line.expose());
                command
            }
            Self::Program(words) => {
                let (program, arguments) = words.split_first().unzip();
                let mut command = Command::new(program.map_or("", String::as_str));
                command.args(arguments.unwrap_or_default());
                command
            }
        }
    }
}

/// A command as the only camera of a bus.
#[derive(Debug, Clone)]
pub struct ProcessBus {
    /// What to call it in the log.
    pub label: String,
    /// What to run.
    pub command: CommandLine,
    /// What nobody may read in the log, as a password.
    pub hidden: Vec<Secret>,
    /// What it reads from its standard input, some lines at most.
    pub input: Option<Secret>,
    /// How the frames are laid out that it writes; not MJPG, which has no fixed
    /// size.
    pub format: Format,
    /// Whether an exit without an error is the end of the stream, as of a file,
    /// and not a fault.
    pub may_end: bool,
}

impl ProcessBus {
    /// The name that its camera answers to.
    pub const NAME: &'static str = "command";
}

impl Bus for ProcessBus {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        Ok(vec![Attached {
            path: Self::NAME.into(),
            bus: Self::NAME.into(),
            serial: None,
            card: self.label.clone(),
            driver: String::new(),
            is_virtual: false,
        }])
    }

    fn open(&mut self, _: &Attached, wanted: &WantedFormat) -> io::Result<Box<dyn Device>> {
        let mut command = self.command.command();
        command
            .stdin(match &self.input {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A Ctrl-C in the terminal is for us; and we stop all that it started.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| {
            let what = format!("cannot start {}: {error}", command.get_program().display());
            io::Error::new(error.kind(), what)
        })?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), &self.input) {
            // Less than a pipe holds; a child that has ended already says why.
            let _ = pipe.write_all(input.expose().as_bytes());
        }
        let stdout = child.stdout.take();
        let stderr = StderrTail::follow(child.stderr.take());
        let bytes = self.format.bytes_min();
        let (to_us, frames) = sync_channel(FRAMES);
        let (empty, to_reader) = sync_channel(FRAMES + 2);
        if let Some(pipe) = stdout {
            std::thread::Builder::new()
                .name("command-frames".into())
                .spawn(move || read_frames(pipe, bytes, &to_us, &to_reader))?;
        }
        Ok(Box::new(Process {
            child: Some(child),
            format: self.format,
            may_end: self.may_end,
            hidden: self.hidden.clone(),
            interval: Duration::from_secs_f64(1.0 / wanted.rate_hz.clamp(0.01, 1e4)),
            frames,
            empty,
            current: Vec::new(),
            size: None,
            count: 0,
            stderr,
            is_finished: false,
            is_hopeless: false,
        }))
    }
}

/// A frame and its own size, or how many bytes of one came before the end.
type FromPipe = Result<(Vec<u8>, Option<(usize, usize)>), usize>;

/// What a stream of pictures with headers begins with.
const PPM: &[u8; 3] = b"P6\n";
const PIPE_BUFFER_BYTES: usize = 1 << 18;

fn read_frames(
    mut pipe: impl Read,
    bytes: usize,
    frames: &SyncSender<FromPipe>,
    empty: &Receiver<Vec<u8>>,
) {
    let mut head = vec![0; PPM.len().min(bytes)];
    let have = fill(&mut pipe, &mut head);
    head.truncate(have);
    let is_ppm = head == PPM;
    let mut pipe = Cursor::new(head).chain(pipe);
    if is_ppm {
        return read_headed(pipe, frames, empty);
    }
    loop {
        let mut frame = empty.try_recv().unwrap_or_default();
        frame.resize(bytes, 0);
        let have = fill(&mut pipe, &mut frame);
        let whole = have == bytes;
        let told = frames.send(if whole { Ok((frame, None)) } else { Err(have) });
        if !whole || told.is_err() {
            return;
        }
    }
}

fn read_headed(pipe: impl Read, frames: &SyncSender<FromPipe>, empty: &Receiver<Vec<u8>>) {
    let mut pipe = BufReader::with_capacity(PIPE_BUFFER_BYTES, pipe);
    loop {
        let mut frame = Frame {
            rgb: empty.try_recv().unwrap_or_default(),
            ..Frame::default()
        };
        let told = match read_ppm(&mut pipe, &mut frame) {
            Ok(true) => Ok((frame.rgb, Some((frame.width, frame.height)))),
            Ok(false) => Err(0),
            // Something of a frame came.
            Err(_) => Err(1),
        };
        let is_last = told.is_err();
        if frames.send(told).is_err() || is_last {
            return;
        }
    }
}

/// Reads until the frame is full or the pipe ends; tells how far.
fn fill(pipe: &mut impl Read, frame: &mut [u8]) -> usize {
    let mut have = 0;
    while let Some(rest) = frame.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match pipe.read(rest) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    have
}

/// A command that is running. It is stopped and collected when this is dropped.
struct Process {
    child: Option<Child>,
    format: Format,
    may_end: bool,
    hidden: Vec<Secret>,
    interval: Duration,
    frames: Receiver<FromPipe>,
    empty: SyncSender<Vec<u8>>,
    current: Vec<u8>,
    size: Option<(usize, usize)>,
    count: u32,
    stderr: StderrTail,
    is_finished: bool,
    is_hopeless: bool,
}

impl Process {
    /// Why the frames ended.
    fn end(&mut self, left: usize) -> io::Error {
        // It has closed its output: what is left to do, a busy machine may take its time with.
        let ended = self.child.as_mut().and_then(|child| end(child, END).ok());
        let status = ended.flatten();
        let whole = left == 0 && self.count > 0;
        let is_well = self.may_end && status.is_some_and(|s| s.success());
        self.is_finished = is_well && whole;
        // All that it had to say was not a number of frames.
        self.is_hopeless = is_well && left > 0;
        let mut what = match status {
            Some(status) => format!("the command ended with {status}"),
            None => "the command closed its output".to_owned(),
        };
        if left > 0 {
            let size = self.format.bytes_min();
            what += &format!(" after {left} of a frame's {size} bytes; is --size right?");
        } else if self.count == 0 {
            what += " without a single frame";
        }
        // What it said last may still be on its way.
        let until = Instant::now() + GRACE;
        let mut said = self.stderr.words_so_far(Path::new(""));
        while said.is_empty() && !status.is_some_and(|s| s.success()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
            said = self.stderr.words_so_far(Path::new(""));
        }
        let hidden = self.hidden.iter();
        let said = hidden.fold(said, |said, hidden| hidden.hide_in(&said));
        let is_refused = REFUSED.iter().any(|words| said.contains(words));
        if !said.is_empty() {
            what += &format!("; it said: {said}");
        }
        if is_refused {
            what += ": are name and password right?";
            return io::Error::new(io::ErrorKind::PermissionDenied, what);
        }
        io::Error::new(io::ErrorKind::UnexpectedEof, what)
    }
}

/// How the child ended, if it ends within this time.
fn wait(child: &mut Child, time: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + time;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
            _ => return None,
        }
    }
}

impl Device for Process {
    fn format(&mut self) -> io::Result<Format> {
        Ok(self.format)
    }

    fn dequeue(&mut self, wait: Duration) -> io::Result<Buffer<'_>> {
        // Where the reader has enough of them, this one is let go.
        let _ = self.empty.try_send(std::mem::take(&mut self.current));
        match self.frames.recv_timeout(wait) {
            Ok(Ok((frame, size))) => (self.current, self.size) = (frame, size),
            Ok(Err(left)) => return Err(self.end(left)),
            Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => return Err(self.end(0)),
        }
        self.count = self.count.saturating_add(1);
        Ok(Buffer {
            bytes: &self.current,
            used: self.current.len(),
            has_error: false,
            size: self.size,
            time: self.interval * self.count,
        })
    }

    fn is_finished(&mut self) -> bool {
        self.is_finished
    }

    fn is_hopeless(&mut self) -> bool {
        self.is_hopeless
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        stop(&mut child, true);
        if wait(&mut child, GRACE).is_none() {
            stop(&mut child, false);
            if wait(&mut child, 2 * GRACE).is_none() {
                tracing::error!(pid = child.id(), "a command cannot be stopped");
            }
        }
    }
}

/// Asks, or forces, the child and all that it started to end.
#[cfg(unix)]
fn stop(child: &mut Child, gently: bool) {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;
    let signal = if gently {
        Signal::SIGTERM
    } else {
        Signal::SIGKILL
    };
    if let Ok(group) = i32::try_from(child.id()) {
        // It may have ended in this moment.
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

#[cfg(not(unix))]
fn stop(child: &mut Child, _gently: bool) {
    // It may have ended in this moment.
    let _ = child.kill();
}
