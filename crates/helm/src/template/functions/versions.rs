//! Semantic versions: `semver` and `semverCompare`.

use crate::template::failure::Failure;
use crate::template::function::{Function, Type};
use crate::template::value::{Object, Value};
use crate::version::{Constraint, Version};

pub(super) const TABLE: &[Function] = &[
    Function::new("semver", &[Type::Text], |arguments| match Version::parse(&arguments.text(0)) {
        Ok(version) => Ok(Value::object(Object::Version { version, is_pointer: true })),
        Err(message) => Err(Failure::new(message)),
    }),
    Function::new("semverCompare", &[Type::Text, Type::Text], |arguments| {
        let constraint = Constraint::parse(&arguments.text(0)).map_err(Failure::new)?;
        let version = Version::parse(&arguments.text(1)).map_err(Failure::new)?;
        Ok(Value::Bool(constraint.allows(&version)))
    }),
];
