//! Dictionaries. `set` and `unset` change the map that every holder of it sees.

use crate::template::failure::Failure;
use crate::template::format;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Entries, List, Map, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::variadic("dict", &[], Type::Any, dict),
    Function::new("get", &[Type::Map, Type::Text], |arguments| {
        let found = arguments.map(0).and_then(|map| map.entry(&arguments.text(1)));
        Ok(found.unwrap_or_else(|| Value::text("")))
    }),
    Function::new("set", &[Type::Map, Type::Text, Type::Any], set),
    Function::new("unset", &[Type::Map, Type::Text], |arguments| {
        if let Some(map) = arguments.map(0) {
            map.entries.borrow_mut().remove(&arguments.text(1));
            return Ok(arguments.value(0).clone());
        }
        // Go's nil map, which prints like an empty one.
        Ok(Value::map(Default::default()))
    }),
    Function::new("hasKey", &[Type::Map, Type::Text], |arguments| {
        Ok(Value::Bool(arguments.map(0).is_some_and(|map| map.entries.borrow().contains_key(&arguments.text(1)))))
    }),
    Function::variadic("pluck", &[Type::Text], Type::Map, |arguments| {
        let key = arguments.text(0);
        let maps = arguments.rest(1).iter();
        Ok(Value::list(maps.filter_map(|map| as_map(map).and_then(|map| map.entry(&key))).collect()))
    }),
    Function::variadic("keys", &[], Type::Map, |arguments| {
        let mut keys: Vec<Rc<str>> = Vec::new();
        for map in arguments.all().iter().filter_map(as_map) {
            keys.extend(map.entries.borrow().keys().cloned());
        }
        Ok(Value::text_list(keys))
    }),
    Function::new("values", &[Type::Map], |arguments| Ok(Value::list(arguments.entries(0).into_values().collect()))),
    Function::variadic("pick", &[Type::Map], Type::Text, |arguments| {
        let mut entries = arguments.entries(0);
        entries.retain(|key, _| is_among(key, &arguments));
        Ok(Value::map(entries))
    }),
    Function::variadic("omit", &[Type::Map], Type::Text, |arguments| {
        let mut entries = arguments.entries(0);
        entries.retain(|key, _| !is_among(key, &arguments));
        Ok(Value::map(entries))
    }),
    Function::variadic("dig", &[], Type::Any, dig),
    Function::new("deepCopy", &[Type::Any], |arguments| deep_copy(arguments.value(0), 0)),
    Function::new("mustDeepCopy", &[Type::Any], |arguments| deep_copy(arguments.value(0), 0)),
];

fn as_map(value: &Value) -> Option<&Map> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

fn is_among(key: &str, arguments: &Arguments) -> bool {
    arguments.rest(1).iter().any(|wanted| matches!(wanted, Value::Text(text) if **text == *key))
}

fn dict(arguments: Arguments) -> Outcome {
    let mut entries = Entries::new();
    for pair in arguments.all().chunks(2) {
        let value = pair.get(1).cloned().unwrap_or_else(|| Value::text(""));
        entries.insert(format::strval(&pair[0]), value);
    }
    Ok(Value::map(entries))
}

fn set(arguments: Arguments) -> Outcome {
    let Some(map) = arguments.map(0) else {
        return Err("assignment to entry in nil map".into());
    };
    map.entries.borrow_mut().insert(arguments.text(1), arguments.value(2).clone());
    Ok(arguments.value(0).clone())
}

/// Go's panic for a failed type assertion.
fn wrong_interface(value: &Value, wanted: &str) -> Failure {
    Failure::new(match value.type_name() {
        Some(found) => format!("interface conversion: interface {{}} is {found}, not {wanted}"),
        None => format!("interface conversion: interface {{}} is nil, not {wanted}"),
    })
}

fn dig(arguments: Arguments) -> Outcome {
    let [keys @ .., default, start] = arguments.all() else {
        return Err("dig needs at least three arguments".into());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let plain_map = |value: &Value| match value {
        Value::Map(map) if value.type_name() == Some("map[string]interface {}") => Ok(map.clone()),
        other => Err(wrong_interface(other, "map[string]interface {}")),
    };
    let mut map = plain_map(start)?;
    let mut path = Vec::with_capacity(keys.len());
    for key in keys {
        match key {
            Value::Text(text) => path.push(Rc::clone(text)),
            other => return Err(wrong_interface(other, "string")),
        }
    }
    for (index, key) in path.iter().enumerate() {
        let Some(step) = map.entry(key) else { return Ok(default.clone()) };
        if index + 1 == path.len() {
            return Ok(step);
        }
        map = plain_map(&step)?;
    }
    Ok(default.clone())
}

/// Deepest nesting that is copied; a map that holds itself is deeper than any.
const MAX_DEPTH: usize = 1_000;

fn deep_copy(value: &Value, depth: usize) -> Outcome {
    if depth == 0 && value.is_nil() {
        return Err(crate::template::function::ZERO_VALUE.into());
    }
    if depth > MAX_DEPTH {
        return Err(Failure::new(format!("deepCopy: more than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        Value::List(list) => {
            let items: Result<Vec<Value>, Failure> = list.items.iter().map(|item| deep_copy(item, depth + 1)).collect();
            Value::List(List { items: Rc::new(items?), ..list.clone() })
        }
        Value::Map(map) => {
            let entries: Result<Entries, Failure> = map
                .entries
                .borrow()
                .iter()
                .map(|(key, item)| Ok((Rc::clone(key), deep_copy(item, depth + 1)?)))
                .collect();
            Value::Map(Map::new(entries?, map.kind))
        }
        other => other.clone(),
    })
}
