//! Ranges: those of the cluster, and those of the hosts and pods that are to join.

use names::Cidr;

use crate::aws::ec2::{Subnet, Vpc};
use crate::aws::eks::Cluster;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::ranges::{listed, ranges, uncovered};
use crate::data_sources::preflight::facts::{Asked, Facts, Missing, cluster_subnets, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    REMOTE_NETWORKS: Error, "remote_node_networks",
        "Hosts are to join a cluster that has no remote node networks.",
        why: "`nodeadm init` refuses to join: `remote network config is not set for cluster`.",
        fix: "Set `remote_network_config.remote_node_networks` of the cluster; EKS changes it in place.",
        needs: ["eks:DescribeCluster"];
    OVERLAP: Error, "network_overlap",
        "Two of these ranges share addresses: the VPC, the services, the remote node networks, the remote pod networks, `node_cidrs`, `pod_cidrs`.",
        why: "Addresses that exist twice cannot be routed: connections end at the wrong machine, or nowhere.",
        fix: "Choose ranges without common addresses.",
        needs: ["eks:DescribeCluster", "ec2:DescribeVpcs"];
    NODES_OUTSIDE: Error, "node_outside_remote_networks",
        "A range in `node_cidrs`, or the address of a host in `hosts`, lies outside the remote node networks.",
        why: "`nodeadm init` refuses a host whose address is not in a remote node network.",
        fix: "Add the range to `remote_network_config.remote_node_networks` of the cluster.",
        needs: ["eks:DescribeCluster"];
    PODS_OUTSIDE: Error, "pods_outside_remote_networks",
        "A range in `pod_cidrs` lies outside the remote pod networks.",
        why: "The control plane sends nothing to pods outside the remote pod networks: webhooks on hybrid nodes time out.",
        fix: "Add the range to `remote_network_config.remote_pod_networks` of the cluster.",
        needs: ["eks:DescribeCluster"];
    NO_POD_NETWORKS: Info, "remote_pod_networks",
        "The cluster has remote node networks, but no remote pod networks.",
        why: "The control plane cannot reach pods on hybrid nodes, so webhooks and aggregated APIs must run on nodes in the cloud.",
        fix: "Keep webhooks on nodes in the cloud, or set `remote_network_config.remote_pod_networks` and route these ranges.",
        needs: ["eks:DescribeCluster"];
    FEW_ADDRESSES: Warning, "control_plane_addresses",
        "A subnet of the control plane has fewer than six free addresses.",
        why: "EKS needs up to five free addresses for new network interfaces when it updates the cluster, and fails the update without them.",
        fix: "Free addresses in the subnet, or give the cluster other subnets in the same zones.",
        needs: ["eks:DescribeCluster", "ec2:DescribeSubnets"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&REMOTE_NETWORKS, || facts.hybrid().map(no_remote_networks));
    report.run(&OVERLAP, || Ok(overlaps(known(&facts.cluster)?, known(&facts.vpc)?, &facts.asked)));
    report.run(&NODES_OUTSIDE, || Ok(nodes_outside(facts.hybrid()?, &facts.asked)));
    report.run(&PODS_OUTSIDE, || {
        let cluster = facts.hybrid()?;
        if cluster.remote_pod_networks.is_empty() {
            Err(Missing::NotAsked)
        } else {
            Ok(pods_outside(cluster, &facts.asked))
        }
    });
    report.run(&NO_POD_NETWORKS, || facts.hybrid().map(no_pod_networks));
    report.run(&FEW_ADDRESSES, || Ok(few_addresses(known(&facts.cluster)?, known(&facts.subnets)?)));
}

fn no_remote_networks(cluster: &Cluster) -> Vec<Found> {
    if !cluster.remote_node_networks.is_empty() {
        return Vec::new();
    }
    vec![Found::new(&cluster.name, "The cluster has no remote node networks.")]
}

fn no_pod_networks(cluster: &Cluster) -> Vec<Found> {
    if cluster.remote_node_networks.is_empty() || !cluster.remote_pod_networks.is_empty() {
        return Vec::new();
    }
    vec![Found::new(&cluster.name, "The cluster has no remote pod networks.")]
}

/// Where a range comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Vpc,
    Services,
    RemoteNodes,
    RemotePods,
    GivenNodes,
    GivenPods,
}

impl Of {
    fn described(self) -> &'static str {
        match self {
            Self::Vpc => "the VPC's",
            Self::Services => "the services'",
            Self::RemoteNodes => "a remote node network",
            Self::RemotePods => "a remote pod network",
            Self::GivenNodes => "in `node_cidrs`",
            Self::GivenPods => "in `pod_cidrs`",
        }
    }

    /// Whether two ranges may share addresses.
    fn may_meet(self, other: Self) -> bool {
        let pair = (self, other);
        self == other || pair == (Self::RemoteNodes, Self::GivenNodes) || pair == (Self::RemotePods, Self::GivenPods)
    }
}

fn overlaps(cluster: &Cluster, vpc: &Vpc, asked: &Asked) -> Vec<Found> {
    let services: Vec<String> = cluster.service_ipv4_cidr.iter().cloned().collect();
    let all: Vec<(Of, Cidr)> = [
        (Of::Vpc, ranges(&vpc.cidr_blocks)),
        (Of::Services, ranges(&services)),
        (Of::RemoteNodes, ranges(&cluster.remote_node_networks)),
        (Of::RemotePods, ranges(&cluster.remote_pod_networks)),
        (Of::GivenNodes, asked.node_ranges.clone()),
        (Of::GivenPods, asked.pod_ranges.clone()),
    ]
    .into_iter()
    .flat_map(|(of, ranges)| ranges.into_iter().map(move |range| (of, range)))
    .collect();
    let mut found = Vec::new();
    for (index, (of, range)) in all.iter().enumerate() {
        for (other_of, other) in &all[index + 1..] {
            if range.overlaps(*other) && !of.may_meet(*other_of) {
                let what =
                    format!("{range} ({}) and {other} ({}) share addresses.", of.described(), other_of.described());
                found.push(Found::new(&cluster.name, what));
            }
        }
    }
    found
}

fn nodes_outside(cluster: &Cluster, asked: &Asked) -> Vec<Found> {
    let remote = ranges(&cluster.remote_node_networks);
    // Without any, there is another finding.
    if remote.is_empty() {
        return Vec::new();
    }
    let outside = |range: Cidr| {
        let left = uncovered(range, &remote);
        (!left.is_empty())
            .then(|| format!("{} is in none of the remote node networks ({}).", listed(&left), listed(&remote)))
    };
    let given = asked.node_ranges.iter().filter_map(|range| Some(Found::new(&cluster.name, outside(*range)?)));
    let hosts = asked.hosts.iter().filter_map(|(name, host)| {
        let address = Cidr::containing(host.address?.into(), 32)?;
        Some(Found::new(name, outside(address)?))
    });
    given.chain(hosts).collect()
}

fn pods_outside(cluster: &Cluster, asked: &Asked) -> Vec<Found> {
    let remote = ranges(&cluster.remote_pod_networks);
    let left = |range: &Cidr| uncovered(*range, &remote);
    let outside = asked.pod_ranges.iter().map(left).filter(|left| !left.is_empty());
    outside
        .map(|left| {
            let what = format!("{} is in none of the remote pod networks ({}).", listed(&left), listed(&remote));
            Found::new(&cluster.name, what)
        })
        .collect()
}

/// Source: EKS user guide, "Amazon EKS networking requirements for VPC and subnets".
const NEEDED: u32 = 6;

fn few_addresses(cluster: &Cluster, subnets: &[Subnet]) -> Vec<Found> {
    let own = cluster_subnets(cluster);
    let few = subnets.iter().filter(|subnet| own.contains(subnet.id.as_str()) && subnet.available_addresses < NEEDED);
    few.map(|subnet| {
        let what = format!("{} addresses are free in {}.", subnet.available_addresses, subnet.availability_zone);
        Found::new(&subnet.id, what)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_sources::preflight::facts::AskedHost;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn cluster(nodes: &[&str], pods: &[&str]) -> Cluster {
        Cluster {
            name: "edge".to_owned(),
            service_ipv4_cidr: Some("172.20.0.0/16".to_owned()),
            remote_node_networks: texts(nodes),
            remote_pod_networks: texts(pods),
            subnet_ids: texts(&["subnet-1"]),
            ..Cluster::default()
        }
    }

    fn asked(nodes: &[&str], pods: &[&str]) -> Asked {
        Asked { node_ranges: ranges(&texts(nodes)), pod_ranges: ranges(&texts(pods)), ..Asked::default() }
    }

    fn whats(found: &[Found]) -> Vec<&str> {
        found.iter().map(|one| one.what.as_str()).collect()
    }

    #[test]
    fn ranges_that_meet_are_found_except_a_range_within_its_own_network() {
        for (vpc, nodes, pods, given_nodes, given_pods, expected) in [
            (
                &["10.0.0.0/16"][..],
                &["10.80.0.0/16"][..],
                &["10.85.0.0/16"][..],
                &["10.80.1.0/24"][..],
                &["10.85.0.0/17"][..],
                &[][..],
            ),
            (
                &["10.0.0.0/8"],
                &["10.80.0.0/16"],
                &[],
                &[],
                &[],
                &["10.0.0.0/8 (the VPC's) and 10.80.0.0/16 (a remote node network) share addresses."],
            ),
            (
                &[],
                &["172.20.8.0/24"],
                &[],
                &[],
                &[],
                &["172.20.0.0/16 (the services') and 172.20.8.0/24 (a remote node network) share addresses."],
            ),
            (
                &[],
                &["10.80.0.0/16"],
                &["10.80.8.0/24"],
                &[],
                &[],
                &["10.80.0.0/16 (a remote node network) and 10.80.8.0/24 (a remote pod network) share addresses."],
            ),
            (
                &[],
                &[],
                &[],
                &["10.80.0.0/16"],
                &["10.80.0.0/24"],
                &["10.80.0.0/16 (in `node_cidrs`) and 10.80.0.0/24 (in `pod_cidrs`) share addresses."],
            ),
        ] {
            let vpc = Vpc {
                id: "vpc-1".to_owned(),
                cidr_blocks: texts(vpc),
                ipv6_cidr_blocks: Vec::new(),
                dhcp_options_id: None,
            };
            let found = overlaps(&cluster(nodes, pods), &vpc, &asked(given_nodes, given_pods));
            assert_eq!(whats(&found), expected);
        }
    }

    #[test]
    fn hosts_and_pods_must_lie_in_the_remote_networks() {
        let edge = cluster(&["10.80.0.0/17"], &["10.85.0.0/16"]);
        let outside = nodes_outside(&edge, &asked(&["10.80.0.0/16", "10.80.3.0/24"], &[]));
        assert_eq!(whats(&outside), ["10.80.128.0/17 is in none of the remote node networks (10.80.0.0/17)."]);
        let host = |address: &str| AskedHost { address: address.parse().ok(), ..AskedHost::default() };
        let hosts = [("rack-1".to_owned(), host("10.80.1.1")), ("rack-2".to_owned(), host("10.80.200.1"))].into();
        let found = nodes_outside(&edge, &Asked { hosts, ..Asked::default() });
        assert_eq!(found.iter().map(|one| one.at.as_str()).collect::<Vec<_>>(), ["rack-2"]);
        assert_eq!(nodes_outside(&cluster(&[], &[]), &asked(&["10.1.0.0/16"], &[])), []);
        assert_eq!(
            whats(&pods_outside(&edge, &asked(&[], &["10.86.0.0/16", "10.85.1.0/24"]))),
            ["10.86.0.0/16 is in none of the remote pod networks (10.85.0.0/16)."]
        );
    }

    #[test]
    fn networks_that_are_missing() {
        for (nodes, pods, no_nodes, no_pods) in
            [(&[][..], &[][..], 1, 0), (&["10.80.0.0/16"], &[], 0, 1), (&["10.80.0.0/16"], &["10.85.0.0/16"], 0, 0)]
        {
            let edge = cluster(nodes, pods);
            assert_eq!((no_remote_networks(&edge).len(), no_pod_networks(&edge).len()), (no_nodes, no_pods));
        }
    }

    #[test]
    fn only_subnets_of_the_control_plane_count() {
        let subnet =
            |id: &str, available_addresses| Subnet { id: id.to_owned(), available_addresses, ..Subnet::default() };
        for (free, found) in [(5, 1), (6, 0)] {
            assert_eq!(
                few_addresses(&cluster(&[], &[]), &[subnet("subnet-1", free), subnet("subnet-2", 0)]).len(),
                found
            );
        }
    }
}
