//! Arguments of Cilium and Calico, and the text types that validate them.

use std::collections::BTreeMap;

use framework::model::{Bounded, Model, Secret, Span, Text, WriteOnly};
use names::{Cidr, Sha256};

use crate::charts::images::Mirror;
use crate::kube::release::is_release_name;

/// Declares Cilium once for the resource, which takes write-only values, and for the data source, where Terraform has
/// none.
macro_rules! cilium {
    ($($(#[$doc:meta])* $field:ident: $kind:ty,)+) => {
        /// Cilium.
        #[derive(Clone, Debug, PartialEq, Eq, Model)]
        pub struct Cilium {
            $($(#[$doc])* pub $field: $kind,)+
            /// Like `sensitive_values`, but stored neither in the state nor in the plan, for ephemeral values. Requires
            /// Terraform 1.11 or OpenTofu 1.11. Applied again when `sensitive_values_wo_version` changes.
            pub sensitive_values_wo: WriteOnly<String>,
            /// Version of `sensitive_values_wo`; change it whenever you change the values. Terraform does not store
            /// write-only values and cannot compare them.
            pub sensitive_values_wo_version: Option<i64>,
        }

        /// Cilium, as far as rendering the chart needs it.
        #[derive(Clone, Debug, PartialEq, Eq, Model)]
        pub struct CiliumChart {
            $($(#[$doc])* pub $field: $kind,)+
        }

        impl From<&CiliumChart> for Cilium {
            fn from(chart: &CiliumChart) -> Self {
                Self {
                    $($field: chart.$field.clone(),)+
                    sensitive_values_wo: WriteOnly::new(None),
                    sensitive_values_wo_version: None,
                }
            }
        }
    };
}

cilium! {
    /// Version of the chart, such as `1.17.9-0`. Required unless `chart` is a directory, a file or a URL.
    version: Option<String>,
    /// Chart repository (such as `https://helm.cilium.io`) or OCI registry with its path. Default if `chart` is not
    /// set: `oci://public.ecr.aws/eks/cilium`, the build that AWS supports on hybrid nodes.
    repository: Option<String>,
    /// Name of the chart in `repository`. Without `repository`: a directory, a `.tgz` file, the `https://` URL of one,
    /// or an `oci://` reference. Default: `cilium`.
    chart: Option<String>,
    /// SHA-256 checksum that the chart's archive must have.
    sha256: Option<Checksum>,
    /// Namespace of the release; created if it does not exist. A change creates a new release. Default: `kube-system`.
    namespace: Option<ReleaseName>,
    /// Name of the release. A change creates a new release. Default: `cilium`.
    release_name: Option<ReleaseName>,
    /// IPv4 ranges that pods get their addresses from. Ranges cannot be changed or removed; further ones can be
    /// appended. Default: the cluster's remote pod networks.
    pod_cidrs: Option<Vec<Network>>,
    /// Prefix length of the range each node gets from `pod_cidrs`. Cannot be changed. Default: 25, which is 128
    /// addresses per node.
    pod_cidr_mask_size: Option<Bounded<16, 30>>,
    /// Number of Cilium operator replicas, each on a different node. Must be 1 if there is only one node. Default: 2.
    operator_replicas: Option<Bounded<1, 100>>,
    /// Labels of the nodes that Cilium runs on; an empty map selects all nodes. Default:
    /// `{ "eks.amazonaws.com/compute-type" = "hybrid" }`.
    node_selector: Option<BTreeMap<String, String>>,
    /// Enable the BGP control plane, through which external routers can learn the pods' addresses. It advertises nothing
    /// until the cluster has a CiliumBGPClusterConfig, a CiliumBGPPeerConfig and a CiliumBGPAdvertisement, which are to
    /// be created after the installation. Default: false.
    bgp: Option<bool>,
    /// Values of the chart as YAML documents. They override the values that the provider derives from the other
    /// arguments; later documents override earlier ones.
    values: Option<Vec<String>>,
    /// Values as a YAML document that is never shown in plans, messages or logs. They override all other values. Values
    /// once set here stay hidden, even if others change the release. Like all values of a Helm release, they are stored
    /// in the release's Secret in the cluster; in the Terraform state they are sensitive. To keep them out of the
    /// state, use `sensitive_values_wo`.
    sensitive_values: Option<Secret<String>>,
    /// Run Cilium's preflight check before an upgrade to another minor version. It pulls the new images on every node
    /// beforehand and finds network policies that would become invalid. Default: true.
    preflight: Option<bool>,
}

/// Calico.
#[derive(Clone, Debug, PartialEq, Eq, Model)]
pub struct Calico {
    /// Version of Calico, such as `v3.29.2`. Required for the operator's chart unless `source` is a directory, a file
    /// or a URL.
    pub version: Option<String>,
    /// How to install Calico: `operator` (the chart tigera-operator, whose operator then installs Calico) or `manifest`
    /// (the manifest at `source`). Default: `operator`.
    pub method: Option<Method>,
    /// Source of the chart or manifest. For `operator`: a chart repository, an OCI reference, a directory, a `.tgz`
    /// file or the `https://` URL of one; default: `https://docs.tigera.io/calico/charts`. For `manifest`, which
    /// requires it: a file or an `https://` URL, such as
    /// `https://raw.githubusercontent.com/projectcalico/calico/v3.29.2/manifests/calico-vxlan.yaml`.
    pub source: Option<String>,
    /// SHA-256 checksum that the chart's archive or the manifest must have.
    pub sha256: Option<Checksum>,
    /// IPv4 ranges that pods get their addresses from; `manifest` supports only one. Ranges cannot be changed or
    /// removed; with `operator`, further ones can be appended. Default: the cluster's remote pod networks.
    pub pod_cidrs: Option<Vec<Network>>,
    /// Prefix length of the address blocks that Calico assigns to nodes, one block at a time. Cannot be changed.
    /// Default: 26.
    pub block_size: Option<Bounded<20, 32>>,
    /// Encapsulation of packets between nodes: `VXLAN`, `VXLANCrossSubnet` (only between subnets; in a VPC, this
    /// requires the source/destination check to be disabled), or `None`. Default: `VXLAN`.
    pub encapsulation: Option<Encapsulation>,
    /// Whether traffic from pods to addresses outside the pool uses the node's address (NAT). Default: true.
    pub nat_outgoing: Option<bool>,
    /// Labels of the nodes that Calico runs on; an empty map selects all nodes. Default:
    /// `{ "eks.amazonaws.com/compute-type" = "hybrid" }`.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// What Calico does with the source/destination check of EC2 instances: `DoNothing`, `Enable` or `Disable`.
    /// `Enable` and `Disable` require EC2 permissions in the node's role, and do not work outside EC2. Only for
    /// `method = "manifest"`. Default: as in the manifest.
    pub aws_src_dst_check: Option<SourceCheck>,
    /// Values of the operator's chart as YAML documents. They override the values that the provider derives from the
    /// other arguments; later documents override earlier ones.
    pub values: Option<Vec<String>>,
}

/// The CNI, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Cilium(Cilium),
    /// Calico, installed by its operator's chart.
    Operator(Calico),
    /// Calico, installed by a manifest.
    Manifest(Calico),
}

/// How long operations may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Installation, such as `20m`.
    pub create: Option<Span>,
    /// Upgrade.
    pub update: Option<Span>,
    /// Removal.
    pub delete: Option<Span>,
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $($(#[$each:meta])* $variant:ident = $text:literal),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$each])* $variant,)+
        }

        impl Text for $name {
            const NOUN: &'static str = $noun;

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("`{text}` is none of {}.", [$(concat!("`", $text, "`")),+].join(", "))),
                }
            }

            fn text(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        framework::text_field!($name);
    };
}

choice!(
    /// How Calico is installed.
    Method, "method",
    /// By the chart of its operator.
    Operator = "operator",
    /// By a manifest.
    Manifest = "manifest"
);
choice!(
    /// How packets between nodes are carried.
    Encapsulation, "encapsulation",
    /// Always in VXLAN.
    Vxlan = "VXLAN",
    /// In VXLAN between subnets, without encapsulation within one.
    VxlanCrossSubnet = "VXLANCrossSubnet",
    /// Without encapsulation.
    None = "None"
);
choice!(
    /// What Calico does to the source/destination check.
    SourceCheck, "source/destination check",
    /// Leaves it unchanged.
    DoNothing = "DoNothing",
    /// Enables it.
    Enable = "Enable",
    /// Disables it.
    Disable = "Disable"
);

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl Text for $name {
            const NOUN: &'static str = $noun;

            fn parse(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(text).map(|()| Self(text.to_owned()))
            }

            fn text(&self) -> &str {
                &self.0
            }
        }

        framework::text_field!($name);
    };
}

checked!(
    /// Name of a release or of a namespace.
    ReleaseName, "name", |text| {
        if is_release_name(text) && !text.contains('.') {
            return Ok(());
        }
        Err(format!(
            "`{text}` must be at most 53 lowercase letters, digits and `-`, with a letter or digit at each end."
        ))
    }
);
checked!(
    /// A SHA-256 checksum.
    Checksum, "checksum", |text| {
        text.parse::<Sha256>().map(|_| ()).map_err(|invalid| format!("{invalid}."))
    }
);
checked!(
    /// A registry with an optional path.
    ImageRegistry, "registry", |text| Mirror::parse(text).map(|_| ()).map_err(|error| format!("{error}."))
);
checked!(
    /// An IPv4 range.
    Network, "range", |text| match text.parse::<Cidr>() {
        Ok(range) if range.network().is_ipv4() => Ok(()),
        Ok(_) => Err(format!("`{text}` is not an IPv4 range. Hybrid nodes have IPv4 addresses.")),
        Err(error) => Err(format!("{error}.")),
    }
);

impl ReleaseName {
    /// The name, if it is valid.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::parse(name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_rules() {
        let network = |text| Network::parse(text).err();
        assert_eq!(network("10.85.0.0/16"), None);
        for (text, part) in
            [("10.85.0.1/16", "10.85.0.0/16"), ("10.85.0.0", "/32"), ("fd00::/64", "IPv4"), ("x", "`x`")]
        {
            let why = network(text).expect(text);
            assert!(why.contains(part), "{why}");
        }
        for (text, good) in [("kube-system", true), ("a.b", false), ("A", false), ("", false), ("a-", false)] {
            assert_eq!(ReleaseName::parse(text).is_ok(), good, "{text}");
        }
        assert!(Checksum::parse("abc").is_err());
        assert!(Checksum::parse(&"a".repeat(64)).is_ok());
        assert!(ImageRegistry::parse("https://a.example").is_err());
        assert!(ImageRegistry::parse("a.example:5000/mirror").is_ok());
        assert_eq!(Method::parse("manifest"), Ok(Method::Manifest));
        assert_eq!(Method::parse("helm").unwrap_err(), "`helm` is none of `operator`, `manifest`.");
        assert_eq!(Encapsulation::parse("VXLANCrossSubnet").unwrap().text(), "VXLANCrossSubnet");
    }
}
