//! Keeps the last lines that a child process complains with.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ChildStderr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

const LINES_MAX: usize = 8;
const LINE_BYTES_MAX: u64 = 400;

type Lines = Arc<Mutex<VecDeque<String>>>;

/// Reads a child's standard error in the background, so that the child never
/// blocks on it, and remembers the end of it.
pub struct StderrTail {
    lines: Lines,
    reader: Option<JoinHandle<()>>,
}

impl StderrTail {
    /// Reads on a thread of its own until the child closes its end.
    pub fn follow(stderr: Option<ChildStderr>) -> Self {
        Self::sift(stderr, |_| true)
    }

    /// The same for lines that are complaints: `is_complaint` sees each of them as it came.
    pub(super) fn sift(
        stderr: Option<ChildStderr>,
        is_complaint: impl FnMut(&str) -> bool + Send + 'static,
    ) -> Self {
        let lines = Lines::default();
        let seen = Arc::clone(&lines);
        let read = |pipe| std::thread::spawn(move || keep_last(pipe, &seen, is_complaint));
        let reader = stderr.map(read);
        Self { lines, reader }
    }

    /// What the child said last, once it has closed its end.
    pub(super) fn last_words(&mut self, path: &Path) -> String {
        if let Some(reader) = self.reader.take() {
            // A reader that panicked has told what it saw before.
            let _ = reader.join();
        }
        self.words_so_far(path)
    }

    /// What the child said last until now; waits for nobody. A name in front
    /// of a line, which the reader of the message knows, is left out.
    pub fn words_so_far(&self, name: &Path) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        last_words(lines.iter().map(String::as_str), name)
    }
}

fn keep_last(
    pipe: impl Read,
    lines: &Mutex<VecDeque<String>>,
    mut is_complaint: impl FnMut(&str) -> bool,
) {
    let mut input = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut input)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = clean(&line);
        if !is_complaint(&String::from_utf8_lossy(&line)) || text.is_empty() {
            continue;
        }
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(text);
    }
}

/// The last two lines as one, without the name of the file, which the reader
/// knows. The very last alone often only says that something went wrong.
pub(super) fn last_words<'a>(
    lines: impl DoubleEndedIterator<Item = &'a str>,
    path: &Path,
) -> String {
    let name = format!("{}: ", path.display());
    let mut lines = lines
        .rev()
        .map(|line| line.strip_prefix(&name).unwrap_or(line));
    let last = lines.next().unwrap_or_default();
    match lines.next() {
        Some(before) if before != last => format!("{before}; {last}"),
        _ => last.to_owned(),
    }
}

/// One printable line, without the address and the level that ffmpeg puts in front.
pub(super) fn clean(line: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(line)
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    let mut rest = text.trim();
    // `[mov @ 0x55d] [error] what is wrong`
    for _ in 0..2 {
        if rest.starts_with('[')
            && let Some((_, after)) = rest.split_once("] ")
        {
            rest = after.trim();
        }
    }
    rest.strip_prefix("file:").unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_lines(pipe: impl Read) -> VecDeque<String> {
        let lines = Mutex::default();
        keep_last(pipe, &lines, |_| true);
        lines.into_inner().unwrap()
    }

    #[test]
    fn tells_the_cause_with_the_complaint() {
        let lines = ["noise", "moov atom not found", "a.mp4: Invalid data"];
        let words = |lines: &[&'static str]| last_words(lines.iter().copied(), Path::new("a.mp4"));
        assert_eq!(words(&lines), "moov atom not found; Invalid data");
        assert_eq!(words(&["x", "x"]), "x");
        assert_eq!(words(&[]), "");
    }

    #[test]
    fn keeps_a_bounded_tail_of_clean_lines() {
        let noise: String = (0..1000)
            .map(|i| format!("[mov @ 0x55d] line {i}\n"))
            .collect();
        let lines = last_lines(noise.as_bytes());
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines.back().unwrap(), "line 999");

        let endless = vec![b'x'; 100_000];
        let lines = last_lines(endless.as_slice());
        assert!(
            lines
                .iter()
                .all(|line| line.len() <= LINE_BYTES_MAX as usize)
        );
    }
}
