//! The fake nodeadm, case by case: exit codes and messages as observed with the real one.

use serde_json::{Value, json};

use crate::{
    hosts::{Host, ground},
    sandbox::{Account, Cluster, text, wait_for},
};

const CODE: &str = "abcdefghijklmnopqrst";
const ACTIVATION: &str = "e488f2f6-e686-4afb-8a04-ef6dfabcdeff";

/// The preparation, the command, its exit code, and required text on stderr.
pub type Row<'a> = (&'a str, &'a str, i64, &'a str);

/// Installs nodeadm on a host as users do.
pub fn fetch(host: &Host<'_>, version: &str) {
    let from = format!("https://hybrid-assets.eks.amazonaws.com/releases/{version}/bin/linux/amd64/nodeadm");
    let to = "/usr/local/bin/nodeadm";
    host.printed(&format!("curl --silent --show-error --fail --output {to} {from} && chmod +x {to}"));
}

pub fn check(host: &Host<'_>, rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (before, command, expected, said) in rows {
        if !before.is_empty() {
            host.printed(before);
        }
        let (status, stdout, stderr) = host.run(command);
        if status != *expected || !stderr.contains(said) || !stdout.is_empty() {
            wrong.push(format!(
                "{command}\n  ended with {status}, not {expected}; wanted: {said}\n  said: {stdout}{stderr}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A NodeConfig with these parts in its spec.
pub fn node_config(spec: &Value) -> String {
    json!({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}).to_string()
}

pub fn joining(id: &str, code: &str) -> Value {
    json!({
        "cluster": {"name": "workshop", "region": "us-west-2"},
        "hybrid": {"ssm": {"activationId": id, "activationCode": code}},
    })
}

/// A command that writes a file.
pub fn file(path: &str, text: &str) -> String {
    assert!(!text.contains('\''), "{text}");
    format!("printf '%s' '{text}' >{path}")
}

/// An activation's ID and code.
pub fn activation(account: &Account<'_>, limit: u32) -> (String, String) {
    activation_of(account, "hybrid-nodes", limit)
}

fn activation_of(account: &Account<'_>, role: &str, limit: u32) -> (String, String) {
    let made = account.ssm("CreateActivation", &json!({"IamRole": role, "RegistrationLimit": limit}));
    (text(&made["ActivationId"]), text(&made["ActivationCode"]))
}

#[test]
fn without_a_cluster_nodeadm_says_what_the_real_one_says() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let host = Host::start(&account, "texts", &json!({}));
    fetch(&host, "latest");
    let told = sandbox.done("GET", "hosts", &Value::Null);
    assert_eq!(host.printed("sha256sum /usr/local/bin/nodeadm | cut -d ' ' -f 1"), text(&told["nodeadm"][0]["sha256"]));
    assert_eq!(host.printed("nodeadm --version"), "Version: v1.0.20");
    let not_installed = "Nodeadm components are not installed. Please run `nodeadm install` before running init";
    check(
        &host,
        &[
            ("", "nodeadm init -c file:///none", 0, not_installed),
            ("", "nodeadm init -c nonsense", 0, not_installed),
            (
                "",
                "nodeadm upgrade 1.34 -c file:///none",
                0,
                "No nodeadm components installed. Please use nodeadm install and",
            ),
            ("", "nodeadm uninstall", 0, "Nodeadm components are already uninstalled"),
            ("", "su ubuntu -c 'nodeadm install 1.34 -p ssm'", 1, "\"error\":\"must run as root\""),
            ("", "nodeadm init", 2, "--config-source is a required flag"),
            ("", "nodeadm install 1.34", 2, "--credential-provider is a required flag"),
            ("", "nodeadm init -c file:///none --color", 2, "Unknown arguments supplied:  --color"),
            ("", "nodeadm", 2, "No command specified"),
            (
                "",
                "nodeadm install 1.99 -p ssm",
                1,
                "getting latest eks release: input semver did not match with any available releases",
            ),
            ("", "nodeadm install 1.34.9 -p ssm", 1, "Try again with major.minor version"),
            ("", "nodeadm install v1.34 -p ssm", 1, "invalid semantic version: v1.34"),
            ("", "nodeadm install 1.34 -p ssm -r xx-north-1", 1, "region xx-north-1 not found in manifest"),
            (
                "",
                "nodeadm install 1.34 -p ssm --private-mode",
                1,
                "--private-mode requires --manifest-override to be specified",
            ),
            ("", "nodeadm install 1.34 -p ssm", 0, "Finishing up install..."),
        ],
    );
    let (short, empty) = (node_config(&joining(ACTIVATION, "tooshort")), node_config(&json!({})));
    let unknown_field = node_config(&json!({"cluster": {"name": "workshop", "region": "us-west-2"}, "hybridd": {}}));
    let init = "nodeadm init -c file:///c";
    check(
        &host,
        &[
            (&file("/c", &short), init, 1, "invalid ActivationCode format: tooshort. Must be 20-250 characters"),
            (
                &file("/c", &unknown_field),
                init,
                1,
                r#"error unmarshaling JSON: while decoding JSON: json: unknown field \"hybridd\""#,
            ),
            (
                &file("/c", &empty),
                init,
                1,
                "operation error ec2imds: GetRegion, request canceled, context deadline exceeded",
            ),
            ("", "nodeadm config check -c file:///c", 0, "Configuration is valid"),
        ],
    );
    // Every failure prints the code in clear text, six times.
    let (id, code) = activation(&account, 1);
    let bad = "invalid SSM activation. Please use a valid activation code, activation id and region";
    let mut elsewhere = joining(&id, &code);
    elsewhere["cluster"]["region"] = "us-east-1".into();
    for spec in [joining(ACTIVATION, CODE), elsewhere] {
        host.printed(&file("/c", &node_config(&spec)));
        let (status, _, stderr) = host.run(init);
        assert!(status == 1 && stderr.contains(&format!("configuring aws credentials with SSM: {bad}")), "{stderr}");
        let code = text(&spec["hybrid"]["ssm"]["activationCode"]);
        let tried = stderr.lines().filter(|line| line.contains("Command failed, retrying"));
        assert_eq!(tried.filter(|line| line.contains(&format!("-code {code} -id "))).count(), 6, "{stderr}");
    }
    // Exhausted, and then expired.
    let other = json!({"activation_id": id, "computer_name": "other", "ip_address": "10.80.0.9"});
    account.sandbox.done("POST", &format!("accounts/{}/instances", account.id), &other);
    check(&host, &[(&file("/c", &node_config(&joining(&id, &code))), init, 1, bad)]);
    let (id, code) = activation(&account, 1);
    account.sandbox.done("POST", &format!("accounts/{}/clock", account.id), &json!({"advance_seconds": 172_800}));
    let expired = "configuring aws credentials with SSM: SSM activation expired. Please use a valid activation";
    check(&host, &[(&file("/c", &node_config(&joining(&id, &code))), init, 1, expired)]);
    // Proxies, none of which exists.
    let proxied = "HTTPS_PROXY=http://127.0.0.1:1 nodeadm init -c file:///c";
    let set = "for f in /etc/apt/apt.conf.d /etc/systemd/system/kubelet.service.d /usr/lib/systemd/system/containerd.service.d \
        /etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service.d; do mkdir -p $f; done; \
        echo 'Acquire::http::Proxy \"http://127.0.0.1:1\";' >/etc/apt/apt.conf.d/proxy.conf; \
        for u in /etc/systemd/system/kubelet /usr/lib/systemd/system/containerd \
        /etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent; do \
        echo 'Environment=\"HTTPS_PROXY=http://127.0.0.1:1\"' >$u.service.d/http-proxy.conf; done";
    let dead =
        "failed to register machine with SSM after multiple attempts: context deadline exceeded: running command [";
    check(
        &host,
        &[
            ("", proxied, 1, "apt proxy configuration file not found: /etc/apt/apt.conf.d/proxy.conf"),
            (
                "",
                &format!("https_proxy=http://other:1 {proxied}"),
                1,
                "HTTPS_PROXY and https_proxy environment variables have different values: ",
            ),
            (set, &format!("timeout 60 env {proxied}"), 1, dead),
        ],
    );
    fetch(&host, "v1.0.18");
    let signature = "validating ssm-setup-cli signature: Signature Verification Error: No matching signature";
    check(&host, &[("", "nodeadm install 1.34 -p ssm", 1, signature)]);
}

#[test]
fn containerd_comes_from_where_the_system_allows() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    for (os, command, said) in [
        (
            "amazon-linux-2023",
            "nodeadm install 1.34 -p ssm -s docker",
            "docker source for containerd is not supported on AL2023",
        ),
        ("rhel-9", "nodeadm install 1.34 -p ssm", "distro source for containerd is not supported on RHEL"),
    ] {
        let host = Host::start(&account, "source", &json!({"os": os}));
        fetch(&host, "latest");
        check(&host, &[("", command, 1, said)]);
    }
}

/// A cluster whose API server is reachable from hosts, and a host with nodeadm's components.
pub fn reached<'a>(account: &'a Account<'a>) -> Cluster<'a> {
    account.sandbox.done("POST", &format!("accounts/{}/settings", account.id), &json!({"endpoint": "hosts"}));
    account.cluster("workshop")
}

fn installed<'a>(account: &'a Account<'a>, name: &str) -> Host<'a> {
    let host = Host::start(account, name, &json!({}));
    fetch(&host, "latest");
    host.printed("nodeadm install 1.34.2 -p ssm");
    host
}

pub fn instance(host: &Host<'_>) -> String {
    host.printed(
        "python3 -c 'import json; print(json.load(open(\"/var/lib/amazon/ssm/registration\"))[\"ManagedInstanceID\"])'",
    )
}

#[test]
fn a_host_joins_upgrades_and_leaves() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let cluster = reached(&account);
    let host = installed(&account, "joins");
    let (id, code) = activation(&account, 1);
    let mut spec = joining(&id, &code);
    spec["kubelet"] = json!({
        "flags": ["--node-labels=tier=edge"],
        "config": {"maxPods": 42, "registerWithTaints": [{"key": "edge", "effect": "NoSchedule"}]},
    });
    let init = "nodeadm init -c file:///c";
    check(&host, &[(&file("/c", &node_config(&spec)), init, 0, "Finished post-launch tasks")]);
    let name = instance(&host);
    let node = wait_for("the Node", || {
        let nodes = cluster.json(&["get", "nodes"])["items"].as_array().unwrap().clone();
        nodes.into_iter().find(|node| node["metadata"]["name"] == name.as_str())
    });
    let labels = &node["metadata"]["labels"];
    assert_eq!(labels["eks.amazonaws.com/compute-type"], "hybrid");
    assert_eq!(labels["eks.amazonaws.com/hybrid-credential-provider"], "ssm");
    assert_eq!(labels["tier"], "edge");
    assert_eq!(node["spec"]["providerID"], format!("eks-hybrid:///us-west-2/workshop/{name}"));
    assert_eq!(node["spec"]["taints"][0]["key"], "edge");
    assert_eq!(node["status"]["addresses"][0]["address"], host.address().as_str());
    assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.34.2-eks-ecaa3a6");
    assert_eq!(node["status"]["capacity"]["pods"], "42");
    assert_eq!(host.printed("systemctl is-active kubelet"), "active");
    for file in [
        "/var/lib/kubelet/kubeconfig",
        "/etc/kubernetes/kubelet/config.json",
        "/etc/systemd/system/kubelet.service",
        "/etc/eks/kubelet/environment",
        "/etc/kubernetes/pki/ca.crt",
        "/etc/containerd/config.toml",
        "/etc/sysctl.d/99-nodeadm.conf",
    ] {
        host.printed(&format!("test -s {file}"));
    }

    // Again, with another activation, which is not used.
    let (other, other_code) = activation(&account, 1);
    let again = node_config(&joining(&other, &other_code));
    check(&host, &[(&file("/c", &again), init, 0, "SSM agent already registered, skipping registration")]);
    assert_eq!(instance(&host), name);

    // A node that is not cordoned, or runs pods other than static and DaemonSet pods, can be neither upgraded nor
    // uninstalled.
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely", "namespace": "default"},
        "spec": {"nodeName": name, "containers": [{"name": "c", "image": "c"}], "tolerations": [{"operator": "Exists"}]},
    });
    wait_for("the default service account", || cluster.kubectl(&["apply", "--filename", "-"], &pod.to_string()).ok());
    let upgrade = "nodeadm upgrade 1.34.3 -c file:///c";
    let running = "only static pods and pods controlled by daemon-sets can be running on the node. Please move pods to different node or use --skip pod-validation";
    let schedulable =
        "please drain or cordon node to mark it unschedulable or use --skip node-validation: node is schedulable";
    check(&host, &[("", upgrade, 1, running), ("", "nodeadm uninstall", 1, running)]);
    cluster.kubectl(&["delete", "pod", "lonely", "--grace-period=0", "--force"], "").unwrap();
    check(&host, &[("", upgrade, 1, schedulable), ("", "nodeadm uninstall", 1, schedulable)]);
    cluster.kubectl(&["cordon", &name], "").unwrap();
    check(&host, &[("", upgrade, 0, "Upgrading components")]);
    assert_eq!(instance(&host), name);
    assert_eq!(host.printed("kubelet --version"), "Kubernetes v1.34.3-eks-ecaa3a6");
    let upgraded = cluster.json(&["get", "node", &name]);
    assert_eq!(upgraded["spec"]["unschedulable"], true);
    assert_eq!(upgraded["metadata"]["uid"], node["metadata"]["uid"]);
    wait_for("the new kubelet's report", || {
        let node = cluster.json(&["get", "node", &name]);
        (node["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.3-eks-ecaa3a6").then_some(())
    });

    // Uninstalling deregisters the host, and leaves the Node and the CNI's files behind.
    host.printed("mkdir -p /etc/cni/net.d && touch /etc/cni/net.d/10-lab.conflist");
    check(&host, &[("", "nodeadm uninstall", 0, "Finished uninstallation tasks...")]);
    let gone = [
        "/usr/bin/kubelet",
        "/opt/nodeadm",
        "/etc/eks",
        "/etc/kubernetes",
        "/var/lib/amazon/ssm/registration",
        "/root/.aws",
    ];
    for path in gone {
        host.printed(&format!("test ! -e {path}"));
    }
    for path in ["/etc/containerd/config.toml", "/etc/sysctl.d/99-nodeadm.conf", "/etc/cni/net.d/10-lab.conflist"] {
        host.printed(&format!("test -e {path}"));
    }
    let left = account.ssm("DescribeInstanceInformation", &json!({}));
    assert_eq!(left["InstanceInformationList"], json!([]));
    assert_eq!(cluster.ready(&name), "Unknown");
    check(&host, &[("", "nodeadm uninstall", 0, "Nodeadm components are already uninstalled")]);
}

#[test]
fn an_init_that_ends_well_proves_nothing() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let cluster = reached(&account);
    // A role that may not deregister its instance, and has no access entry.
    let role =
        json!({"name": "bound", "trust_services": ["ssm.amazonaws.com"], "deny": ["ssm:DeregisterManagedInstance"]});
    account.sandbox.done("POST", &format!("accounts/{}/roles", account.id), &role);
    let host = installed(&account, "fails");
    let (id, code) = activation_of(&account, "bound", 9);
    let told = account.eks("GET", "/clusters/workshop", &Value::Null)["cluster"].clone();
    let whole = |change: &dyn Fn(&mut Value)| {
        let mut spec = joining(&id, &code);
        spec["cluster"]["apiServerEndpoint"] = told["endpoint"].clone();
        spec["cluster"]["certificateAuthority"] = told["certificateAuthority"]["data"].clone();
        spec["cluster"]["cidr"] = "172.20.0.0/16".into();
        change(&mut spec);
        file("/c", &node_config(&spec))
    };
    let same = |_: &mut Value| {};
    let of_cluster = |name: &str| {
        let mut spec = joining(&id, &code);
        spec["cluster"]["name"] = name.into();
        file("/c", &node_config(&spec))
    };
    let outside = json!({
        "name": "outside",
        "roleArn": format!("arn:aws:iam::{}:role/eks-cluster", account.id),
        "resourcesVpcConfig": {"subnetIds": account.told["holds"]["subnet_ids"]},
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
        "remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["10.99.0.0/16"]}]},
    });
    account.eks("POST", "/clusters", &outside);
    let init = "nodeadm init -c file:///c";
    let address = host.address();
    check(
        &host,
        &[
            (&of_cluster("nosuch"), init, 1, "operation error EKS: DescribeCluster, "),
            ("", init, 1, "ResourceNotFoundException: No cluster found for name: nosuch."),
            (
                &of_cluster("outside"),
                init,
                1,
                &format!("node IP {address} is not in any of the remote network CIDR blocks: [10.99.0.0/16]. See "),
            ),
            (
                &of_cluster("workshop"),
                init,
                1,
                "missing access entry of type HYBRID_LINUX with Hybrid Node role principal: bound",
            ),
            (
                &whole(&|spec| spec["cluster"]["apiServerEndpoint"] = "https://api.example:443".into()),
                init,
                1,
                "failed to resolve hostname api.example: lookup api.example",
            ),
            (
                &whole(&|spec| spec["cluster"]["apiServerEndpoint"] = "https://127.0.0.1:9".into()),
                init,
                1,
                "context deadline exceeded while retrying: dialing 127.0.0.1:9: ",
            ),
            ("", &format!("{init} | cat; exit 0"), 0, "connection refused"),
            (
                &whole(&same),
                &format!("{init} -s cni-validation"),
                1,
                "timed out waiting for the condition while retrying: Unauthorized",
            ),
            ("", init, 0, "Finished post-launch tasks"),
        ],
    );
    let why = wait_for("the kubelet's reason", || {
        let said = host.printed("journalctl -u kubelet -n 5");
        said.contains("err=\"Unauthorized\"").then_some(said)
    });
    assert!(why.contains("Unable to register node with API server"), "{why}");
    // It keeps retrying: with an access entry, the Node is registered without further action.
    let entry = json!({"principalArn": format!("arn:aws:iam::{}:role/bound", account.id), "type": "HYBRID_LINUX"});
    account.eks("POST", "/clusters/workshop/access-entries", &entry);
    let name = instance(&host);
    wait_for("the Node", || cluster.kubectl(&["get", "node", &name], "").ok());

    // A kubelet that rejects its configuration may happen to be found running.
    let odd = whole(&|spec| spec["kubelet"] = json!({"config": {"imageGCHighThresholdPercent": 80}}));
    host.printed(&odd);
    let (status, _, stderr) = host.run(init);
    let looks = stderr.lines().filter(|line| line.contains("Daemon is not in the desired state yet")).count();
    assert_eq!((status, looks > 30), (0, true), "{stderr}");
    let shown = host.printed("systemctl show kubelet -p NRestarts --value");
    assert!(shown.parse::<u32>().unwrap() > 5, "{shown}");
    // It has just been started once more, or will be.
    wait_for("the kubelet's reason", || {
        let said = host.printed("journalctl -u kubelet -n 5");
        said.contains("\"command failed\" err=\"failed to validate kubelet configuration").then_some(())
    });

    // An uninstall whose role may not deregister removes what a retry would need.
    cluster.kubectl(&["cordon", &name], "").unwrap();
    check(
        &host,
        &[
            ("", "nodeadm uninstall", 1, "uninstalling SSM: deregistering ssm managed instance: "),
            (
                "test ! -e /var/lib/amazon/ssm/registration && test ! -e /root/.aws",
                "nodeadm uninstall",
                0,
                "Finished uninstallation tasks...",
            ),
        ],
    );
    let left = account.ssm("DescribeInstanceInformation", &json!({}));
    assert_eq!(left["InstanceInformationList"][0]["InstanceId"], name.as_str());
}

#[test]
fn a_host_that_dies_shows_in_its_node() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let cluster = reached(&account);
    let host = installed(&account, "dies");
    let (id, code) = activation(&account, 1);
    check(&host, &[(&file("/c", &node_config(&joining(&id, &code))), "nodeadm init -c file:///c", 0, "")]);
    let name = instance(&host);
    wait_for("the Node", || cluster.kubectl(&["get", "node", &name], "").ok());
    let path = format!("accounts/{}/hosts/{}", account.id, host.name);
    sandbox.done("POST", &path, &json!({"network": false}));
    assert_eq!(cluster.ready(&name), "Unknown");
    // kwok does not simulate a Node registered by others: nothing makes it Ready.
    let stranger = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "stranger", "labels": {"kubernetes.io/os": "linux"}}});
    cluster.kubectl(&["apply", "--filename", "-"], &stranger.to_string()).unwrap();
    sandbox.done("POST", &path, &json!({"network": true}));
    // It still has no CNI.
    assert_eq!(cluster.ready(&name), "False");
    assert_eq!(cluster.json(&["get", "node", "stranger"])["status"]["conditions"], Value::Null);
}
