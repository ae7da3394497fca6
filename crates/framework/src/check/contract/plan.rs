//! What Terraform insists on in plans, in what is applied after them, and in identities.

use crate::check::conform;
use crate::path::{Path, Step};
use crate::schema::{Attribute, IdentitySchema, Kind, Nesting, object_type};
use crate::server::Planned;
use crate::value::{Refinement, Value};

/// Whether Terraform would replace the object: one of the paths that ask for it really changes.
pub(super) fn replaces(planned: &Planned, prior: &Value) -> bool {
    let state = planned.state.as_ref().unwrap_or(&Value::Null);
    planned.requires_replace.iter().any(|path| {
        let (before, after) = (lookup(prior, path), lookup(state, path));
        before.is_some() && after.is_some() && (before != after || after.is_some_and(Value::is_unknown))
    })
}

/// What is wrong with a plan.
pub(super) fn problems(attributes: &[Attribute], prior: &Value, config: &Value, planned: &Planned) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(state) = &planned.state else { return vec!["no state is planned, and no error says why".to_owned()] };
    if let Err(misfit) = conform(state, &object_type(attributes)) {
        return vec![format!("the planned state does not fit the schema: {misfit}")];
    }
    if state.is_null() != config.is_null() {
        problems.push("a configured object is planned to be absent, or an absent one to exist".to_owned());
    }
    check_attributes(attributes, prior, config, state, &Path::root(), &mut problems);
    for path in &planned.requires_replace {
        if lookup(state, path).is_none() && lookup(prior, path).is_none() {
            problems.push(format!("replacement is asked for because of `{path}`, which does not exist"));
        }
    }
    problems
}

fn check_attributes(
    attributes: &[Attribute],
    prior: &Value,
    config: &Value,
    planned: &Value,
    at: &Path,
    problems: &mut Vec<String>,
) {
    for attribute in attributes {
        let part = |object: &Value| object.attribute(&attribute.name).cloned().unwrap_or(Value::Null);
        let at = at.dot(attribute.name.clone());
        check_attribute(attribute, &part(prior), &part(config), &part(planned), &at, problems);
    }
}

/// The three ways to be right: as configured, as before, or the provider's own choice where nothing is configured.
fn check_attribute(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    at: &Path,
    problems: &mut Vec<String>,
) {
    if let Value::Unknown(refinement) = planned {
        if refinement.null == Some(true) {
            problems.push(format!("`{at}` is unknown, but promised to be null"));
        }
        if refinement.prefix.is_some() && refinement.null != Some(false) {
            problems.push(format!("`{at}` promises a prefix, but not to be set"));
        }
    }
    if attribute.write_only {
        if !planned.is_null() {
            problems.push(format!("`{at}` is write-only and planned to be stored"));
        }
        return;
    }
    if attribute.computed && attribute.never_null && planned.is_null() {
        problems.push(format!("`{at}` is never null, but planned to be"));
        return;
    }
    if same(planned, config) || (same(planned, prior) && !prior.is_null() && !config.is_null()) {
        return;
    }
    if attribute.computed && (!attribute.optional || config.is_null()) {
        return;
    }
    let nested = match &attribute.kind {
        Kind::Nested { nesting, attributes } => Some((nesting, attributes)),
        Kind::Type(_) => None,
    };
    match (nested, config, planned) {
        (_, Value::Null, _) => problems.push(format!("`{at}` is not configured, not computed, and planned to be set")),
        (Some((Nesting::Single, attributes)), Value::Map(_), Value::Map(_)) => {
            check_attributes(attributes, prior, config, planned, at, problems);
        }
        (Some((Nesting::List, attributes)), Value::List(configured), Value::List(elements))
            if configured.len() == elements.len() =>
        {
            for (index, (configured, element)) in configured.iter().zip(elements).enumerate() {
                let before = match prior {
                    Value::List(before) => before.get(index).unwrap_or(&Value::Null),
                    _ => &Value::Null,
                };
                let at = at.then(Step::Index(i64::try_from(index).unwrap_or(i64::MAX)));
                check_element(attributes, before, configured, element, &at, problems);
            }
        }
        (Some((Nesting::Map, attributes)), Value::Map(configured), Value::Map(entries))
            if configured.keys().eq(entries.keys()) =>
        {
            for (key, entry) in entries {
                let before = prior.attribute(key).unwrap_or(&Value::Null);
                check_element(attributes, before, &configured[key], entry, &at.then(Step::Key(key.clone())), problems);
            }
        }
        (Some((Nesting::Set, attributes)), Value::Set(configured), Value::Set(elements))
            if configured.len() == elements.len() =>
        {
            // Elements of a set have no name: one of the configured ones must explain each.
            for element in elements {
                let explained = configured.iter().any(|configured| {
                    let mut problems = Vec::new();
                    check_element(attributes, &Value::Null, configured, element, at, &mut problems);
                    problems.is_empty()
                });
                if !explained {
                    problems.push(format!("`{at}` holds an element that no configured one explains"));
                }
            }
        }
        _ => problems.push(format!("`{at}` is planned neither as configured nor as before")),
    }
}

fn check_element(
    attributes: &[Attribute],
    prior: &Value,
    config: &Value,
    planned: &Value,
    at: &Path,
    problems: &mut Vec<String>,
) {
    match (config, planned) {
        (Value::Map(_), Value::Map(_)) => check_attributes(attributes, prior, config, planned, at, problems),
        _ if same(config, planned) => {}
        _ => problems.push(format!("`{at}` is planned neither as configured nor as before")),
    }
}

/// Equal but for what is promised of unknown parts.
fn same(one: &Value, other: &Value) -> bool {
    without_promises(one) == without_promises(other)
}

fn without_promises(value: &Value) -> Value {
    match value {
        Value::Unknown(_) => Value::unknown(),
        Value::List(elements) => Value::List(elements.iter().map(without_promises).collect()),
        Value::Set(elements) => Value::set(elements.iter().map(without_promises)),
        Value::Map(entries) => {
            Value::Map(entries.iter().map(|(key, entry)| (key.clone(), without_promises(entry))).collect())
        }
        Value::Dynamic(inner) => Value::Dynamic(Box::new((inner.0.clone(), without_promises(&inner.1)))),
        other => other.clone(),
    }
}

/// What is wrong with the identity of a plan. `is_new`: an object is made, so that parts may be unknown yet.
pub(super) fn identity_problems(
    schema: Option<&IdentitySchema>,
    before: &Value,
    is_new: bool,
    planned: Option<&Value>,
) -> Option<String> {
    let schema = schema.filter(|schema| !schema.attributes.is_empty())?;
    let Some(planned) = planned.filter(|planned| !planned.is_null()) else {
        // Left out is cleared: Terraform stores what it is given.
        return (!is_new).then(|| "the identity is left out, which clears it".to_owned());
    };
    if let Err(misfit) = conform(planned, &schema.ty()) {
        return Some(format!("the identity does not fit its schema: {misfit}"));
    }
    if is_new {
        return None;
    }
    if !planned.is_wholly_known() {
        return Some("the identity of an existing object is unknown".to_owned());
    }
    (before.is_wholly_known() && !before.is_null() && planned != before).then(|| "the identity changes".to_owned())
}

/// What is wrong with the state after apply, next to what was planned: known values stay, promises hold.
pub(super) fn applied_problems(planned: &Value, applied: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if !applied.is_wholly_known() {
        problems.push("something is still unknown after apply".to_owned());
    }
    check_applied(planned, applied, &Path::root(), &mut problems);
    problems
}

fn check_applied(planned: &Value, applied: &Value, at: &Path, problems: &mut Vec<String>) {
    match (planned, applied) {
        (Value::Unknown(refinement), _) => {
            if !holds(refinement, applied) {
                problems.push(format!("`{at}` does not hold what was promised of it"));
            }
        }
        (Value::Map(planned), Value::Map(applied)) if planned.keys().eq(applied.keys()) => {
            for (name, value) in planned {
                check_applied(value, &applied[name], &at.dot(name.clone()), problems);
            }
        }
        (Value::List(planned), Value::List(applied)) if planned.len() == applied.len() => {
            for (index, (planned, applied)) in (0i64..).zip(planned.iter().zip(applied)) {
                check_applied(planned, applied, &at.then(Step::Index(index)), problems);
            }
        }
        (Value::Set(planned), Value::Set(applied)) => {
            let explained = applied.len() <= planned.len()
                && applied.iter().all(|applied| {
                    planned.iter().any(|planned| {
                        let mut problems = Vec::new();
                        check_applied(planned, applied, at, &mut problems);
                        problems.is_empty()
                    })
                });
            if !explained {
                problems.push(format!("`{at}` is not as planned"));
            }
        }
        _ if planned == applied => {}
        _ => problems.push(format!("`{at}` is not as planned")),
    }
}

/// Whether a value keeps every promise.
pub(super) fn holds(refinement: &Refinement, value: &Value) -> bool {
    if value.is_null() {
        return refinement.null != Some(false);
    }
    let length = match value {
        Value::List(elements) | Value::Set(elements) => u64::try_from(elements.len()).ok(),
        Value::Map(entries) => u64::try_from(entries.len()).ok(),
        _ => None,
    };
    let number = match value {
        Value::Number(number) => Some(number),
        _ => None,
    };
    refinement.null != Some(true)
        && refinement.prefix.as_ref().is_none_or(|prefix| value.as_str().is_some_and(|text| text.starts_with(prefix)))
        && refinement.length_min.is_none_or(|least| length.is_some_and(|length| length >= least))
        && refinement.length_max.is_none_or(|most| length.is_some_and(|length| length <= most))
        && refinement.number_min.as_ref().is_none_or(|(least, inclusive)| {
            number.is_some_and(|number| number > least || (*inclusive && number == least))
        })
        && refinement.number_max.as_ref().is_none_or(|(most, inclusive)| {
            number.is_some_and(|number| number < most || (*inclusive && number == most))
        })
}

/// The value at a path; `None` when there is no such place.
fn lookup<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Attribute(name) | Step::Key(name), value) => value.attribute(name),
        (Step::Index(index), Value::List(elements)) => elements.get(usize::try_from(*index).ok()?),
        (Step::Element(element), Value::Set(elements)) => elements.iter().find(|it| *it == &**element),
        _ => None,
    })
}
