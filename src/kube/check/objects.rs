//! The objects of a check: a service, and two pods for each node. They run as an unprivileged user and meet the Pod
//! Security Standard "restricted".

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{CheckOptions, LABEL};

/// What a pod is for, beside the label of the run.
const ROLE: &str = "ekshybrid/network-check-role";
/// When a run has ended at the latest: what is left of it later can be deleted.
const ENDS: &str = "ekshybrid/network-check-ends";
/// Port of the servers; an unprivileged user may listen on it.
const PORT: u16 = 8080;
/// Port of the service.
const SERVICE_PORT: u16 = 80;
/// How long one request may take, in seconds: a lost first packet is repeated after one.
const WAIT: u32 = 3;
/// How often an address is asked.
const ATTEMPTS: u32 = 3;

/// What a pod is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It answers.
    Server,
    /// It asks.
    Asker,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Asker => "asker",
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub(super) struct Run<'a> {
    /// Name of the service, and of the run.
    pub(super) name: String,
    /// When it has ended at the latest.
    pub(super) ends: Timestamp,
    pub(super) options: &'a CheckOptions,
}

/// Where the pod that asks finds the others, each `ADDRESS:PORT` or `-`.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    pub(super) pods: Vec<Option<String>>,
    pub(super) nodes: Vec<Option<String>>,
    pub(super) service: String,
    pub(super) node_port: u16,
}

impl Run<'_> {
    /// Selects the objects of this run.
    pub(super) fn selector(&self) -> String {
        format!("{LABEL}={}", self.name)
    }

    /// Name of a node's pod.
    pub(super) fn pod_name(&self, role: Role, number: usize) -> String {
        format!("{}-{}-{number}", self.name, role.name())
    }

    fn metadata(&self, name: &str, role: Role) -> Json {
        json!({
            "name": name,
            "namespace": self.options.namespace,
            "labels": { LABEL: self.name, ROLE: role.name(), "app.kubernetes.io/managed-by": "terraform-provider-ekshybrid" },
            "annotations": { ENDS: self.ends.to_string() },
        })
    }

    pub(super) fn service(&self) -> Json {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(&self.name, Role::Server),
            "spec": {
                "type": "NodePort",
                "selector": { LABEL: self.name, ROLE: Role::Server.name() },
                "ports": [{ "name": "http", "port": SERVICE_PORT, "targetPort": PORT }],
            },
        })
    }

    pub(super) fn server(&self, node: &str, number: usize, service: &Json) -> Json {
        let environment = json!([{ "name": "RUN", "value": self.name }]);
        self.pod(node, number, service, Role::Server, include_str!("serve.sh"), &environment)
    }

    pub(super) fn asker(&self, node: &str, number: usize, service: &Json, addresses: &Addresses) -> Json {
        let list = |list: &[Option<String>], port: u16| {
            let one = |address: &Option<String>| address.as_deref().map_or("-".to_owned(), |it| host(it, port));
            list.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let environment = json!([
            { "name": "RUN", "value": self.name },
            { "name": "PODS", "value": list(&addresses.pods, PORT) },
            { "name": "NODE_PORTS", "value": list(&addresses.nodes, addresses.node_port) },
            { "name": "SERVICE", "value": host(&addresses.service, SERVICE_PORT) },
            { "name": "WAIT", "value": WAIT.to_string() },
            { "name": "ATTEMPTS", "value": ATTEMPTS.to_string() },
        ]);
        self.pod(node, number, service, Role::Asker, include_str!("check.sh"), &environment)
    }

    fn pod(&self, node: &str, number: usize, service: &Json, role: Role, script: &str, environment: &Json) -> Json {
        let mut metadata = self.metadata(&self.pod_name(role, number), role);
        metadata["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "Service", "name": self.name, "uid": service["metadata"]["uid"],
        }]);
        let seconds = self.ends.duration_since(Timestamp::now()).as_secs().max(1);
        let tolerations = self.options.tolerations.iter().map(|toleration| {
            let operator = if toleration.value.is_some() { "Equal" } else { "Exists" };
            let mut one = json!({ "operator": operator });
            let parts = [("key", &toleration.key), ("value", &toleration.value), ("effect", &toleration.effect)];
            for (name, part) in parts {
                if let Some(part) = part {
                    one[name] = part.as_str().into();
                }
            }
            one
        });
        let secrets = self.options.image_pull_secrets.iter().map(|name| json!({ "name": name }));
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {
                "restartPolicy": "Never",
                "activeDeadlineSeconds": seconds,
                "terminationGracePeriodSeconds": 1,
                "automountServiceAccountToken": false,
                // Through the scheduler, which says why a pod does not fit.
                "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{ "matchFields": [
                        { "key": "metadata.name", "operator": "In", "values": [node] },
                    ] }],
                } } },
                "tolerations": tolerations.collect::<Vec<_>>(),
                "imagePullSecrets": secrets.collect::<Vec<_>>(),
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534,
                    "seccompProfile": { "type": "RuntimeDefault" },
                },
                "containers": [{
                    "name": role.name(),
                    "image": self.options.image,
                    "command": ["/bin/sh", "-c", script],
                    "env": environment,
                    "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "128Mi" } },
                    "securityContext": {
                        "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
                    },
                }],
            },
        })
    }
}

/// When the run of an object has ended at the latest; `None` if it says nothing.
pub(super) fn ends(object: &Json) -> Option<Timestamp> {
    object["metadata"]["annotations"][ENDS].as_str()?.parse().ok()
}

fn host(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::super::Toleration;
    use super::*;

    #[test]
    fn a_pod_is_bound_to_its_node_and_to_the_service() {
        let options = CheckOptions {
            selector: None,
            namespace: "default".to_owned(),
            image: "registry.example/busybox:1".to_owned(),
            image_pull_secrets: vec!["pull".to_owned()],
            tolerations: vec![Toleration { key: Some("gpu".to_owned()), ..Toleration::default() }],
            timeout: std::time::Duration::from_mins(5),
        };
        let ends = Timestamp::now() + jiff::SignedDuration::from_mins(5);
        let run = Run { name: "network-check-1".to_owned(), ends, options: &options };
        let service = json!({ "metadata": { "uid": "u" } });
        let addresses = Addresses {
            pods: vec![Some("10.85.0.3".to_owned()), None, Some("fd00::3".to_owned())],
            nodes: vec![Some("10.80.0.3".to_owned()), None, None],
            service: "172.20.0.9".to_owned(),
            node_port: 31234,
        };
        let pod = run.asker("mi-1", 2, &service, &addresses);
        let variable = |name: &str| {
            let all = pod["spec"]["containers"][0]["env"].as_array().expect("variables");
            all.iter().find(|one| one["name"] == name).expect("a variable")["value"].clone()
        };
        assert_eq!(variable("PODS"), "10.85.0.3:8080 - [fd00::3]:8080");
        assert_eq!(variable("NODE_PORTS"), "10.80.0.3:31234 - -");
        assert_eq!(variable("SERVICE"), "172.20.0.9:80");
        assert_eq!(pod["metadata"]["name"], "network-check-1-asker-2");
        assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(pod["spec"]["tolerations"], json!([{ "operator": "Exists", "key": "gpu" }]));
        assert_eq!(pod["spec"]["imagePullSecrets"], json!([{ "name": "pull" }]));
        let term = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        assert_eq!(term["nodeSelectorTerms"][0]["matchFields"][0]["values"], json!(["mi-1"]));
        assert_eq!(super::ends(&pod), Some(ends));
    }
}
