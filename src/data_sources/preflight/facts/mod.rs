//! What is known about a cluster and its surroundings. Judgement reads only this.

mod aws;
mod certificates;
pub mod inside;
pub mod ranges;
pub mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;
use names::Cidr;

use self::inside::Inside;
use crate::aws::ec2::{GroupRules, RouteTable, Subnet, Vpc, VpcDns};
use crate::aws::eks::{AccessEntry, Addon, Authority, Cluster, ClusterVersion, Insight};
use crate::aws::iam::{Decision, Role};
use crate::aws::ssm::Activation;

pub use aws::collect;

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The arguments do not ask for it.
    NotAsked,
    /// It could not be read.
    Unread {
        /// What went wrong.
        reason: String,
        /// The missing permission.
        permission: Option<String>,
    },
}

impl Missing {
    /// Something that could not be read, though no permission is missing.
    pub fn unread(reason: impl Into<String>) -> Self {
        Self::Unread { reason: reason.into(), permission: None }
    }
}

/// What is known, or why it is not.
pub type Fact<T> = Result<T, Missing>;

/// What the arguments ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Name of the hybrid nodes' role, without its path.
    pub role: Option<String>,
    /// Its ARN, if that was given.
    pub role_arn: Option<String>,
    /// Activation of the hosts.
    pub activation: Option<String>,
    /// Whether to look into the cluster.
    pub inside: bool,
    /// Ranges of the hosts.
    pub node_ranges: Vec<Cidr>,
    /// Ranges of their pods.
    pub pod_ranges: Vec<Cidr>,
    /// The hosts by name.
    pub hosts: BTreeMap<String, AskedHost>,
}

/// What is known about a host that is to join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedHost {
    /// Address that its kubelet will register.
    pub address: Option<Ipv4Addr>,
    /// Version of Kubernetes that it will run.
    pub kubernetes_version: Option<String>,
    /// Version of nodeadm on it.
    pub nodeadm_version: Option<String>,
}

impl Asked {
    /// Whether the arguments say that hosts are to join.
    fn has_hosts(&self) -> bool {
        self.role.is_some() || self.activation.is_some() || !self.node_ranges.is_empty() || !self.hosts.is_empty()
    }
}

/// Everything that judgement reads.
#[derive(Debug)]
pub struct Facts {
    /// The arguments.
    pub asked: Asked,
    /// Region of the cluster.
    pub region: String,
    /// The cluster.
    pub cluster: Fact<Arc<Cluster>>,
    /// Its VPC.
    pub vpc: Fact<Vpc>,
    /// The VPC's DNS attributes.
    pub dns: Fact<VpcDns>,
    /// Every subnet of the VPC.
    pub subnets: Fact<Vec<Subnet>>,
    /// Every route table of the VPC.
    pub route_tables: Fact<Vec<RouteTable>>,
    /// The security groups of the control plane's network interfaces.
    pub groups: Fact<Vec<GroupRules>>,
    /// The role's access entry, if it has one.
    pub entry: Fact<Option<AccessEntry>>,
    /// The role, if it exists.
    pub role: Fact<Option<Role>>,
    /// What its policies allow; see [`rights`].
    pub decisions: Fact<Vec<Decision>>,
    /// The name servers of the VPC's DHCP options.
    pub name_servers: Fact<Vec<String>>,
    /// The cluster's version as EKS offers it; `None` if EKS does not know it.
    pub version: Fact<Option<ClusterVersion>>,
    /// EKS's insights.
    pub insights: Fact<Vec<Insight>>,
    /// Those of vpc-cni, kube-proxy and coredns that are managed add-ons.
    pub addons: Fact<Vec<Addon>>,
    /// The certificate authorities as EKS lists them.
    pub authorities: Fact<Vec<Authority>>,
    /// When the certificates of the cluster's bundle end.
    pub authority_ends: Fact<Vec<Timestamp>>,
    /// The activation, if it exists.
    pub activation: Fact<Option<Activation>>,
    /// How many hosts the region has.
    pub registered: Fact<Registered>,
    /// What the API server knows.
    pub inside: Inside,
    /// The time of judgement.
    pub now: Timestamp,
}

/// How many standard hosts a region may have. Source: Systems Manager endpoints and quotas, "Standard on-premises
/// managed nodes".
pub const STANDARD_HOSTS: usize = 1000;

/// The registered hosts of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// So many, at most [`STANDARD_HOSTS`], in the standard tier.
    Standard(usize),
    /// The advanced tier has no limit.
    Advanced,
}

impl Facts {
    /// The cluster, if hosts outside the VPC are to join it: it has remote networks, or the arguments say so.
    pub fn hybrid(&self) -> Fact<&Cluster> {
        let cluster = self.cluster.as_deref().map_err(Clone::clone)?;
        let is_hybrid = !cluster.remote_node_networks.is_empty() || self.asked.has_hosts();
        if is_hybrid { Ok(cluster) } else { Err(Missing::NotAsked) }
    }
}

/// What is known, by reference: for `?` in judgement.
pub fn known<T>(fact: &Fact<T>) -> Fact<&T> {
    fact.as_ref().map_err(Clone::clone)
}

/// Ids of the subnets in which the control plane has network interfaces.
pub fn cluster_subnets(cluster: &Cluster) -> BTreeSet<&str> {
    cluster.subnet_ids.iter().map(String::as_str).collect()
}
