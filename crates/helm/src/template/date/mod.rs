//! Points in time with a zone, formatted and parsed by Go's layouts.

mod duration;
mod layout;
mod zone;

pub(crate) use duration::{format_duration, parse_duration};

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use std::fmt;

/// A time as Go's `time.Time`: equal when the instant is, shown in its zone.
#[derive(Debug, Clone)]
pub(crate) struct Time {
    zoned: Zoned,
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.zoned.timestamp() == other.zoned.timestamp()
    }
}

impl Time {
    /// The current time in the local zone.
    pub(crate) fn now() -> Self {
        Self { zoned: Timestamp::now().to_zoned(zone::local()) }
    }

    /// Seconds since 1970 in the local zone; the nearest time if out of range.
    pub(crate) fn from_unix(seconds: i64) -> Self {
        let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let timestamp = Timestamp::from_second(seconds.clamp(least, most)).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { zoned: timestamp.to_zoned(zone::local()) }
    }

    /// Go's zero time: the first of January of the year 1, UTC.
    pub(crate) fn zero() -> Self {
        let date = jiff::civil::date(1, 1, 1).to_zoned(TimeZone::UTC);
        Self { zoned: date.unwrap_or_else(|_| Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC)) }
    }

    /// The same instant in a named zone; UTC where the name is unknown.
    pub(crate) fn in_zone(&self, name: &str) -> Self {
        Self { zoned: self.zoned.with_time_zone(zone::named(name).unwrap_or(TimeZone::UTC)) }
    }

    pub(crate) fn unix(&self) -> i64 {
        self.zoned.timestamp().as_second()
    }

    pub(crate) fn unix_nanoseconds(&self) -> i128 {
        self.zoned.timestamp().as_nanosecond()
    }

    /// This time moved by nanoseconds; unchanged where the result is out of range.
    pub(crate) fn plus(&self, nanoseconds: i128) -> Self {
        let moved = Timestamp::from_nanosecond(self.unix_nanoseconds().saturating_add(nanoseconds));
        match moved {
            Ok(timestamp) => Self { zoned: timestamp.to_zoned(self.zoned.time_zone().clone()) },
            Err(_) => self.clone(),
        }
    }

    /// The text by a Go layout such as `2006-01-02`.
    pub(crate) fn format(&self, layout: &str) -> String {
        layout::format(&self.zoned, layout)
    }

    /// Reads a text by a Go layout; without a zone in it, it is local time. The error is Go's.
    pub(crate) fn parse(layout: &str, text: &str) -> Result<Self, String> {
        layout::parse(layout, text).map(|zoned| Self { zoned })
    }

    /// RFC 3339 with as many decimals as needed, as in JSON.
    pub(crate) fn rfc3339(&self) -> String {
        self.format("2006-01-02T15:04:05.999999999Z07:00")
    }

    pub(crate) fn zoned(&self) -> &Zoned {
        &self.zoned
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

/// The short name of the zone at a time: `CET`, or `+0130` where it has none.
fn abbreviation(zoned: &Zoned) -> String {
    let name = zoned.time_zone().to_offset_info(zoned.timestamp()).abbreviation().to_owned();
    if name.starts_with(char::is_alphabetic) { name } else { offset_text(zoned.offset(), false, false) }
}

/// `+0130`, `+01:30`, with seconds where asked.
fn offset_text(offset: Offset, colon: bool, seconds: bool) -> String {
    let total = offset.seconds();
    let sign = if total < 0 { '-' } else { '+' };
    let (hours, minutes, rest) = (total.abs() / 3600, total.abs() / 60 % 60, total.abs() % 60);
    let separator = if colon { ":" } else { "" };
    let mut text = format!("{sign}{hours:02}{separator}{minutes:02}");
    if seconds {
        text.push_str(&format!("{separator}{rest:02}"));
    }
    text
}
