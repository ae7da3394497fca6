//! Controllers for Nodes with real kubelets: approves certificates of hybrid kubelets as EKS does, and marks a Node
//! Unknown when its kubelet no longer reports.
//!
//! The node lifecycle controller would do the latter, but also for the Nodes of kwok, whose leases nobody renews; so
//! its grace period is a day, and this module monitors the others.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    api::{Content, Error},
    cluster::ControlPlane,
    nodes,
};
use crate::{cidr::Cidr, moment::Moment, store::Shared};

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
/// Pause between two polls.
const BETWEEN: Duration = Duration::from_millis(500);
/// How long a kubelet may be silent. Source: kube-controller-manager's --node-monitor-grace-period, 50 s since 1.32.
const GRACE_SECONDS: i64 = 50;

/// Monitors the Nodes of a control plane until it ends.
pub fn follow(shared: &Arc<Shared>, plane: &Arc<ControlPlane>) {
    let (shared, plane) = (Arc::clone(shared), Arc::downgrade(plane));
    tokio::spawn(async move {
        while look(&shared, &plane).await {
            tokio::time::sleep(BETWEEN).await;
        }
    });
}

/// False = the control plane has ended.
async fn look(shared: &Shared, plane: &Weak<ControlPlane>) -> bool {
    let Some(plane) = plane.upgrade() else { return false };
    let looked = match approve(shared, &plane).await {
        Ok(()) => watch(&plane).await,
        Err(error) => Err(error),
    };
    // While the API server is down, there is nothing to do.
    !matches!(looked, Err(Error::Closed))
}

async fn approve(shared: &Shared, plane: &ControlPlane) -> Result<(), Error> {
    let all = plane.api.get(&format!("{REQUESTS}?resourceVersion=0")).await?;
    for request in all["items"].as_array().into_iter().flatten() {
        let is_new = request["status"]["conditions"].as_array().is_none_or(Vec::is_empty);
        if !is_new || request["spec"]["signerName"] != "kubernetes.io/kubelet-serving" {
            continue;
        }
        let Some(node) = request["spec"]["username"].as_str().and_then(|name| name.strip_prefix("system:node:")) else {
            continue;
        };
        let (answered, object) = plane.api.exchange("GET", &format!("/api/v1/nodes/{node}"), None).await?;
        let is_hybrid = object["metadata"]["labels"]["eks.amazonaws.com/compute-type"] == "hybrid";
        let networks = shared.look(|world| {
            let region = world.accounts.get(&plane.key.account)?.regions.get(&plane.key.region)?;
            Some(region.eks.clusters.get(&plane.key.name)?.remote.nodes.clone())
        });
        let names = Names::of(request["spec"]["request"].as_str().unwrap_or_default());
        if answered == 200 && is_hybrid && names.is_some_and(|names| names.fit(node, &networks.unwrap_or_default())) {
            let condition = json!({"type": "Approved", "status": "True", "reason": "AutoApproved",
                "message": "Auto approving kubelet serving certificate of a hybrid node"});
            let patch = json!({"status": {"conditions": [condition]}});
            let name = request["metadata"]["name"].as_str().unwrap_or_default();
            let approval = format!("{REQUESTS}/{name}/approval");
            plane.api.call("PATCH", &approval, Some((Content::StrategicMergePatch, &patch))).await?;
        }
    }
    Ok(())
}

/// Marks the Nodes whose kubelets are silent.
async fn watch(plane: &ControlPlane) -> Result<(), Error> {
    let all = plane.api.get("/api/v1/nodes?resourceVersion=0").await?;
    let real = |node: &&Value| node["metadata"]["annotations"][nodes::PLAYED.0] != nodes::PLAYED.1;
    for node in all["items"].as_array().into_iter().flatten().filter(real).filter(|node| !is_unknown(node)) {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let (status, lease) = plane.api.exchange("GET", &format!("{LEASES}/{name}"), None).await?;
        let lease = if status == 200 { lease } else { Value::Null };
        // The lease is renewed every ten seconds, and created only that long after the Node.
        let heard = [&lease["spec"]["renewTime"], &ready(node)["lastHeartbeatTime"]];
        let heard = heard.iter().filter_map(|time| time.as_str()?.parse::<jiff::Timestamp>().ok()).max();
        // A Node without either has no kubelet that ever reported.
        let Some(heard) = heard else { continue };
        let now = Moment::now();
        if now.millis() - heard.as_millisecond() > GRACE_SECONDS * 1000 {
            let condition = json!({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.", "lastTransitionTime": now.iso()});
            let patch = json!({"status": {"conditions": [condition]}});
            let state = format!("/api/v1/nodes/{name}/status");
            plane.api.call("PATCH", &state, Some((Content::StrategicMergePatch, &patch))).await?;
        }
    }
    Ok(())
}

fn is_unknown(node: &Value) -> bool {
    ready(node)["status"] == "Unknown"
}

/// The Ready condition; null if there is none.
fn ready(node: &Value) -> Value {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().find(|one| one["type"] == "Ready").cloned().unwrap_or_default()
}

/// The names for which a certificate is requested.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    hosts: Vec<String>,
    addresses: Vec<String>,
}

impl Names {
    /// From a request in PEM, in base64. `None` = it has no alternative names.
    fn of(encoded: &str) -> Option<Self> {
        // 2.5.29.17, subjectAltName; an OCTET STRING follows, and in it a SEQUENCE.
        const EXTENSION: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
        let pem = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let request = crate::eks::authority::der(&pem)?;
        let start = request.windows(EXTENSION.len()).position(|bytes| bytes == EXTENSION)? + EXTENSION.len();
        let (tag, octets, _) = element(request.get(start..)?)?;
        let (_, mut rest, _) = element(octets).filter(|_| tag == 0x04)?;
        let mut names = Self::default();
        while !rest.is_empty() {
            let (tag, value, more) = element(rest)?;
            match (tag, value.len()) {
                (0x82, _) => names.hosts.push(String::from_utf8_lossy(value).into_owned()),
                (0x87, 4) => {
                    let octets: [u8; 4] = value.try_into().ok()?;
                    names.addresses.push(std::net::Ipv4Addr::from(octets).to_string());
                }
                // A kind that no kubelet requests, or an address that is in no network here.
                _ => names.addresses.push("another kind of name".to_owned()),
            }
            rest = more;
        }
        Some(names)
    }

    /// EKS's rule: the Node's name is among them, and every address is in the networks of hybrid nodes.
    fn fit(&self, node: &str, networks: &[String]) -> bool {
        let inside = |address: &String| {
            let alone = Cidr::parse(&format!("{address}/32"));
            let mut known = networks.iter().filter_map(|network| Cidr::parse(network));
            alone.is_some_and(|alone| known.any(|network| network.contains(alone)))
        };
        self.hosts.iter().any(|host| host == node) && self.addresses.iter().all(inside)
    }
}

/// Tag, content and remaining bytes of a DER element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn request(names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let parameters = CertificateParams::new(names).unwrap();
        let request = parameters.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        STANDARD.encode(crate::eks::authority::pem("CERTIFICATE REQUEST", request.der()))
    }

    #[test]
    fn a_request_is_approved_for_the_nodes_own_name_and_addresses_in_its_networks() {
        let networks = ["10.80.0.0/16".to_owned()];
        for (names, expected) in [
            (&["mi-1", "10.80.3.4"][..], true),
            (&["mi-1"], true),
            (&["mi-2", "10.80.3.4"], false),
            (&["mi-1", "10.81.3.4"], false),
            (&["mi-1", "10.80.3.4", "192.0.2.1"], false),
            (&["mi-1", "::1"], false),
        ] {
            let found = Names::of(&request(names)).unwrap();
            assert_eq!(found.fit("mi-1", &networks), expected, "{names:?}");
        }
        assert_eq!(Names::of("x"), None);
        assert_eq!(Names::of(&request(&[])), None);
    }
}
