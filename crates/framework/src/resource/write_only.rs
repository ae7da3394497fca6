//! Write-only values: only configurations hold them, states never do.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::{Path, Step};
use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Value;

/// The object with the configuration's write-only values in their places.
pub(crate) fn filled_in(attributes: &[Attribute], object: &Value, config: &Value) -> Value {
    let Value::Map(entries) = object else { return object.clone() };
    let mut entries = entries.clone();
    for attribute in attributes {
        let configured = config.attribute(&attribute.name).unwrap_or(&Value::Null);
        if attribute.write_only {
            entries.insert(attribute.name.clone(), configured.clone());
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind
            && let Some(slot) = entries.get_mut(&attribute.name)
        {
            *slot = nested_filled_in(*nesting, attributes, slot, configured);
        }
    }
    Value::Map(entries)
}

fn nested_filled_in(nesting: Nesting, attributes: &[Attribute], value: &Value, configured: &Value) -> Value {
    match (nesting, value, configured) {
        (Nesting::Single, ..) => filled_in(attributes, value, configured),
        (Nesting::List, Value::List(elements), Value::List(configured)) => Value::List(
            elements
                .iter()
                .enumerate()
                .map(|(index, element)| filled_in(attributes, element, configured.get(index).unwrap_or(&Value::Null)))
                .collect(),
        ),
        (Nesting::Map, Value::Map(entries), Value::Map(configured)) => Value::Map(
            entries
                .iter()
                .map(|(key, entry)| {
                    let configured = configured.get(key).unwrap_or(&Value::Null);
                    (key.clone(), filled_in(attributes, entry, configured))
                })
                .collect(),
        ),
        // Sets hold nothing write-only: `crate::check` refuses such a schema.
        _ => value.clone(),
    }
}

/// The object without its write-only values. A state of an older version or of another type may hold one that was
/// stored then, and Terraform refuses every plan as long as it does.
pub(crate) fn removed(attributes: &[Attribute], object: Value) -> Value {
    let Value::Map(mut entries) = object else { return object };
    for attribute in attributes {
        let Some(slot) = entries.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *slot = Value::Null;
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind {
            let one = |element| removed(attributes, element);
            *slot = match (nesting, std::mem::replace(slot, Value::Null)) {
                (Nesting::Single, value) => one(value),
                (_, Value::List(elements)) => Value::List(elements.into_iter().map(one).collect()),
                (_, Value::Map(entries)) => Value::map(entries.into_iter().map(|(key, it)| (key, one(it)))),
                (_, other) => other,
            };
        }
    }
    Value::Map(entries)
}

/// Reports every write-only argument that is set: a host that does not know them would store them.
pub(crate) fn refuse(attributes: &[Attribute], object: &Value, at: &Path, faults: &mut Diagnostics) {
    for attribute in attributes {
        let Some(value) = object.attribute(&attribute.name).filter(|value| !value.is_null()) else { continue };
        let at = at.dot(attribute.name.clone());
        if attribute.write_only {
            faults.push(
                Diagnostic::error(
                    "Write-only argument is not supported here",
                    format!("`{at}` is write-only, which needs Terraform 1.11 or newer."),
                )
                .at(at),
            );
        } else if let Kind::Nested { nesting, attributes } = &attribute.kind {
            match (nesting, value) {
                (Nesting::Single, _) => refuse(attributes, value, &at, faults),
                (Nesting::Map, Value::Map(entries)) => {
                    for (key, entry) in entries {
                        refuse(attributes, entry, &at.then(Step::Key(key.clone())), faults);
                    }
                }
                (_, Value::List(elements)) => {
                    for (index, element) in (0i64..).zip(elements) {
                        refuse(attributes, element, &at.then(Step::Index(index)), faults);
                    }
                }
                _ => {}
            }
        }
    }
}
