//! The rules of the two architectures, as far as the configuration alone shows that one is broken. Source: EKS user
//! guide, "Create local Amazon EKS clusters on AWS Outposts".

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::{Maybe, Model};
use framework::path::Path;

use super::super::{Args, Mode};

type Planned = <Args as Model>::Planned;

const EBS: &str = "A control plane on EBS volumes, without `etcd_instance_type`,";
const STORES: &str = "A control plane on instance stores, with `etcd_instance_type`,";

pub(in super::super) fn check(args: &Planned, faults: &mut Diagnostics) {
    let mut refuse = |name: &str, why: String| {
        faults.push(Diagnostic::error("Not possible on this kind of local cluster", why).at(Path::attribute(name)));
    };
    match &args.etcd_instance_type {
        Maybe::Known(None) => ebs(args, &mut refuse),
        Maybe::Known(Some(_)) => stores(args, &mut refuse),
        Maybe::Unknown => {}
    }
    if args.subnet_ids.known().is_some_and(std::collections::BTreeSet::is_empty) {
        refuse(Args::NAMES.subnet_ids, "`subnet_ids` is empty; a cluster needs at least one subnet.".to_owned());
    }
    if let (Maybe::Known(outpost), Maybe::Known(Some(region))) = (&args.outpost_arn, &args.region)
        && outpost.region() != region.as_str()
    {
        refuse(
            Args::NAMES.region,
            format!(
                "The Outpost is in {}, and the cluster would be in {region}. A local cluster is in the Region of its Outpost.",
                outpost.region()
            ),
        );
    }
}

fn ebs(args: &Planned, refuse: &mut impl FnMut(&str, String)) {
    if let Some(mode) = args.authentication_mode.set().filter(|mode| !mode.is_map_only()) {
        refuse(
            Args::NAMES.authentication_mode,
            format!("{EBS} supports the mode `CONFIG_MAP` only, not `{}`. Leave it out.", mode.as_str()),
        );
    }
    if args.bootstrap_cluster_creator_admin_permissions == Maybe::Known(false) {
        refuse(
            Args::NAMES.bootstrap_cluster_creator_admin_permissions,
            format!("{EBS} always makes the creator an administrator. Leave it out."),
        );
    }
    if args.endpoint_public_access == Maybe::Known(true) {
        refuse(Args::NAMES.endpoint_public_access, format!("{EBS} has a private endpoint only. Leave it out."));
    }
    for (name, is_set) in [
        (Args::NAMES.control_plane_spread_level, args.control_plane_spread_level.set().is_some()),
        (Args::NAMES.etcd_spread_level, args.etcd_spread_level.set().is_some()),
    ] {
        if is_set {
            refuse(
                name,
                format!("`{name}` requires `etcd_instance_type`. {EBS} is placed by `control_plane_placement_group`."),
            );
        }
    }
    for (name, networks) in [
        (Args::NAMES.remote_node_networks, &args.remote_node_networks),
        (Args::NAMES.remote_pod_networks, &args.remote_pod_networks),
    ] {
        if networks.set().is_some_and(|networks| !networks.is_empty()) {
            refuse(name, format!("{EBS} has no remote networks, and thus no hybrid nodes. Leave it out."));
        }
    }
}

fn stores(args: &Planned, refuse: &mut impl FnMut(&str, String)) {
    if args.authentication_mode.set().is_some_and(Mode::is_map_only) {
        refuse(
            Args::NAMES.authentication_mode,
            format!("{STORES} supports the modes `API_AND_CONFIG_MAP` and `API`, not `CONFIG_MAP`."),
        );
    }
    if args.control_plane_placement_group.set().is_some() {
        refuse(
            Args::NAMES.control_plane_placement_group,
            format!(
                "{STORES} is in AWS's account and takes no placement group. Set `control_plane_spread_level` instead."
            ),
        );
    }
    let has_nodes = args.remote_node_networks.set().is_some_and(|networks| !networks.is_empty());
    let has_no_pods = match &args.remote_pod_networks {
        Maybe::Known(pods) => pods.as_ref().is_none_or(std::collections::BTreeSet::is_empty),
        Maybe::Unknown => false,
    };
    if has_nodes && has_no_pods {
        refuse(
            Args::NAMES.remote_node_networks,
            "A local cluster with remote networks needs `remote_pod_networks` too.".to_owned(),
        );
    }
}
