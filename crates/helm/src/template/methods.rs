//! Methods that templates can call on Helm's objects and on sprig's results.

use super::failure::Failure;
use super::function::{Arguments, Function, Outcome, Type};
use super::functions::{files_as_config, files_as_secrets, values_as_yaml};
use super::glob;
use super::value::{Entries, List, Map, MapKind, Object, UnsignedType, Value};
use crate::bytes;
use crate::version::Version;
use std::rc::Rc;

/// The method `name` of a value's type.
pub(crate) fn find(receiver: &Value, name: &str) -> Option<&'static Function> {
    let table: &'static [Function] = match receiver {
        Value::Map(map) => match map.kind {
            MapKind::Values => VALUES,
            MapKind::Files => FILES,
            _ => return None,
        },
        Value::List(List { element: super::value::Element::VersionSet, .. }) => VERSION_SET,
        Value::Object(object) => match object.as_ref() {
            Object::Capabilities { .. } => CAPABILITIES,
            Object::KubeVersion { .. } => KUBE_VERSION,
            Object::Version { .. } => VERSION,
            Object::Time(_) => TIME,
            _ => return None,
        },
        _ => return None,
    };
    table.iter().find(|method| method.name == name)
}

const CAPABILITIES: &[Function] = &[Function::new("Copy", &[], |arguments| Ok(arguments.value(0).clone()))];

const KUBE_VERSION: &[Function] = &[
    Function::new("String", &[], |arguments| Ok(Value::text(kube_version(&arguments).1))),
    Function::new("GitVersion", &[], |arguments| Ok(Value::text(kube_version(&arguments).0))),
];

fn kube_version(arguments: &Arguments) -> (String, String) {
    match arguments.value(0) {
        Value::Object(object) => match object.as_ref() {
            Object::KubeVersion { version, normalized, .. } => (version.clone(), normalized.clone()),
            _ => Default::default(),
        },
        _ => Default::default(),
    }
}

const VERSION_SET: &[Function] = &[Function::new("Has", &[Type::Text], |arguments| {
    let wanted = arguments.text(1);
    let has = |item: &Value| matches!(item, Value::Text(version) if *version == wanted);
    Ok(Value::Bool(arguments.value(0).items().unwrap_or_default().iter().any(has)))
})];

const VALUES: &[Function] = &[
    Function::new("AsMap", &[], |arguments| {
        Ok(match arguments.value(0) {
            Value::Map(map) => Value::Map(Map { entries: Rc::clone(&map.entries), kind: MapKind::Any }),
            other => other.clone(),
        })
    }),
    Function::new("YAML", &[], |arguments| values_as_yaml(arguments.value(0)).map(Value::text).map_err(Failure::new)),
    Function::new("Table", &[Type::Text], |arguments| table(&arguments, &arguments.text(1))),
    Function::new("PathValue", &[Type::Text], path_value),
];

fn table(arguments: &Arguments, path: &str) -> Outcome {
    let mut current = arguments.value(0).clone();
    for name in path.split('.') {
        let Value::Map(map) = &current else { break };
        current = match map.entry(name) {
            Some(Value::Map(inner)) => Value::Map(Map { entries: inner.entries, kind: MapKind::Values }),
            _ => return Err(Failure::new(format!("{} is not a table", crate::go::quote(name)))),
        };
    }
    Ok(current)
}

fn path_value(arguments: Arguments) -> Outcome {
    let path = arguments.text(1);
    if path.is_empty() {
        return Err("YAML path cannot be empty".into());
    }
    let (parent, key) = match path.rsplit_once('.') {
        Some((parent, key)) => (table(&arguments, parent).ok(), key),
        None => (Some(arguments.value(0).clone()), &*path),
    };
    let found = match parent {
        Some(Value::Map(map)) => map.entry(key),
        _ => None,
    };
    match found {
        Some(value) if !matches!(value, Value::Map(_)) => Ok(value),
        _ => Err(Failure::new(format!("{} is not a value", crate::go::quote(key)))),
    }
}

const FILES: &[Function] = &[
    Function::new("Get", &[Type::Text], |arguments| {
        Ok(Value::text(file(&arguments).map_or(String::new(), |data| bytes::to_text(&data))))
    }),
    Function::new("GetBytes", &[Type::Text], |arguments| {
        Ok(Value::Bytes(file(&arguments).unwrap_or_else(|| Rc::from([]))))
    }),
    Function::new("Glob", &[Type::Text], |arguments| {
        let pattern = glob::Pattern::new(&arguments.text(1));
        let mut entries: Entries = arguments.entries(0);
        entries.retain(|name, _| pattern.matches(name));
        Ok(Value::Map(Map::new(entries, MapKind::Files)))
    }),
    Function::new("AsConfig", &[], |arguments| {
        Ok(Value::text(arguments.map(0).map_or(String::new(), files_as_config)))
    }),
    Function::new("AsSecrets", &[], |arguments| {
        Ok(Value::text(arguments.map(0).map_or(String::new(), files_as_secrets)))
    }),
    Function::new("Lines", &[Type::Text], |arguments| match file(&arguments) {
        None => Ok(Value::text_list(Vec::<String>::new())),
        Some(data) if data.is_empty() => Err("runtime error: index out of range [-1]".into()),
        Some(data) => {
            let text = bytes::to_text(&data);
            Ok(Value::text_list(text.strip_suffix('\n').unwrap_or(&text).split('\n')))
        }
    }),
];

fn file(arguments: &Arguments) -> Option<Rc<[u8]>> {
    match arguments.map(0)?.entry(&arguments.text(1))? {
        Value::Bytes(data) => Some(data),
        _ => None,
    }
}

fn number(number: u64) -> Outcome {
    Ok(Value::Unsigned(number, UnsignedType::Uint64))
}

const VERSION: &[Function] = &[
    Function::new("Major", &[], |arguments| number(version(arguments.value(0)).map_or(0, |v| v.major))),
    Function::new("Minor", &[], |arguments| number(version(arguments.value(0)).map_or(0, |v| v.minor))),
    Function::new("Patch", &[], |arguments| number(version(arguments.value(0)).map_or(0, |v| v.patch))),
    Function::new("Prerelease", &[], |arguments| text_of(&arguments, |version| version.prerelease.clone())),
    Function::new("Metadata", &[], |arguments| text_of(&arguments, |version| version.metadata.clone())),
    Function::new("Original", &[], |arguments| text_of(&arguments, |version| version.original.clone())),
    Function::new("String", &[], |arguments| text_of(&arguments, Version::to_string)),
    Function::new("Compare", &[Type::Version], |arguments| {
        Ok(Value::int(compare(&arguments).map_or(0, |order| order as i64)))
    }),
    Function::new("Equal", &[Type::Version], |arguments| {
        Ok(Value::Bool(compare(&arguments).is_some_and(std::cmp::Ordering::is_eq)))
    }),
    Function::new("LessThan", &[Type::Version], |arguments| {
        Ok(Value::Bool(compare(&arguments).is_some_and(std::cmp::Ordering::is_lt)))
    }),
    Function::new("LessThanEqual", &[Type::Version], |arguments| {
        Ok(Value::Bool(compare(&arguments).is_some_and(std::cmp::Ordering::is_le)))
    }),
    Function::new("GreaterThan", &[Type::Version], |arguments| {
        Ok(Value::Bool(compare(&arguments).is_some_and(std::cmp::Ordering::is_gt)))
    }),
    Function::new("GreaterThanEqual", &[Type::Version], |arguments| {
        Ok(Value::Bool(compare(&arguments).is_some_and(std::cmp::Ordering::is_ge)))
    }),
    Function::new("IncMajor", &[], |arguments| {
        increment(&arguments, |version| (version.major, version.minor, version.patch) = (version.major + 1, 0, 0))
    }),
    Function::new("IncMinor", &[], |arguments| {
        increment(&arguments, |version| (version.minor, version.patch) = (version.minor + 1, 0))
    }),
    Function::new("IncPatch", &[], |arguments| {
        increment(&arguments, |version| {
            if version.prerelease.is_empty() {
                version.patch += 1;
            }
        })
    }),
];

fn version(value: &Value) -> Option<&Version> {
    match value {
        Value::Object(object) => match object.as_ref() {
            Object::Version { version, .. } => Some(version),
            _ => None,
        },
        _ => None,
    }
}

fn text_of(arguments: &Arguments, show: impl Fn(&Version) -> String) -> Outcome {
    Ok(Value::text(version(arguments.value(0)).map_or(String::new(), show)))
}

fn compare(arguments: &Arguments) -> Option<std::cmp::Ordering> {
    Some(version(arguments.value(0))?.compare(version(arguments.value(1))?))
}

fn increment(arguments: &Arguments, change: impl Fn(&mut Version)) -> Outcome {
    let Some(version) = version(arguments.value(0)) else { return Ok(Value::Nil) };
    let mut next = version.clone();
    change(&mut next);
    next.prerelease.clear();
    next.metadata.clear();
    Ok(Value::object(Object::Version { version: next.derived(), is_pointer: false }))
}

const TIME: &[Function] = &[
    Function::new("Format", &[Type::Text], |arguments| {
        Ok(Value::text(time(&arguments).map_or(String::new(), |time| time.format(&arguments.text(1)))))
    }),
    Function::new("String", &[], |arguments| {
        Ok(Value::text(time(&arguments).map_or(String::new(), ToString::to_string)))
    }),
    Function::new("Unix", &[], |arguments| Ok(Value::int64(time(&arguments).map_or(0, |time| time.unix())))),
    Function::new("UnixNano", &[], |arguments| {
        Ok(Value::int64(time(&arguments).map_or(0, |time| time.unix_nanoseconds() as i64)))
    }),
    Function::new("Year", &[], |arguments| field(&arguments, |zoned| i64::from(zoned.year()))),
    Function::new("Month", &[], |arguments| {
        Ok(Value::text(time(&arguments).map_or(String::new(), |time| time.format("January"))))
    }),
    Function::new("Weekday", &[], |arguments| {
        Ok(Value::text(time(&arguments).map_or(String::new(), |time| time.format("Monday"))))
    }),
    Function::new("Day", &[], |arguments| field(&arguments, |zoned| i64::from(zoned.day()))),
    Function::new("YearDay", &[], |arguments| field(&arguments, |zoned| i64::from(zoned.day_of_year()))),
    Function::new("Hour", &[], |arguments| field(&arguments, |zoned| i64::from(zoned.hour()))),
    Function::new("Minute", &[], |arguments| field(&arguments, |zoned| i64::from(zoned.minute()))),
    Function::new("Second", &[], |arguments| field(&arguments, |zoned| i64::from(zoned.second()))),
    Function::new("Nanosecond", &[], |arguments| field(&arguments, |zoned| i64::from(zoned.subsec_nanosecond()))),
    Function::new("UTC", &[], |arguments| in_zone(&arguments, "UTC")),
    Function::new("Local", &[], |arguments| in_zone(&arguments, "Local")),
    Function::new("IsZero", &[], |arguments| {
        Ok(Value::Bool(time(&arguments).is_some_and(|time| *time == super::date::Time::zero())))
    }),
    Function::new("After", &[Type::Time], |arguments| Ok(Value::Bool(difference(&arguments) > 0))),
    Function::new("Before", &[Type::Time], |arguments| Ok(Value::Bool(difference(&arguments) < 0))),
    Function::new("Equal", &[Type::Time], |arguments| Ok(Value::Bool(difference(&arguments) == 0))),
];

fn time_of(value: &Value) -> Option<&super::date::Time> {
    match value {
        Value::Object(object) => match object.as_ref() {
            Object::Time(time) => Some(time),
            _ => None,
        },
        _ => None,
    }
}

fn time(arguments: &Arguments) -> Option<&super::date::Time> {
    time_of(arguments.value(0))
}

fn field(arguments: &Arguments, read: impl Fn(&jiff::Zoned) -> i64) -> Outcome {
    Ok(Value::int(time(arguments).map_or(0, |time| read(time.zoned()))))
}

fn in_zone(arguments: &Arguments, name: &str) -> Outcome {
    Ok(time(arguments).map_or(Value::Nil, |time| Value::object(Object::Time(time.in_zone(name)))))
}

fn difference(arguments: &Arguments) -> i128 {
    match (time(arguments), time_of(arguments.value(1))) {
        (Some(left), Some(right)) => left.unix_nanoseconds() - right.unix_nanoseconds(),
        _ => 0,
    }
}
