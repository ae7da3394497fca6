//! One log line.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tracing::Level;

use crate::mask::masked;

/// The host's reader takes 64 KiB for a line with its end; what is longer arrives as raw text in pieces.
const LONGEST: usize = 64 * 1024 - 256;

/// The line of one event, with its end. `fields` other than the message keep their names, but for those that begin with
/// `@`, which are the host's.
pub fn line(time: Timestamp, level: Level, target: &str, message: &str, fields: Map<String, Json>) -> Vec<u8> {
    let mut entries = Map::new();
    entries.insert("@level".to_owned(), level_name(level).into());
    entries.insert("@message".to_owned(), masked(message).into());
    entries.insert("@module".to_owned(), target.replace("::", ".").into());
    entries.insert("@timestamp".to_owned(), time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string().into());
    for (name, value) in fields {
        let value = match value {
            Json::String(text) => masked(&text).into(),
            other => other,
        };
        entries.insert(name.trim_start_matches('@').to_owned(), value);
    }
    let mut bytes = written(&entries);
    // Longer texts are cut shorter and shorter; the mask has been applied, so no half of a secret is left.
    let mut longest_text = LONGEST / 2;
    while bytes.len() > LONGEST {
        for (_, value) in &mut entries {
            if let Json::String(text) = value
                && text.len() > longest_text
            {
                text.truncate(text.floor_char_boundary(longest_text));
                text.push('…');
            }
        }
        bytes = written(&entries);
        longest_text /= 2;
        if longest_text < 64 {
            entries.retain(|name, _| name.starts_with('@'));
        }
    }
    bytes
}

fn written(entries: &Map<String, Json>) -> Vec<u8> {
    // A map with text keys always has a JSON form.
    let mut bytes = serde_json::to_vec(entries).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::mask;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn fields(json: Json) -> Map<String, Json> {
        match json {
            Json::Object(fields) => fields,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn exactly_the_form_that_the_host_reads() {
        for (time, level, message, given, expected) in [
            (
                "2026-11-21T15:04:05Z",
                Level::INFO,
                "Ready",
                json!({}),
                r#"{"@level":"info","@message":"Ready","@module":"a.b","@timestamp":"2026-11-21T15:04:05.000000Z"}"#,
            ),
            (
                "2026-11-21T15:04:05.123456789Z",
                Level::TRACE,
                "a \"quoted\"\nline",
                json!({"count": 3, "done": false}),
                r#"{"@level":"trace","@message":"a \"quoted\"\nline","@module":"a.b","@timestamp":"2026-11-21T15:04:05.123456Z","count":3,"done":false}"#,
            ),
            (
                "2026-11-21T15:04:05.5Z",
                Level::ERROR,
                "",
                json!({"@level": "x", "@message": 3}),
                r#"{"@level":"error","@message":"","@module":"a.b","@timestamp":"2026-11-21T15:04:05.500000Z","level":"x","message":3}"#,
            ),
        ] {
            let line = line(at(time), level, "a::b", message, fields(given));
            assert_eq!(String::from_utf8(line).expect("UTF-8"), format!("{expected}\n"));
        }
    }

    #[test]
    fn never_too_long_for_the_host() {
        let long = "ü".repeat(50_000);
        let many: Map<String, Json> =
            (0..3000).map(|index| (format!("field-{index}"), Json::from("x".repeat(80)))).collect();
        for (message, given) in [
            (long.as_str(), Map::new()),
            ("short", fields(json!({"body": long}))),
            (&long, fields(json!({"one": long, "two": long}))),
            ("short", many),
        ] {
            let line = line(at("2026-11-21T15:04:05Z"), Level::INFO, "a", message, given);
            assert!(line.len() < 64 * 1024, "{} bytes", line.len());
            let read: Json = serde_json::from_slice(&line).expect("still JSON");
            assert!(read["@message"].as_str().is_some_and(|text| text.starts_with(&message[..2])), "{read}");
        }
    }

    #[test]
    fn secrets_are_masked_in_every_text() {
        mask("line-secret-41");
        let line = line(
            at("2026-11-21T15:04:05Z"),
            Level::INFO,
            "a",
            "the code line-secret-41",
            fields(json!({"body": "<line-secret-41>"})),
        );
        let read: Json = serde_json::from_slice(&line).expect("JSON");
        assert_eq!(
            (read["@message"].as_str(), read["body"].as_str()),
            (Some("the code [sensitive]"), Some("<[sensitive]>"))
        );
    }
}
