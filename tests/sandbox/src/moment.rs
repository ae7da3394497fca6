//! Points in time as AWS writes them: milliseconds since 1970, with the formats of its protocols.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// Real time.
    pub fn now() -> Self {
        Self(Timestamp::now().as_millisecond())
    }

    pub fn of_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Seconds with a fraction, as JSON protocols write timestamps.
    pub fn epoch(self) -> f64 {
        // Exact: milliseconds of this age fit the 53 bits of a double.
        #[allow(clippy::cast_precision_loss)]
        let millis = self.0 as f64;
        millis / 1000.0
    }

    /// Reads seconds with a fraction; `None` when it is not a time of this calendar.
    pub fn from_epoch(seconds: f64) -> Option<Self> {
        // The bound keeps the conversion exact and inside what jiff can format (year 9999).
        if !(0.0..=253_402_207_200.0).contains(&seconds) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)]
        Some(Self((seconds * 1000.0).round() as i64))
    }

    /// `2026-11-21T15:25:18Z`, as XML protocols write timestamps.
    pub fn iso(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%SZ")
    }

    /// `2026-11-21T15:25:18.123Z`.
    pub fn iso_millis(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S.%3fZ")
    }

    /// `20261121T152518Z`, as in signatures.
    pub fn compact(self) -> String {
        self.format("%Y%m%dT%H%M%SZ")
    }

    /// Reads `20261121T152518Z`.
    pub fn from_compact(text: &str) -> Option<Self> {
        let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
        let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp().as_millisecond()))
    }

    /// The date of an HTTP header.
    pub fn http(self) -> String {
        self.format("%a, %d %b %Y %H:%M:%S GMT")
    }

    fn format(self, form: &str) -> String {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH).strftime(form).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_protocols() {
        let moment = Moment::of_millis(1_440_938_160_250);
        assert_eq!(moment.iso(), "2015-08-30T12:36:00Z");
        assert_eq!(moment.iso_millis(), "2015-08-30T12:36:00.250Z");
        assert_eq!(moment.compact(), "20150830T123600Z");
        assert_eq!(moment.http(), "Sun, 30 Aug 2015 12:36:00 GMT");
        assert!((moment.epoch() - 1_440_938_160.25).abs() < 1e-9);
        assert_eq!(Moment::from_epoch(1_440_938_160.25), Some(moment));
        assert_eq!(Moment::from_compact("20150830T123600Z"), Some(Moment::of_millis(1_440_938_160_000)));
        assert_eq!(Moment::from_compact("2015-08-30"), None);
        assert_eq!(Moment::from_epoch(f64::NAN), None);
        assert_eq!(Moment::from_epoch(-1.0), None);
    }
}
