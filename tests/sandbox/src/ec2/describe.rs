//! What all of EC2's describing operations share: IDs that must exist, filters, pages.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
        page,
    },
    identity::matches,
};

/// How a kind of resource is listed.
pub struct Kind<'a> {
    /// Parameter that lists IDs, such as `VpcId`.
    pub ids: &'a str,
    /// Error code of an unknown ID.
    pub missing: &'a str,
    /// What the error calls it: "vpc ID".
    pub called: &'a str,
    /// Element of the answer that holds the list.
    pub set: &'a str,
    /// Page sizes that are allowed.
    pub sizes: (i64, i64),
}

/// One resource on its way into an answer.
pub struct Entry {
    pub id: String,
    /// Sorts the listing.
    pub order: u64,
    pub tags: BTreeMap<String, String>,
    /// Values by the name of the filter that tests them.
    pub filterable: Vec<(&'static str, Vec<String>)>,
    pub value: Value,
}

/// Answers a describing request out of all entries of a kind.
pub fn answer(call: &Call<'_>, query: &Query, kind: &Kind<'_>, entries: Vec<Entry>) -> Result<Value> {
    let ids = query.list(kind.ids);
    if let Some(id) = ids.iter().find(|id| !entries.iter().any(|entry| entry.id == **id)) {
        return Err(AwsError::client(kind.missing, format!("The {} '{id}' does not exist", kind.called)));
    }
    let filters = query.filters();
    let mut found = Vec::new();
    for entry in entries {
        if (ids.is_empty() || ids.contains(&entry.id)) && fits(&entry, &filters)? {
            found.push(entry);
        }
    }
    found.sort_by_key(|entry| entry.order);
    let asked = query.integer("MaxResults")?;
    let token = query.text("NextToken");
    if let Some(size) = asked {
        let (least, most) = kind.sizes;
        if !(least..=most).contains(&size) {
            return Err(AwsError::client(
                "InvalidParameterValue",
                format!(
                    "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}."
                ),
            ));
        }
        if !ids.is_empty() {
            return Err(AwsError::client(
                "InvalidParameterCombination",
                format!(
                    "The parameter {}s and the parameter maxResults cannot be used in the same request",
                    kind.called
                ),
            ));
        }
    }
    let size = asked.and_then(|size| usize::try_from(size).ok()).unwrap_or(1000);
    let fingerprint = format!("{} {} {}", call.account, call.region, query.fingerprint(&["MaxResults", "NextToken"]));
    let items = found.into_iter().map(|entry| (page::key(entry.order), entry.value)).collect();
    let (page, next) = page::page(items, size, token, &fingerprint, &call.world.paging_secret)
        .ok_or_else(|| AwsError::client("InvalidNextToken", "The token is not valid."))?;
    let mut answer = Map::new();
    answer.insert(kind.set.to_owned(), Value::Array(page));
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), next.into());
    }
    Ok(Value::Object(answer))
}

/// Filters must all fit; of one filter's values any. `*` matches any run of characters.
fn fits(entry: &Entry, filters: &[(String, Vec<String>)]) -> Result<bool> {
    for (name, wanted) in filters {
        let any = |value: &str| wanted.iter().any(|pattern| matches(pattern, value));
        let fits = if name == "tag-key" {
            entry.tags.keys().any(|key| any(key))
        } else if let Some(tag) = name.strip_prefix("tag:") {
            entry.tags.get(tag).is_some_and(|value| any(value))
        } else {
            let Some((_, values)) = entry.filterable.iter().find(|(known, _)| known == name) else {
                return Err(AwsError::client("InvalidParameterValue", format!("The filter '{name}' is invalid")));
            };
            values.iter().any(|value| any(value))
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}
