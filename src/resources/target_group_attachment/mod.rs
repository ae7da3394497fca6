//! `ekshybrid_target_group_attachment`: a target group that holds the addresses of a cluster's nodes.

mod apply;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Maybe, Model, Span, Text as _};
use framework::path::{Path, Step};
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

use crate::attributes::permissions::{ANY, CLUSTER, aws, kube};
use crate::attributes::{ClusterName, Region, TargetGroupArn, labels};
use crate::aws::elb::{self, Target};
use crate::kube;
use crate::session::cluster::{Connection, reach, reach_to_list};
use crate::session::explain::{explain, explain_kube};
use crate::session::place::{Place, PlannedPlace, placed};
use crate::session::{Clients, Context};

/// What AWS's nodes outside the VPC are labelled with. Source: EKS user guide, "Configure a CNI for hybrid nodes".
const HYBRID: (&str, &str) = ("eks.amazonaws.com/compute-type", "hybrid");

/// NodePorts of a cluster that has no range of its own. Source: Kubernetes, `--service-node-port-range`.
const NODE_PORTS: (i64, i64) = (30000, 32767);
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
    /// Whether an apply waits until the load balancer finds all targets healthy. Default: false. A load balancer must
    /// send to the target group by then. If a creation fails because of this, `terraform untaint` keeps the targets
    /// registered; otherwise the next apply registers them anew.
    pub wait_for_healthy: Option<bool>,
    /// A request through the load balancer that an apply sends at its end, until the expected answer comes.
    pub request: Option<Request>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long to wait for the cluster (default: 30 minutes while EKS creates it, 5 while EKS does not know it), and for
    /// healthy targets (default: 5 minutes).
    pub timeouts: Option<Timeouts>,
}

/// A request through the load balancer. It is sent from where Terraform runs.
#[derive(Clone, Debug, Model)]
pub struct Request {
    /// Path of the request. Default: `/`. The request goes to a listener for HTTP or TCP that forwards to the target
    /// group, under the load balancer's own name.
    pub path: Option<String>,
    /// URL of the request, instead of `path`: for a listener with TLS, or one that forwards by host names.
    pub url: Option<String>,
    /// Expected status. Redirections are not followed. Default: 200.
    pub expected_status: Option<Bounded<100, 599>>,
}

/// How long to wait for the cluster and for healthy targets. A removal needs neither.
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

With `wait_for_healthy`, an apply ends when all targets are healthy, or with the reason of each that is not.

The load balancer must reach the nodes on `port`: route the remote node network in the VPC, and allow the port in \
security groups and firewalls.";
    const IMPORT_ID: &'static str = "`CLUSTER/TARGET_GROUP_ARN`, or `CLUSTER/TARGET_GROUP_ARN@REGION` if the cluster is \
        in another region than the provider's; the port is that of the registered targets";
    const PERMISSIONS: Permissions = &[
        &[
            aws(&["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"], ANY),
            aws(
                &["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
                "arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/*",
            ),
            aws(&["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancers"], ANY)
                .when("targets do not become healthy; optional"),
            aws(&["ec2:DescribeVpcs"], ANY).when("addresses may be outside the VPC"),
        ],
        CLUSTER,
        &[kube(&["list"], "nodes")],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.node_selector, Args::NAMES.node_selector, faults);
        if args.node_selector.set().is_some_and(BTreeMap::is_empty) {
            let name = Args::NAMES.node_selector;
            let cause = format!("`{name}` is empty, which would select every node. Name at least one label.");
            faults.push(Diagnostic::error("No node is selected", cause).at(Path::attribute(name)));
        }
        if let Some(request) = args.request.set() {
            check_request(request, faults);
        }
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        let place = PlannedPlace::plan(plan, cx).await?;
        if let (Some(place), Maybe::Known(port)) = (place.known(), &plan.args.port)
            && (plan.is_create() || plan.changes(Args::NAMES.port))
        {
            warn_of_port(port.get(), &place, cx).await;
        }
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
        apply::apply(args, None, place, cx).await
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
        apply::apply(args, Some(&prior.outputs), place, cx).await
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

fn check_request(request: &Request, faults: &mut Diagnostics) {
    let at = |name: &str| Path::attribute(Args::NAMES.request).then(Step::Attribute(name.to_owned()));
    if request.path.is_some() && request.url.is_some() {
        let cause = "`url` contains the path.";
        faults.push(Diagnostic::error("Conflicting arguments", cause).at(at(Request::NAMES.path)));
    }
    if request.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        let cause = "A path begins with `/`.";
        faults.push(Diagnostic::error("Invalid path", cause).at(at(Request::NAMES.path)));
    }
    let is_http = |url: &String| url.starts_with("http://") || url.starts_with("https://");
    if request.url.as_ref().is_some_and(|url| !is_http(url)) {
        let cause = "A URL begins with `http://` or `https://`.";
        faults.push(Diagnostic::error("Invalid URL", cause).at(at(Request::NAMES.url)));
    }
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

/// Warns of a port that no service of the cluster can have on its nodes. It may still be right: a pod can listen on a
/// port of its node.
async fn warn_of_port(port: i64, place: &Place, cx: &Context) {
    let Ok(eks) = place.eks(cx) else { return };
    // A cluster that the same apply creates, or that cannot be described now, has no range to compare with.
    let Ok(cluster) = eks.cluster(place.cluster.as_str()).await else { return };
    let (first, last) = cluster.node_ports.unwrap_or(NODE_PORTS);
    if (first..=last).contains(&port) {
        return;
    }
    let cause = format!("In {place}, services have NodePorts from {first} to {last}, and `port` is {port}.");
    cx.report(
        Diagnostic::warning("Port is not a NodePort", cause)
            .remedy("Set `port` to the NodePort of the service. If pods listen on this port of their nodes (`hostPort` or `hostNetwork`), all is well.")
            .at(Path::attribute(Args::NAMES.port)),
    );
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
            wait_for_healthy: None,
            request: None,
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

/// The target groups of the cluster's region in which addresses of its hybrid nodes are registered.
///
/// # Errors
/// Those of the calls.
pub async fn listed(place: &Place, cx: &Context) -> Result<Vec<(Identity, State<TargetGroupAttachment>)>> {
    let summary = "Could not list the target groups";
    let Some(client) = reach_to_list(place, cx).await? else { return Ok(Vec::new()) };
    let addresses = match addresses(&client, None).await {
        Ok(addresses) => addresses,
        Err(error) => return Err(explain_kube(summary, &error, None, cx).await),
    };
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let elb = cx.clients()?.aws()?.elb(Some(place.region.as_str()));
    let failed = |error: crate::aws::Error| explain(summary, &error, None);
    let mut all = Vec::new();
    for group in elb.target_groups().await.map_err(failed)? {
        let Ok(target_group_arn) = TargetGroupArn::parse(&group.arn) else { continue };
        if group.target_type != "ip" {
            continue;
        }
        // Deleted since it was listed.
        let Some(registered) = elb.targets(&group.arn).await.map_err(failed)? else { continue };
        let (cluster_name, region) = (place.cluster.clone(), Some(place.region.clone()));
        let identity = Identity { cluster_name, target_group_arn, region };
        if let Some(state) = imported(&identity, &registered, &addresses, place.clone()) {
            all.push((identity, state));
        }
    }
    Ok(all)
}

fn counted_are(targets: usize) -> String {
    if targets == 1 { "1 target is".to_owned() } else { format!("{targets} targets are") }
}
