//! Checks values against values.schema.json, with the findings worded as Helm words them.

use super::patterns::Patterns;
use crate::chart::Chart;
use crate::data::{Data, Map};
use crate::error::{Error, Result};
use crate::template::format::quote;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value as Json;
use std::sync::{Arc, OnceLock};

/// Checks the values of `chart` and of its subcharts; all findings at once.
pub(crate) fn check(chart: &Chart, values: &Map) -> Result<()> {
    let mut findings = String::new();
    collect(chart, values, &mut findings)?;
    if findings.is_empty() { Ok(()) } else { Err(Error::Schema(findings)) }
}

fn collect(chart: &Chart, values: &Map, findings: &mut String) -> Result<()> {
    match chart.schema.as_ref().map(|schema| check_one(schema, values)) {
        None | Some(Ok(())) => {}
        Some(Err(Fault::Text(text))) => findings.push_str(&format!("{}:\n{text}", chart.name())),
        Some(Err(Fault::Elsewhere(address))) => {
            return Err(Error::SchemaElsewhere { chart: chart.name().to_owned(), address });
        }
    }
    for child in &chart.dependencies {
        match values.get(child.name()) {
            None | Some(Data::Null) => {}
            Some(Data::Map(inner)) => collect(child, inner, findings)?,
            Some(other) => {
                let found = match other {
                    Data::List(_) => "[]interface {}",
                    Data::Text(_) => "string",
                    Data::Bool(_) => "bool",
                    _ => "float64",
                };
                findings.push_str(&format!(
                    "{}:\ninvalid type for values: expected object (map), got {found}\n",
                    child.name()
                ));
            }
        }
    }
    Ok(())
}

/// Why values cannot be used.
enum Fault {
    /// What Helm tells.
    Text(String),
    /// The schema is not whole.
    Elsewhere(String),
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

fn check_one(schema: &[u8], values: &Map) -> std::result::Result<(), Fault> {
    let text = crate::bytes::to_text(schema);
    let mut schema: Json = serde_json::from_str(&text).map_err(|error| match crate::json::read(&text) {
        Ok(_) => error.to_string(),
        Err(error) if error != "unexpected end of JSON input" => error,
        Err(_) if text.trim().is_empty() => "EOF".to_owned(),
        Err(_) => "unexpected EOF".to_owned(),
    })?;
    let patterns = Patterns::translate(&mut schema)?;
    let elsewhere = Elsewhere::default();
    let validator = jsonschema::options().with_retriever(elsewhere.clone()).build(&schema).map_err(|error| {
        match (elsewhere.asked(), error.kind()) {
            (Some(address), _) => Fault::Elsewhere(address.to_owned()),
            (None, ValidationErrorKind::Referencing(_)) => Fault::Text(format!("{error}\n")),
            (None, _) => {
                let mut text = broken_schema(&schema);
                root_list(&[Finding::new(&error)], &patterns, &mut text);
                Fault::Text(text)
            }
        }
    })?;
    let instance = Json::from(&Data::Map(values.clone()));
    let errors: Vec<ValidationError<'_>> = validator.iter_errors(&instance).collect();
    let mut text = String::new();
    let root: Vec<Finding<'_>> = first_faults(errors.iter()).into_iter().map(Finding::new).collect();
    root_list(&root, &patterns, &mut text);
    if text.is_empty() { Ok(()) } else { Err(Fault::Text(text)) }
}

/// How Helm begins where a schema is no schema.
pub(super) fn broken_schema(schema: &Json) -> String {
    let draft = schema.get("$schema").and_then(Json::as_str).unwrap_or("https://json-schema.org/draft/2020-12/schema");
    format!(
        "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with '{}#'\n",
        draft.trim_end_matches('#')
    )
}

/// Schemas elsewhere: this crate fetches nothing, and remembers what it was asked for.
#[derive(Clone, Default)]
struct Elsewhere(Arc<OnceLock<String>>);

impl Elsewhere {
    fn asked(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl jsonschema::Retrieve for Elsewhere {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> std::result::Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        if uri.scheme().as_str() == "urn" {
            // As in Helm: what cannot be resolved permits everything.
            return Ok(Json::Bool(true));
        }
        let address = self.0.get_or_init(|| uri.to_string());
        Err(format!("{address} is not fetched").into())
    }
}

/// Helm looks no further into a place that has the wrong type, is not the constant, or none of the choices, or has
/// another format, in this order.
fn first_faults<'e>(errors: impl Iterator<Item = &'e ValidationError<'e>> + Clone) -> Vec<&'e ValidationError<'e>> {
    let rank = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::Type { .. } => Some(0),
        ValidationErrorKind::Constant { .. } => Some(1),
        ValidationErrorKind::Enum { .. } => Some(2),
        ValidationErrorKind::Format { .. } => Some(3),
        _ => None,
    };
    let place = |error: &ValidationError<'_>| {
        let path = error.evaluation_path().to_string();
        let schema = path.rsplit_once('/').map_or("", |(schema, _)| schema).to_owned();
        (format!("{schema}/"), error.instance_path().to_string())
    };
    let ends: Vec<(u8, (String, String))> =
        errors.clone().filter_map(|error| Some((rank(error)?, place(error)))).collect();
    let is_inside =
        |path: &str, of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    errors
        .filter(|error| {
            let (path, instance) = (error.evaluation_path().to_string(), error.instance_path().to_string());
            let (own, (schema, _)) = (rank(error), place(error));
            !ends.iter().any(|(rank, (end, at))| {
                let is_other = end.as_str() != schema || own.is_none_or(|own| own > *rank);
                is_other && path.starts_with(end.as_str()) && is_inside(&instance, at)
            })
        })
        .collect()
}

/// An error with what is left of its way through the schema.
#[derive(Clone)]
struct Finding<'e> {
    error: &'e ValidationError<'e>,
    keywords: Vec<String>,
    /// How many steps into the instance the schema that is looked at has made.
    depth: usize,
}

impl<'e> Finding<'e> {
    fn new(error: &'e ValidationError<'e>) -> Self {
        let path = error.evaluation_path().to_string();
        let depth = error.instance_path().to_string().matches('/').count();
        let keywords: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        // The last keyword is the one that failed; those before it that step into the instance are counted back.
        let steps = steps(&keywords);
        Self { error, keywords, depth: depth.saturating_sub(steps) }
    }

    fn path(&self) -> String {
        let path = self.error.instance_path().to_string();
        let parts: Vec<&str> = path.split('/').skip(1).take(self.depth).collect();
        parts.iter().map(|part| format!("/{part}")).collect()
    }

    /// The subschema that the error is in: its key, how many keywords lead there, and how many steps into the instance.
    fn subschema(&self) -> Option<(String, usize, usize)> {
        let first = self.keywords.first()?.as_str();
        let (length, steps) = match first {
            "properties" | "patternProperties" => (2, 1),
            "prefixItems" => (2, 1),
            "items" if self.keywords.get(1).is_some_and(|next| next.parse::<usize>().is_ok()) => (2, 1),
            "items" | "additionalProperties" | "additionalItems" | "unevaluatedProperties" => (1, 1),
            "$ref" | "$dynamicRef" | "then" | "else" => (1, 0),
            "dependentSchemas" => (2, 0),
            // All branches that fail make one finding, each of them a part of it.
            "allOf" => (1, 0),
            branch if branch.parse::<usize>().is_ok() => (1, 0),
            _ => return None,
        };
        if self.keywords.len() <= length {
            return None;
        }
        let path = self.error.instance_path().to_string();
        let at: String = path.split('/').skip(1).skip(self.depth).take(steps).collect();
        Some((format!("{}/{at}", self.keywords[..length].join("/")), length, steps))
    }
}

/// Steps into the instance on the way to a keyword.
fn steps(keywords: &[String]) -> usize {
    let mut steps = 0;
    let mut at = 0;
    while at + 1 < keywords.len() {
        match keywords[at].as_str() {
            "properties" | "patternProperties" | "prefixItems" => {
                steps += 1;
                at += 2;
            }
            "items" if keywords[at + 1].parse::<usize>().is_ok() => {
                steps += 1;
                at += 2;
            }
            "items" | "additionalProperties" | "additionalItems" | "unevaluatedProperties" => {
                steps += 1;
                at += 1;
            }
            "dependentSchemas" | "allOf" => at += 2,
            _ => at += 1,
        }
    }
    steps
}

fn root_list(findings: &[Finding<'_>], patterns: &Patterns, text: &mut String) {
    let parts = merged(groups(findings));
    // Where everything is wrong in one place, that place needs no line of its own.
    let is_only = parts.len() == 1;
    for part in parts {
        write_group(&part, 0, is_only, patterns, text);
    }
}

/// The findings of one schema: each alone, or with all others of the same subschema.
fn groups<'e>(findings: &[Finding<'e>]) -> Vec<Vec<Finding<'e>>> {
    let mut groups: Vec<(Option<String>, Vec<Finding<'e>>)> = Vec::new();
    for finding in findings {
        let key = finding.subschema().map(|(key, _, _)| key);
        match groups.iter_mut().find(|(known, _)| known.is_some() && *known == key) {
            Some((_, group)) => group.push(finding.clone()),
            None => groups.push((key, vec![finding.clone()])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn write_group(group: &[Finding<'_>], depth: usize, is_only: bool, patterns: &Patterns, text: &mut String) {
    let Some(first) = group.first() else { return };
    let Some((key, length, steps)) = first.subschema() else {
        for finding in group {
            write_error(finding.error, group, depth, patterns, text);
        }
        return;
    };
    let inner: Vec<Finding<'_>> = group
        .iter()
        .map(|finding| Finding {
            error: finding.error,
            keywords: finding.keywords[length..].to_vec(),
            depth: finding.depth + steps,
        })
        .collect();
    let mut depth = depth;
    let is_all = key.starts_with("allOf/");
    if is_all {
        line(&inner[0].path(), "'allOf' failed", depth, text);
        depth += 1;
    }
    let parts = if is_all { groups(&inner) } else { merged(groups(&inner)) };
    // What a reference leads to is a place of its own.
    let is_only = is_only && !is_all && !key.starts_with("$ref");
    if parts.len() > 1 && !is_only && !is_all {
        line(&inner[0].path(), "validation failed", depth, text);
        depth += 1;
    }
    let is_only = is_only && parts.len() == 1;
    for part in parts {
        write_group(&part, depth, is_only, patterns, text);
    }
}

/// All properties missing in one place make one finding.
fn merged<'e>(groups: Vec<Vec<Finding<'e>>>) -> Vec<Vec<Finding<'e>>> {
    let is_missing = |group: &[Finding<'_>]| {
        matches!(group, [only] if only.keywords.len() == 1
            && matches!(only.error.kind(), ValidationErrorKind::Required { .. }))
    };
    let mut kept: Vec<Vec<Finding<'e>>> = Vec::new();
    for group in groups {
        match kept.iter_mut().find(|known| is_missing(&known[..1])) {
            Some(known) if is_missing(&group) => known.extend(group),
            _ => kept.push(group),
        }
    }
    kept
}

fn write_error(
    error: &ValidationError<'_>,
    group: &[Finding<'_>],
    depth: usize,
    patterns: &Patterns,
    text: &mut String,
) {
    if let ValidationErrorKind::UnevaluatedProperties { unexpected } = error.kind() {
        for property in unexpected {
            let path = error.instance_path().join(property.as_str());
            line(&path.to_string(), "false schema", depth, text);
        }
        return;
    }
    let path = match error.kind() {
        ValidationErrorKind::PropertyNames { .. } => String::new(),
        _ => error.instance_path().to_string(),
    };
    if let ValidationErrorKind::Required { .. } = error.kind()
        && group.first().is_some_and(|first| !std::ptr::eq(first.error, error))
    {
        return;
    }
    line(&path, &explain(error, group, patterns), depth, text);
    match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            for alternative in context {
                let findings: Vec<Finding<'_>> = first_faults(alternative.iter())
                    .into_iter()
                    .map(|inner| {
                        let mut finding = Finding::new(inner);
                        // Their ways start at the root; here they start at the alternative.
                        let own = error.evaluation_path().to_string().matches('/').count() + 1;
                        finding.keywords.drain(..own.min(finding.keywords.len().saturating_sub(1)));
                        finding.depth = path.matches('/').count();
                        finding
                    })
                    .collect();
                let parts = merged(groups(&findings));
                let mut inner_depth = depth + 1;
                if parts.len() > 1 {
                    line(&path, "validation failed", inner_depth, text);
                    inner_depth += 1;
                }
                for part in parts {
                    write_group(&part, inner_depth, false, patterns, text);
                }
            }
        }
        ValidationErrorKind::PropertyNames { error } => {
            line("", &explain(error, &[], patterns), depth + 1, text);
        }
        _ => {}
    }
}

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

fn explain(error: &ValidationError<'_>, group: &[Finding<'_>], patterns: &Patterns) -> String {
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
