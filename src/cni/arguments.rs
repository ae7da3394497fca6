//! What can be said of Cilium and of Calico, and the texts with rules of their own.

use std::collections::BTreeMap;

use framework::model::{Bounded, Model, Secret, Span, Text, WriteOnly};
use names::{Cidr, Sha256};

use crate::charts::images::Mirror;
use crate::kube::release::is_release_name;

/// Declares Cilium once for the resource, which takes values that are never stored, and for the data source, where
/// Terraform knows none such.
macro_rules! cilium {
    ($($(#[$doc:meta])* $field:ident: $kind:ty,)+) => {
        /// Cilium.
        #[derive(Clone, Debug, PartialEq, Eq, Model)]
        pub struct Cilium {
            $($(#[$doc])* pub $field: $kind,)+
            /// The same as `sensitive_values`, kept neither in the state nor in a plan: for ephemeral values. Needs
            /// Terraform 1.11 or OpenTofu 1.11. Applied again when `sensitive_values_wo_version` changes.
            pub sensitive_values_wo: WriteOnly<String>,
            /// A number that you change with `sensitive_values_wo`: Terraform cannot compare what it does not keep.
            pub sensitive_values_wo_version: Option<i64>,
        }

        /// Cilium, as a chart alone needs it.
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
    /// Version of the chart, such as `1.17.9-0`. Needed unless `chart` is a folder, a file or an address.
    version: Option<String>,
    /// Chart repository (`https://helm.cilium.io`) or OCI registry with its path. Default without `chart`:
    /// `oci://public.ecr.aws/eks/cilium`, the build that AWS supports on hybrid nodes.
    repository: Option<String>,
    /// Name of the chart in `repository`; without `repository` a folder, a .tgz file, the `https://` address of one,
    /// or an `oci://` reference. Default: `cilium`.
    chart: Option<String>,
    /// SHA-256 checksum that the chart's archive must have.
    sha256: Option<Checksum>,
    /// Namespace of the release; made when there is none. A change makes a new release. Default: `kube-system`.
    namespace: Option<ReleaseName>,
    /// Name of the release. A change makes a new release. Default: `cilium`.
    release_name: Option<ReleaseName>,
    /// Where pods get their addresses from. Cannot change. Default: the cluster's remote pod networks.
    pod_cidrs: Option<Vec<Network>>,
    /// Prefix length of what each node gets of them. Cannot change. Default: 25, which is 128 addresses a node.
    pod_cidr_mask_size: Option<Bounded<16, 30>>,
    /// How many operators run, each on a node of its own. With one node it must be 1. Default: 2.
    operator_replicas: Option<Bounded<1, 100>>,
    /// Labels of the nodes that Cilium runs on; with none it runs on all. Default:
    /// `{ "eks.amazonaws.com/compute-type" = "hybrid" }`.
    node_selector: Option<BTreeMap<String, String>>,
    /// Turn the BGP control plane on, so that routers outside can learn the pods' addresses. Default: false.
    bgp: Option<bool>,
    /// Values of the chart as YAML, over those that the arguments make; later ones over earlier ones.
    values: Option<Vec<String>>,
    /// Values that no plan, message or log shows, as YAML, over all others. What was once set here stays hidden,
    /// whoever changes the release. Like every value of a Helm release, they are stored in the release's Secret in the
    /// cluster; in the Terraform state they are sensitive. See `sensitive_values_wo` to keep them out of it.
    sensitive_values: Option<Secret<String>>,
    /// Run Cilium's preflight check before an upgrade to another minor version: it pulls the new images on every node
    /// first, and finds network policies that would no longer be valid. Default: true.
    preflight: Option<bool>,
}

/// Calico.
#[derive(Clone, Debug, PartialEq, Eq, Model)]
pub struct Calico {
    /// Version of Calico, such as `v3.29.2`. Needed for the operator's chart unless `source` is a folder, a file or an
    /// address.
    pub version: Option<String>,
    /// `operator`: the chart tigera-operator, which then installs Calico; `manifest`: the manifest at `source`.
    /// Default: `operator`.
    pub method: Option<Method>,
    /// For the operator a chart repository, an OCI reference, a folder, a .tgz file or the `https://` address of one;
    /// default: `https://docs.tigera.io/calico/charts`. For the manifest, which needs it, a file or an `https://`
    /// address, such as
    /// `https://raw.githubusercontent.com/projectcalico/calico/v3.29.2/manifests/calico-vxlan.yaml`.
    pub source: Option<String>,
    /// SHA-256 checksum that the chart's archive or the manifest must have.
    pub sha256: Option<Checksum>,
    /// Where pods get their addresses from; the manifest takes one. Cannot change. Default: the cluster's remote pod
    /// networks.
    pub pod_cidrs: Option<Vec<Network>>,
    /// Prefix length of what a node gets at a time. Cannot change. Default: 26.
    pub block_size: Option<Bounded<20, 32>>,
    /// How packets between nodes are carried: `VXLAN`, `VXLANCrossSubnet` (not within a subnet, which in a VPC needs
    /// the source/destination check off), or `None`. Default: `VXLAN`.
    pub encapsulation: Option<Encapsulation>,
    /// Whether pods reach addresses outside of the pool with their node's address. Default: true.
    pub nat_outgoing: Option<bool>,
    /// Labels of the nodes that Calico runs on; with none it runs on all. Default:
    /// `{ "eks.amazonaws.com/compute-type" = "hybrid" }`.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// What Calico does to the source/destination check of EC2 instances: `DoNothing`, `Enable`, `Disable`. The
    /// latter two need EC2 permissions of the node's role, and cannot work outside of EC2. For the manifest only.
    /// Default: as the manifest says.
    pub aws_src_dst_check: Option<SourceCheck>,
    /// Values of the operator's chart as YAML, over those that the arguments make; later ones over earlier ones.
    pub values: Option<Vec<String>>,
}

/// The CNI, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Cilium(Cilium),
    /// Calico by its operator's chart.
    Operator(Calico),
    /// Calico by a manifest.
    Manifest(Calico),
}

/// How long operations may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Installing, such as `20m`.
    pub create: Option<Span>,
    /// Upgrading.
    pub update: Option<Span>,
    /// Removing.
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
    /// In VXLAN between subnets.
    VxlanCrossSubnet = "VXLANCrossSubnet",
    /// As they are.
    None = "None"
);
choice!(
    /// What Calico does to the source/destination check.
    SourceCheck, "source/destination check",
    /// Leaves it.
    DoNothing = "DoNothing",
    /// Turns it on.
    Enable = "Enable",
    /// Turns it off.
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
    /// A registry, with a path or without.
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
    /// A name that keeps to the rule.
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
