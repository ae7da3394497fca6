//! Bytes as they arrive, divided into lines, in bounded memory.

use super::output::{Output, Stream};
use super::redact::Redactor;

/// A longer line is passed on in pieces.
const LONGEST: usize = 64 << 10;

/// One stream of a command.
pub(super) struct Lines {
    stream: Stream,
    pending: Vec<u8>,
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, pending: Vec::new() }
    }

    /// Passes on the lines that `bytes` completes.
    pub(super) fn push(&mut self, bytes: &[u8], redactor: &Redactor, output: &mut dyn Output) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(&rest[..end]);
            self.pass(self.pending.len(), redactor, output);
            rest = &rest[end + 1..];
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() > LONGEST {
            let cut = redactor.last_cut(&self.pending);
            // Secrets longer than a line are cut: memory has a bound, whatever is printed.
            let cut = if cut == 0 { self.pending.len() } else { cut };
            self.pass(cut, redactor, output);
        }
    }

    /// Passes on what is left.
    pub(super) fn finish(&mut self, redactor: &Redactor, output: &mut dyn Output) {
        if !self.pending.is_empty() {
            self.pass(self.pending.len(), redactor, output);
        }
    }

    fn pass(&mut self, length: usize, redactor: &Redactor, output: &mut dyn Output) {
        let line = String::from_utf8_lossy(&self.pending[..length]);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        output.line(self.stream, &redactor.redact(line));
        self.pending.drain(..length);
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Output for Seen {
        fn line(&mut self, _: Stream, line: &str) {
            self.0.push(line.to_owned());
        }
    }

    fn seen(pieces: &[&[u8]], secrets: &[&str]) -> Vec<String> {
        let redactor = Redactor::new(&secrets.iter().map(|secret| SecretString::from(*secret)).collect::<Vec<_>>());
        let (mut lines, mut seen) = (Lines::new(Stream::Stdout), Seen::default());
        for piece in pieces {
            lines.push(piece, &redactor, &mut seen);
        }
        lines.finish(&redactor, &mut seen);
        seen.0
    }

    #[test]
    fn pieces_become_lines() {
        assert_eq!(seen(&[b"on", b"e\ntwo\r\n\nla", b"st"], &[]), ["one", "two", "", "last"]);
        assert_eq!(seen(&[b"caf\xc3", b"\xa9 \xff\n"], &[]), ["café \u{fffd}"]);
    }

    #[test]
    fn a_secret_that_arrives_in_two_pieces_is_replaced() {
        assert_eq!(seen(&[b"code SEC", b"RET1 end\n"], &["SECRET1"]), ["code [sensitive] end"]);
    }

    #[test]
    fn an_endless_line_is_passed_on_in_pieces_that_divide_no_secret() {
        let piece = [b"x".repeat(1000), b"SECRET1".to_vec()].concat();
        let pieces: Vec<&[u8]> = (0..500).map(|_| piece.as_slice()).collect();
        let seen = seen(&pieces, &["SECRET1"]);
        assert!(seen.len() > 1);
        assert!(seen.iter().all(|line| line.len() < LONGEST + 8192), "memory is bounded");
        assert_eq!(seen.concat(), format!("{}[sensitive]", "x".repeat(1000)).repeat(500));
    }
}
