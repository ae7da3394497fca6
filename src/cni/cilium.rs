//! Cilium on hybrid nodes: its values, and which upgrades it allows.
//!
//! Source of the defaults: user guide of EKS, Configure CNI for hybrid nodes.

use std::collections::BTreeMap;

use helm::Version;
use serde_json::{Map, Value as Json, json};

use crate::cni::arguments::Cilium;

/// Where AWS publishes the build it supports.
pub(crate) const REPOSITORY: &str = "oci://public.ecr.aws/eks/cilium";
pub(crate) const CHART: &str = "cilium";
pub(crate) const NAMESPACE: &str = "kube-system";
pub(crate) const RELEASE: &str = "cilium";
/// The agent's DaemonSet.
pub(crate) const AGENT: &str = "cilium";
/// Suffix of the preflight check's release name, after the name of the release itself.
pub(crate) const PREFLIGHT: &str = "-preflight";
const MASK_SIZE: i64 = 25;
const REPLICAS: i64 = 2;

/// The label of hybrid nodes.
pub(crate) fn hybrid() -> BTreeMap<String, String> {
    BTreeMap::from([("eks.amazonaws.com/compute-type".to_owned(), "hybrid".to_owned())])
}

/// Values derived from the arguments. `compatibility` is the minor version that was installed first, if it differs from
/// the chart's.
pub(crate) fn values(cilium: &Cilium, pod_cidrs: &[String], compatibility: Option<&str>) -> Json {
    let selector = cilium.node_selector.clone().unwrap_or_else(hybrid);
    let mut operator = json!({
        "replicas": cilium.operator_replicas.map_or(REPLICAS, framework::model::Bounded::get),
        // It would restart the pods of aws-node in the cloud, which it does not know about.
        "unmanagedPodWatcher": { "restart": false },
    });
    let mut values = json!({
        "ipam": {
            "mode": "cluster-pool",
            "operator": {
                "clusterPoolIPv4MaskSize": cilium.pod_cidr_mask_size.map_or(MASK_SIZE, framework::model::Bounded::get),
                "clusterPoolIPv4PodCIDRList": pod_cidrs,
            },
        },
        "loadBalancer": { "serviceTopology": true },
        "envoy": { "enabled": false },
    });
    if let Some(affinity) = affinity(&selector) {
        values["affinity"] = affinity.clone();
        operator["affinity"] = affinity;
    }
    values["operator"] = operator;
    if cilium.bgp == Some(true) {
        values["bgpControlPlane"] = json!({ "enabled": true });
    }
    if let Some(minor) = compatibility {
        values["upgradeCompatibility"] = json!(minor);
    }
    values
}

fn affinity(selector: &BTreeMap<String, String>) -> Option<Json> {
    if selector.is_empty() {
        return None;
    }
    let expressions: Vec<Json> =
        selector.iter().map(|(key, value)| json!({ "key": key, "operator": "In", "values": [value] })).collect();
    let terms = json!({ "nodeSelectorTerms": [{ "matchExpressions": expressions }] });
    Some(json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": terms } }))
}

/// Values of the preflight check's release: the check alone, with the settings needed to reach images and the API
/// server. `agent` is the spec of the running pods, if any; nodes that are `off` cannot be checked. Source: Cilium's
/// upgrade guide, Running pre-flight check.
pub(crate) fn preflight(values: &Json, agent: Option<&Json>, off: &[&str]) -> Json {
    const NEEDED: [&str; 6] = ["image", "imagePullSecrets", "k8sServiceHost", "k8sServicePort", "preflight", "cluster"];
    let mut check: Map<String, Json> =
        NEEDED.iter().filter_map(|name| Some(((*name).to_owned(), values.get(*name)?.clone()))).collect();
    let mut preflight = check.remove("preflight").unwrap_or_else(|| json!({}));
    preflight["enabled"] = true.into();
    // Its pods wait for the agent's pod on their node, by an affinity that the DaemonSet controller ignores. Without
    // the agent's own rules, a pod would be created on every node, including those of the VPC CNI, and wait there
    // forever. With them, there are as many pods as the agent has, which is the number to wait for.
    let rules = agent.unwrap_or(values);
    if preflight["affinity"]["nodeAffinity"].is_null() && !rules["affinity"]["nodeAffinity"].is_null() {
        preflight["affinity"]["nodeAffinity"] = rules["affinity"]["nodeAffinity"].clone();
    }
    if !off.is_empty() {
        // The chart's pods tolerate every taint, and would be placed on these nodes too.
        let required = &mut preflight["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        if required["nodeSelectorTerms"].as_array().is_none_or(Vec::is_empty) {
            required["nodeSelectorTerms"] = json!([{}]);
        }
        // One name per requirement: the API accepts no more.
        let not_there = off.iter().map(|name| json!({ "key": "metadata.name", "operator": "NotIn", "values": [name] }));
        for term in required["nodeSelectorTerms"].as_array_mut().into_iter().flatten() {
            let mut fields = term["matchFields"].as_array().cloned().unwrap_or_default();
            fields.extend(not_there.clone());
            term["matchFields"] = fields.into();
        }
    }
    for rule in ["nodeSelector", "tolerations"] {
        if preflight[rule].is_null()
            && let Some(agent) = rules.get(rule)
        {
            preflight[rule] = agent.clone();
        }
    }
    check.insert("preflight".to_owned(), preflight);
    check.insert("agent".to_owned(), false.into());
    check.insert("operator".to_owned(), json!({ "enabled": false }));
    check.insert("envoy".to_owned(), json!({ "enabled": false }));
    Json::Object(check)
}

/// `1.17` for `1.17.9-0`; `None` if the text is not a version.
pub(crate) fn minor(version: &str) -> Option<String> {
    let (major, minor) = numbers(version)?;
    Some(format!("{major}.{minor}"))
}

fn numbers(version: &str) -> Option<(u64, u64)> {
    let version = Version::parse(version).ok()?;
    Some((version.major, version.minor))
}

/// Why Cilium cannot be changed directly from one chart version to another. Source: Cilium's upgrade guide, which tests
/// upgrades and rollbacks only between consecutive minor versions.
pub(crate) fn refused_step(from: &str, to: &str) -> Option<String> {
    let (old, new) = (numbers(from)?, numbers(to)?);
    if old.0 != new.0 {
        return Some(format!(
            "{from} is installed, and {to} is another major version. Follow Cilium's upgrade guide for it."
        ));
    }
    if new.1 > old.1 + 1 {
        return Some(format!(
            "{from} is installed, and {to} is {} minor versions above it. Cilium goes up one at a time: install the latest {}.{} first.",
            new.1 - old.1,
            old.0,
            old.1 + 1
        ));
    }
    if old.1 > new.1 + 1 {
        return Some(format!(
            "{from} is installed, and {to} is {} minor versions below it. Cilium goes down one at a time too: install {}.{} first.",
            old.1 - new.1,
            old.0,
            old.1 - 1
        ));
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Cilium with default arguments.
    pub(crate) fn plain() -> Cilium {
        Cilium {
            version: Some("1.17.1".to_owned()),
            repository: None,
            chart: None,
            sha256: None,
            namespace: None,
            release_name: None,
            pod_cidrs: None,
            pod_cidr_mask_size: None,
            operator_replicas: None,
            node_selector: None,
            bgp: None,
            values: None,
            sensitive_values: None,
            preflight: None,
            sensitive_values_wo: framework::model::WriteOnly::new(None),
            sensitive_values_wo_version: None,
        }
    }

    #[test]
    fn defaults_are_those_of_hybrid_nodes() {
        let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{ "matchExpressions": [
                { "key": "eks.amazonaws.com/compute-type", "operator": "In", "values": ["hybrid"] },
            ] }],
        } } });
        let expected = json!({
            "affinity": affinity,
            "ipam": { "mode": "cluster-pool", "operator": {
                "clusterPoolIPv4MaskSize": 25, "clusterPoolIPv4PodCIDRList": ["10.85.0.0/16"],
            } },
            "loadBalancer": { "serviceTopology": true },
            "operator": { "affinity": affinity, "replicas": 2, "unmanagedPodWatcher": { "restart": false } },
            "envoy": { "enabled": false },
        });
        assert_eq!(values(&plain(), &["10.85.0.0/16".to_owned()], None), expected);
    }

    #[test]
    fn arguments_become_values() {
        let cilium = Cilium { bgp: Some(true), node_selector: Some(BTreeMap::new()), ..plain() };
        let values = values(&cilium, &[], Some("1.16"));
        assert_eq!(values["bgpControlPlane"]["enabled"], true);
        assert_eq!(values["upgradeCompatibility"], "1.16");
        assert!(values.get("affinity").is_none() && values["operator"].get("affinity").is_none());
    }

    #[test]
    fn the_check_alone_is_installed() {
        let check = preflight(
            &json!({
                "image": { "repository": "r.example/cilium" }, "hubble": { "relay": { "enabled": true } },
                "preflight": { "validateCNPs": false },
            }),
            None,
            &[],
        );
        assert_eq!(check["image"]["repository"], "r.example/cilium");
        assert_eq!(check["preflight"], json!({ "enabled": true, "validateCNPs": false }));
        assert_eq!((&check["agent"], &check["operator"]["enabled"]), (&json!(false), &json!(false)));
        assert!(check.get("hubble").is_none());
    }

    #[test]
    fn the_check_runs_where_the_agent_runs() {
        let mut values = values(&plain(), &[], None);
        values["tolerations"] = json!([{ "key": "a", "operator": "Exists" }]);
        values["nodeSelector"] = json!({ "kubernetes.io/os": "linux", "site": "x" });
        let check = preflight(&values, None, &[])["preflight"].clone();
        let terms = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        let term = json!([{ "matchExpressions": [
            { "key": "eks.amazonaws.com/compute-type", "operator": "In", "values": ["hybrid"] },
        ] }]);
        assert_eq!(check.pointer(terms), Some(&term));
        assert!(check["affinity"].get("podAffinity").is_none(), "the chart's own stays");
        assert_eq!((&check["tolerations"], &check["nodeSelector"]), (&values["tolerations"], &values["nodeSelector"]));
        // The running agent counts, not the future one.
        let agent =
            json!({ "nodeSelector": { "site": "y" }, "tolerations": [], "affinity": { "nodeAffinity": { "now": 1 } } });
        let check = preflight(&values, Some(&agent), &[])["preflight"].clone();
        assert_eq!(check["affinity"], agent["affinity"]);
        assert_eq!((&check["tolerations"], &check["nodeSelector"]), (&agent["tolerations"], &agent["nodeSelector"]));
        // Nodes that are off cannot be checked.
        let names = |check: &Json| check.pointer(terms).map(|terms| terms[0]["matchFields"].clone());
        let field = |name: &str| json!({ "key": "metadata.name", "operator": "NotIn", "values": [name] });
        let check = preflight(&values, None, &["a", "b"])["preflight"].clone();
        assert_eq!(names(&check), Some(json!([field("a"), field("b")])));
        assert_eq!(check.pointer(terms).map(|terms| &terms[0]["matchExpressions"]), Some(&term[0]["matchExpressions"]));
        let check = preflight(&json!({}), None, &["a"])["preflight"].clone();
        assert_eq!(names(&check), Some(json!([field("a")])));
        // Explicit settings of the check itself take precedence.
        values["preflight"] = json!({ "tolerations": [], "affinity": { "nodeAffinity": { "own": 1 } } });
        let check = preflight(&values, None, &[])["preflight"].clone();
        assert_eq!((&check["tolerations"], &check["affinity"]["nodeAffinity"]), (&json!([]), &json!({ "own": 1 })));
    }

    #[test]
    fn one_minor_version_at_a_time() {
        for (from, to, part) in [
            ("1.17.1", "1.17.9", None),
            ("1.17.1", "1.18.6", None),
            ("1.18.6", "1.17.1", None),
            ("1.17.9-0", "1.18.3-0", None),
            ("1.17.1", "1.19.0", Some("latest 1.18 first")),
            ("1.17.1", "1.20.0", Some("3 minor versions above")),
            ("1.20.0", "1.18.6", Some("install 1.19 first")),
            ("1.20.0", "2.0.0", Some("another major version")),
            ("none", "1.18.6", None),
        ] {
            let refused = refused_step(from, to);
            assert_eq!(refused.is_some(), part.is_some(), "{from} {to}: {refused:?}");
            assert!(part.is_none_or(|part| refused.unwrap_or_default().contains(part)), "{from} {to}");
        }
        assert_eq!(minor("v1.17.9-0").as_deref(), Some("1.17"));
    }
}
