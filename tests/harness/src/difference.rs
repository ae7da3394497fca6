//! Where two JSON values differ.

use serde_json::Value as Json;

use crate::case::{AttributePath, PathStep};

/// Sets what is at the path to null.
pub fn clear(value: &mut Json, path: &AttributePath) {
    let mut value = value;
    for step in &path.0 {
        let next = match step {
            PathStep::Name(name) => value.get_mut(name),
            PathStep::Index(index) => value.get_mut(index),
        };
        let Some(next) = next else { return };
        value = next;
    }
    *value = Json::Null;
}

/// The places where two JSON values differ, one a line.
pub fn difference(path: &str, before: &Json, after: &Json) -> String {
    match (before, after) {
        (Json::Object(left), Json::Object(right)) => {
            let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let lines: Vec<String> = names
                .into_iter()
                .map(|name| {
                    let of = |side: &serde_json::Map<String, Json>| side.get(name).cloned().unwrap_or(Json::Null);
                    difference(&format!("{path}.{name}"), &of(left), &of(right))
                })
                .filter(|line| !line.is_empty())
                .collect();
            lines.join("\n")
        }
        _ if before == after => String::new(),
        _ => format!("    {path}: {before} → {after}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_their_places() {
        let text = difference("", &json!({"a": {"b": 1, "c": 2}}), &json!({"a": {"b": 1, "c": 3}, "d": 4}));
        assert_eq!(text, "    .a.c: 2 → 3\n    .d: null → 4");
    }
}
