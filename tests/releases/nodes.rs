//! Nodes that disappear during an operation.

use ekshybrid::kube::{Change, Resource};
use serde_json::json;

use crate::ground::ground;

const KEY: &str = "release.example/eniConfig";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_deleted_while_it_is_annotated_is_no_fault() {
    let Some(ground) = ground().await else { return };
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "going" } });
    ground.client.create(&Resource::NODE, None, &node).await.unwrap();
    let listed = ground.client.annotated_nodes(KEY).await.unwrap();
    let seen = listed.into_iter().find(|node| node.name == "going").unwrap();
    ground.client.delete(&Resource::NODE, None, "going").await.unwrap();
    let change = ground.client.annotate_node(&seen, KEY, Some("pods")).await.unwrap();
    assert!(matches!(change, Change::NodeGone), "{change:?}");
}
