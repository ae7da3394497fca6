//! `ekshybrid_target_group_attachment`: a target group that holds the addresses of a cluster's nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Maybe, Model, Span};
use framework::path::Path;
use framework::resource::{Plan, Resource, State};
use names::Cidr;

use crate::attributes::{ClusterName, Region, TargetGroupArn, labels};
use crate::aws::elb::{self, Target};
use crate::kube;
use crate::session::cluster::{Connection, connect, reach};
use crate::session::explain::{explain, explain_kube, explained};
use crate::session::place::{Place, PlannedPlace, placed};
use crate::session::{Clients, Context};

/// What AWS's nodes outside the VPC are labelled with. Source: EKS user guide, "Configure a CNI for hybrid nodes".
const HYBRID: (&str, &str) = ("eks.amazonaws.com/compute-type", "hybrid");

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Target group, of target type `ip`. Its region is that of the ARN.
    #[attr(replace)]
    pub target_group_arn: TargetGroupArn,
    /// Port of every node, such as the NodePort of a service (30000 to 32767 on EKS).
    pub port: Bounded<1, 65535>,
    /// Register the nodes with all of these labels. Default: hybrid nodes (`"eks.amazonaws.com/compute-type" =
    /// "hybrid"`).
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long to wait for the cluster (default: 30 minutes while EKS creates it, 5 while EKS does not know it).
    pub timeouts: Option<Timeouts>,
}

/// How long to wait for the cluster. A removal needs no cluster.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// When the attachment is created, such as `10m`.
    pub create: Option<Span>,
    /// When it is changed.
    pub update: Option<Span>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// Registered targets, each `ADDRESS:PORT`.
    #[attr(keep)]
    pub targets: BTreeSet<String>,
    /// Targets that the next apply registers or deregisters, because nodes joined, left or changed their labels, or
    /// because the target group was changed by somebody else. Empty after an apply.
    #[attr(keep)]
    pub pending_targets: BTreeSet<String>,
    /// Those of `targets` that were registered already when this resource came to them. They are never deregistered.
    #[attr(keep)]
    pub existing_targets: BTreeSet<String>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// Target group.
    pub target_group_arn: TargetGroupArn,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum TargetGroupAttachment {}

placed!(TargetGroupAttachment);

impl Resource for TargetGroupAttachment {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_target_group_attachment";
    const DESCRIPTION: &'static str = "\
Keeps a target group equal to the addresses of a cluster's nodes, so that an Application or Network Load Balancer in \
the VPC sends traffic to hybrid nodes. Addresses outside the VPC are registered with the zone `all`, as AWS requires.

Nodes that have joined or left since the last apply are shown by the next plan as `pending_targets`. Targets that \
somebody else has registered are never deregistered. Destroy deregisters what this resource registered; connections \
drain for the target group's deregistration delay.

The load balancer must reach the nodes on `port`: route the remote node network in the VPC, and allow the port in \
security groups and firewalls.";
    const IMPORT_ID: &'static str = "`CLUSTER/TARGET_GROUP_ARN`, or `CLUSTER/TARGET_GROUP_ARN@REGION` if the cluster is \
        in another region than the provider's; the port is that of the registered targets";

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.node_selector, Args::NAMES.node_selector, faults);
        if args.node_selector.set().is_some_and(BTreeMap::is_empty) {
            let name = Args::NAMES.node_selector;
            let cause = format!("`{name}` is empty, which would select every node. Name at least one label.");
            faults.push(Diagnostic::error("No node is selected", cause).at(Path::attribute(name)));
        }
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        PlannedPlace::plan(plan, cx).await?;
        if let (true, Maybe::Known(arn), Some(aws)) = (
            plan.is_create() || plan.is_replaced(),
            &plan.args.target_group_arn,
            cx.try_clients().and_then(Clients::known_aws),
        ) {
            // A group that cannot be looked up now is looked up again by the apply, which reports the error.
            if let Ok(Some(group)) = aws.elb(Some(arn.region())).target_group(arn.as_str()).await {
                check(&group, arn)?;
            }
        }
        let is_behind = plan.prior.as_ref().is_some_and(|prior| !prior.outputs.pending_targets.is_empty());
        if is_behind || [Args::NAMES.node_selector, Args::NAMES.port].iter().any(|name| plan.changes(name)) {
            plan.outputs.targets = Maybe::Unknown;
            plan.outputs.existing_targets = Maybe::Unknown;
            plan.outputs.pending_targets = Maybe::Known(BTreeSet::new());
        }
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        attach(args, None, place, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        let summary = "Could not read the targets";
        let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
        let arn = &identity.target_group_arn;
        let Some(registered) =
            load_balancing(arn, cx)?.targets(arn.as_str()).await.map_err(|error| explain(summary, &error, None))?
        else {
            return Ok(None);
        };
        let client = match reach(&place.cluster, Some(&place.region), cx).await? {
            Connection::Open(client) => client,
            // The targets outlive the cluster, until a destroy deregisters them.
            Connection::Gone => return Ok(prior.cloned()),
            Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
        };
        let addresses = match addresses(&client, prior.and_then(|prior| prior.args.node_selector.as_ref())).await {
            Ok(addresses) => addresses,
            Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(prior.cloned()),
            Err(error) => return Err(explain_kube(summary, &error, None, cx).await),
        };
        let Some(prior) = prior else { return Ok(imported(identity, &registered, &addresses, place)) };
        let wanted = wanted(&addresses, prior.args.port.get());
        let present: BTreeSet<String> = registered.iter().map(name).collect();
        let targets: BTreeSet<String> = prior.outputs.targets.intersection(&present).cloned().collect();
        let outputs = Outputs {
            pending_targets: targets.symmetric_difference(&wanted).cloned().collect(),
            existing_targets: prior.outputs.existing_targets.intersection(&present).cloned().collect(),
            targets,
            cluster_name: place.cluster,
            region: place.region.clone(),
        };
        Ok(Some(State { args: Args { region: Some(place.region), ..prior.args.clone() }, outputs }))
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        let place = Place { cluster: prior.outputs.cluster_name.clone(), region: prior.outputs.region.clone() };
        attach(args, Some(&prior.outputs), place, cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        let arn = &state.args.target_group_arn;
        let elb = load_balancing(arn, cx)?;
        let summary = "Could not deregister the targets";
        let Some(registered) = elb.targets(arn.as_str()).await.map_err(|error| explain(summary, &error, None))? else {
            return Ok(());
        };
        let Outputs { targets, existing_targets, .. } = &state.outputs;
        let ours: Vec<Target> = registered
            .into_iter()
            .filter(|target| targets.contains(&name(target)) && !existing_targets.contains(&name(target)))
            .collect();
        let mut rest = targets.clone();
        let outcome =
            elb.deregister(arn.as_str(), &ours, |done| rest.retain(|it| !done.iter().any(|one| name(one) == *it)));
        let Err(error) = outcome.await else { return Ok(()) };
        let left = format!("{} still registered, and recorded in the state.", counted_are(rest.len()));
        cx.save(&Outputs { targets: rest, ..state.outputs.clone() });
        Err(explain(summary, &error, Some(&left)))
    }
}

fn load_balancing(arn: &TargetGroupArn, cx: &Context) -> Result<elb::Client> {
    Ok(cx.clients()?.aws()?.elb(Some(arn.region())))
}

/// Nodes have addresses, so the group must take addresses.
fn check(group: &elb::TargetGroup, arn: &TargetGroupArn) -> Result<()> {
    if group.target_type == "ip" {
        return Ok(());
    }
    let cause = format!(
        "Target group `{}` has the target type `{}`. Nodes outside AWS are no EC2 instances: they are registered by address.",
        arn.as_str(),
        group.target_type
    );
    let remedy = "Create a target group with `target_type = \"ip\"`.";
    Err(Diagnostic::error("Target group does not take addresses", cause)
        .remedy(remedy)
        .at(Path::attribute(Args::NAMES.target_group_arn))
        .into())
}

/// Registers the nodes, then deregisters what this resource has registered for nodes that are no longer selected.
async fn attach(args: &Args, prior: Option<&Outputs>, place: Place, cx: &Context) -> Result<Outputs> {
    let summary = "Could not register the nodes";
    let (arn, port) = (&args.target_group_arn, args.port.get());
    let elb = load_balancing(arn, cx)?;
    let group = elb.target_group(arn.as_str()).await.map_err(|error| explain(summary, &error, None))?;
    let Some(group) = group else {
        let cause = format!("Target group `{}` does not exist.", arn.as_str());
        let at = Path::attribute(Args::NAMES.target_group_arn);
        return Err(Diagnostic::error("Target group does not exist", cause).at(at).into());
    };
    check(&group, arn)?;
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    let nodes = addresses(&client, args.node_selector.as_ref()).await;
    let nodes = explained(nodes, summary, None, cx).await?;
    let networks = match &group.vpc_id {
        None => Vec::new(),
        Some(id) => {
            let ec2 = cx.clients()?.aws()?.ec2(Some(arn.region()));
            let vpc = ec2.vpc(id).await.map_err(|error| explain(summary, &error, None))?;
            vpc.map(|vpc| vpc.cidr_blocks).unwrap_or_default()
        }
    };
    let registered =
        elb.targets(arn.as_str()).await.map_err(|error| explain(summary, &error, None))?.unwrap_or_default();
    let present: BTreeSet<String> = registered.iter().map(name).collect();
    let wanted: BTreeMap<String, Target> = nodes
        .iter()
        .map(|address| Target { address: address.clone(), port, is_outside: !is_within(address, &networks) })
        .map(|target| (name(&target), target))
        .collect();

    let none = BTreeSet::new();
    let (before, existing) = prior.map_or((&none, &none), |prior| (&prior.targets, &prior.existing_targets));
    let mut outputs = Outputs {
        cluster_name: place.cluster.clone(),
        region: place.region.clone(),
        existing_targets: wanted
            .keys()
            .filter(|name| present.contains(*name) && (existing.contains(*name) || !before.contains(*name)))
            .cloned()
            .collect(),
        targets: before.intersection(&present).cloned().collect(),
        pending_targets: BTreeSet::new(),
    };
    outputs.targets.extend(outputs.existing_targets.iter().cloned());
    let new: Vec<Target> =
        wanted.iter().filter(|(name, _)| !present.contains(*name)).map(|(_, target)| target.clone()).collect();
    let stale: Vec<Target> = registered
        .into_iter()
        .filter(|target| {
            let name = name(target);
            before.contains(&name) && !existing.contains(&name) && !wanted.contains_key(&name)
        })
        .collect();
    let outcome = match elb.register(arn.as_str(), &new, |done| outputs.targets.extend(done.iter().map(name))).await {
        Ok(()) => {
            elb.deregister(arn.as_str(), &stale, |done| {
                outputs.targets.retain(|it| !done.iter().any(|one| name(one) == *it));
            })
            .await
        }
        failed => failed,
    };
    outputs.targets.retain(|target| wanted.contains_key(target) || stale.iter().any(|it| name(it) == *target));
    if let Err(error) = outcome {
        outputs.pending_targets =
            outputs.targets.symmetric_difference(&wanted.keys().cloned().collect()).cloned().collect();
        let left = format!("{} registered, and recorded in the state.", counted_are(outputs.targets.len()));
        cx.save(&outputs);
        return Err(explain(summary, &error, Some(&left)));
    }
    if wanted.is_empty() {
        cx.report(
            Diagnostic::warning(
                "No node is selected",
                format!(
                    "Cluster `{}` has no node with the selected labels, so the target group gets no target.",
                    place.cluster
                ),
            )
            .remedy("Nodes that join later are shown by the next plan.")
            .at(Path::attribute(Args::NAMES.node_selector)),
        );
    }
    Ok(outputs)
}

/// The internal addresses of the selected nodes.
async fn addresses(
    client: &kube::Client,
    selector: Option<&BTreeMap<String, String>>,
) -> kube::Result<BTreeSet<String>> {
    let selector = match selector {
        Some(labels) => labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","),
        None => format!("{}={}", HYBRID.0, HYBRID.1),
    };
    let nodes = client.nodes(Some(&selector)).await?;
    Ok(nodes.into_iter().filter_map(|node| node.internal_ip).collect())
}

fn wanted(addresses: &BTreeSet<String>, port: i64) -> BTreeSet<String> {
    addresses.iter().map(|address| format!("{address}:{port}")).collect()
}

fn name(target: &Target) -> String {
    format!("{}:{}", target.address, target.port)
}

fn is_within(address: &str, networks: &[String]) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let Some(address) = Cidr::containing(address, bits) else { return false };
    networks.iter().filter_map(|network| network.parse::<Cidr>().ok()).any(|network| network.contains(address))
}

/// After an import the registered addresses of hybrid nodes are those that are meant; the port is theirs.
fn imported(
    identity: &Identity,
    registered: &[Target],
    addresses: &BTreeSet<String>,
    place: Place,
) -> Option<State<TargetGroupAttachment>> {
    let ours: Vec<&Target> = registered.iter().filter(|target| addresses.contains(&target.address)).collect();
    let port = ours.first()?.port;
    let targets: BTreeSet<String> = ours.iter().filter(|it| it.port == port).map(|it| name(it)).collect();
    Some(State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            target_group_arn: identity.target_group_arn.clone(),
            port: Bounded::new(port)?,
            node_selector: None,
            region: Some(place.region.clone()),
            timeouts: None,
        },
        outputs: Outputs {
            cluster_name: place.cluster,
            region: place.region,
            pending_targets: targets.symmetric_difference(&wanted(addresses, port)).cloned().collect(),
            existing_targets: BTreeSet::new(),
            targets,
        },
    })
}

fn counted_are(targets: usize) -> String {
    if targets == 1 { "1 target is".to_owned() } else { format!("{targets} targets are") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_outside_the_vpc() {
        let networks = ["10.0.0.0/16".to_owned(), "100.64.0.0/16".to_owned()];
        for (address, expected) in [("10.0.3.4", true), ("100.64.9.9", true), ("10.80.0.4", false), ("fd00::1", false)]
        {
            assert_eq!(is_within(address, &networks), expected, "{address}");
        }
    }
}
