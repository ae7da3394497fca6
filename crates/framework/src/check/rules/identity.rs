//! What an identity may be.

use crate::check::conform;
use crate::value::{Type, Value};

/// What is wrong with the identity of a returned state or plan. `before` is the one that the object had, or null;
/// `is_new`: an object is planned to be created, whose identity may be left out.
pub fn identity(ty: &Type, before: &Value, after: &Value, is_new: bool) -> Option<String> {
    if after.is_null() {
        // Left out is cleared: Terraform stores what it is given.
        return (!is_new).then(|| "the identity is left out, which clears it".to_owned());
    }
    if let Err(misfit) = conform(after, ty) {
        return Some(format!("the identity does not fit its schema: {misfit}"));
    }
    if !after.is_wholly_known() {
        // Core takes one for a creation, but `terraform show` fails on the plan, and OpenTofu on storing it.
        let of = if is_new { "a new" } else { "an existing" };
        return Some(format!("the identity of {of} object is unknown"));
    }
    // What a person left out of an identity to import by may be filled in.
    let changed = |(name, value): (&String, &Value)| !value.is_null() && after.attribute(name) != Some(value);
    match before {
        Value::Map(entries) if !is_new && before.is_wholly_known() => {
            let (name, value) = entries.iter().find(|entry| changed(*entry))?;
            let now = after.attribute(name).map(super::brief).unwrap_or_default();
            Some(format!("the identity changes: `{name}` was {} and is {now}", super::brief(value)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_stay() {
        let ty = Type::object([("id", Type::String), ("region", Type::String)]);
        let of = |id: Value, region: Value| Value::map([("id", id), ("region", region)]);
        let text = |text: &str| Value::from(text);
        let whole = of(text("1"), text("r"));
        for (before, after, is_new, expected) in [
            (Value::Null, whole.clone(), true, None),
            (whole.clone(), whole.clone(), false, None),
            (of(text("1"), Value::Null), whole.clone(), false, None),
            (whole.clone(), of(text("2"), text("r")), true, None),
            (whole.clone(), of(text("2"), text("r")), false, Some("`id` was \"1\" and is \"2\"")),
            (whole.clone(), of(text("1"), Value::Null), false, Some("the identity changes: `region`")),
            (whole.clone(), Value::Null, false, Some("left out")),
            (Value::Null, Value::Null, true, None),
            (Value::Null, of(Value::unknown(), text("r")), true, Some("a new object is unknown")),
            (whole.clone(), of(Value::unknown(), text("r")), false, Some("an existing object is unknown")),
            (Value::Null, text("1"), false, Some("does not fit")),
        ] {
            let found = identity(&ty, &before, &after, is_new);
            assert_eq!(found.is_some(), expected.is_some(), "{before:?} {after:?}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{before:?} {after:?}");
        }
    }
}
