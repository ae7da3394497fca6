//! A chart's defaults under the user's values, down through the subcharts, with globals passed on.

use crate::chart::Chart;
use crate::data::{Data, Map};
use std::collections::BTreeSet;

const GLOBAL: &str = "global";

/// The values that templates see. A null of the user takes the chart's default away.
pub(crate) fn coalesce(chart: &Chart, values: Map) -> Result<Map, String> {
    combine(chart, values, false)
}

/// As [`coalesce`], but nulls stay, for a later round to act on.
pub(crate) fn merge_values(chart: &Chart, values: Map) -> Result<Map, String> {
    combine(chart, values, true)
}

fn combine(chart: &Chart, mut values: Map, merge: bool) -> Result<Map, String> {
    add_defaults(chart, &mut values, merge);
    for child in &chart.dependencies {
        let name = child.name();
        let mut inner = match values.remove(name) {
            None => Map::new(),
            Some(Data::Map(inner)) => inner,
            Some(other) => return Err(format!("type mismatch on {name}: {}", as_boolean(&other))),
        };
        pass_globals(&mut inner, &values);
        let combined = combine(child, inner, merge)?;
        values.insert(name.to_owned(), Data::Map(combined));
    }
    Ok(values)
}

/// Helm prints the value with `%t`, which only suits booleans.
fn as_boolean(data: &Data) -> String {
    let value = crate::template::format::plain_data(data);
    match data {
        Data::Bool(value) => value.to_string(),
        Data::Text(_) => format!("%!t(string={value})"),
        Data::Float(_) => format!("%!t(float64={value})"),
        Data::List(list) => {
            let items: Vec<String> = list.iter().map(inside).collect();
            format!("[{}]", items.join(" "))
        }
        Data::Map(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("%!t(string={key}):{}", inside(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        _ => "%!t(<nil>)".to_owned(),
    }
}

/// The same inside a list or map.
fn inside(data: &Data) -> String {
    if data.is_null() { "<nil>".to_owned() } else { as_boolean(data) }
}

fn add_defaults(chart: &Chart, values: &mut Map, merge: bool) {
    for (key, default) in &chart.values {
        match values.get_mut(key) {
            Some(Data::Null) if !merge => {
                values.remove(key);
            }
            Some(Data::Map(inner)) => {
                if let Data::Map(default) = default {
                    let merge = merge || chart.dependencies.iter().any(|child| child.name() == key);
                    let mut default = default.clone();
                    if !merge {
                        remove_nulls(&mut default);
                    }
                    coalesce_tables(inner, default, merge);
                }
            }
            Some(_) => {}
            None => {
                let mut default = default.clone();
                if !merge {
                    if default.is_null() {
                        continue;
                    }
                    if let Data::Map(map) = &mut default {
                        remove_nulls(map);
                    }
                }
                values.insert(key.clone(), default);
            }
        }
    }
}

fn remove_nulls(map: &mut Map) {
    map.retain(|_, value| !value.is_null());
    for value in map.values_mut() {
        if let Data::Map(inner) = value {
            remove_nulls(inner);
        }
    }
}

fn pass_globals(child: &mut Map, parent: &Map) {
    let mut inner = match child.get(GLOBAL) {
        None => Map::new(),
        Some(Data::Map(inner)) => inner.clone(),
        Some(_) => return,
    };
    let outer = match parent.get(GLOBAL) {
        None => Map::new(),
        Some(Data::Map(outer)) => outer.clone(),
        Some(_) => return,
    };
    for (key, value) in outer {
        match (value, inner.get(&key)) {
            (Data::Map(mut value), Some(Data::Map(existing))) => {
                // The parent's globals count more.
                coalesce_tables(&mut value, existing.clone(), true);
                inner.insert(key, Data::Map(value));
            }
            (Data::Map(_), Some(_)) | (_, Some(Data::Map(_))) => {}
            (value, _) => {
                inner.insert(key, value);
            }
        }
    }
    child.insert(GLOBAL.to_owned(), Data::Map(inner));
}

/// Lays `into` over `from` and leaves the result in `into`.
///
/// Without `merge` a null in `into` takes away what `from` has under that key.
pub(crate) fn coalesce_tables(into: &mut Map, mut from: Map, merge: bool) {
    let present: BTreeSet<String> =
        from.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.clone()).collect();
    for (key, value) in &*into {
        if value.is_null() {
            from.insert(key.clone(), Data::Null);
        }
    }
    for (key, value) in from {
        match into.get_mut(&key) {
            Some(Data::Null) if !merge && present.contains(&key) => {
                into.remove(&key);
            }
            None => {
                into.insert(key, value);
            }
            Some(Data::Map(inner)) => {
                if let Data::Map(value) = value {
                    coalesce_tables(inner, value, merge);
                }
            }
            Some(_) => {}
        }
    }
}
