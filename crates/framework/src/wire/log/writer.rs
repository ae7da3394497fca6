//! The thread that writes lines, so that nobody waits for whoever reads them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Map;
use tracing::Level;

use super::line::line;

/// So many lines wait at the most; further ones are dropped and counted.
const WAITING: usize = 8192;

/// Where log lines go.
#[derive(Clone)]
pub struct Lines {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

impl Lines {
    /// Lines to `destination`, by a new thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn to(destination: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&receiver, destination, &counted))?;
        Ok(Self { sender, dropped })
    }

    /// Hands one line over. Never waits.
    pub fn push(&self, line: Vec<u8>) {
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything so far is written, at the most for `longest`.
    pub fn flush(&self, longest: Duration) {
        let until = Instant::now() + longest;
        let (done, finished) = sync_channel(1);
        let mut request = Message::Flush(done);
        while let Err(TrySendError::Full(again)) = self.sender.try_send(request) {
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
            request = again;
        }
        // Whoever does not read its lines in time does not get them.
        let _ = finished.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

fn write(receiver: &Receiver<Message>, mut destination: impl Write, dropped: &AtomicU64) {
    // Lines end the thread's work only with the process; a closed standard error leaves nothing to be done.
    while let Ok(message) = receiver.recv() {
        let written = match message {
            Message::Line(line) => destination.write_all(&line),
            Message::Flush(done) => {
                let flushed = destination.flush();
                let _ = done.send(());
                flushed
            }
        };
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let note = format!("{missing} log lines were dropped, because the host reads them too slowly");
            let note = line(Timestamp::now(), Level::WARN, module_path!(), &note, Map::new());
            let _ = destination.write_all(&note);
        }
        if written.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A reader that reads nothing until it is released.
    struct Stalled {
        go: Receiver<()>,
        out: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The other end is dropped to let everything through.
            let _ = self.go.recv();
            self.out.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_holds_nobody_up() {
        let (go, waiting) = mpsc::channel();
        let (out, received) = mpsc::channel();
        let lines = Lines::to(Stalled { go: waiting, out }).expect("a thread");
        for _ in 0..WAITING * 2 {
            lines.push(b"x\n".to_vec());
        }
        drop(go);
        lines.flush(Duration::from_mins(1));
        let received: Vec<Vec<u8>> = received.try_iter().collect();
        let notes = received.iter().filter(|line| line.starts_with(b"{")).count();
        let missing = WAITING * 2 - received.iter().filter(|line| *line == b"x\n").count();
        assert!(missing >= WAITING - 1, "{missing} lines were dropped");
        assert_eq!(notes, 1, "one note says so");
    }
}
