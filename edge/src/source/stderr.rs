//! Keeps the last lines that a child process complains with.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::ChildStderr;
use std::thread::JoinHandle;

const LINES_MAX: usize = 8;
const LINE_BYTES_MAX: u64 = 400;

/// Reads a child's standard error in the background, so that the child never
/// blocks on it, and remembers the end of it.
pub(super) struct StderrTail {
    reader: Option<JoinHandle<VecDeque<String>>>,
}

impl StderrTail {
    pub(super) fn follow(stderr: Option<ChildStderr>) -> Self {
        let reader = stderr.map(|pipe| std::thread::spawn(move || last_lines(pipe)));
        Self { reader }
    }

    /// The last line, once the child has closed its end. Empty if it said nothing.
    pub(super) fn last_line(&mut self) -> String {
        let lines = self.reader.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        lines.into_iter().next_back().unwrap_or_default()
    }
}

fn last_lines(pipe: impl Read) -> VecDeque<String> {
    let mut lines = VecDeque::with_capacity(LINES_MAX);
    let mut input = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return lines,
            Ok(_) => {}
        }
        let text = clean(&line);
        if text.is_empty() {
            continue;
        }
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(text);
    }
}

/// One printable line, without the addresses that ffmpeg puts in front.
pub(super) fn clean(line: &[u8]) -> String {
    let text: String =
        String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).collect();
    let mut rest = text.trim();
    if rest.starts_with('[')
        && let Some((_, after)) = rest.split_once("] ")
    {
        rest = after.trim();
    }
    rest.strip_prefix("file:").unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_bounded_tail_of_clean_lines() {
        let noise: String = (0..1000).map(|i| format!("[mov @ 0x55d] line {i}\n")).collect();
        let lines = last_lines(noise.as_bytes());
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines.back().unwrap(), "line 999");

        let endless = vec![b'x'; 100_000];
        let lines = last_lines(endless.as_slice());
        assert!(lines.iter().all(|line| line.len() <= LINE_BYTES_MAX as usize));
    }
}
