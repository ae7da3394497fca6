//! The network of a seeded account.

use super::{
    security_groups::SecurityGroup,
    subnets::Subnet,
    vpcs::{Vpc, equip},
};
use crate::world::Account;

/// What a cluster is put into.
pub struct Network {
    pub vpc_id: String,
    pub subnet_ids: Vec<String>,
    pub security_group_id: String,
}

/// A VPC 10.0.0.0/16 with two subnets in two zones, and a security group in addition to the default one.
pub fn plant(account: &mut Account, region: &str) -> Network {
    let mut vpc = Vpc::new(account, "10.0.0.0/16");
    vpc.dns_hostnames = true;
    vpc.tags.insert("Name".into(), "sandbox".into());
    let vpc_id = vpc.id.clone();
    account.region(region).ec2.vpcs.insert(vpc_id.clone(), vpc);
    let mut subnet_ids = Vec::new();
    for (block, letter) in [("10.0.0.0/20", "a"), ("10.0.16.0/20", "b")] {
        let subnet = Subnet::new(account, &vpc_id, block, &format!("{region}{letter}"));
        subnet_ids.push(subnet.id.clone());
        account.region(region).ec2.subnets.insert(subnet.id.clone(), subnet);
    }
    equip(account, region, &vpc_id);
    let nodes = SecurityGroup::new(account, &vpc_id, "nodes", "Nodes of the cluster");
    let security_group_id = nodes.id.clone();
    account.region(region).ec2.security_groups.insert(nodes.id.clone(), nodes);
    Network { vpc_id, subnet_ids, security_group_id }
}

/// The security group that EKS makes for a cluster. Returns its ID.
pub fn cluster_group(account: &mut Account, region: &str, cluster: &str, vpc_id: &str) -> String {
    let name = format!("eks-cluster-sg-{cluster}-{}", crate::random::hex(8));
    let mut group = SecurityGroup::new(
        account,
        vpc_id,
        &name,
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
    )
    .open_to_itself();
    group.tags.insert(format!("kubernetes.io/cluster/{cluster}"), "owned".into());
    group.tags.insert("aws:eks:cluster-name".into(), cluster.into());
    let id = group.id.clone();
    account.region(region).ec2.security_groups.insert(id.clone(), group);
    id
}
