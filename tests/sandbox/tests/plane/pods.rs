//! What kwok's kubelets say about their pods.

use serde_json::{Value, json};

use crate::sandbox::{has_kubectl, programs, shared, text, wait_for};

fn ready(pod: &Value) -> String {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .find(|condition| condition["type"] == "Ready")
        .map_or_else(String::new, |it| text(&it["status"]))
}

/// The node lifecycle controller marks the pods of a node that it sees NotReady, and may see that late: on a machine
/// with much to do, when the node is Ready already.
#[test]
fn a_kubelet_corrects_the_mark_of_the_node_lifecycle_controller() {
    let Some(programs) = programs() else { return };
    if !has_kubectl() {
        return;
    }
    let account = shared(&programs).account();
    let cluster = account.cluster("workshop");
    cluster.done("POST", "nodes", &json!({"kind": "hybrid", "names": ["mi-0123456789abcdef0"], "ready": "at_once"}));
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "kube-system"},
        "spec": {
            "nodeName": "mi-0123456789abcdef0",
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "a", "image": "a"}],
        },
    });
    cluster.kubectl(&["create", "--filename", "-"], &pod.to_string()).unwrap();
    let get = ["get", "pod", "a", "--namespace", "kube-system"];
    let is_ready = || (ready(&cluster.json(&get)) == "True").then_some(());
    wait_for("the pod's being ready", is_ready);

    let mark = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}).to_string();
    let patch = ["patch", "pod", "a", "--namespace", "kube-system", "--subresource", "status", "--patch", &mark];
    assert_eq!(ready(&cluster.json(&patch)), "False");
    wait_for("the correction of the mark", is_ready);
}
