//! `NodeConfig` of a hybrid node (`node.eks.aws/v1alpha1`), read from an object in HCL and rendered as YAML.
//!
//! Attributes are the API's fields in snake case, nested as there. Source: `api/v1alpha1/nodeconfig_types.go` and
//! `internal/node/hybrid/validator.go` of github.com/aws/eks-hybrid, v1.0.20.
//!
//! Limit: nodes in EC2 share `apiVersion` and `kind` but have another schema; that flavour gets types of its own beside
//! these. `cluster.enableOutpost` and `cluster.id` are for Outposts, which hybrid nodes are not on.

mod cluster;
mod host;
mod hybrid;

pub use cluster::{CertificateAuthority, Cluster, ClusterName, Endpoint, ServiceRange};
pub use host::{Containerd, ContainerdConfiguration, Instance, Kubelet, KubeletConfiguration, KubeletFlag};
pub use host::{LocalStorage, LocalStorageStrategy};
pub use hybrid::{AbsolutePath, ActivationCode, ActivationId, Hybrid, IamRolesAnywhere, NodeName, Ssm};

use super::aws::{ProfileArn, RoleArn, TrustAnchorArn, wrong_partition};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::shape::{self, Emitted, Reader, object};
use super::tree::{Faults, Parsed, Tree};
use super::yaml;

object! {
    check = check;
    /// `NodeConfig` of a hybrid node.
    pub struct NodeConfig (NodeConfigDraft) {
        /// The EKS cluster that the host joins.
        pub cluster: Cluster,
        /// How the host gets AWS credentials: exactly one of `ssm` and `iam_roles_anywhere`.
        pub hybrid: Hybrid,
        /// Settings of the kubelet beyond nodeadm's own.
        pub kubelet: Option<Kubelet>,
        /// Settings of containerd beyond nodeadm's own.
        pub containerd: Option<Containerd>,
        /// Settings of the machine.
        pub instance: Option<Instance>,
    }
}

/// What gives the host its AWS credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialProvider {
    /// An activation of Systems Manager.
    Ssm,
    /// A certificate and IAM Roles Anywhere.
    IamRolesAnywhere,
}

impl CredentialProvider {
    /// The word for nodeadm's `--credential-provider`.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::IamRolesAnywhere => "iam-ra",
        }
    }
}

impl NodeConfig {
    /// Which of the two the configuration carries.
    #[must_use]
    pub fn credential_provider(&self) -> CredentialProvider {
        // Exactly one is given, checked when the configuration was read.
        if self.hybrid.ssm.is_some() { CredentialProvider::Ssm } else { CredentialProvider::IamRolesAnywhere }
    }

    /// The file that nodeadm reads, ending in a line break. Holds the activation code in clear text.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::render(&Document(self))
    }
}

/// The file around the `spec`, in the order and spelling of the API.
struct Document<'a>(&'a NodeConfig);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("apiVersion", "node.eks.aws/v1alpha1")?;
        map.serialize_entry("kind", "NodeConfig")?;
        map.serialize_entry("spec", &Emitted(self.0))?;
        map.end()
    }
}

/// Reads a `NodeConfig` from an object in HCL.
///
/// # Errors
/// Every rule of nodeadm and AWS that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<NodeConfig>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<NodeConfig>()
}

/// The ARNs must be of the region's partition: credentials of one partition are worth nothing in another.
fn check(draft: &NodeConfigDraft, reader: &mut Reader) {
    let region = draft.cluster.ready().and_then(|cluster| cluster.region.ready());
    let anywhere = draft.hybrid.ready().and_then(|hybrid| hybrid.iam_roles_anywhere.ready());
    let (Some(region), Some(anywhere)) = (region, anywhere) else { return };
    let arns = [
        ("trust_anchor_arn", anywhere.trust_anchor_arn.ready().map(TrustAnchorArn::as_str)),
        ("profile_arn", anywhere.profile_arn.ready().map(ProfileArn::as_str)),
        ("role_arn", anywhere.role_arn.ready().map(RoleArn::as_str)),
    ];
    for (attribute, arn) in arns {
        if let Some(message) = arn.and_then(|arn| wrong_partition(region, arn)) {
            reader.fault_at(&["hybrid", "iam_roles_anywhere", attribute], message);
        }
    }
}

#[cfg(test)]
mod tests;
