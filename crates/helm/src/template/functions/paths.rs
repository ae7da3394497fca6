//! Parts of paths. The `os…` forms are the same on the systems that the engine is built for.

use crate::go::path::{base, clean, directory, extension};
use crate::template::function::{Function, Type};
use crate::template::value::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new("base", &[Type::Text], |arguments| Ok(Value::text(base(&arguments.text(0))))),
    Function::new("dir", &[Type::Text], |arguments| Ok(Value::text(directory(&arguments.text(0))))),
    Function::new("clean", &[Type::Text], |arguments| Ok(Value::text(clean(&arguments.text(0))))),
    Function::new("ext", &[Type::Text], |arguments| Ok(Value::text(extension(&arguments.text(0))))),
    Function::new("isAbs", &[Type::Text], |arguments| Ok(Value::Bool(arguments.text(0).starts_with('/')))),
    Function::new("osBase", &[Type::Text], |arguments| Ok(Value::text(base(&arguments.text(0))))),
    Function::new("osDir", &[Type::Text], |arguments| Ok(Value::text(directory(&arguments.text(0))))),
    Function::new("osClean", &[Type::Text], |arguments| Ok(Value::text(clean(&arguments.text(0))))),
    Function::new("osExt", &[Type::Text], |arguments| Ok(Value::text(extension(&arguments.text(0))))),
    Function::new("osIsAbs", &[Type::Text], |arguments| Ok(Value::Bool(arguments.text(0).starts_with('/')))),
];
