//! What Helm reads of each document before it knows what the document is.

use super::Manifest;
use crate::data::{Data, Map};
use crate::json::{self, is_field};
use crate::yaml;
use std::collections::BTreeMap;

/// What Helm reads of each document. Go's JSON decoder finds fields in any case, and the last one counts.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) annotations: BTreeMap<String, String>,
}

impl Head {
    pub(super) fn manifest(self, path: String, content: String) -> Manifest {
        Manifest { path, content, kind: self.kind, name: self.name, annotations: self.annotations }
    }

    pub(super) fn read(document: &str) -> Result<Self, String> {
        let mut head = Self::default();
        let data = yaml::read_typed(document)?;
        let map = match &data {
            Data::Null => return Ok(head),
            Data::Map(map) => map,
            other => return Err(mismatch(other, "", "util.SimpleHead")),
        };
        for (key, value) in map {
            if is_field(key, "apiVersion") {
                text(value, "SimpleHead.apiVersion")?;
            } else if is_field(key, "kind") {
                read_text(value, "SimpleHead.kind", &mut head.kind)?;
            } else if is_field(key, "metadata") {
                head.read_metadata(value)?;
            }
        }
        Ok(head)
    }

    fn read_metadata(&mut self, metadata: &Data) -> Result<(), String> {
        let map = match metadata {
            Data::Null => return Ok(()),
            Data::Map(map) => map,
            other => {
                let wanted = "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \
                              \"json:\\\"annotations\\\"\" }";
                return Err(mismatch(other, "SimpleHead.metadata", wanted));
            }
        };
        for (key, value) in map {
            if is_field(key, "name") {
                read_text(value, ".metadata.name", &mut self.name)?;
            } else if is_field(key, "annotations") {
                self.read_annotations(value)?;
            }
        }
        Ok(())
    }

    fn read_annotations(&mut self, annotations: &Data) -> Result<(), String> {
        let annotations: &Map = match annotations {
            Data::Null => return Ok(()),
            Data::Map(annotations) => annotations,
            other => return Err(mismatch(other, ".metadata.annotations", "map[string]string")),
        };
        for (key, value) in annotations {
            let value = text(value, ".metadata.annotations")?.unwrap_or_default();
            self.annotations.insert(key.clone(), value);
        }
        Ok(())
    }
}

fn mismatch(data: &Data, field: &str, wanted: &str) -> String {
    let place = if field.is_empty() { "Go value".to_owned() } else { format!("Go struct field {field}") };
    json::cannot_unmarshal_yaml(data, &place, wanted)
}

/// A field of string type; numbers and booleans count as text there, and null is none.
fn text(value: &Data, field: &str) -> Result<Option<String>, String> {
    Ok(Some(match value {
        Data::Null => return Ok(None),
        Data::Text(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Unsigned(number) => number.to_string(),
        Data::Float(number) => yaml::float32(*number),
        Data::Bool(value) => value.to_string(),
        other => return Err(mismatch(other, field, "string")),
    }))
}

/// A null leaves what an earlier spelling of the field has set.
fn read_text(value: &Data, field: &str, into: &mut String) -> Result<(), String> {
    if let Some(text) = text(value, field)? {
        *into = text;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_in_any_case() {
        // As Helm v4.2.3 sorts them: each was a manifest, or a hook.
        for (text, kind, name, hook) in [
            ("kind: A\nmetadata: {name: one}", "A", "one", None),
            ("Kind: A\nMetadata: {NAME: one}", "A", "one", None),
            ("Kind: A\nkind: B\nmetadata: {name: one, Name: two}", "B", "one", None),
            ("kind: null\nKind: A\nmetadata:\n", "A", "", None),
            ("kind: A\nmetadata: {Annotations: {helm.sh/hook: test}, name: one}", "A", "one", Some("test")),
            ("kind: A\nmetadata: {annotations: {Helm.sh/hook: test}}", "A", "", None),
        ] {
            let head = Head::read(text).expect(text);
            let found =
                (head.kind.as_str(), head.name.as_str(), head.annotations.get("helm.sh/hook").map(String::as_str));
            assert_eq!(found, (kind, name, hook), "{text}");
        }
    }
}
