//! `ekshybrid_drain_nodes`: cordons nodes and evicts their pods, within the PodDisruptionBudgets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::action::Action;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Span};
use framework::path::Path;
use framework::permission::Permissions;
use futures::stream::{self, StreamExt as _};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::attributes::permissions::{CLUSTER, DRAIN};
use crate::attributes::{ClusterName, ObjectName, Region, labels};
use crate::kube::drain::{PodName, Refusal};
use crate::kube::{Client, Cordon, Drain, DrainOptions};
use crate::session::cluster::connect;
use crate::session::explain::{drained, explained};
use crate::session::place::Place;
use crate::session::{Clients, Context};

/// How long an action may take if `timeouts` sets nothing. Half an hour is enough for a node with long grace periods.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(30);
/// Nodes whose pods are listed at the same time.
const LOOKS: usize = 8;

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(node_names, node_selector))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Names of the nodes. One that does not exist is skipped with a warning. Conflicts with `node_selector`.
    pub node_names: Option<BTreeSet<ObjectName>>,
    /// Drain the nodes that have all of these labels, at least one. Conflicts with `node_names`.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Evict also pods that no controller owns. **Nothing creates these pods again.** Default: false.
    pub force: Option<bool>,
    /// Evict also pods that have emptyDir volumes. **The data in these volumes is lost.** Default: false.
    pub delete_emptydir_data: Option<bool>,
    /// Grace period of the pods in seconds. Default: each pod's own.
    pub grace_period_seconds: Option<i64>,
    /// Skip pods that have been terminating for longer than this, such as `2m`: those of a host that is off terminate
    /// until it is on again. Default: wait for all pods.
    pub skip_wait_for_delete_timeout: Option<Span>,
    /// Number of nodes to drain at the same time. All nodes are cordoned first. Default: 1.
    pub max_parallel: Option<i64>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
    /// How long the action may take.
    pub timeouts: Option<Timeouts>,
}

/// How long the action may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout for all nodes together. Default: `30m`.
    pub invoke: Option<Span>,
}

/// The action.
#[derive(Debug)]
pub enum DrainNodes {}

impl Action for DrainNodes {
    type Clients = Clients;
    type Args = Args;

    const NAME: &'static str = "ekshybrid_drain_nodes";
    const DESCRIPTION: &'static str = "\
Drains nodes, as `kubectl drain --ignore-daemonsets` does: cordons them, evicts their pods, and completes when the pods \
no longer exist. The nodes stay cordoned; `kubectl uncordon` makes them schedulable again.

Evictions respect PodDisruptionBudgets. The action watches the budgets, and repeats a refused eviction as soon as its \
budget allows one. At its timeout it lists the remaining pods and what keeps each of them.

Pods of DaemonSets and mirror pods of static pods stay on the nodes. Pods that no controller owns and pods with \
emptyDir volumes are evicted only with `force` and `delete_emptydir_data`: if one of the nodes has such a pod, the \
action changes nothing and lists the pods.

AmazonEKSClusterAdminPolicy includes the permissions below. Without access to the budgets, refused evictions are \
repeated every 5 seconds.";
    const PERMISSIONS: Permissions = &[CLUSTER, DRAIN];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.node_selector, Args::NAMES.node_selector, faults);
        let mut fault = |attribute, summary: &str, detail: &str| {
            faults.push(Diagnostic::error(summary, detail).at(Path::attribute(attribute)));
        };
        if args.node_selector.set().is_some_and(BTreeMap::is_empty) {
            fault(
                Args::NAMES.node_selector,
                "Empty node selector",
                "Without a label, every node of the cluster would be drained. Name at least one label.",
            );
        }
        let below = |number: &Maybe<Option<i64>>, least: i64| number.set().is_some_and(|number| *number < least);
        if below(&args.max_parallel, 1) {
            fault(Args::NAMES.max_parallel, "Invalid number", "At least 1 node is drained at a time.");
        }
        if below(&args.grace_period_seconds, 0)
            || args.grace_period_seconds.set().is_some_and(|it| seconds(*it).is_none())
        {
            fault(Args::NAMES.grace_period_seconds, "Invalid number", "A grace period is 0 to 4294967295 seconds.");
        }
    }

    async fn invoke(args: &Args, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let deadline = cx.deadline(DRAIN_TIMEOUT);
        let client = connect(&place.cluster, Some(&place.region), cx).await?;
        let nodes = nodes(args, &client, &place, cx).await?;
        if nodes.is_empty() {
            cx.progress("No node matches `node_selector`; nothing to do").await;
            return Ok(());
        }
        let options = options(args);
        refuse_losses(&nodes, &options, &client, &place, cx).await?;
        let mut present = Vec::new();
        for node in &nodes {
            let left = "Nodes that were cordoned before it stay cordoned. No pod was evicted.";
            match explained(client.cordon(node).await, "Could not cordon a node", Some(left), cx).await? {
                Cordon::NodeGone => {
                    cx.progress(format!("Node {node} does not exist any more")).await;
                    continue;
                }
                Cordon::Done => cx.progress(format!("Node {node}: cordoned")).await,
                Cordon::Already => cx.progress(format!("Node {node}: was cordoned already")).await,
            }
            present.push(node.as_str());
        }
        let at_once = usize::try_from(args.max_parallel.unwrap_or(1)).unwrap_or(1).max(1);
        let (lines, mut progress) = unbounded_channel();
        let work = async {
            let drains: Vec<_> = present
                .iter()
                .map(|node| drain(node, &options, deadline, &client, &place, lines.clone(), cx))
                .collect();
            let mut drains = stream::iter(drains).buffer_unordered(at_once);
            let mut faults = Diagnostics::new();
            while let Some(failed) = drains.next().await {
                if let Some(failed) = failed {
                    faults.append(failed);
                }
            }
            drop(drains);
            drop(lines);
            if faults.has_errors() { Err(faults) } else { Ok(()) }
        };
        let show = async {
            while let Some(line) = progress.recv().await {
                cx.progress(line).await;
            }
        };
        tokio::join!(work, show).0
    }
}

fn options(args: &Args) -> DrainOptions {
    DrainOptions {
        force: args.force.unwrap_or(false),
        delete_emptydir_data: args.delete_emptydir_data.unwrap_or(false),
        grace_period_seconds: args.grace_period_seconds.and_then(seconds),
        skip_wait_for_delete: args.skip_wait_for_delete_timeout.as_ref().map(Span::duration),
    }
}

fn seconds(number: i64) -> Option<u32> {
    u32::try_from(number).ok()
}

/// The selected nodes that exist, by name.
async fn nodes(args: &Args, client: &Client, place: &Place, cx: &Context) -> Result<Vec<String>> {
    let selector = args.node_selector.as_ref().map(labels::selector);
    let found = client.nodes(selector.as_deref()).await;
    let found = explained(found, "Could not read the nodes", Some("Nothing was changed."), cx).await?;
    let mut found: BTreeSet<String> = found.into_iter().map(|node| node.name).collect();
    let Some(names) = &args.node_names else { return Ok(found.into_iter().collect()) };
    let missing: Vec<String> =
        names.iter().filter(|name| !found.contains(name.as_str())).map(|name| format!("`{}`", name.as_str())).collect();
    found.retain(|node| names.iter().any(|name| name.as_str() == node));
    if !missing.is_empty() {
        let detail = format!("{place} has no such node: {}.", missing.join(", "));
        let at = Path::attribute(Args::NAMES.node_names);
        if found.is_empty() && !names.is_empty() {
            return Err(Diagnostic::error("Nodes do not exist", detail)
                .left("Nothing was changed.")
                .remedy("Check the names and the cluster.")
                .at(at)
                .into());
        }
        cx.report(Diagnostic::warning("Nodes do not exist", detail).left("They were skipped.").at(at));
    }
    Ok(found.into_iter().collect())
}

/// Refuses all nodes because of pods that must not be evicted without permission.
async fn refuse_losses(
    nodes: &[String],
    options: &DrainOptions,
    client: &Client,
    place: &Place,
    cx: &Context,
) -> Result<()> {
    let looks: Vec<_> =
        nodes.iter().map(|node| async move { (node, client.pods_to_drain(node, options).await) }).collect();
    let looks: Vec<_> = stream::iter(looks).buffered(LOOKS).collect().await;
    let mut losses = Vec::new();
    for (node, plan) in looks {
        let plan = explained(plan, "Could not read the pods of a node", Some("Nothing was changed."), cx).await?;
        losses.extend(plan.refused.into_iter().map(|(pod, why)| (node, pod, why)));
    }
    if losses.is_empty() { Ok(()) } else { Err(refused(&losses, place)) }
}

fn refused(losses: &[(&String, PodName, Refusal)], place: &Place) -> Diagnostics {
    let lines: Vec<String> =
        losses.iter().map(|(node, pod, why)| format!("  - pod {pod} on node {node}: {why}")).collect();
    Diagnostic::error(
        "Pods would be lost",
        format!("The nodes of {place} have pods that are not evicted without permission:\n{}", lines.join("\n")),
    )
    .left("Nothing was changed.")
    .remedy("Delete or move these pods, or set the option that is named for each, if the loss is acceptable.")
    .into()
}

/// Drains one node, and returns why it could not.
async fn drain(
    node: &str,
    options: &DrainOptions,
    deadline: std::time::Instant,
    client: &Client,
    place: &Place,
    lines: UnboundedSender<String>,
    cx: &Context,
) -> Option<Diagnostics> {
    let timeout = deadline.saturating_duration_since(std::time::Instant::now());
    // Whoever shows the lines has ended only if the whole action has.
    let report = |step| drop(lines.send(format!("Node {node}: {step}")));
    let outcome = client.drain(node, options, timeout, &report).await;
    let is_gone = matches!(outcome, Ok(Drain::NodeGone));
    match drained(outcome, node, place.cluster.as_str(), cx).await {
        Ok(_) if is_gone => drop(lines.send(format!("Node {node} does not exist any more"))),
        Ok(evicted) => drop(lines.send(format!("Node {node}: drained, {evicted} pods evicted"))),
        Err(faults) => return Some(faults),
    }
    None
}
