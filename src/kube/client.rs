//! The way to one API server: what is read and written there.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::FIELD_MANAGER;
use super::discovery::Discoveries;
use super::error::{Attempt, Caller, Error, Kind, Result, Verb};
use super::listing::Listings;
use super::object::{Resource, name};
use super::request::{Call, METADATA_LIST, OBJECTS};
use super::settling::{Access, Defined};
use super::target::{Target, TokenSource, reason};

/// Until a connection stands.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Objects in one page of a listing. Source: kubectl's own.
const PAGE: usize = 500;
/// The same where only metadata is wanted of kinds with many objects: little is held at a time.
const METADATA_PAGE: usize = 200;

/// What all clones share.
pub(super) struct Shared {
    pub(super) cluster: String,
    /// Scheme, host and port, for messages.
    pub(super) address: String,
    pub(super) http: kube::Client,
    pub(super) tokens: Option<Arc<dyn TokenSource>>,
    /// Where the credentials come from.
    pub(super) caller: Caller,
    /// The server has answered once, whatever it said.
    pub(super) has_answered: AtomicBool,
    /// Repeats were of no use: the server cannot be reached at all.
    pub(super) given_up: AtomicBool,
    pub(super) listings: Listings,
    pub(super) discoveries: Discoveries,
    /// The kinds that this run has defined.
    pub(super) defined: Defined,
    /// Since when requests of an apply are sent, and whether one was allowed.
    pub(super) access: Access,
}

/// One API server. Cheap to clone; clones share connections and listings.
#[derive(Clone)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) cancel: CancellationToken,
    /// The field manager of what is written.
    manager: &'static str,
    /// The form in which answers are asked for.
    pub(super) accept: &'static str,
    /// Readings do not wait long for a server that has never answered.
    pub(super) is_looking: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("cluster", &self.shared.cluster)
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Prepares the way. Nothing is sent; a kubeconfig file is read, and a program for credentials is run.
    ///
    /// # Errors
    /// [`Kind::Configuration`].
    pub async fn new(target: &Target) -> Result<Self> {
        let (mut config, tokens) = target.config().await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Ours is the only place that repeats: it knows what may be, and tells it in the log.
        config.default_retry = false;
        config.read_timeout = None;
        let address = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        // Making the stack may run a program, which blocks.
        let made = tokio::task::spawn_blocking(move || {
            kube::client::ClientBuilder::try_from(config).map(kube::client::ClientBuilder::build)
        });
        let unusable = |why: String| {
            let argument = if matches!(target.credentials, super::Credentials::Exec(_)) { "exec" } else { "host" };
            Error::new(Kind::Configuration { argument, problem: why }, Attempt::connect(), &target.cluster)
        };
        let http = match made.await {
            Ok(Ok(http)) => http,
            Ok(Err(error)) => return Err(unusable(reason(&error))),
            Err(error) => return Err(unusable(error.to_string())),
        };
        let shared = Shared {
            cluster: target.cluster.clone(),
            address,
            http,
            tokens,
            caller: target.credentials.caller(),
            has_answered: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            listings: Listings::default(),
            discoveries: Discoveries::default(),
            defined: Defined::default(),
            access: Access::default(),
        };
        let cancel = CancellationToken::new();
        Ok(Self { shared: Arc::new(shared), cancel, manager: FIELD_MANAGER, accept: OBJECTS, is_looking: false })
    }

    /// The same client, whose requests end when `cancel` does.
    #[must_use]
    pub fn with_cancel(&self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self.clone() }
    }

    /// The same client for somebody who looks how things are, as a plan does, and wants to know soon that the server
    /// cannot be reached. What is written waits as long as ever.
    #[must_use]
    pub fn for_reads(&self) -> Self {
        Self { is_looking: true, ..self.clone() }
    }

    /// The same client writing under the name of another field manager, for objects that another program goes on with.
    #[must_use]
    pub fn as_manager(&self, manager: &'static str) -> Self {
        Self { manager, ..self.clone() }
    }

    /// The same client asking for answers in another form.
    pub(super) fn accepting(&self, accept: &'static str) -> Self {
        Self { accept, ..self.clone() }
    }

    /// The field manager of what is written.
    pub(super) fn manager(&self) -> &'static str {
        self.manager
    }

    /// Name of the cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.shared.cluster
    }

    /// Scheme, host and port of the API server.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// One object, `None` when it does not exist.
    ///
    /// # Errors
    /// Those of the request; [`Kind::NoSuchKind`] when the cluster does not serve the kind.
    pub async fn get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Option<Json>> {
        let attempt = Attempt::new(Verb::Get, resource.told(namespace, name));
        let found = self.call(Call { attempt, path: resource.path(namespace, Some(name)), body: None }).await;
        match found {
            Err(error) if *error.kind() == Kind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// All objects of a kind that a label selector chooses, in pages. `None` as the namespace means all of them.
    ///
    /// # Errors
    /// Those of the request; [`Kind::NoSuchKind`] when the cluster does not serve the kind.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Vec<Json>> {
        let mut found = Vec::new();
        self.pages(resource, namespace, selector, |item| found.push(item)).await?;
        Ok(found)
    }

    /// The same one by one, so that the whole need not be held: `each` keeps what it wants.
    ///
    /// # Errors
    /// As for [`Client::list`].
    pub async fn pages(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: Option<&str>,
        mut each: impl FnMut(Json),
    ) -> Result<()> {
        self.pages_of(PAGE, resource, namespace, selector, &mut each).await
    }

    /// The metadata of every object of a kind, one by one.
    ///
    /// # Errors
    /// As for [`Client::list`].
    pub async fn metadata_pages(&self, resource: &Resource, mut each: impl FnMut(Json)) -> Result<()> {
        self.accepting(METADATA_LIST).pages_of(METADATA_PAGE, resource, None, None, &mut each).await
    }

    async fn pages_of(
        &self,
        size: usize,
        resource: &Resource,
        namespace: Option<&str>,
        selector: Option<&str>,
        each: &mut impl FnMut(Json),
    ) -> Result<()> {
        let attempt = Attempt::new(Verb::List, resource.plural.as_ref());
        let mut resume: Option<String> = None;
        loop {
            let query = query(size, selector, resume.as_deref());
            let path = format!("{}?{query}", resource.path(namespace, None));
            let mut page = self.call(Call { attempt: attempt.clone(), path, body: None }).await?;
            if let Json::Array(items) = page["items"].take() {
                items.into_iter().for_each(&mut *each);
            }
            match page.pointer("/metadata/continue").and_then(Json::as_str) {
                Some(token) if !token.is_empty() => resume = Some(token.to_owned()),
                _ => return Ok(()),
            }
        }
    }

    /// One object out of a listing that all readers of a run share, `None` when it is not in it. For kinds of which
    /// a cluster has few; what this process writes itself is listed anew.
    ///
    /// # Errors
    /// As for [`Client::list`].
    pub async fn listed(&self, resource: &Resource, name: &str) -> Result<Option<Json>> {
        self.shared.listings.read(self, resource, name).await
    }

    /// Server-side apply by the client's field manager. `object` names its kind, its name and every field that
    /// is to be ours; fields that were ours and are not named any more go. With `force` fields are taken from other
    /// managers.
    ///
    /// # Errors
    /// [`Kind::FieldConflict`] without `force`; those of the request.
    pub async fn apply(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Json,
        force: bool,
    ) -> Result<Json> {
        let attempt = Attempt::new(Verb::Patch, resource.told(namespace, name(object)));
        let path = resource.path(namespace, Some(name(object)));
        let path = format!("{path}?fieldManager={}&force={force}", self.manager);
        let applied = self.call(Call { attempt, path, body: Some(("application/apply-patch+yaml", object.clone())) });
        let applied = applied.await;
        self.wrote(resource, &applied);
        applied
    }

    /// JSON merge patch: the fields of `patch`, `null` removing one.
    ///
    /// # Errors
    /// Those of the request; [`Kind::Changed`] when `patch` names a resourceVersion that is over.
    pub async fn merge(&self, resource: &Resource, namespace: Option<&str>, name: &str, patch: Json) -> Result<Json> {
        self.patch(resource, namespace, name, "application/merge-patch+json", patch).await
    }

    /// Strategic merge patch, which knows the keys of lists such as containers and variables.
    ///
    /// # Errors
    /// As for [`Client::merge`].
    pub async fn strategic(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        patch: Json,
    ) -> Result<Json> {
        self.patch(resource, namespace, name, "application/strategic-merge-patch+json", patch).await
    }

    /// JSON patch: a list of operations, all or none. A `test` that fails is [`Kind::Invalid`].
    ///
    /// # Errors
    /// Those of the request.
    pub async fn json_patch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        patch: Json,
    ) -> Result<Json> {
        self.patch(resource, namespace, name, "application/json-patch+json", patch).await
    }

    async fn patch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        content_type: &'static str,
        patch: Json,
    ) -> Result<Json> {
        let attempt = Attempt::new(Verb::Patch, resource.told(namespace, name));
        let target = format!("{}?fieldManager={}", resource.path(namespace, Some(name)), self.manager);
        let patched = self.call(Call { attempt, path: target, body: Some((content_type, patch)) }).await;
        self.wrote(resource, &patched);
        patched
    }

    /// After a write: what is listed may be over, and a definition brings kinds.
    fn wrote(&self, resource: &Resource, written: &Result<Json>) {
        self.shared.listings.forget(resource);
        if let (true, Ok(object)) = (resource.is_definition(), written) {
            self.shared.defined.add(object);
        }
    }

    /// Makes an object.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`]; those of the request.
    pub async fn create(&self, resource: &Resource, namespace: Option<&str>, object: &Json) -> Result<Json> {
        let attempt = Attempt::new(Verb::Create, resource.told(namespace, name(object)));
        let path = format!("{}?fieldManager={}", resource.path(namespace, None), self.manager);
        let made = self.call(Call { attempt, path, body: Some(("application/json", object.clone())) }).await;
        self.wrote(resource, &made);
        made
    }

    /// Writes a whole object over the one that is there, which must be of the resourceVersion that `object` names.
    ///
    /// # Errors
    /// [`Kind::Changed`] when it is not; those of the request.
    pub async fn replace(&self, resource: &Resource, namespace: Option<&str>, object: &Json) -> Result<Json> {
        let attempt = Attempt::new(Verb::Update, resource.told(namespace, name(object)));
        let path = format!("{}?fieldManager={}", resource.path(namespace, Some(name(object))), self.manager);
        let written = self.call(Call { attempt, path, body: Some(("application/json", object.clone())) }).await;
        self.wrote(resource, &written);
        written
    }

    /// Removes an object; whether there was one. What belongs to it goes in the background.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn delete(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<bool> {
        let attempt = Attempt::new(Verb::Delete, resource.told(namespace, name));
        let body = json!({ "propagationPolicy": "Background" });
        let path = resource.path(namespace, Some(name));
        let gone = self.call(Call { attempt, path, body: Some(("application/json", body)) }).await;
        self.shared.listings.forget(resource);
        if resource.is_definition() {
            self.shared.defined.remove(name);
        }
        match gone {
            Err(error) if error.is_not_found() => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// The API server's own version: `v1.34.3`. The cheapest question that shows that it answers.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn version(&self) -> Result<String> {
        let call = Call { attempt: Attempt::connect(), path: "/version".to_owned(), body: None };
        Ok(self.call(call).await?["gitVersion"].as_str().unwrap_or_default().to_owned())
    }
}

/// The query of one page.
fn query(size: usize, selector: Option<&str>, resume: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &size.to_string());
    for (name, value) in [("labelSelector", selector), ("continue", resume)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.finish()
}
