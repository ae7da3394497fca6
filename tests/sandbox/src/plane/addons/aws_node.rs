//! The VPC CNI as EKS installs it by itself: DaemonSet aws-node, its rights, and the ENIConfig CRD.

use serde_json::{Value, json};

use super::{Facts, cluster_role, cluster_role_binding, node_affinity, service_account, service_account_subject};

const VERSION: &str = "v1.20.4";
const BUILD: &str = "v1.20.4-eksbuild.1";

pub fn objects(facts: &Facts) -> Vec<Value> {
    let labels = json!({
        "app.kubernetes.io/name": "aws-node",
        "app.kubernetes.io/instance": "aws-vpc-cni",
        "app.kubernetes.io/version": VERSION,
        "k8s-app": "aws-node",
    });
    let rules = json!([
        {"apiGroups": ["crd.k8s.amazonaws.com"], "resources": ["eniconfigs"], "verbs": ["list", "watch", "get"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch", "get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch", "get"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch", "get"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "list"]},
        {"apiGroups": ["vpcresources.k8s.aws"], "resources": ["cninodes"], "verbs": ["get", "list", "watch", "patch"]},
    ]);
    vec![
        crd(&labels),
        service_account("aws-node", &labels),
        cluster_role("aws-node", &labels, &rules),
        cluster_role_binding("aws-node", &labels, "aws-node", &service_account_subject("aws-node")),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "amazon-vpc-cni", "namespace": "kube-system", "labels": labels},
            "data": {
                "enable-windows-ipam": "false",
                "enable-network-policy-controller": "false",
                "enable-windows-prefix-delegation": "false",
                "warm-prefix-target": "0",
                "warm-ip-target": "1",
                "minimum-ip-target": "3",
                "branch-eni-cooldown": "60",
            },
        }),
        daemon_set(facts, &labels),
    ]
}

/// ENIConfig: a schema that keeps what it does not know, as upstream.
fn crd(labels: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "eniconfigs.crd.k8s.amazonaws.com", "labels": labels},
        "spec": {
            "group": "crd.k8s.amazonaws.com",
            "scope": "Cluster",
            "names": {"plural": "eniconfigs", "singular": "eniconfig", "kind": "ENIConfig"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": {
                            "type": "object",
                            "properties": {
                                "securityGroups": {"type": "array", "items": {"type": "string"}},
                                "subnet": {"type": "string"},
                            },
                            "required": ["subnet"],
                        },
                    },
                }},
            }],
        },
    })
}

fn daemon_set(facts: &Facts, labels: &Value) -> Value {
    let value = |name: &str, value: &str| json!({"name": name, "value": value});
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}});
    let mut environment: Vec<Value> = [
        ("ADDITIONAL_ENI_TAGS", "{}"),
        ("ANNOTATE_POD_IP", "false"),
        ("AWS_VPC_CNI_NODE_PORT_SUPPORT", "true"),
        ("AWS_VPC_ENI_MTU", "9001"),
        ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "false"),
        ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "false"),
        ("AWS_VPC_K8S_CNI_LOGLEVEL", "DEBUG"),
        ("AWS_VPC_K8S_CNI_LOG_FILE", "/host/var/log/aws-routed-eni/ipamd.log"),
        ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "prng"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "eni"),
        ("AWS_VPC_K8S_PLUGIN_LOG_FILE", "/var/log/aws-routed-eni/plugin.log"),
        ("AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "DEBUG"),
        ("CLUSTER_NAME", &facts.cluster),
        ("DISABLE_INTROSPECTION", "false"),
        ("DISABLE_METRICS", "false"),
        ("DISABLE_NETWORK_RESOURCE_PROVISIONING", "false"),
        ("ENABLE_IMDS_ONLY_MODE", "false"),
        ("ENABLE_IPv4", "true"),
        ("ENABLE_IPv6", "false"),
        ("ENABLE_MULTI_NIC", "false"),
        ("ENABLE_POD_ENI", "false"),
        ("ENABLE_PREFIX_DELEGATION", "false"),
        ("ENABLE_SUBNET_DISCOVERY", "true"),
        ("NETWORK_POLICY_ENFORCING_MODE", "standard"),
        ("VPC_CNI_VERSION", VERSION),
        ("VPC_ID", &facts.vpc_id),
        ("WARM_ENI_TARGET", "1"),
        ("WARM_PREFIX_TARGET", "1"),
    ]
    .into_iter()
    .map(|(name, text)| value(name, text))
    .collect();
    environment.push(field("MY_NODE_NAME", "spec.nodeName"));
    environment.push(field("MY_POD_NAME", "metadata.name"));
    let host = |name: &str, path: &str| json!({"name": name, "hostPath": {"path": path}});
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "aws-node", "namespace": "kube-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"k8s-app": "aws-node"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "template": {
                "metadata": {"labels": {
                    "app.kubernetes.io/name": "aws-node",
                    "app.kubernetes.io/instance": "aws-vpc-cni",
                    "k8s-app": "aws-node",
                }},
                "spec": {
                    "serviceAccountName": "aws-node",
                    "hostNetwork": true,
                    "priorityClassName": "system-node-critical",
                    "terminationGracePeriodSeconds": 10,
                    "tolerations": [{"operator": "Exists"}],
                    "affinity": node_affinity(&["fargate", "hybrid", "auto"]),
                    "initContainers": [{
                        "name": "aws-vpc-cni-init",
                        "image": facts.image(&format!("amazon-k8s-cni-init:{BUILD}")),
                        "env": [value("DISABLE_TCP_EARLY_DEMUX", "false"), value("ENABLE_IPv6", "false")],
                        "securityContext": {"privileged": true},
                        "volumeMounts": [mount("cni-bin-dir", "/host/opt/cni/bin")],
                    }],
                    "containers": [
                        {
                            "name": "aws-node",
                            "image": facts.image(&format!("amazon-k8s-cni:{BUILD}")),
                            "env": environment,
                            "ports": [{"name": "metrics", "containerPort": 61678, "protocol": "TCP"}],
                            "resources": {"requests": {"cpu": "25m"}},
                            "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
                            "volumeMounts": [
                                mount("cni-bin-dir", "/host/opt/cni/bin"),
                                mount("cni-net-dir", "/host/etc/cni/net.d"),
                                mount("log-dir", "/host/var/log/aws-routed-eni"),
                                mount("run-dir", "/var/run/aws-node"),
                            ],
                        },
                        {
                            "name": "aws-eks-nodeagent",
                            "image": facts.image("amazon/aws-network-policy-agent:v1.2.7-eksbuild.1"),
                            "args": ["--enable-ipv6=false", "--enable-network-policy=false"],
                            "env": [field("MY_NODE_NAME", "spec.nodeName")],
                            "resources": {"requests": {"cpu": "25m"}},
                            "securityContext": {"privileged": true, "capabilities": {"add": ["NET_ADMIN"]}},
                            "volumeMounts": [
                                mount("cni-bin-dir", "/host/opt/cni/bin"),
                                mount("log-dir", "/var/log/aws-routed-eni"),
                                mount("run-dir", "/var/run/aws-node"),
                            ],
                        },
                    ],
                    "volumes": [
                        host("cni-bin-dir", "/opt/cni/bin"),
                        host("cni-net-dir", "/etc/cni/net.d"),
                        host("log-dir", "/var/log/aws-routed-eni"),
                        host("run-dir", "/var/run/aws-node"),
                    ],
                },
            },
        },
    })
}
