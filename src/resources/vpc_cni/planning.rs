//! The plan: what is known early, and what cannot work in a cluster that is there already.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Maybe;
use framework::resource::Plan;

use super::daemon_set::{self, NAME, NAMESPACE};
use super::fit::{Least, too_old};
use super::record::Record;
use super::settings::Settings;
use super::site::{Found, addon_of};
use super::{Args, ManagedBy, Owner, VpcCni, through_addon};
use crate::attributes::cluster::warn_of_near_name;
use crate::attributes::place::PlannedPlace;
use crate::attributes::{ClusterName, Region};
use crate::provider::{Context, Way};

/// Private note of a plan: the configuration sets `managed_by`.
const WISHED: &str = "managed_by";

/// What the configuration asks for. An argument that is not set carries the result of before; whether it is set is
/// noted by the plan.
pub(super) fn wished(args: &Args, cx: &Context) -> Option<ManagedBy> {
    if cx.private(WISHED).is_some() { args.managed_by } else { None }
}

pub(super) async fn plan(plan: &mut Plan<VpcCni>, cx: &Context) -> Result<()> {
    if plan.configures(Args::NAMES.managed_by) {
        cx.keep_private(WISHED, "set");
    } else {
        cx.drop_private(WISHED);
    }
    let place = PlannedPlace::plan(plan, cx).await?;
    let switched = switched(plan, cx);
    let unfinished = unfinished(plan, cx);
    if plan.is_create() || plan.has_changes() || plan.is_replaced() || switched || unfinished {
        check(plan, &place, cx).await?;
    }
    Ok(())
}

/// Whether another owner has aws-node since the last write: then the settings are to be made through it.
pub(super) fn switched(plan: &mut Plan<VpcCni>, cx: &Context) -> bool {
    let (Some(prior), false) = (&plan.prior, plan.configures(Args::NAMES.managed_by)) else { return false };
    let now = prior.outputs.managed_by;
    let moved = Record::of(cx, None, Owner::DaemonSet).is_some_and(|record| ManagedBy::from(record.owner) != now);
    if moved {
        plan.outputs.effective_environment = Maybe::Unknown;
    }
    moved
}

/// Whether a run was cut off behind its write: the cluster has what is wanted, and the record does not tell that this
/// resource wrote it. The apply notes that.
fn unfinished(plan: &mut Plan<VpcCni>, cx: &Context) -> bool {
    if plan.is_create() || plan.has_changes() {
        return false;
    }
    let wanted = Settings::planned(&plan.args).wanted();
    let unfinished = Record::of(cx, None, Owner::DaemonSet).is_some_and(|record| !record.has_written(&wanted));
    if unfinished {
        plan.outputs.effective_environment = Maybe::Unknown;
    }
    unfinished
}

/// Looks at the cluster, when it is there, and refuses what cannot work in it.
pub(super) async fn check(plan: &mut Plan<VpcCni>, place: &PlannedPlace, cx: &Context) -> Result<()> {
    let (Some(named), Some(region), Some(clients)) = (&place.cluster, &place.region, cx.try_clients()) else {
        return Ok(());
    };
    let client = match clients.way_to(named, Some(region), cx.cancel()).await? {
        Way::Open(client) => client.looking(),
        Way::NoCluster(_) => {
            warn_of_near_name(named, Some(region), cx).await;
            return Ok(());
        }
        Way::NotReady(_) | Way::Unknown(_) => return Ok(()),
    };
    let settings = Settings::planned(&plan.args);
    check_family(plan, named, region, &settings, cx).await;
    let daemon_set = match daemon_set::find(&client).await {
        Ok(Some(daemon_set)) => daemon_set,
        Ok(None) => {
            cx.report(Diagnostic::warning(
                "Cluster has no aws-node yet",
                format!("There is no DaemonSet {NAMESPACE}/{NAME} in cluster `{named}`. The apply waits for it, as for one that the add-on vpc-cni (`aws_eks_addon`) brings in the same apply."),
            ));
            return Ok(());
        }
        Err(error) => {
            // The access may come with the same apply.
            tracing::info!("aws-node is not checked at plan: {error}");
            return Ok(());
        }
    };
    let mode = if plan.configures(Args::NAMES.managed_by) { plan.args.managed_by.set().copied() } else { None };
    let Ok(addon) = addon_of(named, region, mode.unwrap_or(ManagedBy::Auto), cx).await else { return Ok(()) };
    let found = Found { daemon_set, addon };
    let wanted = settings.wanted();
    let least = Least::of(plan.args.minimum_version.set(), &settings);
    for fault in too_old(&found.daemon_set, least.as_ref(), named.as_str(), found.owner()).0 {
        cx.report(fault);
    }
    for fault in daemon_set::check_entries(&found.daemon_set, &wanted, named.as_str()).0 {
        cx.report(fault);
    }
    if let Some(addon) = &found.addon {
        for fault in through_addon::check(region, addon, &wanted, cx).await.0 {
            cx.report(fault);
        }
    }
    Ok(())
}

/// Custom networking is for IPv4 clusters. Source: user guide of EKS, custom networking.
pub(super) async fn check_family(
    plan: &mut Plan<VpcCni>,
    cluster: &ClusterName,
    region: &Region,
    settings: &Settings,
    cx: &Context,
) {
    let Some(aws) = cx.try_clients().and_then(crate::provider::Clients::known_aws) else { return };
    let eks = aws.with_cancel(cx.cancel().clone()).eks(Some(region.as_str()));
    if settings.custom_networking == Some(true)
        && let Ok(found) = eks.cluster(cluster.as_str()).await
        && found.ip_family.as_deref() == Some("ipv6")
    {
        plan.fault(
            Args::NAMES.custom_networking,
            "Custom networking needs an IPv4 cluster",
            format!("Cluster `{cluster}` has the IP family ipv6, which cannot change. Its pods have addresses enough; leave custom networking out."),
        );
    }
}
