//! `merge` and `mergeOverwrite` with the rules of Go's mergo library, which both change the first map.

use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Entries, Map, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::variadic("merge", &[Type::Map], Type::Map, |arguments| merge(&arguments, false)),
    Function::variadic("mustMerge", &[Type::Map], Type::Map, |arguments| merge(&arguments, false)),
    Function::variadic("mergeOverwrite", &[Type::Map], Type::Map, |arguments| merge(&arguments, true)),
    Function::variadic("mustMergeOverwrite", &[Type::Map], Type::Map, |arguments| merge(&arguments, true)),
];

fn merge(arguments: &Arguments, overwrite: bool) -> Outcome {
    let into = match arguments.value(0) {
        Value::Map(map) => map.clone(),
        _ => match Value::map(Entries::new()) {
            Value::Map(map) => map,
            other => return Ok(other),
        },
    };
    for from in arguments.rest(1) {
        if let Value::Map(from) = from {
            merge_maps(&into, from, overwrite, 0);
        }
    }
    Ok(Value::Map(into))
}

/// Deepest nesting that is merged; a map that holds itself is deeper than any.
const MAX_DEPTH: usize = 1_000;

fn merge_maps(into: &Map, from: &Map, overwrite: bool, depth: usize) {
    if depth > MAX_DEPTH || Rc::ptr_eq(&into.entries, &from.entries) {
        return;
    }
    let source: Vec<(Rc<str>, Value)> =
        from.entries.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect();
    for (key, value) in source {
        let existing = into.entry(&key);
        if value.is_nil() {
            if overwrite {
                into.entries.borrow_mut().insert(key, value);
            }
            continue;
        }
        match (&value, &existing) {
            (Value::Map(from), Some(Value::Map(inner))) => {
                merge_maps(inner, from, overwrite, depth + 1);
            }
            // The library looks at the whole maps here, not at the two lists.
            (Value::List(_) | Value::Bytes(_), _) if overwrite || into.entries.borrow().is_empty() => {
                into.entries.borrow_mut().insert(Rc::clone(&key), value.clone());
            }
            _ => {}
        }
        let both_maps = matches!((&value, &existing), (Value::Map(_), Some(Value::Map(_))));
        let is_list = matches!(value, Value::List(_) | Value::Bytes(_));
        // A struct is never empty in the library's eyes; maps are asked after their own merge.
        let keeps = existing.as_ref().is_some_and(|existing| !existing.is_empty());
        if keeps && (is_list || both_maps) {
            continue;
        }
        if overwrite || !keeps {
            into.entries.borrow_mut().insert(key, value);
        }
    }
}
