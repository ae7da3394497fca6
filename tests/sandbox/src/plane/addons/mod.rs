//! What EKS puts into a new cluster: rights for nodes and access policies, aws-node, coredns and kube-proxy.
//!
//! Names, environment and tolerations are those of EKS; probes, volumes and resource figures that nobody looks at are
//! left out. All is applied with the field manager `eks`.

mod access;
mod aws_node;
mod coredns;
mod kube_proxy;

use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Api, Content, Error};

pub use self::access::policy_binding;

/// Namespaces and roles that the API server makes by itself just after it is ready.
const ATTEMPTS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(100);

/// What the objects say of their cluster.
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
    /// A repository of EKS's own registry in the cluster's region.
    fn image(&self, name: &str) -> String {
        format!("602401143452.dkr.ecr.{}.amazonaws.com/{name}", self.region)
    }
}

/// Installs what every cluster has, and the add-ons where they are wanted.
pub async fn install(api: &Api, facts: &Facts, with_addons: bool) -> Result<(), Error> {
    let mut objects = access::objects();
    if with_addons {
        objects.extend(aws_node::objects(facts));
        objects.extend(coredns::objects(facts));
        objects.extend(kube_proxy::objects(facts));
    }
    for object in &objects {
        let mut attempt = 1;
        while let Err(error) = apply(api, object).await {
            let too_early = matches!(&error, Error::Refused { status: 403 | 404 | 409 | 500.., .. });
            if !too_early || attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(BETWEEN).await;
        }
    }
    Ok(())
}

/// Server-side apply in the name of EKS.
pub async fn apply(api: &Api, object: &Value) -> Result<(), Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["apiVersion"]);
    let root = if group.contains('/') { format!("/apis/{group}") } else { format!("/api/{group}") };
    let namespace = object["metadata"]["namespace"].as_str().map(|name| format!("/namespaces/{name}"));
    // Every kind used here has the plain plural.
    let plural = format!("{}s", text(&object["kind"]).to_lowercase());
    let name = text(&object["metadata"]["name"]);
    let path = format!("{root}{}/{plural}/{name}?fieldManager=eks&force=true", namespace.unwrap_or_default());
    api.call("PATCH", &path, Some((Content::ServerSideApply, object))).await?;
    Ok(())
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

/// Nodes on which a DaemonSet of EKS runs: Linux, both architectures, none of the compute types that are named.
fn node_affinity(compute_types: &[&str]) -> Value {
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{
        "matchExpressions": [
            {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]},
            {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": compute_types},
        ],
    }]}}})
}
