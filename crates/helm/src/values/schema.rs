//! Checks values against values.schema.json, with the findings worded as Helm words them.

use crate::chart::Chart;
use crate::data::{Data, Map};
use crate::error::{Error, Result};
use serde_json::Value as Json;

/// Checks the values of `chart` and of its subcharts; all findings at once.
pub(crate) fn check(chart: &Chart, values: &Map) -> Result<()> {
    let mut findings = String::new();
    collect(chart, values, &mut findings);
    if findings.is_empty() { Ok(()) } else { Err(Error::Schema(findings)) }
}

fn collect(chart: &Chart, values: &Map, findings: &mut String) {
    if let Some(schema) = &chart.schema
        && let Err(message) = check_one(schema, values)
    {
        findings.push_str(&format!("{}:\n{message}", chart.name()));
    }
    for child in &chart.dependencies {
        match values.get(child.name()) {
            None | Some(Data::Null) => {}
            Some(Data::Map(inner)) => collect(child, inner, findings),
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
}

fn check_one(schema: &[u8], values: &Map) -> std::result::Result<(), String> {
    let schema: Json = serde_json::from_slice(schema).map_err(|error| error.to_string())?;
    let validator = jsonschema::options().build(&schema).map_err(|error| error.to_string())?;
    let instance = Json::from(&Data::Map(values.clone()));
    let lines: Vec<String> =
        validator.iter_errors(&instance).map(|error| format!("- at '{}': {error}\n", error.instance_path())).collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.concat()) }
}
