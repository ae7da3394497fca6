//! What Terraform itself does with a provider's answers, and what it insists on: each rule once, for
//! [`contract`](super::contract) and for every miniature Terraform.
//!
//! The rules are hashicorp/terraform's (`internal/plans/objchange`): which state is proposed to a plan, what a plan may
//! say, and what may come of it at apply. Each check gives the broken places in words.

mod applied;
mod identity;
mod paths;
mod planned;
mod proposed;

use crate::schema::{Attribute, Kind, Nesting};
use crate::value::Value;

pub use applied::{compatible, holds};
pub use identity::identity;
pub use paths::{lookup, replacing};
pub use planned::planned;
pub use proposed::{planned_data, proposed};

/// A value for messages.
fn brief(value: &Value) -> String {
    super::text_of(value)
}

/// Write-only attributes are null in everything that a provider returns.
pub fn write_only(attributes: &[Attribute], value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    look_for_write_only(attributes, value, "", &mut faults);
    faults
}

fn look_for_write_only(attributes: &[Attribute], value: &Value, path: &str, faults: &mut Vec<String>) {
    for attribute in attributes {
        let Some(value) = value.attribute(&attribute.name).filter(|value| !value.is_null()) else { continue };
        let path = join(path, &attribute.name);
        if attribute.write_only {
            faults.push(format!("`{path}` is write-only and is returned"));
        }
        let Kind::Nested { nesting, attributes } = &attribute.kind else { continue };
        each(*nesting, value, &mut |element| look_for_write_only(attributes, element, &path, faults));
    }
}

/// Hands over every object of a nested attribute's value.
pub(super) fn each(nesting: Nesting, value: &Value, take: &mut dyn FnMut(&Value)) {
    match (nesting, value) {
        (Nesting::Single, object @ Value::Map(_)) => take(object),
        (Nesting::Map, Value::Map(entries)) => entries.values().for_each(take),
        (_, Value::List(elements) | Value::Set(elements)) => elements.iter().for_each(take),
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A member of what may be unknown or null as a whole.
fn member(value: &Value, name: &str) -> Value {
    if value.is_unknown() { Value::unknown() } else { value.attribute(name).cloned().unwrap_or(Value::Null) }
}

/// Equal but for what is promised of unknown parts.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Unknown(_), Value::Unknown(_)) => true,
        (Value::List(ones), Value::List(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(one, other))
        }
        (Value::Set(ones), Value::Set(others)) => ones.len() == others.len() && correlate(ones, others, same).is_none(),
        (Value::Map(ones), Value::Map(others)) => {
            ones.keys().eq(others.keys()) && ones.iter().all(|(key, one)| same(one, &others[key]))
        }
        (Value::Dynamic(one), Value::Dynamic(other)) => one.0 == other.0 && same(&one.1, &other.1),
        _ => one == other,
    }
}

/// The element of either set that none of the other explains. Elements of a set have no names, so more cannot be said.
fn correlate<'a>(
    ones: &'a [Value],
    others: &'a [Value],
    explains: impl Fn(&Value, &Value) -> bool,
) -> Option<Uncorrelated<'a>> {
    let lonely_one = ones.iter().find(|one| !others.iter().any(|other| explains(one, other)));
    let lonely_other = || others.iter().find(|other| !ones.iter().any(|one| explains(one, other)));
    lonely_one.map(Uncorrelated::One).or_else(|| lonely_other().map(Uncorrelated::Other))
}

enum Uncorrelated<'a> {
    One(&'a Value),
    Other(&'a Value),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Type;

    pub(super) fn plain(name: &str, required: bool, optional: bool, computed: bool) -> Attribute {
        Attribute {
            name: name.to_owned(),
            kind: Kind::Type(Type::String),
            description: String::new(),
            required,
            optional,
            computed,
            sensitive: false,
            write_only: false,
            deprecation: None,
            replace: false,
            default: None,
            keep: false,
            prefix: None,
            never_null: false,
        }
    }

    pub(super) fn nested(name: &str, nesting: Nesting, attributes: Vec<Attribute>) -> Attribute {
        Attribute { kind: Kind::Nested { nesting, attributes }, ..plain(name, false, true, false) }
    }

    #[test]
    fn write_only_values_are_found_wherever_they_are() {
        let secret = || vec![Attribute { write_only: true, ..plain("secret", false, true, false) }];
        let schema = [
            secret().remove(0),
            nested("one", Nesting::Single, secret()),
            nested("some", Nesting::List, secret()),
            nested("by_name", Nesting::Map, secret()),
        ];
        let object = |value: &str| Value::map([("secret", Value::from(value))]);
        let null = || Value::map([("secret", Value::Null)]);
        for (value, faults) in [
            (Value::map([("secret", Value::Null), ("one", null()), ("some", Value::List(vec![null()]))]), vec![]),
            (object("s"), vec!["`secret` is write-only and is returned"]),
            (Value::map([("one", object("s"))]), vec!["`one.secret` is write-only and is returned"]),
            (
                Value::map([("some", Value::List(vec![null(), object("s")]))]),
                vec!["`some.secret` is write-only and is returned"],
            ),
            (
                Value::map([("by_name", Value::map([("a", object("s"))]))]),
                vec!["`by_name.secret` is write-only and is returned"],
            ),
        ] {
            assert_eq!(write_only(&schema, &value), faults);
        }
    }
}
