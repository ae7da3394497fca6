//! Dates and durations.

use crate::go::parse_signed;
use crate::template::date::{Time, format_duration, parse_duration};
use crate::template::failure::Failure;
use crate::template::function::{Function, Type};
use crate::template::value::{IntType, Object, Value};

pub(super) const TABLE: &[Function] = &[
    Function::new("now", &[], |_| Ok(time(Time::now()))),
    Function::new("date", &[Type::Text, Type::Any], |arguments| {
        Ok(formatted(&arguments.text(0), arguments.value(1), "Local"))
    }),
    Function::new("dateInZone", &[Type::Text, Type::Any, Type::Text], |arguments| {
        Ok(formatted(&arguments.text(0), arguments.value(1), &arguments.text(2)))
    }),
    Function::new("date_in_zone", &[Type::Text, Type::Any, Type::Text], |arguments| {
        Ok(formatted(&arguments.text(0), arguments.value(1), &arguments.text(2)))
    }),
    Function::new("htmlDate", &[Type::Any], |arguments| Ok(formatted(DAY, arguments.value(0), "Local"))),
    Function::new("htmlDateInZone", &[Type::Any, Type::Text], |arguments| {
        Ok(formatted(DAY, arguments.value(0), &arguments.text(1)))
    }),
    Function::new("dateModify", &[Type::Text, Type::Time], |arguments| {
        Ok(moved(&arguments.text(0), arguments.value(1)).unwrap_or_else(|_| arguments.value(1).clone()))
    }),
    Function::new("date_modify", &[Type::Text, Type::Time], |arguments| {
        Ok(moved(&arguments.text(0), arguments.value(1)).unwrap_or_else(|_| arguments.value(1).clone()))
    }),
    Function::new("mustDateModify", &[Type::Text, Type::Time], |arguments| {
        moved(&arguments.text(0), arguments.value(1)).map_err(Failure::new)
    }),
    Function::new("must_date_modify", &[Type::Text, Type::Time], |arguments| {
        moved(&arguments.text(0), arguments.value(1)).map_err(Failure::new)
    }),
    Function::new("toDate", &[Type::Text, Type::Text], |arguments| {
        Ok(time(Time::parse(&arguments.text(0), &arguments.text(1)).unwrap_or_else(|_| Time::zero())))
    }),
    Function::new("mustToDate", &[Type::Text, Type::Text], |arguments| {
        Time::parse(&arguments.text(0), &arguments.text(1)).map(time).map_err(Failure::new)
    }),
    Function::new("unixEpoch", &[Type::Time], |arguments| {
        Ok(Value::text(as_time(arguments.value(0)).map_or(0, |time| time.unix()).to_string()))
    }),
    Function::new("ago", &[Type::Any], |arguments| {
        // Rounded to the second, half away from zero; what has no such second stays as it is.
        let passed = i128::from(since(&moment(arguments.value(0))));
        let rounded = (passed + 500_000_000 * passed.signum()) / 1_000_000_000 * 1_000_000_000;
        let rounded = rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        Ok(Value::text(format_duration(rounded)))
    }),
    Function::new("duration", &[Type::Any], |arguments| {
        let seconds = match arguments.value(0) {
            Value::Text(text) => parse_signed(text, 10).unwrap_or(0),
            Value::Int(number, IntType::Int64) => *number,
            _ => 0,
        };
        Ok(Value::text(format_duration(seconds.wrapping_mul(1_000_000_000))))
    }),
    Function::new("durationRound", &[Type::Any], |arguments| {
        let duration = match arguments.value(0) {
            Value::Text(text) => parse_duration(text).unwrap_or(0),
            Value::Int(number, IntType::Int64) => *number,
            value => as_time(value).map_or(0, since),
        };
        Ok(Value::text(rounded(duration.unsigned_abs())))
    }),
];

const DAY: &str = "2006-01-02";

fn time(time: Time) -> Value {
    Value::object(Object::Time(time))
}

fn as_time(value: &Value) -> Option<&Time> {
    match value {
        Value::Object(object) => match object.as_ref() {
            Object::Time(time) => Some(time),
            _ => None,
        },
        _ => None,
    }
}

/// The time in a value; now if it holds none.
fn moment(value: &Value) -> Time {
    match value {
        Value::Int(seconds, _) => Time::from_unix(*seconds),
        value => as_time(value).cloned().unwrap_or_else(Time::now),
    }
}

fn formatted(layout: &str, value: &Value, zone: &str) -> Value {
    Value::text(moment(value).in_zone(zone).format(layout))
}

fn moved(by: &str, value: &Value) -> Result<Value, String> {
    let duration = parse_duration(by)?;
    Ok(as_time(value).map_or(Value::Nil, |moment| time(moment.plus(i128::from(duration)))))
}

fn since(earlier: &Time) -> i64 {
    let nanoseconds = Time::now().unix_nanoseconds() - earlier.unix_nanoseconds();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// The largest unit alone: `3d`.
fn rounded(nanoseconds: u64) -> String {
    const HOUR: u64 = 3_600_000_000_000;
    let units = [
        (HOUR * 24 * 365, "y"),
        (HOUR * 24 * 30, "mo"),
        (HOUR * 24, "d"),
        (HOUR, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
    ];
    match units.iter().find(|(unit, _)| nanoseconds > *unit) {
        Some((unit, name)) => format!("{}{name}", nanoseconds / unit),
        None => "0s".to_owned(),
    }
}
