//! Go's reference-time layouts: `Mon Jan 2 15:04:05 MST 2006` and its parts.

use super::{abbreviation, offset_text, zone};
use crate::go::quote;
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part<'l> {
    Text(&'l str),
    Year,
    ShortYear,
    Month,
    ShortMonth,
    MonthNumber { pad: bool },
    Day { pad: Pad },
    YearDay { pad: Pad },
    Weekday,
    ShortWeekday,
    Hour,
    HalfHour { pad: bool },
    Minute { pad: bool },
    Second { pad: bool },
    Noon { upper: bool },
    ZoneName,
    Offset { zulu: bool, colon: bool, minutes: bool, seconds: bool },
    Fraction { digits: usize, trimmed: bool, separator: char },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pad {
    None,
    Space,
    Zero,
}

/// The fixed parts; where one is the start of another, the longer comes first.
const PARTS: [(&str, Part<'static>); 33] = [
    ("January", Part::Month),
    ("Jan", Part::ShortMonth),
    ("Monday", Part::Weekday),
    ("Mon", Part::ShortWeekday),
    ("MST", Part::ZoneName),
    ("2006", Part::Year),
    ("Z070000", Part::Offset { zulu: true, colon: false, minutes: true, seconds: true }),
    ("Z07:00:00", Part::Offset { zulu: true, colon: true, minutes: true, seconds: true }),
    ("Z0700", Part::Offset { zulu: true, colon: false, minutes: true, seconds: false }),
    ("Z07:00", Part::Offset { zulu: true, colon: true, minutes: true, seconds: false }),
    ("Z07", Part::Offset { zulu: true, colon: false, minutes: false, seconds: false }),
    ("-070000", Part::Offset { zulu: false, colon: false, minutes: true, seconds: true }),
    ("-07:00:00", Part::Offset { zulu: false, colon: true, minutes: true, seconds: true }),
    ("-0700", Part::Offset { zulu: false, colon: false, minutes: true, seconds: false }),
    ("-07:00", Part::Offset { zulu: false, colon: true, minutes: true, seconds: false }),
    ("-07", Part::Offset { zulu: false, colon: false, minutes: false, seconds: false }),
    ("002", Part::YearDay { pad: Pad::Zero }),
    ("__2", Part::YearDay { pad: Pad::Space }),
    ("01", Part::MonthNumber { pad: true }),
    ("02", Part::Day { pad: Pad::Zero }),
    ("03", Part::HalfHour { pad: true }),
    ("04", Part::Minute { pad: true }),
    ("05", Part::Second { pad: true }),
    ("06", Part::ShortYear),
    ("15", Part::Hour),
    ("_2", Part::Day { pad: Pad::Space }),
    ("PM", Part::Noon { upper: true }),
    ("pm", Part::Noon { upper: false }),
    ("1", Part::MonthNumber { pad: false }),
    ("2", Part::Day { pad: Pad::None }),
    ("3", Part::HalfHour { pad: false }),
    ("4", Part::Minute { pad: false }),
    ("5", Part::Second { pad: false }),
];

/// The parts of a layout in order.
fn parts(layout: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < layout.len() {
        let rest = &layout[at..];
        let part = match fraction(rest) {
            Some((part, length)) => Some((part, length)),
            None if rest.starts_with("_2006") => {
                // An underscore before a year is only an underscore.
                at += 1;
                continue;
            }
            None => PARTS
                .iter()
                .find(|(text, _)| rest.starts_with(text) && !is_part_of_word(text, rest))
                .map(|(text, part)| (*part, text.len())),
        };
        match part {
            Some((part, length)) => {
                if start < at {
                    found.push(Part::Text(&layout[start..at]));
                }
                found.push(part);
                at += length;
                start = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    if start < layout.len() {
        found.push(Part::Text(&layout[start..]));
    }
    found
}

/// `Jan` in `Janet` is not a month.
fn is_part_of_word(text: &str, rest: &str) -> bool {
    text == "Jan" && rest[3..].starts_with(|character: char| character.is_ascii_lowercase())
}

fn fraction(rest: &str) -> Option<(Part<'static>, usize)> {
    let separator = rest.chars().next().filter(|character| matches!(character, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|character| matches!(character, '0' | '9'))?;
    let digits = rest[1..].chars().take_while(|character| *character == digit).count();
    if rest[1 + digits..].starts_with(|character: char| character.is_ascii_digit()) {
        return None;
    }
    Some((Part::Fraction { digits, trimmed: digit == '9', separator }, 1 + digits))
}

fn padded(number: i32, pad: Pad, width: usize) -> String {
    match pad {
        Pad::None => number.to_string(),
        Pad::Space => format!("{number:>width$}"),
        Pad::Zero => format!("{number:0>width$}"),
    }
}

fn zero_if(pad: bool) -> Pad {
    if pad { Pad::Zero } else { Pad::None }
}

pub(super) fn format(time: &Zoned, layout: &str) -> String {
    let month = MONTHS[usize::try_from(time.month() - 1).unwrap_or(0)];
    let day = DAYS[usize::try_from(time.weekday().to_sunday_zero_offset()).unwrap_or(0)];
    let half_hour = i32::from((time.hour() + 11) % 12 + 1);
    let mut text = String::new();
    for part in parts(layout) {
        text.push_str(&match part {
            Part::Text(part) => part.to_owned(),
            Part::Year => padded(i32::from(time.year()), Pad::Zero, 4),
            Part::ShortYear => padded(i32::from(time.year().rem_euclid(100)), Pad::Zero, 2),
            Part::Month => month.to_owned(),
            Part::ShortMonth => month[..3].to_owned(),
            Part::MonthNumber { pad } => padded(i32::from(time.month()), zero_if(pad), 2),
            Part::Day { pad } => padded(i32::from(time.day()), pad, 2),
            Part::YearDay { pad } => padded(i32::from(time.day_of_year()), pad, 3),
            Part::Weekday => day.to_owned(),
            Part::ShortWeekday => day[..3].to_owned(),
            Part::Hour => padded(i32::from(time.hour()), Pad::Zero, 2),
            Part::HalfHour { pad } => padded(half_hour, zero_if(pad), 2),
            Part::Minute { pad } => padded(i32::from(time.minute()), zero_if(pad), 2),
            Part::Second { pad } => padded(i32::from(time.second()), zero_if(pad), 2),
            Part::Noon { upper: true } => if time.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
            Part::Noon { upper: false } => if time.hour() >= 12 { "pm" } else { "am" }.to_owned(),
            Part::ZoneName => abbreviation(time),
            Part::Offset { zulu: true, .. } if time.offset().seconds() == 0 => "Z".to_owned(),
            Part::Offset { minutes: false, .. } => offset_text(time.offset(), false, false)[..3].to_owned(),
            Part::Offset { colon, seconds, .. } => offset_text(time.offset(), colon, seconds),
            Part::Fraction { digits, trimmed, separator } => {
                let all = format!("{:09}", time.subsec_nanosecond());
                let shown = &all[..digits.min(9)];
                let shown = if trimmed { shown.trim_end_matches('0') } else { shown };
                if shown.is_empty() { String::new() } else { format!("{separator}{shown}") }
            }
        });
    }
    text
}

/// The fields read so far.
struct Fields {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: Option<i32>,
    zone_name: Option<String>,
}

pub(super) fn parse(layout: &str, text: &str) -> Result<Zoned, String> {
    let mut fields = Fields {
        year: 0,
        month: None,
        day: None,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        afternoon: None,
        offset: None,
        zone_name: None,
    };
    let mut rest = text;
    for part in parts(layout) {
        let before = rest;
        if read(part, &mut rest, &mut fields).is_none() {
            return Err(format!(
                "parsing time {} as {}: cannot parse {} as {}",
                quote(text),
                quote(layout),
                quote(before),
                quote(&name(part))
            ));
        }
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", quote(text), quote(rest)));
    }
    if let Some(what) = out_of_range(&fields) {
        return Err(format!("parsing time {}: {what} out of range", quote(text)));
    }
    finish(&fields).ok_or_else(|| format!("parsing time {}: day out of range", quote(text)))
}

fn name(part: Part<'_>) -> String {
    if let Part::Text(text) = part {
        return text.to_owned();
    }
    if let Part::Fraction { digits, trimmed, separator } = part {
        return format!("{separator}{}", if trimmed { "9" } else { "0" }.repeat(digits));
    }
    PARTS.iter().find(|(_, known)| *known == part).map_or(String::new(), |(text, _)| (*text).to_owned())
}

fn take<'t>(rest: &mut &'t str, length: usize) -> Option<&'t str> {
    let taken = rest.get(..length)?;
    *rest = &rest[length..];
    Some(taken)
}

/// Between `least` and `most` digits.
fn digits<T: std::str::FromStr>(rest: &mut &str, least: usize, most: usize) -> Option<T> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    take(rest, count)?.parse().ok()
}

fn choose(rest: &mut &str, names: &[&str], length: Option<usize>) -> Option<usize> {
    let index = names.iter().position(|name| {
        let name = &name[..length.unwrap_or(name.len())];
        rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
    })?;
    take(rest, length.unwrap_or(names[index].len()))?;
    Some(index)
}

fn read(part: Part<'_>, rest: &mut &str, fields: &mut Fields) -> Option<()> {
    match part {
        Part::Text(text) => *rest = rest.strip_prefix(text)?,
        Part::Year => fields.year = digits(rest, 4, 4)?,
        Part::ShortYear => {
            let year: i16 = digits(rest, 2, 2)?;
            fields.year = if year >= 69 { 1900 + year } else { 2000 + year };
        }
        Part::Month => fields.month = i8::try_from(choose(rest, &MONTHS, None)? + 1).ok(),
        Part::ShortMonth => fields.month = i8::try_from(choose(rest, &MONTHS, Some(3))? + 1).ok(),
        Part::MonthNumber { pad } => fields.month = Some(digits(rest, if pad { 2 } else { 1 }, 2)?),
        Part::Day { pad } => {
            if pad == Pad::Space {
                *rest = rest.strip_prefix(' ').unwrap_or(rest);
            }
            fields.day = Some(digits(rest, if pad == Pad::Zero { 2 } else { 1 }, 2)?);
        }
        Part::YearDay { pad } => {
            if pad == Pad::Space {
                *rest = rest.trim_start_matches(' ');
            }
            fields.year_day = Some(digits(rest, if pad == Pad::Zero { 3 } else { 1 }, 3)?);
        }
        Part::Weekday => drop(choose(rest, &DAYS, None)?),
        Part::ShortWeekday => drop(choose(rest, &DAYS, Some(3))?),
        Part::Hour => fields.hour = digits(rest, 1, 2)?,
        Part::HalfHour { pad } => fields.hour = digits(rest, if pad { 2 } else { 1 }, 2)?,
        Part::Minute { pad } => fields.minute = digits(rest, if pad { 2 } else { 1 }, 2)?,
        Part::Second { pad } => {
            fields.second = digits(rest, if pad { 2 } else { 1 }, 2)?;
            // Decimals may follow the seconds even where the layout has none.
            if rest.len() > 1 && rest.starts_with(['.', ',']) && rest.as_bytes()[1].is_ascii_digit() {
                *rest = &rest[1..];
                fields.nanosecond = nanoseconds(rest)?;
            }
        }
        Part::Noon { upper } => {
            let half = take(rest, 2)?;
            let known = if upper { ["AM", "PM"] } else { ["am", "pm"] };
            fields.afternoon = Some(known.iter().position(|name| *name == half)? == 1);
        }
        Part::ZoneName => {
            let length = rest.bytes().take_while(u8::is_ascii_uppercase).count();
            if !(3..=5).contains(&length) {
                return None;
            }
            fields.zone_name = Some(take(rest, length)?.to_owned());
        }
        Part::Offset { zulu, colon, minutes, seconds } => {
            if zulu && rest.starts_with('Z') {
                take(rest, 1)?;
                fields.offset = Some(0);
                return Some(());
            }
            let sign = match take(rest, 1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let mut total = digits::<i32>(rest, 2, 2)? * 3600;
            for (wanted, scale) in [(minutes, 60), (seconds, 1)] {
                if wanted {
                    if colon {
                        *rest = rest.strip_prefix(':')?;
                    }
                    total += digits::<i32>(rest, 2, 2)? * scale;
                }
            }
            fields.offset = Some(sign * total);
        }
        Part::Fraction { digits: count, trimmed, .. } => {
            if rest.starts_with(['.', ',']) {
                let shown = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                if !trimmed && shown != count {
                    return None;
                }
                *rest = &rest[1..];
                fields.nanosecond = nanoseconds(rest)?;
            } else if !trimmed {
                return None;
            }
        }
    }
    Some(())
}

fn nanoseconds(rest: &mut &str) -> Option<i32> {
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let shown = take(rest, count)?;
    format!("{:0<9}", &shown[..count.min(9)]).parse().ok()
}

/// The first field that no date has.
fn out_of_range(fields: &Fields) -> Option<&'static str> {
    let checks = [
        ("month", fields.month.is_some_and(|month| !(1..=12).contains(&month))),
        ("hour", !(0..24).contains(&fields.hour) || (fields.afternoon.is_some() && fields.hour > 12)),
        ("minute", !(0..60).contains(&fields.minute)),
        ("second", !(0..60).contains(&fields.second)),
        ("day", fields.day.is_some_and(|day| !(1..=31).contains(&day))),
        ("day-of-year", fields.year_day.is_some_and(|day| !(1..=366).contains(&day))),
    ];
    checks.into_iter().find(|(_, wrong)| *wrong).map(|(name, _)| name)
}

fn finish(fields: &Fields) -> Option<Zoned> {
    let mut hour = fields.hour;
    match fields.afternoon {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let mut date = DateTime::new(
        fields.year,
        fields.month.unwrap_or(1),
        fields.day.unwrap_or(1),
        hour,
        fields.minute,
        fields.second,
        fields.nanosecond,
    )
    .ok()?;
    if let Some(year_day) = fields.year_day
        && fields.month.is_none()
        && fields.day.is_none()
    {
        date = date.with().day_of_year(year_day).build().ok()?;
    }
    let zone = match (fields.offset, fields.zone_name.as_deref()) {
        (Some(0), _) | (None, Some("UTC")) => TimeZone::UTC,
        (Some(seconds), _) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
        // An abbreviation that is not the local zone's counts as UTC in Go.
        (None, Some(name)) => {
            let local = date.to_zoned(zone::local()).ok()?;
            if abbreviation(&local) == name { zone::local() } else { TimeZone::UTC }
        }
        (None, None) => zone::local(),
    };
    date.to_zoned(zone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_follow_go() {
        let time = jiff::civil::date(2024, 3, 5).at(14, 7, 9, 120_000_000).to_zoned(TimeZone::UTC).unwrap();
        let table = [
            ("2006-01-02T15:04:05Z07:00", "2024-03-05T14:07:09Z"),
            ("Mon Jan _2 3:04PM 2006", "Tue Mar  5 2:07PM 2024"),
            ("Monday, 02-Jan-06 15:04:05 MST", "Tuesday, 05-Mar-24 14:07:09 UTC"),
            ("20060102150405.000 -0700 002", "20240305140709.120 +0000 065"),
            ("January 2 .999999", "March 5 .12"),
            ("no parts", "no parts"),
        ];
        for (layout, expected) in table {
            assert_eq!(format(&time, layout), expected);
        }
        let parsed = parse("2006-01-02 15:04:05 -0700", "2024-03-05 15:07:09 +0100").unwrap();
        assert_eq!(parsed.timestamp().to_string(), "2024-03-05T14:07:09Z");
        assert_eq!(
            parse("2006-01-02", "2024-3-5").unwrap_err(),
            "parsing time \"2024-3-5\" as \"2006-01-02\": cannot parse \"3-5\" as \"01\""
        );
    }
}
