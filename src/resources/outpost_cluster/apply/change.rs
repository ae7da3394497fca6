//! Changes a local cluster in place.
//!
//! | step | when it fails |
//! |---|---|
//! | each change of the configuration, one after the other, as EKS takes one at a time | those before it were made; the next plan shows the rest |
//! | the version | as above |
//! | tags, administrators | as above |

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::Result;
use framework::model::Text;
use framework::resource::State;

use super::super::plan::refuse_fixed;
use super::super::{Args, OutpostCluster, Outputs, place_of, read};
use super::{CREATE_TIMEOUT, admins, status};
use crate::aws::eks::ClusterChange;
use crate::session::{Context, explain, tags};

pub(in super::super) async fn update(prior: &State<OutpostCluster>, args: &Args, cx: &Context) -> Result<Outputs> {
    refuse_fixed(prior, args)?;
    let place = place_of(prior);
    // A cluster that EKS still changes takes no other change.
    status::active(&place, CREATE_TIMEOUT, cx).await?;
    for change in changes(prior, args) {
        status::change(&change, &place, CREATE_TIMEOUT, cx).await?;
    }
    let tags_all = change_tags(prior, args, cx).await?;
    let found = status::active(&place, CREATE_TIMEOUT, cx).await?;
    let now = read::outputs(&found, tags_all, &place, cx).await?;
    let has_new_version = now.version != prior.outputs.version;
    let outputs = Outputs {
        status: now.status,
        platform_version: now.platform_version,
        version: now.version,
        authentication_mode: now.authentication_mode,
        tags_all: now.tags_all,
        // What the plan has promised to keep; the next read shows what has changed meanwhile.
        ..prior.outputs.clone()
    };
    let outputs = if has_new_version {
        let (control_plane_instances, hosts_entries) = (now.control_plane_instances, now.hosts_entries);
        Outputs { control_plane_instances, hosts_entries, ..outputs }
    } else {
        outputs
    };
    cx.save(&outputs);
    let none = BTreeSet::new();
    let (before, after) = (prior.args.admins.as_ref().unwrap_or(&none), args.admins.as_ref().unwrap_or(&none));
    let mut faults = admins::grant(&after.difference(before).cloned().collect(), &found, &place, cx).await;
    faults.append(admins::revoke(&before.difference(after).cloned().collect(), &found, &place, cx).await);
    if faults.has_errors() { Err(faults) } else { Ok(outputs) }
}

/// What differs, in the order in which it is changed: the protection first when it is turned on, the version last.
fn changes(prior: &State<OutpostCluster>, args: &Args) -> Vec<ClusterChange> {
    let before = &prior.args;
    let texts = |set: Option<BTreeSet<String>>| set.unwrap_or_default();
    let logs = |args: &Args| {
        texts(args.enabled_log_types.as_ref().map(|set| set.iter().map(|it| it.text().to_owned()).collect()))
    };
    let nodes = |args: &Args| {
        texts(args.remote_node_networks.as_ref().map(|set| set.iter().map(|it| it.text().to_owned()).collect()))
    };
    let pods = |args: &Args| {
        texts(args.remote_pod_networks.as_ref().map(|set| set.iter().map(|it| it.text().to_owned()).collect()))
    };
    let mut changes = Vec::new();
    if before.deletion_protection != args.deletion_protection {
        changes.push(ClusterChange::DeletionProtection(args.deletion_protection));
    }
    if before.endpoint_public_access != args.endpoint_public_access {
        changes.push(ClusterChange::EndpointPublicAccess(args.endpoint_public_access));
    }
    if let Some(mode) = args.authentication_mode.as_ref().filter(|mode| **mode != prior.outputs.authentication_mode) {
        changes.push(ClusterChange::AuthenticationMode(mode.as_str().to_owned()));
    }
    if (nodes(before), pods(before)) != (nodes(args), pods(args)) {
        changes.push(ClusterChange::RemoteNetworks(nodes(args), pods(args)));
    }
    if logs(before) != logs(args) {
        changes.push(ClusterChange::LogTypes(logs(args)));
    }
    if let Some(version) = args.version.as_ref().filter(|version| **version != prior.outputs.version) {
        changes.push(ClusterChange::Version(version.as_str().to_owned()));
    }
    changes
}

async fn change_tags(prior: &State<OutpostCluster>, args: &Args, cx: &Context) -> Result<tags::Tags> {
    let before = &prior.outputs.tags_all;
    let wanted = tags::merged_for(cx, args.tags.as_ref())?;
    let eks = place_of(prior).eks(cx)?;
    let failed = |error| explain("Could not change the tags of the local cluster", &error, None);
    let gone = tags::dropped_for(cx, before, &wanted)?;
    eks.remove_tags(&prior.outputs.arn, &gone).await.map_err(failed)?;
    let new: BTreeMap<String, String> =
        wanted.clone().into_iter().filter(|(key, value)| before.get(key) != Some(value)).collect();
    eks.add_tags(&prior.outputs.arn, &new).await.map_err(failed)?;
    Ok(wanted)
}
