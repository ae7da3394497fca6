//! Checks a value against a JSON schema, as far as the add-ons' schemas go. EKS's checker speaks the sentences of the
//! Java library json-schema-validator, so these are they.

use serde_json::Value;

/// All that is wrong with a value, each with its place (`$.env.NAME`). `schema` is the whole document: references lead
/// into it.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        // In this draft the siblings of a reference are ignored.
        if let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            check(root, target, value, place, found);
        }
        return;
    }
    if !check_type(&schema["type"], value, place, found) {
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        found.push(format!("{place}: does not have a value in the enumeration [{}]", names.join(", ")));
    }
    for (bound, wrong) in [
        ("minimum", value.as_i64() < schema["minimum"].as_i64()),
        ("maximum", schema["maximum"].is_i64() && value.as_i64() > schema["maximum"].as_i64()),
    ] {
        if wrong && value.is_number() {
            found.push(format!("{place}: must have a {bound} value of {}", schema[bound]));
        }
    }
    if let Some(choices) = schema["anyOf"].as_array()
        && !choices.iter().any(|choice| {
            let mut inner = Vec::new();
            check(root, choice, value, place, &mut inner);
            inner.is_empty()
        })
    {
        found.push(format!("{place}: should be valid to any of the schemas"));
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            check(root, &schema["items"], item, &format!("{place}[{index}]"), found);
        }
    }
    check_object(root, schema, value, place, found);
}

fn check_object(root: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let Some(members) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            found.push(format!("{place}.{name}: is missing but it is required"));
        }
    }
    if let Some(least) = schema["minProperties"].as_u64()
        && (members.len() as u64) < least
    {
        found.push(format!("{place}: should have a minimum of {least} properties"));
    }
    for (name, member) in members {
        let place = format!("{place}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => {
                found.push(format!(
                    "{place}: is not defined in the schema and the schema does not allow additional properties"
                ));
            }
            (Value::Null, more) => check(root, more, member, &place, found),
            (known, _) => check(root, known, member, &place, found),
        }
    }
}

/// False when the type is wrong: then nothing else is looked at.
fn check_type(wanted: &Value, value: &Value, place: &str, found: &mut Vec<String>) -> bool {
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let wanted: Vec<&str> = match wanted {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    if wanted.iter().any(|kind| *kind == actual || (*kind == "number" && actual == "integer")) {
        return true;
    }
    let expected = if let [one] = wanted[..] { one.to_owned() } else { format!("[{}]", wanted.join(", ")) };
    found.push(format!("{place}: {actual} found, {expected} expected"));
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_fault_is_told_with_its_place() {
        let schema = json!({
            "$ref": "#/definitions/Top",
            "definitions": {
                "Top": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "env": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
                        "mode": {"type": "string", "enum": ["a", "b"]},
                        "count": {"type": "integer", "minimum": 2, "maximum": 5},
                        "list": {"type": "array", "items": {"type": "object", "required": ["id"]}},
                        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                        "affinity": {"type": ["object", "null"]},
                    },
                },
            },
        });
        for (value, expected) in [
            (json!({}), vec![]),
            (json!({"env": {"A": "1"}, "mode": "a", "count": 2, "list": [{"id": 1}], "either": 1}), vec![]),
            (json!({"affinity": null}), vec![]),
            (json!([]), vec!["$: array found, object expected"]),
            (json!({"env": {"A": 1}}), vec!["$.env.A: integer found, string expected"]),
            (json!({"env": {}}), vec!["$.env: should have a minimum of 1 properties"]),
            (json!({"mode": "c"}), vec!["$.mode: does not have a value in the enumeration [a, b]"]),
            (json!({"count": 1}), vec!["$.count: must have a minimum value of 2"]),
            (json!({"count": 6}), vec!["$.count: must have a maximum value of 5"]),
            (json!({"list": [{}]}), vec!["$.list[0].id: is missing but it is required"]),
            (json!({"either": true}), vec!["$.either: should be valid to any of the schemas"]),
            (json!({"affinity": 1}), vec!["$.affinity: integer found, [object, null] expected"]),
            (
                json!({"x": 1, "y": 1}),
                vec![
                    "$.x: is not defined in the schema and the schema does not allow additional properties",
                    "$.y: is not defined in the schema and the schema does not allow additional properties",
                ],
            ),
        ] {
            assert_eq!(faults(&schema, &value), expected, "{value}");
        }
    }
}
