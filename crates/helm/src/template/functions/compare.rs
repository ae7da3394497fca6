//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: Go's rules, with no comparison between integers and floats.

use crate::template::failure::Failure;
use crate::template::format;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::Value;
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::variadic("eq", &[Type::Reflect], Type::Reflect, |arguments| {
        equal(arguments.value(0), arguments.rest(1)).map(Value::Bool)
    }),
    Function::new("ne", &[Type::Reflect, Type::Reflect], |arguments| {
        equal(arguments.value(0), arguments.rest(1)).map(|equal| Value::Bool(!equal))
    }),
    Function::new("lt", &[Type::Reflect, Type::Reflect], |arguments| boolean(less(&arguments))),
    Function::new("le", &[Type::Reflect, Type::Reflect], |arguments| boolean(less_or_equal(&arguments))),
    Function::new("gt", &[Type::Reflect, Type::Reflect], |arguments| {
        boolean(less_or_equal(&arguments).map(|result| !result))
    }),
    Function::new("ge", &[Type::Reflect, Type::Reflect], |arguments| boolean(less(&arguments).map(|result| !result))),
];

fn boolean(result: Result<bool, Failure>) -> Outcome {
    result.map(Value::Bool)
}

fn incompatible(left: &Value, right: &Value) -> Failure {
    Failure::new(format!(
        "incompatible types for comparison: {} and {}",
        left.type_name().unwrap_or_default(),
        right.type_name().unwrap_or_default()
    ))
}

fn is_basic(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Int(..) | Value::Unsigned(..) | Value::Float(_) | Value::Text(_))
}

fn equal(left: &Value, others: &[Value]) -> Result<bool, Failure> {
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for right in others {
        let same = match (left, right) {
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Int(left, _), Value::Int(right, _)) => left == right,
            (Value::Unsigned(left, _), Value::Unsigned(right, _)) => left == right,
            (Value::Int(signed, _), Value::Unsigned(unsigned, _))
            | (Value::Unsigned(unsigned, _), Value::Int(signed, _)) => u64::try_from(*signed) == Ok(*unsigned),
            (Value::Float(left), Value::Float(right)) => left == right,
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::Nil, Value::Nil) => true,
            (Value::Nil, other) | (other, Value::Nil) => matches!(other, Value::List(list) if list.is_nil),
            (left, right) if is_basic(left) || is_basic(right) => return Err(incompatible(left, right)),
            (left, right) => composite(left, right)?,
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Slices and maps cannot be compared in Go, structs and pointers can.
fn composite(left: &Value, right: &Value) -> Result<bool, Failure> {
    if left.kind_name() != right.kind_name() {
        return Err(Failure::new(format!(
            "non-comparable types {}: {}, {}: {}",
            format::printf("%s", std::slice::from_ref(left)),
            left.type_name().unwrap_or_default(),
            right.type_name().unwrap_or_default(),
            format::plain(right)
        )));
    }
    if let (Value::List(left), Value::List(right)) = (left, right)
        && (left.is_nil || right.is_nil)
    {
        return Ok(left.is_nil == right.is_nil);
    }
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if left.is_pointer() => Ok(Rc::ptr_eq(left, right)),
        (Value::Object(_), Value::Object(_)) => Ok(left.deep_equal(right)),
        _ => Err(Failure::new(format!(
            "non-comparable type {}: {}",
            format::printf("%s", std::slice::from_ref(right)),
            right.type_name().unwrap_or_default()
        ))),
    }
}

fn less(arguments: &Arguments) -> Result<bool, Failure> {
    let (left, right) = (arguments.value(0), arguments.value(1));
    if !is_basic(left) || !is_basic(right) {
        return Err("invalid type for comparison".into());
    }
    Ok(match (left, right) {
        (Value::Int(left, _), Value::Int(right, _)) => left < right,
        (Value::Unsigned(left, _), Value::Unsigned(right, _)) => left < right,
        (Value::Int(left, _), Value::Unsigned(right, _)) => u64::try_from(*left).map_or(true, |left| left < *right),
        (Value::Unsigned(left, _), Value::Int(right, _)) => u64::try_from(*right).is_ok_and(|right| *left < right),
        (Value::Float(left), Value::Float(right)) => left < right,
        (Value::Text(left), Value::Text(right)) => left < right,
        (Value::Bool(_), Value::Bool(_)) => return Err("invalid type for comparison".into()),
        (left, right) => return Err(incompatible(left, right)),
    })
}

fn less_or_equal(arguments: &Arguments) -> Result<bool, Failure> {
    Ok(less(arguments)? || equal(arguments.value(0), arguments.rest(1))?)
}
