//! Permissions that EKS grants through bindings: to nodes, and to principals with an access policy.

use serde_json::{Value, json};

use super::{cluster_role, cluster_role_binding};
use crate::plane::webhook::policy_group;

/// Roles that access policies map to.
const ROLES: [&str; 4] = ["cluster-admin", "admin", "edit", "view"];

pub fn objects() -> Vec<Value> {
    let labels = json!({"eks.amazonaws.com/component": "node"});
    let bootstrapper = "eks:node-bootstrapper";
    let rules = json!([{
        "apiGroups": ["certificates.k8s.io"],
        "resources": ["certificatesigningrequests/selfnodeserver"],
        "verbs": ["create"],
    }]);
    let mut objects = vec![
        cluster_role(bootstrapper, &labels, &rules),
        cluster_role_binding(bootstrapper, &labels, bootstrapper, &groups(&["system:bootstrappers", "system:nodes"])),
    ];
    let labels = json!({"eks.amazonaws.com/component": "access-policy"});
    objects.extend(ROLES.iter().map(|role| {
        let group = policy_group(role, None);
        cluster_role_binding(&group, &labels, role, &groups(&[&group]))
    }));
    objects
}

/// The binding of an access policy in one namespace.
pub fn policy_binding(role: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": policy_group(role, None), "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": groups(&[&policy_group(role, Some(namespace))]),
    })
}

fn groups(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name})).collect()
}
