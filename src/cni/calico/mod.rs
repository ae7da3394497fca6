//! Calico on hybrid nodes: what its operator's chart and its manifest have in common.
//!
//! `operator` creates the values of the operator's chart, `manifest` edits the manifest, `pool` changes the address
//! pool of an installed Calico, and `finalizers` knows which objects the operator holds.

pub(crate) mod finalizers;
pub(crate) mod manifest;
pub(crate) mod operator;
pub(crate) mod pool;

use std::collections::BTreeMap;

use crate::cni::{
    arguments::{Calico, Encapsulation},
    cilium::hybrid,
};

/// Where Tigera publishes the operator's chart.
pub(crate) const REPOSITORY: &str = "https://docs.tigera.io/calico/charts";
pub(crate) const CHART: &str = "tigera-operator";
/// Name of the chart that a manifest is wrapped into, and of its release.
pub(crate) const MANIFEST: &str = "calico";
pub(crate) const NAMESPACE: &str = "tigera-operator";
pub(crate) const MANIFEST_NAMESPACE: &str = "kube-system";
pub(crate) const BLOCK_SIZE: i64 = 26;

/// Node labels in Calico's selector syntax.
pub(crate) fn selector(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "all()".to_owned();
    }
    let parts: Vec<String> = labels.iter().map(|(key, value)| format!("{key} == \"{value}\"")).collect();
    parts.join(" && ")
}

/// Nodes that get addresses from the pool, in Calico's selector syntax.
pub(crate) fn pool_nodes(calico: &Calico) -> String {
    selector(&calico.node_selector.clone().unwrap_or_else(hybrid))
}

/// `vxlanMode` of the pool.
pub(crate) fn vxlan_mode(calico: &Calico) -> &'static str {
    match calico.encapsulation.unwrap_or(Encapsulation::Vxlan) {
        Encapsulation::Vxlan => "Always",
        Encapsulation::VxlanCrossSubnet => "CrossSubnet",
        Encapsulation::None => "Never",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cni::arguments::Method;

    /// Calico with default arguments.
    pub(crate) fn plain(method: Method) -> Calico {
        Calico {
            version: None,
            method: Some(method),
            source: None,
            sha256: None,
            pod_cidrs: None,
            block_size: None,
            encapsulation: None,
            nat_outgoing: None,
            node_selector: None,
            aws_src_dst_check: None,
            values: None,
        }
    }
}
