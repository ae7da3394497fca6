//! Reads and writes objects on an API server.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::client::Client;
use super::error::{Attempt, Kind, Result, Verb};
use super::object::{Resource, name as object_name};
use super::request::{Call, METADATA_LIST};

/// Objects per page of a listing. Source: kubectl.
const PAGE: usize = 500;
/// The same for metadata of kinds with many objects: keeps little in memory at a time.
const METADATA_PAGE: usize = 200;

impl Client {
    /// Reads one object; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of the request; [`Kind::NoSuchKind`] if the cluster does not serve the kind.
    pub async fn get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Option<Json>> {
        let attempt = Attempt::new(Verb::Get, resource.told(namespace, name));
        let found = self.call(Call { attempt, path: resource.path(namespace, Some(name)), body: None }).await;
        match found {
            Err(error) if *error.kind() == Kind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// All objects of a kind that match a label selector, in pages. `None` as the namespace means all namespaces.
    ///
    /// # Errors
    /// Those of the request; [`Kind::NoSuchKind`] if the cluster does not serve the kind.
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

    /// The same one by one, so that the whole list need not be in memory: `each` keeps what it needs.
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

    /// One object from a listing that all readers of a run share; `None` if it is not in it. For kinds with few
    /// objects per cluster. After a write by this process, the kind is listed again.
    ///
    /// # Errors
    /// As for [`Client::list`].
    pub async fn listed(&self, resource: &Resource, name: &str) -> Result<Option<Json>> {
        let listing = self.shared.listings.of(resource);
        let list = || async {
            let mut objects = BTreeMap::new();
            self.pages(resource, None, None, |object| drop(objects.insert(object_name(&object).to_owned(), object)))
                .await?;
            Ok(objects)
        };
        Ok(listing.get_or_try_init(list).await?.get(name).cloned())
    }

    /// Server-side apply with the client's field manager. `object` contains its kind, its name and every field to
    /// own; owned fields that it no longer contains are removed. `force` takes fields from other managers.
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
        let attempt = Attempt::new(Verb::Patch, resource.told(namespace, object_name(object)));
        let path = resource.path(namespace, Some(object_name(object)));
        let path = format!("{path}?fieldManager={}&force={force}", self.manager);
        let applied = self.call(Call { attempt, path, body: Some(("application/apply-patch+yaml", object.clone())) });
        let applied = applied.await;
        self.wrote(resource, &applied);
        applied
    }

    /// JSON merge patch: sets the fields of `patch`; `null` removes one.
    ///
    /// # Errors
    /// Those of the request; [`Kind::Changed`] if `patch` contains an outdated resourceVersion.
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

    /// After a write: listings may be outdated, and a definition adds kinds.
    fn wrote(&self, resource: &Resource, written: &Result<Json>) {
        self.shared.listings.forget(resource);
        if let (true, Ok(object)) = (resource.is_definition(), written) {
            self.shared.defined.add(object);
        }
    }

    /// Creates an object.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`]; those of the request.
    pub async fn create(&self, resource: &Resource, namespace: Option<&str>, object: &Json) -> Result<Json> {
        let attempt = Attempt::new(Verb::Create, resource.told(namespace, object_name(object)));
        let path = format!("{}?fieldManager={}", resource.path(namespace, None), self.manager);
        let made = self.call(Call { attempt, path, body: Some(("application/json", object.clone())) }).await;
        self.wrote(resource, &made);
        made
    }

    /// Replaces an existing object, which must have the resourceVersion in `object`.
    ///
    /// # Errors
    /// [`Kind::Changed`] if it does not; those of the request.
    pub async fn replace(&self, resource: &Resource, namespace: Option<&str>, object: &Json) -> Result<Json> {
        let attempt = Attempt::new(Verb::Update, resource.told(namespace, object_name(object)));
        let path = format!("{}?fieldManager={}", resource.path(namespace, Some(object_name(object))), self.manager);
        let written = self.call(Call { attempt, path, body: Some(("application/json", object.clone())) }).await;
        self.wrote(resource, &written);
        written
    }

    /// Deletes an object, and returns whether it existed. Its dependents are deleted in the background.
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

    /// The API server's own version, such as `v1.34.3`. The cheapest request that shows that it responds.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn version(&self) -> Result<String> {
        let call = Call { attempt: Attempt::connect(), path: "/version".to_owned(), body: None };
        Ok(self.call(call).await?["gitVersion"].as_str().unwrap_or_default().to_owned())
    }
}

/// The query parameters of one page.
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
