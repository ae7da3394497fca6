//! Base64, base32, JSON and YAML, from values and to values.

use crate::bytes;
use crate::data::{Data, Map as DataMap};
use crate::json::{self, Style};
use crate::template::failure::Failure;
use crate::template::format::fields;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Map, Object, Value};
use crate::yaml::{self, Dialect};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) const TABLE: &[Function] = &[
    Function::new("b64enc", &[Type::Text], |arguments| {
        Ok(Value::text(STANDARD.encode(bytes::of_text(&arguments.text(0)))))
    }),
    Function::new("b64dec", &[Type::Text], |arguments| {
        Ok(Value::text(decode_base64(&arguments.text(0)).map_or_else(|error| error, |data| bytes::to_text(&data))))
    }),
    Function::new("b32enc", &[Type::Text], |arguments| {
        Ok(Value::text(encode_base32(&bytes::of_text(&arguments.text(0)))))
    }),
    Function::new("b32dec", &[Type::Text], |arguments| {
        Ok(Value::text(decode_base32(&arguments.text(0)).map_or_else(|error| error, |data| bytes::to_text(&data))))
    }),
    Function::new("toJson", &[Type::Any], |arguments| lenient_json(arguments.value(0), Style::default())),
    Function::new("mustToJson", &[Type::Any], |arguments| strict_json(arguments.value(0), Style::default())),
    Function::new("toPrettyJson", &[Type::Any], |arguments| lenient_json(arguments.value(0), PRETTY)),
    Function::new("mustToPrettyJson", &[Type::Any], |arguments| strict_json(arguments.value(0), PRETTY)),
    Function::new("toRawJson", &[Type::Any], |arguments| strict_json(arguments.value(0), RAW)),
    Function::new("mustToRawJson", &[Type::Any], |arguments| strict_json(arguments.value(0), RAW)),
    Function::new("fromJson", &[Type::Text], |arguments| {
        Ok(match json::read(&arguments.text(0)) {
            Ok(Data::Map(map)) => Value::from(&Data::Map(map)),
            Ok(Data::Null) => Value::map(Default::default()),
            Ok(other) => error_map(&json::cannot_unmarshal(&other, "Go value", "map[string]interface {}")),
            Err(error) => error_map(&error),
        })
    }),
    Function::new("mustFromJson", &[Type::Text], |arguments| {
        json::read(&arguments.text(0)).map(|data| Value::from(&data)).map_err(Failure::new)
    }),
    Function::new("fromJsonArray", &[Type::Text], |arguments| {
        Ok(match json::read(&arguments.text(0)) {
            Ok(Data::List(list)) => Value::from(&Data::List(list)),
            Ok(Data::Null) => Value::nil_list(crate::template::value::Element::Any),
            Ok(other) => error_list(&json::cannot_unmarshal(&other, "Go value", "[]interface {}")),
            Err(error) => error_list(&error),
        })
    }),
    Function::new("toYaml", &[Type::Any], |arguments| Ok(Value::text(to_yaml(arguments.value(0)).unwrap_or_default()))),
    Function::new("mustToYaml", &[Type::Any], |arguments| {
        to_yaml(arguments.value(0)).map(Value::text).map_err(Failure::new)
    }),
    Function::new("toYamlPretty", &[Type::Any], |arguments| {
        let data = to_data(arguments.value(0)).unwrap_or_default();
        Ok(Value::text(without_break(yaml::emit(&data, Dialect::V3))))
    }),
    Function::new("fromYaml", &[Type::Text], |arguments| {
        Ok(match yaml::read(&arguments.text(0)) {
            Ok(Data::Map(map)) => Value::from(&Data::Map(map)),
            Ok(Data::Null) => Value::map(Default::default()),
            Ok(other) => error_map(&json::cannot_unmarshal_yaml(&other, "Go value", "map[string]interface {}")),
            Err(error) => error_map(&error),
        })
    }),
    Function::new("fromYamlArray", &[Type::Text], from_yaml_array),
];

const PRETTY: Style = Style { keep_html: false, pretty: true };
const RAW: Style = Style { keep_html: true, pretty: false };

fn from_yaml_array(arguments: Arguments) -> Outcome {
    Ok(match yaml::read(&arguments.text(0)) {
        Ok(Data::List(list)) => Value::from(&Data::List(list)),
        Ok(Data::Null) => Value::list(Vec::new()),
        Ok(other) => error_list(&json::cannot_unmarshal_yaml(&other, "Go value", "[]interface {}")),
        Err(error) => error_list(&error),
    })
}

fn error_map(message: &str) -> Value {
    Value::map([("Error".into(), Value::text(message))].into())
}

fn error_list(message: &str) -> Value {
    Value::list(vec![Value::text(message)])
}

fn lenient_json(value: &Value, style: Style) -> Outcome {
    Ok(Value::text(to_data(value).and_then(|data| json::write(&data, style)).unwrap_or_default()))
}

fn strict_json(value: &Value, style: Style) -> Outcome {
    to_data(value).and_then(|data| json::write(&data, style)).map(Value::text).map_err(Failure::new)
}

fn to_yaml(value: &Value) -> Result<String, String> {
    yaml::write(&to_data(value)?).map(without_break)
}

fn without_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// Most values that one document may hold; lists that share a part count it each time.
const MAX_VALUES: usize = 5_000_000;
/// Deepest nesting of one document; a map that holds itself is deeper than any.
const MAX_DEPTH: usize = 1_000;

/// A value as plain data, as Go's JSON encoder sees it.
pub(crate) fn to_data(value: &Value) -> Result<Data, String> {
    convert(value, 0, &mut 0)
}

fn convert(value: &Value, depth: usize, count: &mut usize) -> Result<Data, String> {
    *count += 1;
    if depth > MAX_DEPTH || *count > MAX_VALUES {
        return Err(format!("the value has more than {MAX_DEPTH} levels or {MAX_VALUES} parts"));
    }
    Ok(match value {
        Value::Nil => Data::Null,
        Value::Bool(value) => Data::Bool(*value),
        Value::Int(number, _) => Data::Int(*number),
        Value::Unsigned(number, _) => Data::Unsigned(*number),
        Value::Float(number) => Data::Float(*number),
        Value::Text(text) => Data::Text(text.to_string()),
        Value::Bytes(bytes) => Data::Text(STANDARD.encode(bytes)),
        Value::List(list) if list.is_nil => Data::Null,
        Value::List(list) => {
            let items: Result<Vec<Data>, String> =
                list.items.iter().map(|item| convert(item, depth + 1, count)).collect();
            Data::List(items?)
        }
        Value::Map(map) => Data::Map(entries(map, depth, count)?),
        Value::Object(object) => match object.as_ref() {
            Object::Version { version, .. } => Data::Text(version.to_string()),
            Object::Time(time) => Data::Text(time.rfc3339()),
            _ => {
                let mut map = DataMap::new();
                for (name, field) in fields(object) {
                    let omitted = matches!(name, "GitCommit" | "GitTreeState" | "GoVersion") && field.is_empty();
                    let name = match object.as_ref() {
                        Object::HelmVersion { .. } if name == "Version" => Some("version"),
                        _ => json_name(name),
                    };
                    if let Some(name) = name.filter(|_| !omitted) {
                        map.insert(name.to_owned(), convert(&field, depth + 1, count)?);
                    }
                }
                Data::Map(map)
            }
        },
    })
}

fn entries(map: &Map, depth: usize, count: &mut usize) -> Result<DataMap, String> {
    let entries = map.entries.borrow();
    entries.iter().map(|(key, item)| Ok((key.to_string(), convert(item, depth + 1, count)?))).collect()
}

/// A struct field's name in JSON; private fields have none.
fn json_name(field: &'static str) -> Option<&'static str> {
    match field {
        "normalizedVersion" => None,
        "GitCommit" => Some("git_commit"),
        "GitTreeState" => Some("git_tree_state"),
        "GoVersion" => Some("go_version"),
        "KubeClientVersion" => Some("kube_client_version"),
        other => Some(other),
    }
}

/// `.Values.YAML`.
pub(crate) fn values_as_yaml(value: &Value) -> Result<String, String> {
    yaml::write(&to_data(value)?)
}

/// `.Files.AsConfig`: the files by their base names, as text.
pub(crate) fn files_as_config(files: &Map) -> String {
    files_as(files, bytes::to_text)
}

/// `.Files.AsSecrets`: the files by their base names, in base64.
pub(crate) fn files_as_secrets(files: &Map) -> String {
    files_as(files, |data| STANDARD.encode(data))
}

fn files_as(files: &Map, encode: impl Fn(&[u8]) -> String) -> String {
    let map: DataMap = files
        .entries
        .borrow()
        .iter()
        .filter_map(|(name, data)| match data {
            Value::Bytes(data) => Some((crate::go::path::base(name), Data::Text(encode(data)))),
            _ => None,
        })
        .collect();
    without_break(yaml::write(&Data::Map(map)).unwrap_or_default())
}

/// Standard base64 as Go decodes it: line breaks are skipped, the error names the byte.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let clean: Vec<(usize, u8)> =
        bytes::of_text(text).iter().copied().enumerate().filter(|(_, byte)| !matches!(byte, b'\n' | b'\r')).collect();
    let total = bytes::length(text);
    let corrupt = |at: usize| format!("illegal base64 data at input byte {at}");
    let mut decoded = Vec::with_capacity(clean.len() / 4 * 3);
    let mut chunks = clean.chunks(4).peekable();
    while let Some(chunk) = chunks.next() {
        let mut bits = 0_u32;
        let mut digits = 0;
        for (index, (at, byte)) in chunk.iter().enumerate() {
            if let Some(digit) = base64_digit(*byte) {
                bits = bits << 6 | digit;
                digits += 1;
                continue;
            }
            if *byte != b'=' || index < 2 {
                return Err(corrupt(*at));
            }
            match (index, chunk.get(3)) {
                (2, None) => return Err(corrupt(total)),
                (2, Some((at, next))) if *next != b'=' => return Err(corrupt(at - 1)),
                _ => {}
            }
            if let Some(after) = chunks.peek() {
                return Err(corrupt(after[0].0));
            }
            break;
        }
        if chunk.len() < 4 {
            return Err(corrupt(total - chunk.len().min(total)));
        }
        bits <<= 6 * (4 - digits);
        let bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        decoded.extend_from_slice(&bytes[..digits - 1]);
    }
    Ok(decoded)
}

fn base64_digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode_base32(data: &[u8]) -> String {
    let mut text = String::new();
    for chunk in data.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let digits = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            if index < digits {
                text.push(char::from(BASE32[(bits >> (35 - 5 * index)) as usize & 31]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

fn decode_base32(text: &str) -> Result<Vec<u8>, String> {
    let clean: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let corrupt = |at: usize| format!("illegal base32 data at input byte {at}");
    let mut decoded = Vec::new();
    for (number, chunk) in clean.chunks(8).enumerate() {
        let start = number * 8;
        let mut bits = 0_u64;
        let mut digits = 0;
        for (index, byte) in chunk.iter().enumerate() {
            if *byte == b'=' && index >= 2 && chunk.len() == 8 {
                if let Some(wrong) = chunk[index..].iter().position(|byte| *byte != b'=') {
                    return Err(corrupt(start + index + wrong - 1));
                }
                if matches!(index, 3 | 6) {
                    return Err(corrupt(start + index - 1));
                }
                if start + 8 < clean.len() {
                    return Err(corrupt(start + 8));
                }
                break;
            }
            let Some(digit) = BASE32.iter().position(|known| known == byte) else {
                return Err(corrupt(start + index));
            };
            bits |= (digit as u64) << (35 - 5 * index);
            digits += 1;
        }
        if chunk.len() < 8 {
            return Err(corrupt(start));
        }
        decoded.extend_from_slice(&bits.to_be_bytes()[3..3 + digits * 5 / 8]);
    }
    Ok(decoded)
}
