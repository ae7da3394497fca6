//! The kinds of objects that a cluster serves.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::object::Resource;

/// A kind that the cluster serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The kind and its name in paths.
    pub resource: Resource,
    /// Whether its objects are namespaced.
    pub namespaced: bool,
}

/// All kinds that a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// By API version (`apps/v1`) and kind.
    kinds: HashMap<(String, String), Served>,
    /// API versions without kinds are included.
    api_versions: BTreeSet<String>,
}

/// The discovery cache of one cluster: the kinds, and the API server's version at the same time.
#[derive(Default)]
pub(super) struct Discoveries(Mutex<Arc<OnceCell<Arc<Discovery>>>>, Mutex<Arc<OnceCell<String>>>);

impl Discoveries {
    /// The current discovery, filled by its first reader.
    pub(super) fn kinds(&self) -> Arc<OnceCell<Arc<Discovery>>> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The API server's version, likewise.
    pub(super) fn version(&self) -> Arc<OnceCell<String>> {
        Arc::clone(&self.1.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Kinds have been added or removed: the next caller queries again.
    pub(super) fn forget(&self) {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }
}

impl Discovery {
    /// The kind named by an object's `apiVersion` and `kind`, if the cluster serves it.
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

    /// Adds a list in the aggregated format.
    pub(super) fn add_aggregated(&mut self, list: &Json) {
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

    /// Adds a list in the classic format.
    pub(super) fn add_classic(&mut self, api_version: &str, list: &Json) {
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
