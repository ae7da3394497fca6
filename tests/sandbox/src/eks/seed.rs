//! The cluster of a seeded account.

use super::{access_entries::Entry, cluster::Network, create, remote_networks::RemoteNetworks};
use crate::{ec2, moment::Moment, world::Account};

/// The cluster `workshop`, with remote networks and an access entry for the role `hybrid-nodes`. The roles must be
/// there.
pub fn plant(account: &mut Account, region: &str, network: &ec2::seed::Network) {
    const NAME: &str = "workshop";
    let id = account.id.clone();
    let group = ec2::seed::cluster_group(account, region, NAME, &network.vpc_id);
    let network = Network {
        vpc_id: network.vpc_id.clone(),
        subnet_ids: network.subnet_ids.clone(),
        security_group_ids: vec![network.security_group_id.clone()],
        cluster_security_group_id: group,
        public: true,
        private: true,
        public_cidrs: vec!["0.0.0.0/0".into()],
    };
    let arn = format!("arn:aws:eks:{region}:{id}:cluster/{NAME}");
    let role = format!("arn:aws:iam::{id}:role/eks-cluster");
    // Making a key and a certificate of fixed parameters does not fail.
    let mut cluster = create::new(account, NAME, arn, &role, network)
        .unwrap_or_else(|error| unreachable!("fixed parameters: {error}"));
    cluster.service_cidr = "172.20.0.0/16".into();
    cluster.remote = RemoteNetworks { nodes: vec!["10.80.0.0/16".into()], pods: vec!["10.85.0.0/16".into()] };
    let now = Moment::now();
    for entry in [
        Entry::administrator(&cluster.arn, &format!("arn:aws:iam::{id}:user/sandbox"), now),
        Entry::hybrid(&cluster.arn, &format!("arn:aws:iam::{id}:role/hybrid-nodes"), now),
    ] {
        cluster.access_entries.insert(entry.principal_arn.clone(), entry);
    }
    account.region(region).eks.clusters.insert(NAME.into(), cluster);
}
