//! What a value is: `typeOf`, `kindOf` and their tests; defaults and choices: `default`, `empty`, `coalesce`, `ternary`.

use crate::template::function::{Function, Type};
use crate::template::value::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new("typeOf", &[Type::Any], |arguments| Ok(Value::text(type_of(arguments.value(0))))),
    Function::new("typeIs", &[Type::Text, Type::Any], |arguments| {
        Ok(Value::Bool(&*arguments.text(0) == type_of(arguments.value(1))))
    }),
    Function::new("typeIsLike", &[Type::Text, Type::Any], |arguments| {
        let (wanted, found) = (arguments.text(0), type_of(arguments.value(1)));
        Ok(Value::Bool(&*wanted == found || found.strip_prefix('*') == Some(&*wanted)))
    }),
    Function::new("kindOf", &[Type::Any], |arguments| Ok(Value::text(arguments.value(0).kind_name()))),
    Function::new("kindIs", &[Type::Text, Type::Any], |arguments| {
        Ok(Value::Bool(&*arguments.text(0) == arguments.value(1).kind_name()))
    }),
    Function::new("deepEqual", &[Type::Any, Type::Any], |arguments| {
        Ok(Value::Bool(arguments.value(0).deep_equal(arguments.value(1))))
    }),
    Function::variadic("default", &[Type::Any], Type::Any, |arguments| {
        let given = arguments.value(1);
        Ok(if given.is_empty() { arguments.value(0).clone() } else { given.clone() })
    }),
    Function::new("empty", &[Type::Any], |arguments| Ok(Value::Bool(arguments.value(0).is_empty()))),
    Function::variadic("coalesce", &[], Type::Any, |arguments| {
        Ok(arguments.all().iter().find(|value| !value.is_empty()).cloned().unwrap_or(Value::Nil))
    }),
    Function::variadic("all", &[], Type::Any, |arguments| {
        Ok(Value::Bool(!arguments.all().iter().any(Value::is_empty)))
    }),
    Function::variadic("any", &[], Type::Any, |arguments| {
        Ok(Value::Bool(!arguments.all().iter().all(Value::is_empty)))
    }),
    Function::new("ternary", &[Type::Any, Type::Any, Type::Bool], |arguments| {
        Ok(arguments.value(if arguments.bool(2) { 0 } else { 1 }).clone())
    }),
    Function::new("hello", &[], |_| Ok(Value::text("Hello!"))),
];

fn type_of(value: &Value) -> &'static str {
    value.type_name().unwrap_or("<nil>")
}
