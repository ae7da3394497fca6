//! The add-on's configuration values: merging, checks against the add-on's schema, and restoration. No I/O.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::path::Path;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value as Json};

use super::notes::Record;
use super::settings::{Wanted, attribute};
use crate::attributes::ClusterName;
use crate::aws::eks::{Addon, Issue};

/// Name of the add-on.
pub(super) const NAME: &str = "vpc-cni";
/// Key in the values that holds aws-node's variables.
const ENVIRONMENT: &str = "env";

/// Parses configuration values. EKS accepts JSON and YAML; an empty YAML document is an empty object.
///
/// # Errors
/// If the text is invalid; the error says why.
pub(super) fn parse(text: Option<&str>) -> Result<Map<String, Json>, String> {
    let text = text.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let value: Json = if let Ok(value) = serde_json::from_str(text) {
        value
    } else {
        // `y` and `no` are strings since YAML 1.2; as booleans they would be written back as something else.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| format!("they are neither JSON nor YAML: {error}"))?
    };
    match value {
        Json::Object(values) if values.get(ENVIRONMENT).is_none_or(|env| env.is_object() || env.is_null()) => {
            Ok(values)
        }
        Json::Object(_) => Err(format!("`{ENVIRONMENT}` in them is no map")),
        Json::Null => Ok(Map::new()),
        _ => Err("they are no map".to_owned()),
    }
}

/// The variables in configuration values.
pub(super) fn variables(values: &Map<String, Json>) -> BTreeMap<String, Json> {
    let entries = values.get(ENVIRONMENT).and_then(Json::as_object).into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The values with this provider's variables merged in; everything else is unchanged.
pub(super) fn merged(values: &Map<String, Json>, wanted: &Wanted) -> Map<String, Json> {
    let mut merged = values.clone();
    let changes = wanted.iter().map(|(name, value)| (name.as_str(), value.clone().map(Json::from)));
    apply(&mut merged, changes, true);
    merged
}

/// The values with `names` restored, and the names that others have changed since, which are kept.
pub(super) fn restored(
    values: &Map<String, Json>,
    names: &[&str],
    record: &Record,
) -> (Map<String, Json>, Vec<String>) {
    let now = variables(values);
    let mut restored = values.clone();
    let mut left = Vec::new();
    let mut back = Vec::new();
    for name in names {
        let Some(before) = record.variables.get(*name) else { continue };
        let value = now.get(*name);
        if value == before.configured.as_ref() {
            continue;
        }
        let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        if before.wrote(text.as_deref()) {
            back.push((*name, before.configured.clone()));
        } else {
            left.push((*name).to_owned());
        }
    }
    apply(&mut restored, back.into_iter(), false);
    (restored, left)
}

fn apply<'a>(values: &mut Map<String, Json>, changes: impl Iterator<Item = (&'a str, Option<Json>)>, keep_empty: bool) {
    let had = values.get(ENVIRONMENT).is_some();
    let slot = values.entry(ENVIRONMENT).or_insert_with(|| Json::Object(Map::new()));
    if slot.is_null() {
        *slot = Json::Object(Map::new());
    }
    let Some(environment) = slot.as_object_mut() else { return };
    for (name, value) in changes {
        match value {
            Some(value) => drop(environment.insert(name.to_owned(), value)),
            None => drop(environment.shift_remove(name)),
        }
    }
    if environment.is_empty() && !(had && keep_empty) {
        values.shift_remove(ENVIRONMENT);
    }
}

/// The text to send for the values: the former text if the values are the same again, so that not even whitespace
/// differs. EKS treats an empty text as omitted, which changes nothing; `{}` removes all values. Source: user guide of
/// EKS, "Update an Amazon EKS add-on".
pub(super) fn text(values: Map<String, Json>, former: Option<&str>) -> String {
    match former.filter(|former| !former.trim().is_empty()) {
        Some(former)
            if parse(Some(former)).is_ok_and(|before| without_empty(before) == without_empty(values.clone())) =>
        {
            former.to_owned()
        }
        _ => Json::Object(without_empty(values)).to_string(),
    }
}

/// Removes an empty environment.
fn without_empty(mut values: Map<String, Json>) -> Map<String, Json> {
    if values.get(ENVIRONMENT).is_some_and(|env| env.is_null() || env.as_object().is_some_and(Map::is_empty)) {
        values.shift_remove(ENVIRONMENT);
    }
    values
}

/// All violations of the add-on's schema, each at the argument that causes it.
pub(super) fn findings(schema: &str, values: &Map<String, Json>, wanted: &Wanted, version: &str) -> Diagnostics {
    let mut faults = Diagnostics::new();
    let schema: Json = match serde_json::from_str(schema) {
        Ok(schema) => schema,
        Err(error) => {
            // EKS checks the values once more itself.
            tracing::warn!("the schema of the add-on's configuration is no JSON ({error}); EKS will judge the values");
            return faults;
        }
    };
    let validator = match jsonschema::options().with_retriever(NoDocuments).build(&schema) {
        Ok(validator) => validator,
        Err(error) => {
            tracing::warn!(
                "the schema of the add-on's configuration cannot be used ({error}); EKS will judge the values"
            );
            return faults;
        }
    };
    let values = Json::Object(values.clone());
    for error in validator.iter_errors(&values) {
        let place = error.instance_path().to_string();
        let mut tell = |place: &str, why: String| {
            let variable =
                place.strip_prefix('/').and_then(|rest| rest.split_once('/')).filter(|(top, _)| *top == ENVIRONMENT);
            let ours = variable.map(|(_, rest)| unescaped(rest)).filter(|name| wanted.contains_key(name));
            let whose = if ours.is_some() { "" } else { " This value is not from this configuration." };
            let place = if place.is_empty() { "/" } else { place };
            let detail = format!(
                "The schema of add-on vpc-cni {version} refuses `{place}`: {why}.{whose}\n\n`aws eks describe-addon-configuration --addon-name vpc-cni --addon-version {version}` shows what it allows. A setting that a later version brought needs the add-on updated first."
            );
            faults.push(
                Diagnostic::error("The add-on does not accept this setting", detail)
                    .at(ours.map_or_else(Path::root, |name| attribute(&name))),
            );
        };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for name in unexpected {
                    let escaped = name.replace('~', "~0").replace('/', "~1");
                    tell(&format!("{place}/{escaped}"), "it has no such setting".to_owned());
                }
            }
            _ => tell(&place, error.to_string()),
        }
    }
    faults
}

/// A step of a JSON pointer, unescaped.
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// External schemas are not fetched; EKS's schemas reference none.
struct NoDocuments;

impl jsonschema::Retrieve for NoDocuments {
    fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("it refers to {uri}, which is not fetched").into())
    }
}

/// An add-on that EKS could not install.
pub(super) fn failed(cluster: &ClusterName, addon: &Addon) -> Diagnostics {
    Diagnostic::error(
        "Add-on vpc-cni has failed",
        format!(
            "EKS could not install add-on {NAME} in cluster `{cluster}` (status {}), so there is no aws-node to configure: {}\n\nFix or remove the add-on, then apply again.",
            addon.status,
            issues(&addon.issues)
        ),
    )
    .into()
}

/// The issues that EKS reports, one per line, without duplicates.
pub(super) fn issues(issues: &[Issue]) -> String {
    if issues.is_empty() {
        return "EKS gives no reason.".to_owned();
    }
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for issue in issues {
        told.entry(format!("{}: {}", issue.code, issue.message.trim())).or_default().extend(issue.resource_ids.clone());
    }
    told.into_iter()
        .map(|(text, resources)| {
            if resources.is_empty() {
                format!("\n  - {text}")
            } else {
                format!("\n  - {text} ({})", resources.join(", "))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::notes::Before;
    use super::super::{ManagedBy, Owner};
    use super::*;

    fn wanted(entries: &[(&str, Option<&str>)]) -> Wanted {
        entries.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn both_languages_are_read() {
        for (text, values) in [
            (None, json!({})),
            (Some(" "), json!({})),
            (Some("{}"), json!({})),
            (Some("{\"env\":{\"A\":\"1\"}}"), json!({ "env": { "A": "1" } })),
            (
                Some("env:\n  A: \"1\"\neniConfig:\n  create: true\n"),
                json!({ "env": { "A": "1" }, "eniConfig": { "create": true } }),
            ),
            (Some("# nothing\n"), json!({})),
            (Some("env:\n"), json!({ "env": null })),
        ] {
            assert_eq!(parse(text).map(Json::Object), Ok(values), "{text:?}");
        }
        for text in ["[]", "env: 1", "{\"env\":[]}", "{", "a: b: c"] {
            assert!(parse(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_merged_comes_apart_again() {
        let cases = [
            (None, json!({ "env": { "A": "1" } })),
            (Some("{}"), json!({ "env": { "A": "1" } })),
            (Some("env: {}\n"), json!({ "env": { "A": "1" } })),
            (Some("env:\n"), json!({ "env": { "A": "1" } })),
            (Some("env:\n  A: \"0\" # was\n  B: x\n  Z: y\n"), json!({ "env": { "A": "1", "Z": "y" } })),
            (
                Some("{\"eniConfig\":{\"create\":true},\"env\":{\"Z\":\"y\"}}"),
                json!({ "eniConfig": { "create": true }, "env": { "Z": "y", "A": "1" } }),
            ),
        ];
        for (former, expected) in cases {
            let values = parse(former).expect("values");
            let wanted = wanted(&[("A", Some("1")), ("B", None)]);
            let written = merged(&values, &wanted);
            assert_eq!(Json::Object(written.clone()), expected);

            let mut record = Record::new(ManagedBy::Auto, Owner::Addon);
            record.remember(&wanted, &json!({}), &variables(&values));
            let (restored, left) = restored(&written, &["A", "B"], &record);
            assert_eq!(left, Vec::<String>::new());
            assert_eq!(text(restored, former), former.unwrap_or("{}"), "{former:?}");
        }
    }

    #[test]
    fn what_others_changed_since_stays() {
        let mut record = Record::new(ManagedBy::Auto, Owner::Addon);
        record.variables = [("A", "1"), ("B", "1")]
            .map(|(name, value)| {
                let written = vec![Some(value.to_owned())];
                (name.to_owned(), Before { written, ..Before::default() })
            })
            .into();
        let now = parse(Some("{\"env\":{\"A\":\"2\",\"B\":\"1\",\"C\":\"3\"}}")).expect("values");
        let (restored, left) = restored(&now, &["A", "B"], &record);
        assert_eq!(Json::Object(restored), json!({ "env": { "A": "2", "C": "3" } }));
        assert_eq!(left, ["A"]);
    }

    #[test]
    fn findings_are_told_on_the_arguments_at_fault() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-06/schema#",
            "$ref": "#/definitions/VpcCni",
            "definitions": {
                "VpcCni": { "type": "object", "additionalProperties": false, "properties": {
                    "env": { "$ref": "#/definitions/Env" }, "mode": { "type": "string" },
                } },
                "Env": { "type": "object", "additionalProperties": false, "properties": {
                    "WARM_IP_TARGET": { "type": "string", "format": "integer" },
                    "LEVEL": { "type": "string", "enum": ["INFO", "DEBUG"] },
                } },
            },
        })
        .to_string();
        let wanted = wanted(&[("WARM_IP_TARGET", Some("5")), ("LEVEL", Some("LOUD")), ("POD_MTU", Some("1"))]);
        let values = parse(Some("{\"mode\":1}")).expect("values");
        let faults = findings(&schema, &merged(&values, &wanted), &wanted, "v1.18.6-eksbuild.1");
        let mut told: Vec<_> = faults.0.iter().map(|fault| fault.at.to_string()).collect();
        told.sort();
        assert_eq!(told, ["", "environment[\"LEVEL\"]", "environment[\"POD_MTU\"]"]);
        let all: String = faults.0.iter().map(framework::diagnostic::Diagnostic::detail).collect();
        for part in [
            "`/env/LEVEL`",
            "`/env/POD_MTU`: it has no such setting",
            "`/mode`",
            "not from this configuration",
            "v1.18.6",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
        assert!(findings("no schema", &values, &wanted, "v1").0.is_empty());
    }
}
