//! How self-managed nodes join a local cluster. A control plane on EBS volumes is named by its id, and the node must keep
//! working while the Outpost is disconnected; one on instance stores is named as any other cluster. Source: EKS user
//! guide, "Create Amazon Linux nodes on AWS Outposts".

use framework::value::Value;

use super::super::NodeBootstrap;
use crate::aws::eks::Cluster;
use crate::node::{Faults, Parsed, Tree, bootstrap, config};

/// `None` while the cluster has no endpoint.
pub(super) fn of(found: &Cluster) -> Option<NodeBootstrap> {
    let (endpoint, authority) = (found.endpoint.as_deref()?, found.certificate_authority.as_deref()?);
    let id = found
        .id
        .as_deref()
        .filter(|_| found.outpost.as_ref().is_some_and(|outpost| outpost.etcd_instance_type.is_none()));
    let text = |text: &str| Value::from(text);
    let services = found.service_ipv4_cidr.as_deref().map_or(Value::Null, text);
    let is_local = id.map_or(Value::Null, |_| Value::from(true));
    let id = id.map_or(Value::Null, text);
    let al2 = Value::map([
        ("cluster_name", text(&found.name)),
        ("api_server_endpoint", text(endpoint)),
        ("certificate_authority", text(authority)),
        ("service_ipv4_cidr", services.clone()),
        ("enable_local_outpost", is_local.clone()),
        ("cluster_id", id.clone()),
    ]);
    let cluster = Value::map([
        ("name", text(&found.name)),
        ("api_server_endpoint", text(endpoint)),
        ("certificate_authority", text(authority)),
        ("cidr", services),
        ("enable_outpost", is_local),
        ("id", id),
    ]);
    let al2023 = Value::map([("os", text("al2023")), ("cluster", cluster)]);
    Some(NodeBootstrap {
        al2: ready(bootstrap::parse(&Tree::from(&al2)))?.render(),
        al2023: ready(config::parse_any(&Tree::from(&al2023)))?.to_yaml(),
    })
}

/// What EKS reports of an active cluster is complete and right; if it is not, nodes would not join with it.
fn ready<T>(parsed: Result<Parsed<T>, Faults>) -> Option<T> {
    match parsed {
        Ok(Parsed::Ready(value)) => Some(value),
        Ok(Parsed::Pending) => None,
        Err(faults) => {
            tracing::warn!("`node_bootstrap` is null: {faults:?}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::eks::Outpost;

    const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn cluster(etcd: Option<&str>) -> Cluster {
        // nodeadm reads the certificates, and so does the check here.
        let authority = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
        );
        Cluster {
            name: "plant".to_owned(),
            id: Some(ID.to_owned()),
            endpoint: Some("https://ABC.gr7.us-west-2.eks.amazonaws.com".to_owned()),
            certificate_authority: Some(authority),
            service_ipv4_cidr: Some("10.100.0.0/16".to_owned()),
            outpost: Some(Outpost { etcd_instance_type: etcd.map(str::to_owned), ..Outpost::default() }),
            ..Cluster::default()
        }
    }

    #[test]
    fn the_id_is_for_control_planes_on_ebs_volumes() {
        for (etcd, expected) in [(None, true), (Some("m5d.large"), false)] {
            let found = of(&cluster(etcd)).expect("an endpoint");
            assert_eq!(
                found.al2.contains(&format!("--enable-local-outpost true --cluster-id {ID}")),
                expected,
                "{}",
                found.al2
            );
            assert_eq!(
                found.al2023.contains(ID) && found.al2023.contains("enableOutpost: true"),
                expected,
                "{}",
                found.al2023
            );
            assert!(found.al2.starts_with("plant --apiserver-endpoint https://ABC"), "{}", found.al2);
        }
        assert!(of(&Cluster { endpoint: None, ..cluster(None) }).is_none());
    }
}
