//! What a command prints, and how it ends.

use std::collections::VecDeque;
use std::fmt;

/// One of a command's two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives the lines of a running command.
pub trait Output: Send {
    /// One line, without its end. Bytes that are not UTF-8 are replaced. A line of more than 64 KiB arrives in pieces.
    fn line(&mut self, stream: Stream, line: &str);
}

/// Ignores everything.
impl Output for () {
    fn line(&mut self, _: Stream, _: &str) {}
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Status(i64),
    /// By a signal, such as `TERM`.
    Signal(String),
}

impl Exit {
    /// Whether the status is 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Status(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// The last lines of something, up to a number of bytes.
#[derive(Clone, Debug)]
pub struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
    limit: usize,
    is_cut: bool,
}

impl Tail {
    /// Keeps at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, limit, is_cut: false }
    }

    /// Adds a line.
    pub fn push(&mut self, line: &str) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line.to_owned());
        while self.bytes > self.limit
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= first.len() + 1;
            self.is_cut = true;
        }
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Whether earlier lines were dropped.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The lines as one text, without a line break at the end.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// What a command printed.
#[derive(Clone, Debug)]
pub struct Captured {
    /// How it ended.
    pub exit: Exit,
    /// Standard output, without a line break at the end. At most 1 MiB; see `is_cut`.
    pub stdout: String,
    /// The end of standard error, at most 64 KiB.
    pub stderr: String,
    /// Whether standard output was longer than what is kept.
    pub is_cut: bool,
}

const STDOUT_LIMIT: usize = 1 << 20;
const STDERR_LIMIT: usize = 64 << 10;

pub(super) struct Capture {
    stdout: String,
    is_cut: bool,
    stderr: Tail,
}

impl Default for Capture {
    fn default() -> Self {
        Self { stdout: String::new(), is_cut: false, stderr: Tail::new(STDERR_LIMIT) }
    }
}

impl Capture {
    pub(super) fn finish(mut self, exit: Exit) -> Captured {
        self.stdout.pop();
        Captured { exit, stdout: self.stdout, stderr: self.stderr.text(), is_cut: self.is_cut }
    }
}

impl Output for Capture {
    fn line(&mut self, stream: Stream, line: &str) {
        match stream {
            Stream::Stderr => self.stderr.push(line),
            Stream::Stdout if self.is_cut || self.stdout.len() + line.len() >= STDOUT_LIMIT => self.is_cut = true,
            Stream::Stdout => {
                self.stdout += line;
                self.stdout.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_whole_lines_within_its_limit() {
        let mut tail = Tail::new(8);
        for line in ["one", "two", "six"] {
            tail.push(line);
        }
        assert_eq!((tail.text().as_str(), tail.is_cut()), ("two\nsix", true));
        tail.push("longer than all");
        assert_eq!(tail.text(), "");
    }

    #[test]
    fn standard_output_is_cut_at_a_line() {
        let mut capture = Capture::default();
        let line = "x".repeat(1000);
        for _ in 0..2000 {
            capture.line(Stream::Stdout, &line);
        }
        capture.line(Stream::Stdout, "short");
        let captured = capture.finish(Exit::Status(0));
        assert!(captured.is_cut);
        assert_eq!(captured.stdout.len() % 1001, 1000, "whole lines only");
        assert!(captured.stdout.len() < STDOUT_LIMIT);
    }
}
