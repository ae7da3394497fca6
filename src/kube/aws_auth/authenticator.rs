//! Reads the entries of a list as EKS does.
//!
//! EKS converts the text to JSON with go-yaml v2, and the JSON to entries. Values that do not fit a field's type are
//! dropped, entries without an ARN are skipped, and everything else counts: one malformed entry locks nobody out.
//! Only a text that cannot be converted to JSON at all is lost as a whole. Source: ParseMap in pkg/mapper/configmap
//! of sigs.k8s.io/aws-iam-authenticator, `resolve` and `merge` of gopkg.in/yaml.v2, and Go's encoding/json.

use super::document::Item;
use super::fault::Fault;
use super::value::{Meaning, TAGS, Value, meaning};
use super::{Entry, List};

const NO_MAP: &str = "a merge key (`<<`) needs a map or a list of maps";
/// Maximum depth of merge keys.
const MAX_DEPTH: usize = 8;

/// Whether EKS does not even read the text. The second of these is not YAML.
pub(super) fn is_skipped(text: &str) -> bool {
    matches!(text.trim(), "" | "``" | "\"\"" | "''")
}

/// The entry of an item; `None` if EKS skips it.
///
/// # Errors
/// Why EKS cannot read the whole list.
pub(super) fn entry(list: List, item: &Item) -> Result<Option<Entry>, Fault> {
    becomes_json(&item.value).map_err(|problem| Fault::at(item.line, problem))?;
    let Value::Map(pairs) = &item.value else { return Ok(None) };
    let mut members = Vec::new();
    merge(pairs, &mut members, 0).map_err(|problem| Fault::at(item.line, problem))?;
    // Field names are case-insensitive, and a JSON object is read in the order of its names.
    members.sort_by_key(|(name, _)| *name);
    let mut read = Members::default();
    for (name, value) in members {
        read.take(list, name, value);
    }
    let Members { arn, username, groups, has_sso } = read;
    // `sso` marks roles of IAM Identity Center, and excludes an ARN.
    if arn.is_empty() || has_sso {
        return Ok(None);
    }
    // A binding cannot refer to a group without a name.
    let groups = groups.into_iter().filter(|group| !group.is_empty()).collect();
    Ok(Some(Entry { arn, username, groups }))
}

#[derive(Default)]
struct Members {
    arn: String,
    username: String,
    groups: Vec<String>,
    has_sso: bool,
}

impl Members {
    fn take(&mut self, list: List, name: &str, value: &Value) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let text = match meaning(value) {
            Meaning::Text(text) => Some(text.to_owned()),
            _ => None,
        };
        if is(list.arn_member()) {
            self.arn = text.unwrap_or(std::mem::take(&mut self.arn));
        } else if is("username") {
            self.username = text.unwrap_or(std::mem::take(&mut self.username));
        } else if is("sso") && list == List::Roles {
            self.has_sso = !matches!(meaning(value), Meaning::Null);
        } else if is("groups") {
            match (value, meaning(value)) {
                (Value::List(groups), _) => {
                    let group = |group: &Value| match meaning(group) {
                        Meaning::Text(text) => text.to_owned(),
                        _ => String::new(),
                    };
                    self.groups = groups.iter().map(group).collect();
                }
                (_, Meaning::Null) => self.groups.clear(),
                _ => {}
            }
        }
    }
}

/// The members of a map in the order they are set: a later one overwrites an earlier one of the same name, and a
/// merge key (`<<`) sets its members at its position.
fn merge<'v>(
    pairs: &'v [(Value, Value)],
    into: &mut Vec<(&'v str, &'v Value)>,
    depth: usize,
) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("its merge keys are nested too deeply");
    }
    for (key, value) in pairs {
        if is_merge(key) {
            match value {
                Value::Map(pairs) => merge(pairs, into, depth + 1)?,
                // The first map wins, so it is set last.
                Value::List(maps) => {
                    for map in maps.iter().rev() {
                        let Value::Map(pairs) = map else { return Err(NO_MAP) };
                        merge(pairs, into, depth + 1)?;
                    }
                }
                Value::Scalar { .. } => return Err(NO_MAP),
            }
        } else if let Value::Scalar { text, .. } = key {
            into.retain(|(name, _)| name != text);
            into.push((text, value));
        }
    }
    Ok(())
}

fn is_merge(key: &Value) -> bool {
    match key {
        Value::Scalar { text, tag: None, plain } => *plain && text == "<<",
        Value::Scalar { text, tag: Some(tag), .. } => text == "<<" && tag.strip_prefix(TAGS) == Some("merge"),
        Value::List(_) | Value::Map(_) => false,
    }
}

fn is_merged(value: &Value) -> bool {
    match value {
        Value::Map(_) => true,
        Value::List(maps) => maps.iter().all(|map| matches!(map, Value::Map(_))),
        Value::Scalar { .. } => false,
    }
}

/// Why a value cannot be converted to JSON.
fn becomes_json(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Scalar { .. } if meaning(value) == Meaning::Endless => Err("JSON has no infinite numbers"),
        Value::Scalar { .. } => Ok(()),
        Value::List(items) => items.iter().try_for_each(becomes_json),
        Value::Map(pairs) => pairs.iter().try_for_each(|(key, value)| match (key, meaning(key)) {
            (Value::List(_) | Value::Map(_), _) => Err("a list or a map cannot be the name of a member"),
            (_, Meaning::Null) => Err("null cannot be the name of a member"),
            (key, _) if is_merge(key) && !is_merged(value) => Err(NO_MAP),
            _ => becomes_json(value),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Value {
        Value::Scalar { text: text.to_owned(), tag: None, plain: true }
    }

    #[test]
    fn plain_words_mean_what_they_mean_in_yaml_1_1() {
        for text in [
            "arn:aws:iam::1:role/n",
            "system:nodes",
            "yEs",
            "0x",
            "1.2.3",
            "-",
            "+",
            ".",
            "1e",
            "0b2",
            "2001-01-01",
            "é",
        ] {
            assert_eq!(meaning(&plain(text)), Meaning::Text(text));
        }
        for text in [
            "yes",
            "Off",
            "N",
            "TRUE",
            "1",
            "-1",
            "+12",
            "0x1F",
            "0o17",
            "017",
            "089",
            "0b11",
            "1_000",
            "1.",
            ".5",
            "1e3",
            "123456789012345678901234567890",
        ] {
            assert_eq!(meaning(&plain(text)), Meaning::Other, "{text}");
        }
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(meaning(&plain(text)), Meaning::Null, "{text}");
        }
        assert_eq!(meaning(&plain("-.inf")), Meaning::Endless);
        let tagged = |tag: &str, text: &str| Value::Scalar {
            text: text.to_owned(),
            tag: Some(format!("{TAGS}{tag}")),
            plain: true,
        };
        assert_eq!(meaning(&tagged("str", "1")), Meaning::Text("1"));
        assert_eq!(meaning(&tagged("int", "1")), Meaning::Other);
    }

    #[test]
    fn texts_that_are_not_read() {
        for text in ["", " \n", "``", "\"\"\n", "''"] {
            assert!(is_skipped(text), "{text:?}");
        }
        assert!(!is_skipped("[]"));
    }
}
