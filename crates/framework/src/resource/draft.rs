//! How a plan comes about before the type's own step: defaults, kept values, unknown results, replacement.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::{Attribute, Kind, Nesting};
use crate::value::{Refinement, Value};

/// A plan of attributes.
pub(crate) struct Draft {
    /// Every attribute as it will be.
    pub planned: BTreeMap<String, Value>,
    /// Those that differ from the prior state by the configuration's will.
    pub changed: BTreeSet<String>,
    /// Those whose change makes a new object.
    pub replace: BTreeSet<String>,
}

/// Plans the attributes of one resource. `prior` is `None` for a creation.
pub(crate) fn draft(
    attributes: &[Attribute],
    prior: Option<&Value>,
    proposed: &Value,
    config: &Value,
    equivalent: &dyn Fn(&str, &Value, &Value) -> bool,
) -> Draft {
    let mut draft = Draft { planned: BTreeMap::new(), changed: BTreeSet::new(), replace: BTreeSet::new() };
    for attribute in attributes {
        let name = &attribute.name;
        let configured = part(config, name);
        let before = prior.map(|prior| part(prior, name));
        let undecided = attribute.computed && attribute.default.is_none() && configured.is_null();
        let mut value = match before {
            // The provider decides it, and has: Terraform proposes nothing for an object whose parts are no results.
            Some(before) if undecided => before.clone(),
            _ => settle(attribute, configured, part(proposed, name)),
        };
        // A configuration that says the same in other words changes nothing.
        if let Some(before) = before
            && !configured.is_null()
            && value != *before
            && equivalent(name, before, &value)
        {
            value = before.clone();
        }
        if let Some(before) = before
            && value != *before
        {
            draft.changed.insert(name.clone());
            if attribute.replace {
                draft.replace.insert(name.clone());
            }
        }
        draft.planned.insert(name.clone(), value);
    }
    let creation = prior.is_none();
    if creation || !draft.changed.is_empty() {
        let replaced = !draft.replace.is_empty();
        for attribute in attributes {
            let undecided =
                attribute.computed && attribute.default.is_none() && part(config, &attribute.name).is_null();
            if undecided && (creation || replaced || !attribute.keep) {
                draft.planned.insert(attribute.name.clone(), Value::Unknown(promise(attribute)));
            }
        }
    }
    if creation {
        draft.changed = attributes.iter().map(|attribute| attribute.name.clone()).collect();
        draft.replace.clear();
    }
    draft
}

fn part<'a>(object: &'a Value, name: &str) -> &'a Value {
    object.attribute(name).unwrap_or(&Value::Null)
}

/// The value that configuration and schema ask for: write-only parts null, defaults filled in.
fn settle(attribute: &Attribute, configured: &Value, proposed: &Value) -> Value {
    if attribute.write_only {
        return Value::Null;
    }
    if configured.is_null()
        && let Some(default) = &attribute.default
    {
        return default.clone();
    }
    match (&attribute.kind, proposed) {
        (Kind::Nested { nesting, attributes }, Value::Map(entries)) if !configured.is_null() => match nesting {
            Nesting::Single => Value::Map(settle_object(attributes, configured, entries)),
            Nesting::Map => Value::Map(
                entries
                    .iter()
                    .map(|(key, element)| (key.clone(), settle_element(attributes, part(configured, key), element)))
                    .collect(),
            ),
            Nesting::List | Nesting::Set => proposed.clone(),
        },
        (Kind::Nested { nesting: Nesting::List, attributes }, Value::List(elements)) if !configured.is_null() => {
            let configured = match configured {
                Value::List(elements) => elements.as_slice(),
                _ => &[],
            };
            Value::List(
                elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| {
                        settle_element(attributes, configured.get(index).unwrap_or(&Value::Null), element)
                    })
                    .collect(),
            )
        }
        // Sets hold no defaults and nothing write-only: `crate::check` refuses such a schema.
        _ => proposed.clone(),
    }
}

fn settle_element(attributes: &[Attribute], configured: &Value, element: &Value) -> Value {
    match element {
        Value::Map(entries) => Value::Map(settle_object(attributes, configured, entries)),
        other => other.clone(),
    }
}

fn settle_object(
    attributes: &[Attribute],
    configured: &Value,
    entries: &BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    attributes
        .iter()
        .map(|attribute| {
            let name = &attribute.name;
            let proposed = entries.get(name).unwrap_or(&Value::Null);
            (name.clone(), settle(attribute, part(configured, name), proposed))
        })
        .collect()
}

/// What is promised of an attribute that is known only after apply.
pub(crate) fn promise(attribute: &Attribute) -> Refinement {
    Refinement {
        null: attribute.never_null.then_some(false),
        prefix: attribute.prefix.clone().filter(|_| attribute.never_null),
        ..Refinement::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Type;

    fn attribute(name: &str) -> Attribute {
        Attribute {
            name: name.into(),
            kind: Kind::Type(Type::String),
            description: String::new(),
            required: false,
            optional: true,
            computed: false,
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

    fn object(entries: &[(&str, &str)]) -> Value {
        Value::map(["role", "limit", "id", "address"].map(|name| {
            let value = entries.iter().find(|(key, _)| *key == name);
            (name, value.map_or(Value::Null, |(_, text)| Value::from(*text)))
        }))
    }

    fn schema() -> Vec<Attribute> {
        vec![
            Attribute { replace: true, ..attribute("role") },
            Attribute { default: Some(Value::from("1")), computed: true, ..attribute("limit") },
            Attribute { computed: true, optional: false, never_null: true, keep: true, ..attribute("id") },
            Attribute { computed: true, optional: false, ..attribute("address") },
        ]
    }

    fn plain(_: &str, one: &Value, other: &Value) -> bool {
        one == other
    }

    #[test]
    fn a_creation_has_defaults_and_promises() {
        let config = object(&[("role", "r")]);
        let draft = draft(&schema(), None, &config, &config, &plain);
        assert_eq!(draft.planned["limit"], Value::from("1"));
        assert_eq!(draft.planned["id"], Value::Unknown(Refinement::not_null()));
        assert_eq!(draft.planned["address"], Value::unknown());
        assert!(draft.replace.is_empty());
    }

    #[test]
    fn no_change_keeps_everything() {
        let prior = object(&[("role", "r"), ("limit", "1"), ("id", "i"), ("address", "a")]);
        let config = object(&[("role", "r")]);
        let draft = draft(&schema(), Some(&prior), &prior, &config, &plain);
        assert_eq!(Value::Map(draft.planned), prior);
        assert!(draft.changed.is_empty());
    }

    #[test]
    fn an_update_keeps_only_what_says_so() {
        let prior = object(&[("role", "r"), ("limit", "1"), ("id", "i"), ("address", "a")]);
        let config = object(&[("role", "r"), ("limit", "2")]);
        let proposed = object(&[("role", "r"), ("limit", "2"), ("id", "i"), ("address", "a")]);
        let draft = draft(&schema(), Some(&prior), &proposed, &config, &plain);
        assert_eq!(draft.planned["id"], Value::from("i"));
        assert_eq!(draft.planned["address"], Value::unknown());
    }

    #[test]
    fn a_replacement_keeps_no_result() {
        let prior = object(&[("role", "r"), ("limit", "1"), ("id", "i"), ("address", "a")]);
        let config = object(&[("role", "other")]);
        let proposed = object(&[("role", "other"), ("limit", "1"), ("id", "i"), ("address", "a")]);
        let draft = draft(&schema(), Some(&prior), &proposed, &config, &plain);
        assert_eq!(draft.replace, BTreeSet::from(["role".to_owned()]));
        assert!(draft.planned["id"].is_unknown());
    }

    /// An address that the provider decides where the configuration does not: a port, 80 by default, and a host.
    fn decided_by_the_provider(nesting: Nesting) -> Vec<Attribute> {
        let port = Attribute { default: Some(Value::from("80")), computed: true, ..attribute("port") };
        let kind = Kind::Nested { nesting, attributes: vec![attribute("host"), port] };
        vec![attribute("role"), Attribute { kind, computed: true, ..attribute("address") }]
    }

    #[test]
    fn an_object_that_the_provider_has_decided_does_not_change_by_itself() {
        let element = Value::map([("host", Value::from("h")), ("port", Value::Null)]);
        for (nesting, address) in [(Nesting::Single, element.clone()), (Nesting::List, Value::List(vec![element]))] {
            let schema = decided_by_the_provider(nesting);
            let config = Value::map([("role", Value::from("r")), ("address", Value::Null)]);
            let prior = Value::map([("role", Value::from("r")), ("address", address.clone())]);
            // Terraform proposes null for an object whose attributes are not computed each, and a list as it is.
            for proposed in [Value::Null, address] {
                let proposed = Value::map([("role", Value::from("r")), ("address", proposed)]);
                let draft = draft(&schema, Some(&prior), &proposed, &config, &plain);
                assert_eq!((Value::Map(draft.planned), draft.changed), (prior.clone(), BTreeSet::new()));
            }
            let other = Value::map([("role", Value::from("other")), ("address", Value::Null)]);
            let draft = draft(&schema, Some(&prior), &other, &other, &plain);
            assert!(draft.planned["address"].is_unknown(), "it may change with something else");
        }
    }

    #[test]
    fn other_words_for_the_same_change_nothing() {
        let prior = object(&[("role", "R"), ("limit", "1"), ("id", "i"), ("address", "a")]);
        let config = object(&[("role", "r")]);
        let proposed = object(&[("role", "r"), ("limit", "1"), ("id", "i"), ("address", "a")]);
        let same = |_: &str, one: &Value, other: &Value| match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => one == other,
        };
        let draft = draft(&schema(), Some(&prior), &proposed, &config, &same);
        assert_eq!(draft.planned["role"], Value::from("R"));
        assert!(draft.changed.is_empty());
    }
}
