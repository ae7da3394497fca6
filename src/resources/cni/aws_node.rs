//! The VPC CNI removed for this CNI and restored afterwards: checks on that, and its messages.

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::attributes::{ClusterName, Region};
use crate::cni::{
    aws_node::{self, Restored},
    product::Wanted,
};
use crate::kube::{self, Client, Resource};
use crate::resources::cni::Args;
use crate::session::{Access, Context, explain, explain::explained};

/// Label with the compute type of a node.
const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";
/// Compute types of nodes on which aws-node does not run. Source: affinity of charts/aws-vpc-cni.
const WITHOUT_AWS_NODE: [&str; 3] = ["auto", "fargate", "hybrid"];
/// Number of nodes that a message names.
const NAMED: usize = 10;
const SUMMARY: &str = "Could not find out whether aws-node can be removed";

/// The release as `NAMESPACE/NAME`, such as `kube-system/cilium`.
pub(crate) fn release_of(wanted: &Wanted) -> String {
    format!("{}/{}", wanted.namespace(), wanted.release())
}

fn at() -> Path {
    Path::attribute(Args::NAMES.remove_vpc_cni)
}

/// Checks on the removal at plan time. What the cluster does not answer now, it may answer in the apply.
pub(crate) async fn refusals_at_plan(
    cluster: &ClusterName,
    region: &Region,
    wanted: &Wanted,
    cx: &Context,
) -> Diagnostics {
    let mut faults = of_eks(cluster, region, cx).await;
    let Some(clients) = cx.try_clients() else { return faults };
    let Ok(Access::Open(client)) = clients.access_to(cluster, Some(region)).await else { return faults };
    match of_cluster(&client.for_reads(), wanted).await {
        Ok(found) => faults.append(found),
        Err(error) => tracing::info!("whether aws-node can be removed is looked at in the apply: {error}"),
    }
    faults
}

/// Checks on the removal that EKS answers.
async fn of_eks(cluster: &ClusterName, region: &Region, cx: &Context) -> Diagnostics {
    let mut faults = Diagnostics::new();
    let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return faults };
    let eks = aws.eks(Some(region.as_str()));
    match eks.addon(cluster.as_str(), "vpc-cni").await {
        Ok(addon) => faults.push(
            Diagnostic::error(
                "The EKS add-on vpc-cni owns aws-node",
                format!(
                    "Cluster `{cluster}` has the add-on vpc-cni (status {}), which creates DaemonSet {}/{} again with its next update.\n\nRemove the add-on instead of setting `remove_vpc_cni`.",
                    addon.status, aws_node::NAMESPACE, aws_node::NAME
                ),
            )
            .at(at()),
        ),
        // No add-on, or no cluster yet.
        Err(error) if error.is_not_found() => {}
        Err(error) => {
            faults.append(explain(SUMMARY, &error, Some("Nothing was changed.")));
            return faults;
        }
    }
    if eks.cluster(cluster.as_str()).await.is_ok_and(|found| found.outpost.is_some()) {
        faults.push(
            Diagnostic::error(
                "A local cluster on an Outpost keeps its VPC CNI",
                format!(
                    "Cluster `{cluster}` is a local cluster on an Outpost. EKS manages aws-node there itself, and it must not be removed. Leave `remove_vpc_cni` out."
                ),
            )
            .at(at()),
        );
    }
    faults
}

/// Checks on the removal that the cluster answers: another resource that manages aws-node, and nodes without another
/// CNI.
async fn of_cluster(client: &Client, wanted: &Wanted) -> kube::Result<Diagnostics> {
    let mut faults = Diagnostics::new();
    let found = aws_node::find(client).await?;
    // If it never existed, nothing is removed.
    if found.is_none() && !aws_node::kept(client).await?.is_some_and(|kept| kept.has_object()) {
        return Ok(faults);
    }
    if found.is_some_and(|found| kube::annotations(&found).contains_key(kube::VPC_CNI_MARK)) {
        faults.push(
            Diagnostic::error(
                "aws-node is managed by an ekshybrid_vpc_cni",
                format!(
                    "DaemonSet {}/{} of cluster `{}` has the annotation `{}`: a resource of type `ekshybrid_vpc_cni` manages its settings, and would restore them on an object that does not exist.\n\nRemove that resource first, or leave `remove_vpc_cni` out.",
                    aws_node::NAMESPACE, aws_node::NAME, client.cluster(), kube::VPC_CNI_MARK
                ),
            )
            .at(at()),
        );
    }
    let mut without = Vec::new();
    let selector = wanted.node_selector();
    client.pages(&Resource::NODE, None, None, |node| without.extend(loses(&node, &selector))).await?;
    if !without.is_empty() {
        faults.push(without_cni(&without, wanted, client.cluster()));
    }
    Ok(faults)
}

/// The name of a node that would lose its CNI: aws-node runs on it, and the selector does not match it.
fn loses(node: &Json, selector: &std::collections::BTreeMap<String, String>) -> Option<String> {
    let labels = kube::labels(node);
    let is_chosen = selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    let compute = labels.get(COMPUTE_TYPE).map_or("", String::as_str);
    let is_windows = labels.get("kubernetes.io/os").is_some_and(|os| os == "windows");
    let has_aws_node = !WITHOUT_AWS_NODE.contains(&compute) && !is_windows;
    (!is_chosen && has_aws_node).then(|| kube::name(node).to_owned())
}

fn without_cni(nodes: &[String], wanted: &Wanted, cluster: &str) -> Diagnostic {
    let named = nodes.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = match nodes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Diagnostic::error(
        "Nodes would be left without a CNI",
        format!(
            "aws-node runs on these nodes of cluster `{cluster}`, and {} would not, because its node selector does not match them: {named}{more}. No new pod could start there.\n\nLeave `remove_vpc_cni` out, set `node_selector` to labels of all nodes (`{{}}` for every node), or remove these nodes first.",
            wanted.name()
        ),
    )
    .at(at())
}

/// The cluster that aws-node is removed from, and the CNI it is removed for.
#[derive(Clone, Copy)]
pub(crate) struct For<'a> {
    pub(crate) client: &'a Client,
    pub(crate) cluster: &'a ClusterName,
    pub(crate) region: &'a Region,
    pub(crate) wanted: &'a Wanted,
    pub(crate) cx: &'a Context,
}

/// Removes aws-node. Returns `true` if it existed.
pub(crate) async fn remove(place: For<'_>, summary: &str) -> Result<bool> {
    let mut faults = of_eks(place.cluster, place.region, place.cx).await;
    faults.append(explained(of_cluster(place.client, place.wanted).await, summary, None, place.cx).await?);
    if faults.has_errors() {
        return Err(faults);
    }
    let release = release_of(place.wanted);
    let kept = "DaemonSet kube-system/aws-node may be removed already; then it is kept in the ConfigMap kube-system/ekshybrid-aws-node.";
    explained(aws_node::remove(place.client, &release).await, summary, Some(kept), place.cx).await
}

/// Restores aws-node after an installation that did not even begin, even if Terraform has asked to stop.
pub(crate) async fn undo_removal(place: For<'_>, summary: &str) -> Diagnostics {
    let client = place.client.with_cancel(CancellationToken::new());
    let restored = async {
        match aws_node::kept(&client).await? {
            Some(kept) if kept.is_for(&release_of(place.wanted)) => {
                aws_node::restore(&client, Some(&kept)).await.map(drop)
            }
            _ => Ok(()),
        }
    };
    let left = "DaemonSet kube-system/aws-node may not be back yet. It is kept in the ConfigMap kube-system/ekshybrid-aws-node.";
    explained(restored.await, summary, Some(left), place.cx).await.err().unwrap_or_default()
}

/// Restores aws-node if it was removed, as recorded in the cluster; `expected` is whether the state says so. `done`
/// describes the steps completed before.
pub(crate) async fn restore(
    client: &Client,
    release: &str,
    expected: bool,
    summary: &str,
    done: &str,
    cx: &Context,
) -> Result<()> {
    let left =
        format!("{done}; aws-node is not restored yet, and is kept in the ConfigMap kube-system/ekshybrid-aws-node.");
    let kept = explained(aws_node::kept(client).await, summary, Some(&left), cx).await?;
    let kept = kept.filter(|kept| kept.is_for(release));
    if kept.is_none() && !expected {
        return Ok(());
    }
    match explained(aws_node::restore(client, kept.as_ref()).await, summary, Some(&left), cx).await? {
        Restored::Another if kept.is_some() => cx.report(Diagnostic::warning(
            "aws-node was created by somebody else meanwhile",
            format!("DaemonSet {}/{} exists, and is kept as it is.", aws_node::NAMESPACE, aws_node::NAME),
        )),
        Restored::Lost => cx.report(lost(client.cluster())),
        Restored::Another | Restored::Back | Restored::Untouched => {}
    }
    Ok(())
}

fn lost(cluster: &str) -> Diagnostic {
    Diagnostic::warning(
        "aws-node could not be restored",
        format!(
            "Cluster `{cluster}` has no DaemonSet {namespace}/{name}, and what was removed is not recorded any more: the ConfigMap {namespace}/{kept} does not exist or cannot be read. Nodes without another CNI cannot start pods.\n\nInstall the VPC CNI: `aws eks create-addon --cluster-name {cluster} --addon-name vpc-cni`, or apply the manifest of its release (https://github.com/aws/amazon-vpc-cni-k8s/releases).",
            namespace = aws_node::NAMESPACE,
            name = aws_node::NAME,
            kept = aws_node::KEPT,
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::cni::cilium::hybrid;

    #[test]
    fn nodes_that_would_lose_their_cni() {
        let node = |labels: Json| json!({ "metadata": { "name": "n", "labels": labels } });
        let compute = |kind: &str| node(json!({ COMPUTE_TYPE: kind }));
        for (node, selector, lost) in [
            (node(json!({})), hybrid(), true),
            (compute("hybrid"), hybrid(), false),
            (compute("fargate"), hybrid(), false),
            (compute("auto"), hybrid(), false),
            (node(json!({ "kubernetes.io/os": "windows" })), hybrid(), false),
            (node(json!({})), BTreeMap::new(), false),
            (node(json!({ "a": "b" })), BTreeMap::from([("a".to_owned(), "b".to_owned())]), false),
            (node(json!({ "a": "c" })), BTreeMap::from([("a".to_owned(), "b".to_owned())]), true),
        ] {
            assert_eq!(loses(&node, &selector).is_some(), lost, "{node} {selector:?}");
        }
    }
}
