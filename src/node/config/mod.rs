//! `NodeConfig` (`node.eks.aws/v1alpha1`) of a hybrid node, parsed from an HCL object and rendered as YAML.
//!
//! Attributes are the API's fields in snake case, with the same nesting. Source: `api/v1alpha1/nodeconfig_types.go`
//! and `internal/node/hybrid/validator.go` of github.com/aws/eks-hybrid, v1.0.20.
//!
//! Limit: EC2 nodes share `apiVersion` and `kind` but have another schema, which is in [`ec2`]; the attribute `os`
//! distinguishes the two. `cluster.enableOutpost` and `cluster.id` are for Outposts, where hybrid nodes do not run.

mod cluster;
pub mod ec2;
mod fields;
mod host;
mod hybrid;

pub use cluster::{CertificateAuthority, Cluster, Endpoint, ServiceRange};
pub use host::{Containerd, ContainerdConfiguration, Instance, Kubelet, KubeletConfiguration, KubeletFlag};
pub use host::{LocalStorage, LocalStorageStrategy};
pub use hybrid::{AbsolutePath, ActivationCode, Hybrid, IamRolesAnywhere, NodeName, Ssm};

use names::{Arn, ProfileArn, RoleArn, TrustAnchorArn};
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
        /// Kubelet settings in addition to nodeadm's own.
        pub kubelet: Option<Kubelet>,
        /// containerd settings in addition to nodeadm's own.
        pub containerd: Option<Containerd>,
        /// Instance settings.
        pub instance: Option<Instance>,
    }
}

/// The source of the host's AWS credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialProvider {
    /// A Systems Manager activation.
    Ssm,
    /// A certificate and IAM Roles Anywhere.
    IamRolesAnywhere,
}

impl CredentialProvider {
    /// The value of nodeadm's `--credential-provider`.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::IamRolesAnywhere => "iam-ra",
        }
    }
}

impl NodeConfig {
    /// The credential provider of the configuration.
    #[must_use]
    pub fn credential_provider(&self) -> CredentialProvider {
        // Exactly one is set, as checked when the configuration was parsed.
        if self.hybrid.ssm.is_some() { CredentialProvider::Ssm } else { CredentialProvider::IamRolesAnywhere }
    }

    /// The file for nodeadm, ending in a line break. Contains the activation code in clear text.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        document(&Emitted(self))
    }
}

/// The file around a `spec`.
fn document(spec: &impl Serialize) -> String {
    struct Document<'a, S>(&'a S);

    impl<S: Serialize> Serialize for Document<'_, S> {
        fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("apiVersion", "node.eks.aws/v1alpha1")?;
            map.serialize_entry("kind", "NodeConfig")?;
            map.serialize_entry("spec", self.0)?;
            map.end()
        }
    }

    yaml::render(&Document(spec))
}

/// A `NodeConfig` of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyNodeConfig {
    /// Of a hybrid node.
    Hybrid(Box<NodeConfig>),
    /// Of an EC2 node.
    Ec2(Box<ec2::NodeConfig>),
}

impl AnyNodeConfig {
    /// The file for nodeadm, ending in a line break.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        match self {
            Self::Hybrid(config) => config.to_yaml(),
            Self::Ec2(config) => config.to_yaml(),
        }
    }
}

/// Parses a `NodeConfig` of the kind selected by the attribute `os`: `al2023` is an EC2 node; without it, a hybrid
/// node.
///
/// # Errors
/// Every rule that the known part of the input breaks; if `os` is invalid, only that.
pub fn parse_any(tree: &Tree) -> Result<Parsed<AnyNodeConfig>, Faults> {
    match shape::parse_attribute::<ec2::System>(tree, "os")? {
        None => {
            let parsed = parse(&tree.without("os"))?;
            Ok(parsed.map(|config| AnyNodeConfig::Hybrid(Box::new(config))))
        }
        Some(Parsed::Ready(_)) => Ok(ec2::parse(tree)?.map(|config| AnyNodeConfig::Ec2(Box::new(config)))),
        Some(Parsed::Pending) => Ok(Parsed::Pending),
    }
}

/// Parses a `NodeConfig` of a hybrid node from an HCL object.
///
/// # Errors
/// Every rule of nodeadm and AWS that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<NodeConfig>, Faults> {
    shape::parse(tree)
}

/// All attributes of a hybrid node's `NodeConfig`, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<NodeConfig>()
}

/// All attributes of both kinds, their types and rules, as Markdown.
#[must_use]
pub fn description_of_any() -> String {
    format!(
        "### Hybrid node: without `os`\n\n{}\n### Node in EC2 on Amazon Linux 2023: `os = \"al2023\"`\n\n{}",
        description(),
        ec2::description()
    )
}

/// The ARNs must be of the region's partition: credentials of one partition are not accepted in another.
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
        let Some(partition) = arn.and_then(|arn| Arn::parse(arn).ok()).map(|arn| arn.partition.id()) else { continue };
        let own = region.partition().id();
        if partition != own {
            let message = format!("is in the partition `{partition}`, but the region `{region}` belongs to `{own}`");
            reader.fault_at(&["hybrid", "iam_roles_anywhere", attribute], message);
        }
    }
}

#[cfg(test)]
mod tests;
