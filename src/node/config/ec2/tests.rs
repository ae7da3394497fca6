//! `NodeConfig` of an EC2 node: the rendered file, read back by an independent parser, and each rejected input.

use serde_json::{Value, json};

use super::super::{AnyNodeConfig, parse_any};
use super::*;
use crate::node::tree::written::{LATER, tree};

const ENDPOINT: &str = "https://0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com";
/// `-----BEGIN CERTIFICATE-----`, `AAAA`, `-----END CERTIFICATE-----`, a line each.
const AUTHORITY: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";
const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn cluster() -> Value {
    json!({"name": "plant", "api_server_endpoint": ENDPOINT, "certificate_authority": AUTHORITY, "cidr": "10.100.0.0/16"})
}

/// A complete input with one more part, or with another cluster.
fn with(more: &Value) -> Value {
    let mut input = json!({"os": "al2023", "cluster": cluster()});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn with_cluster(more: &Value) -> Value {
    let mut cluster = cluster();
    cluster.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    with(&json!({"cluster": cluster}))
}

fn ready(input: Value) -> NodeConfig {
    match parse_any(&tree(input)) {
        Ok(Parsed::Ready(AnyNodeConfig::Ec2(config))) => *config,
        other => panic!("{other:?}"),
    }
}

/// The `spec` as an independent YAML parser reads it.
fn spec(input: Value) -> Value {
    let mut read = Value::from(&helm::from_yaml(&ready(input).to_yaml()).unwrap());
    assert_eq!([&read["apiVersion"], &read["kind"]], ["node.eks.aws/v1alpha1", "NodeConfig"]);
    read["spec"].take()
}

fn refused(input: Value) -> String {
    parse_any(&tree(input)).unwrap_err().to_string()
}

#[test]
fn custom_networking_in_a_file() {
    let input = with(&json!({
        "kubelet": {"max_pods_expression": "((default_enis - 1) * (ips_per_eni - 1)) + 2"},
        "feature_gates": {"InstanceIdNodeName": true},
    }));
    let expected = format!(
        "\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: plant
    apiServerEndpoint: {ENDPOINT}
    certificateAuthority: {AUTHORITY}
    cidr: 10.100.0.0/16
  kubelet:
    maxPodsExpression: ((default_enis - 1) * (ips_per_eni - 1)) + 2
  featureGates:
    InstanceIdNodeName: true
"
    );
    assert_eq!(ready(input).to_yaml(), expected);
}

#[test]
fn every_field_has_the_name_of_the_api() {
    let input = json!({
        "os": "al2023",
        "partial": false,
        "cluster": {
            "name": "plant",
            "api_server_endpoint": ENDPOINT,
            "certificate_authority": AUTHORITY,
            "cidr": "fd12:3456:789a::/108",
            "enable_outpost": true,
            "id": ID,
        },
        "kubelet": {
            "max_pods": 20,
            "node_labels": {"tier": "web", "example.com/rack": ""},
            "node_taints": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}],
            "config": {"shutdownGracePeriod": "30s", "evictionHard": {"memory.available": "5%"}},
            "flags": ["--v=4", "--system-reserved=memory=500Mi"],
        },
        "containerd": {
            "config": "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndiscard_unpacked_layers = false\n",
            "base_runtime_spec": {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}]}},
        },
        "instance": {
            "local_storage": {
                "strategy": "RAID10",
                "mount_path": "/mnt/fast",
                "disabled_mounts": ["Containerd", "PodLogs", "SOCI"],
            },
            "environment": {
                "default": {"HTTPS_PROXY": "http://proxy:3128", "ON": "yes", "LEFT_OUT": null},
                "containerd": {"A": "two\nlines"},
            },
            "network": {"nameservers": ["10.0.0.2", "fd00::2"], "domains": ["corp.example.com", "~example.com"]},
        },
        "feature_gates": {"InstanceIdNodeName": true, "FastImagePull": false},
    });
    assert_eq!(
        spec(input),
        json!({
            "cluster": {
                "name": "plant",
                "apiServerEndpoint": ENDPOINT,
                "certificateAuthority": AUTHORITY,
                "cidr": "fd12:3456:789a::/108",
                "enableOutpost": true,
                "id": ID,
            },
            "kubelet": {
                "config": {"shutdownGracePeriod": "30s", "evictionHard": {"memory.available": "5%"}, "maxPods": 20},
                "flags": [
                    "--node-labels=example.com/rack=,tier=web",
                    "--register-with-taints=dedicated=gpu:NoSchedule",
                    "--v=4",
                    "--system-reserved=memory=500Mi",
                ],
                "maxPodsExpression": "20",
            },
            "containerd": {
                "config": "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndiscard_unpacked_layers = false\n",
                "baseRuntimeSpec": {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}]}},
            },
            "instance": {
                "localStorage": {
                    "strategy": "RAID10",
                    "mountPath": "/mnt/fast",
                    "disabledMounts": ["Containerd", "PodLogs", "SOCI"],
                },
                "environment": {
                    "default": {"HTTPS_PROXY": "http://proxy:3128", "ON": "yes"},
                    "containerd": {"A": "two\nlines"},
                },
                "network": {"nameservers": ["10.0.0.2", "fd00::2"], "domains": ["corp.example.com", "~example.com"]},
            },
            "featureGates": {"InstanceIdNodeName": true, "FastImagePull": false},
        })
    );
}

#[test]
fn what_is_not_given_is_not_written() {
    let empty = json!({
        "kubelet": {},
        "containerd": null,
        "instance": {"environment": {}},
        "feature_gates": {"FastImagePull": null},
    });
    let found = spec(with(&empty));
    assert_eq!(
        [&found["kubelet"], &found["instance"], &found["featureGates"]],
        [&json!({}), &json!({"environment": {}}), &json!({})]
    );
    assert_eq!(found.get("containerd"), None);
    let part = spec(json!({"os": "al2023", "partial": true, "kubelet": {"flags": ["--v=4"]}}));
    assert_eq!(part, json!({"kubelet": {"flags": ["--v=4"]}}));
}

#[test]
fn the_kind_follows_from_the_system() {
    let hybrid = refused(json!({"cluster": {"name": "plant", "region": "us-west-2"}}));
    assert_eq!(hybrid, "hybrid: is required");
    assert_eq!(refused(json!({"os": null, "cluster": {"name": "plant", "region": "us-west-2"}})), hybrid);
    for (os, expected) in [
        (json!("ubuntu"), "os: must be `al2023`, or left out for a hybrid node, got `ubuntu`"),
        (
            json!("al2"),
            "os: must be `al2023`, or left out for a hybrid node, got `al2`; Amazon Linux 2 reads no NodeConfig: the \
             functions `user_data` and `bootstrap_arguments` are for its nodes",
        ),
        (json!(true), "os: must be a string, not a bool"),
    ] {
        assert_eq!(refused(json!({"os": os, "hybrid": {}})), expected);
    }
    let beside = refused(with(&json!({"hybrid": {}})));
    assert!(beside.starts_with("hybrid: there is no such attribute; there are `os`, `partial`, `cluster`"), "{beside}");
}

#[test]
fn the_cluster_is_whole() {
    assert_eq!(
        refused(json!({"os": "al2023"})),
        "cluster: is required, unless `partial = true` says that EKS or Karpenter adds it"
    );
    assert_eq!(
        refused(json!({"os": "al2023", "partial": true, "cluster": {"name": "plant"}})),
        "cluster.api_server_endpoint: is required\ncluster.certificate_authority: is required\ncluster.cidr: is required"
    );
    for (more, start) in [
        (json!({"name": "-"}), "cluster.name: must be the name of an EKS cluster"),
        (json!({"region": "us-west-2"}), "cluster.region: there is no such attribute; there are `name`"),
        (
            json!({"apiServerEndpoint": "x"}),
            "cluster.apiServerEndpoint: there is no such attribute; did you mean `api_",
        ),
        (json!({"api_server_endpoint": "http://plant"}), "cluster.api_server_endpoint: must be an https URL"),
        (json!({"certificate_authority": "x"}), "cluster.certificate_authority: must be PEM certificates in base64"),
        (json!({"cidr": "10.100.0.10/16"}), "cluster.cidr: must be the range of the cluster's services"),
        (json!({"cidr": "8.8.0.0/16"}), "cluster.cidr: must be the range of the cluster's services"),
        (json!({"cidr": "fd12:3456:789a:1:2:3:4:0/112"}), "cluster.cidr: must be the range of the cluster's services"),
        (json!({"enable_outpost": true}), "cluster.id: is required with `enable_outpost`"),
        (json!({"id": ID}), "cluster.id: needs `enable_outpost = true`"),
        (json!({"enable_outpost": true, "id": "plant"}), "cluster.id: must be the ID of a local cluster"),
    ] {
        let message = refused(with_cluster(&more));
        assert!(message.starts_with(start) && message.lines().count() == 1, "{message}");
    }
}

#[test]
fn pods_are_counted_in_one_way() {
    let of = |kubelet: Value| refused(with(&json!({"kubelet": kubelet})));
    for (kubelet, ways) in [
        (json!({"max_pods": 20, "max_pods_expression": "20"}), "`max_pods` and by `max_pods_expression`"),
        (json!({"max_pods": 20, "config": {"maxPods": 20}}), "`max_pods` and by `maxPods` in `config`"),
        (
            json!({"max_pods_expression": "20", "config": {"maxPods": 20}, "flags": ["--max-pods=20"]}),
            "`max_pods_expression` and by `maxPods` in `config` and by `--max-pods` in `flags`",
        ),
    ] {
        assert_eq!(of(kubelet), format!("kubelet: the most pods are given by {ways}; give one of them"));
    }
    for (kubelet, start) in [
        (json!({"max_pods": 0}), "kubelet.max_pods: must be a whole number from 1 to 100000, got `0`"),
        (json!({"max_pods": "20"}), "kubelet.max_pods: must be a number, not a string"),
        (
            json!({"max_pods_expression": "min(max_pods, 110)"}),
            "kubelet.max_pods_expression: must be an expression in CEL of the whole numbers `default_enis`, \
             `ips_per_eni` and `max_pods`, such as `((default_enis - 1) * (ips_per_eni - 1)) + 2`, got `min(max_pods, \
             110)`; character 1: there is no function `min`",
        ),
        (json!({"max_pods_expression": 20}), "kubelet.max_pods_expression: must be a string, not a number"),
    ] {
        let message = of(kubelet);
        assert!(message.starts_with(start), "{message}");
    }
    assert_eq!(
        spec(with(&json!({"kubelet": {"config": {"maxPods": 20}}})))["kubelet"],
        json!({"config": {"maxPods": 20}})
    );
}

#[test]
fn settings_that_nodeadm_would_pass_over_are_refused() {
    for (more, expected) in [
        (json!({"kublet": {}}), "kublet: there is no such attribute; did you mean `kubelet`?"),
        (
            json!({"kubelet": {"config": {"max_pods": 20}}}),
            "kubelet.config[\"max_pods\"]: is not a field of KubeletConfiguration, whose names are like `maxPods`; did",
        ),
        (json!({"kubelet": {"flags": ["v=4"]}}), "kubelet.flags[0]: must be a flag in one piece such as `--v=4`"),
        (json!({"kubelet": {"flags": ["--v 4"]}}), "kubelet.flags[0]: must be a flag in one piece"),
        (
            json!({"kubelet": {"flags": ["--hostname-override=a"]}}),
            "kubelet.flags[0]: must be a flag in one piece such as `--v=4`, without spaces, got \
             `--hostname-override=a`; the node may join only under the name that nodeadm gives it",
        ),
        (
            json!({"kubelet": {"flags": ["--node-labels=node-role.kubernetes.io/worker="]}}),
            "kubelet.flags[0]: must be a flag in one piece such as `--v=4`, without spaces, got \
             `--node-labels=node-role.kubernetes.io/worker=`; the kubelet refuses to start with the label",
        ),
        (json!({"kubelet": {"flags": ["--node-labels==b"]}}), "kubelet.flags[0]: must be a flag in one piece"),
        (json!({"kubelet": {"flags": ["--node-labels=a=b c"]}}), "kubelet.flags[0]: must be a flag in one piece"),
        (json!({"kubelet": {"flags": ["--node-labels=-=b"]}}), "kubelet.flags[0]: must be a flag in one piece"),
        (
            json!({"kubelet": {"node_labels": {"a": "b"}, "flags": ["--node-labels=c=d"]}}),
            "kubelet.node_labels: excludes `--node-labels` in `flags`",
        ),
        (
            json!({"kubelet": {
                "node_taints": [{"key": "a", "effect": "NoSchedule"}], "config": {"registerWithTaints": []}
            }}),
            "kubelet.node_taints: excludes `registerWithTaints` in `config`",
        ),
        (
            json!({"kubelet": {"node_labels": {"k8s.io/a": "b"}}}),
            "kubelet.node_labels[\"k8s.io/a\"]: the kubelet refuses",
        ),
        (
            json!({"containerd": {"config": "= 1"}}),
            "containerd.config: must be containerd configuration in TOML; line 1",
        ),
        (
            json!({"containerd": {"base_runtime_spec": {"proces": {}}}}),
            "containerd.base_runtime_spec[\"proces\"]: is not a part of the OCI runtime specification; did you mean \
             `process`?",
        ),
        (json!({"containerd": {"base_runtime_spec": []}}), "containerd.base_runtime_spec: must be a map, not a list"),
        (json!({"instance": {"local_storage": {}}}), "instance.local_storage.strategy: is required"),
        (
            json!({"instance": {"local_storage": {"strategy": "raid0"}}}),
            "instance.local_storage.strategy: must be `RAID0`, `RAID10` or `Mount`, got `raid0`",
        ),
        (
            json!({"instance": {"local_storage": {"strategy": "Mount", "disabled_mounts": ["SOCI"]}}}),
            "instance.local_storage.disabled_mounts: has no effect with the `strategy` `Mount`",
        ),
        (
            json!({"instance": {"local_storage": {"strategy": "RAID0", "disabled_mounts": ["Kubelet"]}}}),
            "instance.local_storage.disabled_mounts[0]: must be `Containerd`, `PodLogs` or `SOCI`, got `Kubelet`",
        ),
        (
            json!({"instance": {"local_storage": {"strategy": "RAID0", "mount_path": "mnt"}}}),
            "instance.local_storage.mount_path: must be an absolute path",
        ),
        (
            json!({"instance": {"environment": {"kubelet.service": {"A": "b"}}}}),
            "instance.environment[\"kubelet.service\"]: leave out `.service`: `kubelet`",
        ),
        (
            json!({"instance": {"environment": {"a/b": {"A": "b"}}}}),
            "instance.environment[\"a/b\"]: must be `default` or the name of a systemd service",
        ),
        (
            json!({"instance": {"environment": {"HTTPS_PROXY": "http://proxy:3128"}}}),
            "instance.environment[\"HTTPS_PROXY\"]: must be a map, not a string",
        ),
        (
            json!({"instance": {"environment": {"default": {"1-A": "b"}}}}),
            "instance.environment[\"default\"][\"1-A\"]: the name of a variable",
        ),
        (
            json!({"instance": {"environment": {"default": {"A": 7}}}}),
            "instance.environment[\"default\"][\"A\"]: must be a string, not a number; put it in quotes",
        ),
        (
            json!({"instance": {"network": {"nameservers": ["dns.example.com"]}}}),
            "instance.network.nameservers[0]: must be the IP address of a name server",
        ),
        (
            json!({"instance": {"network": {"domains": ["a b"]}}}),
            "instance.network.domains[0]: must be a domain such as",
        ),
        (
            json!({"feature_gates": {"instance_id_node_name": true}}),
            "feature_gates[\"instance_id_node_name\"]: nodeadm has no such feature; did you mean `InstanceIdNodeName`?",
        ),
        (
            json!({"feature_gates": {"GracefulExit": true}}),
            "feature_gates[\"GracefulExit\"]: nodeadm has no such feature; there are `InstanceIdNodeName` or",
        ),
        (
            json!({"feature_gates": {"FastImagePull": "yes"}}),
            "feature_gates[\"FastImagePull\"]: must be a bool, not a string",
        ),
    ] {
        let message = refused(with(&more));
        assert!(message.starts_with(expected) && message.lines().count() == 1, "{message}");
    }
    for nameserver in ["10.0.0.2:53", "[fd00::2]:53", "10.0.0.2#dns.example.com"] {
        spec(with(&json!({"instance": {"network": {"nameservers": [nameserver], "domains": ["~."]}}})));
    }
}

#[test]
fn values_of_the_environment_are_not_printed() {
    let config =
        ready(with(&json!({"instance": {"environment": {"default": {"HTTPS_PROXY": "http://me:hunter2@p"}}}})));
    let printed = format!("{config:?}");
    assert!(printed.contains("HTTPS_PROXY") && !printed.contains("hunter2"), "{printed}");
}

#[test]
fn unknown_values_make_it_pending() {
    for input in [
        json!({"os": LATER}),
        json!({"os": "al2023", "cluster": LATER}),
        json!({"os": "al2023", "partial": LATER}),
        with_cluster(&json!({"api_server_endpoint": LATER, "certificate_authority": LATER, "cidr": LATER})),
        with_cluster(&json!({"enable_outpost": LATER, "id": ID})),
        with(&json!({"kubelet": {"max_pods": LATER}})),
        with(&json!({"kubelet": {"max_pods": 20, "config": {"maxPods": LATER}}})),
        with(&json!({"kubelet": {"max_pods": 20, "flags": LATER}})),
        with(&json!({"containerd": {"base_runtime_spec": {"process": {"cwd": LATER}}}})),
        with(&json!({"instance": {"environment": {"default": LATER}}})),
        with(&json!({"instance": {"environment": {"default": {"A": LATER}}}})),
        with(&json!({"feature_gates": {"FastImagePull": LATER}})),
    ] {
        assert_eq!(parse_any(&tree(input.clone())), Ok(Parsed::Pending), "{input}");
    }
    let beside = refused(with(&json!({"kubelet": {"max_pods": LATER, "max_pods_expression": "0"}})));
    assert!(beside.starts_with("kubelet.max_pods_expression: must be an expression"), "{beside}");
}
