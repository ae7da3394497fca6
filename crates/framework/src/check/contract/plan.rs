//! What is checked of plans and of what is applied after them: Terraform's rules, and what this crate promises beyond.

use crate::check::conform;
use crate::check::rules;
use crate::path::Path;
use crate::schema::{Attribute, Kind, object_type};
use crate::server::Planned;
use crate::value::Value;

/// Whether Terraform would replace the object: one of the paths that ask for it really changes.
pub(super) fn replaces(planned: &Planned, prior: &Value) -> bool {
    let state = planned.state.as_ref().unwrap_or(&Value::Null);
    !prior.is_null() && rules::replacing(&planned.requires_replace, prior, state).next().is_some()
}

/// What is wrong with a plan.
pub(super) fn problems(attributes: &[Attribute], prior: &Value, config: &Value, planned: &Planned) -> Vec<String> {
    let Some(state) = &planned.state else { return vec!["no state is planned, and no error says why".to_owned()] };
    if let Err(misfit) = conform(state, &object_type(attributes)) {
        return vec![format!("the planned state does not fit the schema: {misfit}")];
    }
    let mut problems = rules::planned(attributes, prior, config, state);
    promises(attributes, state, &Path::root(), &mut problems);
    for path in &planned.requires_replace {
        if rules::lookup(state, path).is_none() && rules::lookup(prior, path).is_none() {
            problems.push(format!("replacement is asked for because of `{path}`, which does not exist"));
        }
    }
    problems
}

/// What is promised of unknown values makes sense, and what is never null is not planned to be.
fn promises(attributes: &[Attribute], planned: &Value, at: &Path, problems: &mut Vec<String>) {
    for attribute in attributes {
        let Some(value) = planned.attribute(&attribute.name) else { continue };
        let at = at.dot(attribute.name.clone());
        if let Value::Unknown(refinement) = value {
            if refinement.null == Some(true) {
                problems.push(format!("`{at}` is unknown, but promised to be null"));
            }
            if refinement.prefix.is_some() && refinement.null != Some(false) {
                problems.push(format!("`{at}` promises a prefix, but not to be set"));
            }
        }
        if attribute.computed && attribute.never_null && !attribute.write_only && value.is_null() {
            problems.push(format!("`{at}` is never null, but planned to be"));
        }
        if let Kind::Nested { nesting, attributes } = &attribute.kind {
            rules::each(*nesting, value, &mut |element| promises(attributes, element, &at, problems));
        }
    }
}

/// What is wrong with the state after apply, next to what was planned: known values stay, promises hold.
pub(super) fn applied_problems(planned: &Value, applied: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if !applied.is_wholly_known() {
        problems.push("something is still unknown after apply".to_owned());
    }
    problems.extend(rules::compatible(planned, applied));
    problems
}
