//! Sends objects to the cluster in Helm's order, each by server-side apply, and deletes them in reverse order.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use helm::UNINSTALL_ORDER;
use serde_json::Value as Json;

use super::super::client::Client;
use super::super::error::{Attempt, Error as ApiError, Kind, Verb};
use super::super::request::Call;
use super::error::{Error, NotOurs, Refusal, Result};
use super::objects::{Key, Object, is_kept, other_owner};

/// Concurrent requests.
const AT_ONCE: usize = 8;
/// How often an object is retried while its namespace's quota is being updated.
const QUOTA_ATTEMPTS: u32 = 5;

/// Awaits several futures, some concurrently. Results are in the same order.
pub(super) async fn together<T: Send>(all: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    futures::stream::iter(all).buffered(AT_ONCE).collect().await
}

/// A response, with its object.
async fn with<T>(object: &Object, answer: impl Future<Output = T>) -> (&Object, T) {
    (object, answer.await)
}

/// The live object.
pub(super) async fn live(client: &Client, object: &Object) -> super::super::error::Result<Option<Json>> {
    client.get(&object.resource, object.namespace.as_deref(), &object.name).await
}

/// The objects that exist and do not belong to the release, except those it already had.
pub(super) async fn others(
    client: &Client,
    targets: &[Object],
    known: &HashSet<Key>,
    release: &str,
    namespace: &str,
) -> Result<Vec<NotOurs>> {
    let new = targets.iter().filter(|object| !known.contains(&object.key()));
    let found = together(new.map(|object| with(object, live(client, object)).boxed()).collect()).await;
    let mut others = Vec::new();
    for (object, found) in found {
        match found {
            // The kind's definition is among the objects.
            Err(error) if *error.kind() == Kind::NoSuchKind => {}
            Err(source) => {
                return Err(Error::Request { doing: format!("look whether {} exists", object.told()), source });
            }
            Ok(None) => {}
            Ok(Some(live)) => {
                let owner = other_owner(&live, release, namespace);
                others.extend(owner.map(|owner| NotOurs { object: object.told(), owner }));
            }
        }
    }
    Ok(others)
}

/// Applies objects, kind by kind, those of one kind concurrently. Objects unaffected by a refusal are applied all the
/// same, so that all refusals are reported at once. Results are in the order of the objects.
pub(super) async fn apply(client: &Client, objects: &[Object], force: bool) -> Result<Vec<Json>> {
    let (mut applied, mut refused) = (Vec::new(), Vec::new());
    for group in objects.chunk_by(|left, right| left.kind() == right.kind()) {
        let answers = group.iter().map(|object| with(object, apply_one(client, object, force)).boxed());
        let answers = together(answers.collect()).await;
        for (object, answer) in answers {
            match answer {
                Ok(live) => applied.push(live),
                Err(error) => refused.push(Refusal { object: object.told(), error }),
            }
        }
        // The remaining requests would fail the same way.
        if let Some(ends) = refused.iter().find(|refusal| ends_all(&refusal.error)) {
            return Err(Error::Request { doing: format!("apply {}", ends.object), source: ends.error.clone() });
        }
    }
    if refused.is_empty() { Ok(applied) } else { Err(Error::Refused { refused, total: objects.len() }) }
}

fn ends_all(error: &ApiError) -> bool {
    error.is_unreachable()
        || matches!(
            error.kind(),
            Kind::Cancelled { .. } | Kind::Unauthorized | Kind::NoToken | Kind::Certificate { .. } | Kind::Throttled
        )
}

/// One object, with unknown fields rejected as in Helm.
async fn apply_one(client: &Client, object: &Object, force: bool) -> super::super::error::Result<Json> {
    send(client, object, force, "").await
}

/// The object as an apply would leave it now, taking conflicting fields from others.
pub(super) async fn dry_run(client: &Client, object: &Object) -> super::super::error::Result<Json> {
    send(client, object, true, "&dryRun=All").await
}

async fn send(client: &Client, object: &Object, force: bool, more: &str) -> super::super::error::Result<Json> {
    let attempt = Attempt::new(Verb::Patch, object.told());
    let path = object.resource.path(object.namespace.as_deref(), Some(&object.name));
    let path = format!("{path}?fieldManager={}&force={force}&fieldValidation=Strict{more}", client.manager());
    let mut attempts = 0;
    loop {
        attempts += 1;
        let body = Some(("application/apply-patch+yaml", object.body.clone()));
        match client.call(Call { attempt: attempt.clone(), path: path.clone(), body }).await {
            // The ResourceQuota was updated for another object at the same time.
            Err(error) if *error.kind() == Kind::Changed && attempts < QUOTA_ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(50) * attempts).await;
            }
            other => return other,
        }
    }
}

/// The outcome of removing objects.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Objects being deleted.
    pub(super) objects: Vec<Object>,
    /// Kept because they are marked to be kept.
    pub(super) kept: Vec<String>,
    /// Kept because they no longer belong to the release.
    pub(super) not_ours: Vec<String>,
}

/// Deletes those of the objects that belong to the release, in Helm's uninstall order.
pub(super) async fn remove(
    client: &Client,
    mut objects: Vec<Object>,
    release: &str,
    namespace: &str,
) -> Result<Removed> {
    let rank = |object: &Object| UNINSTALL_ORDER.iter().position(|kind| *kind == object.kind());
    // Unlisted kinds are deleted first, as they were installed last: they need the others.
    objects.sort_by_key(|object| rank(object).map_or(0, |rank| rank + 1));
    let mut removed = Removed::default();
    let mut refused = Vec::new();
    for group in objects.chunk_by(|left, right| left.kind() == right.kind()) {
        let answers = group.iter().map(|object| with(object, remove_one(client, object, release, namespace)).boxed());
        let answers = together(answers.collect()).await;
        for (object, answer) in answers {
            match answer {
                Ok(Fate::Absent) => {}
                Ok(Fate::Removed) => removed.objects.push(object.clone()),
                Ok(Fate::Kept) => removed.kept.push(object.told()),
                Ok(Fate::NotOurs) => removed.not_ours.push(object.told()),
                Err(source) if ends_all(&source) => {
                    return Err(Error::Request { doing: format!("remove {}", object.told()), source });
                }
                Err(error) => refused.push(Refusal { object: object.told(), error }),
            }
        }
    }
    if refused.is_empty() { Ok(removed) } else { Err(Error::NotRemoved(refused)) }
}

enum Fate {
    Absent,
    Removed,
    Kept,
    NotOurs,
}

async fn remove_one(
    client: &Client,
    object: &Object,
    release: &str,
    namespace: &str,
) -> super::super::error::Result<Fate> {
    let at = object.namespace.as_deref();
    let live = match client.get(&object.resource, at, &object.name).await {
        Ok(Some(live)) => live,
        Ok(None) => return Ok(Fate::Absent),
        Err(error) if error.is_not_found() => return Ok(Fate::Absent),
        Err(error) => return Err(error),
    };
    if is_kept(&live) {
        return Ok(Fate::Kept);
    }
    if other_owner(&live, release, namespace).is_some() {
        return Ok(Fate::NotOurs);
    }
    client.delete(&object.resource, at, &object.name).await.map(|_| Fate::Removed)
}
