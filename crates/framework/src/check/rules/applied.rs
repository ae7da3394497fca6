//! What may come of a plan: what was planned as known is so, what was unknown may be anything that keeps the promises.

use std::collections::BTreeSet;

use super::{Uncorrelated, brief, correlate, join};
use crate::value::{Refinement, Value};

/// What is wrong with `actual` next to what was planned: the state after apply, or the second plan, which is made while
/// Terraform applies.
pub fn compatible(planned: &Value, actual: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    compare(planned, actual, "", &mut faults);
    faults
}

fn compare(planned: &Value, actual: &Value, path: &str, faults: &mut Vec<String>) {
    let here = if path.is_empty() { "the object".to_owned() } else { format!("`{path}`") };
    match (planned, actual) {
        (Value::Unknown(promised), actual) => {
            if !holds(promised, actual) {
                faults.push(format!("{here} does not hold what was promised of it: it is {}", brief(actual)));
            }
        }
        (Value::Map(planned), Value::Map(actual)) => {
            for key in planned.keys().chain(actual.keys()).collect::<BTreeSet<_>>() {
                let path = join(path, key);
                match (planned.get(key), actual.get(key)) {
                    (Some(planned), Some(actual)) => compare(planned, actual, &path, faults),
                    (Some(_), None) => faults.push(format!("`{path}` is not as planned: it is missing")),
                    (None, _) => faults.push(format!("`{path}` is not as planned: it was not planned")),
                }
            }
        }
        (Value::List(planned), Value::List(actual)) if planned.len() == actual.len() => {
            for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                compare(planned, actual, &format!("{path}[{index}]"), faults);
            }
        }
        (Value::Set(planned), Value::Set(actual)) => {
            // Unknown elements may have turned out equal, so there may be fewer, but never more.
            if actual.len() > planned.len() {
                let (before, after) = (planned.len(), actual.len());
                faults.push(format!("{here} is not as planned: its length changed from {before} to {after}"));
                return;
            }
            match correlate(planned, actual, |planned, actual| compatible(planned, actual).is_empty()) {
                Some(Uncorrelated::One(lost)) => {
                    faults.push(format!("{here} is not as planned: {} is missing", brief(lost)));
                }
                Some(Uncorrelated::Other(new)) => {
                    faults.push(format!("{here} is not as planned: {} was not planned", brief(new)));
                }
                None => {}
            }
        }
        (Value::Dynamic(planned), Value::Dynamic(actual)) if planned.0 == actual.0 => {
            compare(&planned.1, &actual.1, path, faults);
        }
        (Value::Dynamic(planned), actual) if planned.1.is_unknown() => compare(&planned.1, actual, path, faults),
        (planned, actual) if planned == actual => {}
        (planned, actual) => {
            faults.push(format!("{here} is not as planned: {} became {}", brief(planned), brief(actual)));
        }
    }
}

/// Whether a value keeps every promise. What is still unknown may yet keep them.
pub fn holds(promised: &Refinement, actual: &Value) -> bool {
    if actual.is_unknown() {
        return true;
    }
    if actual.is_null() {
        return promised.null != Some(false);
    }
    let length = match actual {
        Value::List(elements) | Value::Set(elements) => u64::try_from(elements.len()).ok(),
        Value::Map(entries) => u64::try_from(entries.len()).ok(),
        _ => None,
    };
    let number = match actual {
        Value::Number(number) => Some(number),
        _ => None,
    };
    promised.null != Some(true)
        && promised.prefix.as_ref().is_none_or(|prefix| actual.as_str().is_some_and(|text| text.starts_with(prefix)))
        && promised.length_min.is_none_or(|least| length.is_some_and(|length| length >= least))
        && promised.length_max.is_none_or(|most| length.is_some_and(|length| length <= most))
        && promised.number_min.as_ref().is_none_or(|(least, inclusive)| {
            number.is_some_and(|number| number > least || (*inclusive && number == least))
        })
        && promised.number_max.as_ref().is_none_or(|(most, inclusive)| {
            number.is_some_and(|number| number < most || (*inclusive && number == most))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::from(text)
    }

    #[test]
    fn promises_are_kept() {
        let prefix = Refinement { prefix: Some("act-".into()), ..Refinement::not_null() };
        let bounds = Refinement { number_min: Some((5_i64.into(), false)), ..Refinement::none() };
        let length = Refinement { length_max: Some(1), ..Refinement::none() };
        for (promised, actual, faults) in [
            (Refinement::none(), Value::Null, 0),
            (Refinement::not_null(), Value::Null, 1),
            (Refinement::not_null(), Value::unknown(), 0),
            (prefix.clone(), text("act-1"), 0),
            (prefix, text("1"), 1),
            (bounds.clone(), Value::from(6), 0),
            (bounds, Value::from(5), 1),
            (length.clone(), Value::List(vec![text("a")]), 0),
            (length, Value::List(vec![text("a"), text("b")]), 1),
        ] {
            let planned = Value::Unknown(promised);
            assert_eq!(compatible(&planned, &actual).len(), faults, "{planned:?} {actual:?}");
        }
    }

    #[test]
    fn known_values_do_not_change() {
        let planned =
            Value::map([("a", text("1")), ("b", Value::unknown()), ("c", Value::set([text("x"), Value::unknown()]))]);
        let actual = |a: &str, c: Vec<Value>| Value::map([("a", text(a)), ("b", text("any")), ("c", Value::set(c))]);
        for (actual, faults) in [
            (actual("1", vec![text("x"), text("y")]), 0),
            (actual("1", vec![text("x")]), 0),
            (actual("2", vec![text("x")]), 1),
            (actual("1", vec![text("y")]), 1),
            (actual("1", vec![text("x"), text("y"), text("z")]), 1),
            (Value::map([("a", text("1"))]), 2),
        ] {
            assert_eq!(compatible(&planned, &actual).len(), faults, "{actual:?}");
        }
        // Nothing that was planned as known goes missing, and an unknown element is one, not several.
        for (planned, actual) in [
            (vec![text("a"), text("b")], vec![text("a")]),
            (vec![Value::unknown()], vec![text("a"), text("b")]),
            (vec![text("a")], vec![text("b")]),
        ] {
            assert_eq!(compatible(&Value::set(planned), &Value::set(actual)).len(), 1);
        }
    }
}
