//! The `cluster` part of a `NodeConfig`: the cluster, and how to reach its API server.

use names::cidr::{CidrError, check_service_range};
use names::{Cidr, ClusterName, LocalClusterId};

use super::super::{CertificateAuthority, Endpoint};
use crate::node::shape::{Known, Reader, object, text};

object! {
    check = check;
    /// The EKS cluster that a node joins. On these nodes nodeadm does not query EKS, so all four values are required.
    pub struct Cluster (ClusterDraft) {
        /// Name of the EKS cluster.
        pub name: ClusterName,
        /// URL of the cluster's API server.
        pub api_server_endpoint: Endpoint,
        /// Certificate authority of the cluster, as EKS returns it: PEM in base64.
        pub certificate_authority: CertificateAuthority,
        /// IP range of the cluster's services, not of its pods; nodeadm derives the DNS service's address from it.
        pub cidr: ServiceNetwork,
        /// Whether the cluster is a local cluster on an Outpost, and the node must keep working while disconnected
        /// from the region; requires `id`. Default `false`.
        pub enable_outpost: Option<bool>,
        /// ID of a local cluster, which is not its name; requires `enable_outpost = true`.
        pub id: Option<LocalClusterId>,
    }
}

fn check(draft: &ClusterDraft, reader: &mut Reader) {
    match (&draft.enable_outpost, draft.id.given()) {
        (Known::Ready(true), Some(false)) => {
            reader.fault_at(&["id"], "is required with `enable_outpost`: the cluster's id, not its name");
        }
        (Known::Ready(false) | Known::Absent, Some(true)) => {
            reader.fault_at(&["id"], "needs `enable_outpost = true`");
        }
        _ => {}
    }
}

text! {
    /// IP range of a cluster's services, IPv4 or IPv6.
    pub struct ServiceNetwork;
    rule = "the range of the cluster's services, such as `10.100.0.0/16` or `fd12:3456:789a::/108`";
    check = |text| {
        let range: Cidr = text.parse().map_err(|error: CidrError| error.to_string())?;
        if range.network().is_ipv4() {
            return check_service_range(range).map_err(|error| error.to_string());
        }
        // nodeadm appends `a` to the address to get the tenth one.
        if text.split('/').next().is_some_and(|address| address.ends_with("::")) {
            Ok(())
        } else {
            Err("nodeadm finds the DNS service only where the address ends in `::`".to_owned())
        }
    };
}
