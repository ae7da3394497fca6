//! How long to wait before another attempt.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Waiting times.
#[derive(Debug, Clone, Copy)]
pub(in crate::charts) struct Pace {
    /// Before the second attempt; doubled before each further one.
    pub(in crate::charts) first: Duration,
    /// Longest time between two attempts.
    pub(in crate::charts) longest: Duration,
    /// Longest time that a server may ask for; beyond it the fetch ends at once.
    pub(in crate::charts) patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(8), patience: Duration::from_mins(2) }
    }
}

impl Pace {
    /// After so many fruitless attempts, with jitter: between half of the time and all of it.
    pub(super) fn backoff(&self, attempts: u32) -> Duration {
        let whole = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.longest);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// The value of `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_grow_and_end() {
        let pace = Pace::default();
        for (attempts, low, high) in [(1, 250, 500), (2, 500, 1000), (3, 1000, 2000), (5, 4000, 8000), (40, 4000, 8000)]
        {
            let wait = pace.backoff(attempts).as_millis();
            assert!((low..=high).contains(&wait), "{attempts}: {wait} ms");
        }
    }

    #[test]
    fn what_servers_ask_for() {
        let now: Timestamp = "2026-11-21T18:00:00Z".parse().expect("a moment");
        for (text, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sat, 21 Nov 2026 18:00:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 17:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
