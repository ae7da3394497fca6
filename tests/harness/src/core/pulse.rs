//! Time as this machine gives it: a process that gets no processor for a second has not been slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two beats.
const BEAT: Duration = Duration::from_millis(5);
/// The most that one beat counts. A beat that comes later than this was kept from running.
const MOST: Duration = Duration::from_millis(10);

/// Counts the time since its start, without the time in which this process was kept from running.
#[derive(Debug)]
pub struct Pulse {
    counted: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Pulse {
    /// Begins to count.
    pub fn start() -> Self {
        let (counted, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counts, ends) = (Arc::clone(&counted), Arc::clone(&ended));
        std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let begun = Instant::now();
                std::thread::sleep(BEAT);
                let beat = begun.elapsed().min(MOST);
                counts.fetch_add(u64::try_from(beat.as_micros()).unwrap_or(0), Ordering::Relaxed);
            }
        });
        Self { counted, ended }
    }

    /// How long it has counted.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.counted.load(Ordering::Relaxed))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_no_more_than_there_was() {
        let begun = Instant::now();
        let pulse = Pulse::start();
        while pulse.elapsed() < 4 * BEAT {
            std::thread::yield_now();
        }
        assert!(pulse.elapsed() <= begun.elapsed());
    }
}
