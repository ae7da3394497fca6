//! Arguments as AWS publishes them and as a shell reads them, and rejected input.

use std::process::Command;

use serde_json::{Value, json};

use super::*;
use crate::node::tree::written::{LATER, tree};

const ENDPOINT: &str = "https://0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com";
/// `-----BEGIN CERTIFICATE-----`, `AAAA`, `-----END CERTIFICATE-----`, a line each.
const AUTHORITY: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";
const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// The options besides the cluster's name.
fn with_name(options: &Value) -> Value {
    let mut all = json!({"cluster_name": "plant"});
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    all
}

fn rendered(options: &Value) -> String {
    match parse(&tree(with_name(options))) {
        Ok(Parsed::Ready(bootstrap)) => bootstrap.render(),
        other => panic!("{options}: {other:?}"),
    }
}

fn refused(options: &Value) -> String {
    parse(&tree(with_name(options))).unwrap_err().to_string()
}

#[test]
fn arguments_are_those_of_the_script() {
    for (options, expected) in [
        (json!({}), "plant".to_owned()),
        // Custom networking, as in the tutorial.
        (json!({"max_pods": 20}), "plant --use-max-pods false --kubelet-extra-args '--max-pods=20'".to_owned()),
        (json!({"use_max_pods": false}), "plant --use-max-pods false".to_owned()),
        // An isolated network: nodes cannot reach EKS.
        (
            json!({"api_server_endpoint": ENDPOINT, "certificate_authority": AUTHORITY, "service_ipv4_cidr": "10.100.0.0/16"}),
            format!(
                "plant --apiserver-endpoint {ENDPOINT} --b64-cluster-ca {AUTHORITY} --dns-cluster-ip 10.100.0.10 \
                 --service-ipv4-cidr 10.100.0.0/16"
            ),
        ),
        // A local cluster on an Outpost.
        (
            json!({"enable_local_outpost": true, "cluster_id": ID, "dns_cluster_ip": "169.254.20.10,172.20.0.10"}),
            format!("plant --dns-cluster-ip 169.254.20.10,172.20.0.10 --enable-local-outpost true --cluster-id {ID}"),
        ),
        (
            json!({
                "api_server_endpoint": ENDPOINT,
                "certificate_authority": AUTHORITY,
                "ip_family": "ipv6",
                "service_ipv6_cidr": "fd12:3456:789a::/108",
            }),
            format!(
                "plant --apiserver-endpoint {ENDPOINT} --b64-cluster-ca {AUTHORITY} --service-ipv6-cidr \
                 fd12:3456:789a::/108 --ip-family ipv6"
            ),
        ),
        (
            json!({
                "node_labels": {"tier": "web", "example.com/rack": "", "node.kubernetes.io/zone": "a"},
                "node_taints": [
                    {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"},
                    {"key": "example.com/new", "effect": "NoExecute"},
                ],
                "kubelet_extra_args": ["--eviction-hard=nodefs.available<10%", "--v=4"],
            }),
            "plant --kubelet-extra-args '--node-labels=example.com/rack=,node.kubernetes.io/zone=a,tier=web \
             --register-with-taints=dedicated=gpu:NoSchedule,example.com/new:NoExecute \
             --eviction-hard=nodefs.available<10%% --v=4'"
                .to_owned(),
        ),
        (json!({"node_labels": {}, "node_taints": [], "kubelet_extra_args": []}), "plant".to_owned()),
        (
            json!({
                "container_runtime": "containerd",
                "containerd_config_file": "/etc/containerd/a&b.toml",
                "local_disks": "raid0",
                "mount_bpf_fs": false,
                "pause_container_account": "602401143452",
                "pause_container_version": "3.10",
                "aws_api_retry_attempts": 0,
            }),
            "plant --container-runtime containerd --containerd-config-file '/etc/containerd/a&b.toml' --local-disks \
             raid0 --mount-bpf-fs false --pause-container-account 602401143452 --pause-container-version 3.10 \
             --aws-api-retry-attempts 0"
                .to_owned(),
        ),
    ] {
        assert_eq!(rendered(&options), expected, "{options}");
    }
}

/// Hostile values pass through a real shell unchanged, each as one word.
#[test]
fn a_shell_reads_the_words_as_they_were_meant() {
    let file = "/etc/$(id);`id`&|<>*?~#!{a,b}";
    let argument = "--system-reserved=$HOME;$(id)`id`&|<>*?~#!{a,b}";
    let line = rendered(&json!({"containerd_config_file": file, "kubelet_extra_args": [argument]}));
    let output = Command::new("bash").args(["-c", &format!("printf '%s\\n' {line}")]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let words = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = words.lines().collect();
    assert_eq!(words, ["plant", "--containerd-config-file", file, "--kubelet-extra-args", argument]);
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted(""), "''");
}

#[test]
fn refused_inputs() {
    const ALONE: &str = "with one of the two alone the script asks EKS and drops it";
    for (options, expected) in [
        (
            json!({"api_server_endpoint": ENDPOINT}),
            format!("api_server_endpoint: needs `certificate_authority`: {ALONE}"),
        ),
        (
            json!({"certificate_authority": AUTHORITY}),
            format!("certificate_authority: needs `api_server_endpoint`: {ALONE}"),
        ),
        (
            json!({"enable_local_outpost": true}),
            "cluster_id: is required with `enable_local_outpost`: the cluster's id, not its name".to_owned(),
        ),
        (json!({"cluster_id": ID}), "cluster_id: needs `enable_local_outpost = true`".to_owned()),
        (
            json!({"cluster_id": ID, "enable_local_outpost": false}),
            "cluster_id: needs `enable_local_outpost = true`".to_owned(),
        ),
        (
            json!({"cluster_id": "plant", "enable_local_outpost": true}),
            format!("cluster_id: must be the ID of a local cluster, a UUID in lowercase such as `{ID}`, got `plant`"),
        ),
        (
            json!({"max_pods": 20, "use_max_pods": true}),
            "use_max_pods: is `true`, which excludes `max_pods`".to_owned(),
        ),
        (json!({"max_pods": 0}), "max_pods: must be a whole number from 1 to 100000, got `0`".to_owned()),
        (
            json!({"service_ipv6_cidr": "fd00::/108", "ip_family": "ipv4"}),
            "service_ipv6_cidr: needs the `ip_family` `ipv6`".to_owned(),
        ),
        (
            json!({"service_ipv4_cidr": "10.100.0.0/16", "ip_family": "ipv6"}),
            "service_ipv4_cidr: needs the `ip_family` `ipv4`".to_owned(),
        ),
        (
            json!({"service_ipv4_cidr": "10.100.0.0/16", "service_ipv6_cidr": "fd00::/108"}),
            "service_ipv4_cidr: excludes `service_ipv6_cidr`".to_owned(),
        ),
        (
            json!({"api_server_endpoint": ENDPOINT, "certificate_authority": AUTHORITY, "ip_family": "ipv6"}),
            "service_ipv6_cidr: is required with the `ip_family` `ipv6` when `api_server_endpoint` is given; \
             `dns_cluster_ip` does as well"
                .to_owned(),
        ),
        (
            json!({"service_ipv6_cidr": "10.100.0.0/16"}),
            "service_ipv6_cidr: must be the IPv6 range of the cluster's services, such as `fd12:3456:789a::/108`, got \
             `10.100.0.0/16`; that is IPv4, which belongs into `service_ipv4_cidr`"
                .to_owned(),
        ),
        (
            json!({"dns_cluster_ip": "10.100.0.10, 10.100.0.11"}),
            "dns_cluster_ip: must be an IP address, or several separated by commas without spaces, got `10.100.0.10, \
             10.100.0.11`"
                .to_owned(),
        ),
        (json!({"ip_family": "IPv4"}), "ip_family: must be `ipv4` or `ipv6`, got `IPv4`".to_owned()),
        (
            json!({"container_runtime": "docker"}),
            "container_runtime: must be `containerd` or `dockerd`, got `docker`".to_owned(),
        ),
        (json!({"local_disks": "RAID0"}), "local_disks: must be `raid0`, `raid10` or `mount`, got `RAID0`".to_owned()),
        (
            json!({"pause_container_version": "-3"}),
            "pause_container_version: must be the tag of an image such as `3.10`, got `-3`".to_owned(),
        ),
        (
            json!({"aws_api_retry_attempts": 21}),
            "aws_api_retry_attempts: must be a whole number from 0 to 20, got `21`".to_owned(),
        ),
        (json!({"kubelet_extra_args": "--v=4"}), "kubelet_extra_args: must be a list, not a string".to_owned()),
        (
            json!({"node_taints": [{"key": "a b", "value": "-", "effect": "NO_SCHEDULE"}]}),
            "node_taints[0].key: must be a key such as `example.com/rack`: an optional DNS name and `/`, then 1 to 63 \
             letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit, got `a b`\n\
             node_taints[0].value: must be a label value: empty, or 1 to 63 letters, digits, `-`, `_` and `.`, beginning and ending \
             with a letter or digit, got `-`\n\
             node_taints[0].effect: must be `NoSchedule`, `PreferNoSchedule` or `NoExecute`, got `NO_SCHEDULE`"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(&options), expected);
    }
    assert_eq!(parse(&tree(json!({}))).unwrap_err().to_string(), "cluster_name: is required");
    assert!(refused(&json!({"dns": "10.0.0.10"})).starts_with("dns: there is no such attribute"));
}

#[test]
fn flags_that_would_fall_apart_are_refused() {
    for argument in ["v=4", "--", "--=4", "--v 4", "--v\t4", "--v=\"4\"", "--v='4'", "--v=\\4", ""] {
        assert!(
            refused(&json!({"kubelet_extra_args": [argument]})).starts_with("kubelet_extra_args[0]: must be a flag in"),
            "{argument}"
        );
    }
    for (argument, instead) in [
        ("--max-pods=20", "give `max_pods`"),
        ("--node-labels=a=b", "give `node_labels`"),
        ("--register-with-taints=a:NoSchedule", "give `node_taints`"),
    ] {
        assert!(refused(&json!({"kubelet_extra_args": ["--v=4", argument]})).ends_with(instead), "{argument}");
    }
}

#[test]
fn labels_are_those_that_a_kubelet_may_set() {
    let long = "a".repeat(64);
    for key in [
        "a",
        "example.com/a",
        "node.kubernetes.io/a",
        "x.node.kubernetes.io/a",
        "kubelet.kubernetes.io/a",
        "topology.kubernetes.io/zone",
        "notkubernetes.io/a",
        &long[1..],
    ] {
        assert_eq!(
            rendered(&json!({"node_labels": {key: "1"}})),
            format!("plant --kubelet-extra-args '--node-labels={key}=1'")
        );
    }
    for key in ["node-role.kubernetes.io/worker", "kubernetes.io/a", "x.k8s.io/a", "topology.kubernetes.io/rack"] {
        let fault = refused(&json!({"node_labels": {key: "1"}}));
        assert!(fault.starts_with(&format!("node_labels[\"{key}\"]: the kubelet refuses to start")), "{fault}");
    }
    for key in ["", "-a", "a-", "a b", "/a", "example.com/", "Example.com/a", "a/b/c", "a..b/c", "-a.b/c", &long] {
        let fault = refused(&json!({"node_labels": {key: "1"}}));
        assert!(fault.contains("the key must be a key such as"), "{key}: {fault}");
    }
    for (value, part) in [
        (json!("a b"), "must be a label value: empty, or 1 to 63 letters"),
        (json!("a/b"), "must be a label value: empty, or 1 to 63 letters"),
        (json!(long), "must be a label value: empty, or 1 to 63 letters"),
        (json!([1]), "must be a string, not a list"),
    ] {
        let fault = refused(&json!({"node_labels": {"a": value}}));
        assert!(fault.starts_with("node_labels[\"a\"]: ") && fault.contains(part), "{fault}");
    }
    assert_eq!(refused(&json!({"node_labels": ["a"]})), "node_labels: must be a map, not a list");
    // A label's value is a string to the kubelet, whatever its HCL type; null is not set.
    assert_eq!(
        rendered(&json!({"node_labels": {"a": 1, "b": true, "c": null}})),
        "plant --kubelet-extra-args '--node-labels=a=1,b=true'"
    );
}

#[test]
fn unknown_values_make_it_pending() {
    for options in [
        json!({"api_server_endpoint": LATER, "certificate_authority": LATER}),
        json!({"api_server_endpoint": LATER}),
        json!({"enable_local_outpost": true, "cluster_id": LATER}),
        json!({"enable_local_outpost": LATER, "cluster_id": ID}),
        json!({"max_pods": LATER, "use_max_pods": true, "node_labels": {"a": LATER}}),
        json!({"node_taints": [{"key": LATER, "effect": "NoSchedule"}]}),
    ] {
        assert_eq!(parse(&tree(with_name(&options))), Ok(Parsed::Pending), "{options}");
    }
    let fault = refused(&json!({"api_server_endpoint": LATER, "node_labels": {"-": LATER}}));
    assert!(fault.starts_with("node_labels[\"-\"]: "), "{fault}");
}
