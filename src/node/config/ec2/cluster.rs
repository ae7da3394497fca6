//! The `cluster` part of a `NodeConfig`: which cluster, and how its API server is reached.

use names::cidr::{CidrError, check_service_range};
use names::{Cidr, ClusterName, LocalClusterId};

use super::super::{CertificateAuthority, Endpoint};
use crate::node::shape::{Known, Reader, object, text};

object! {
    check = check;
    /// The EKS cluster that a node joins. nodeadm asks EKS for nothing on these nodes, so that all four facts are
    /// needed.
    pub struct Cluster (ClusterDraft) {
        /// Name of the EKS cluster.
        pub name: ClusterName,
        /// URL of the cluster's API server.
        pub api_server_endpoint: Endpoint,
        /// Certificate authority of the cluster, as EKS gives it: PEM in base64.
        pub certificate_authority: CertificateAuthority,
        /// Range of the cluster's services, not of its pods; nodeadm takes the address of the DNS service from it.
        pub cidr: ServiceNetwork,
        /// The cluster is a local one on an Outpost, and the node must also work while it is cut off from the region;
        /// needs `id`. Default `false`.
        pub enable_outpost: Option<bool>,
        /// Id of a local cluster, which is not its name; needs `enable_outpost = true`.
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
    /// Range of a cluster's services, of either family.
    pub struct ServiceNetwork;
    rule = "the range of the cluster's services, such as `10.100.0.0/16` or `fd12:3456:789a::/108`";
    check = |text| {
        let range: Cidr = text.parse().map_err(|error: CidrError| error.to_string())?;
        if range.network().is_ipv4() {
            return check_service_range(range).map_err(|error| error.to_string());
        }
        // nodeadm writes an `a` behind the address for the tenth one.
        if text.split('/').next().is_some_and(|address| address.ends_with("::")) {
            Ok(())
        } else {
            Err("nodeadm finds the DNS service only where the address ends in `::`".to_owned())
        }
    };
}
