//! Nodes as they are: addresses, versions, certificates.

use serde_json::Value as Json;

use super::versions::skew;
use crate::aws::eks::Cluster;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::ranges::{listed, ranges, uncovered};
use crate::data_sources::preflight::facts::{Facts, known};
use crate::data_sources::preflight::report::{Found, Report};
use crate::kube::{self, Node};

checks! {
    ADDRESS: Error, "node_address",
        "The address of a hybrid node lies outside the remote node networks.",
        why: "EKS does not approve the kubelet's serving certificate, so logs and exec fail; and the next `nodeadm init` refuses.",
        fix: "Add the range to `remote_network_config.remote_node_networks` of the cluster.",
        needs: ["eks:DescribeCluster", "list nodes"];
    SKEW: Error, "node_version",
        "A hybrid node's kubelet is newer than the cluster, or more than three minor versions older.",
        why: "Kubernetes does not support it: pods fail in ways that are hard to trace, and EKS refuses the next upgrade of the cluster.",
        fix: "Upgrade the node, for example by `kubernetes_version` of `ekshybrid_node`.",
        needs: ["eks:DescribeCluster", "list nodes"];
    REQUESTS: Warning, "pending_certificates",
        "A certificate signing request of a hybrid node's kubelet is pending.",
        why: "Without its serving certificate, `kubectl logs`, `exec` and metrics of that node fail.",
        fix: "EKS approves requests whose addresses lie in the remote node networks and whose name is the node's: correct these, then delete the request.",
        needs: ["list certificatesigningrequests", "list nodes"];
}

/// Label of the kind of machine. Source: EKS user guide, "Hybrid nodes".
const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";

/// Whether a node is a host outside AWS.
pub(super) fn is_hybrid(node: &Node) -> bool {
    node.labels.get(COMPUTE_TYPE).is_some_and(|kind| kind == "hybrid")
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&ADDRESS, || Ok(addresses(facts.hybrid()?, known(&facts.inside.nodes)?)));
    report.run(&SKEW, || Ok(versions(known(&facts.cluster)?, known(&facts.inside.nodes)?)));
    report.run(&REQUESTS, || Ok(pending(known(&facts.inside.requests)?, known(&facts.inside.nodes)?)));
}

fn hybrid(nodes: &[Node]) -> impl Iterator<Item = &Node> {
    nodes.iter().filter(|node| is_hybrid(node))
}

fn addresses(cluster: &Cluster, nodes: &[Node]) -> Vec<Found> {
    let remote = ranges(&cluster.remote_node_networks);
    let outside = hybrid(nodes).filter_map(|node| {
        let address = node.internal_ip.as_deref()?;
        let range = ranges(&[format!("{address}/32")]);
        let left = uncovered(*range.first()?, &remote);
        let what =
            format!("The node's address {address} is in none of the remote node networks ({}).", listed(&remote));
        (!left.is_empty()).then(|| Found::new(&node.name, what))
    });
    outside.collect()
}

fn versions(cluster: &Cluster, nodes: &[Node]) -> Vec<Found> {
    let faulty = hybrid(nodes).filter_map(|node| {
        let kubelet = node.kubelet_version.as_deref()?;
        let why = skew(kubelet, &cluster.version)?;
        Some(Found::new(&node.name, format!("The kubelet {kubelet} {why} ({}).", cluster.version)))
    });
    faulty.collect()
}

/// Signer of kubelets' serving certificates.
const SERVING: &str = "kubernetes.io/kubelet-serving";

fn pending(requests: &[Json], nodes: &[Node]) -> Vec<Found> {
    let is_pending = |request: &&Json| {
        request.pointer("/spec/signerName").and_then(Json::as_str) == Some(SERVING)
            && request.pointer("/status/conditions").and_then(Json::as_array).is_none_or(Vec::is_empty)
    };
    let of = |request: &Json| {
        let user = request.pointer("/spec/username").and_then(Json::as_str)?;
        let node = user.strip_prefix("system:node:")?;
        hybrid(nodes).any(|one| one.name == node).then(|| node.to_owned())
    };
    let found = requests.iter().filter(is_pending).filter_map(|request| Some((request, of(request)?)));
    found
        .map(|(request, node)| {
            Found::new(&node, format!("The certificate signing request {} is pending.", kube::name(request)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, kind: &str, address: &str, version: &str) -> Node {
        Node {
            name: name.to_owned(),
            internal_ip: Some(address.to_owned()),
            kubelet_version: Some(version.to_owned()),
            labels: [(COMPUTE_TYPE.to_owned(), kind.to_owned())].into(),
            ..Node::default()
        }
    }

    #[test]
    fn only_hybrid_nodes_are_judged() {
        let cluster = Cluster {
            version: "1.34".to_owned(),
            remote_node_networks: vec!["10.80.0.0/16".to_owned()],
            ..Cluster::default()
        };
        let nodes = [
            node("mi-1", "hybrid", "10.80.0.11", "v1.34.2"),
            node("mi-2", "hybrid", "10.81.0.11", "v1.30.0-eks-1"),
            node("ip-1", "ec2", "10.0.0.11", "v1.29.0"),
        ];
        let at = |found: Vec<Found>| found.into_iter().map(|one| one.at).collect::<Vec<_>>();
        assert_eq!(at(addresses(&cluster, &nodes)), ["mi-2"]);
        assert_eq!(at(versions(&cluster, &nodes)), ["mi-2"]);
    }

    #[test]
    fn requests_of_hybrid_kubelets_count_until_somebody_decides() {
        let request = |name: &str, user: &str, signer: &str, conditions: Json| {
            json!({
                "metadata": { "name": name }, "spec": { "username": user, "signerName": signer },
                "status": { "conditions": conditions },
            })
        };
        let requests = [
            request("csr-1", "system:node:mi-1", SERVING, Json::Null),
            request("csr-2", "system:node:mi-1", SERVING, json!([{ "type": "Approved" }])),
            request("csr-3", "system:node:ip-1", SERVING, Json::Null),
            request("csr-4", "admin", "kubernetes.io/kube-apiserver-client", Json::Null),
        ];
        let nodes = [node("mi-1", "hybrid", "10.80.0.11", "v1.34.2"), node("ip-1", "ec2", "10.0.0.1", "v1.34.2")];
        assert_eq!(
            pending(&requests, &nodes),
            [Found::new("mi-1", "The certificate signing request csr-1 is pending.")]
        );
    }
}
