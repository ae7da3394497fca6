//! The cluster's state, and how hosts reach its API server.

use crate::aws::ec2::VpcDns;
use crate::aws::eks::Cluster;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::{Facts, Missing, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    STATUS: Error, "cluster_status",
        "The cluster is neither active nor being updated.",
        why: "Hosts can join an active cluster only.",
        fix: "Wait until EKS has created the cluster; for a failed one, see its health issues.",
        needs: ["eks:DescribeCluster"];
    BOTH: Warning, "endpoint_access",
        "The API endpoint is public and private at the same time.",
        why: "Hosts outside the VPC resolve the endpoint's public addresses: they need a way to the internet, and must be among the public access ranges.",
        fix: "Make the endpoint private only, or public only; then every host resolves the addresses that it can reach.",
        needs: ["eks:DescribeCluster"];
    DNS: Error, "vpc_dns",
        "The VPC's DNS support or DNS host names are off while the API endpoint is private.",
        why: "Without both, names of private endpoints resolve to public addresses, or not at all.",
        fix: "Set `enable_dns_support` and `enable_dns_hostnames` of the VPC.",
        needs: ["eks:DescribeCluster", "ec2:DescribeVpcAttribute"];
    NAME_SERVERS: Warning, "vpc_name_servers",
        "The VPC's DHCP options name other name servers than Amazon's while the API endpoint is private.",
        why: "Nodes in the VPC resolve the private endpoint only if these servers forward its name to Amazon's.",
        fix: "Put `AmazonProvidedDNS` into `domain_name_servers`, or forward the names of EKS to it.",
        needs: ["eks:DescribeCluster", "ec2:DescribeVpcs", "ec2:DescribeDhcpOptions"];
    NODE_PORTS: Info, "node_port_range",
        "NodePort services use other ports than 30000 to 32767.",
        why: "Firewalls and load balancers on the premises are usually opened for the default range.",
        fix: "Open the cluster's own range.",
        needs: ["eks:DescribeCluster"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&STATUS, || Ok(status(known(&facts.cluster)?)));
    report.run(&BOTH, || facts.hybrid().map(both));
    report.run(&DNS, || {
        let cluster = known(&facts.cluster)?;
        if !cluster.endpoint_private_access {
            return Err(Missing::NotAsked);
        }
        Ok(dns(cluster, *known(&facts.dns)?))
    });
    report.run(&NAME_SERVERS, || {
        let cluster = known(&facts.cluster)?;
        if !cluster.endpoint_private_access {
            return Err(Missing::NotAsked);
        }
        Ok(name_servers(cluster, known(&facts.name_servers)?))
    });
    report.run(&NODE_PORTS, || Ok(node_ports(known(&facts.cluster)?)));
}

fn status(cluster: &Cluster) -> Vec<Found> {
    if matches!(cluster.status.as_str(), "ACTIVE" | "UPDATING") {
        return Vec::new();
    }
    vec![Found::new(&cluster.name, format!("The cluster's status is {}.", cluster.status))]
}

fn both(cluster: &Cluster) -> Vec<Found> {
    if !(cluster.endpoint_public_access && cluster.endpoint_private_access) {
        return Vec::new();
    }
    let from = if cluster.public_access_cidrs.iter().any(|range| range == "0.0.0.0/0") {
        "from everywhere".to_owned()
    } else {
        format!("from {} only", cluster.public_access_cidrs.join(", "))
    };
    vec![Found::new(&cluster.name, format!("The API endpoint is private, and also public: it can be reached {from}."))]
}

fn dns(cluster: &Cluster, dns: VpcDns) -> Vec<Found> {
    let off: Vec<&str> = [("DNS support is off", dns.support), ("DNS host names are off", dns.hostnames)]
        .into_iter()
        .filter_map(|(text, on)| (!on).then_some(text))
        .collect();
    if off.is_empty() {
        return Vec::new();
    }
    vec![Found::new(cluster.vpc_id.as_deref().unwrap_or_default(), format!("{}.", off.join(", and ")))]
}

fn name_servers(cluster: &Cluster, servers: &[String]) -> Vec<Found> {
    if servers.iter().any(|server| server == "AmazonProvidedDNS") {
        return Vec::new();
    }
    let what = match servers {
        [] => "The VPC's DHCP options name no name server.".to_owned(),
        servers => format!("The VPC's name servers are {}.", servers.join(", ")),
    };
    vec![Found::new(cluster.vpc_id.as_deref().unwrap_or_default(), what)]
}

fn node_ports(cluster: &Cluster) -> Vec<Found> {
    match cluster.node_ports {
        None | Some((30000, 32767)) => Vec::new(),
        Some((first, last)) => {
            vec![Found::new(&cluster.name, format!("NodePort services use the ports {first} to {last}."))]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_in_which_nothing_can_join() {
        for (status_now, found) in [("ACTIVE", 0), ("UPDATING", 0), ("CREATING", 1), ("FAILED", 1), ("DELETING", 1)] {
            let cluster = Cluster { status: status_now.to_owned(), ..Cluster::default() };
            assert_eq!(status(&cluster).len(), found, "{status_now}");
        }
    }

    #[test]
    fn an_endpoint_on_both_sides_is_told_with_who_may_use_it() {
        for (public, private, ranges, expected) in [
            (true, false, &["0.0.0.0/0"][..], None),
            (false, true, &[], None),
            (true, true, &["0.0.0.0/0"], Some("can be reached from everywhere.")),
            (true, true, &["192.0.2.0/24", "198.51.100.7/32"], Some("from 192.0.2.0/24, 198.51.100.7/32 only.")),
        ] {
            let cluster = Cluster {
                endpoint_public_access: public,
                endpoint_private_access: private,
                public_access_cidrs: ranges.iter().map(ToString::to_string).collect(),
                ..Cluster::default()
            };
            let found = both(&cluster);
            assert_eq!(found.len(), usize::from(expected.is_some()));
            assert!(found.iter().all(|one| one.what.ends_with(expected.unwrap_or_default())), "{found:?}");
        }
    }

    #[test]
    fn both_attributes_of_dns_are_needed() {
        for (support, hostnames, expected) in [
            (true, true, None),
            (true, false, Some("DNS host names are off.")),
            (false, false, Some("DNS support is off, and DNS host names are off.")),
        ] {
            let cluster = Cluster { vpc_id: Some("vpc-1".to_owned()), ..Cluster::default() };
            let found = dns(&cluster, VpcDns { support, hostnames });
            assert_eq!(found.first().map(|one| one.what.as_str()), expected);
        }
    }

    #[test]
    fn name_servers_and_ports_that_differ_from_the_usual_ones() {
        for (servers, expected) in [
            (&["AmazonProvidedDNS"][..], None),
            (&["10.0.0.53", "AmazonProvidedDNS"], None),
            (&["10.0.0.53", "10.0.1.53"], Some("The VPC's name servers are 10.0.0.53, 10.0.1.53.")),
            (&[], Some("The VPC's DHCP options name no name server.")),
        ] {
            let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
            let found = name_servers(&Cluster::default(), &servers);
            assert_eq!(found.first().map(|one| one.what.as_str()), expected);
        }
        for (ports, found) in [(None, 0), (Some((30000, 32767)), 0), (Some((20000, 22767)), 1)] {
            assert_eq!(node_ports(&Cluster { node_ports: ports, ..Cluster::default() }).len(), found, "{ports:?}");
        }
    }
}
