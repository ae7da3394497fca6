//! Rendered text to manifests: split into documents, told apart from hooks, sorted by kind.

mod hook;
mod kind;

pub use hook::{DeletePolicy, Hook, HookEvent, OutputLogPolicy};
pub use kind::{INSTALL_ORDER, UNINSTALL_ORDER};

use crate::data::{Data, Map};
use crate::error::{Error, Result};
use crate::template::{is_space, path_base};
use crate::yaml;
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One Kubernetes object as a template printed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The template's path, such as `cilium/templates/cilium-agent/daemonset.yaml`.
    pub path: String,
    /// The document's text.
    pub content: String,
    /// The object's kind; empty where the document has none.
    pub kind: String,
    /// The object's name; empty where the document has none.
    pub name: String,
    /// The object's annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Whether the object stays when its release is removed or no longer has it: Helm leaves alone what carries any
    /// `helm.sh/resource-policy`, of which `keep` is the one that is documented.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.annotations.contains_key("helm.sh/resource-policy")
    }

    /// The object, with its numbers as YAML has them.
    ///
    /// # Errors
    /// [`Error::Manifest`] where the text is no YAML.
    pub fn object(&self) -> Result<Data> {
        object(&self.path, &self.content)
    }
}

fn object(path: &str, text: &str) -> Result<Data> {
    yaml::read_typed(text).map_err(|error| broken(path, &error))
}

fn broken(path: &str, error: &str) -> Error {
    Error::Manifest { message: format!("YAML parse error on {path}: {error}") }
}

/// Splits text at document separators, as Helm does: also at `---` with text right behind it.
#[must_use]
pub fn split(text: &str) -> Vec<String> {
    static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
        // Go's \s: no vertical tab, no other spaces.
        Regex::new(r"(?:^|[\t\n\f\r ]*\n)---[\t\n\f\r ]*").expect("the pattern is constant and valid")
    });
    SEPARATOR
        .split(text.trim_start_matches(is_space))
        .map(|document| document.trim_start_matches(is_space))
        .filter(|document| !document.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What Helm reads of each document.
#[derive(Debug, Default)]
struct Head {
    kind: String,
    name: String,
    annotations: BTreeMap<String, String>,
}

/// Sorts rendered files, by path, into hooks and manifests in install order.
pub(crate) fn sort(files: &BTreeMap<String, String>) -> Result<(Vec<Hook>, Vec<Manifest>)> {
    let (mut hooks, mut manifests) = (Vec::new(), Vec::new());
    for (path, content) in files {
        if path_base(path).starts_with('_') || content.trim_matches(is_space).is_empty() {
            continue;
        }
        for document in split(content) {
            let head = Head::read(&document).map_err(|error| broken(path, &error))?;
            match head.annotations.get("helm.sh/hook") {
                None => manifests.push(head.manifest(path.clone(), document)),
                Some(events) => {
                    hooks.extend(Hook::new(path, document, events, &head.kind, &head.name, &head.annotations))
                }
            }
        }
    }
    manifests.sort_by(|left, right| kind::compare(&left.kind, &right.kind, INSTALL_ORDER));
    hooks.sort_by(|left: &Hook, right: &Hook| kind::compare(&left.kind, &right.kind, INSTALL_ORDER));
    Ok((hooks, manifests))
}

/// Reads the manifests of a stored release back. They are in install order already; another client's may not be.
pub(crate) fn read_stored(text: &str) -> Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for document in split(text) {
        let (path, content) = match document.strip_prefix("# Source: ").and_then(|rest| rest.split_once('\n')) {
            Some((path, content)) => (path.trim_end().to_owned(), content.to_owned()),
            None => (String::new(), document),
        };
        let head = Head::read(&content).map_err(|error| broken(&path, &error))?;
        manifests.push(head.manifest(path, content));
    }
    manifests.sort_by(|left, right| kind::compare(&left.kind, &right.kind, INSTALL_ORDER));
    Ok(manifests)
}

fn mismatch(data: &Data, field: &str, wanted: &str) -> String {
    let found = match data {
        Data::Map(_) => "object",
        Data::List(_) => "array",
        Data::Text(_) => "string",
        Data::Bool(_) => "bool",
        _ => "number",
    };
    let place = if field.is_empty() { "Go value".to_owned() } else { format!("Go struct field {field}") };
    format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into {place} of type {wanted}"
    )
}

/// A field of string type; numbers and booleans count as text there.
fn text(map: &Map, key: &str, field: &str) -> Result<String, String> {
    Ok(match map.get(key) {
        None | Some(Data::Null) => String::new(),
        Some(Data::Text(text)) => text.clone(),
        Some(Data::Int(number)) => number.to_string(),
        Some(Data::Unsigned(number)) => number.to_string(),
        Some(Data::Float(number)) => yaml::float32(*number),
        Some(Data::Bool(value)) => value.to_string(),
        Some(other) => return Err(mismatch(other, field, "string")),
    })
}

impl Head {
    fn manifest(self, path: String, content: String) -> Manifest {
        Manifest { path, content, kind: self.kind, name: self.name, annotations: self.annotations }
    }

    fn read(document: &str) -> Result<Self, String> {
        let data = yaml::read_typed(document)?;
        let map = match &data {
            Data::Null => return Ok(Self::default()),
            Data::Map(map) => map,
            other => return Err(mismatch(other, "", "util.SimpleHead")),
        };
        text(map, "apiVersion", "SimpleHead.apiVersion")?;
        let mut head = Self { kind: text(map, "kind", "SimpleHead.kind")?, ..Self::default() };
        let metadata = match map.get("metadata") {
            None | Some(Data::Null) => return Ok(head),
            Some(Data::Map(metadata)) => metadata,
            Some(other) => {
                let wanted = "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \
                              \"json:\\\"annotations\\\"\" }";
                return Err(mismatch(other, "SimpleHead.metadata", wanted));
            }
        };
        head.name = text(metadata, "name", ".metadata.name")?;
        match metadata.get("annotations") {
            None | Some(Data::Null) => {}
            Some(Data::Map(annotations)) => {
                for key in annotations.keys() {
                    let value = text(annotations, key, ".metadata.annotations")?;
                    head.annotations.insert(key.clone(), value);
                }
            }
            Some(other) => {
                return Err(mismatch(other, ".metadata.annotations", "map[string]string"));
            }
        }
        Ok(head)
    }
}
