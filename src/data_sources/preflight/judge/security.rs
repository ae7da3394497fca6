//! Security groups of the control plane's network interfaces.

use names::Cidr;

use crate::aws::ec2::{GroupRules, Rule};
use crate::aws::eks::Cluster;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::ranges::{listed, ranges, uncovered};
use crate::data_sources::preflight::facts::{Facts, Missing, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    API_PORT: Error, "api_port",
        "The security groups of the control plane do not let in TCP port 443 from a remote network.",
        why: "Kubelets and pods there cannot reach the private API endpoint: hosts do not register, and controllers fail.",
        fix: "Let in TCP port 443 from the remote node and pod networks.",
        needs: ["eks:DescribeCluster", "ec2:DescribeSecurityGroups"];
    KUBELET_PORT: Error, "kubelet_port",
        "The security groups of the control plane do not let out TCP port 10250 to a remote node network.",
        why: "The API server cannot reach the kubelets: `kubectl logs`, `exec`, `port-forward` and metrics fail.",
        fix: "Let out TCP port 10250 to the remote node networks.",
        needs: ["eks:DescribeCluster", "ec2:DescribeSecurityGroups"];
    POD_PORTS: Warning, "pod_ports",
        "The security groups of the control plane let out nothing to a remote pod network.",
        why: "The API server cannot call webhooks and aggregated APIs whose pods run on hybrid nodes.",
        fix: "Let out the ports of the webhooks to the remote pod networks, or keep webhooks on nodes in the cloud.",
        needs: ["eks:DescribeCluster", "ec2:DescribeSecurityGroups"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&API_PORT, || {
        let cluster = facts.hybrid()?;
        // Hosts then use the public endpoint, which security groups do not guard.
        if cluster.endpoint_private_access {
            Ok(closed_to_hosts(cluster, groups(facts)?))
        } else {
            Err(Missing::NotAsked)
        }
    });
    report.run(&KUBELET_PORT, || Ok(closed_to_kubelets(facts.hybrid()?, groups(facts)?)));
    report.run(&POD_PORTS, || Ok(closed_to_pods(facts.hybrid()?, groups(facts)?)));
}

/// The groups, unless there are none that the caller can see.
fn groups(facts: &Facts) -> Result<&[GroupRules], Missing> {
    let groups = known(&facts.groups)?;
    if groups.is_empty() {
        return Err(Missing::unread("EKS names no security group of the cluster that the caller can see."));
    }
    Ok(groups)
}

/// The parts of `networks` that none of the rules names. None if a rule that fits names prefix lists, since their
/// ranges are not known here.
fn closed<'a>(networks: &[String], rules: impl Iterator<Item = &'a Rule>, fits: impl Fn(&Rule) -> bool) -> Vec<Cidr> {
    let rules: Vec<&Rule> = rules.filter(|rule| fits(rule)).collect();
    if rules.iter().any(|rule| rule.has_prefix_lists) {
        return Vec::new();
    }
    let open: Vec<Cidr> = rules.iter().flat_map(|rule| ranges(&rule.ranges)).collect();
    ranges(networks).into_iter().flat_map(|network| uncovered(network, &open)).collect()
}

/// The group to change: the cluster's own, if it has one.
fn place(cluster: &Cluster, groups: &[GroupRules]) -> String {
    cluster
        .cluster_security_group_id
        .clone()
        .or_else(|| groups.first().map(|group| group.id.clone()))
        .unwrap_or_default()
}

fn closed_to_hosts(cluster: &Cluster, groups: &[GroupRules]) -> Vec<Found> {
    let remote = [cluster.remote_node_networks.as_slice(), &cluster.remote_pod_networks].concat();
    let left = closed(&remote, groups.iter().flat_map(|group| &group.ingress), |rule| rule.covers_tcp(443));
    found(&left, &place(cluster, groups), "No rule lets in TCP port 443 from", "Let in TCP port 443 from")
}

fn closed_to_kubelets(cluster: &Cluster, groups: &[GroupRules]) -> Vec<Found> {
    let rules = groups.iter().flat_map(|group| &group.egress);
    let left = closed(&cluster.remote_node_networks, rules, |rule| rule.covers_tcp(10250));
    found(&left, &place(cluster, groups), "No rule lets out TCP port 10250 to", "Let out TCP port 10250 to")
}

fn closed_to_pods(cluster: &Cluster, groups: &[GroupRules]) -> Vec<Found> {
    let rules = groups.iter().flat_map(|group| &group.egress);
    let left = closed(&cluster.remote_pod_networks, rules, |rule| matches!(rule.protocol.as_str(), "-1" | "tcp" | "6"));
    found(&left, &place(cluster, groups), "No rule lets out any TCP port to", "Let out the ports of webhooks to")
}

fn found(left: &[Cidr], group: &str, what: &str, fix: &str) -> Vec<Found> {
    if left.is_empty() {
        return Vec::new();
    }
    vec![Found::new(group, format!("{what} {}.", listed(left))).fix(format!("{fix} {} in {group}.", listed(left)))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        Cluster {
            cluster_security_group_id: Some("sg-own".to_owned()),
            remote_node_networks: vec!["10.80.0.0/16".to_owned()],
            remote_pod_networks: vec!["10.85.0.0/16".to_owned()],
            ..Cluster::default()
        }
    }

    fn rule(protocol: &str, ports: Option<(i32, i32)>, ranges: &[&str]) -> Rule {
        Rule {
            protocol: protocol.to_owned(),
            ports,
            ranges: ranges.iter().map(ToString::to_string).collect(),
            has_prefix_lists: false,
        }
    }

    #[test]
    fn each_remote_network_needs_the_port_from_any_of_the_groups() {
        let https = |ranges: &[&str]| rule("tcp", Some((443, 443)), ranges);
        for (rules, expected) in [
            (vec![https(&["10.80.0.0/16", "10.85.0.0/16"])], None),
            (vec![https(&["10.80.0.0/16"]), rule("-1", None, &["10.85.0.0/16"])], None),
            (vec![https(&["0.0.0.0/0"])], None),
            (vec![Rule { has_prefix_lists: true, ..https(&[]) }], None),
            (vec![https(&["10.80.0.0/16"])], Some("No rule lets in TCP port 443 from 10.85.0.0/16.")),
            (
                vec![rule("tcp", Some((80, 80)), &["0.0.0.0/0"])],
                Some("No rule lets in TCP port 443 from 10.80.0.0/16 and 10.85.0.0/16."),
            ),
            (vec![], Some("No rule lets in TCP port 443 from 10.80.0.0/16 and 10.85.0.0/16.")),
        ] {
            let groups: Vec<GroupRules> = rules
                .iter()
                .map(|rule| GroupRules { id: "sg-1".to_owned(), ingress: vec![rule.clone()], egress: Vec::new() })
                .chain([GroupRules::default()])
                .collect();
            let found = closed_to_hosts(&cluster(), &groups);
            assert_eq!(
                found.first().map(|one| (one.what.as_str(), one.at.as_str())),
                expected.map(|text| (text, "sg-own")),
                "{rules:?}"
            );
        }
    }

    #[test]
    fn ways_out_are_judged_by_their_ports() {
        for (rules, kubelets, pods) in [
            (vec![rule("-1", None, &["0.0.0.0/0"])], 0, 0),
            (vec![rule("tcp", Some((10250, 10250)), &["10.80.0.0/16"])], 0, 1),
            (vec![rule("tcp", Some((8443, 8443)), &["10.0.0.0/8"])], 1, 0),
            (vec![], 1, 1),
        ] {
            let groups = [GroupRules { id: "sg-1".to_owned(), ingress: Vec::new(), egress: rules.clone() }];
            let counted = (closed_to_kubelets(&cluster(), &groups).len(), closed_to_pods(&cluster(), &groups).len());
            assert_eq!(counted, (kubelets, pods), "{rules:?}");
        }
    }
}
