//! Conversion of evaluated values to the types of schemas, as Terraform converts.

use std::collections::BTreeMap;

use framework::schema::{Attribute, Kind, Nesting};
use framework::value::{Number, Type, Value};

/// Converts a value to a type.
///
/// # Errors
///
/// What is required, in Terraform's words: `string required`.
pub fn convert(value: Value, ty: &Type) -> Result<Value, String> {
    if let (Value::Dynamic(inner), false) = (&value, *ty == Type::Dynamic) {
        return convert(inner.1.clone(), ty);
    }
    if value.is_null() {
        return Ok(Value::Null);
    }
    if matches!(value, Value::Unknown(_)) {
        return Ok(value);
    }
    match (ty, value) {
        (Type::Dynamic, value @ Value::Dynamic(_))
        | (Type::String, value @ Value::String(_))
        | (Type::Number, value @ Value::Number(_))
        | (Type::Bool, value @ Value::Bool(_)) => Ok(value),
        (Type::Dynamic, value) => Ok(Value::Dynamic(Box::new((infer(&value), value)))),
        (Type::String, Value::Number(number)) => Ok(Value::String(number.as_str().to_owned())),
        (Type::String, Value::Bool(value)) => Ok(Value::String(value.to_string())),
        (Type::Number, Value::String(text)) => {
            text.parse::<Number>().map(Value::Number).map_err(|_| "a number is required".to_owned())
        }
        (Type::Bool, Value::String(text)) if text == "true" || text == "false" => Ok(Value::Bool(text == "true")),
        (Type::List(element), Value::List(elements) | Value::Set(elements)) => {
            Ok(Value::List(each(elements, element)?))
        }
        (Type::Set(element), Value::List(elements) | Value::Set(elements)) => Ok(Value::set(each(elements, element)?)),
        (Type::Map(element), Value::Map(entries)) => {
            let mut converted = BTreeMap::new();
            for (key, value) in entries {
                let value = convert(value, element).map_err(|fault| format!("element \"{key}\": {fault}"))?;
                converted.insert(key, value);
            }
            Ok(Value::Map(converted))
        }
        (Type::Tuple(types), Value::List(elements)) if types.len() == elements.len() => {
            let converted = elements.into_iter().zip(types).map(|(value, ty)| convert(value, ty));
            Ok(Value::List(converted.collect::<Result<_, _>>()?))
        }
        // Attributes that the type does not have are dropped, as Terraform drops them.
        (Type::Object { attributes, optional }, Value::Map(mut entries)) => {
            let mut converted = BTreeMap::new();
            for (name, ty) in attributes {
                let value = match entries.remove(name) {
                    Some(value) => convert(value, ty).map_err(|fault| format!("attribute \"{name}\": {fault}"))?,
                    None if optional.contains(name) => Value::Null,
                    None => return Err(format!("attribute \"{name}\" is required")),
                };
                converted.insert(name.clone(), value);
            }
            Ok(Value::Map(converted))
        }
        (ty, _) => Err(format!("{} required", name_of(ty))),
    }
}

fn each(elements: Vec<Value>, ty: &Type) -> Result<Vec<Value>, String> {
    let convert_one = |(index, value)| convert(value, ty).map_err(|fault| format!("element {index}: {fault}"));
    elements.into_iter().enumerate().map(convert_one).collect()
}

/// Converts a value to an attribute's type; inside of nested attributes, what is not required may be left out.
///
/// # Errors
///
/// As [`convert`].
pub fn convert_attribute(value: Value, attribute: &Attribute) -> Result<Value, String> {
    let Kind::Nested { nesting, attributes } = &attribute.kind else { return convert(value, &attribute.kind.ty()) };
    let value = match value {
        Value::Dynamic(inner) => inner.1,
        value => value,
    };
    if value.is_null() || value.is_unknown() {
        return Ok(value);
    }
    let one = |value: Value| convert_object(value, attributes);
    match (nesting, value) {
        (Nesting::Single, value) => one(value),
        (Nesting::List, Value::List(elements) | Value::Set(elements)) => {
            Ok(Value::List(elements.into_iter().map(one).collect::<Result<_, _>>()?))
        }
        (Nesting::Set, Value::List(elements) | Value::Set(elements)) => {
            Ok(Value::set(elements.into_iter().map(one).collect::<Result<Vec<_>, _>>()?))
        }
        (Nesting::Map, Value::Map(entries)) => {
            let converted = entries.into_iter().map(|(key, value)| Ok::<_, String>((key, one(value)?)));
            Ok(Value::Map(converted.collect::<Result<_, _>>()?))
        }
        _ => Err(format!("{} required", name_of(&attribute.kind.ty()))),
    }
}

fn convert_object(value: Value, attributes: &[Attribute]) -> Result<Value, String> {
    let mut entries = match value {
        Value::Map(entries) => entries,
        value if value.is_null() || value.is_unknown() => return Ok(value),
        _ => return Err("object required".to_owned()),
    };
    let mut converted = BTreeMap::new();
    for attribute in attributes {
        let name = &attribute.name;
        let value = match entries.remove(name) {
            Some(value) => {
                convert_attribute(value, attribute).map_err(|fault| format!("attribute \"{name}\": {fault}"))?
            }
            None if attribute.required => return Err(format!("attribute \"{name}\" is required")),
            None => Value::Null,
        };
        converted.insert(name.clone(), value);
    }
    Ok(Value::Map(converted))
}

/// The type that a value has by itself.
pub fn infer(value: &Value) -> Type {
    match value {
        Value::Null | Value::Unknown(_) => Type::Dynamic,
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::List(elements) => Type::Tuple(elements.iter().map(infer).collect()),
        Value::Set(elements) => Type::set(elements.first().map_or(Type::Dynamic, infer)),
        Value::Map(entries) => Type::object(entries.iter().map(|(name, value)| (name.clone(), infer(value)))),
        Value::Dynamic(inner) => inner.0.clone(),
    }
}

fn name_of(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::Number => "number".to_owned(),
        Type::String => "string".to_owned(),
        Type::Dynamic => "dynamic".to_owned(),
        Type::List(element) => format!("list of {}", name_of(element)),
        Type::Set(element) => format!("set of {}", name_of(element)),
        Type::Map(element) => format!("map of {}", name_of(element)),
        Type::Tuple(_) => "tuple".to_owned(),
        Type::Object { .. } => "object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitives_convert_both_ways() {
        for (value, ty, converted) in [
            (Value::from(5), Type::String, Some(Value::from("5"))),
            (Value::from(true), Type::String, Some(Value::from("true"))),
            (Value::from("5"), Type::Number, Some(Value::from(5))),
            (Value::from("x"), Type::Number, None),
            (Value::from("true"), Type::Bool, Some(Value::from(true))),
            (Value::from("yes"), Type::Bool, None),
            (Value::from(1), Type::Bool, None),
            (Value::List(vec![Value::from(1)]), Type::set(Type::String), Some(Value::set([Value::from("1")]))),
            (Value::map([("a", Value::from(1))]), Type::map(Type::String), Some(Value::map([("a", Value::from("1"))]))),
            (Value::map([("a", Value::from(1))]), Type::object([("b", Type::String)]), None),
            (Value::from("x"), Type::list(Type::String), None),
            (Value::Null, Type::list(Type::String), Some(Value::Null)),
        ] {
            assert_eq!(convert(value.clone(), &ty).ok(), converted, "{value:?} to {ty:?}");
        }
    }
}
