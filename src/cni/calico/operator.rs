//! Values of the chart of Calico's operator.

use framework::model::Text as _;
use serde_json::{Value as Json, json};

use crate::cni::{
    arguments::{Calico, Encapsulation},
    calico::{BLOCK_SIZE, selector},
    cilium::hybrid,
};

/// Values of the operator's chart. Source: user guide of EKS, Configure CNI for hybrid nodes (December 2024), and the
/// reference of Calico's `Installation`.
pub(crate) fn values(calico: &Calico, pod_cidrs: &[String], mirror: Option<&str>) -> Json {
    let labels = calico.node_selector.clone().unwrap_or_else(hybrid);
    let nat = if calico.nat_outgoing.unwrap_or(true) { "Enabled" } else { "Disabled" };
    let pool = |cidr: &String| {
        json!({
            "cidr": cidr,
            "blockSize": calico.block_size.map_or(BLOCK_SIZE, framework::model::Bounded::get),
            "encapsulation": calico.encapsulation.unwrap_or(Encapsulation::Vxlan).text(),
            "natOutgoing": nat,
            "nodeSelector": selector(&labels),
        })
    };
    let pools: Vec<Json> = pod_cidrs.iter().map(pool).collect();
    let mut installation = json!({
        "enabled": true,
        "cni": { "type": "Calico", "ipam": { "type": "Calico" } },
        "calicoNetwork": { "bgp": "Disabled", "ipPools": pools },
        "controlPlaneReplicas": 1,
    });
    if !labels.is_empty() {
        let on_nodes = json!({ "spec": { "template": { "spec": { "nodeSelector": labels } } } });
        installation["controlPlaneNodeSelector"] = json!(labels);
        for part in
            ["calicoNodeDaemonSet", "csiNodeDriverDaemonSet", "calicoKubeControllersDeployment", "typhaDeployment"]
        {
            installation[part] = on_nodes.clone();
        }
    }
    if let Some(mirror) = mirror {
        // Images of what the operator creates are not in the chart; it prepends registry and `calico/` to each image
        // name.
        installation["registry"] = json!(format!("{mirror}/"));
    }
    json!({ "installation": installation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cni::arguments::Method;
    use crate::cni::calico::tests::plain;

    #[test]
    fn the_operator_gets_its_pool() {
        let values = values(&plain(Method::Operator), &["10.85.0.0/16".to_owned()], Some("r.example/m"));
        let installation = &values["installation"];
        assert_eq!(
            installation["calicoNetwork"]["ipPools"],
            json!([{ "cidr": "10.85.0.0/16", "blockSize": 26, "encapsulation": "VXLAN", "natOutgoing": "Enabled",
                "nodeSelector": "eks.amazonaws.com/compute-type == \"hybrid\"" }])
        );
        assert_eq!(installation["registry"], "r.example/m/");
        assert_eq!(installation["controlPlaneNodeSelector"], json!({ "eks.amazonaws.com/compute-type": "hybrid" }));
    }
}
