//! The Secrets that hold a release: one per revision, as in Helm's storage driver.
//!
//! Creating the Secret of a revision takes the lock: only one writer can. Secrets written by this provider carry two
//! more annotations, which Helm drops when it writes the Secret: the writer and, until it is finished, a sign of
//! life.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use helm::{Release, SECRET_KEY, SECRET_TYPE, Status, Written};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;

use super::super::client::Client;
use super::super::error::{Error as ApiError, Kind};
use super::super::object::{Resource, annotations, labels, name};
use super::super::request::{METADATA, METADATA_LIST};
use super::error::{Error, Result};

/// The writer of the Secret: a number that differs for each operation.
const WRITER: &str = "ekshybrid/writer";
/// Time of the last sign of life from the writer of an unfinished revision.
const ALIVE: &str = "ekshybrid/alive";
/// Interval between signs of life.
pub(super) const BEAT: Duration = Duration::from_secs(5);

/// One stored revision.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The recorded release.
    pub release: Release,
    /// The metadata of its Secret.
    pub entry: Entry,
}

/// A stored revision without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Revision number, starting at 1.
    pub revision: i64,
    /// Its status.
    pub status: Status,
    /// Time of the last write.
    pub written: Option<Timestamp>,
    /// Whether this provider wrote it last.
    pub by_this_provider: bool,
    pub(super) secret: String,
    pub(super) version: String,
    pub(super) alive: Option<Timestamp>,
}

impl Entry {
    fn of(secret: &Json) -> Option<Self> {
        let labels = labels(secret);
        let annotations = annotations(secret);
        let seconds = ["modifiedAt", "createdAt"].iter().find_map(|label| labels.get(*label)?.parse().ok());
        let made = || secret.pointer("/metadata/creationTimestamp").and_then(Json::as_str)?.parse().ok();
        Some(Self {
            revision: labels.get("version")?.parse().ok()?,
            status: Status::from_name(labels.get("status").map_or("", String::as_str)),
            written: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).or_else(made),
            by_this_provider: annotations.contains_key(WRITER),
            secret: name(secret).to_owned(),
            version: version(secret).to_owned(),
            alive: annotations.get(ALIVE).and_then(|time| time.parse().ok()),
        })
    }

    /// Whether an operation is in progress, or was interrupted.
    pub(super) fn is_unfinished(&self) -> bool {
        self.status.is_pending() || self.status == Status::Uninstalling
    }
}

fn version(secret: &Json) -> &str {
    secret.pointer("/metadata/resourceVersion").and_then(Json::as_str).unwrap_or_default()
}

/// The Secrets of one release.
#[derive(Clone, Debug)]
pub(super) struct Store {
    client: Client,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Store {
    pub(super) fn new(client: &Client, namespace: &str, name: &str) -> Self {
        Self { client: client.clone(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn told(&self) -> String {
        format!("release {}/{}", self.namespace, self.name)
    }

    /// All revisions, oldest first, in one request without their content.
    pub(super) async fn entries(&self) -> Result<Vec<Entry>> {
        let selector = format!("owner=helm,name={}", self.name);
        let mut found = Vec::new();
        self.client
            .accepting(METADATA_LIST)
            .pages(&Resource::SECRET, Some(&self.namespace), Some(&selector), |secret| found.extend(Entry::of(&secret)))
            .await
            .map_err(Error::request(format!("list the revisions of {}", self.told())))?;
        found.sort_by_key(|entry: &Entry| entry.revision);
        Ok(found)
    }

    /// The newest revision that is not superseded, in one request: the deployed one, or one that failed after it.
    pub(super) async fn newest(&self) -> Result<Option<Revision>> {
        let selector = format!("owner=helm,name={},status!=superseded", self.name);
        let mut newest: Option<(Entry, Json)> = None;
        self.client
            .pages(&Resource::SECRET, Some(&self.namespace), Some(&selector), |secret| {
                if let Some(entry) = Entry::of(&secret)
                    && newest.as_ref().is_none_or(|(other, _)| other.revision < entry.revision)
                {
                    newest = Some((entry, secret));
                }
            })
            .await
            .map_err(Error::request(format!("read {}", self.told())))?;
        newest.map(|(entry, secret)| self.decode(entry, &secret)).transpose()
    }

    /// The content of a revision; `None` if it no longer exists.
    pub(super) async fn read(&self, entry: &Entry) -> Result<Option<Revision>> {
        let secret = self.client.get(&Resource::SECRET, Some(&self.namespace), &entry.secret).await;
        let secret = secret.map_err(Error::request(format!("read revision {} of {}", entry.revision, self.told())))?;
        let Some(secret) = secret else { return Ok(None) };
        let entry = Entry::of(&secret).unwrap_or_else(|| entry.clone());
        self.decode(entry, &secret).map(Some)
    }

    fn decode(&self, entry: Entry, secret: &Json) -> Result<Revision> {
        let unreadable = |source| Error::Stored { secret: format!("{}/{}", self.namespace, entry.secret), source };
        let data = secret["data"][SECRET_KEY].as_str().unwrap_or_default();
        let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| unreadable(helm::Error::Release("its data is not base64".to_owned())))?;
        let release = Release::from_secret(&text, &labels(secret)).map_err(unreadable)?;
        Ok(Revision { release, entry })
    }

    /// The Secret of a new revision, if it fits into one. Sends nothing.
    pub(super) fn new_secret(&self, release: &Release) -> Result<NewSecret> {
        let writer = writer();
        let body = self.secret(release, Written::Created(Timestamp::now()), &writer, None)?;
        Ok(NewSecret { revision: release.revision, name: release.secret_name(), writer, body })
    }

    /// Stores a new revision, which takes the lock.
    pub(super) async fn create(&self, new: NewSecret) -> Result<Record> {
        let NewSecret { revision, name: secret, writer, body } = new;
        let doing = || format!("store revision {revision} of {}", self.told());
        let made = match self.client.create(&Resource::SECRET, Some(&self.namespace), &body).await {
            Ok(made) => made,
            // It may be stored nevertheless.
            Err(error) if matches!(error.kind(), Kind::AlreadyExists | Kind::AnswerLost { .. }) => {
                let found = self.client.get(&Resource::SECRET, Some(&self.namespace), &secret).await;
                match found.map_err(Error::request(doing()))? {
                    Some(found) if annotations(&found).get(WRITER) == Some(&writer) => found,
                    Some(_) => return Err(self.another_writer(revision)),
                    None => return Err(Error::Request { doing: doing(), source: error }),
                }
            }
            Err(error) => return Err(Error::Request { doing: doing(), source: error }),
        };
        Ok(Record { store: self.clone(), revision, secret, writer, version: Mutex::new(version(&made).to_owned()) })
    }

    /// Adopts the Secret of an existing revision, as it was read.
    pub(super) fn adopt(&self, entry: &Entry) -> Record {
        Record {
            store: self.clone(),
            revision: entry.revision,
            secret: entry.secret.clone(),
            writer: writer(),
            version: Mutex::new(entry.version.clone()),
        }
    }

    fn secret(&self, release: &Release, written: Written, writer: &str, version: Option<&str>) -> Result<Json> {
        let text = release.encode().map_err(|error| match error {
            helm::Error::ReleaseTooLarge { bytes } => Error::TooLarge { bytes },
            source => Error::Stored { secret: format!("{}/{}", self.namespace, release.secret_name()), source },
        })?;
        let mut annotations = BTreeMap::from([(WRITER, writer.to_owned())]);
        if release.status.is_pending() || release.status == Status::Uninstalling {
            annotations.insert(ALIVE, Timestamp::now().to_string());
        }
        let mut metadata = json!({
            "name": release.secret_name(),
            "namespace": self.namespace,
            "labels": release.secret_labels(written),
            "annotations": annotations,
        });
        if let Some(version) = version {
            metadata["resourceVersion"] = version.into();
        }
        Ok(json!({
            "apiVersion": "v1", "kind": "Secret", "type": SECRET_TYPE, "metadata": metadata,
            "data": { SECRET_KEY: STANDARD.encode(text) },
        }))
    }

    /// Deletes revisions.
    pub(super) async fn remove<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) -> Result<()> {
        for entry in entries {
            let removed = self.client.delete(&Resource::SECRET, Some(&self.namespace), &entry.secret).await;
            removed.map_err(Error::request(format!("remove revision {} of {}", entry.revision, self.told())))?;
        }
        Ok(())
    }

    pub(super) fn another_writer(&self, revision: i64) -> Error {
        Error::AnotherWriter { name: self.name.clone(), revision }
    }
}

/// Names of the releases in a namespace, from the metadata of their Secrets.
pub(super) async fn names(client: &Client, namespace: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let each = |secret: Json| found.extend(labels(&secret).remove("name"));
    let client = client.accepting(METADATA_LIST);
    let listed = client.pages(&Resource::SECRET, Some(namespace), Some("owner=helm"), each).await;
    listed.map_err(Error::request(format!("list the releases of namespace {namespace}")))?;
    Ok(found)
}

/// A number that differs for each call: the state it is hashed with is random.
fn writer() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// The Secret of a revision not stored yet.
pub(super) struct NewSecret {
    revision: i64,
    name: String,
    writer: String,
    body: Json,
}

/// The Secret of the revision in progress.
pub(super) struct Record {
    store: Store,
    revision: i64,
    secret: String,
    writer: String,
    /// The Secret's resourceVersion: each write names the one last seen, so nothing written by others is overwritten.
    version: Mutex<String>,
}

impl Record {
    /// Writes the result of the revision.
    ///
    /// # Errors
    /// [`Error::AnotherWriter`] if someone else wrote it in the meantime; [`Error::Request`].
    pub(super) async fn write(&self, release: &Release) -> Result<()> {
        self.write_by(&self.store.client, release).await
    }

    /// The same with a client that is not cancelled when Terraform asks to stop.
    pub(super) async fn write_at_last(&self, release: &Release) -> Result<()> {
        let client = self.store.client.with_cancel(tokio_util::sync::CancellationToken::new());
        self.write_by(&client, release).await
    }

    async fn write_by(&self, client: &Client, release: &Release) -> Result<()> {
        let mut known = self.version.lock().await;
        loop {
            let written = Written::Modified(Timestamp::now());
            let body = self.store.secret(release, written, &self.writer, Some(known.as_str()))?;
            match client.replace(&Resource::SECRET, Some(&self.store.namespace), &body).await {
                Ok(secret) => {
                    version(&secret).clone_into(&mut known);
                    return Ok(());
                }
                Err(error) => *known = self.still_ours(client, error).await?,
            }
        }
    }

    /// Renews the sign of life.
    async fn beat(&self) -> Result<()> {
        let client = self.store.client.accepting(METADATA);
        let mut known = self.version.lock().await;
        loop {
            let patch = json!({ "metadata": {
                "resourceVersion": known.as_str(), "annotations": { ALIVE: Timestamp::now().to_string() },
            } });
            match client.merge(&Resource::SECRET, Some(&self.store.namespace), &self.secret, patch).await {
                Ok(secret) => {
                    version(&secret).clone_into(&mut known);
                    return Ok(());
                }
                Err(error) => *known = self.still_ours(&client, error).await?,
            }
        }
    }

    /// The Secret's resourceVersion, if a write conflicted although the Secret is ours: a response was lost and the
    /// write retried.
    async fn still_ours(&self, client: &Client, error: ApiError) -> Result<String> {
        let doing = || format!("record revision {} of {}", self.revision, self.store.told());
        if !matches!(error.kind(), Kind::Changed | Kind::NotFound) {
            return Err(Error::Request { doing: doing(), source: error });
        }
        let found = client.get(&Resource::SECRET, Some(&self.store.namespace), &self.secret).await;
        match found.map_err(Error::request(doing()))? {
            Some(found) if annotations(&found).get(WRITER) == Some(&self.writer) => Ok(version(&found).to_owned()),
            _ => Err(self.store.another_writer(self.revision)),
        }
    }

    /// Renews the sign of life until another writer owns the revision, and returns that error.
    pub(super) async fn keep_alive(&self) -> Error {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.beat().await {
                Err(error @ Error::AnotherWriter { .. }) => return error,
                // If the problem is serious, the work itself will fail.
                Err(error) => tracing::debug!("no sign of life for {}: {error}", self.secret),
                Ok(()) => {}
            }
        }
    }
}
