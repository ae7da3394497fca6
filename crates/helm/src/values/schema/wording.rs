//! The text of a schema finding, in the words of Helm's library.

use super::findings::Finding;
use super::patterns::Patterns;
use crate::go::quote;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value as Json;

pub(super) fn line(path: &str, what: &str, depth: usize, text: &mut String) {
    text.push_str(&format!("{}- at {}: {what}\n", "  ".repeat(depth), quoted(path)));
}

pub(super) fn quoted(text: &str) -> String {
    let quoted = quote(text).replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", &quoted[1..quoted.len() - 1])
}

fn joined(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    names.join(", ")
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// A value in a finding.
fn display(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(_) | Json::Object(_) => "value".to_owned(),
        Json::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

/// A number with commas between thousands.
fn grouped(value: &Json) -> String {
    let text = value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string());
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

const TYPES: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];

pub(super) fn explain(error: &ValidationError<'_>, group: &[Finding<'_>], patterns: &Patterns) -> String {
    let instance = error.instance();
    let count = |limit: u64, keyword: &str| {
        let found = match &**instance {
            Json::String(text) => text.chars().count(),
            Json::Array(items) => items.len(),
            Json::Object(entries) => entries.len(),
            _ => 0,
        };
        format!("{keyword}: got {}, want {}", grouped(&found.into()), grouped(&limit.into()))
    };
    let bound = |limit: &Json, keyword: &str| format!("{keyword}: got {}, want {}", grouped(instance), grouped(limit));
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let names: Vec<String> = match kind {
                TypeKind::Single(kind) => vec![kind.to_string()],
                TypeKind::Multiple(kinds) => {
                    let names: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
                    TYPES
                        .iter()
                        .filter(|known| names.iter().any(|name| name == *known))
                        .map(|n| (*n).to_owned())
                        .collect()
                }
            };
            format!("got {}, want {}", type_of(instance), names.join(" or "))
        }
        ValidationErrorKind::Required { .. } => {
            let property = |error: &ValidationError<'_>| match error.kind() {
                ValidationErrorKind::Required { property } => property.as_str().map(str::to_owned),
                _ => None,
            };
            let mut missing: Vec<String> = group.iter().filter_map(|finding| property(finding.error)).collect();
            if missing.is_empty() {
                missing.extend(property(error));
            }
            match missing.as_slice() {
                [one] => format!("missing property {}", quoted(one)),
                several => format!("missing properties {}", joined(several)),
            }
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("additional properties {} not allowed", joined(unexpected))
        }
        ValidationErrorKind::AdditionalItems { limit } => {
            let found = instance.as_array().map_or(0, Vec::len);
            format!("last {} additionalItem(s) not allowed", found.saturating_sub(*limit))
        }
        ValidationErrorKind::Enum { options } => match options.as_array().map(Vec::as_slice) {
            Some(options) if options.iter().any(|option| option.is_array() || option.is_object()) => {
                "'enum' failed".to_owned()
            }
            Some([one]) => format!("value must be {}", display(one)),
            Some(several) => {
                let shown: Vec<String> = several.iter().map(display).collect();
                format!("value must be one of {}", shown.join(", "))
            }
            None => "'enum' failed".to_owned(),
        },
        ValidationErrorKind::Constant { expected_value } => match &**expected_value {
            Json::Array(_) | Json::Object(_) => "'const' failed".to_owned(),
            wanted => format!("value must be {}", display(wanted)),
        },
        ValidationErrorKind::Pattern { pattern } => {
            format!("{} does not match pattern {}", display(instance), quoted(patterns.original(pattern)))
        }
        ValidationErrorKind::Minimum { limit } => bound(limit, "minimum"),
        ValidationErrorKind::Maximum { limit } => bound(limit, "maximum"),
        ValidationErrorKind::ExclusiveMinimum { limit } => bound(limit, "exclusiveMinimum"),
        ValidationErrorKind::ExclusiveMaximum { limit } => bound(limit, "exclusiveMaximum"),
        ValidationErrorKind::MultipleOf { multiple_of } => bound(&(*multiple_of).into(), "multipleOf"),
        ValidationErrorKind::MinLength { limit } => count(*limit, "minLength"),
        ValidationErrorKind::MaxLength { limit } => count(*limit, "maxLength"),
        ValidationErrorKind::MinItems { limit } => count(*limit, "minItems"),
        ValidationErrorKind::MaxItems { limit } => count(*limit, "maxItems"),
        ValidationErrorKind::MinProperties { limit } => count(*limit, "minProperties"),
        ValidationErrorKind::MaxProperties { limit } => count(*limit, "maxProperties"),
        ValidationErrorKind::UniqueItems => match instance.as_array().and_then(|items| duplicates(items)) {
            Some((first, second)) => format!("items at {first} and {second} are equal"),
            None => "items are equal".to_owned(),
        },
        ValidationErrorKind::AnyOf { .. } => "'anyOf' failed".to_owned(),
        ValidationErrorKind::OneOfNotValid { .. } => "'oneOf' failed, none matched".to_owned(),
        ValidationErrorKind::OneOfMultipleValid { context } => {
            let mut valid = context.iter().enumerate().filter(|(_, errors)| errors.is_empty()).map(|(index, _)| index);
            let (first, second) = (valid.next().unwrap_or(0), valid.next().unwrap_or(1));
            format!("'oneOf' failed, subschemas {first}, {second} matched")
        }
        ValidationErrorKind::Not { .. } => "'not' failed".to_owned(),
        ValidationErrorKind::FalseSchema => "false schema".to_owned(),
        ValidationErrorKind::Contains => "no items match contains schema".to_owned(),
        ValidationErrorKind::PropertyNames { error } => {
            format!("invalid propertyName {}", display(error.instance()))
        }
        _ => error.to_string(),
    }
}

fn duplicates(items: &[Json]) -> Option<(usize, usize)> {
    items.iter().enumerate().find_map(|(second, item)| {
        items[..second].iter().position(|earlier| earlier == item).map(|first| (first, second))
    })
}
