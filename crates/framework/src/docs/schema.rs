//! The section of a page that lists every attribute.

use std::collections::BTreeMap;

use super::text::{type_name, unwrapped};
use crate::schema::{Attribute, IdentitySchema, Kind, Nesting, Schema};

const WRITE_ONLY: &str = "https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments";

/// How attributes are gathered, each with its heading at the top and further inside.
const GROUPS: [(&str, &str, fn(&Attribute) -> bool); 3] = [
    ("### Required", "Required:", |attribute| attribute.required),
    ("### Optional", "Optional:", |attribute| attribute.optional),
    ("### Read-Only", "Read-Only:", |attribute| attribute.computed && !attribute.optional),
];

/// The section, with the rules over several attributes in words.
pub(super) fn section(schema: &Schema, rules: &[String]) -> String {
    let mut text = "## Schema\n\n".to_owned();
    for rule in rules {
        text.push_str(&format!("{rule}.\n\n"));
    }
    object(&mut text, &schema.attributes, &[]);
    text.trim_end().to_owned()
}

fn object(text: &mut String, attributes: &[Attribute], parents: &[&str]) {
    let by_name: BTreeMap<&str, &Attribute> = attributes.iter().map(|it| (it.name.as_str(), it)).collect();
    let mut nested = Vec::new();
    for (heading, inner_heading, belongs) in GROUPS {
        let members: Vec<&Attribute> = by_name.values().copied().filter(|attribute| belongs(attribute)).collect();
        if members.is_empty() {
            continue;
        }
        text.push_str(if parents.is_empty() { heading } else { inner_heading });
        text.push_str("\n\n");
        if parents.is_empty() && members.iter().any(|attribute| has_write_only(attribute)) {
            text.push_str(&format!(
                "> **NOTE**: [Write-only arguments]({WRITE_ONLY}) are supported in Terraform 1.11 and later.\n\n"
            ));
        }
        for attribute in members {
            let path: Vec<&str> = parents.iter().copied().chain([attribute.name.as_str()]).collect();
            text.push_str(&item(attribute, &path));
            if let Kind::Nested { attributes, .. } = &attribute.kind {
                nested.push((path, attributes));
            }
        }
        text.push('\n');
    }
    for (path, attributes) in nested {
        text.push_str(&format!("<a id=\"{}\"></a>\n### Nested Schema for `{}`\n\n", anchor(&path), path.join(".")));
        object(text, attributes, &path);
        text.push('\n');
    }
}

fn anchor(path: &[&str]) -> String {
    format!("nestedatt--{}", path.join("--"))
}

fn has_write_only(attribute: &Attribute) -> bool {
    attribute.write_only
        || match &attribute.kind {
            Kind::Type(_) => false,
            Kind::Nested { attributes, .. } => attributes.iter().any(has_write_only),
        }
}

fn item(attribute: &Attribute, path: &[&str]) -> String {
    let mut marks = vec![match &attribute.kind {
        Kind::Type(ty) => type_name(ty),
        Kind::Nested { nesting: Nesting::Single, .. } => "Attributes".to_owned(),
        Kind::Nested { nesting: Nesting::List, .. } => "Attributes List".to_owned(),
        Kind::Nested { nesting: Nesting::Set, .. } => "Attributes Set".to_owned(),
        Kind::Nested { nesting: Nesting::Map, .. } => "Attributes Map".to_owned(),
    }];
    if attribute.sensitive {
        marks.push("Sensitive".to_owned());
    }
    if attribute.deprecation.is_some() {
        marks.push("Deprecated".to_owned());
    }
    if attribute.write_only {
        marks.push(format!("[Write-only]({WRITE_ONLY})"));
    }
    if attribute.replace {
        marks.push("Forces replacement".to_owned());
    }
    // One item of a list: further paragraphs would end it.
    let mut description = unwrapped(&attribute.description).replace("\n\n", " ").replace('\n', "\n  ");
    if let Some(why) = &attribute.deprecation {
        description.push_str(&format!(" **Deprecated**: {why}"));
    }
    let mut item = format!("- `{}` ({}) {description}", attribute.name, marks.join(", "));
    if matches!(attribute.kind, Kind::Nested { .. }) {
        item.push_str(&format!(" (see [below for nested schema](#{}))", anchor(path)));
    }
    item + "\n"
}

/// The section about what identifies an object.
pub(super) fn identity_section(identity: &IdentitySchema) -> String {
    let mut text = "### Identity Schema\n\n".to_owned();
    for (heading, required) in [("#### Required", true), ("#### Optional", false)] {
        let mut members: Vec<_> = identity.attributes.iter().filter(|it| it.required_for_import == required).collect();
        if members.is_empty() {
            continue;
        }
        members.sort_by(|one, other| one.name.cmp(&other.name));
        text.push_str(&format!("{heading}\n\n"));
        for attribute in members {
            let description = unwrapped(&attribute.description).replace('\n', " ");
            text.push_str(&format!("- `{}` ({}) {description}\n", attribute.name, type_name(&attribute.ty)));
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}
