//! Annotates nodes and removes annotations. On failure, what is done is kept in state; the next apply continues with
//! the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Text;
use framework::path::Path;
use framework::resource::State;
use framework::wait::{self, Seen, Wait};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::plan::selected;
use super::plan::selection::{LABEL, Work};
use super::{Args, EniConfigBinding, Outputs};
use crate::attributes::ObjectName;
use crate::kube::{self, Annotated, Change, Client, Resource as ObjectKind};
use crate::session::Context;
use crate::session::cluster::{Connection, connect, reach_to_remove};
use crate::session::explain::{explain_kube, explained};
use crate::session::place::Place;

/// How long to wait for the ENIConfig by default: the same apply may create it.
const ENICONFIG_TIMEOUT: Duration = Duration::from_mins(2);
/// Requests in flight at a time.
const AT_ONCE: usize = 24;
/// The most nodes listed by name.
const MOST_TOLD: usize = 10;

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    bind(args, None, place, cx).await
}

pub(super) async fn update(prior: &State<EniConfigBinding>, args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place { cluster: prior.outputs.cluster_name.clone(), region: prior.outputs.region.clone() };
    bind(args, Some(prior), place, cx).await
}

pub(super) async fn delete(state: &State<EniConfigBinding>, cx: &Context) -> Result<()> {
    let summary = "Could not take the annotations off the nodes";
    let Outputs { cluster_name, region, bound_nodes, .. } = &state.outputs;
    let place = Place { cluster: cluster_name.clone(), region: region.clone() };
    let client = match reach_to_remove(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(()),
        Connection::Unknown(why) => return Err(why),
    };
    let key = state.args.annotation.text();
    let nodes = match client.annotated_nodes(key).await {
        Ok(nodes) => nodes,
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => {
            tracing::info!(cluster = %place.cluster, "the cluster is being deleted, and its nodes with it");
            return Ok(());
        }
        Err(error) => return Err(explain_kube(summary, &error, None, cx).await),
    };
    let wanted = state.args.eniconfig.as_str();
    let is_ours =
        |node: &Annotated| node.ours && bound_nodes.contains(&node.name) && node.value.as_deref() == Some(wanted);
    let nodes = nodes.into_iter().filter(is_ours).map(|node| (node, None)).collect();
    let mut rest = bound_nodes.clone();
    let outcome = annotate(&client, key, nodes, |node, _| {
        rest.remove(node);
    })
    .await;
    let Err(error) = outcome else { return Ok(()) };
    let left_behind = format!("{} still annotated, and recorded in the state.", counted_are(rest.len()));
    cx.save(&Outputs { bound_nodes: rest, ..state.outputs.clone() });
    Err(explain_kube(summary, &error, Some(&left_behind), cx).await)
}

/// Brings the nodes in line with the arguments.
async fn bind(args: &Args, prior: Option<&State<EniConfigBinding>>, place: Place, cx: &Context) -> Result<Outputs> {
    let summary = "Could not annotate the nodes with their ENIConfig";
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    wait_for_eniconfig(&client, &args.eniconfig, cx).await?;

    let (key, wanted) = (args.annotation.text(), args.eniconfig.as_str());
    let bound = prior.map(|prior| prior.outputs.bound_nodes.clone()).unwrap_or_default();
    let nodes = explained(client.annotated_nodes(key).await, summary, None, cx).await?;
    let work = Work::of(nodes, selected(args), wanted, &bound);
    if !work.foreign.is_empty() {
        return Err(held_by_others(&work.foreign, args, &place));
    }
    if !work.absent.is_empty() {
        cx.report(
            Diagnostic::warning(
                "Nodes are not in the cluster",
                format!(
                    "Cluster `{}` has no {}. Those that join later are shown by the next plan.",
                    place.cluster,
                    list("node", work.absent.iter())
                ),
            )
            .at(Path::attribute(Args::NAMES.node_names)),
        );
    }
    let labelled = work.labelled.clone();
    if !labelled.is_empty() {
        cx.report(chosen_by_label(&labelled, wanted, &place));
    }
    let mut outputs = Outputs {
        cluster_name: place.cluster.clone(),
        region: place.region.clone(),
        pending_nodes: work.pending(),
        bound_nodes: work.bound,
    };
    outputs.bound_nodes.extend(work.free.iter().map(|node| node.name.clone()));
    let to_bind = work.bind.into_iter().map(|node| (node, Some(wanted)));
    let nodes: Vec<_> = to_bind.chain(work.free.into_iter().map(|node| (node, None))).collect();
    let mut foreign = Vec::new();
    let mut annotated = 0;
    let outcome = annotate(&client, key, nodes, |name, change| {
        outputs.pending_nodes.remove(name);
        match change {
            Changed::Bound => {
                // Nodes that have the label do not read the annotation at all.
                annotated += usize::from(!labelled.contains_key(name));
                outputs.bound_nodes.insert(name.to_owned());
            }
            Changed::Gone => drop(outputs.bound_nodes.remove(name)),
            Changed::Foreign(value) => {
                outputs.bound_nodes.remove(name);
                foreign.push((name.to_owned(), value));
            }
        }
    })
    .await;
    if let Err(error) = outcome {
        let left_behind = format!(
            "{} annotated and recorded in the state; {} not done yet.",
            counted_are(outputs.bound_nodes.len()),
            counted_are(outputs.pending_nodes.len())
        );
        cx.save(&outputs);
        return Err(explain_kube(summary, &error, Some(&left_behind), cx).await);
    }
    if !foreign.is_empty() {
        cx.save(&outputs);
        return Err(held_by_others(&foreign, args, &place));
    }
    if annotated > 0 {
        cx.report(Diagnostic::warning(
            "Nodes that run already keep their network interfaces",
            format!(
                "{} got the annotation `{key}` = `{wanted}`. The VPC CNI reads it when it starts on a node, so nodes with interfaces of another subnet must be replaced before their pods get addresses of this one.",
                counted(annotated)
            ),
        ));
    }
    Ok(outputs)
}

fn chosen_by_label(labelled: &BTreeMap<String, String>, wanted: &str, place: &Place) -> Diagnostic {
    let nodes: Vec<String> =
        labelled.iter().take(MOST_TOLD).map(|(name, value)| format!("`{name}` has `{value}`")).collect();
    let more = labelled.len().saturating_sub(MOST_TOLD);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Diagnostic::warning(
        "Node chooses its ENIConfig by a label",
        format!(
            "The VPC CNI reads the label `{LABEL}` of a node before any annotation, so in cluster `{}` the annotation with `{wanted}` has no effect on these nodes: {}{more}.\n\nRemove the label (`kubectl label node NAME {LABEL}-`), or leave the nodes out of the selection.",
            place.cluster,
            nodes.join(", ")
        ),
    )
}

/// The outcome for one node.
enum Changed {
    /// The node has the annotation.
    Bound,
    /// The node does not have the annotation, or does not exist.
    Gone,
    /// Someone else has set another value in the meantime.
    Foreign(String),
}

/// Changes nodes, many at a time. Stops at the first failure, but waits for requests in flight, so that `each` is
/// called for every node that was changed.
async fn annotate(
    client: &Client,
    key: &str,
    nodes: Vec<(Annotated, Option<&str>)>,
    mut each: impl FnMut(&str, Changed),
) -> kube::Result<()> {
    let mut left = nodes.into_iter();
    let mut under_way = FuturesUnordered::new();
    let mut failed = None;
    loop {
        while failed.is_none() && under_way.len() < AT_ONCE {
            let Some((node, value)) = left.next() else { break };
            under_way.push(annotate_one(client, key, value, node));
        }
        let Some((name, outcome)) = under_way.next().await else { break };
        match outcome {
            Ok(changed) => each(&name, changed),
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn annotate_one(
    client: &Client,
    key: &str,
    value: Option<&str>,
    node: Annotated,
) -> (String, kube::Result<Changed>) {
    let changed = client.annotate_node(&node, key, value).await.map(|change| match change {
        Change::Done if value.is_some() => Changed::Bound,
        Change::Foreign(found) if value.is_some() => Changed::Foreign(found),
        // The annotation to remove now belongs to someone else, or no longer exists.
        Change::Done | Change::Foreign(_) => Changed::Gone,
        Change::NodeGone => {
            tracing::info!(node = %node.name, "the node is gone, and needs no annotation any more");
            Changed::Gone
        }
    });
    (node.name, changed)
}

/// Waits for the ENIConfig before annotating: a node whose ENIConfig does not exist gets no pods.
async fn wait_for_eniconfig(client: &Client, name: &ObjectName, cx: &Context) -> Result<()> {
    let wait = Wait {
        what: format!("ENIConfig `{name}` of cluster `{}`", client.cluster()),
        timeout: cx.time_left(ENICONFIG_TIMEOUT),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(5),
    };
    wait::until(cx, &wait, || async {
        let found = match client.get(&ObjectKind::ENI_CONFIG, None, name.as_str()).await {
            Err(error) if error.is_not_found() => None,
            other => explained(other, "Could not look for the ENIConfig", None, cx).await?,
        };
        let absent = || {
            "there is none of this name, and a node that is annotated with it would get no pods; refer to `ekshybrid_eniconfig.NAME.name` instead of repeating the name".to_owned()
        };
        Ok(found.map_or_else(|| Seen::Pending(absent()), |_| Seen::Done(())))
    })
    .await
}

fn held_by_others(foreign: &[(String, String)], args: &Args, place: &Place) -> Diagnostics {
    let told: Vec<String> =
        foreign.iter().take(MOST_TOLD).map(|(name, value)| format!("`{name}` has `{value}`")).collect();
    let more = foreign.len().saturating_sub(MOST_TOLD);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let at = if args.node_selector.is_some() { Args::NAMES.node_selector } else { Args::NAMES.node_names };
    Diagnostic::error(
        "Nodes are bound to another ENIConfig",
        format!(
            "In cluster `{}` the annotation `{}` is set already, to something else than `{}`: {}{more}.\n\nLeave these nodes out of the selection, or take the annotation off them (`kubectl annotate node NAME {}-`). Two bindings must not select the same node.",
            place.cluster,
            args.annotation.text(),
            args.eniconfig,
            told.join(", "),
            args.annotation.text()
        ),
    )
    .at(Path::attribute(at))
    .into()
}

/// `nodes `a`, `b``, truncated if it gets long.
fn list<'a>(noun: &str, names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let count = names.len();
    let told: Vec<String> = names.take(MOST_TOLD).map(|name| format!("`{name}`")).collect();
    let more = if count > MOST_TOLD { format!(" and {} more", count - MOST_TOLD) } else { String::new() };
    format!("{noun}{} {}{more}", if count == 1 { "" } else { "s" }, told.join(", "))
}

fn counted(nodes: usize) -> String {
    if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") }
}

fn counted_are(nodes: usize) -> String {
    format!("{} {}", counted(nodes), if nodes == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted() {
        for (count, expected) in [(0, "0 nodes are"), (1, "1 node is"), (2, "2 nodes are")] {
            assert_eq!(counted_are(count), expected);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..12).map(|number| format!("n{number:02}")).collect();
        assert_eq!(list("node", names[..1].iter()), "node `n00`");
        assert!(list("node", names.iter()).ends_with("`n09` and 2 more"));
    }
}
