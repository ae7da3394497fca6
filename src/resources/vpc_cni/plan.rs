//! The plan: what is known early, and what cannot work in an existing cluster.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Maybe;
use framework::note::Note;
use framework::path::Path;
use framework::resource::Plan;
use serde_json::Value as Json;

use super::checks::{Least, too_old};
use super::daemon_set::{self, NAME, NAMESPACE};
use super::notes::Record;
use super::settings::{
    CUSTOM_NETWORKING, ENI_CONFIG_ANNOTATION, ENI_CONFIG_LABEL, MINIMUM_IP_TARGET, PREFIX_DELEGATION, Settings,
    WARM_IP_TARGET, WARM_PREFIX_TARGET,
};
use super::site::{Found, addon_of};
use super::{Args, ManagedBy, Owner, VpcCni, through_addon};
use crate::attributes::{ClusterName, Region};
use crate::aws::eks::Cluster;
use crate::kube::{self, Client, Resource};
use crate::session::cluster::warn_of_near_name;
use crate::session::place::PlannedPlace;
use crate::session::{Access, Clients, Context};

/// Addition to messages about clusters without aws-node.
const AUTO_MODE: &str = " The cluster uses EKS Auto Mode, whose own nodes never run aws-node: their networking is part of the node, and a NodeClass configures it. Only a cluster that has other nodes as well, and the add-on, has something to set here.";

/// Private note of a plan: the configuration sets `managed_by`.
const WISHED: Note<String> = Note::named("managed_by");

/// The owner that the configuration requests. An argument that is not set carries the previous output; the plan notes
/// whether it is set.
pub(super) fn wished(args: &Args, cx: &Context) -> Option<ManagedBy> {
    if cx.noted(&WISHED).is_missing() { None } else { args.managed_by }
}

pub(super) async fn plan(plan: &mut Plan<VpcCni>, cx: &Context) -> Result<()> {
    if plan.configures(Args::NAMES.managed_by) {
        cx.note(&WISHED, &"set".to_owned());
    } else {
        cx.forget(&WISHED);
    }
    let place = PlannedPlace::plan(plan, cx).await?;
    let switched = switched(plan, cx);
    let unfinished = unfinished(plan, cx);
    if plan.is_create() || plan.has_changes() || plan.is_replaced() || switched || unfinished {
        check(plan, &place, cx).await?;
    }
    Ok(())
}

/// Whether aws-node has had another owner since the last write: then the settings must be written through it.
pub(super) fn switched(plan: &mut Plan<VpcCni>, cx: &Context) -> bool {
    let (Some(prior), false) = (&plan.prior, plan.configures(Args::NAMES.managed_by)) else { return false };
    let now = prior.outputs.managed_by;
    let moved = Record::of(cx, None, Owner::DaemonSet).is_some_and(|record| ManagedBy::from(record.owner) != now);
    if moved {
        plan.outputs.effective_environment = Maybe::Unknown;
    }
    moved
}

/// Whether a run was interrupted after its write: the cluster has the wanted settings, but the record does not show
/// that this resource wrote them. The apply records that.
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

/// Checks the cluster, if it exists, and refuses what cannot work in it.
pub(super) async fn check(plan: &mut Plan<VpcCni>, place: &PlannedPlace, cx: &Context) -> Result<()> {
    let (Some(named), Some(region), Some(clients)) = (&place.cluster, &place.region, cx.try_clients()) else {
        return Ok(());
    };
    if is_local(named, region, cx).await {
        let why = format!(
            "Cluster `{named}` is a local cluster on an Outpost. EKS keeps aws-node there itself, and it must not be edited."
        );
        plan.fault(Args::NAMES.cluster_name, "A local cluster on an Outpost keeps its VPC CNI", why);
        return Ok(());
    }
    let client = match clients.access_to(named, Some(region)).await? {
        Access::Open(client) => client.for_reads(),
        Access::NoCluster(_) => {
            warn_of_near_name(named, Some(region), cx).await;
            return Ok(());
        }
        Access::NotReady(_) | Access::Unknown(_) => return Ok(()),
    };
    let settings = Settings::planned(&plan.args);
    let cluster = match clients.known_aws() {
        Some(aws) => {
            let eks = aws.eks(Some(region.as_str()));
            eks.cluster(named.as_str()).await.ok()
        }
        None => None,
    };
    check_family(plan, cluster.as_deref(), &settings);
    let daemon_set = match daemon_set::find(&client).await {
        Ok(Some(daemon_set)) => daemon_set,
        Ok(None) => {
            cx.report(Diagnostic::warning(
                "Cluster has no aws-node yet",
                format!("There is no DaemonSet {NAMESPACE}/{NAME} in cluster `{named}`. The apply waits for it, as for one that the add-on vpc-cni (`aws_eks_addon`) brings in the same apply.{}", cluster.filter(|cluster| cluster.has_auto_mode).map(|_| AUTO_MODE).unwrap_or_default()),
            ));
            return Ok(());
        }
        Err(error) => {
            // The same apply may grant the access.
            tracing::info!("aws-node is not checked at plan: {error}");
            return Ok(());
        }
    };
    let mode = if plan.configures(Args::NAMES.managed_by) { plan.args.managed_by.set().copied() } else { None };
    warn(&client, named, &settings, &daemon_set, cx).await;
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

/// Whether the cluster is known to be a local cluster on an Outpost. Source: EKS user guide, local clusters.
async fn is_local(cluster: &ClusterName, region: &Region, cx: &Context) -> bool {
    let Some(aws) = cx.try_clients().and_then(Clients::known_aws) else { return false };
    aws.eks(Some(region.as_str())).cluster(cluster.as_str()).await.is_ok_and(|found| found.outpost.is_some())
}

/// Warns about settings that keep nodes from starting pods.
async fn warn(client: &Client, cluster: &ClusterName, settings: &Settings, daemon_set: &Json, cx: &Context) {
    let mut environment = daemon_set::environment(daemon_set);
    let was_custom = environment.get(CUSTOM_NETWORKING).is_some_and(|value| value == "true");
    for (name, value) in settings.wanted() {
        match value {
            Some(value) => drop(environment.insert(name, value)),
            None => drop(environment.remove(&name)),
        }
    }
    if let Some(warning) = without_target(&environment) {
        cx.report(warning);
    }
    if settings.custom_networking == Some(true) && !was_custom {
        // Without the permission to list them, or without the kind, nothing is known about them.
        let Ok(configs) = client.list(&Resource::ENI_CONFIG, None, None).await else { return };
        let names: Vec<&str> = configs.iter().map(kube::name).collect();
        if let Some(warning) = without_config(cluster, &environment, &names) {
            cx.report(warning);
        }
    }
}

/// aws-node exits at startup without a target. Source: validation of the targets in cmd/aws-vpc-cni of
/// amazon-vpc-cni-k8s.
fn without_target(environment: &BTreeMap<String, String>) -> Option<Diagnostic> {
    let is = |name: &str, wanted: &str| environment.get(name).is_some_and(|value| value == wanted);
    let others = [WARM_IP_TARGET, MINIMUM_IP_TARGET];
    let has_other = others.iter().any(|name| environment.get(*name).is_some_and(|value| value != "0"));
    (is(PREFIX_DELEGATION, "true") && is(WARM_PREFIX_TARGET, "0") && !has_other).then(|| {
        Diagnostic::warning(
            "aws-node will not start",
            "With prefix delegation, `warm_prefix_target = 0` needs `warm_ip_target` or `minimum_ip_target`: without either, aws-node ends at its start, and the node cannot start pods.",
        )
        .at(Path::attribute(Args::NAMES.warm_prefix_target))
    })
}

/// Custom networking requires an ENIConfig for each node.
fn without_config(
    cluster: &ClusterName,
    environment: &BTreeMap<String, String>,
    configs: &[&str],
) -> Option<Diagnostic> {
    let selects = [ENI_CONFIG_LABEL, ENI_CONFIG_ANNOTATION].iter().any(|name| environment.contains_key(*name));
    let why = if configs.is_empty() {
        "has no ENIConfig".to_owned()
    } else if !selects && !configs.contains(&"default") {
        "has no ENIConfig `default`, which nodes without the annotation `k8s.amazonaws.com/eniConfig` look for where neither `eni_config_label` nor `eni_config_annotation` is set".to_owned()
    } else {
        return None;
    };
    Some(
        Diagnostic::warning(
            "Nodes may find no ENIConfig",
            format!(
                "Cluster `{cluster}` {why}. With custom networking, a node that finds no ENIConfig stays NotReady.\n\nCreate ENIConfigs (`ekshybrid_eniconfig`) before this resource; if the same apply does, refer to them with `depends_on`."
            ),
        )
        .at(Path::attribute(Args::NAMES.custom_networking)),
    )
}

/// Custom networking supports only IPv4 clusters. Source: user guide of EKS, custom networking.
fn check_family(plan: &mut Plan<VpcCni>, cluster: Option<&Cluster>, settings: &Settings) {
    if settings.custom_networking == Some(true)
        && let Some(found) = cluster
        && found.ip_family.as_deref() == Some("ipv6")
    {
        plan.fault(
            Args::NAMES.custom_networking,
            "Custom networking needs an IPv4 cluster",
            format!("Cluster `{}` has the IP family ipv6, which cannot change. Its pods have addresses enough; leave custom networking out.", found.name),
        );
    }
}

#[cfg(test)]
mod tests {
    use framework::model::Text;

    use super::*;

    fn environment(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn prefixes_need_a_target() {
        let prefixes = (PREFIX_DELEGATION, "true");
        for (entries, expected) in [
            (vec![prefixes, (WARM_PREFIX_TARGET, "0")], true),
            (vec![prefixes, (WARM_PREFIX_TARGET, "0"), (WARM_IP_TARGET, "0")], true),
            (vec![prefixes, (WARM_PREFIX_TARGET, "0"), (WARM_IP_TARGET, "5")], false),
            (vec![prefixes, (WARM_PREFIX_TARGET, "0"), (MINIMUM_IP_TARGET, "5")], false),
            (vec![prefixes, (WARM_PREFIX_TARGET, "1")], false),
            (vec![prefixes], false),
            (vec![(WARM_PREFIX_TARGET, "0")], false),
        ] {
            assert_eq!(without_target(&environment(&entries)).is_some(), expected, "{entries:?}");
        }
    }

    #[test]
    fn nodes_need_an_eniconfig() {
        let cluster = ClusterName::parse("workshop").expect("a name");
        let label = vec![(ENI_CONFIG_LABEL, "topology.kubernetes.io/zone")];
        for (entries, configs, expected) in [
            (vec![], vec![], Some("has no ENIConfig.")),
            (label.clone(), vec![], Some("has no ENIConfig.")),
            (vec![], vec!["us-west-2a"], Some("no ENIConfig `default`")),
            (vec![], vec!["default"], None),
            (label, vec!["us-west-2a"], None),
        ] {
            let warning = without_config(&cluster, &environment(&entries), &configs);
            assert_eq!(warning.is_some(), expected.is_some(), "{entries:?} {configs:?}");
            if let (Some(warning), Some(part)) = (warning, expected) {
                assert!(warning.detail().contains(part), "{}", warning.detail());
            }
        }
    }
}
