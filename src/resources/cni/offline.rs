//! Nodes that were off during a change of the CNI. Once they are back, the cluster's controllers give them their pods;
//! the next refresh checks whether that worked.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::Diagnostic;
use serde_json::Value as Json;

use crate::kube::{
    self, Client, Resource,
    offline::{named, why_off},
    release::PassedOver,
};
use crate::resources::cni::notes;
use crate::session::Context;

/// Reports the objects whose pods on unreachable nodes were skipped, and notes the nodes.
pub(crate) fn tell(passed: &[PassedOver], cx: &Context) {
    let nodes: BTreeSet<String> = passed.iter().flat_map(|one| one.nodes.keys().cloned()).collect();
    notes::note_offline(&nodes, false, cx);
    if nodes.is_empty() {
        return;
    }
    // Up to Cilium 1.17, the operator's pods tolerate every taint, so Kubernetes also binds them to unreachable nodes.
    let bound = if passed.iter().any(|one| one.object.starts_with("Deployment ")) {
        "\n\nPods of a Deployment that are bound to an unreachable node do not run until it is back. To have them run elsewhere, delete them (`kubectl delete pod`); to keep Kubernetes from binding them to such nodes, set tolerations without `node.kubernetes.io/unreachable` in `values` (Cilium: `operator.tolerations`; 1.18 and later do so)."
    } else {
        ""
    };
    let lines: Vec<String> = passed
        .iter()
        .map(|one| format!("{}: {}. Not reachable: {}", one.object, one.state, named(&one.nodes)))
        .collect();
    cx.report(Diagnostic::warning(
        "Unreachable nodes were skipped",
        format!(
            "{}.\n\nThe change is complete on all other nodes. A skipped node gets its pods when it is back; the next plan after that checks it.{bound}",
            lines.join(".\n")
        ),
    ));
}

/// Reports the nodes on which the check before an upgrade did not run.
pub(crate) fn tell_unchecked(off: &BTreeMap<String, String>, cx: &Context) {
    if !off.is_empty() {
        cx.report(Diagnostic::warning(
            "Preflight check skipped unreachable nodes",
            format!("Not checked, and the new images are not pulled there yet: {}.", named(off)),
        ));
    }
}

/// Whether a node is Ready.
pub(crate) fn is_ready(node: &Json) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Checks the nodes that were off, if any. A node that is Ready runs the CNI.
///
/// # Errors
/// If the request fails.
pub(crate) async fn look(client: &Client, cx: &Context) -> kube::Result<()> {
    let before = notes::offline(cx);
    if before.is_empty() {
        return Ok(());
    }
    let nodes = client.list(&Resource::NODE, None, None).await?;
    let (left, back) = still_open(&before, &nodes);
    notes::note_offline(&left, back, cx);
    Ok(())
}

/// The nodes that are not Ready yet, and whether one of them is no longer off.
fn still_open(before: &BTreeSet<String>, nodes: &[Json]) -> (BTreeSet<String>, bool) {
    let mut left = BTreeSet::new();
    let mut back = false;
    for node in nodes.iter().filter(|node| before.contains(kube::name(node)) && !is_ready(node)) {
        left.insert(kube::name(node).to_owned());
        back |= why_off(node).is_none();
    }
    (left, back)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_that_are_ready_or_gone_are_done() {
        let node = |name: &str, status: &str, message: &str| {
            json!({ "metadata": { "name": name }, "status": { "conditions": [
                { "type": "Ready", "status": status, "message": message },
            ] } })
        };
        let before = BTreeSet::from(["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        let off = node("b", "Unknown", "Kubelet stopped posting node status.");
        let back = node("b", "False", "container runtime network not ready");
        for (nodes, left, is_back) in [
            (vec![node("a", "True", ""), node("d", "False", "")], vec![], false),
            (vec![node("a", "True", ""), off], vec!["b"], false),
            (vec![back], vec!["b"], true),
        ] {
            let (found, found_back) = still_open(&before, &nodes);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), left);
            assert_eq!(found_back, is_back);
        }
    }

    #[test]
    fn nodes_that_are_ready() {
        let node = |status: &str| json!({ "status": { "conditions": [{ "type": "Ready", "status": status }] } });
        assert!(is_ready(&node("True")));
        assert!(!is_ready(&node("Unknown")) && !is_ready(&json!({})));
    }
}
