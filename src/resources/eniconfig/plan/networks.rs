//! What AWS reports about the networks an ENIConfig names, and the errors in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;

use crate::attributes::{ClusterName, ObjectName, Region, SecurityGroupId, SubnetId};
use crate::aws;
use crate::aws::ec2::{SecurityGroup, Subnet};
use crate::aws::eks::Cluster;
use crate::resources::eniconfig::Args;
use crate::session::{Context, explain_at};

/// Pauses before a subnet created a moment ago is looked up again: EC2 shows it with a delay.
const SETTLING: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

/// What to look up; `None` is not known yet, or need not be looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::resources::eniconfig) struct Question<'a> {
    pub(in crate::resources::eniconfig) cluster: Option<&'a ClusterName>,
    pub(in crate::resources::eniconfig) region: Option<&'a Region>,
    pub(in crate::resources::eniconfig) subnet: Option<&'a SubnetId>,
    pub(in crate::resources::eniconfig) groups: Option<&'a BTreeSet<SecurityGroupId>>,
    /// The name, if the configuration sets it.
    pub(in crate::resources::eniconfig) name: Option<&'a ObjectName>,
}

/// The answers from AWS.
#[derive(Clone, Debug, Default)]
pub(in crate::resources::eniconfig) struct Networks {
    pub(in crate::resources::eniconfig) subnet: Answer<Subnet>,
    pub(in crate::resources::eniconfig) groups: Answer<BTreeMap<String, SecurityGroup>>,
    pub(in crate::resources::eniconfig) cluster: Answer<Arc<Cluster>>,
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub(in crate::resources::eniconfig) enum Answer<T> {
    /// Not looked up, or the caller lacks permission.
    #[default]
    Unknown,
    /// It does not exist.
    Absent,
    There(T),
}

impl<T> Answer<T> {
    pub(in crate::resources::eniconfig) fn there(&self) -> Option<&T> {
        if let Self::There(found) = self { Some(found) } else { None }
    }
}

impl Networks {
    /// Queries AWS. Anything the caller may not read causes a warning and stays unknown.
    pub(in crate::resources::eniconfig) async fn look(question: Question<'_>, cx: &Context) -> Result<Self> {
        let mut found = Self::default();
        let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return Ok(found) };
        let Some(region) = question.region else { return Ok(found) };
        let (ec2, eks) = (aws.ec2(Some(region.as_str())), aws.eks(Some(region.as_str())));
        let names = Args::NAMES;
        let (subnet, groups, cluster) = futures::join!(
            async {
                match question.subnet {
                    Some(id) => answer(names.subnet_id, ec2.subnet(id.as_str()).await, cx),
                    None => Ok(Answer::Unknown),
                }
            },
            async {
                match question.groups {
                    Some(ids) => {
                        let found = ec2.security_groups(ids.iter().map(SecurityGroupId::as_str)).await;
                        answer(names.security_group_ids, found.map(Some), cx)
                    }
                    None => Ok(Answer::Unknown),
                }
            },
            async {
                match question.cluster {
                    Some(name) => match eks.cluster(name.as_str()).await {
                        Err(error) if error.is_not_found() => Ok(Answer::Absent),
                        other => answer(names.cluster_name, other.map(Some), cx),
                    },
                    None => Ok(Answer::Unknown),
                }
            },
        );
        (found.subnet, found.groups, found.cluster) = (subnet?, groups?, cluster?);
        Ok(found)
    }

    /// The same when an object is created: a missing subnet is looked up again.
    pub(in crate::resources::eniconfig) async fn look_patiently(question: Question<'_>, cx: &Context) -> Result<Self> {
        let mut found = Self::look(question, cx).await?;
        for pause in SETTLING {
            if !matches!(found.subnet, Answer::Absent) || !cx.sleep(pause).await {
                break;
            }
            found = Self::look(question, cx).await?;
        }
        Ok(found)
    }

    /// The cluster's own security group, the default of an ENIConfig that names none.
    pub(in crate::resources::eniconfig) fn default_groups(&self) -> Option<BTreeSet<SecurityGroupId>> {
        let group = self.cluster.there()?.cluster_security_group_id.as_deref()?;
        Some(BTreeSet::from([SecurityGroupId::as_found(group)]))
    }

    /// Warns if no subnet of the cluster is in the zone of the pods' subnet: a node's interfaces are in the node's
    /// zone.
    pub(in crate::resources::eniconfig) async fn warn_of_zone(&self, region: Option<&Region>, cx: &Context) {
        let (Some(subnet), Some(cluster), Some(region)) = (self.subnet.there(), self.cluster.there(), region) else {
            return;
        };
        let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return };
        let ec2 = aws.ec2(Some(region.as_str()));
        let looks = cluster.subnet_ids.iter().map(|id| ec2.subnet(id));
        // What the caller may not read is unknown, and no reason for a warning.
        let Ok(found) = futures::future::try_join_all(looks).await else { return };
        let zones: BTreeSet<String> = found.into_iter().flatten().map(|subnet| subnet.availability_zone).collect();
        if let Some(warning) = elsewhere(subnet, &cluster.name, &zones) {
            cx.report(warning);
        }
    }

    /// Warns about the default group if the nodes are known not to have it.
    pub(in crate::resources::eniconfig) fn warn_of_groups(&self, cx: &Context) {
        let Some(cluster) = self.cluster.there() else { return };
        // The module tags its clusters, and gives nodes a group of their own by default.
        if cluster.tags.get("terraform-aws-modules").is_some_and(|module| module == "eks") {
            cx.report(
                Diagnostic::warning(
                    "Pods may be in another security group than their nodes",
                    format!(
                        "The module terraform-aws-modules/eks created cluster `{}`. Its nodes have a security group of their own by default and not the cluster's, which pods get without `security_group_ids`. What its rules allow between nodes would then not reach pods.\n\nSet `security_group_ids = []` for the node's own groups, or the module's `node_security_group_id`. If the nodes have the cluster's group (`attach_cluster_primary_security_group`), set it here explicitly.",
                        cluster.name
                    ),
                )
                .at(Path::attribute(Args::NAMES.security_group_ids)),
            );
        }
    }

    /// Warnings about security groups of another VPC, which work only if they are associated with the cluster's VPC.
    /// Source: EC2 API reference, AssociateSecurityGroupVpc.
    pub(in crate::resources::eniconfig) fn foreign_groups(&self) -> Vec<Diagnostic> {
        let Some(vpc) = self.cluster.there().and_then(|cluster| cluster.vpc_id.as_deref()) else { return Vec::new() };
        let groups = self.groups.there().into_iter().flat_map(BTreeMap::values);
        let foreign = groups.filter(|group| group.vpc_id != vpc);
        let warning = |group: &SecurityGroup| {
            Diagnostic::warning(
                "Security group is of another VPC",
                format!(
                    "Security group `{}` is for VPC `{}`, and the cluster is in VPC `{vpc}`. Interfaces can use it only if it is associated with that VPC (`aws_vpc_security_group_vpc_association`).",
                    group.id, group.vpc_id
                ),
            )
            .at(Path::attribute(Args::NAMES.security_group_ids))
        };
        foreign.map(warning).collect()
    }

    /// Every certain error, each on its attribute.
    pub(in crate::resources::eniconfig) fn faults(&self, question: Question<'_>) -> Diagnostics {
        let names = Args::NAMES;
        let mut faults = Diagnostics::new();
        let mut fault = |attribute: &str, summary: &str, detail: String| {
            faults.push(Diagnostic::error(summary, detail).at(Path::attribute(attribute)));
        };
        let region = question.region.map(|region| format!(" in {region}")).unwrap_or_default();
        let cluster = self.cluster.there();
        if let Some(cluster) = cluster
            && cluster.ip_family.as_deref() == Some("ipv6")
        {
            fault(
                names.cluster_name,
                "Cluster has IPv6 addresses",
                format!(
                    "Cluster `{}` gives its pods IPv6 addresses. Custom networking with ENIConfigs is for IPv4 clusters only.",
                    cluster.name
                ),
            );
        }
        if let (Answer::Absent, Some(id)) = (&self.subnet, question.subnet) {
            fault(
                names.subnet_id,
                "Subnet not found",
                format!("There is no subnet `{id}`{region} in this account.\n\nCheck the id and the region."),
            );
        }
        let vpc = cluster.and_then(|cluster| cluster.vpc_id.as_deref());
        if let Some(subnet) = self.subnet.there() {
            if let (Some(vpc), Some(cluster)) = (vpc, cluster)
                && subnet.vpc_id != vpc
            {
                fault(
                    names.subnet_id,
                    "Subnet is in another VPC",
                    format!(
                        "Subnet `{}` is in VPC `{}`, but cluster `{}` is in VPC `{vpc}`. A node's interfaces are all in the VPC of the node.\n\nUse a subnet of `{vpc}`; for more addresses, associate a secondary CIDR with that VPC.",
                        subnet.id, subnet.vpc_id, cluster.name
                    ),
                );
            }
            if let Some(name) = question.name.map(ObjectName::as_str)
                && is_zone(name)
                && name != subnet.availability_zone
            {
                fault(
                    names.name,
                    "Subnet is in another zone",
                    format!(
                        "The ENIConfig is named after zone `{name}`, but subnet `{}` is in `{}`. Nodes in `{name}` that choose their ENIConfig by zone could not use it.\n\nUse a subnet in `{name}`, or leave `name` out, so that it is the subnet's zone.",
                        subnet.id, subnet.availability_zone
                    ),
                );
            }
        }
        if let Some(found) = self.groups.there() {
            for id in question.groups.into_iter().flatten() {
                // A group of another VPC can be associated with this one: `foreign_groups` warns.
                if !found.contains_key(id.as_str()) {
                    fault(
                        names.security_group_ids,
                        "Security group not found",
                        format!(
                            "There is no security group `{id}`{region} in this account.\n\nCheck the id and the region."
                        ),
                    );
                }
            }
        }
        faults
    }
}

/// `zones`: the zones of the cluster's subnets.
fn elsewhere(subnet: &Subnet, cluster: &str, zones: &BTreeSet<String>) -> Option<Diagnostic> {
    if zones.is_empty() || zones.contains(&subnet.availability_zone) {
        return None;
    }
    let zones: Vec<String> = zones.iter().map(|zone| format!("`{zone}`")).collect();
    Some(
        Diagnostic::warning(
            "No subnet of the cluster is in the zone",
            format!(
                "Subnet `{}` is in `{}`, and the subnets of cluster `{cluster}` are in {}. A node can use an ENIConfig of its own zone only, so this one has an effect only if nodes run in `{}`, in a subnet that the cluster does not name.",
                subnet.id,
                subnet.availability_zone,
                zones.join(", "),
                subnet.availability_zone
            ),
        )
        .at(Path::attribute(Args::NAMES.subnet_id)),
    )
}

fn answer<T>(
    attribute: &'static str,
    found: std::result::Result<Option<T>, aws::Error>,
    cx: &Context,
) -> Result<Answer<T>> {
    match found {
        Ok(Some(found)) => Ok(Answer::There(found)),
        Ok(None) => Ok(Answer::Absent),
        Err(error) => match error.missing_permission() {
            Some(action) => {
                cx.report(
                    Diagnostic::warning(
                        "Networks of the ENIConfig are not checked",
                        format!(
                            "{error}.\n\nWhether subnet and security groups fit the cluster is not known. {}",
                            aws::permission(action)
                        ),
                    )
                    .at(Path::attribute(attribute)),
                );
                Ok(Answer::Unknown)
            }
            None => Err(explain_at(attribute, "Could not look at the networks of the ENIConfig", &error)),
        },
    }
}

/// Whether a name is that of an Availability Zone (`us-west-2a`) or of a Local Zone (`us-west-2-lax-1a`).
fn is_zone(name: &str) -> bool {
    let ends_as_zone = {
        let mut letters = name.chars().rev();
        letters.next().is_some_and(|c| c.is_ascii_lowercase()) && letters.next().is_some_and(|c| c.is_ascii_digit())
    };
    let parts: Vec<&str> = name.split('-').collect();
    let is_region = |text: &str| <names::Region as names::Word>::parse(text).is_ok();
    let regional = name.get(..name.len().saturating_sub(1)).is_some_and(is_region);
    ends_as_zone && (regional || (3..parts.len()).any(|count| is_region(&parts[..count].join("-"))))
}

#[cfg(test)]
mod tests {
    use framework::model::Text;

    use super::*;

    #[test]
    fn zones_are_known_by_their_names() {
        for (name, zone) in [
            ("us-west-2a", true),
            ("us-gov-west-1b", true),
            ("us-west-2-lax-1a", true),
            ("us-west-2", false),
            ("us-west-2a-large", false),
            ("pods", false),
            ("nowhere-1a", false),
            ("", false),
        ] {
            assert_eq!(is_zone(name), zone, "{name}");
        }
    }

    #[test]
    fn pods_are_in_the_zones_of_nodes() {
        let subnet = Subnet { id: "subnet-1".into(), availability_zone: "us-west-2a".into(), ..Subnet::default() };
        for (zones, expected) in
            [(vec![], false), (vec!["us-west-2a", "us-west-2b"], false), (vec!["us-west-2b"], true)]
        {
            let zones: BTreeSet<String> = zones.into_iter().map(str::to_owned).collect();
            assert_eq!(elsewhere(&subnet, "c", &zones).is_some(), expected, "{zones:?}");
        }
    }

    #[test]
    fn each_fault_is_on_its_attribute() {
        let cluster = |family: &str| {
            let vpc_id = Some("vpc-1".to_owned());
            let cluster = Cluster { name: "c".into(), vpc_id, ip_family: Some(family.into()), ..Cluster::default() };
            Answer::There(Arc::new(cluster))
        };
        let subnet = |vpc: &str, zone: &str| {
            Answer::There(Subnet {
                id: "subnet-1".into(),
                vpc_id: vpc.into(),
                availability_zone: zone.into(),
                ..Subnet::default()
            })
        };
        let group = |id: &str, vpc: &str| {
            (id.to_owned(), SecurityGroup { id: id.into(), vpc_id: vpc.into(), ..SecurityGroup::default() })
        };
        let id = SubnetId::as_found("subnet-1");
        let ids = BTreeSet::from(["sg-1", "sg-2"].map(SecurityGroupId::as_found));
        let name = ObjectName::parse("us-west-2a").expect("a name");
        let question = Question { subnet: Some(&id), groups: Some(&ids), name: Some(&name), ..Question::default() };
        let fitting = || Networks {
            subnet: subnet("vpc-1", "us-west-2a"),
            groups: Answer::There(BTreeMap::from([group("sg-1", "vpc-1"), group("sg-2", "vpc-1")])),
            cluster: cluster("ipv4"),
        };
        let elsewhere = BTreeMap::from([group("sg-1", "vpc-2")]);
        for (networks, expected) in [
            (fitting(), vec![]),
            (Networks::default(), vec![]),
            (Networks { cluster: Answer::Unknown, subnet: subnet("vpc-9", "us-west-2a"), ..fitting() }, vec![]),
            (Networks { cluster: cluster("ipv6"), ..fitting() }, vec!["cluster_name"]),
            (Networks { subnet: Answer::Absent, ..fitting() }, vec!["subnet_id"]),
            (Networks { subnet: subnet("vpc-2", "us-west-2a"), ..fitting() }, vec!["subnet_id"]),
            (Networks { subnet: subnet("vpc-1", "us-west-2b"), ..fitting() }, vec!["name"]),
            (
                Networks { groups: Answer::There(elsewhere), subnet: subnet("vpc-2", "us-west-2b"), ..fitting() },
                vec!["subnet_id", "name", "security_group_ids"],
            ),
        ] {
            let found = networks.faults(question).0;
            let paths: Vec<String> = found.iter().map(|fault| fault.at.to_string()).collect();
            assert_eq!(paths, expected, "{networks:?}");
        }
        let foreign = Networks { groups: Answer::There(BTreeMap::from([group("sg-1", "vpc-2")])), ..fitting() };
        assert_eq!((foreign.foreign_groups().len(), fitting().foreign_groups().len()), (1, 0));
    }
}
