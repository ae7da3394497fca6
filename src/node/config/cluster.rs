//! The `cluster` part of a `NodeConfig`: the cluster, and how to reach its API server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use names::cidr::{CidrError, check_service_range};
use names::{Cidr, ClusterName, Region};

use crate::node::shape::{holds, object, text};

object! {
    /// The EKS cluster that a host joins.
    pub struct Cluster (ClusterDraft) {
        /// Name of the EKS cluster.
        pub name: ClusterName,
        /// Region of the cluster; an activation must be in the same region.
        pub region: Region,
        /// URL of the cluster's API server. If this, `certificate_authority` or `cidr` is omitted, nodeadm gets the
        /// missing values from EKS and also checks the node's address, the version skew and the access entry; the
        /// node's role then needs `eks:DescribeCluster` and `eks:ListAccessEntries`. Set all three for hosts that
        /// cannot reach EKS and for roles that are mapped only in aws-auth.
        pub api_server_endpoint: Option<Endpoint>,
        /// Certificate authority of the cluster, as EKS returns it: PEM in base64.
        pub certificate_authority: Option<CertificateAuthority>,
        /// IPv4 range of the cluster's services, not of its pods; nodeadm derives the address of the DNS service from
        /// it.
        pub cidr: Option<ServiceRange>,
    }
}

text! {
    /// URL of a Kubernetes API server.
    pub struct Endpoint;
    rule = "an https URL without a path, such as `https://0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com`";
    check = |text| {
        let Some(rest) = text.strip_prefix("https://") else {
            return Err(if text.contains("://") { String::new() } else { "it lacks `https://`".to_owned() });
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let host_letters = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let address_letters = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        let named = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => !address.is_empty() && address.bytes().all(address_letters),
            None => !host.is_empty() && host.bytes().all(host_letters),
        };
        let numbered = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        holds(named && numbered)
    };
}

text! {
    /// Base64-encoded PEM certificates.
    pub struct CertificateAuthority;
    rule = "PEM certificates in base64, as EKS gives them";
    check = |text| {
        if text.contains("-----BEGIN") {
            return Err("that is PEM itself, put it through `base64encode`".to_owned());
        }
        let Ok(decoded) = STANDARD.decode(text) else {
            let around = text.trim();
            return Err(if around.len() < text.len() && STANDARD.decode(around).is_ok() {
                "it has spaces or line breaks around it; `trimspace` removes them".to_owned()
            } else {
                "that is not base64".to_owned()
            });
        };
        let Ok(pem) = String::from_utf8(decoded) else {
            return Err("what it encodes is not PEM".to_owned());
        };
        if pem.contains("PRIVATE KEY-----") {
            return Err("it holds a private key, which does not belong here".to_owned());
        }
        let begins = pem.matches("-----BEGIN CERTIFICATE-----").count();
        let ends = pem.matches("-----END CERTIFICATE-----").count();
        if begins == 0 {
            return Err("what it encodes is not PEM".to_owned());
        }
        if begins != ends {
            return Err("it is cut off".to_owned());
        }
        Ok(())
    };
    shown = false;
}

text! {
    /// IP range of a cluster's services.
    pub struct ServiceRange;
    rule = "the IPv4 range of the cluster's services, /12 to /24 and private, such as `10.100.0.0/16`";
    check = |text| {
        let range: Cidr = text.parse().map_err(|error: CidrError| error.to_string())?;
        check_service_range(range).map_err(|error| error.to_string())
    };
}

impl ServiceRange {
    /// The range itself.
    #[must_use]
    pub fn range(&self) -> Cidr {
        // Validated when the text was parsed; there is no other way to construct a range.
        self.as_str().parse().unwrap_or_else(|_| unreachable!("a service range that is no range"))
    }
}
