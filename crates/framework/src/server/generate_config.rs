//! GenerateResourceConfig: a configuration from a state, for `terraform plan -generate-config-out` and `terraform query`.

use std::collections::BTreeSet;

use crate::model::Rule;
use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Value;

/// A configuration that leaves this state as it is: everything that may be written, less what equals its default.
///
/// What the provider would decide by itself is written too. It decides by its own configuration (the region, the
/// cluster), which may say something else than where the object is: left out, an import would end in a replacement.
/// Of arguments that exclude each other one is written.
pub(super) fn generated(attributes: &[Attribute], rules: &[Rule], state: &Value) -> Value {
    let Value::Map(mut entries) = object(attributes, state) else { return Value::Null };
    for rule in rules {
        let (Rule::ExactlyOneOf(names) | Rule::AtMostOneOf(names)) = rule else { continue };
        let set: Vec<&str> =
            names.iter().copied().filter(|name| entries.get(*name).is_some_and(|value| !value.is_null())).collect();
        // One that only a person can have set says more than one that the provider has filled in.
        let computed: BTreeSet<&str> = attributes.iter().filter(|it| it.computed).map(|it| it.name.as_str()).collect();
        let chosen = set.iter().find(|name| !computed.contains(*name)).or(set.first()).copied();
        for name in set.iter().filter(|name| Some(**name) != chosen) {
            entries.insert((*name).to_owned(), Value::Null);
        }
    }
    Value::Map(entries)
}

fn object(attributes: &[Attribute], state: &Value) -> Value {
    if state.is_null() {
        return Value::Null;
    }
    Value::map(attributes.iter().map(|attribute| {
        let value = state.attribute(&attribute.name).unwrap_or(&Value::Null);
        let writable = (attribute.required || attribute.optional) && !attribute.write_only;
        let by_default = attribute.default.as_ref() == Some(value);
        (attribute.name.clone(), if writable && !by_default { written(&attribute.kind, value) } else { Value::Null })
    }))
}

fn written(kind: &Kind, value: &Value) -> Value {
    let Kind::Nested { nesting, attributes } = kind else { return value.clone() };
    let one = |element: &Value| object(attributes, element);
    match (nesting, value) {
        (Nesting::Single, value) => one(value),
        (Nesting::Map, Value::Map(entries)) => Value::map(entries.iter().map(|(key, it)| (key.clone(), one(it)))),
        (_, Value::List(elements)) => Value::List(elements.iter().map(one).collect()),
        (_, Value::Set(elements)) => Value::set(elements.iter().map(one)),
        (_, other) => other.clone(),
    }
}
