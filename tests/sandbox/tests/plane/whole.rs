//! Complete hosts: systemd, containerd and a real kubelet, which joins with nodeadm.

use serde_json::{Value, json};

use crate::{
    hosts::{Host, ground},
    nodeadm::{activation, check, fetch, file, instance, joining, node_config, reached},
    sandbox::{cannot_be, not_here, text, wait_for},
};

/// A hand-written CNI configuration: a bridge, with addresses from one of the cluster's pod CIDRs.
const CNI: &str = r#"{"cniVersion": "1.0.0", "name": "lab", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.85.7.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}"#;

#[test]
fn a_real_kubelet_joins_becomes_ready_is_reached_and_leaves() {
    let Some(sandbox) = ground() else { return };
    if std::env::var_os("EKSHYBRID_WHOLE_HOSTS").is_none() {
        return not_here("whole hosts are tested by `make host-tests`");
    }
    let told = sandbox.done("GET", "hosts", &Value::Null);
    if told["whole"]["available"] != true {
        return cannot_be(&format!("whole hosts: {}", text(&told["whole"]["why"])));
    }
    let account = sandbox.account();
    let cluster = reached(&account);
    let host = Host::start(&account, "whole", &json!({"kind": "whole", "time_scale": 0.1}));
    fetch(&host, "latest");
    check(&host, &[("", "nodeadm install 1.34 -p ssm", 0, "Finishing up install...")]);
    let (id, code) = activation(&account, 1);
    let mut spec = joining(&id, &code);
    spec["kubelet"] = json!({"flags": ["--node-labels=tier=edge"]});
    let config = node_config(&spec);
    check(&host, &[(&file("/c", &config), "nodeadm init -c file:///c", 0, "Finished post-launch tasks")]);
    let name = instance(&host);
    wait_for("the Node", || {
        let registered = cluster.kubectl(&["get", "node", &name], "");
        if registered.is_err() {
            assert_eq!(host.printed("systemctl is-active kubelet"), "active");
        }
        registered.ok()
    });
    let node = cluster.json(&["get", "node", &name]);
    assert_eq!(node["spec"]["providerID"], format!("eks-hybrid:///us-west-2/workshop/{name}"));
    assert_eq!(node["metadata"]["labels"]["tier"], "edge");
    assert_eq!(node["metadata"]["labels"]["eks.amazonaws.com/compute-type"], "hybrid");
    assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.34.3-eks-f69f56f");
    assert_eq!(node["status"]["addresses"][0]["address"], host.address().as_str());
    assert_eq!(cluster.ready(&name), "False");
    host.printed(&format!("mkdir -p /etc/cni/net.d && {}", file("/etc/cni/net.d/10-lab.conflist", CNI)));
    wait_for("a Ready node", || (cluster.ready(&name) == "True").then_some(()));

    // Its certificate is approved, and the API server reaches it with that.
    let path = format!("/api/v1/nodes/{name}/proxy/healthz");
    assert_eq!(wait_for("the kubelet's certificate", || cluster.kubectl(&["get", "--raw", &path], "").ok()), "ok");

    cluster.kubectl(&["cordon", &name], "").unwrap();
    check(&host, &[("", "nodeadm uninstall --skip pod-validation", 0, "Finished uninstallation tasks...")]);
    assert_eq!(account.ssm("DescribeInstanceInformation", &json!({}))["InstanceInformationList"], json!([]));
    assert_ne!(host.run("systemctl is-active kubelet").0, 0);
    // Its kubelet no longer reports, and after a while the Node shows it.
    wait_for("a Node that is Unknown", || (cluster.ready(&name) == "Unknown").then_some(()));
}
