//! Objects that EKS installs in a cluster: permissions for nodes and access policies, and aws-node, coredns and
//! kube-proxy, self-managed or as add-ons.
//!
//! Names, environment and tolerations match EKS; probes, volumes and resource requests are omitted, as nothing reads
//! them. Everything is applied with the field manager `eks`.

mod access;
mod aws_node;
mod coredns;
mod field;
mod kube_proxy;
pub mod managed;

use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Api, Content as Form, Error};
use crate::eks::addons::{Content, versions};

pub use self::access::policy_binding;

/// Attempts for namespaces and roles that the API server creates just after it is ready.
const ATTEMPTS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(100);

/// The cluster properties that appear in the objects.
#[derive(Clone)]
pub struct Facts {
    pub cluster: String,
    pub region: String,
    pub vpc_id: String,
    pub dns_address: String,
    pub first_service: String,
    /// `1.34`
    pub version: String,
}

impl Facts {
    /// An image in EKS's own registry in the cluster's region.
    fn image(&self, name: &str) -> String {
        format!("602401143452.dkr.ecr.{}.amazonaws.com/{name}", self.region)
    }
}

/// The objects of an add-on, in the order they can be applied.
pub fn objects(facts: &Facts, addon: &str, content: &Content) -> Vec<Value> {
    match addon {
        "vpc-cni" => aws_node::objects(facts, content),
        "coredns" => coredns::objects(facts, content),
        "kube-proxy" => kube_proxy::objects(facts, content),
        _ => Vec::new(),
    }
}

/// Installs the objects of every cluster, then the add-ons: the given ones and, if requested, the self-managed
/// defaults of EKS instead of the others.
pub async fn install(api: &Api, facts: &Facts, given: &[(String, Content)], self_managed: bool) -> Result<(), Error> {
    let mut all = access::objects();
    for name in versions::NAMES {
        if let Some((_, content)) = given.iter().find(|(given, _)| given == name) {
            all.extend(objects(facts, name, content));
        } else if let Some(version) = versions::default(name, &facts.version).filter(|_| self_managed) {
            all.extend(objects(facts, name, &Content { version, values: json!({}) }));
        }
    }
    for object in &all {
        apply_soon(api, object).await?;
    }
    Ok(())
}

/// Applies, and retries for some seconds while the API server is not ready for the object: its namespace, its kind or
/// the API server itself may not be available yet.
pub async fn apply_soon(api: &Api, object: &Value) -> Result<(), Error> {
    let mut attempt = 1;
    while let Err(error) = apply(api, object).await {
        let too_early = matches!(
            &error,
            Error::Refused { status: 403 | 404 | 409 | 429 | 500.., .. } | Error::Connect(_) | Error::Exchange(_)
        );
        if !too_early || attempt == ATTEMPTS {
            return Err(error);
        }
        attempt += 1;
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(())
}

/// Server-side apply as EKS, whoever else owns the fields.
pub async fn apply(api: &Api, object: &Value) -> Result<(), Error> {
    let path = format!("{}?fieldManager=eks&force=true", path_of(object));
    api.call("PATCH", &path, Some((Form::ServerSideApply, object))).await?;
    Ok(())
}

/// The object's path in the API.
fn path_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["apiVersion"]);
    let root = if group.contains('/') { format!("/apis/{group}") } else { format!("/api/{group}") };
    let namespace = object["metadata"]["namespace"].as_str().map(|name| format!("/namespaces/{name}"));
    // Every kind used here has a regular plural.
    let plural = format!("{}s", text(&object["kind"]).to_lowercase());
    format!("{root}{}/{plural}/{}", namespace.unwrap_or_default(), text(&object["metadata"]["name"]))
}

/// Overrides a member of an object with the configured value, if any.
fn configure(place: &mut Value, values: &Value, member: &str) {
    if !values[member].is_null() {
        place[member] = values[member].clone();
    }
}

fn service_account(name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
    })
}

fn cluster_role(name: &str, labels: &Value, rules: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
        "rules": rules,
    })
}

fn cluster_role_binding(name: &str, labels: &Value, role: &str, subjects: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": labels},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    })
}

fn service_account_subject(name: &str) -> Value {
    json!([{"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}])
}

/// Nodes on which EKS runs a DaemonSet: Linux, both architectures, none of the given compute types.
fn node_affinity(compute_types: &[&str]) -> Value {
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{
        "matchExpressions": [
            {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]},
            {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": compute_types},
        ],
    }]}}})
}
