//! Pauses between attempts.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Pauses that grow.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Before the second attempt; doubled before each further one.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Pace {
    /// The pause after this many attempts, with jitter, so that many callers do not try again at the same moment:
    /// between half of the time and all of it.
    #[must_use]
    pub fn after(&self, attempts: u32) -> Duration {
        let whole = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.longest);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// The value of `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
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
    fn pauses_grow_and_end() {
        let pace = Pace { first: Duration::from_millis(500), longest: Duration::from_secs(8) };
        for (attempts, low, high) in [(1, 250, 500), (2, 500, 1000), (3, 1000, 2000), (5, 4000, 8000), (40, 4000, 8000)]
        {
            let wait = pace.after(attempts).as_millis();
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
