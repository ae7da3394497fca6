//! Places in values, and those whose change makes a new object.

use crate::path::{Path, Step};
use crate::value::Value;

/// The value at a path; `None` when there is no such place.
pub fn lookup<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Attribute(name) | Step::Key(name), value) => value.attribute(name),
        (Step::Index(index), Value::List(elements)) => elements.get(usize::try_from(*index).ok()?),
        (Step::Element(element), Value::Set(elements)) => elements.iter().find(|it| *it == &**element),
        _ => None,
    })
}

/// The paths of `requires_replace` where something really changes: core passes over the others.
pub fn replacing<'a>(paths: &'a [Path], prior: &'a Value, planned: &'a Value) -> impl Iterator<Item = &'a Path> {
    paths.iter().filter(move |path| {
        let (before, after) = (lookup(prior, path), lookup(planned, path));
        after.is_some_and(|after| !after.is_wholly_known()) || before != after
    })
}
