//! The plan of a node: what replaces it, what drains it, and what cannot work.

use std::net::IpAddr;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Model, Text};
use framework::path::Path;
use framework::resource::{Plan, State};
use framework::value::Value;
use names::Cidr;

use super::arguments::{Ssm, minor};
use super::notes::{self, Planned};
use super::{Args, JOINED, Node, Outputs};
use crate::aws::eks::Cluster;
use crate::session::place::{Place, PlannedPlace};
use crate::session::{Clients, Context};

/// The oldest kubelet that an API server supports, in minor versions. Source: Kubernetes, "Version Skew Policy".
const SKEW: u32 = 3;

pub(super) async fn plan(plan: &mut Plan<Node>, cx: &Context) -> Result<()> {
    let place = PlannedPlace::plan(plan, cx).await?;
    let text = |name: &str, member: &str| plan.value(name).attribute(member).and_then(Value::as_str).map(str::to_owned);
    let host = text(Args::NAMES.ssh, "host").or_else(|| text(Args::NAMES.run_command, "instance_id"));
    if plan.is_create() {
        let planned = Planned {
            cluster: place.cluster.as_ref().map(|name| name.as_str().to_owned()),
            region: place.region.as_ref().map(|region| region.as_str().to_owned()),
            host: host.clone(),
        };
        notes::plan(Some(&planned), cx);
    } else {
        notes::plan(None, cx);
    }
    replacements(plan);
    check_instance(plan);
    if let Some(prior) = plan.prior.clone().filter(|_| !plan.is_replaced()) {
        in_place(plan, &prior, cx);
    } else if let Some(prior) = &plan.prior {
        cx.report(
            Diagnostic::warning(
                "Node is replaced",
                format!("{} is drained, removed from the cluster, and its host joins again. {LOST}", named(prior)),
            )
            .remedy("To keep it, revert the change that forces the replacement."),
        );
    }
    if let Some(place) = place.known()
        && let Some(cluster) = describe(&place, cx).await
    {
        check_cluster(plan, &cluster, host.as_deref(), cx);
        follow_authorities(plan, &cluster);
    }
    Ok(())
}

const LOST: &str = "Its pods are evicted, with what they keep on the host. PodDisruptionBudgets are respected.";

pub(super) fn plan_delete(state: &State<Node>, cx: &Context) {
    notes::plan(None, cx);
    let force = if state.args.force_destroy {
        " `force_destroy` is set: what cannot be evicted ends without notice."
    } else {
        ""
    };
    cx.report(Diagnostic::warning(
        "Node is removed",
        format!(
            "{} is drained, nodeadm and its components are removed from the host `{}`, the Node is deleted and its instance deregistered from Systems Manager. {LOST}{force}",
            named(state),
            state.args.address()
        ),
    ));
}

/// `Node `mi-…` of cluster `workshop``.
fn named(state: &State<Node>) -> String {
    let cluster = &state.outputs.cluster_name;
    match &state.outputs.node_name {
        Some(name) => format!("Node `{name}` of cluster `{cluster}`"),
        None => format!("The node of cluster `{cluster}` that has not joined yet"),
    }
}

/// Another source of credentials needs a new registration, and so another Node. Source: `internal/aws/ssm` of
/// github.com/aws/eks-hybrid: a registered host keeps its registration.
fn replacements(plan: &mut Plan<Node>) {
    let Some(prior) = &plan.prior else { return };
    let ssm = match (&prior.args.ssm, &plan.args.ssm) {
        (Some(before), Maybe::Known(Some(after))) => is_other_activation(before, after),
        (None, after) => after.set().is_some() && prior.args.iam_roles_anywhere.is_some(),
        (Some(_), _) => false,
    };
    let anywhere = match (&prior.args.iam_roles_anywhere, &plan.args.iam_roles_anywhere) {
        (Some(before), Maybe::Known(Some(after))) => before.node_name != after.node_name,
        // After an import, the state says nothing of the certificate.
        (None, Maybe::Known(Some(after))) => {
            prior.args.ssm.is_some() || prior.outputs.node_name.as_ref().is_some_and(|name| *name != after.node_name)
        }
        _ => false,
    };
    if ssm {
        plan.replace(Args::NAMES.ssm);
    }
    if anywhere {
        plan.replace(Args::NAMES.iam_roles_anywhere);
    }
}

/// Through Run Command, the host is the one of the node.
fn check_instance(plan: &mut Plan<Node>) {
    let Some(prior) = plan.prior.as_ref().filter(|_| !plan.is_replaced()) else { return };
    let given = plan.value(Args::NAMES.run_command).attribute("instance_id").and_then(Value::as_str);
    if let (Some(given), Some(known)) = (given, &prior.outputs.managed_instance_id)
        && given != known
    {
        let detail = format!("The node is `{known}`, and `run_command.instance_id` is `{given}`: another host.");
        plan.fault(Args::NAMES.run_command, "Instance is another host", detail);
    }
}

/// An import knows the role only, and a host that has joined uses neither again.
fn is_other_activation(before: &Ssm, after: &Ssm) -> bool {
    matches!((&before.activation_id, &after.activation_id), (Some(before), Some(after)) if before != after)
}

/// What a change in place does, and which outputs it changes.
fn in_place(plan: &mut Plan<Node>, prior: &State<Node>, cx: &Context) {
    if prior.outputs.status != JOINED {
        plan.outputs.status = Maybe::Known(JOINED.to_owned());
        plan.outputs.provider_id = Maybe::Unknown;
        plan.outputs.internal_ip = Maybe::Unknown;
        plan.outputs.kubelet_version = Maybe::Unknown;
    }
    if notes::is_cordoned(cx) {
        // An upgrade that has failed: the apply continues it, whatever the version is by now.
        plan.outputs.kubelet_version = Maybe::Unknown;
    }
    if !plan.changes(Args::NAMES.kubernetes_version) {
        return;
    }
    let Maybe::Known(wanted) = plan.args.kubernetes_version.clone() else {
        plan.outputs.kubelet_version = Maybe::Unknown;
        return;
    };
    let current = prior.outputs.kubelet_version.as_deref().unwrap_or_default();
    if wanted.fits(current) && !notes::is_cordoned(cx) {
        return;
    }
    plan.outputs.kubelet_version = Maybe::Unknown;
    if let Some(now) = minor(current)
        && now.0 == wanted.minor().0
        && now.1 > wanted.minor().1 + 1
    {
        let detail = format!(
            "The node runs {current}. A rollback goes back one minor version at a time, as that of a cluster does."
        );
        plan.fault(Args::NAMES.kubernetes_version, "Version is too low", detail);
    }
    cx.report(
        Diagnostic::warning(
            "Node is drained for a change of its version",
            format!("{} goes from {current} to {}. It is cordoned and drained first, and made schedulable again at the end. {LOST}", named(prior), wanted.text()),
        )
        .at(Path::attribute(Args::NAMES.kubernetes_version)),
    );
}

/// The cluster, if it can be described now. A cluster that the same apply creates is checked by the apply.
async fn describe(place: &Place, cx: &Context) -> Option<Cluster> {
    let aws = cx.try_clients().and_then(Clients::known_aws)?;
    let cluster = aws.eks(Some(place.region.as_str())).cluster(place.cluster.as_str()).await.ok()?;
    Some(Cluster::clone(&cluster))
}

fn check_cluster(plan: &mut Plan<Node>, cluster: &Cluster, host: Option<&str>, cx: &Context) {
    if (plan.is_create() || plan.changes(Args::NAMES.kubernetes_version))
        && let Some(wanted) = plan.args.kubernetes_version.known()
        && let Some(detail) = misfit(wanted.text(), &cluster.name, &cluster.version)
    {
        plan.fault(Args::NAMES.kubernetes_version, "Version does not fit the cluster", detail);
    }
    if !plan.is_create() {
        return;
    }
    if cluster.remote_node_networks.is_empty() {
        let detail = format!(
            "Cluster `{}` has no remote node networks, so no hybrid node can join it. Set `remote_network_config` of the cluster.",
            cluster.name
        );
        plan.fault(Args::NAMES.cluster_name, "Cluster takes no hybrid nodes", detail);
    } else if let Some(address) = host.and_then(|host| host.parse::<IpAddr>().ok())
        && !is_within(address, &cluster.remote_node_networks)
    {
        cx.report(
            Diagnostic::warning(
                "Host may be outside the remote node networks",
                format!(
                    "`ssh.host` is {address}, and the remote node networks of cluster `{}` are {}. A node needs an address in them.",
                    cluster.name,
                    cluster.remote_node_networks.join(", ")
                ),
            )
            .remedy("If this is only the address for SSH, ignore this warning: the apply checks the host's own addresses before it changes anything.")
            .at(Path::attribute(Args::NAMES.ssh).dot("host")),
        );
    }
}

/// Why a kubelet of this version does not fit the cluster; `None`: it does.
pub(super) fn misfit(wanted: &str, cluster: &str, version: &str) -> Option<String> {
    let (node, api) = (minor(wanted)?, minor(version)?);
    if node > api {
        return Some(format!(
            "Kubernetes {wanted} is newer than cluster `{cluster}`, which runs {version}. Upgrade the cluster first."
        ));
    }
    (node.0 == api.0 && api.1 - node.1 > SKEW).then(|| {
        format!(
            "Kubernetes {wanted} is too old for cluster `{cluster}`, which runs {version} and supports nodes that are at most {SKEW} minor versions older."
        )
    })
}

/// Whether an address is in one of these networks.
pub(super) fn is_within(address: IpAddr, networks: &[String]) -> bool {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let Some(address) = Cidr::containing(address, bits) else { return false };
    networks.iter().filter_map(|network| network.parse::<Cidr>().ok()).any(|network| network.contains(address))
}

/// While EKS rotates the cluster's certificate authorities, nodes must trust the next one before it is activated.
fn follow_authorities(plan: &mut Plan<Node>, cluster: &Cluster) {
    let Some(prior) = plan.prior.as_ref().filter(|_| !plan.is_replaced()) else { return };
    let (Some(before), Some(now)) = (&prior.outputs.certificate_authority_sha256, authorities(cluster)) else { return };
    if *before != now {
        plan.outputs.certificate_authority_sha256 = Maybe::Known(Some(now));
    }
}

/// SHA-256 of the cluster's certificate authorities.
pub(super) fn authorities(cluster: &Cluster) -> Option<String> {
    Some(names::Sha256::of(cluster.certificate_authority.as_ref()?.as_bytes()).hex())
}

/// Whether a change needs a new NodeConfig on the host.
pub(super) fn changes_node_config(prior: &State<Node>, args: &Args, outputs: &Outputs) -> bool {
    let (before, after) = (prior.args.encode(), args.encode());
    let changed = |name: &str| before.get(name) != after.get(name);
    let arguments = [
        Args::NAMES.kubelet,
        Args::NAMES.containerd_config,
        Args::NAMES.iam_roles_anywhere,
        Args::NAMES.enable_credentials_file,
        Args::NAMES.proxy,
    ];
    arguments.into_iter().any(changed)
        || prior.outputs.certificate_authority_sha256 != outputs.certificate_authority_sha256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_fit_a_cluster() {
        for (wanted, cluster, fits) in [
            ("1.34", "1.34", true),
            ("1.34.9", "1.34", true),
            ("1.31", "1.34", true),
            ("1.30", "1.34", false),
            ("1.35", "1.34", false),
            ("2.0", "1.34", false),
        ] {
            assert_eq!(misfit(wanted, "workshop", cluster).is_none(), fits, "{wanted} {cluster}");
        }
    }

    #[test]
    fn addresses_in_networks() {
        let networks = ["10.80.0.0/16".to_owned()];
        for (address, expected) in [("10.80.3.4", true), ("10.81.0.1", false), ("fd00::1", false)] {
            assert_eq!(is_within(address.parse().expect("an address"), &networks), expected, "{address}");
        }
    }
}
