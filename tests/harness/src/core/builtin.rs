//! `terraform_data`, which Terraform itself provides: cases use it for values that are unknown until apply.

use framework::schema::{Attribute, Kind};
use framework::value::{Refinement, Type, Value};

use super::client::{Kept, Planned};
use super::schema::Attributes;
use crate::case::{AttributePath, PathStep};

/// Its type name.
pub const NAME: &str = "terraform_data";

/// Its attributes.
pub fn attributes() -> Attributes {
    let attribute = |name: &str, ty, optional, computed| Attribute {
        name: name.to_owned(),
        kind: Kind::Type(ty),
        description: String::new(),
        required: false,
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
    };
    vec![
        attribute("id", Type::String, false, true),
        attribute("input", Type::Dynamic, true, false),
        attribute("output", Type::Dynamic, false, true),
        attribute("triggers_replace", Type::Dynamic, true, false),
    ]
}

/// Its plan: a new id when it is new, a new output when the input changes.
pub fn plan(prior: &Kept, proposed: &Value) -> Planned {
    let of = |value: &Value, name: &str| value.attribute(name).cloned().unwrap_or(Value::Null);
    let mut requires_replace = Vec::new();
    let mut planned = proposed.clone();
    if let Value::Map(entries) = &mut planned {
        let input = of(proposed, "input");
        if prior.value.is_null() {
            entries.insert("id".to_owned(), Value::Unknown(Refinement::not_null()));
        }
        if of(&prior.value, "input") != input || prior.value.is_null() {
            let output = if input.is_null() { Value::Null } else { Value::unknown() };
            entries.insert("output".to_owned(), output);
        }
        if of(&prior.value, "triggers_replace") != of(proposed, "triggers_replace") {
            requires_replace.push(AttributePath(vec![PathStep::Name("triggers_replace".to_owned())]));
        }
    }
    Planned { kept: Kept { value: planned, ..Kept::none() }, requires_replace }
}

/// What it becomes.
pub fn apply(planned: &Value, fresh_id: impl FnOnce() -> String) -> Kept {
    let mut value = planned.clone();
    if let Value::Map(entries) = &mut value {
        if entries.get("id").is_some_and(Value::is_unknown) {
            entries.insert("id".to_owned(), Value::String(fresh_id()));
        }
        let input = entries.get("input").cloned().unwrap_or(Value::Null);
        entries.insert("output".to_owned(), input);
    }
    Kept { value, ..Kept::none() }
}
