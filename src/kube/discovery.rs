//! What kinds of objects a cluster serves: asked once for a cluster and run, and again when kinds have been added.
//!
//! Aggregated discovery answers everything in two requests; clusters before 1.27 are asked group by group.
//! Source: documentation of Kubernetes, The Kubernetes API, "Discovery API".

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::client::Client;
use super::error::{Attempt, Result, Verb};
use super::object::Resource;
use super::request::Call;

/// The aggregated form, its beta form, and the classic one.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// Groups that are asked for at the same time where they must be asked for one by one.
const AT_ONCE: usize = 8;
/// Pause before another look for kinds that were defined a moment ago.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A kind that the cluster serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The kind and its place in paths.
    pub resource: Resource,
    /// Its objects are in namespaces.
    pub namespaced: bool,
}

/// All kinds that a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// By API version (`apps/v1`) and kind.
    kinds: HashMap<(String, String), Served>,
    /// API versions without kinds count too.
    api_versions: BTreeSet<String>,
}

/// The discoveries of one cluster: the one that is good now, and the API server's version at the same time.
#[derive(Default)]
pub(super) struct Discoveries(Mutex<Arc<OnceCell<Arc<Discovery>>>>, Mutex<Arc<OnceCell<String>>>);

impl Client {
    /// What the cluster serves, as it was when it was first asked for in this run or after the last
    /// [`Client::forget_discovery`].
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn discovery(&self) -> Result<Arc<Discovery>> {
        let cell = Arc::clone(&self.shared.discoveries.0.lock().unwrap_or_else(PoisonError::into_inner));
        cell.get_or_try_init(|| async { self.discover_all().await.map(Arc::new) }).await.cloned()
    }

    /// Asks until the answer has the kinds that this run has defined: the API server that answers may be another one
    /// than the one that has taken the definition.
    async fn discover_all(&self) -> Result<Discovery> {
        loop {
            let found = self.discover().await?;
            if !self.shared.defined.lacks(&found) {
                return Ok(found);
            }
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(found),
                () = tokio::time::sleep(ASK_AGAIN) => {}
            }
        }
    }

    /// The API server's version, such as `v1.34.3`, asked for as seldom as [`Client::discovery`].
    ///
    /// # Errors
    /// Those of the request.
    pub async fn server_version(&self) -> Result<String> {
        let cell = Arc::clone(&self.shared.discoveries.1.lock().unwrap_or_else(PoisonError::into_inner));
        cell.get_or_try_init(|| self.version()).await.cloned()
    }

    /// Kinds have been added or removed: the next caller asks anew.
    pub fn forget_discovery(&self) {
        *self.shared.discoveries.1.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        *self.shared.discoveries.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    async fn discover(&self) -> Result<Discovery> {
        let (core, groups) = tokio::try_join!(self.about("/api"), self.about("/apis"))?;
        let mut found = Discovery::default();
        let mut classic = Vec::new();
        if core["kind"] == "APIGroupDiscoveryList" {
            found.add_aggregated(&core);
        } else {
            let versions = core["versions"].as_array().into_iter().flatten().filter_map(Json::as_str);
            classic.extend(versions.map(str::to_owned));
        }
        if groups["kind"] == "APIGroupDiscoveryList" {
            found.add_aggregated(&groups);
        } else {
            let groups = groups["groups"].as_array().into_iter().flatten();
            let versions = groups.flat_map(|group| group["versions"].as_array().into_iter().flatten());
            classic.extend(versions.filter_map(|version| version["groupVersion"].as_str()).map(str::to_owned));
        }
        let about = |api_version: String| {
            async move {
                let root = if api_version.contains('/') { "/apis" } else { "/api" };
                let list = match self.about(&format!("{root}/{api_version}")).await {
                    // A group whose own server is down has no kinds now; the others have.
                    Err(error) if error.is_not_found() || error.is_unreachable() => Json::Null,
                    other => other?,
                };
                Ok((api_version, list))
            }
            .boxed()
        };
        let all: Vec<_> = classic.into_iter().map(about).collect();
        let lists: Vec<(String, Json)> = futures::stream::iter(all).buffer_unordered(AT_ONCE).try_collect().await?;
        for (api_version, list) in lists {
            found.add_classic(&api_version, &list);
        }
        Ok(found)
    }

    async fn about(&self, path: &str) -> Result<Json> {
        let attempt = Attempt::new(Verb::Get, format!("the kinds under {path}"));
        self.accepting(ACCEPT).call(Call { attempt, path: path.to_owned(), body: None }).await
    }
}

impl Discovery {
    /// The kind that an object names by `apiVersion` and `kind`, if the cluster has it.
    #[must_use]
    pub fn served(&self, api_version: &str, kind: &str) -> Option<&Served> {
        self.kinds.get(&(api_version.to_owned(), kind.to_owned()))
    }

    /// API versions, and each with its kinds (`apps/v1/Deployment`), in order.
    #[must_use]
    pub fn api_versions(&self) -> Vec<String> {
        let kinds = self.kinds.keys().map(|(api_version, kind)| format!("{api_version}/{kind}"));
        let all: BTreeSet<String> = self.api_versions.iter().cloned().chain(kinds).collect();
        all.into_iter().collect()
    }

    fn add_aggregated(&mut self, list: &Json) {
        for group in list["items"].as_array().into_iter().flatten() {
            let group_name = group.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
            for version in group["versions"].as_array().into_iter().flatten() {
                let version_name = version["version"].as_str().unwrap_or_default();
                for one in version["resources"].as_array().into_iter().flatten() {
                    let kind = one.pointer("/responseKind/kind").and_then(Json::as_str);
                    self.add(group_name, version_name, kind, one["resource"].as_str(), one["scope"] == "Namespaced");
                }
                self.add(group_name, version_name, None, None, false);
            }
        }
    }

    fn add_classic(&mut self, api_version: &str, list: &Json) {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        for one in list["resources"].as_array().into_iter().flatten() {
            // Subresources such as `pods/log` are listed too.
            let plural = one["name"].as_str().filter(|name| !name.contains('/'));
            self.add(group, version, one["kind"].as_str(), plural, one["namespaced"] == true);
        }
        self.add(group, version, None, None, false);
    }

    fn add(&mut self, group: &str, version: &str, kind: Option<&str>, plural: Option<&str>, namespaced: bool) {
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        if let (Some(kind), Some(plural)) = (kind, plural) {
            let resource = Resource {
                group: group.to_owned().into(),
                version: version.to_owned().into(),
                kind: kind.to_owned().into(),
                plural: plural.to_owned().into(),
            };
            self.kinds.entry((api_version.clone(), kind.to_owned())).or_insert(Served { resource, namespaced });
        }
        self.api_versions.insert(api_version);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let mut aggregated = Discovery::default();
        aggregated.add_aggregated(&json!({ "items": [
            { "metadata": {}, "versions": [{ "version": "v1", "resources": [
                { "resource": "pods", "responseKind": { "kind": "Pod" }, "scope": "Namespaced",
                  "subresources": [{ "subresource": "log" }] },
            ] }] },
            { "metadata": { "name": "rbac.authorization.k8s.io" }, "versions": [{ "version": "v1", "resources": [
                { "resource": "clusterroles", "responseKind": { "kind": "ClusterRole" }, "scope": "Cluster" },
            ] }] },
            { "metadata": { "name": "empty.example" }, "versions": [{ "version": "v1beta1" }] },
        ] }));
        let mut classic = Discovery::default();
        classic.add_classic("v1", &json!({ "resources": [
            { "name": "pods", "kind": "Pod", "namespaced": true }, { "name": "pods/log", "kind": "Pod", "namespaced": true },
        ] }));
        classic.add_classic(
            "rbac.authorization.k8s.io/v1",
            &json!({ "resources": [{ "name": "clusterroles", "kind": "ClusterRole", "namespaced": false }] }),
        );
        classic.add_classic("empty.example/v1beta1", &Json::Null);
        assert_eq!(aggregated, classic);

        let pod = aggregated.served("v1", "Pod").expect("it is served");
        assert_eq!((&pod.resource, pod.namespaced), (&Resource::POD, true));
        let role = aggregated.served("rbac.authorization.k8s.io/v1", "ClusterRole").expect("it is served");
        assert!(!role.namespaced);
        assert_eq!(aggregated.served("v1", "ClusterRole"), None);
        assert_eq!(
            aggregated.api_versions(),
            [
                "empty.example/v1beta1",
                "rbac.authorization.k8s.io/v1",
                "rbac.authorization.k8s.io/v1/ClusterRole",
                "v1",
                "v1/Pod"
            ]
        );
    }
}
