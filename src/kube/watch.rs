//! Collections kept current by a watch: whoever waits for a change learns of it when it happens.
//!
//! Source: Kubernetes API concepts, "Efficient detection of changes". If a watch ends, or is not permitted, the
//! collection is listed again after a pause, so that the caller sees every change in any case, only later.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use kube::core::WatchEvent;
use serde_json::Value as Json;

use super::client::Client;
use super::error::{Attempt, Result, Verb};
use super::object::Resource;
use super::request::Call;
use crate::net::pace::Pace;

/// Objects per page of a listing. Source: kubectl.
const PAGE: usize = 500;
/// Pause before a collection is listed again.
const PACE: Pace = Pace { first: Duration::from_secs(1), longest: Duration::from_secs(1) };
/// How long the API server keeps a watch. Its own limit is between 30 and 60 minutes.
const WATCH_SECONDS: u32 = 290;
/// A watch without even a bookmark for this long is dead: the API server sends one about every minute.
const SILENCE: Duration = Duration::from_secs(150);

/// What a watch shows.
#[derive(Debug)]
pub(super) enum Seen {
    /// The whole collection: at first, and after each interruption.
    All(Vec<Json>),
    /// An object that is new or has changed.
    Changed(Json),
    /// An object that no longer exists, or is no longer selected.
    Deleted(Json),
}

type Events = BoxStream<'static, kube::Result<WatchEvent<Json>>>;

struct Watch {
    of: Collection,
    /// Version of a listing that no watch has followed yet.
    version: Option<String>,
    events: Option<Events>,
    has_listed: bool,
}

/// What is watched.
struct Collection {
    client: Client,
    resource: Resource,
    /// `None`: all of them.
    namespace: Option<String>,
    fields: Option<String>,
    labels: Option<String>,
}

impl Client {
    /// The objects of a kind in all namespaces, by a field selector if there is one, and every change to them. The
    /// stream does not end by itself. It may be dropped at any time.
    pub(super) fn watched(&self, resource: &Resource, fields: Option<String>) -> BoxStream<'static, Result<Seen>> {
        Collection { client: self.clone(), resource: resource.clone(), namespace: None, fields, labels: None }.watched()
    }

    /// The same of one namespace, by a label selector.
    pub(super) fn watched_in(
        &self,
        resource: &Resource,
        namespace: &str,
        labels: String,
    ) -> BoxStream<'static, Result<Seen>> {
        let namespace = Some(namespace.to_owned());
        Collection { client: self.clone(), resource: resource.clone(), namespace, fields: None, labels: Some(labels) }
            .watched()
    }
}

impl Watch {
    async fn next(&mut self) -> Result<Seen> {
        loop {
            if let Some(seen) = self.event().await {
                return Ok(seen);
            }
            if let Some(version) = self.version.take() {
                match self.of.open(&version).await {
                    Ok(events) => {
                        self.events = Some(events);
                        continue;
                    }
                    Err(why) => tracing::debug!("no watch of {}: {why}", self.of.resource.plural),
                }
            }
            if std::mem::replace(&mut self.has_listed, true) {
                tokio::time::sleep(PACE.after(1)).await;
            }
            let (objects, version) = self.of.list().await?;
            self.version = Some(version);
            return Ok(Seen::All(objects));
        }
    }

    /// The next event of an open watch; `None` if none is open any more.
    async fn event(&mut self) -> Option<Seen> {
        let events = self.events.as_mut()?;
        loop {
            match tokio::time::timeout(SILENCE, events.next()).await {
                Ok(Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)))) => {
                    return Some(Seen::Changed(object));
                }
                Ok(Some(Ok(WatchEvent::Deleted(object)))) => return Some(Seen::Deleted(object)),
                Ok(Some(Ok(WatchEvent::Bookmark(_)))) => {}
                // An outdated version (410 Gone), a lost connection, or the regular end.
                ended => {
                    tracing::debug!("the watch of {} ended: {ended:?}", self.of.resource.plural);
                    self.events = None;
                    return None;
                }
            }
        }
    }
}

impl Collection {
    fn watched(self) -> BoxStream<'static, Result<Seen>> {
        let watch = Watch { of: self, version: None, events: None, has_listed: false };
        stream::unfold(watch, |mut watch| async move { Some((watch.next().await, watch)) }).boxed()
    }

    async fn open(&self, version: &str) -> std::result::Result<Events, String> {
        let timeout = WATCH_SECONDS.to_string();
        let path = self.path(&[
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &timeout),
            ("resourceVersion", version),
        ]);
        let call = Call { attempt: self.attempt(), path, body: None };
        let request = self.client.request(&call).await.map_err(|error| error.to_string())?;
        let events = self.client.shared.http.request_events::<Json>(request.map(|_| Vec::new())).await;
        Ok(events.map_err(|error| error.to_string())?.boxed())
    }

    async fn list(&self) -> Result<(Vec<Json>, String)> {
        let (limit, mut objects, mut resume) = (PAGE.to_string(), Vec::new(), None::<String>);
        loop {
            let mut query = vec![("limit", limit.as_str())];
            query.extend(resume.as_deref().map(|token| ("continue", token)));
            let call = Call { attempt: self.attempt(), path: self.path(&query), body: None };
            let mut page = self.client.call(call).await?;
            if let Json::Array(items) = page["items"].take() {
                objects.extend(items);
            }
            let text = |member: &str| page["metadata"][member].as_str().unwrap_or_default().to_owned();
            match text("continue") {
                token if token.is_empty() => return Ok((objects, text("resourceVersion"))),
                token => resume = Some(token),
            }
        }
    }

    fn attempt(&self) -> Attempt {
        Attempt::new(Verb::List, self.resource.plural.as_ref())
    }

    fn path(&self, query: &[(&str, &str)]) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(query);
        text.extend_pairs(self.fields.as_deref().map(|fields| ("fieldSelector", fields)));
        text.extend_pairs(self.labels.as_deref().map(|labels| ("labelSelector", labels)));
        format!("{}?{}", self.resource.path(self.namespace.as_deref(), None), text.finish())
    }
}
