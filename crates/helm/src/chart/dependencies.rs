//! Which subcharts take part, by condition, tags and alias, and which of their values the parent imports.

use super::{Chart, Dependency};
use crate::data::{Data, Map};
use crate::error::{Error, Result};
use crate::template::format::plain_data;
use crate::values::coalesce::{coalesce, coalesce_tables, merge_values};
use crate::version::{Constraint, Version};

/// Applies the declared dependencies of `chart` and of its subcharts, given the user's values.
pub(crate) fn process_dependencies(chart: &mut Chart, values: &Map) -> Result<()> {
    let failed = |error: String| Error::Values(format!("chart dependencies processing failed: {error}"));
    enable(chart, values, "").map_err(failed)?;
    import(chart).map_err(failed)
}

/// Whether `version` satisfies `constraint`; not where one of them is malformed.
pub(crate) fn is_compatible(constraint: &str, version: &str) -> bool {
    match (Constraint::parse(constraint), Version::parse(version)) {
        (Ok(constraint), Ok(version)) => constraint.allows(&version),
        _ => false,
    }
}

fn enable(chart: &mut Chart, values: &Map, path: &str) -> Result<(), String> {
    let Some(mut declared) = chart.metadata.dependencies.take() else { return Ok(()) };
    let loaded = std::mem::take(&mut chart.dependencies);
    let is_declared = |child: &Chart| {
        declared
            .iter()
            .any(|wanted| wanted.name == child.name() && is_compatible(&wanted.version, &child.metadata.version))
    };
    let mut children: Vec<Chart> = loaded.iter().filter(|child| !is_declared(child)).cloned().collect();
    for wanted in &mut declared {
        let found = loaded
            .iter()
            .find(|child| child.name() == wanted.name && is_compatible(&wanted.version, &child.metadata.version));
        if let Some(child) = found {
            let mut child = child.clone();
            if !wanted.alias.is_empty() {
                child.metadata.name.clone_from(&wanted.alias);
            }
            children.push(child);
        }
        if !wanted.alias.is_empty() {
            wanted.name.clone_from(&wanted.alias);
        }
        wanted.enabled = true;
    }
    chart.dependencies = children;
    let merged = coalesce(chart, values.clone())?;
    apply_tags(&mut declared, &merged);
    apply_conditions(&mut declared, &merged, path);
    let disabled: Vec<String> =
        declared.iter().filter(|wanted| !wanted.enabled).map(|wanted| wanted.name.clone()).collect();
    chart.dependencies.retain(|child| !disabled.iter().any(|name| name == child.name()));
    declared.retain(|wanted| !disabled.contains(&wanted.name));
    for child in &mut chart.dependencies {
        let inner = format!("{path}{}.", child.name());
        enable(child, &merged, &inner)?;
    }
    chart.metadata.dependencies = Some(declared).filter(|declared| !declared.is_empty());
    Ok(())
}

fn apply_tags(declared: &mut [Dependency], values: &Map) {
    let Some(Data::Map(tags)) = values.get("tags") else { return };
    for wanted in declared {
        let mut set = wanted.tags.iter().filter_map(|tag| match tags.get(tag) {
            Some(Data::Bool(value)) => Some(*value),
            _ => None,
        });
        // One true tag is enough; without any tag the dependency stays on.
        wanted.enabled = set.clone().next().is_none() || set.any(|value| value);
    }
}

fn apply_conditions(declared: &mut [Dependency], values: &Map, path: &str) {
    for wanted in declared {
        for condition in wanted.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
            // The first path that leads to a boolean counts.
            if let Some(Data::Bool(value)) = value_at(values, &format!("{path}{condition}")) {
                wanted.enabled = *value;
                break;
            }
        }
    }
}

fn value_at<'m>(values: &'m Map, path: &str) -> Option<&'m Data> {
    let mut parts = path.split('.');
    let last = parts.next_back()?;
    let mut map = values;
    for part in parts {
        map = map.get(part)?.as_map()?;
    }
    map.get(last)
}

fn table_at<'m>(values: &'m Map, path: &str) -> Option<&'m Map> {
    value_at(values, path)?.as_map()
}

fn import(chart: &mut Chart) -> Result<(), String> {
    for child in &mut chart.dependencies {
        import(child)?;
    }
    let Some(mut declared) = chart.metadata.dependencies.take() else { return Ok(()) };
    let merged = merge_values(chart, Map::new())?;
    let mut imported = Map::new();
    for wanted in &mut declared {
        let mut rewritten = Vec::new();
        for entry in &wanted.import_values {
            let (child, parent) = match entry {
                Data::Map(entry) => {
                    let text = |key: &str| entry.get(key).map_or("<nil>".to_owned(), plain_data);
                    (text("child"), text("parent"))
                }
                Data::Text(name) => (format!("exports.{name}"), ".".to_owned()),
                _ => continue,
            };
            rewritten.push(Data::Map(
                [("child".to_owned(), Data::Text(child.clone())), ("parent".to_owned(), Data::Text(parent.clone()))]
                    .into(),
            ));
            if let Some(table) = table_at(&merged, &format!("{}.{child}", wanted.name)) {
                coalesce_tables(&mut imported, nested(&parent, table.clone()), true);
            }
        }
        wanted.import_values = rewritten;
    }
    let mut values = merged;
    coalesce_tables(&mut values, imported, true);
    chart.values = values;
    chart.metadata.dependencies = Some(declared);
    Ok(())
}

/// `table` under a dotted path.
fn nested(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |inner, key| Map::from([(key.to_owned(), Data::Map(inner))]))
}
