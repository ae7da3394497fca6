//! Replaces nodes, a few at a time:
//!
//! 1. The nodes are marked with their recycling, so that a creation that failed continues with the same nodes.
//! 2. A batch of at most `max_unavailable` nodes is cordoned and drained.
//! 3. Their instances are terminated; the Auto Scaling group replaces them.
//! 4. As many new nodes are awaited; then the next batch follows.
//!
//! A drain that fails makes the node schedulable again, if this apply cordoned it. What is left is recorded as
//! `pending_nodes`.

use std::collections::BTreeSet;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::resource::State;
use framework::wait::{self, Seen, Wait};
use futures::future::join_all;
use sha2::{Digest as _, Sha256};

use super::plan::{check, counted, instance_id, listed};
use super::{Args, NodeRecycle, Outputs, selected};
use crate::kube::{self, Annotated, Client, Cordon, DrainOptions, Node};
use crate::session::Context;
use crate::session::cluster::{connect, settle};
use crate::session::explain::{drained, explain, explained};
use crate::session::place::Place;

/// How long replacing one node may take by default: 15 minutes for the drain and 5 for the new instance.
const PER_NODE: Duration = Duration::from_mins(20);
/// How long a silent kubelet's evicted pods are awaited: nobody confirms their end.
const SILENT: Duration = Duration::from_secs(10);
/// The annotation of nodes that are to be replaced.
const MARK: &str = "ekshybrid/recycle";
const SUMMARY: &str = "Could not replace the nodes";

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    let outputs = Outputs {
        cluster_name: place.cluster.clone(),
        recycled_nodes: BTreeSet::new(),
        pending_nodes: BTreeSet::new(),
        selector: selected(args),
        region: place.region.clone(),
    };
    if args.recycle_on_create { recycle(args, outputs, Which::Present, &place, cx).await } else { Ok(outputs) }
}

pub(super) async fn update(prior: &State<NodeRecycle>, args: &Args, cx: &Context) -> Result<Outputs> {
    let outputs = prior.outputs.clone();
    let place = Place { cluster: outputs.cluster_name.clone(), region: outputs.region.clone() };
    if prior.args.triggers.is_some() && prior.args.triggers != args.triggers {
        return recycle(args, outputs, Which::Present, &place, cx).await;
    }
    if outputs.pending_nodes.is_empty() {
        return Ok(outputs);
    }
    let rest = outputs.pending_nodes.clone();
    recycle(args, outputs, Which::These(rest), &place, cx).await
}

/// Which of the selected nodes are replaced.
enum Which {
    /// Those that are there now; after a creation that failed, those that are left of it.
    Present,
    /// The rest of an apply that did not finish.
    These(BTreeSet<String>),
}

async fn recycle(args: &Args, mut outputs: Outputs, which: Which, place: &Place, cx: &Context) -> Result<Outputs> {
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    let present = explained(client.nodes(Some(&outputs.selector)).await, SUMMARY, None, cx).await?;
    let before: BTreeSet<String> = present.iter().map(|node| node.name.clone()).collect();
    let mark = mark(args);
    let (nodes, unmarked) = chosen(present, &which, &mark, &client, cx).await?;
    let ids: Vec<String> = nodes.iter().filter_map(instance_id).collect();
    let ec2 = cx.clients()?.aws()?.ec2(Some(place.region.as_str()));
    let instances =
        ec2.instances(&ids).await.map_err(|error| explain(SUMMARY, &error, Some("No node was changed.")))?;
    check(&nodes, &instances, place)?;
    for node in &unmarked {
        explained(client.annotate_node(node, MARK, Some(&mark)).await, SUMMARY, Some("No node was drained."), cx)
            .await?;
    }

    if matches!(which, Which::Present) {
        outputs.recycled_nodes.clear();
    }
    outputs.pending_nodes = nodes.iter().map(|node| node.name.clone()).collect();
    let all = nodes.len();
    cx.progress(format!("replacing {} of cluster {}", counted(all), place.cluster)).await;
    let most = usize::try_from(args.max_unavailable.get()).unwrap_or(1);
    let mut replaced = 0;
    for batch in nodes.chunks(most) {
        let done = replace(args, batch, &client, place, cx).await;
        let failed = done.iter().find_map(|(_, outcome)| outcome.as_ref().err()).cloned();
        for (name, _) in done.iter().filter(|(_, outcome)| outcome.is_ok()) {
            outputs.pending_nodes.remove(*name);
            outputs.recycled_nodes.insert((*name).to_owned());
            replaced += 1;
        }
        cx.save(&outputs);
        cx.progress(format!("{replaced} of {all} nodes are drained, and their instances terminated")).await;
        if let Some(fault) = failed {
            return Err(unfinished(fault, &outputs));
        }
        if let Err(fault) = arrived(&client, &outputs.selector, &before, replaced, nodes.len(), place, cx).await {
            return Err(unfinished(fault, &outputs));
        }
        cx.progress(format!("{replaced} of {all} nodes are replaced")).await;
    }
    Ok(outputs)
}

/// The nodes to replace, and those of them that are not marked yet.
async fn chosen(
    present: Vec<Node>,
    which: &Which,
    mark: &str,
    client: &Client,
    cx: &Context,
) -> Result<(Vec<Node>, Vec<Annotated>)> {
    let among = |names: &BTreeSet<String>| present.iter().filter(|node| names.contains(&node.name)).cloned().collect();
    if let Which::These(names) = which {
        return Ok((among(names), Vec::new()));
    }
    let annotated = explained(client.annotated_nodes(MARK).await, SUMMARY, None, cx).await?;
    let is_selected = |node: &Annotated| present.iter().any(|other| other.name == node.name);
    let selected: Vec<Annotated> = annotated.into_iter().filter(is_selected).collect();
    let left: BTreeSet<String> =
        selected.iter().filter(|node| node.value.as_deref() == Some(mark)).map(|node| node.name.clone()).collect();
    if left.is_empty() { Ok((present, selected)) } else { Ok((among(&left), Vec::new())) }
}

/// Names one recycling: the same triggers, the same mark.
fn mark(args: &Args) -> String {
    let mut digest = Sha256::new();
    for (name, value) in args.triggers.iter().flatten() {
        for text in [name, value] {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
    }
    format!("{:x}", digest.finalize())[..16].to_owned()
}

/// Drains the nodes of a batch side by side and terminates their instances.
async fn replace<'a>(
    args: &Args,
    batch: &'a [Node],
    client: &Client,
    place: &Place,
    cx: &Context,
) -> Vec<(&'a str, Result<()>)> {
    let one = async |node: &'a Node| (node.name.as_str(), replace_one(args, node, client, place, cx).await);
    join_all(batch.iter().map(one)).await
}

async fn replace_one(args: &Args, node: &Node, client: &Client, place: &Place, cx: &Context) -> Result<()> {
    let name = node.name.as_str();
    let options = options(args, node);
    let report = |step: kube::DrainStep| tracing::info!(node = name, cluster = %place.cluster, "{step}");
    let cordoned_before = node.unschedulable;
    let outcome = client.drain(name, &options, cx.time_left(PER_NODE), &report).await;
    if let Err(mut fault) = drained(outcome, name, place.cluster.as_str(), cx).await {
        if !cordoned_before {
            // Also after a stop, which would cancel an ordinary request.
            let left = match settle(client, async |client| client.uncordon(name).await).await {
                Some(Cordon::Done | Cordon::Already) => "The node accepts pods again.",
                Some(Cordon::NodeGone) => "The node no longer exists.",
                None => "The node may still be cordoned.",
            };
            // The drain's own words say that the node stays cordoned.
            fault.0.iter_mut().for_each(|one| left.clone_into(&mut one.left));
        }
        return Err(fault);
    }
    let Some(id) = instance_id(node) else { return Ok(()) };
    let ec2 = cx.clients()?.aws()?.ec2(Some(place.region.as_str()));
    ec2.terminate(&id).await.map_err(|error| {
        let left = format!("Node `{name}` is cordoned and drained, and its instance `{id}` is running.");
        explain(&format!("Could not terminate the instance of node `{name}`"), &error, Some(&left))
    })
}

fn options(args: &Args, node: &Node) -> DrainOptions {
    let drain = args.drain.as_ref();
    DrainOptions {
        force: drain.and_then(|drain| drain.force).unwrap_or_default(),
        delete_emptydir_data: drain.and_then(|drain| drain.delete_emptydir_data).unwrap_or_default(),
        grace_period_seconds: drain
            .and_then(|drain| drain.grace_period.as_ref())
            .map(|span| u32::try_from(span.duration().as_secs()).unwrap_or(u32::MAX)),
        skip_wait_for_delete: (!node.ready).then_some(SILENT),
    }
}

/// Waits until as many new nodes are Ready as were replaced.
async fn arrived(
    client: &Client,
    selector: &str,
    before: &BTreeSet<String>,
    replaced: usize,
    all: usize,
    place: &Place,
    cx: &Context,
) -> Result<()> {
    let wait = Wait {
        what: format!("{} to replace those of cluster `{}`", counted(replaced), place.cluster),
        timeout: cx.time_left(PER_NODE * u32::try_from(all).unwrap_or(u32::MAX)),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(10),
    };
    wait::until(cx, &wait, async || {
        let nodes = explained(client.nodes(Some(selector)).await, SUMMARY, None, cx).await?;
        let new: Vec<&Node> = nodes.iter().filter(|node| !before.contains(&node.name)).collect();
        let ready = new.iter().filter(|node| node.ready).count();
        if ready >= replaced {
            return Ok(Seen::Done(()));
        }
        let trouble = new.iter().find_map(|node| Some(format!(" (`{}`: {})", node.name, node.trouble.as_deref()?)));
        Ok(Seen::Pending(format!("{ready} of {replaced} new nodes are Ready{}", trouble.unwrap_or_default())))
    })
    .await
}

/// Adds what is done and what is left to a fault.
fn unfinished(faults: Diagnostics, outputs: &Outputs) -> Diagnostics {
    let pending: Vec<&str> = outputs.pending_nodes.iter().map(String::as_str).collect();
    let left = if pending.is_empty() {
        "All old nodes are replaced or about to end.".to_owned()
    } else {
        format!("{} replaced. Still to be replaced: {}.", counted_are(outputs.recycled_nodes.len()), listed(&pending))
    };
    let one = |fault: Diagnostic| fault.left(&left).remedy("Apply again, or invoke the action again, to continue.");
    Diagnostics(faults.0.into_iter().map(one).collect())
}

fn counted_are(nodes: usize) -> String {
    format!("{} {}", counted(nodes), if nodes == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::one;
    use super::*;

    fn args(triggers: &[(&str, &str)]) -> Args {
        Args {
            cluster_name: None,
            node_group_name: Some("workers".to_owned()),
            node_selector: None,
            triggers: Some(
                triggers.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<BTreeMap<_, _>>(),
            ),
            recycle_on_create: true,
            max_unavailable: one(),
            drain: None,
            region: None,
            timeouts: None,
        }
    }

    #[test]
    fn a_mark_follows_the_triggers() {
        assert_eq!(mark(&args(&[("a", "1")])), mark(&args(&[("a", "1")])));
        for other in [&[("a", "2")] as &[_], &[("a1", "")], &[("", "a1")], &[]] {
            assert_ne!(mark(&args(&[("a", "1")])), mark(&args(other)), "{other:?}");
        }
    }
}
