//! What may happen to a node and its pods while it is drained.

use std::sync::Mutex;

use ekshybrid::kube::{Cordon, Drain, DrainOptions, DrainStep, Resource};
use serde_json::json;

use crate::ground::{Ground, PATIENCE, ground};

const OPTIONS: DrainOptions =
    DrainOptions { force: true, delete_emptydir_data: false, grace_period_seconds: None, skip_wait_for_delete: None };

const HELD: &[&str] = &["release.example/hold"];

/// Lets a pod that was held go, and removes the node.
async fn end(ground: &Ground, name: &str) {
    let freed = json!({ "metadata": { "finalizers": null } });
    // Where the test has removed them already, that is what is wanted.
    let _ = ground.client.merge(&Resource::POD, Some(name), "held", freed).await;
    let _ = ground.client.delete(&Resource::NODE, None, name).await;
}

/// A node with a fake kubelet, and a pod on it, which a finalizer may hold. DaemonSets of other tests run on the node as
/// on any other; its taint keeps their other pods away, which the drain would evict.
async fn scene(ground: &Ground, name: &str, finalizers: &[&str]) {
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "annotations": { "kwok.x-k8s.io/node": "fake" } },
        "spec": { "taints": [{ "key": "release.example/drain", "effect": "NoSchedule" }] },
    });
    ground.client.create(&Resource::NODE, None, &node).await.unwrap();
    ground.namespace(name).await;
    let account = Resource {
        group: "".into(),
        version: "v1".into(),
        kind: "ServiceAccount".into(),
        plural: "serviceaccounts".into(),
    };
    let own = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "own" } });
    ground.client.create(&account, Some(name), &own).await.unwrap();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "held", "namespace": name, "finalizers": finalizers, "labels": { "app": "a" } },
        "spec": {
            "nodeName": name, "automountServiceAccountToken": false, "serviceAccountName": "own",
            "containers": [{ "name": "c", "image": "release.example/a:1" }],
        },
    });
    ground.client.create(&Resource::POD, Some(name), &pod).await.unwrap();
}

/// Drains the node, and does `meanwhile` after the first step that `at` accepts.
async fn drain<F: Future<Output = ()>>(
    ground: &Ground,
    node: &str,
    at: impl Fn(&DrainStep) -> bool + Send + Sync,
    meanwhile: impl FnOnce() -> F,
) -> Drain {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let report = |step: DrainStep| {
        if at(&step)
            && let Some(sender) = sender.lock().unwrap().take()
        {
            sender.send(()).unwrap();
        }
    };
    let draining = async {
        let outcome = ground.client.drain(node, &OPTIONS, PATIENCE, &report).await;
        // Whoever still waits for the step learns that it did not come.
        drop(sender.lock().unwrap().take());
        outcome
    };
    let (outcome, ()) = tokio::join!(draining, async {
        receiver.await.unwrap();
        meanwhile().await;
    });
    outcome.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_deleted_in_mid_drain_is_drained() {
    let Some(ground) = ground().await else { return };
    scene(&ground, "drain-deleted", HELD).await;
    let evicted = |step: &DrainStep| matches!(step, DrainStep::Evicted(_));
    let delete = || async {
        ground.client.delete(&Resource::NODE, None, "drain-deleted").await.unwrap();
    };
    assert_eq!(drain(&ground, "drain-deleted", evicted, delete).await, Drain::NodeGone);
    assert_eq!(ground.client.drain("drain-deleted", &OPTIONS, PATIENCE, &|_| ()).await.unwrap(), Drain::NodeGone);
    end(&ground, "drain-deleted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_uncordoned_in_mid_drain_ends_it() {
    let Some(ground) = ground().await else { return };
    scene(&ground, "drain-uncordoned", HELD).await;
    let evicted = |step: &DrainStep| matches!(step, DrainStep::Evicted(_));
    let uncordon = || async {
        assert_eq!(ground.client.uncordon("drain-uncordoned").await.unwrap(), Cordon::Done);
    };
    let Drain::Uncordoned(left) = drain(&ground, "drain-uncordoned", evicted, uncordon).await else {
        panic!("the drain went on")
    };
    let left: Vec<String> = left.iter().map(ToString::to_string).collect();
    assert!(left[0].starts_with("pod drain-uncordoned/held: terminating"), "{left:?}");
    assert!(left[0].contains("its finalizer `release.example/hold` holds it"), "{left:?}");
    assert_eq!(ground.client.uncordon("drain-uncordoned").await.unwrap(), Cordon::Already);
    end(&ground, "drain-uncordoned").await;
}
