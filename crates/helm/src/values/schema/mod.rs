//! Checks values against values.schema.json, with the findings worded as Helm words them.

mod findings;
mod patterns;
mod wording;

use crate::chart::Chart;
use crate::data::{Data, Map};
use crate::error::{Error, Result};
use findings::{Finding, first_faults, root_list};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use patterns::Patterns;
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
    /// Helm's text.
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

/// The start of Helm's text for an invalid schema.
fn broken_schema(schema: &Json) -> String {
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
