//! Rendered text to manifests: split into documents, separated from hooks, sorted by kind.

mod document;
mod head;
mod hook;
mod kind;

pub use hook::{DeletePolicy, Hook, HookEvent, OutputLogPolicy};
pub use kind::{INSTALL_ORDER, UNINSTALL_ORDER};

use crate::data::Data;
use crate::error::{Error, Result};
use crate::go::{self, is_space};
use head::Head;
use std::collections::BTreeMap;

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

    /// The objects, with numbers as written, as Kubernetes' clients read them from a release's text, in which
    /// Helm writes a line break after each manifest. A manifest nearly always holds one object.
    ///
    /// # Errors
    /// [`Error::Manifest`] if the text is not YAML.
    pub fn objects(&self) -> Result<Vec<Data>> {
        document::objects(&format!("{}\n", self.content)).map_err(|error| broken(&self.path, error))
    }
}

/// The objects of a text of any number of documents, as kubectl and Helm read what they apply; empty documents are
/// skipped. Where a key appears twice in a mapping the last one counts, and numbers are those of YAML 1.1: `0400` is 256.
///
/// # Errors
/// [`Error::Manifest`] if the text is not YAML.
pub fn read_objects(text: &str) -> Result<Vec<Data>> {
    document::objects(text).map_err(|message| Error::Manifest { path: None, message })
}

fn broken(path: &str, message: String) -> Error {
    Error::Manifest { path: Some(path.to_owned()), message }
}

/// Sorts rendered files, by path, into hooks and manifests in install order.
pub(crate) fn sort(files: &BTreeMap<String, String>) -> Result<(Vec<Hook>, Vec<Manifest>)> {
    let (mut hooks, mut manifests) = (Vec::new(), Vec::new());
    for (path, content) in files {
        if go::path::base(path).starts_with('_') || content.trim_matches(is_space).is_empty() {
            continue;
        }
        for document in document::split_template(content) {
            let head = Head::read(&document).map_err(|error| broken(path, error))?;
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
    let mut path = String::new();
    for document in document::split(text).map_err(|error| broken(&path, error))? {
        let source = document.strip_prefix("# Source: ").and_then(|rest| rest.split_once('\n'));
        let content = match source {
            Some((source, content)) => {
                source.trim_end().clone_into(&mut path);
                content
            }
            None => document.as_str(),
        };
        // The line break that `manifest_text` adds. Any other is the manifest's own.
        let content = content.strip_suffix('\n').unwrap_or(content);
        if content.trim().is_empty() {
            continue;
        }
        let head = Head::read(content).map_err(|error| broken(&path, error))?;
        manifests.push(head.manifest(path.clone(), content.to_owned()));
    }
    manifests.sort_by(|left, right| kind::compare(&left.kind, &right.kind, INSTALL_ORDER));
    Ok(manifests)
}
