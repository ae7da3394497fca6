//! Reads the facts that AWS knows: side by side, each on its own, so that one refusal hides nothing else.

use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;

use super::inside::{self, Inside};
use super::rights::{On, actions};
use super::{Asked, Fact, Facts, Missing, Registered, STANDARD_HOSTS, certificates, known};
use crate::attributes::{ClusterName, Region};
use crate::aws::eks::{AccessEntry, Addon, Authority, Cluster, ClusterVersion, Insight};
use crate::aws::iam::{Decision, Role};
use crate::aws::ssm::Activation;
use crate::aws::{self, Kind};
use crate::node::endpoints::policies::images_account;
use crate::session::place::DEFERRED;
use crate::session::{Context, explain};

/// The add-ons that are looked at.
const ADDONS: [&str; 3] = ["vpc-cni", "kube-proxy", "coredns"];

/// Reads them all. At most 25 calls for one cluster.
///
/// # Errors
/// The cluster does not exist, no call is possible at all, or Terraform asked to stop.
pub async fn collect(asked: Asked, name: &ClusterName, region: &Region, cx: &Context) -> Result<Facts> {
    let clients = cx.clients()?.aws()?;
    let cluster = read_cluster(clients, name, region).await?;
    let read = Read { clients, region: region.as_str(), cluster: &cluster, asked: &asked, name: name.as_str() };
    let inside = async {
        if read.asked.inside {
            inside::collect(&cluster, name, region, cx).await
        } else {
            Ok(Inside::unknown(&Missing::NotAsked))
        }
    };
    let (network, identity, condition, registrations, inside) = futures::join!(
        Box::pin(read.network()),
        Box::pin(read.identity()),
        Box::pin(read.condition()),
        Box::pin(read.registrations()),
        Box::pin(inside),
    );
    let inside = inside?;
    let (role, entry, decisions) = identity;
    let (version, insights, addons, authorities) = condition;
    let (activation, registered) = registrations;
    let (vpc, dns, name_servers, subnets, route_tables, groups) = network;
    if cx.cancel().is_cancelled() {
        return Err(
            Diagnostic::error("Stopped on request", "Terraform asked to stop while the checks were running.").into()
        );
    }
    Ok(Facts {
        authority_ends: authority_ends(&cluster),
        now: jiff::Timestamp::now(),
        region: region.as_str().to_owned(),
        asked,
        cluster,
        vpc,
        dns,
        name_servers,
        subnets,
        route_tables,
        groups,
        entry,
        role,
        decisions,
        version,
        insights,
        addons,
        authorities,
        activation,
        registered,
        inside,
    })
}

fn authority_ends(cluster: &Fact<Arc<Cluster>>) -> Fact<Vec<jiff::Timestamp>> {
    let Some(bundle) = &known(cluster)?.certificate_authority else { return Err(Missing::NotAsked) };
    certificates::ends(bundle)
        .ok_or_else(|| Missing::unread("The certificate authority that EKS gives cannot be read."))
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

/// VPC, DNS attributes, name servers, subnets, route tables, security groups.
type Network = (
    Fact<aws::ec2::Vpc>,
    Fact<aws::ec2::VpcDns>,
    Fact<Vec<String>>,
    Fact<Vec<aws::ec2::Subnet>>,
    Fact<Vec<aws::ec2::RouteTable>>,
    Fact<Vec<aws::ec2::GroupRules>>,
);

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
        known(self.cluster)?
            .vpc_id
            .as_deref()
            .ok_or_else(|| Missing::unread("EKS does not say in which VPC the cluster is."))
    }

    async fn network(&self) -> Network {
        let (vpc, dns, subnets, route_tables, groups) =
            futures::join!(self.vpc(), self.dns(), self.subnets(), self.route_tables(), self.groups());
        let name_servers = self.name_servers(&vpc).await;
        (vpc, dns, name_servers, subnets, route_tables, groups)
    }

    async fn vpc(&self) -> Fact<aws::ec2::Vpc> {
        let id = self.vpc_id()?;
        self.ec2()
            .vpc(id)
            .await
            .map_err(|error| missing(&error))?
            .ok_or_else(|| Missing::unread(format!("The VPC {id} is not visible to the caller.")))
    }

    async fn dns(&self) -> Fact<aws::ec2::VpcDns> {
        self.ec2().vpc_dns(self.vpc_id()?).await.map_err(|error| missing(&error))
    }

    async fn name_servers(&self, vpc: &Fact<aws::ec2::Vpc>) -> Fact<Vec<String>> {
        let Some(id) = &known(vpc)?.dhcp_options_id else { return Err(Missing::NotAsked) };
        let servers = self.ec2().dhcp_name_servers(id).await.map_err(|error| missing(&error))?;
        // A VPC without options has no name servers.
        Ok(servers.unwrap_or_default())
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

    /// The role, its access entry and its rights. The entry is that of the role's whole ARN, which a name alone does not
    /// tell if the role has a path.
    async fn identity(&self) -> (Fact<Option<Role>>, Fact<Option<AccessEntry>>, Fact<Vec<Decision>>) {
        let role = self.role().await;
        let arn = match (&role, &self.asked.role_arn) {
            (Ok(Some(role)), _) => Some(role.arn.clone()),
            (_, Some(arn)) => Some(arn.clone()),
            _ => self
                .cluster
                .as_ref()
                .ok()
                .zip(self.asked.role.as_ref())
                .map(|(cluster, role)| role_arn(&cluster.arn, role)),
        };
        let (entry, decisions) = futures::join!(self.entry(arn.as_deref()), self.decisions(&role));
        (role, entry, decisions)
    }

    async fn role(&self) -> Fact<Option<Role>> {
        let Some(role) = &self.asked.role else { return Err(Missing::NotAsked) };
        let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
        if let (Some(arn), Ok(cluster)) = (&self.asked.role_arn, self.cluster)
            && account(arn) != account(&cluster.arn)
        {
            return Err(Missing::unread(format!("The role {arn} is not of the cluster's account.")));
        }
        let name = role.rsplit('/').next().unwrap_or(role);
        match self.clients.iam(Some(self.region)).role(name).await {
            Ok(role) => Ok(Some(role)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(missing(&error)),
        }
    }

    async fn entry(&self, role_arn: Option<&str>) -> Fact<Option<AccessEntry>> {
        let cluster = known(self.cluster)?;
        let Some(arn) = role_arn else { return Err(Missing::NotAsked) };
        // Without access entries, EKS refuses the question.
        if cluster.authentication_mode.as_deref() == Some("CONFIG_MAP") {
            return Err(Missing::NotAsked);
        }
        match self.eks().access_entry(self.name, arn).await {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(missing(&error)),
        }
    }

    /// What the role's policies allow, asked about each kind of object on its own: a policy may name the cluster or the
    /// repositories.
    async fn decisions(&self, role: &Fact<Option<Role>>) -> Fact<Vec<Decision>> {
        let Some(role) = known(role)? else { return Err(Missing::NotAsked) };
        let cluster = known(self.cluster)?;
        let repository = pause_repository(&cluster.arn);
        let answers = futures::try_join!(
            self.simulate(&role.arn, On::Cluster, Some(&cluster.arn)),
            self.simulate(&role.arn, On::Repository, Some(&repository)),
            self.simulate(&role.arn, On::Any, None),
        )?;
        Ok([answers.0, answers.1, answers.2].concat())
    }

    async fn simulate(&self, role_arn: &str, on: On, resource: Option<&str>) -> Fact<Vec<Decision>> {
        let iam = self.clients.iam(Some(self.region));
        iam.simulate(role_arn, &actions(on), resource).await.map_err(|error| missing(&error))
    }

    /// What EKS itself says: the support of the version, insights, add-ons, certificate authorities.
    async fn condition(&self) -> Condition {
        futures::join!(self.version(), self.insights(), self.addons(), self.authorities())
    }

    async fn version(&self) -> Fact<Option<ClusterVersion>> {
        let version = &known(self.cluster)?.version;
        self.eks().cluster_version(version).await.map_err(|error| missing(&error))
    }

    async fn insights(&self) -> Fact<Vec<Insight>> {
        known(self.cluster)?;
        self.eks().insights(self.name).await.map_err(|error| missing(&error))
    }

    async fn addons(&self) -> Fact<Vec<Addon>> {
        known(self.cluster)?;
        let found = futures::future::try_join_all(ADDONS.iter().map(|name| self.addon(name))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn addon(&self, name: &str) -> Fact<Option<Addon>> {
        match self.eks().addon(self.name, name).await {
            Ok(addon) => Ok(Some(addon)),
            // It is self-managed, or not there.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(missing(&error)),
        }
    }

    async fn authorities(&self) -> Fact<Vec<Authority>> {
        known(self.cluster)?;
        self.eks().authorities(self.name).await.map_err(|error| missing(&error))
    }

    /// The activation, and how many hosts the region has.
    async fn registrations(&self) -> (Fact<Option<Activation>>, Fact<Registered>) {
        futures::join!(self.activation(), self.registered())
    }

    async fn activation(&self) -> Fact<Option<Activation>> {
        let Some(id) = &self.asked.activation else { return Err(Missing::NotAsked) };
        self.clients.ssm(Some(self.region)).describe_activation(id).await.map_err(|error| missing(&error))
    }

    async fn registered(&self) -> Fact<Registered> {
        if !self.asked.has_hosts() {
            return Err(Missing::NotAsked);
        }
        let ssm = self.clients.ssm(Some(self.region));
        let count = ssm.count_hosts(STANDARD_HOSTS).await.map_err(|error| missing(&error))?;
        // The tier matters only near the limit.
        if count * 10 > STANDARD_HOSTS * 9 && ssm.has_advanced_tier().await.map_err(|error| missing(&error))? {
            return Ok(Registered::Advanced);
        }
        Ok(Registered::Standard(count))
    }
}

/// Version, insights, add-ons, certificate authorities.
type Condition = (Fact<Option<ClusterVersion>>, Fact<Vec<Insight>>, Fact<Vec<Addon>>, Fact<Vec<Authority>>);

/// The repository of the image that every pod begins with.
fn pause_repository(cluster_arn: &str) -> String {
    let mut parts = cluster_arn.split(':');
    let (partition, region) = (parts.nth(1).unwrap_or("aws"), parts.nth(1).unwrap_or_default());
    format!("arn:{partition}:ecr:{region}:{}:repository/eks/pause", images_account(region))
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
        assert_eq!(pause_repository(arn), "arn:aws-cn:ecr:cn-north-1:918309763551:repository/eks/pause");
    }
}
