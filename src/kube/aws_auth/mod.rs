//! The ConfigMap kube-system/aws-auth, which maps IAM roles and users to Kubernetes users and groups.
//!
//! Its keys `mapRoles` and `mapUsers` hold YAML lists as text. Each operation changes one entry and keeps the rest of
//! the text byte for byte; a text that cannot be read is never written. There may be concurrent writers: a change
//! that conflicts with another is retried on the current text.

mod authenticator;
mod document;
mod fault;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use self::text::{Found, Text};
use super::client::Client;
use super::error::{Attempt, Error, Kind, Result, Verb};
use super::object::{Resource, annotations};
use super::request::Call;
use crate::net::pace::Pace;

/// Namespace of the ConfigMap.
const NAMESPACE: &str = "kube-system";
/// Name of the ConfigMap.
const NAME: &str = "aws-auth";
/// Annotation of the ConfigMap: the parts that this provider created, and deletes once nobody uses them. Values:
/// `map`, `mapRoles`, `mapUsers`.
const MADE: &str = "ekshybrid/made";
/// The value for the ConfigMap itself.
const WHOLE: &str = "map";
/// How long a change is retried against concurrent writers.
const CONTEST_FOR: Duration = Duration::from_mins(2);
/// Pauses after a conflict.
const PACE: Pace = Pace { first: Duration::from_millis(50), longest: Duration::from_secs(2) };

/// One of the map's two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Roles: `mapRoles`.
    Roles,
    /// Users: `mapUsers`.
    Users,
}

impl List {
    /// The list's key in the ConfigMap.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Roles => "mapRoles",
            Self::Users => "mapUsers",
        }
    }

    fn arn_member(self) -> &'static str {
        match self {
            Self::Roles => "rolearn",
            Self::Users => "userarn",
        }
    }
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// ARN of the role, without its path, or of the user.
    pub arn: String,
    /// Kubernetes user name, possibly with placeholders such as `{{SessionName}}`; empty if the entry has none.
    pub username: String,
    /// Kubernetes groups.
    pub groups: BTreeSet<String>,
}

impl Entry {
    /// Whether the entry is for `arn`. Source: aws-iam-authenticator, which ignores case.
    #[must_use]
    pub fn is_for(&self, arn: &str) -> bool {
        self.arn.eq_ignore_ascii_case(arn)
    }
}

/// The outcome of adding an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// The entry is now in the list.
    Done,
    /// An entry with this ARN already existed; nothing was changed.
    Exists(Entry),
}

/// The outcome of changing or removing an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Done.
    Done,
    /// The entry does not exist.
    Absent,
    /// Several entries have the ARN, and none equals the requested one; nothing was changed.
    Ambiguous,
}

/// What to do with the text of a list.
enum Edit<T> {
    Nothing(T),
    Write(String, T),
}

impl Client {
    /// The entries of a list in aws-auth; empty if the ConfigMap does not exist.
    ///
    /// # Errors
    /// [`Kind::Malformed`]; those of the request.
    pub async fn aws_auth_entries(&self, list: List) -> Result<Vec<Entry>> {
        let Some(map) = self.get(&Resource::CONFIG_MAP, Some(NAMESPACE), NAME).await? else { return Ok(Vec::new()) };
        let text = read(self, list, Verb::Get, member(&map, list))?;
        Ok(text.entries().cloned().collect())
    }

    /// The current form of the aws-auth entry `wanted`: the equal one, else the only one with its ARN, else the last,
    /// which is the one that takes effect.
    ///
    /// # Errors
    /// As for [`Client::aws_auth_entries`].
    pub async fn aws_auth_entry(&self, list: List, wanted: &Entry) -> Result<Option<Entry>> {
        let mut same = self.aws_auth_entries(list).await?;
        same.retain(|entry| entry.is_for(&wanted.arn));
        Ok(same.iter().position(|entry| entry == wanted).map(|index| same.remove(index)).or_else(|| same.pop()))
    }

    /// Adds an entry to a list in aws-auth, and creates the list and the ConfigMap if they do not exist.
    ///
    /// # Errors
    /// [`Kind::Malformed`]; [`Kind::Changed`] if concurrent writes do not end; those of the requests.
    pub async fn add_aws_auth_entry(&self, list: List, entry: &Entry) -> Result<Added> {
        self.edit_aws_auth(list, |text, tried| {
            match text.entries().filter(|one| one.is_for(&entry.arn)).last() {
                // The response to an earlier attempt was lost.
                Some(found) if tried && found == entry => Ok(Edit::Nothing(Added::Done)),
                Some(found) => Ok(Edit::Nothing(Added::Exists(found.clone()))),
                None => Ok(Edit::Write(text.with(entry)?, Added::Done)),
            }
        })
        .await
    }

    /// Replaces `before` with `after`, which has the same ARN.
    ///
    /// # Errors
    /// As for [`Client::add_aws_auth_entry`].
    pub async fn change_aws_auth_entry(&self, list: List, before: &Entry, after: &Entry) -> Result<Changed> {
        self.edit_aws_auth(list, |text, _| match text.find(before) {
            _ if text.entries().any(|entry| entry == after) => Ok(Edit::Nothing(Changed::Done)),
            Found::At(index) => Ok(Edit::Write(text.with_changed(index, after)?, Changed::Done)),
            Found::Nowhere => Ok(Edit::Nothing(Changed::Absent)),
            Found::Several => Ok(Edit::Nothing(Changed::Ambiguous)),
        })
        .await
    }

    /// Removes an entry from a list in aws-auth, and with it the list and the ConfigMap if this provider created them
    /// and nothing else is in them.
    ///
    /// # Errors
    /// As for [`Client::add_aws_auth_entry`].
    pub async fn remove_aws_auth_entry(&self, list: List, entry: &Entry) -> Result<Changed> {
        self.edit_aws_auth(list, |text, tried| match text.find(entry) {
            Found::At(index) => Ok(Edit::Write(text.without(index)?, Changed::Done)),
            Found::Nowhere if tried => Ok(Edit::Nothing(Changed::Done)),
            Found::Nowhere => Ok(Edit::Nothing(Changed::Absent)),
            Found::Several => Ok(Edit::Nothing(Changed::Ambiguous)),
        })
        .await
    }

    /// Reads the ConfigMap, lets `decide` produce a new text, and writes it over the version that was read. `decide`
    /// is also given whether a write was attempted before.
    async fn edit_aws_auth<T>(
        &self,
        list: List,
        decide: impl Fn(&Text<'_>, bool) -> std::result::Result<Edit<T>, fault::Fault>,
    ) -> Result<T> {
        let begun = Instant::now();
        let mut attempts = 0;
        let mut tried = false;
        loop {
            let map = self.get(&Resource::CONFIG_MAP, Some(NAMESPACE), NAME).await?;
            let old = map.as_ref().map_or("", |map| member(map, list));
            let text = read(self, list, Verb::Update, old)?;
            let decided = decide(&text, tried).map_err(|fault| malformed(self, list, Verb::Update, &fault))?;
            let (new, outcome) = match decided {
                Edit::Nothing(outcome) => return Ok(outcome),
                Edit::Write(new, outcome) => (new, outcome),
            };
            let is_blank = read(self, list, Verb::Update, &new)?.is_blank();
            let error = match self.write_aws_auth(list, map.as_ref(), &new, is_blank).await {
                Ok(()) => return Ok(outcome),
                Err(error) => error,
            };
            let contested =
                matches!(error.kind(), Kind::Changed | Kind::AlreadyExists | Kind::NotFound | Kind::AnswerLost { .. });
            attempts += 1;
            let pause = PACE.after(attempts);
            if !contested || begun.elapsed() + pause > CONTEST_FOR {
                return Err(error);
            }
            tried = true;
            tracing::info!(cluster = self.cluster(), "aws-auth was changed by others at the same time; again");
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => {
                    let attempt = Attempt::new(Verb::Update, told());
                    return Err(Error::new(Kind::Cancelled { may_exist: false }, attempt, self.cluster()));
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One write over the version of the ConfigMap that was read.
    async fn write_aws_auth(&self, list: List, map: Option<&Json>, new: &str, is_blank: bool) -> Result<()> {
        let Some(map) = map else {
            let object = json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": NAME,
                    "namespace": NAMESPACE,
                    "annotations": { MADE: format!("{WHOLE},{}", list.member()) },
                },
                "data": { list.member(): new },
            });
            return self.create(&Resource::CONFIG_MAP, Some(NAMESPACE), &object).await.map(drop);
        };
        let mut made = made(map);
        let mut text = Json::from(new);
        if map.pointer(&format!("/data/{}", list.member())).is_none() {
            made.push(list.member().to_owned());
        } else if is_blank && made.iter().any(|word| word == list.member()) {
            made.retain(|word| word != list.member());
            text = Json::Null;
        }
        let version = &map["metadata"]["resourceVersion"];
        let others = map["data"].as_object().into_iter().flatten().any(|(name, _)| name != list.member())
            || map["binaryData"].as_object().is_some_and(|data| !data.is_empty());
        if text.is_null() && !others && made == [WHOLE] {
            return self.delete_aws_auth(version).await;
        }
        let words = if made.is_empty() { Json::Null } else { Json::from(made.join(",")) };
        let patch = json!({
            "metadata": { "resourceVersion": version, "annotations": { MADE: words } },
            "data": { list.member(): text },
        });
        self.merge(&Resource::CONFIG_MAP, Some(NAMESPACE), NAME, patch).await.map(drop)
    }

    async fn delete_aws_auth(&self, version: &Json) -> Result<()> {
        let attempt = Attempt::new(Verb::Delete, told());
        let body = json!({ "preconditions": { "resourceVersion": version } });
        let path = Resource::CONFIG_MAP.path(Some(NAMESPACE), Some(NAME));
        self.call(Call { attempt, path, body: Some(("application/json", body)) }).await.map(drop)
    }
}

fn told() -> String {
    Resource::CONFIG_MAP.told(Some(NAMESPACE), NAME)
}

fn member(map: &Json, list: List) -> &str {
    map["data"][list.member()].as_str().unwrap_or_default()
}

fn made(map: &Json) -> Vec<String> {
    let words = annotations(map).remove(MADE).unwrap_or_default();
    words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn read<'t>(client: &Client, list: List, verb: Verb, text: &'t str) -> Result<Text<'t>> {
    Text::read(list, text).map_err(|fault| malformed(client, list, verb, &fault))
}

fn malformed(client: &Client, list: List, verb: Verb, fault: &fault::Fault) -> Error {
    let kind = Kind::Malformed { member: list.member(), problem: fault.to_string() };
    Error::new(kind, Attempt::new(verb, told()), client.cluster())
}
