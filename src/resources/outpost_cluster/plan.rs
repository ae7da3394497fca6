//! Plans a local cluster: what is known early, what EKS cannot change, and whether anybody will get in.

mod networks;
pub(super) mod rules;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::resource::{Plan, State};

use super::{Args, Mode, OutpostCluster, Outputs, Version};
use crate::session::{Context, planned_region, tags};

pub(super) async fn plan(plan: &mut Plan<OutpostCluster>, cx: &Context) -> Result<()> {
    plan.outputs.tags_all = tags::planned_for(cx, &plan.args.tags)?;
    if plan.is_create() {
        return create(plan, cx).await;
    }
    fixed(plan);
    version(plan);
    mode(plan);
    if plan.changes(Args::NAMES.admins) {
        warn_of_access(plan, cx);
    }
    Ok(())
}

async fn create(plan: &mut Plan<OutpostCluster>, cx: &Context) -> Result<()> {
    let region = match &plan.args.region {
        Maybe::Known(Some(region)) => Some(region.clone()),
        Maybe::Known(None) => planned_region(cx).await,
        Maybe::Unknown => None,
    };
    if let Some(region) = &region {
        plan.outputs.region = Maybe::Known(region.clone());
        if let Maybe::Known(outpost) = &plan.args.outpost_arn
            && outpost.region() != region.as_str()
            && plan.args.region.is_unset()
        {
            let why = format!(
                "The Outpost is in {}, and the provider's region is {region}. A local cluster is in the Region of its Outpost: set `region`.",
                outpost.region()
            );
            plan.fault(Args::NAMES.outpost_arn, "Outpost is in another Region", why);
        }
        if let Maybe::Known(name) = &plan.args.name {
            plan.outputs.id = Maybe::Known(format!("{name}@{region}"));
        }
    }
    if let (Maybe::Known(etcd), false) =
        (&plan.args.etcd_instance_type, plan.configures(Args::NAMES.authentication_mode))
    {
        plan.outputs.authentication_mode = Maybe::Known(Mode::preset(etcd.is_some()));
    }
    warn_of_access(plan, cx);
    networks::check(plan, region.as_ref(), cx).await
}

/// What counts only when EKS creates the cluster, and why.
const FIXED: [(&str, &str); 12] = [
    (Args::NAMES.name, "A cluster cannot be renamed."),
    (Args::NAMES.role_arn, "EKS keeps the role with which a cluster was created."),
    (Args::NAMES.outpost_arn, "A cluster cannot move to another Outpost."),
    (Args::NAMES.subnet_ids, "EKS keeps the subnets in which it created the control plane."),
    (Args::NAMES.security_group_ids, "EKS keeps the security groups with which it created the control plane."),
    (Args::NAMES.control_plane_instance_type, "EKS keeps the instances on which it created the control plane."),
    (Args::NAMES.control_plane_placement_group, "EKS keeps the control plane where it created it."),
    (Args::NAMES.control_plane_spread_level, "EKS keeps the control plane where it created it."),
    (Args::NAMES.etcd_instance_type, "It selects the architecture, which a cluster keeps."),
    (Args::NAMES.etcd_spread_level, "EKS keeps etcd where it created it."),
    (Args::NAMES.service_ipv4_cidr, "Services keep their addresses."),
    (
        Args::NAMES.bootstrap_cluster_creator_admin_permissions,
        "It counts only when EKS creates the cluster. Remove the creator's access entry to take the permission away.",
    ),
];

/// How a user gets another cluster.
const ANEW: &str = "Change it back. For a cluster with the new value, add another resource with another name, or delete this one and everything in it: `terraform taint` of this resource plans that.";

/// Refuses changes that EKS does not know: a replacement would end everything that runs in the cluster.
fn fixed(plan: &mut Plan<OutpostCluster>) {
    for (name, why) in FIXED {
        // What is unknown may turn out to be the same; the apply checks it.
        if plan.changes(name) && plan.value(name).is_wholly_known() {
            let detail = format!("`{name}` counts only at creation. {why} {ANEW}");
            plan.fault(name, "Local cluster cannot change this", detail);
        }
    }
    if let (Maybe::Known(Some(region)), Some(prior)) = (&plan.args.region, &plan.prior)
        && *region != prior.outputs.region
    {
        let detail = format!("The cluster is in {}; it cannot move to {region}. {ANEW}", prior.outputs.region);
        plan.fault(Args::NAMES.region, "Local cluster cannot change this", detail);
    }
}

/// The same of an apply, where values that the plan did not know are known.
pub(super) fn refuse_fixed(prior: &State<OutpostCluster>, args: &Args) -> Result<()> {
    let (before, after) = (prior.args.encode(), args.encode());
    let optional = [Args::NAMES.service_ipv4_cidr];
    let changed = FIXED.iter().filter(|(name, _)| {
        let is_unset = after.get(*name).is_none_or(framework::value::Value::is_null);
        before.get(*name) != after.get(*name) && !(is_unset && optional.contains(name))
    });
    let faults: Vec<Diagnostic> = changed
        .map(|(name, why)| {
            Diagnostic::error("Local cluster cannot change this", format!("`{name}` counts only at creation. {why}"))
                .left("Nothing was changed.")
                .remedy(ANEW)
                .at(Path::attribute(*name))
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(framework::diagnostic::Diagnostics(faults)) }
}

/// One minor version up, or one down while EKS allows a rollback.
fn version(plan: &mut Plan<OutpostCluster>) {
    let (Some(prior), Some(wanted)) = (&plan.prior, plan.args.version.set().cloned()) else { return };
    let now = prior.outputs.version.clone();
    if !plan.configures(Args::NAMES.version) || wanted == now {
        return;
    }
    // An update may replace the instances of the control plane.
    plan.outputs.control_plane_instances = Maybe::Unknown;
    plan.outputs.hosts_entries = Maybe::Unknown;
    match wanted.above(&now) {
        Some(1 | -1) | None => {}
        Some(more) if more > 1 => {
            let why = format!(
                "The cluster has {}, and `{}` is {more} minor versions above. EKS updates one minor version at a time: apply `{}` first.",
                now.as_str(),
                wanted.as_str(),
                next(&now)
            );
            plan.fault(Args::NAMES.version, "Version cannot be reached in one update", why);
        }
        Some(_) => {
            let why = format!(
                "The cluster has {}. EKS rolls back one minor version only, within 7 days of the update; `{}` is further down.",
                now.as_str(),
                wanted.as_str()
            );
            plan.fault(Args::NAMES.version, "Version cannot be reached in one update", why);
        }
    }
}

fn next(version: &Version) -> String {
    let minor = version.as_str().strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok());
    minor.map_or_else(|| "the next one".to_owned(), |minor| format!("1.{}", minor + 1))
}

/// The mode goes forward only.
fn mode(plan: &mut Plan<OutpostCluster>) {
    let (Some(prior), Some(wanted)) = (&plan.prior, plan.args.authentication_mode.set()) else { return };
    let now = &prior.outputs.authentication_mode;
    if now.as_str() == Mode::API && wanted.as_str() == Mode::API_AND_CONFIG_MAP {
        let why = "The mode of a cluster goes from `API_AND_CONFIG_MAP` to `API` and never back.";
        plan.fault(Args::NAMES.authentication_mode, "Authentication mode cannot go back", why);
    }
}

/// Warns when nobody but the creator, or nobody at all, will be able to use the cluster.
fn warn_of_access(plan: &Plan<OutpostCluster>, cx: &Context) {
    let Maybe::Known(admins) = &plan.args.admins else { return };
    let (Maybe::Known(bootstrap), Maybe::Known(etcd)) =
        (&plan.args.bootstrap_cluster_creator_admin_permissions, &plan.args.etcd_instance_type)
    else {
        return;
    };
    if admins.as_ref().is_some_and(|admins| !admins.is_empty()) {
        return;
    }
    let (summary, cause) = match (bootstrap, etcd) {
        (false, _) => (
            "Nobody has access to the cluster",
            "`bootstrap_cluster_creator_admin_permissions` is false and `admins` names nobody. Until something else creates an access entry, nobody can use the cluster's API.",
        ),
        (true, None) => (
            "Only the creator has access to the cluster",
            "`admins` names nobody. Only the principal that creates the cluster is its administrator; EKS neither shows who that is nor lets it be changed.",
        ),
        (true, Some(_)) => (
            "Only the creator has access to the cluster",
            "`admins` names nobody. Only the principal that creates the cluster is its administrator.",
        ),
    };
    cx.report(
        Diagnostic::warning(summary, cause)
            .remedy("Name at least one role in `admins`.")
            .at(Path::attribute(Args::NAMES.admins)),
    );
}

/// A cluster that is protected is not deleted.
pub(super) fn plan_delete(state: &State<OutpostCluster>) -> Result<()> {
    if !state.args.deletion_protection {
        return Ok(());
    }
    let Outputs { id, .. } = &state.outputs;
    Err(Diagnostic::error(
        "Cluster is protected from deletion",
        format!("`deletion_protection` of local cluster `{id}` is true, and EKS refuses to delete it."),
    )
    .remedy("Set `deletion_protection = false` and apply before you destroy.")
    .at(Path::attribute(Args::NAMES.deletion_protection))
    .into())
}
