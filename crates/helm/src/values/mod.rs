//! Values: from files, merged with each other and with a chart's defaults, and checked against its schema.

pub(crate) mod coalesce;
pub(crate) mod schema;

use crate::data::{Data, Map, merge};
use crate::error::{Error, Result};
use crate::yaml;

/// What a user sets, over a chart's defaults.
///
/// A null takes a default away. Numbers are floats, as they are in Helm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    pub(crate) map: Map,
}

impl Values {
    /// No values: the chart's defaults alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads YAML, of which JSON is a part. Several documents are merged, later ones over earlier ones.
    ///
    /// # Errors
    /// [`Error::Values`] with Helm's text where the text is not YAML or not a map.
    pub fn from_yaml(text: &str) -> Result<Self> {
        yaml::read_documents(text).map(|map| Self { map }).map_err(Error::Values)
    }

    /// Lays `over` over these values: maps are merged, everything else is replaced.
    pub fn merge(&mut self, over: Self) {
        merge(&mut self.map, over.map);
    }

    /// Sets one value at a dotted path, as `--set-json PATH=JSON` does; `\.` is a dot in a key, `[0]` an index.
    ///
    /// # Errors
    /// [`Error::Values`] where the path cannot be followed.
    pub fn set(&mut self, path: &str, value: impl Into<Data>) -> Result<()> {
        let steps = steps(path).map_err(Error::Values)?;
        let is_empty = |step: &Step| matches!(step, Step::Key(key) if key.is_empty());
        if steps.first().is_some_and(is_empty) {
            // Helm passes over a path that begins with a dot.
            return Ok(());
        }
        if steps.iter().any(is_empty) {
            return Err(Error::Values(format!("a key is empty in `{path}`")));
        }
        let mut root = Data::Map(std::mem::take(&mut self.map));
        let result = place(&mut root, &steps, value.into());
        if let Data::Map(map) = root {
            self.map = map;
        }
        result.map_err(|message| Error::Values(format!("{message} in `{path}`")))
    }

    /// What `--set-json` does: `PATH=JSON`, any number of them with commas between, where no JSON means null; or one JSON
    /// object, which is laid over the values.
    ///
    /// # Errors
    /// [`Error::Values`] with Helm's text.
    pub fn set_json(&mut self, text: &str) -> Result<()> {
        if text.trim_start().starts_with('{') {
            return match serde_json::from_str::<serde_json::Value>(text).map(Data::from) {
                Ok(Data::Map(map)) => {
                    merge(&mut self.map, map);
                    Ok(())
                }
                _ => Err(Error::Values(format!("failed parsing --set-json data JSON: {text}"))),
            };
        }
        self.assign(text).map_err(|_| Error::Values(format!("failed parsing --set-json data {text}")))
    }

    fn assign(&mut self, mut rest: &str) -> Result<()> {
        while !rest.is_empty() {
            let wrong = || Error::Values(format!("key `{rest}` has no value"));
            let end = path_end(rest).ok_or_else(wrong)?;
            let (path, after) = (&rest[..end], &rest[end + 1..]);
            let trimmed = after.trim_start();
            if trimmed.is_empty() || trimmed.starts_with(',') {
                self.set(path, Data::Null)?;
                rest = trimmed.strip_prefix(',').unwrap_or(trimmed);
                continue;
            }
            let mut stream = serde_json::Deserializer::from_str(after).into_iter::<serde_json::Value>();
            let value = stream.next().and_then(std::result::Result::ok).ok_or_else(wrong)?;
            let left = after[stream.byte_offset()..].trim_start();
            if !path.is_empty() {
                self.set(path, value)?;
            }
            rest = left.strip_prefix(',').unwrap_or(left);
        }
        Ok(())
    }

    /// The values as plain data.
    #[must_use]
    pub fn as_map(&self) -> &Map {
        &self.map
    }
}

impl From<Map> for Values {
    fn from(map: Map) -> Self {
        match Data::Map(map).with_floats() {
            Data::Map(map) => Self { map },
            _ => Self::default(),
        }
    }
}

/// Where the `=` after a path is; none where a comma comes first.
fn path_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, character)| {
        let is_end = matches!(character, '=' | ',') && !escaped;
        escaped = *character == '\\' && !escaped;
        is_end
    });
    end.filter(|(_, character)| *character == '=').map(|(index, _)| index)
}

enum Step {
    Key(String),
    Index(usize),
}

/// Longest list that an index may create.
const MAX_INDEX: usize = 65_536;

fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut key = String::new();
    let mut characters = path.chars();
    let mut after_index = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.extend(characters.next()),
            '.' => {
                if !after_index || !key.is_empty() {
                    steps.push(Step::Key(std::mem::take(&mut key)));
                }
                after_index = false;
            }
            '[' => {
                if !key.is_empty() {
                    steps.push(Step::Key(std::mem::take(&mut key)));
                }
                let digits: String = characters.by_ref().take_while(|character| *character != ']').collect();
                let index = digits.parse().map_err(|_| format!("error parsing index: `{digits}`"))?;
                if index > MAX_INDEX {
                    return Err(format!("index of {index} is greater than maximum supported index of {MAX_INDEX}"));
                }
                steps.push(Step::Index(index));
                after_index = true;
            }
            other => key.push(other),
        }
    }
    if !key.is_empty() || (!after_index && !path.is_empty()) {
        steps.push(Step::Key(key));
    }
    Ok(steps)
}

fn place(target: &mut Data, steps: &[Step], value: Data) -> Result<(), String> {
    let Some((first, rest)) = steps.split_first() else {
        *target = value;
        return Ok(());
    };
    match first {
        Step::Key(key) => {
            if !matches!(target, Data::Map(_) | Data::Null) {
                return Err(format!("`{key}` is not in a map"));
            }
            if target.is_null() {
                *target = Data::Map(Map::new());
            }
            let Data::Map(map) = target else { return Ok(()) };
            place(map.entry(key.clone()).or_default(), rest, value)
        }
        Step::Index(index) => {
            if !matches!(target, Data::List(_)) {
                *target = Data::List(Vec::new());
            }
            let Data::List(list) = target else { return Ok(()) };
            if list.len() <= *index {
                list.resize(index + 1, Data::Null);
            }
            place(&mut list[*index], rest, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_set_as_on_helms_command_line() {
        let table = [
            ("a=5", "{a: 5}"),
            (r#"a.b={"c": [1, null]}"#, "{a: {b: {c: [1, null]}}}"),
            (r#"a={"x": 1}, c = "=,", d="#, r#"{a: {x: 1}, " c ": "=,", " d": null}"#),
            (r#"{"a": {"z": 1}}"#, "{a: {z: 1}}"),
            ("a[1]=3", "{a: [null, 3]}"),
            (r"a\=b=1", r#"{"a=b": 1}"#),
            ("a=", "{a: null}"),
            (".a=1,b=2", "{b: 2}"),
        ];
        for (text, expected) in table {
            let mut values = Values::new();
            values.set_json(text).unwrap();
            assert_eq!(values, Values::from_yaml(expected).unwrap(), "{text}");
        }
        for (text, expected) in [
            ("a", "failed parsing --set-json data a"),
            ("a=1,,b=2", "failed parsing --set-json data a=1,,b=2"),
            ("a=[1", "failed parsing --set-json data a=[1"),
            ("a..b=1", "failed parsing --set-json data a..b=1"),
            ("a.=1", "failed parsing --set-json data a.=1"),
            ("a[-1]=2", "failed parsing --set-json data a[-1]=2"),
            (r#"{"a""#, r#"failed parsing --set-json data JSON: {"a""#),
        ] {
            assert_eq!(Values::new().set_json(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn paths_set_values() {
        let mut values = Values::from_yaml("a: {b: 1, c: 2}").unwrap();
        values.set("a.b", serde_json::json!({"x": [1]})).unwrap();
        values.set("a.b.x[2]", serde_json::json!("y")).unwrap();
        values.set("d\\.e", serde_json::json!(true)).unwrap();
        let expected = Values::from_yaml("{a: {b: {x: [1, null, 'y']}, c: 2}, d.e: true}").unwrap();
        assert_eq!(values, expected);
        assert!(values.set("a.c.d", serde_json::json!(1)).is_err());
        assert!(values.set("a[99999999]", serde_json::json!(1)).is_err());
    }

    #[test]
    fn only_maps_are_values() {
        for text in ["- a", "text", "a: [", "a: b: c"] {
            assert!(Values::from_yaml(text).is_err(), "{text}");
        }
        assert_eq!(Values::from_yaml("").unwrap(), Values::new());
    }
}
