//! `NodeConfig` of an EC2 node on Amazon Linux 2023, parsed from an HCL object and rendered as YAML.
//!
//! It shares `apiVersion` and `kind` with that of a hybrid node, but neither the fields nor the program that reads
//! it. Attributes are the API's fields in snake case, with the same nesting, plus a few simpler ones for the most
//! common settings: the number of pods, labels and taints. Source: `nodeadm/api/v1alpha1/nodeconfig_types.go`,
//! `nodeadm/internal/api/validation.go` and the code that reads each field there, of
//! github.com/awslabs/amazon-eks-ami in July 2026. This nodeadm ignores unknown names, which is why each name is
//! checked here.
//!
//! Limit: fields of `KubeletConfiguration` are checked for spelling, not for meaning.

mod cluster;
mod containerd;
mod instance;
mod kubelet;

pub use cluster::{Cluster, ServiceNetwork};
pub use containerd::{BaseRuntimeSpec, Containerd};
pub use instance::{DisabledMount, Domain, Environment, FeatureGates, Instance, LocalStorage, LocalStorageStrategy};
pub use instance::{Nameserver, Network};
pub use kubelet::{Kubelet, KubeletFlag};

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::node::shape::{self, Known, Reader, emit_field, object, text};
use crate::node::tree::{Faults, Parsed, Tree};

object! {
    check = check;
    /// `NodeConfig` of an EC2 node.
    pub struct NodeConfig (NodeConfigDraft) {
        /// Selects an EC2 node on Amazon Linux 2023. May be omitted inside `user_data`, which has its own `os`.
        pub os: Option<System>,
        /// Whether something else adds the cluster, which may then be omitted here: EKS does for a managed node group
        /// whose launch template names no image, and so does Karpenter. Both merge their own `NodeConfig` with this one
        /// and set the maximum number of pods, so a number given here may be overridden. Default `false`.
        pub partial: Option<bool>,
        /// The EKS cluster that the node joins; required unless `partial` is `true`.
        pub cluster: Option<Cluster>,
        /// Kubelet settings in addition to nodeadm's own.
        pub kubelet: Option<Kubelet>,
        /// containerd settings in addition to nodeadm's own.
        pub containerd: Option<Containerd>,
        /// Settings of the instance.
        pub instance: Option<Instance>,
        /// Features of nodeadm to turn on or off, by their names in the API.
        pub feature_gates: Option<FeatureGates>,
    }
}

text! {
    /// The operating system of an EC2 node that reads a `NodeConfig`.
    pub struct System;
    rule = "`al2023`, or left out for a hybrid node";
    check = |text| match text {
        "al2023" => Ok(()),
        "al2" => Err("Amazon Linux 2 reads no NodeConfig: the functions `user_data` and `bootstrap_arguments` are for \
                      its nodes"
            .to_owned()),
        _ => Err(String::new()),
    };
}

fn check(draft: &NodeConfigDraft, reader: &mut Reader) {
    if draft.cluster.given() == Some(false) && matches!(draft.partial, Known::Absent | Known::Ready(false)) {
        reader.fault_at(&["cluster"], "is required, unless `partial = true` says that EKS or Karpenter adds it");
    }
}

/// Parses a `NodeConfig` from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<NodeConfig>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<NodeConfig>()
}

impl NodeConfig {
    /// The file for nodeadm, ending in a line break.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        super::document(&Spec(self))
    }
}

/// The `spec`: its fields are spelled as in the API; `os` and `partial` are not part of the file.
struct Spec<'a>(&'a NodeConfig);

impl Serialize for Spec<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let NodeConfig { os: _, partial: _, cluster, kubelet, containerd, instance, feature_gates } = self.0;
        let mut map = serializer.serialize_map(None)?;
        emit_field(&mut map, "cluster", cluster)?;
        if let Some(kubelet) = kubelet {
            map.serialize_entry("kubelet", &kubelet::Rendered(kubelet))?;
        }
        emit_field(&mut map, "containerd", containerd)?;
        emit_field(&mut map, "instance", instance)?;
        emit_field(&mut map, "feature_gates", feature_gates)?;
        map.end()
    }
}

#[cfg(test)]
mod tests;
