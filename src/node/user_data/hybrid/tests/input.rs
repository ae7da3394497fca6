//! Rejected input, and input that is known only at apply.

use serde_json::json;

use super::{LATER, Parsed, and, by_ssm, description, fault, parse, ready, tree};

#[test]
fn versions_are_two_or_three_numbers() {
    for version in ["1.34", "1.34.2", "1.30"] {
        ready(and(by_ssm(), json!({"kubernetes_version": version})));
    }
    let rule = "kubernetes_version: must be a version of Kubernetes, `<major>.<minor>` or `<major>.<minor>.<patch>`";
    for (version, end) in [
        ("v1.34", "got `v1.34`; leave out the `v`: `1.34`"),
        ("1", "got `1`"),
        ("1.34.", "got `1.34.`"),
        ("1.034", "got `1.034`"),
        ("1.34.2-eks", "got `1.34.2-eks`"),
        ("latest", "got `latest`"),
        ("1.34;reboot", "got `1.34;reboot`"),
    ] {
        assert_eq!(fault(and(by_ssm(), json!({"kubernetes_version": version}))), format!("{rule}, {end}"));
    }
    // As a number, 1.30 would be 1.3.
    assert_eq!(
        fault(and(by_ssm(), json!({"kubernetes_version": 1.3}))),
        "kubernetes_version: must be a string, not a number; put it in quotes"
    );
}

#[test]
fn words_and_urls() {
    let hex = "a".repeat(64);
    for (more, start) in [
        (json!({"architecture": "x86_64"}), "architecture: must be `amd64` or `arm64`, got `x86_64`"),
        (json!({"containerd_source": "apt"}), "containerd_source: must be `none`, `distro` or `docker`, got `apt`"),
        (json!({"region": "us-west-2b"}), "region: must be an AWS region"),
        (json!({"nodeadm": {"source": "ftp://x/nodeadm"}}), "nodeadm.source: must be a URL that begins with"),
        (json!({"nodeadm": {"source": "https://x/$(reboot)"}}), "nodeadm.source: must be a URL"),
        (json!({"nodeadm": {"source": "https:///nodeadm"}}), "nodeadm.source: must be a URL"),
        (json!({"nodeadm": {"source": "file://nodeadm"}}), "nodeadm.source: must be a URL"),
        (json!({"nodeadm": {"source": "https://x/a b"}}), "nodeadm.source: must be a URL"),
        (
            json!({"nodeadm": {"sha256": "a".repeat(63)}}),
            "nodeadm.sha256: must be a SHA-256 checksum of 64 hexadecimal digits",
        ),
        (json!({"nodeadm": {"sha256": format!("{hex}\n")}}), "nodeadm.sha256: must be a SHA-256"),
        (json!({"nodeadm": {"source": "http://x/nodeadm"}}), "nodeadm.sha256: is required with a source of `http://`"),
        (json!({"manifest_override": "http://x/m.yaml"}), "manifest_override: must be a URL that begins with"),
        (json!({"manifest_override": "manifest.yaml"}), "manifest_override: must be a URL that begins with"),
        (json!({"private_mode": true}), "private_mode: needs `manifest_override`"),
        (json!({"proxy": {}}), "proxy: one of `http` and `https` is required"),
        (json!({"proxy": {"http": "proxy:3128"}}), "proxy.http: must be the URL of a proxy"),
        (json!({"proxy": {"https": "http://a%20b:3128"}}), "proxy.https: must be the URL of a proxy"),
        (json!({"proxy": {"http": "http://p", "no_proxy": ["a b"]}}), "proxy.no_proxy[0]: must be a host"),
        (json!({"skip_validations": ["run"]}), "skip_validations[0]: must be `api-server-endpoint-"),
        (json!({"node_config": "apiVersion: x"}), "node_config: must be an object, not a string"),
        (json!({"kubernetesVersion": "1.34"}), "kubernetesVersion: there is no such attribute; did you mean `kub"),
    ] {
        let message = fault(and(by_ssm(), more));
        assert!(message.starts_with(start), "{message}");
    }
    ready(and(by_ssm(), json!({"nodeadm": {"source": "http://x/nodeadm", "sha256": hex}})));
    ready(and(by_ssm(), json!({"private_mode": true, "manifest_override": "file:///opt/manifest.yaml"})));
    ready(and(by_ssm(), json!({"private_mode": false})));
}

#[test]
fn a_password_of_a_proxy_is_refused_and_not_repeated() {
    let message = fault(and(by_ssm(), json!({"proxy": {"http": "http://me:hunter2@proxy:3128"}})));
    assert!(message.contains("would be readable by everyone on the host"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn faults_of_the_node_config_are_found_beside_others() {
    let faults = parse(&tree(json!({"node_config": {"cluster": {"name": "-", "region": "us-west-2"}}, "region": "x"})));
    let places: Vec<String> =
        faults.unwrap_err().iter().map(|fault| fault.to_string().split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(places, ["node_config.cluster.name", "node_config.hybrid", "kubernetes_version", "region"]);
}

#[test]
fn unknown_values_make_it_pending() {
    for more in [
        json!({"node_config": LATER}),
        json!({"kubernetes_version": LATER}),
        json!({"private_mode": LATER}),
        json!({"private_mode": true, "manifest_override": LATER}),
        json!({"nodeadm": {"source": "http://x/nodeadm", "sha256": LATER}}),
        json!({"nodeadm": {"source": LATER}}),
        json!({"proxy": {"http": LATER}}),
        json!({"skip_validations": [LATER]}),
    ] {
        assert_eq!(parse(&tree(and(by_ssm(), more.clone()))), Ok(Parsed::Pending), "{more}");
    }
}

#[test]
fn the_description_leaves_the_node_config_to_its_own_page() {
    let page = description();
    assert!(page.contains("- `node_config` (object, required) The `NodeConfig`"), "{page}");
    assert!(page.contains("  - `sha256` (string, optional) SHA-256 of the program"), "{page}");
    assert!(!page.contains("activation_code"), "{page}");
}
