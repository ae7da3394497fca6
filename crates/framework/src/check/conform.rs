//! Whether a value is of a type.

use std::fmt;

use crate::path::{Path, Step};
use crate::value::{Type, Value};

/// A value that is not of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where in the value.
    pub path: Path,
    /// What the type asks for there.
    pub expected: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            write!(f, "{} was expected", self.expected)
        } else {
            write!(f, "at `{}`, {} was expected", self.path, self.expected)
        }
    }
}

/// Checks that the value is of the type: null and unknown are of every type, objects have exactly their attributes,
/// and refinements speak only of what the type has.
///
/// # Errors
/// The first place that does not fit.
pub fn conform(value: &Value, ty: &Type) -> Result<(), Misfit> {
    conform_at(value, ty, &Path::root())
}

fn conform_at(value: &Value, ty: &Type, at: &Path) -> Result<(), Misfit> {
    let misfit = |expected: &str| Err(Misfit { path: at.clone(), expected: expected.to_owned() });
    match (ty, value) {
        (_, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::String, Value::String(_)) => Ok(()),
        (ty, Value::Unknown(refinement)) => {
            let text = *ty == Type::String;
            let number = *ty == Type::Number;
            let collection = matches!(ty, Type::List(_) | Type::Set(_) | Type::Map(_));
            if refinement.prefix.is_some() && !text {
                return misfit("an unknown without a prefix");
            }
            if (refinement.number_min.is_some() || refinement.number_max.is_some()) && !number {
                return misfit("an unknown without bounds");
            }
            if (refinement.length_min.is_some() || refinement.length_max.is_some()) && !collection {
                return misfit("an unknown without a length");
            }
            Ok(())
        }
        (Type::Dynamic, Value::Dynamic(inner)) => conform_at(&inner.1, &inner.0, at),
        (Type::Dynamic, _) => misfit("a value with its type"),
        (Type::List(element), Value::List(elements)) => all((0i64..).map(Step::Index).zip(elements), element, at),
        (Type::Set(element), Value::Set(elements)) => {
            all(elements.iter().map(|element| (Step::Element(Box::new(element.clone())), element)), element, at)
        }
        (Type::Map(element), Value::Map(entries)) => {
            all(entries.iter().map(|(key, entry)| (Step::Key(key.clone()), entry)), element, at)
        }
        (Type::Tuple(types), Value::List(elements)) if types.len() == elements.len() => (0i64..)
            .zip(types.iter().zip(elements))
            .try_for_each(|(index, (ty, element))| conform_at(element, ty, &at.then(Step::Index(index)))),
        (Type::Object { attributes, .. }, Value::Map(entries)) => {
            if let Some(name) = entries.keys().find(|name| !attributes.contains_key(*name)) {
                return misfit(&format!("an object without `{name}`"));
            }
            attributes.iter().try_for_each(|(name, ty)| match entries.get(name) {
                Some(entry) => conform_at(entry, ty, &at.dot(name.clone())),
                None => misfit(&format!("an object with `{name}`")),
            })
        }
        (ty, _) => misfit(&format!("a value of type `{}`", ty.to_json())),
    }
}

fn all<'a>(elements: impl Iterator<Item = (Step, &'a Value)>, ty: &Type, at: &Path) -> Result<(), Misfit> {
    elements.into_iter().try_for_each(|(step, element)| conform_at(element, ty, &at.then(step)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Number, Refinement};

    #[test]
    fn fits_and_misfits() {
        let object = Type::object([("name", Type::String), ("size", Type::Number)]);
        let whole = Value::map([("name", Value::from("a")), ("size", Value::from(3))]);
        let prefixed = |text: &str| Value::Unknown(Refinement { prefix: Some(text.into()), ..Refinement::none() });
        for (value, ty, path) in [
            (whole.clone(), object.clone(), None),
            (Value::Null, object.clone(), None),
            (Value::map([("name", Value::Null)]), object.clone(), Some("")),
            (
                Value::map([("name", Value::Null), ("size", Value::Null), ("more", Value::Null)]),
                object.clone(),
                Some(""),
            ),
            (Value::map([("name", Value::from(1)), ("size", Value::Null)]), object.clone(), Some("name")),
            (Value::List(vec![whole.clone(), Value::from(true)]), Type::list(object), Some("[1]")),
            (Value::set([Value::from("a")]), Type::list(Type::String), Some("")),
            (Value::from("a"), Type::Dynamic, Some("")),
            (Value::Dynamic(Box::new((Type::Bool, Value::from("a")))), Type::Dynamic, Some("")),
            (prefixed("a-"), Type::String, None),
            (prefixed("a-"), Type::Number, Some("")),
            (
                Value::Unknown(Refinement { number_min: Some((Number::from(1i64), true)), ..Refinement::none() }),
                Type::String,
                Some(""),
            ),
        ] {
            let found = conform(&value, &ty).err().map(|misfit| misfit.path.to_string());
            assert_eq!(found.as_deref(), path, "{value:?} as {ty:?}");
        }
    }
}
