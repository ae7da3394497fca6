//! Nodes: what they report about themselves, and annotations on many of them.
//!
//! A cluster may have thousands of nodes of 20 kB each, so code that reads all of them keeps only the few fields that
//! matter: reads are paged, and annotations are read from metadata only.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::client::Client;
use super::error::{Attempt, Kind, Result, Verb};
use super::object::{Resource, annotations, labels, name, owned_by};
use super::request::Call;
use super::{FIELD_MANAGER, request};

/// How often a node is read again if it changes while it is annotated.
const ATTEMPTS: u32 = 8;

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether the kubelet reports that it can accept pods.
    pub ready: bool,
    /// Why it is not ready, in the kubelet's own words: `KubeletNotReady: container runtime network not ready …`.
    pub trouble: Option<String>,
    /// Whether it is cordoned: no new pods are scheduled to it.
    pub unschedulable: bool,
    /// Internal IP address.
    pub internal_ip: Option<String>,
    /// `aws:///us-west-2a/i-…`, or `eks-hybrid:///us-west-2/workshop/mi-…`.
    pub provider_id: Option<String>,
    /// Kubelet version, such as `v1.34.3`.
    pub kubelet_version: Option<String>,
    /// Container runtime, such as `containerd://2.1.5`.
    pub container_runtime_version: Option<String>,
    /// The operating system's name for itself.
    pub os_image: Option<String>,
    /// Architecture: `amd64`, `arm64`.
    pub architecture: Option<String>,
    /// CIDR ranges of its pods.
    pub pod_cidrs: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Taints.
    pub taints: Vec<Taint>,
}

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl Node {
    /// Reads the object.
    #[must_use]
    pub fn of(object: &Json) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty());
        let owned = |pointer: &str| text(pointer).map(str::to_owned);
        let list = |pointer: &str| object.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
        let condition = list("/status/conditions").find(|condition| condition["type"] == "Ready");
        let ready = condition.is_some_and(|condition| condition["status"] == "True");
        let trouble = match condition {
            _ if ready => None,
            None => Some("kubelet has reported nothing yet".to_owned()),
            Some(condition) => {
                let part = |name: &str| condition[name].as_str().filter(|text| !text.is_empty());
                Some([part("reason"), part("message")].into_iter().flatten().collect::<Vec<_>>().join(": "))
            }
        };
        let address = list("/status/addresses").find(|address| address["type"] == "InternalIP");
        let taint = |taint: &Json| Taint {
            key: taint["key"].as_str().unwrap_or_default().to_owned(),
            value: taint["value"].as_str().map(str::to_owned),
            effect: taint["effect"].as_str().unwrap_or_default().to_owned(),
        };
        Self {
            name: name(object).to_owned(),
            ready,
            trouble,
            unschedulable: object.pointer("/spec/unschedulable").and_then(Json::as_bool).unwrap_or(false),
            internal_ip: address.and_then(|address| address["address"].as_str()).map(str::to_owned),
            provider_id: owned("/spec/providerID"),
            kubelet_version: owned("/status/nodeInfo/kubeletVersion"),
            container_runtime_version: owned("/status/nodeInfo/containerRuntimeVersion"),
            os_image: owned("/status/nodeInfo/osImage"),
            architecture: owned("/status/nodeInfo/architecture"),
            pod_cidrs: list("/spec/podCIDRs").filter_map(Json::as_str).map(str::to_owned).collect(),
            labels: labels(object),
            taints: list("/spec/taints").map(taint).collect(),
        }
    }

    /// Id of the EC2 instance or of the managed instance: the last part of the provider id.
    #[must_use]
    pub fn instance_id(&self) -> Option<&str> {
        let last = self.provider_id.as_deref()?.rsplit('/').next()?;
        (last.starts_with("i-") || last.starts_with("mi-")).then_some(last)
    }
}

/// A node as read for annotating.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotated {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The annotation's value.
    pub value: Option<String>,
    /// Whether this provider has written it.
    pub ours: bool,
    /// Its resourceVersion at the time it was read.
    pub version: String,
}

impl Annotated {
    fn of(object: &Json, key: &str) -> Self {
        let field = format!("f:{key}");
        let owns = |fields: &&Json| {
            fields.pointer("/f:metadata/f:annotations").is_some_and(|annotations| !annotations[&field].is_null())
        };
        Self {
            name: name(object).to_owned(),
            labels: labels(object),
            value: annotations(object).remove(key),
            ours: owned_by(object, FIELD_MANAGER).iter().any(owns),
            version: object.pointer("/metadata/resourceVersion").and_then(Json::as_str).unwrap_or_default().to_owned(),
        }
    }
}

/// The outcome of changing a node's annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The annotation is as requested.
    Done,
    /// The node no longer exists.
    NodeGone,
    /// Someone has set it to this value in the meantime; it was not changed.
    Foreign(String),
}

impl Client {
    /// Every node that matches a selector.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn nodes(&self, selector: Option<&str>) -> Result<Vec<Node>> {
        let mut found = Vec::new();
        self.pages(&Resource::NODE, None, selector, |object| found.push(Node::of(&object))).await?;
        Ok(found)
    }

    /// Every node of the cluster with its value of one annotation. Requests only metadata.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn annotated_nodes(&self, key: &str) -> Result<Vec<Annotated>> {
        let mut found = Vec::new();
        self.metadata_pages(&Resource::NODE, |object| found.push(Annotated::of(&object, key))).await?;
        Ok(found)
    }

    /// Sets a node's annotation (`None` removes it), provided its value is still the one in `node`. Other changes to
    /// the node in the meantime do not matter.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn annotate_node(&self, node: &Annotated, key: &str, value: Option<&str>) -> Result<Change> {
        let mut version = node.version.clone();
        let mut tried = 0;
        loop {
            tried += 1;
            let attempt = Attempt::new(Verb::Patch, Resource::NODE.told(None, &node.name));
            let path = format!("{}?fieldManager={FIELD_MANAGER}", Resource::NODE.path(None, Some(&node.name)));
            let wanted = json!({ "metadata": { "resourceVersion": version, "annotations": { key: value } } });
            let call = Call { attempt, path, body: Some(("application/merge-patch+json", wanted)) };
            match self.accepting(request::METADATA).call(call).await {
                Ok(_) => return Ok(Change::Done),
                Err(error) if *error.kind() == Kind::NotFound => return Ok(Change::NodeGone),
                Err(error) if *error.kind() == Kind::Changed && tried < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
            let Some(object) = self.get(&Resource::NODE, None, &node.name).await? else { return Ok(Change::NodeGone) };
            let now = Annotated::of(&object, key);
            if now.value.as_deref() == value {
                return Ok(Change::Done);
            }
            match now.value {
                Some(found) if node.value.as_deref() != Some(&found) => {
                    return Ok(Change::Foreign(found));
                }
                _ => version = now.version,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_read_whole() {
        let object = json!({
            "metadata": { "name": "mi-0123", "labels": { "eks.amazonaws.com/compute-type": "hybrid" } },
            "spec": {
                "providerID": "eks-hybrid:///us-west-2/workshop/mi-0123", "podCIDRs": ["10.85.0.0/25"],
                "unschedulable": true, "taints": [{ "key": "a", "effect": "NoSchedule" }],
            },
            "status": {
                "addresses": [{ "type": "Hostname", "address": "h" }, { "type": "InternalIP", "address": "10.80.0.11" }],
                "conditions": [
                    { "type": "MemoryPressure", "status": "False" },
                    { "type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "no network" },
                ],
                "nodeInfo": { "kubeletVersion": "v1.34.3", "architecture": "arm64", "osImage": "Ubuntu",
                    "containerRuntimeVersion": "containerd://2.1.5" },
            },
        });
        let node = Node::of(&object);
        assert_eq!(node.instance_id(), Some("mi-0123"));
        let taint = Taint { key: "a".to_owned(), value: None, effect: "NoSchedule".to_owned() };
        let expected = Node {
            name: "mi-0123".to_owned(),
            ready: false,
            trouble: Some("KubeletNotReady: no network".to_owned()),
            unschedulable: true,
            internal_ip: Some("10.80.0.11".to_owned()),
            provider_id: Some("eks-hybrid:///us-west-2/workshop/mi-0123".to_owned()),
            kubelet_version: Some("v1.34.3".to_owned()),
            container_runtime_version: Some("containerd://2.1.5".to_owned()),
            os_image: Some("Ubuntu".to_owned()),
            architecture: Some("arm64".to_owned()),
            pod_cidrs: vec!["10.85.0.0/25".to_owned()],
            labels: BTreeMap::from([("eks.amazonaws.com/compute-type".to_owned(), "hybrid".to_owned())]),
            taints: vec![taint],
        };
        assert_eq!(node, expected);
        let bare = Node::of(&json!({ "metadata": { "name": "n" }, "spec": { "providerID": "kind://docker/n" } }));
        assert_eq!((bare.ready, bare.instance_id()), (false, None));
        assert_eq!(bare.trouble.as_deref(), Some("kubelet has reported nothing yet"));
        let ready =
            json!({ "status": { "conditions": [{ "type": "Ready", "status": "True", "reason": "KubeletReady" }] } });
        assert_eq!((Node::of(&ready).ready, Node::of(&ready).trouble), (true, None));
    }

    #[test]
    fn whose_an_annotation_is() {
        let key = "k8s.amazonaws.com/eniConfig";
        for (manager, ours) in [("ekshybrid", true), ("kubectl-annotate", false)] {
            let field = "f:k8s.amazonaws.com/eniConfig";
            let object = json!({ "metadata": {
                "name": "n", "resourceVersion": "7", "annotations": { key: "us-west-2a", "other": "x" },
                "managedFields": [{ "manager": manager, "fieldsV1": { "f:metadata": { "f:annotations": { field: {} } } } }],
            } });
            let node = Annotated::of(&object, key);
            assert_eq!((node.value.as_deref(), node.ours, node.version.as_str()), (Some("us-west-2a"), ours, "7"));
            assert!(!Annotated::of(&object, "other").ours);
        }
    }
}
