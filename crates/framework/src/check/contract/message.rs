//! The form of messages.

use crate::diagnostic::Diagnostics;
use crate::path::{Path, Step};
use crate::schema::{Attribute, Kind, Nesting};
use crate::value::{Type, Value};

/// What is wrong with the form of these messages.
pub(super) fn well_formed(attributes: &[Attribute], config: &Value, diagnostics: &Diagnostics) -> Vec<String> {
    let mut problems = Vec::new();
    let secrets = secrets(attributes, config);
    for diagnostic in &diagnostics.0 {
        let summary = &diagnostic.summary;
        if summary.trim().is_empty() {
            problems.push("a message has no summary".to_owned());
        } else if summary.trim_end().ends_with('.') {
            problems.push(format!("the summary `{summary}` ends with a period"));
        } else if summary.contains('\n') {
            problems.push(format!("the summary `{summary}` is more than one line"));
        }
        if diagnostic.detail().trim().is_empty() {
            problems.push(format!("the message `{summary}` has no detail"));
        }
        if !leads_somewhere(attributes, &diagnostic.at) {
            problems.push(format!("the message `{summary}` is at `{}`, which does not exist", diagnostic.at));
        }
        if secrets.iter().any(|secret| diagnostic.detail().contains(secret) || summary.contains(secret)) {
            problems.push(format!("the message `{summary}` shows a sensitive value"));
        }
    }
    problems
}

/// Texts of sensitive attributes that occur nowhere else in the configuration, nor in the attributes' documentation, and
/// are long enough to be distinguished from other words.
fn secrets(attributes: &[Attribute], config: &Value) -> Vec<String> {
    let (mut hidden, mut open) = (Vec::new(), Vec::new());
    gather(attributes, config, &mut hidden, &mut open);
    hidden.retain(|secret| {
        secret.trim().len() >= 6
            && !super::mutation::is_common(secret)
            && !is_documented(attributes, secret)
            && !open.iter().any(|text: &String| text.contains(secret.as_str()))
    });
    hidden
}

/// Whether the documentation has this text, as it lists the values of some attributes: a message may list them, too.
fn is_documented(attributes: &[Attribute], text: &str) -> bool {
    attributes.iter().any(|attribute| {
        attribute.description.contains(text)
            || matches!(&attribute.kind, Kind::Nested { attributes, .. } if is_documented(attributes, text))
    })
}

/// The texts of sensitive attributes, and those of all others.
pub(super) fn gather(attributes: &[Attribute], object: &Value, hidden: &mut Vec<String>, open: &mut Vec<String>) {
    for attribute in attributes {
        let Some(value) = object.attribute(&attribute.name) else { continue };
        match (&attribute.kind, value) {
            _ if attribute.sensitive => texts(value, hidden),
            (Kind::Type(_), value) => texts(value, open),
            (Kind::Nested { nesting: Nesting::Single, attributes }, value) => gather(attributes, value, hidden, open),
            (Kind::Nested { attributes, .. }, Value::Map(entries)) => {
                for entry in entries.values() {
                    gather(attributes, entry, hidden, open);
                }
            }
            (Kind::Nested { attributes, .. }, Value::List(elements) | Value::Set(elements)) => {
                for element in elements {
                    gather(attributes, element, hidden, open);
                }
            }
            _ => {}
        }
    }
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::List(elements) | Value::Set(elements) => elements.iter().for_each(|element| texts(element, found)),
        Value::Map(entries) => entries.values().for_each(|entry| texts(entry, found)),
        Value::Dynamic(inner) => texts(&inner.1, found),
        _ => {}
    }
}

/// Whether a path leads somewhere in these attributes.
pub(super) fn leads_somewhere(attributes: &[Attribute], path: &Path) -> bool {
    let Some((first, rest)) = path.0.split_first() else { return true };
    let Step::Attribute(name) = first else { return false };
    let Some(attribute) = attributes.iter().find(|attribute| attribute.name == *name) else { return false };
    match &attribute.kind {
        Kind::Type(ty) => leads_into(ty, rest),
        Kind::Nested { nesting: Nesting::Single, attributes } => leads_somewhere(attributes, &Path(rest.to_vec())),
        Kind::Nested { nesting, attributes } => match rest.split_first() {
            None => true,
            Some((step, rest)) => {
                let fits = matches!(
                    (nesting, step),
                    (Nesting::List, Step::Index(_)) | (Nesting::Map, Step::Key(_)) | (Nesting::Set, Step::Element(_))
                );
                fits && leads_somewhere(attributes, &Path(rest.to_vec()))
            }
        },
    }
}

fn leads_into(ty: &Type, steps: &[Step]) -> bool {
    let Some((first, rest)) = steps.split_first() else { return true };
    match (ty, first) {
        (Type::Dynamic, _) => true,
        (Type::List(element), Step::Index(_))
        | (Type::Set(element), Step::Element(_))
        | (Type::Map(element), Step::Key(_)) => leads_into(element, rest),
        (Type::Tuple(types), Step::Index(index)) => {
            usize::try_from(*index).ok().and_then(|index| types.get(index)).is_some_and(|ty| leads_into(ty, rest))
        }
        (Type::Object { attributes, .. }, Step::Attribute(name)) => {
            attributes.get(name).is_some_and(|ty| leads_into(ty, rest))
        }
        _ => false,
    }
}
