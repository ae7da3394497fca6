//! Fields of one plain value.

use std::fmt;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Field, mismatch};
use crate::path::Path;
use crate::schema::Kind;
use crate::value::{Number, Type, Value};

impl Field for bool {
    fn kind() -> Kind {
        Kind::Type(Type::Bool)
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        match value {
            Value::Unknown(_) => None,
            Value::Bool(value) => Some(*value),
            _ => mismatch("true or false", at, faults),
        }
    }

    fn encode(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Field for String {
    fn kind() -> Kind {
        Kind::Type(Type::String)
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        match value {
            Value::Unknown(_) => None,
            Value::String(text) => Some(text.clone()),
            _ => mismatch("text", at, faults),
        }
    }

    fn encode(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Field for i64 {
    fn kind() -> Kind {
        Kind::Type(Type::Number)
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        match value {
            Value::Unknown(_) => None,
            Value::Number(number) => number.as_i64().or_else(|| {
                faults.push(
                    Diagnostic::error("Not a whole number", format!("`{at}` is {number}, but must be a whole number."))
                        .at(at.clone()),
                );
                None
            }),
            _ => mismatch("a number", at, faults),
        }
    }

    fn encode(&self) -> Value {
        Value::Number(Number::from(*self))
    }
}

impl Field for Number {
    fn kind() -> Kind {
        Kind::Type(Type::Number)
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        match value {
            Value::Unknown(_) => None,
            Value::Number(number) => Some(number.clone()),
            _ => mismatch("a number", at, faults),
        }
    }

    fn encode(&self) -> Value {
        Value::Number(self.clone())
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounded<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Bounded<MIN, MAX> {
    /// `None` outside of the bounds.
    pub const fn new(value: i64) -> Option<Self> {
        if value >= MIN && value <= MAX { Some(Self(value)) } else { None }
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> Field for Bounded<MIN, MAX> {
    fn kind() -> Kind {
        i64::kind()
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        let number = i64::decode(value, at, faults)?;
        Self::new(number).or_else(|| {
            faults.push(
                Diagnostic::error(
                    "Number out of range",
                    format!("`{at}` is {number}, but must be between {MIN} and {MAX}."),
                )
                .at(at.clone()),
            );
            None
        })
    }

    fn encode(&self) -> Value {
        self.0.encode()
    }
}

/// Text with a rule of its own: a newtype that can only hold what the rule allows.
pub trait Text: Sized {
    /// What the text is, for the summary of a refusal, such as "role name".
    const NOUN: &'static str;
    /// Checks the text.
    ///
    /// # Errors
    /// What is wrong with the text and what to write instead; it may quote the text.
    fn parse(text: &str) -> Result<Self, String>;
    /// The text as it was given.
    fn text(&self) -> &str;
    /// Whether two texts mean the same.
    fn same(one: &str, other: &str) -> bool {
        one == other
    }
}

/// Makes a [`Text`] usable as a field.
#[macro_export]
macro_rules! text_field {
    ($($ty:ty),+ $(,)?) => { $(
        impl $crate::model::Field for $ty {
            fn kind() -> $crate::schema::Kind {
                <String as $crate::model::Field>::kind()
            }

            fn decode(
                value: &$crate::value::Value,
                at: &$crate::path::Path,
                faults: &mut $crate::diagnostic::Diagnostics,
            ) -> Option<Self> {
                let text = <String as $crate::model::Field>::decode(value, at, faults)?;
                match <$ty as $crate::model::Text>::parse(&text) {
                    Ok(parsed) => Some(parsed),
                    Err(why) => {
                        let summary = format!("Invalid {}", <$ty as $crate::model::Text>::NOUN);
                        faults.push($crate::diagnostic::Diagnostic::error(summary, why).at(at.clone()));
                        None
                    }
                }
            }

            fn encode(&self) -> $crate::value::Value {
                $crate::value::Value::from($crate::model::Text::text(self))
            }

            fn equivalent(one: &$crate::value::Value, other: &$crate::value::Value) -> bool {
                match (one.as_str(), other.as_str()) {
                    (Some(one), Some(other)) => <$ty as $crate::model::Text>::same(one, other),
                    _ => one == other,
                }
            }
        }
    )+ };
}

/// A length of time such as `36h`, `1h30m`, `1.5h` or `7d`, of at the most 100 years.
#[derive(Clone, Debug)]
pub struct Span {
    text: String,
    duration: Duration,
}

impl Span {
    /// The length.
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.duration == other.duration
    }
}

impl Eq for Span {}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Text for Span {
    const NOUN: &'static str = "duration";

    fn parse(text: &str) -> Result<Self, String> {
        match parse_duration(text) {
            Some(duration) if duration > LONGEST_SPAN => {
                Err(format!("`{text}` is longer than 100 years, the longest duration that is taken here."))
            }
            Some(duration) => Ok(Self { text: text.to_owned(), duration }),
            None => Err(format!(
                "`{text}` is not a duration. Write numbers with the units `s`, `m`, `h` or `d`, such as `36h`, `1h30m` or `1.5h`."
            )),
        }
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn same(one: &str, other: &str) -> bool {
        match (parse_duration(one), parse_duration(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        }
    }
}

/// No longer ones are taken, so that any may be added to the present moment.
const LONGEST_SPAN: Duration = Duration::from_hours(100 * 366 * 24);

/// Reads numbers with units, as Go's `time.ParseDuration` does, and days.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        let unit_length = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let unit: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        // Beyond nanoseconds of a day nothing counts.
        let fraction = fraction.get(..fraction.len().min(15))?;
        let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        nanos = nanos.checked_add(u128::from(whole) * unit + parts * unit / scale)?;
        rest = after;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let nanos = u32::try_from(nanos % 1_000_000_000).ok()?;
    (!text.is_empty()).then(|| Duration::new(seconds, nanos))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A moment in RFC 3339 form, such as `2026-11-21T15:00:00Z`.
#[derive(Clone, Debug)]
pub struct Timestamp {
    text: String,
    moment: jiff::Timestamp,
}

impl Timestamp {
    /// The moment.
    pub fn moment(&self) -> jiff::Timestamp {
        self.moment
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.moment == other.moment
    }
}

impl Eq for Timestamp {}

impl From<jiff::Timestamp> for Timestamp {
    fn from(moment: jiff::Timestamp) -> Self {
        Self { text: moment.to_string(), moment }
    }
}

impl Text for Timestamp {
    const NOUN: &'static str = "timestamp";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map(|moment| Self { text: text.to_owned(), moment })
            .map_err(|_| format!("`{text}` is not a timestamp in RFC 3339 form. Write it like `2026-11-21T15:00:00Z`."))
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn same(one: &str, other: &str) -> bool {
        match (one.parse::<jiff::Timestamp>(), other.parse::<jiff::Timestamp>()) {
            (Ok(one), Ok(other)) => one == other,
            _ => one == other,
        }
    }
}

text_field!(Span, Timestamp);

/// A value of any type. Its parts may be unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic(pub Value);

impl Field for Dynamic {
    fn kind() -> Kind {
        Kind::Type(Type::Dynamic)
    }

    fn decode(value: &Value, _: &Path, _: &mut Diagnostics) -> Option<Self> {
        (!value.is_unknown()).then(|| Self(value.clone()))
    }

    fn encode(&self) -> Value {
        self.0.clone()
    }
}
