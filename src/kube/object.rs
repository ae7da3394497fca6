//! Kinds of objects, and the parts of their metadata that matter here. Objects are JSON: parts the provider does not
//! know are kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

/// Characters escaped in a path segment.
const PATH_SEGMENT: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// A kind of object as the API server serves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Group, such as `apps`; empty for the core group.
    pub group: Cow<'static, str>,
    /// Version, such as `v1`.
    pub version: Cow<'static, str>,
    /// Kind, such as `DaemonSet`.
    pub kind: Cow<'static, str>,
    /// Name in paths, such as `daemonsets`.
    pub plural: Cow<'static, str>,
}

impl Resource {
    /// CertificateSigningRequest.
    pub const CERTIFICATE_SIGNING_REQUEST: Self =
        Self::built_in("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests");
    /// ClusterRole.
    pub const CLUSTER_ROLE: Self = Self::built_in("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles");
    /// ClusterRoleBinding.
    pub const CLUSTER_ROLE_BINDING: Self =
        Self::built_in("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings");
    /// ConfigMap.
    pub const CONFIG_MAP: Self = Self::built_in("", "v1", "ConfigMap", "configmaps");
    /// ControllerRevision.
    pub const CONTROLLER_REVISION: Self = Self::built_in("apps", "v1", "ControllerRevision", "controllerrevisions");
    /// CustomResourceDefinition.
    pub const CUSTOM_RESOURCE_DEFINITION: Self =
        Self::built_in("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
    /// DaemonSet.
    pub const DAEMON_SET: Self = Self::built_in("apps", "v1", "DaemonSet", "daemonsets");
    /// ENIConfig of the VPC CNI.
    pub const ENI_CONFIG: Self = Self::built_in("crd.k8s.amazonaws.com", "v1alpha1", "ENIConfig", "eniconfigs");
    /// Event.
    pub const EVENT: Self = Self::built_in("", "v1", "Event", "events");
    /// Namespace.
    pub const NAMESPACE: Self = Self::built_in("", "v1", "Namespace", "namespaces");
    /// Node.
    pub const NODE: Self = Self::built_in("", "v1", "Node", "nodes");
    /// Pod.
    pub const POD: Self = Self::built_in("", "v1", "Pod", "pods");
    /// PodDisruptionBudget.
    pub const POD_DISRUPTION_BUDGET: Self =
        Self::built_in("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets");
    /// ReplicaSet.
    pub const REPLICA_SET: Self = Self::built_in("apps", "v1", "ReplicaSet", "replicasets");
    /// Secret.
    pub const SECRET: Self = Self::built_in("", "v1", "Secret", "secrets");
    /// Service.
    pub const SERVICE: Self = Self::built_in("", "v1", "Service", "services");

    const fn built_in(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
        }
    }

    /// `apps/v1`, or `v1` in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Path of the collection, or of the object `name` in it.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let Some(namespace) = namespace {
            path.push_str("/namespaces/");
            path.extend(percent_encoding::utf8_percent_encode(namespace, PATH_SEGMENT));
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            // RBAC objects may have names with characters that are not allowed in a path.
            path.extend(percent_encoding::utf8_percent_encode(name, PATH_SEGMENT));
        }
        path
    }

    /// Whether it is the kind that defines other kinds, in any version.
    pub(super) fn is_definition(&self) -> bool {
        self.group == Self::CUSTOM_RESOURCE_DEFINITION.group && self.plural == Self::CUSTOM_RESOURCE_DEFINITION.plural
    }

    /// `DaemonSet kube-system/aws-node`.
    #[must_use]
    pub fn told(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind),
            None => format!("{} {name}", self.kind),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.api_version())
    }
}

/// `metadata.name`; empty if there is none.
#[must_use]
pub fn name(object: &Json) -> &str {
    object.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default()
}

/// `metadata.labels`.
#[must_use]
pub fn labels(object: &Json) -> BTreeMap<String, String> {
    texts(object.pointer("/metadata/labels"))
}

/// `metadata.annotations`.
#[must_use]
pub fn annotations(object: &Json) -> BTreeMap<String, String> {
    texts(object.pointer("/metadata/annotations"))
}

fn texts(map: Option<&Json>) -> BTreeMap<String, String> {
    let entries = map.and_then(Json::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The fields that `manager` owns in an object, in `managedFields` format (`f:spec` and so on); every entry of the
/// manager counts, however it was written.
#[must_use]
pub fn owned_by<'a>(object: &'a Json, manager: &str) -> Vec<&'a Json> {
    let entries = object.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten();
    entries.filter(|entry| entry["manager"] == manager).map(|entry| &entry["fieldsV1"]).collect()
}

/// Whether an object's controller is `owner`, identified by its UID.
pub(super) fn owned_by_uid(object: &Json, owner: &Json) -> bool {
    let Some(uid) = owner.pointer("/metadata/uid").and_then(Json::as_str) else { return false };
    let owners = object.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    owners.into_iter().flatten().any(|one| one["uid"] == uid)
}

/// A label selector as a query parameter; `None` if it selects nothing in particular.
pub(super) fn selector_of(selector: &Json) -> Option<String> {
    let mut terms: Vec<String> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        terms.push(format!("{key}={}", value.as_str()?));
    }
    for one in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = one["key"].as_str()?;
        let values: Vec<&str> = one["values"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        terms.push(match one["operator"].as_str()? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths() {
        for (path, resource, namespace, name) in [
            ("/api/v1/nodes", Resource::NODE, None, None),
            (
                "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node",
                Resource::DAEMON_SET,
                Some("kube-system"),
                Some("aws-node"),
            ),
            (
                "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs/us-west-2a",
                Resource::ENI_CONFIG,
                None,
                Some("us-west-2a"),
            ),
            ("/api/v1/nodes/system:a%2Fb", Resource::NODE, None, Some("system:a/b")),
        ] {
            assert_eq!(resource.path(namespace, name), path);
        }
    }

    #[test]
    fn selectors_as_queries() {
        let both = json!({
            "matchLabels": { "app": "cilium" },
            "matchExpressions": [
                { "key": "tier", "operator": "In", "values": ["a", "b"] }, { "key": "old", "operator": "DoesNotExist" },
            ],
        });
        assert_eq!(selector_of(&both).as_deref(), Some("app=cilium,tier in (a,b),!old"));
        assert_eq!(selector_of(&Json::Null), None);
    }
}
