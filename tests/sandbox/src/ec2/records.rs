//! What EC2 keeps of a resource that it shows as it was created: an ID, tags, and the members of its description.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Store,
    describe::{self, Entry},
    need, tag_set, tags_of,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    random,
    world::{Account, Birth},
};

/// One resource. Its ID begins with the prefix of its kind.
#[derive(Clone, Serialize, Deserialize)]
pub struct Record {
    pub id: String,
    pub born: Birth,
    pub tags: BTreeMap<String, String>,
    /// As it is described, but for ID and tags.
    pub value: Value,
}

/// How a kind of record is named and listed.
pub struct Kind {
    pub prefix: &'static str,
    /// In tag specifications.
    pub tagged_as: &'static str,
    /// Parameter that names one, and lists several.
    pub parameter: &'static str,
    /// Member of the description that holds the ID.
    pub member: &'static str,
    /// Error code of an unknown ID.
    pub missing: &'static str,
    /// What that error calls it.
    pub called: &'static str,
    /// Element of the answer that holds the list.
    pub set: &'static str,
    /// Filters, and where in the description their values are: names joined by dots, `*` for each entry of a list.
    pub filters: &'static [(&'static str, &'static str)],
}

impl Record {
    /// A new one with the tags that the request brings.
    pub fn create(call: &mut Call<'_>, query: &Query, kind: &Kind, value: Value) -> Result<Self> {
        let tags = tags_of(query, kind.tagged_as)?;
        let mut record = Self::new(call.account(), kind, value);
        record.tags = tags;
        Ok(record)
    }

    pub fn new(account: &mut Account, kind: &Kind, value: Value) -> Self {
        Self {
            id: format!("{}-0{}", kind.prefix, random::hex(16)),
            born: account.birth(),
            tags: BTreeMap::new(),
            value,
        }
    }

    /// As the API describes it. Members that begin with an underscore are ours alone.
    pub fn describe(&self, kind: &Kind) -> Value {
        let mut value = self.value.clone();
        if let Some(members) = value.as_object_mut() {
            members.retain(|name, _| !name.starts_with('_'));
        }
        value[kind.member] = self.id.clone().into();
        value["tagSet"] = tag_set(&self.tags);
        value
    }

    pub fn is(&self, kind: &Kind) -> bool {
        self.id.strip_prefix(kind.prefix).is_some_and(|rest| rest.starts_with('-'))
    }

    /// The text of a member; empty when there is none.
    pub fn text(&self, member: &str) -> &str {
        self.value[member].as_str().unwrap_or_default()
    }
}

impl Kind {
    pub fn unknown(&self, id: &str) -> AwsError {
        AwsError::client(self.missing, format!("The {} '{id}' does not exist", self.called))
    }
}

impl Store {
    pub fn keep(&mut self, record: Record) {
        self.records.insert(record.id.clone(), record);
    }

    pub fn of<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a Record> {
        self.records.values().filter(|record| record.is(kind))
    }

    pub fn record(&self, kind: &Kind, id: &str) -> Result<&Record> {
        self.records.get(id).filter(|record| record.is(kind)).ok_or_else(|| kind.unknown(id))
    }

    pub fn record_mut(&mut self, kind: &Kind, id: &str) -> Result<&mut Record> {
        self.records.get_mut(id).filter(|record| record.is(kind)).ok_or_else(|| kind.unknown(id))
    }
}

/// The record that a request names.
pub fn find<'a>(call: &'a mut Call<'_>, query: &Query, kind: &Kind) -> Result<&'a mut Record> {
    let id = need(query, kind.parameter)?;
    call.region().ec2.record_mut(kind, id)
}

/// Removes the record that a request names, unless something uses it.
pub fn remove(
    call: &mut Call<'_>,
    query: &Query,
    kind: &Kind,
    refused: impl FnOnce(&Record, &Store) -> Option<AwsError>,
) -> Result<Record> {
    let id = need(query, kind.parameter)?;
    let store = &mut call.region().ec2;
    if let Some(error) = refused(store.record(kind, id)?, store) {
        return Err(error);
    }
    store.records.remove(id).ok_or_else(|| kind.unknown(id))
}

/// Lists a kind, each record as it is.
pub fn list(call: &mut Call<'_>, query: &Query, kind: &Kind) -> Result<Value> {
    list_as(call, query, kind, |_, described| described)
}

/// Lists a kind. `view` puts into a description what follows from other resources.
pub fn list_as(
    call: &mut Call<'_>,
    query: &Query,
    kind: &Kind,
    view: impl Fn(&Store, Value) -> Value,
) -> Result<Value> {
    let entries = entries(&call.region().ec2, kind, view);
    describe::answer(call, query, &listed(kind), entries)
}

/// How a kind is listed.
pub fn listed(kind: &Kind) -> describe::Kind<'_> {
    describe::Kind { ids: kind.parameter, missing: kind.missing, called: kind.called, set: kind.set, sizes: (5, 1000) }
}

/// All of a kind, on their way into an answer.
pub fn entries(store: &Store, kind: &Kind, view: impl Fn(&Store, Value) -> Value) -> Vec<Entry> {
    store
        .of(kind)
        .map(|record| {
            let value = view(store, record.describe(kind));
            let mut filterable: Vec<(&str, Vec<String>)> =
                kind.filters.iter().map(|(name, path)| (*name, texts(&value, path))).collect();
            filterable.push(("owner-id", texts(&value, "ownerId")));
            Entry { id: record.id.clone(), order: record.born.order, tags: record.tags.clone(), filterable, value }
        })
        .collect()
}

/// The texts at a path in a description.
fn texts(value: &Value, path: &str) -> Vec<String> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let inner: Vec<&Value> = match first {
        "*" => value.as_array().into_iter().flatten().collect(),
        name => value.get(name).into_iter().collect(),
    };
    if !rest.is_empty() {
        return inner.into_iter().flat_map(|value| texts(value, rest)).collect();
    }
    inner
        .into_iter()
        .filter_map(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            other => Some(other.to_string()),
        })
        .collect()
}

/// An error of something that others still need.
pub fn in_use(what: &str, id: &str) -> AwsError {
    AwsError::client("DependencyViolation", format!("The {what} '{id}' has dependencies and cannot be deleted."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_reach_into_lists() {
        let value = json!({"a": {"b": "x"}, "list": [{"c": true}, {"c": 2}, {}], "plain": ["p", "q"]});
        assert_eq!(texts(&value, "a.b"), ["x"]);
        assert_eq!(texts(&value, "list.*.c"), ["true", "2"]);
        assert_eq!(texts(&value, "plain.*"), ["p", "q"]);
        assert!(texts(&value, "none.b").is_empty());
    }
}
