//! Reads a local cluster: what EKS describes, where its control plane is, and who administers it.

pub(super) mod admins;
mod bootstrap;

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Text, Timestamp};
use framework::path::Path;
use framework::resource::State;

use super::{
    Args, Identity, InstanceType, LogType, Member, Mode, OutpostCluster, Outputs, RemoteRange, ServiceRange,
    SpreadLevel, Version,
};
use crate::attributes::{OutpostArn, RoleArn, SecurityGroupId, SubnetId};
use crate::aws;
use crate::aws::eks::{Cluster, Issue, Outpost};
use crate::session::place::Place;
use crate::session::tags::{self, Tags};
use crate::session::{Context, aws_region, explain};

const SUMMARY: &str = "Could not read the local cluster";

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<OutpostCluster>>,
    cx: &Context,
) -> Result<Option<State<OutpostCluster>>> {
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let place = Place { cluster: identity.name.clone(), region };
    let found = match place.eks(cx)?.describe_cluster(place.cluster.as_str()).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(explain(SUMMARY, &error, None)),
    };
    let Some(outpost) = found.outpost.clone() else {
        return Err(Diagnostic::error(
            "Cluster is not a local cluster",
            format!(
                "The control plane of {place} is in the Region, not on an Outpost. Import it as `aws_eks_cluster`."
            ),
        )
        .at(Path::attribute(Args::NAMES.name))
        .into());
    };
    if let Some(prior) = prior
        && let (Some(recorded), Some(id)) = (&prior.outputs.cluster_id, &found.id)
        && recorded != id
    {
        cx.report(Diagnostic::warning(
            "Another cluster has the name",
            format!("The local cluster with the id `{recorded}` does not exist any more; {place} has the id `{id}` and was created by somebody else. It is not touched."),
        ).remedy("To manage it here, remove the former one from the state (`terraform state rm`) and import it."));
        return Ok(None);
    }
    if found.status == "FAILED" {
        cx.report(Diagnostic::warning(
            "Local cluster has failed",
            format!("The status of {place} is FAILED. {}", issues(&found.issues)),
        ));
    }
    let administrators = admins::read(&found, prior, &place, cx).await;
    let args = args(&found, &outpost, administrators, prior, &place, cx)?;
    let outputs = outputs(&found, managed_tags(&found, prior, cx)?, &place, cx).await?;
    Ok(Some(State { args, outputs }))
}

/// The health issues of a cluster, as sentences.
pub(super) fn issues(issues: &[Issue]) -> String {
    if issues.is_empty() {
        return "EKS reports no health issue.".to_owned();
    }
    let lines = issues.iter().map(|issue| {
        let on =
            if issue.resource_ids.is_empty() { String::new() } else { format!(" ({})", issue.resource_ids.join(", ")) };
        format!("\n  - {}{on}: {}", issue.code, issue.message)
    });
    format!("Its health issues:{}", lines.collect::<String>())
}

fn args(
    found: &Cluster,
    outpost: &Outpost,
    admins: Option<BTreeSet<super::Administrator>>,
    prior: Option<&State<OutpostCluster>>,
    place: &Place,
    cx: &Context,
) -> Result<Args> {
    let before = prior.map(|prior| &prior.args);
    let unread = |what: &str, why: String| -> Diagnostics {
        Diagnostic::error(SUMMARY, format!("EKS reports {what} of {place} that cannot be read: {why}")).into()
    };
    let groups: BTreeSet<SecurityGroupId> =
        found.security_group_ids.iter().map(|id| SecurityGroupId::as_found(id)).collect();
    let arn = outpost.arns.first().map(String::as_str).unwrap_or_default();
    Ok(Args {
        name: place.cluster.clone(),
        role_arn: RoleArn::parse(found.role_arn.as_deref().unwrap_or_default()).map_err(|why| unread("a role", why))?,
        outpost_arn: OutpostArn::parse(arn).map_err(|why| unread("an Outpost", why))?,
        subnet_ids: found.subnet_ids.iter().map(|id| SubnetId::as_found(id)).collect(),
        control_plane_instance_type: InstanceType::as_found(&outpost.control_plane_instance_type),
        control_plane_placement_group: outpost.control_plane_placement_group.clone(),
        control_plane_spread_level: outpost.control_plane_spread_level.as_deref().map(SpreadLevel::as_found),
        etcd_instance_type: outpost.etcd_instance_type.as_deref().map(InstanceType::as_found),
        etcd_spread_level: outpost.etcd_spread_level.as_deref().map(SpreadLevel::as_found),
        version: Some(Version::as_found(&found.version)),
        security_group_ids: kept(groups, before.and_then(|args| args.security_group_ids.as_ref())),
        endpoint_public_access: found.endpoint_public_access,
        service_ipv4_cidr: found.service_ipv4_cidr.as_deref().map(ServiceRange::as_found),
        remote_node_networks: kept(
            ranges(&found.remote_node_networks),
            before.and_then(|args| args.remote_node_networks.as_ref()),
        ),
        remote_pod_networks: kept(
            ranges(&found.remote_pod_networks),
            before.and_then(|args| args.remote_pod_networks.as_ref()),
        ),
        authentication_mode: Some(mode(found)),
        bootstrap_cluster_creator_admin_permissions: found
            .bootstrap_admin
            .unwrap_or_else(|| before.is_none_or(|args| args.bootstrap_cluster_creator_admin_permissions)),
        admins: kept(admins.unwrap_or_default(), before.and_then(|args| args.admins.as_ref())),
        enabled_log_types: kept(
            found.log_types.iter().map(|kind| LogType::as_found(kind)).collect(),
            before.and_then(|args| args.enabled_log_types.as_ref()),
        ),
        deletion_protection: found.deletion_protection,
        region: Some(place.region.clone()),
        tags: tags::own_for(cx, &managed_tags(found, prior, cx)?, before.and_then(|args| args.tags.as_ref()))?,
        timeouts: before.and_then(|args| args.timeouts.clone()),
    })
}

/// No entries and an empty set are equivalent: the form in the configuration is kept.
fn kept<T: Clone + Ord>(found: BTreeSet<T>, before: Option<&BTreeSet<T>>) -> Option<BTreeSet<T>> {
    if found.is_empty() { before.map(|_| found) } else { Some(found) }
}

fn ranges(cidrs: &[String]) -> BTreeSet<RemoteRange> {
    cidrs.iter().map(|cidr| RemoteRange::as_found(cidr)).collect()
}

fn mode(found: &Cluster) -> Mode {
    let has_etcd = found.outpost.as_ref().is_some_and(|outpost| outpost.etcd_instance_type.is_some());
    found.authentication_mode.as_deref().map_or_else(|| Mode::preset(has_etcd), Mode::as_found)
}

/// The tags that are managed here: those of others are kept as they are. Right after an import, all but AWS's own and the
/// ignored ones.
fn managed_tags(found: &Cluster, prior: Option<&State<OutpostCluster>>, cx: &Context) -> Result<Tags> {
    let is_managed = |key: &str| prior.is_none_or(|prior| prior.outputs.tags_all.contains_key(key));
    let found = found.tags.iter().filter(|(key, _)| is_managed(key));
    tags::managed_for(cx, found.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// The outputs of a cluster, with the addresses of its control plane once it has an endpoint.
pub(super) async fn outputs(found: &Cluster, tags_all: Tags, place: &Place, cx: &Context) -> Result<Outputs> {
    let mut outputs = without_addresses(found, tags_all, place);
    if let (Some(endpoint), Some(vpc_id)) = (&found.endpoint, &found.vpc_id) {
        outputs.control_plane_instances = members(found, vpc_id, place, cx).await?;
        let host = host_of(endpoint);
        outputs.hosts_entries =
            outputs.control_plane_instances.iter().map(|member| format!("{} {host}", member.private_ip)).collect();
    }
    Ok(outputs)
}

/// The outputs of a cluster as far as EKS itself describes it.
pub(super) fn without_addresses(found: &Cluster, tags_all: Tags, place: &Place) -> Outputs {
    Outputs {
        id: format!("{}@{}", place.cluster, place.region),
        cluster_id: found.id.clone(),
        arn: found.arn.clone(),
        status: found.status.clone(),
        version: Version::as_found(&found.version),
        platform_version: found.platform_version.clone(),
        created_at: found.created_at.map(Timestamp::from),
        endpoint: found.endpoint.clone(),
        certificate_authority: found.certificate_authority.clone(),
        vpc_id: found.vpc_id.clone(),
        cluster_security_group_id: found.cluster_security_group_id.clone(),
        service_ipv4_cidr: found.service_ipv4_cidr.as_deref().map(ServiceRange::as_found),
        authentication_mode: mode(found),
        control_plane_instances: Vec::new(),
        hosts_entries: Vec::new(),
        node_bootstrap: bootstrap::of(found),
        region: place.region.clone(),
        tags_all,
    }
}

async fn members(found: &Cluster, vpc_id: &str, place: &Place, cx: &Context) -> Result<Vec<Member>> {
    let ec2 = cx.clients()?.aws()?.ec2(Some(place.region.as_str()));
    let has_instances = found.outpost.as_ref().is_some_and(|outpost| outpost.etcd_instance_type.is_none());
    let listed = if has_instances {
        ec2.control_plane_instances(place.cluster.as_str(), vpc_id).await
    } else {
        ec2.control_plane_interfaces(place.cluster.as_str(), vpc_id).await
    };
    match listed {
        Ok(members) => Ok(members
            .into_iter()
            .map(|member| Member {
                id: member.id,
                name: member.name,
                private_ip: member.private_ip,
                subnet_id: member.subnet_id,
            })
            .collect()),
        Err(error) if error.missing_permission().is_some() => {
            let action = if has_instances { "ec2:DescribeInstances" } else { "ec2:DescribeNetworkInterfaces" };
            cx.report(
                Diagnostic::warning("Addresses of the control plane are not known", format!("{error}."))
                    .left("`control_plane_instances` and `hosts_entries` are empty.")
                    .remedy(aws::permission(action)),
            );
            Ok(Vec::new())
        }
        Err(error) => Err(explain("Could not list the control plane's addresses", &error, None)),
    }
}

/// The host name of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_endpoints() {
        for (url, host) in [
            ("https://ABC.gr7.us-west-2.eks.amazonaws.com", "ABC.gr7.us-west-2.eks.amazonaws.com"),
            ("https://127.0.0.1:6443/x", "127.0.0.1"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    #[test]
    fn issues_name_what_they_are_about() {
        let issue = Issue {
            code: "InsufficientFreeAddresses".to_owned(),
            message: "No address is free.".to_owned(),
            resource_ids: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
        };
        let text = issues(&[issue]);
        assert!(text.contains("InsufficientFreeAddresses (subnet-1, subnet-2): No address is free."), "{text}");
        assert_eq!(issues(&[]), "EKS reports no health issue.");
    }
}
