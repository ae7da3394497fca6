//! What is known about a cluster and its surroundings. Judgement reads only this.

mod aws;
pub mod ranges;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use names::Cidr;

use crate::aws::ec2::{GroupRules, RouteTable, Subnet, Vpc, VpcDns};
use crate::aws::eks::{AccessEntry, Cluster};

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
