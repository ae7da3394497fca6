//! What runs in the cluster and where: the VPC CNI, kube-proxy, CoreDNS, webhooks, an earlier CNI's leftovers, ENIConfigs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::nodes::is_hybrid;
use crate::aws::ec2::Subnet;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::inside::Webhook;
use crate::data_sources::preflight::facts::{Facts, known};
use crate::data_sources::preflight::report::{Found, Report};
use crate::kube::{Node, placement};

checks! {
    AWS_NODE: Error, "vpc_cni_on_hybrid_nodes",
        "The DaemonSet aws-node (VPC CNI) can run on hybrid nodes.",
        why: "It cannot work outside a VPC, and its files in /etc/cni/net.d make pods there use it instead of Cilium or Calico.",
        fix: "Update the VPC CNI: its default affinity excludes `eks.amazonaws.com/compute-type` `hybrid`.",
        needs: ["list daemonsets in kube-system"];
    KUBE_PROXY: Warning, "kube_proxy_on_hybrid_nodes",
        "The DaemonSet kube-proxy does not run on hybrid nodes.",
        why: "Services do not work there, unless the CNI replaces kube-proxy.",
        fix: "Update kube-proxy, or let Cilium replace it on hybrid nodes.",
        needs: ["list daemonsets in kube-system"];
    DNS_SIDES: Warning, "coredns_on_both_sides",
        "CoreDNS runs only in the cloud or only on hybrid nodes, while there are Ready nodes on both sides.",
        why: "Every name that a pod on the other side looks up crosses the link to the premises, and none is found while the link is down.",
        fix: "Run at least one replica on each side: label hybrid nodes with a zone, spread CoreDNS over zones, and set the service's `trafficDistribution` to `PreferClose`.",
        needs: ["list pods in kube-system", "list nodes"];
    WEBHOOKS: Error, "webhook_on_hybrid_nodes",
        "A webhook's pods run on hybrid nodes, and the cluster has no remote pod networks.",
        why: "The control plane cannot reach these pods: every request that the webhook concerns fails or waits for its timeout.",
        fix: "Keep the webhook's pods on nodes in the cloud (node affinity: `eks.amazonaws.com/compute-type` NotIn `hybrid`), or set and route remote pod networks.",
        needs: ["eks:DescribeCluster", "list webhook configurations", "get services", "list pods", "list nodes"];
    LEFTOVERS: Warning, "cni_leftovers",
        "The cluster has definitions of both Cilium and Calico.",
        why: "One of the two was removed without them, and its files and interfaces may still be on hosts, where they break the other one.",
        fix: "Delete the definitions of the one that is gone, and clean /etc/cni/net.d and its interfaces on the hosts.",
        needs: ["list customresourcedefinitions"];
    ENI_ZONES: Error, "eniconfig_zones",
        "With custom networking, a zone with nodes has no ENIConfig with a subnet in that zone.",
        why: "New nodes in that zone stay NotReady, because the VPC CNI finds no subnet for pods.",
        fix: "Create a subnet for pods and an ENIConfig in that zone, for example with `ekshybrid_eniconfig`.",
        needs: ["ec2:DescribeSubnets", "list daemonsets in kube-system", "list eniconfigs", "list nodes"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    let inside = &facts.inside;
    report.run(&AWS_NODE, || {
        facts.hybrid()?;
        Ok(aws_node(known(&inside.daemon_sets)?))
    });
    report.run(&KUBE_PROXY, || {
        facts.hybrid()?;
        Ok(kube_proxy(known(&inside.daemon_sets)?))
    });
    report.run(&DNS_SIDES, || Ok(dns_sides(known(&inside.dns_nodes)?, known(&inside.nodes)?)));
    report.run(&WEBHOOKS, || {
        let cluster = facts.hybrid()?;
        let webhooks = known(&inside.webhooks)?;
        Ok(if cluster.remote_pod_networks.is_empty() {
            unreachable(webhooks, known(&inside.nodes)?)
        } else {
            Vec::new()
        })
    });
    report.run(&LEFTOVERS, || Ok(leftovers(known(&inside.definitions)?)));
    report.run(&ENI_ZONES, || {
        Ok(match known(&inside.daemon_sets)?.get("aws-node").filter(|set| has_custom_networking(set)) {
            Some(_) => zones(known(&inside.eni_configs)?, known(&inside.nodes)?, known(&facts.subnets)?),
            None => Vec::new(),
        })
    });
}

/// Whether a DaemonSet's rules let it on a hybrid node, as nodeadm labels one.
fn reaches_hybrid(set: &Json) -> bool {
    let node = json!({ "metadata": { "name": "mi-0", "labels": {
        "eks.amazonaws.com/compute-type": "hybrid", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
    } } });
    placement::allows(&set["spec"]["template"]["spec"], &node)
}

fn aws_node(sets: &BTreeMap<String, Json>) -> Vec<Found> {
    let open = sets.get("aws-node").filter(|set| reaches_hybrid(set));
    open.map(|_| Found::new("kube-system/aws-node", "The affinity of aws-node does not exclude hybrid nodes."))
        .into_iter()
        .collect()
}

fn kube_proxy(sets: &BTreeMap<String, Json>) -> Vec<Found> {
    let closed = sets.get("kube-proxy").filter(|set| !reaches_hybrid(set));
    closed
        .map(|_| Found::new("kube-system/kube-proxy", "The affinity of kube-proxy excludes hybrid nodes."))
        .into_iter()
        .collect()
}

fn dns_sides(dns_nodes: &[String], nodes: &[Node]) -> Vec<Found> {
    let side = |hybrid: bool| nodes.iter().filter(move |node| is_hybrid(node) == hybrid);
    let serves = |hybrid: bool| side(hybrid).any(|node| dns_nodes.contains(&node.name));
    if dns_nodes.is_empty() || ![true, false].into_iter().all(|hybrid| side(hybrid).any(|node| node.ready)) {
        return Vec::new();
    }
    match (serves(true), serves(false)) {
        (false, true) => vec![Found::new("kube-system/coredns", "CoreDNS runs on no hybrid node.")],
        (true, false) => vec![Found::new("kube-system/coredns", "CoreDNS runs on hybrid nodes only.")],
        _ => Vec::new(),
    }
}

fn unreachable(webhooks: &[Webhook], nodes: &[Node]) -> Vec<Found> {
    let hybrid: BTreeSet<&str> = nodes.iter().filter(|node| is_hybrid(node)).map(|node| node.name.as_str()).collect();
    let mut found = Vec::new();
    for webhook in webhooks {
        let there: BTreeSet<&str> =
            webhook.nodes.iter().map(String::as_str).filter(|node| hybrid.contains(node)).collect();
        if there.is_empty() {
            continue;
        }
        let effect = if webhook.blocks { "fail" } else { "pass without it, after a timeout" };
        let there: Vec<&str> = there.into_iter().collect();
        found.push(Found::new(
            &webhook.service,
            format!(
                "Pods of the webhook {} run on {}; requests that reach for them {effect}.",
                webhook.name,
                there.join(", ")
            ),
        ));
    }
    found
}

fn leftovers(definitions: &[String]) -> Vec<Found> {
    // Tetragon's definitions are in Cilium's group.
    let has = |suffix: &str| {
        definitions
            .iter()
            .find(|name| name.ends_with(suffix) && !name.starts_with("tracingpolic") && !name.starts_with("podinfo"))
    };
    match (has(".cilium.io"), has(".crd.projectcalico.org")) {
        (Some(cilium), Some(calico)) => {
            vec![Found::new(
                calico.as_str(),
                format!("There are definitions of Cilium ({cilium}) and of Calico ({calico})."),
            )]
        }
        _ => Vec::new(),
    }
}

fn has_custom_networking(set: &Json) -> bool {
    let containers = set.pointer("/spec/template/spec/containers").and_then(Json::as_array).into_iter().flatten();
    let mut environment = containers.flat_map(|container| container["env"].as_array().into_iter().flatten());
    environment.any(|one| one["name"] == "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG" && one["value"] == "true")
}

fn zones(configs: &BTreeMap<String, String>, nodes: &[Node], subnets: &[Subnet]) -> Vec<Found> {
    let served: BTreeSet<&str> = configs
        .values()
        .filter_map(|id| subnets.iter().find(|subnet| subnet.id == *id))
        .map(|subnet| subnet.availability_zone.as_str())
        .collect();
    let ec2 = nodes.iter().filter(|node| node.provider_id.as_deref().is_some_and(|id| id.starts_with("aws:")));
    let zones: BTreeSet<&str> =
        ec2.filter_map(|node| node.labels.get("topology.kubernetes.io/zone").map(String::as_str)).collect();
    let missing = zones.difference(&served);
    missing.map(|zone| Found::new(*zone, format!("No ENIConfig has a subnet in {zone}, where nodes run."))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(operator: Option<&str>) -> Json {
        let expression = |operator: &str| {
            json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
                { "matchExpressions": [{ "key": "eks.amazonaws.com/compute-type", "operator": operator, "values": ["fargate", "hybrid"] }] },
            ] } } } })
        };
        json!({ "spec": { "template": { "spec": operator.map_or(json!({}), expression) } } })
    }

    fn node(name: &str, hybrid: bool, ready: bool) -> Node {
        let labels = if hybrid {
            [("eks.amazonaws.com/compute-type".to_owned(), "hybrid".to_owned())].into()
        } else {
            BTreeMap::new()
        };
        Node { name: name.to_owned(), ready, labels, ..Node::default() }
    }

    #[test]
    fn where_daemon_sets_run() {
        for (operator, aws, proxy) in [(None, 1, 0), (Some("NotIn"), 0, 1), (Some("In"), 1, 0)] {
            let sets = [("aws-node".to_owned(), set(operator)), ("kube-proxy".to_owned(), set(operator))].into();
            assert_eq!((aws_node(&sets).len(), kube_proxy(&sets).len()), (aws, proxy), "{operator:?}");
        }
        assert_eq!((aws_node(&BTreeMap::new()).len(), kube_proxy(&BTreeMap::new()).len()), (0, 0));
    }

    #[test]
    fn dns_belongs_on_both_sides_once_both_are_there() {
        let both = [node("h", true, true), node("e", false, true)];
        for (nodes, dns, expected) in [
            (&both[..], &["h", "e"][..], None),
            (&both, &["e"], Some("CoreDNS runs on no hybrid node.")),
            (&both, &["h"], Some("CoreDNS runs on hybrid nodes only.")),
            (&both, &[], None),
            (&both[..1], &["h"], None),
            (&[node("h", true, false), node("e", false, true)], &["e"], None),
        ] {
            let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
            let found = dns_sides(&dns, nodes);
            assert_eq!(found.first().map(|one| one.what.as_str()), expected, "{dns:?}");
        }
    }

    #[test]
    fn webhooks_with_a_pod_on_a_hybrid_node() {
        let webhook = |nodes: &[&str], blocks| Webhook {
            name: "check.example.test".to_owned(),
            service: "system/hook".to_owned(),
            blocks,
            nodes: nodes.iter().map(ToString::to_string).collect(),
        };
        let nodes = [node("h", true, true), node("e", false, true)];
        assert_eq!(unreachable(&[webhook(&["e"], true), webhook(&[], true)], &nodes), []);
        let found = unreachable(&[webhook(&["e", "h", "h"], true), webhook(&["h"], false)], &nodes);
        let whats: Vec<_> = found.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(
            whats,
            [
                "Pods of the webhook check.example.test run on h; requests that reach for them fail.",
                "Pods of the webhook check.example.test run on h; requests that reach for them pass without it, after a timeout.",
            ]
        );
    }

    #[test]
    fn definitions_of_two_products() {
        for (names, found) in [
            (&["ciliumnodes.cilium.io"][..], 0),
            (&["ippools.crd.projectcalico.org", "tracingpolicies.cilium.io"], 0),
            (&["ippools.crd.projectcalico.org", "ciliumnodes.cilium.io"], 1),
        ] {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            assert_eq!(leftovers(&names).len(), found, "{names:?}");
        }
    }

    #[test]
    fn each_zone_with_nodes_needs_a_subnet_for_pods() {
        let subnet = |id: &str, zone: &str| Subnet {
            id: id.to_owned(),
            availability_zone: zone.to_owned(),
            ..Subnet::default()
        };
        let ec2 = |zone: &str| Node {
            provider_id: Some(format!("aws:///{zone}/i-1")),
            labels: [("topology.kubernetes.io/zone".to_owned(), zone.to_owned())].into(),
            ..Node::default()
        };
        let on_site = Node { provider_id: Some("eks-hybrid:///r/c/mi-1".to_owned()), ..ec2("onprem") };
        let configs = [("a".to_owned(), "subnet-a".to_owned()), ("b".to_owned(), "subnet-gone".to_owned())].into();
        let found =
            zones(&configs, &[ec2("za"), ec2("zb"), on_site], &[subnet("subnet-a", "za"), subnet("subnet-b", "zb")]);
        assert_eq!(found.iter().map(|one| one.at.as_str()).collect::<Vec<_>>(), ["zb"]);
        let on = json!({ "spec": { "template": { "spec": { "containers": [
            { "name": "aws-node", "env": [{ "name": "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "value": "true" }] },
        ] } } } });
        assert!(has_custom_networking(&on) && !has_custom_networking(&set(None)));
    }
}
