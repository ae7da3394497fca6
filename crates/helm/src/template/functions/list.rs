//! Lists. The `must` forms differ from the plain ones only in how Go raises their errors; the text is the same.

use super::builtin::{int_list, same_list};
use super::casts::{strings, text_list, to_int};
use crate::template::failure::Failure;
use crate::template::format;
use crate::template::function::{Arguments, Function, NIL_DEREFERENCE, Outcome, Type};
use crate::template::value::{Element, List, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Function] = &[
    Function::variadic("list", &[], Type::Any, |arguments| Ok(Value::list(arguments.all().to_vec()))),
    Function::variadic("tuple", &[], Type::Any, |arguments| Ok(Value::list(arguments.all().to_vec()))),
    Function::new("append", &[Type::Any, Type::Any], push),
    Function::new("mustAppend", &[Type::Any, Type::Any], push),
    Function::new("push", &[Type::Any, Type::Any], push),
    Function::new("mustPush", &[Type::Any, Type::Any], push),
    Function::new("prepend", &[Type::Any, Type::Any], prepend),
    Function::new("mustPrepend", &[Type::Any, Type::Any], prepend),
    Function::new("first", &[Type::Any], first),
    Function::new("mustFirst", &[Type::Any], first),
    Function::new("last", &[Type::Any], last),
    Function::new("mustLast", &[Type::Any], last),
    Function::new("rest", &[Type::Any], rest),
    Function::new("mustRest", &[Type::Any], rest),
    Function::new("initial", &[Type::Any], initial),
    Function::new("mustInitial", &[Type::Any], initial),
    Function::new("reverse", &[Type::Any], reverse),
    Function::new("mustReverse", &[Type::Any], reverse),
    Function::new("compact", &[Type::Any], compact),
    Function::new("mustCompact", &[Type::Any], compact),
    Function::new("uniq", &[Type::Any], uniq),
    Function::new("mustUniq", &[Type::Any], uniq),
    Function::variadic("without", &[Type::Any], Type::Any, without),
    Function::variadic("mustWithout", &[Type::Any], Type::Any, without),
    Function::new("has", &[Type::Any, Type::Any], has),
    Function::new("mustHas", &[Type::Any, Type::Any], has),
    Function::variadic("slice", &[Type::Any], Type::Any, slice),
    Function::variadic("mustSlice", &[Type::Any], Type::Any, slice),
    Function::variadic("concat", &[], Type::Any, concat),
    Function::new("chunk", &[Type::Int, Type::Any], chunk),
    Function::new("mustChunk", &[Type::Int, Type::Any], chunk),
    Function::new("sortAlpha", &[Type::Any], sort_alpha),
    Function::new("until", &[Type::Int], |arguments| {
        let count = arguments.int(0);
        until(0, count, if count < 0 { -1 } else { 1 }).map(|numbers| int_list(numbers.into_iter()))
    }),
    Function::new("untilStep", &[Type::Int, Type::Int, Type::Int], |arguments| {
        until(arguments.int(0), arguments.int(1), arguments.int(2)).map(|numbers| int_list(numbers.into_iter()))
    }),
    Function::variadic("seq", &[], Type::Int, seq),
];

/// The elements, or the error of a call on something else: `Cannot … TYPE`.
fn items(value: &Value, what: &str) -> Result<Vec<Value>, Failure> {
    if value.is_nil() {
        return Err(NIL_DEREFERENCE.into());
    }
    value.items().ok_or_else(|| Failure::new(format!("{what} {}", value.kind_name())))
}

fn push(arguments: Arguments) -> Outcome {
    let mut list = items(arguments.value(0), "Cannot push on type")?;
    list.push(arguments.value(1).clone());
    Ok(Value::list(list))
}

fn prepend(arguments: Arguments) -> Outcome {
    let mut list = items(arguments.value(0), "Cannot prepend on type")?;
    list.insert(0, arguments.value(1).clone());
    Ok(Value::list(list))
}

fn first(arguments: Arguments) -> Outcome {
    Ok(items(arguments.value(0), "Cannot find first on type")?.into_iter().next().unwrap_or(Value::Nil))
}

fn last(arguments: Arguments) -> Outcome {
    Ok(items(arguments.value(0), "Cannot find last on type")?.pop().unwrap_or(Value::Nil))
}

fn rest(arguments: Arguments) -> Outcome {
    let mut list = items(arguments.value(0), "Cannot find rest on type")?;
    if list.is_empty() {
        return Ok(Value::nil_list(Element::Any));
    }
    list.remove(0);
    Ok(Value::list(list))
}

fn initial(arguments: Arguments) -> Outcome {
    let mut list = items(arguments.value(0), "Cannot find initial on type")?;
    if list.pop().is_none() {
        return Ok(Value::nil_list(Element::Any));
    }
    Ok(Value::list(list))
}

fn reverse(arguments: Arguments) -> Outcome {
    let mut list = items(arguments.value(0), "Cannot find reverse on type")?;
    list.reverse();
    Ok(Value::list(list))
}

fn compact(arguments: Arguments) -> Outcome {
    let mut list = items(arguments.value(0), "Cannot compact on type")?;
    list.retain(|item| !item.is_empty());
    Ok(Value::list(list))
}

fn uniq(arguments: Arguments) -> Outcome {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(arguments.value(0), "Cannot find uniq on type")? {
        if !kept.iter().any(|known| known.deep_equal(&item)) {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn without(arguments: Arguments) -> Outcome {
    let mut list = items(arguments.value(0), "Cannot find without on type")?;
    list.retain(|item| !arguments.rest(1).iter().any(|unwanted| unwanted.deep_equal(item)));
    Ok(Value::list(list))
}

fn has(arguments: Arguments) -> Outcome {
    let (needle, haystack) = (arguments.value(0), arguments.value(1));
    if haystack.is_nil() {
        return Ok(Value::Bool(false));
    }
    let list = items(haystack, "Cannot find has on type")?;
    Ok(Value::Bool(list.iter().any(|item| item.deep_equal(needle))))
}

fn slice(arguments: Arguments) -> Outcome {
    let value = arguments.value(0);
    let list = items(value, "list should be type of slice or array but")?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let bounds = arguments.rest(1);
    let start = bounds.first().map_or(0, to_int);
    let end = bounds.get(1).map_or(list.len() as i64, to_int);
    if start < 0 || start > end || end > list.len() as i64 {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    }
    let part = list[start as usize..end as usize].to_vec();
    Ok(match value {
        Value::List(whole) => same_list(whole, part),
        Value::Bytes(bytes) => Value::Bytes(Rc::from(&bytes[start as usize..end as usize])),
        _ => Value::list(part),
    })
}

fn concat(arguments: Arguments) -> Outcome {
    let mut all = Vec::new();
    for list in arguments.all() {
        if list.is_nil() {
            return Err(NIL_DEREFERENCE.into());
        }
        let Some(items) = list.items() else {
            return Err(Failure::new(format!("Cannot concat type {} as list", list.kind_name())));
        };
        all.extend(items);
    }
    if all.is_empty() {
        return Ok(Value::nil_list(Element::Any));
    }
    Ok(Value::list(all))
}

fn chunk(arguments: Arguments) -> Outcome {
    let size = arguments.int(0);
    let list = items(arguments.value(1), "Cannot chunk type")?;
    let Ok(size) = usize::try_from(size).map_err(drop).and_then(|size| if size == 0 { Err(()) } else { Ok(size) })
    else {
        return Err("runtime error: makeslice: len out of range".into());
    };
    let chunks = list.chunks(size).map(|part| Value::list(part.to_vec())).collect();
    Ok(Value::List(List { items: Rc::new(chunks), element: Element::AnyList, is_nil: false }))
}

fn sort_alpha(arguments: Arguments) -> Outcome {
    let value = arguments.value(0);
    if value.items().is_none() {
        return Ok(text_list(vec![format::strval(value)]));
    }
    let mut list = strings(value);
    list.sort();
    Ok(text_list(list))
}

/// Most numbers that one call may list.
const MAX_NUMBERS: i128 = 10_000_000;

fn until(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Failure> {
    let distance = i128::from(stop) - i128::from(start);
    let step = i128::from(step);
    if distance == 0 || (distance < 0 && step >= 0) || (distance > 0 && step <= 0) {
        return Ok(Vec::new());
    }
    let count = (distance.abs() + step.abs() - 1) / step.abs();
    if count > MAX_NUMBERS {
        return Err(Failure::new(format!("a list of {count} numbers is too long")));
    }
    Ok((0..count).filter_map(|index| i64::try_from(i128::from(start) + index * step).ok()).collect())
}

fn seq(arguments: Arguments) -> Outcome {
    let numbers: Vec<i64> = arguments.all().iter().map(to_int).collect();
    let (start, step, end) = match numbers.as_slice() {
        [end] => (1, if *end < 1 { -1 } else { 1 }, *end),
        [start, end] => (*start, if end < start { -1 } else { 1 }, *end),
        [start, step, end] => {
            if end < start && *step > 0 {
                return Ok(Value::text(""));
            }
            (*start, *step, *end)
        }
        _ => return Ok(Value::text("")),
    };
    let beyond = if end < start { -1 } else { 1 };
    let numbers = until(start, end.saturating_add(beyond), step)?;
    let text: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    Ok(Value::text(text.join(" ")))
}
