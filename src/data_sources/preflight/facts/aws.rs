//! Reads the facts that AWS knows: side by side, each on its own, so that one refusal hides nothing else.

use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;

use super::{Asked, Fact, Facts, Missing, known};
use crate::attributes::{ClusterName, Region};
use crate::aws::eks::Cluster;
use crate::aws::{self, Kind};
use crate::session::place::DEFERRED;
use crate::session::{Context, explain};

/// Reads them all. At most 25 calls for one cluster.
///
/// # Errors
/// The cluster does not exist, no call is possible at all, or Terraform asked to stop.
pub async fn collect(asked: Asked, name: &ClusterName, region: &Region, cx: &Context) -> Result<Facts> {
    let clients = cx.clients()?.aws()?;
    let cluster = read_cluster(clients, name, region).await?;
    let read = Read { clients, region: region.as_str(), cluster: &cluster, asked: &asked, name: name.as_str() };
    let (vpc, dns, subnets, route_tables, groups, entry) =
        futures::join!(read.vpc(), read.dns(), read.subnets(), read.route_tables(), read.groups(), read.entry(),);
    if cx.cancel().is_cancelled() {
        return Err(
            Diagnostic::error("Stopped on request", "Terraform asked to stop while the checks were running.").into()
        );
    }
    Ok(Facts { asked, cluster, vpc, dns, subnets, route_tables, groups, entry })
}

/// The cluster. A caller who may not describe it still learns about the role and the activation.
async fn read_cluster(clients: &aws::Clients, name: &ClusterName, region: &Region) -> Result<Fact<Arc<Cluster>>> {
    match clients.eks(Some(region.as_str())).cluster(name.as_str()).await {
        Ok(cluster) => Ok(Ok(cluster)),
        Err(error) if error.is_not_found() => Err(Diagnostic::error(
            "Cluster not found",
            format!("{error}.\n\nCheck the name `{name}` and the region `{region}`. {DEFERRED}"),
        )
        .at(Path::attribute("cluster_name"))
        .into()),
        Err(error) if is_of_this_call(&error) => Ok(Err(missing(&error))),
        Err(error) => Err(explain("Could not read the cluster", &error, None)),
    }
}

/// Whether an error says something about one call alone; without credentials, for example, no call is possible.
fn is_of_this_call(error: &aws::Error) -> bool {
    !matches!(
        error.kind(),
        Kind::NoCredentials { .. }
            | Kind::ExpiredCredentials
            | Kind::InvalidCredentials
            | Kind::WrongAccount { .. }
            | Kind::NoRegion
            | Kind::UnknownRegion { .. }
            | Kind::Configuration { .. }
            | Kind::Cancelled { .. }
    )
}

/// An error as the reason for which a check is left out.
fn missing(error: &aws::Error) -> Missing {
    Missing::Unread { reason: format!("{error}."), permission: error.missing_permission().map(str::to_owned) }
}

struct Read<'a> {
    clients: &'a aws::Clients,
    region: &'a str,
    name: &'a str,
    cluster: &'a Fact<Arc<Cluster>>,
    asked: &'a Asked,
}

impl Read<'_> {
    fn ec2(&self) -> aws::ec2::Client {
        self.clients.ec2(Some(self.region))
    }

    fn eks(&self) -> aws::eks::Client {
        self.clients.eks(Some(self.region))
    }

    fn vpc_id(&self) -> Fact<&str> {
        known(self.cluster)?.vpc_id.as_deref().ok_or_else(|| Missing::Unread {
            reason: "EKS does not say in which VPC the cluster is.".to_owned(),
            permission: None,
        })
    }

    async fn vpc(&self) -> Fact<aws::ec2::Vpc> {
        let id = self.vpc_id()?;
        self.ec2().vpc(id).await.map_err(|error| missing(&error))?.ok_or_else(|| Missing::Unread {
            reason: format!("The VPC {id} is not visible to the caller."),
            permission: None,
        })
    }

    async fn dns(&self) -> Fact<aws::ec2::VpcDns> {
        self.ec2().vpc_dns(self.vpc_id()?).await.map_err(|error| missing(&error))
    }

    async fn subnets(&self) -> Fact<Vec<aws::ec2::Subnet>> {
        self.ec2().subnets_of(self.vpc_id()?).await.map_err(|error| missing(&error))
    }

    async fn route_tables(&self) -> Fact<Vec<aws::ec2::RouteTable>> {
        self.ec2().route_tables(self.vpc_id()?).await.map_err(|error| missing(&error))
    }

    async fn groups(&self) -> Fact<Vec<aws::ec2::GroupRules>> {
        let cluster = known(self.cluster)?;
        let own = cluster.cluster_security_group_id.iter();
        let ids: Vec<String> = own.chain(&cluster.security_group_ids).cloned().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.ec2().group_rules(&ids).await.map_err(|error| missing(&error))
    }

    /// The role's access entry: by the ARN that was given, or by the role's ARN in this account.
    async fn entry(&self) -> Fact<Option<aws::eks::AccessEntry>> {
        let cluster = known(self.cluster)?;
        let Some(role) = &self.asked.role else { return Err(Missing::NotAsked) };
        // Without access entries, EKS refuses the question.
        if cluster.authentication_mode.as_deref() == Some("CONFIG_MAP") {
            return Err(Missing::NotAsked);
        }
        let arn = match &self.asked.role_arn {
            Some(arn) => arn.clone(),
            None => role_arn(&cluster.arn, role),
        };
        match self.eks().access_entry(self.name, &arn).await {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(missing(&error)),
        }
    }
}

/// The ARN of a role in the cluster's account. `role` is its name, preceded by its path if it has one.
fn role_arn(cluster_arn: &str, role: &str) -> String {
    let mut parts = cluster_arn.split(':');
    let (partition, account) = (parts.nth(1).unwrap_or("aws"), parts.nth(2).unwrap_or_default());
    format!("arn:{partition}:iam::{account}:role/{role}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_of_the_clusters_account() {
        let arn = "arn:aws-cn:eks:cn-north-1:111122223333:cluster/edge";
        assert_eq!(role_arn(arn, "plant/hybrid"), "arn:aws-cn:iam::111122223333:role/plant/hybrid");
    }
}
