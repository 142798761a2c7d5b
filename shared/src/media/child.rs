//! Children that are given a limited time.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a child is waited for that was killed.
const KILLED: Duration = Duration::from_secs(1);
/// Time between looks at what a child does.
const LOOK: Duration = Duration::from_millis(50);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

static PATIENCE: OnceLock<Duration> = OnceLock::new();

/// Waits for a decoder that does nothing for so long, in place of some seconds, before a file is
/// given up: for files on disks that sleep, or behind slow networks. It holds for the whole
/// program; the first call counts.
pub fn set_patience(limit: Duration) {
    let _ = PATIENCE.set(limit);
}

/// How long to wait where `usual` is usual.
pub(super) fn patience(usual: Duration) -> Duration {
    PATIENCE.get().copied().unwrap_or(usual)
}

/// How the child ended, if it does within this time.
pub(super) fn wait(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + time;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() >= end => return Ok(None),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// How the child ended, if it does before it has done nothing, or used a processor, for so long:
/// a machine that is busy with other things is waited for.
///
/// # Errors
/// When the system does not tell.
pub fn end(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let mut patience = Patience::new(limit);
    loop {
        if let Some(status) = wait(child, LOOK)? {
            return Ok(Some(status));
        }
        if patience
            .ends(Instant::now(), Life::of(child.id()))
            .is_some()
        {
            return Ok(None);
        }
    }
}

/// Ends a child by force and collects it. One that the system cannot end is left
/// behind.
pub(super) fn kill(child: &mut Child) {
    // Both fail only when the child has already been collected.
    let _ = child.kill();
    let _ = wait(child, KILLED);
}

/// What the command answers, as long as it does something for it; see [`Patience`].
///
/// # Errors
/// When it cannot be started, or patience with it ends (`TimedOut`); it is killed then.
pub(super) fn output_within(command: &mut Command, limit: Duration) -> io::Result<Output> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let mut patience = Patience::new(limit);
    let status = loop {
        if let Some(status) = wait(&mut child, LOOK)? {
            break status;
        }
        if let Some(why) = patience.ends(Instant::now(), Life::of(child.id())) {
            kill(&mut child);
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
    };
    // A reader that panicked has read nothing.
    let bytes = |reader: JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Ok(Output {
        status,
        stdout: bytes(stdout),
        stderr: bytes(stderr),
    })
}

/// What a process has done so far.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Life {
    /// Whether it runs, or would if it were given a processor.
    runs: bool,
    /// Processor time that it got.
    processor: Duration,
    /// Bytes that it read.
    read: u64,
}

impl Life {
    /// `None` where the system does not tell.
    fn of(process: u32) -> Option<Self> {
        let file = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).ok();
        Self::parse(&file("stat")?, file("io").as_deref())
    }

    /// Of `/proc/PID/stat` and `/proc/PID/io`, see proc(5).
    fn parse(stat: &str, io: Option<&str>) -> Option<Self> {
        // The name before it may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let runs = fields.next()? == "R";
        // Hundredths of a second: USER_HZ is 100 everywhere.
        let ticks = fields.skip(10).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<u64, _>>().ok()?;
        let read = io.and_then(|io| io.lines().find_map(|line| line.strip_prefix("rchar: ")));
        Some(Self {
            runs,
            processor: Duration::from_millis(10 * ticks),
            read: read.and_then(|read| read.parse().ok()).unwrap_or(0),
        })
    }
}

/// For how long a process that something is expected of has done nothing for it, though it might
/// have: it was not waiting for a processor, and used none, and read nothing.
#[derive(Debug, Default)]
pub(super) struct Idleness {
    life: Option<Life>,
    since: Option<Instant>,
}

impl Idleness {
    /// Looks at a child. Where the system does not tell, the clock counts.
    pub(super) fn of(&mut self, child: &Child) -> Duration {
        self.look(Instant::now(), Life::of(child.id()))
    }

    fn look(&mut self, now: Instant, life: Option<Life>) -> Duration {
        let did = |before: Life, now: Life| {
            now.runs || now.processor > before.processor || now.read > before.read
        };
        if let (Some(before), Some(life)) = (self.life, life)
            && did(before, life)
        {
            self.since = None;
        }
        self.life = life;
        now.duration_since(*self.since.get_or_insert(now))
    }
}

/// How long a process is waited for: until it has had so much of a processor, or has done nothing
/// for so long though it might have. A machine that is busy with other things is no reason to
/// give up.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    idleness: Idleness,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            idleness: Idleness::default(),
        }
    }

    /// Why it is at an end; `None` while it is not.
    fn ends(&mut self, now: Instant, life: Option<Life>) -> Option<String> {
        let idle = self.idleness.look(now, life);
        if life.is_some_and(|life| life.processor > self.limit) {
            let seconds = self.limit.as_secs_f32();
            return Some(format!(
                "no answer after {seconds} s of processor time; the file may be damaged"
            ));
        }
        (idle >= self.limit).then(|| format!("no answer, and {}", nothing_done(self.limit)))
    }
}

/// What to say of a child that was idle for so long.
pub(super) fn nothing_done(time: Duration) -> String {
    let seconds = time.as_secs_f32();
    format!(
        "nothing done for {seconds} s; is the disk or network that holds it there? --patience, or capture.patience_s of run, waits longer"
    )
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What came before an error is all that there is.
            let _ = pipe.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn an_answer_is_taken_and_a_child_without_one_is_killed() {
        let output = output_within(&mut shell("echo a; echo b >&2; exit 3"), KILLED).unwrap();
        assert_eq!(output.stdout, b"a\n");
        assert_eq!(output.stderr, b"b\n");
        assert_eq!(output.status.code(), Some(3));
        let start = Instant::now();
        let mut hangs = shell("trap '' TERM; while :; do :; done");
        let error = output_within(&mut hangs, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("processor time"), "{error}");
        let mut sleeps = shell("exec sleep 60");
        let error = output_within(&mut sleeps, Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("nothing done"), "{error}");
        assert!(start.elapsed() < 30 * KILLED);
    }

    #[test]
    fn a_busy_machine_and_a_slow_disk_are_waited_for() {
        let limit = Duration::from_secs(8);
        let start = Instant::now();
        let life = |runs, processor: f32, read| {
            Some(Life {
                runs,
                processor: Duration::from_secs_f32(processor),
                read,
            })
        };
        let ends = |of: &dyn Fn(u64) -> Option<Life>| {
            let mut patience = Patience::new(limit);
            (0..600).find_map(|second| {
                let why = patience.ends(start + Duration::from_secs(second), of(second))?;
                Some((second, why))
            })
        };
        // Not given a processor for ten minutes; a few bytes every five seconds.
        assert_eq!(ends(&|_| life(true, 0.1, 0)), None);
        assert_eq!(ends(&|second| life(false, 0.1, second / 5)), None);
        let (second, why) = ends(&|_| life(false, 0.1, 7)).unwrap();
        assert_eq!(second, 8);
        assert!(why.contains("disk"), "{why}");
        let (second, why) = ends(&|second| life(true, second as f32, 0)).unwrap();
        assert_eq!(second, 9);
        assert!(why.contains("processor"), "{why}");
        // Where the system tells nothing, the clock counts.
        assert_eq!(ends(&|_| None).unwrap().0, 8);
    }

    #[test]
    fn what_the_system_tells_of_a_process_is_read() {
        let stat = "77 (a) b (c)) S 1 77 77 0 -1 4194560 130 0 0 0 12 34 5 6 20 0 1 0 99";
        let life = Life::parse(stat, Some("rchar: 4096\nwchar: 1\n")).unwrap();
        let wanted = Life {
            runs: false,
            processor: Duration::from_millis(460),
            read: 4096,
        };
        assert_eq!(life, wanted);
        assert!(Life::parse(&stat.replace(") S", ") R"), None).unwrap().runs);
        assert_eq!(Life::parse("nonsense", None), None);
        #[cfg(target_os = "linux")]
        assert!(Life::of(std::process::id()).is_some());
    }
}
