//! The VPC CNI: DaemonSet aws-node, its permissions, the ENIConfig CRD, and, as an add-on, the ENIConfigs in its
//! values.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Content, Facts, cluster_role, cluster_role_binding, configure, node_affinity, service_account,
    service_account_subject, versions,
};

/// Minor version (1.x) since which the network policy agent runs next to aws-node.
const AGENT_SINCE: u32 = 14;

/// Variables that are always set, with the minor version that introduced them, as far as it is known.
const ENVIRONMENT: &[(&str, &str, u32)] = &[
    ("ADDITIONAL_ENI_TAGS", "{}", 0),
    ("ANNOTATE_POD_IP", "false", 9),
    ("AWS_VPC_CNI_NODE_PORT_SUPPORT", "true", 0),
    ("AWS_VPC_ENI_MTU", "9001", 0),
    ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "false", 0),
    ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "false", 0),
    ("AWS_VPC_K8S_CNI_LOGLEVEL", "DEBUG", 0),
    ("AWS_VPC_K8S_CNI_LOG_FILE", "/host/var/log/aws-routed-eni/ipamd.log", 0),
    ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "prng", 0),
    ("AWS_VPC_K8S_CNI_VETHPREFIX", "eni", 0),
    ("AWS_VPC_K8S_PLUGIN_LOG_FILE", "/var/log/aws-routed-eni/plugin.log", 0),
    ("AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "DEBUG", 0),
    ("DISABLE_INTROSPECTION", "false", 0),
    ("DISABLE_METRICS", "false", 0),
    ("DISABLE_NETWORK_RESOURCE_PROVISIONING", "false", 9),
    ("ENABLE_IMDS_ONLY_MODE", "false", 20),
    ("ENABLE_IPv4", "true", 10),
    ("ENABLE_IPv6", "false", 10),
    ("ENABLE_MULTI_NIC", "false", 20),
    ("ENABLE_POD_ENI", "false", 7),
    ("ENABLE_PREFIX_DELEGATION", "false", 9),
    ("ENABLE_SUBNET_DISCOVERY", "true", 18),
    ("NETWORK_POLICY_ENFORCING_MODE", "standard", 17),
    ("WARM_ENI_TARGET", "1", 0),
    ("WARM_PREFIX_TARGET", "1", 9),
];

pub fn objects(facts: &Facts, content: &Content) -> Vec<Value> {
    // `v1.20.4` of `v1.20.4-eksbuild.1`
    let version = content.version.split('-').next().unwrap_or_default();
    let labels = json!({
        "app.kubernetes.io/name": "aws-node",
        "app.kubernetes.io/instance": "aws-vpc-cni",
        "app.kubernetes.io/version": version,
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
    let mut all = vec![
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
        daemon_set(facts, content, version, &labels),
    ];
    all.extend(eniconfigs(&content.values["eniConfig"], &labels));
    all
}

/// The chart uses the name and the values under it, but not the region.
fn eniconfigs(wanted: &Value, labels: &Value) -> Vec<Value> {
    let subnets = wanted["subnets"].as_object().filter(|_| wanted["create"] == true);
    subnets
        .into_iter()
        .flatten()
        .map(|(name, subnet)| {
            let mut spec = json!({"subnet": subnet["id"]});
            configure(&mut spec, subnet, "securityGroups");
            json!({
                "apiVersion": "crd.k8s.amazonaws.com/v1alpha1", "kind": "ENIConfig",
                "metadata": {"name": name, "labels": labels},
                "spec": spec,
            })
        })
        .collect()
}

/// Variables by name: the version's defaults, then the configured ones.
fn environment(facts: &Facts, content: &Content, version: &str) -> BTreeMap<String, String> {
    let minor = versions::minor(version).1;
    let mut all: BTreeMap<String, String> = ENVIRONMENT
        .iter()
        .filter(|(.., since)| *since <= minor)
        .map(|(name, value, _)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for (name, value, since) in
        [("CLUSTER_NAME", facts.cluster.as_str(), 8), ("VPC_ID", &facts.vpc_id, 11), ("VPC_CNI_VERSION", version, 13)]
    {
        if since <= minor {
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    all.extend(texts(&content.values["env"]));
    all
}

/// The string members of an object: all configured variables are strings.
fn texts(object: &Value) -> impl Iterator<Item = (String, String)> {
    let members = object.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
}

/// ENIConfig, with a schema that preserves unknown fields, as upstream.
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

fn daemon_set(facts: &Facts, content: &Content, version: &str, labels: &Value) -> Value {
    let value = |name: &str, value: &str| json!({"name": name, "value": value});
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}});
    let values = &content.values;
    let listed =
        |all: BTreeMap<String, String>| -> Vec<Value> { all.iter().map(|(name, text)| value(name, text)).collect() };
    let mut variables = listed(environment(facts, content, version));
    variables.push(field("MY_NODE_NAME", "spec.nodeName"));
    variables.push(field("MY_POD_NAME", "metadata.name"));
    let mut init: BTreeMap<String, String> =
        ["DISABLE_TCP_EARLY_DEMUX", "ENABLE_IPv6"].map(|name| (name.to_owned(), "false".to_owned())).into();
    init.extend(texts(&values["init"]["env"]));
    let host = |name: &str, path: &str| json!({"name": name, "hostPath": {"path": path}});
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let mut node = json!({
        "name": "aws-node",
        "image": facts.image(&format!("amazon-k8s-cni:{}", content.version)),
        "env": variables,
        "ports": [{"name": "metrics", "containerPort": 61678, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "25m"}},
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
        "volumeMounts": [
            mount("cni-bin-dir", "/host/opt/cni/bin"),
            mount("cni-net-dir", "/host/etc/cni/net.d"),
            mount("log-dir", "/host/var/log/aws-routed-eni"),
            mount("run-dir", "/var/run/aws-node"),
        ],
    });
    configure(&mut node, values, "resources");
    let mut containers = vec![node];
    if versions::minor(version).1 >= AGENT_SINCE {
        let policies = values["enableNetworkPolicy"].as_str().unwrap_or("false");
        containers.push(json!({
            "name": "aws-eks-nodeagent",
            "image": facts.image("amazon/aws-network-policy-agent:v1.2.7-eksbuild.1"),
            "args": ["--enable-ipv6=false", format!("--enable-network-policy={policies}")],
            "env": [field("MY_NODE_NAME", "spec.nodeName")],
            "resources": {"requests": {"cpu": "25m"}},
            "securityContext": {"privileged": true, "capabilities": {"add": ["NET_ADMIN"]}},
            "volumeMounts": [
                mount("cni-bin-dir", "/host/opt/cni/bin"),
                mount("log-dir", "/var/log/aws-routed-eni"),
                mount("run-dir", "/var/run/aws-node"),
            ],
        }));
    }
    let mut object = json!({
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
                        "image": facts.image(&format!("amazon-k8s-cni-init:{}", content.version)),
                        "env": listed(init),
                        "securityContext": {"privileged": true},
                        "volumeMounts": [mount("cni-bin-dir", "/host/opt/cni/bin")],
                    }],
                    "containers": containers,
                    "volumes": [
                        host("cni-bin-dir", "/opt/cni/bin"),
                        host("cni-net-dir", "/etc/cni/net.d"),
                        host("log-dir", "/var/log/aws-routed-eni"),
                        host("run-dir", "/var/run/aws-node"),
                    ],
                },
            },
        },
    });
    let pod = &mut object["spec"]["template"]["spec"];
    for member in ["affinity", "tolerations"] {
        configure(pod, values, member);
    }
    object
}
