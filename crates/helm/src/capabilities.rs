//! What charts see of the cluster and of Helm: `.Capabilities`.

use crate::error::{Error, Result};
use crate::go::quote;

/// A Kubernetes version as charts see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeVersion {
    /// With a leading `v` and any suffix, such as `v1.33.4-eks-4f4795d`.
    pub full: String,
    /// Without suffixes, as long as it was written: what constraints are checked against.
    pub normalized: String,
    /// Major version.
    pub major: u64,
    /// Minor version.
    pub minor: u64,
}

impl KubeVersion {
    /// Reads `1.33`, `v1.33.4` or `v1.33.4-eks-4f4795d`.
    ///
    /// # Errors
    /// [`Error::Values`] where the text has no major and minor version.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || Error::Values(format!("could not parse {} as version", quote(text)));
        let trimmed = text.trim_start_matches(char::is_whitespace);
        let rest = trimmed.strip_prefix('v').unwrap_or(trimmed);
        let end = rest.find(|character: char| !(character.is_ascii_digit() || character == '.')).unwrap_or(rest.len());
        let numbers = rest[..end].trim_end_matches('.');
        let parts: Vec<&str> = numbers.split('.').collect();
        let well_formed = |part: &&str| !part.is_empty() && (part.len() == 1 || !part.starts_with('0'));
        if parts.len() < 2 || !parts.iter().all(well_formed) {
            return Err(invalid());
        }
        let number = |part: &str| part.parse::<u64>().map_err(|_| invalid());
        let mut normalized: Vec<String> = Vec::new();
        for part in &parts {
            normalized.push(number(part)?.to_string());
        }
        Ok(Self {
            full: if text.starts_with('v') { text.to_owned() } else { format!("v{text}") },
            normalized: format!("v{}", normalized.join(".")),
            major: number(parts[0])?,
            minor: number(parts[1])?,
        })
    }
}

/// `.Capabilities`: what the cluster and Helm are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The cluster's version.
    pub kube_version: KubeVersion,
    /// API versions such as `apps/v1`; `.Capabilities.APIVersions.Has` looks here. Objects such as
    /// `apps/v1/Deployment` belong here too.
    pub api_versions: Vec<String>,
    /// Version of Helm that this engine matches.
    pub helm_version: String,
    /// Version of Go that this Helm is built with.
    pub go_version: String,
    /// Kubernetes version of the client inside this Helm.
    pub kube_client_version: String,
}

impl Default for Capabilities {
    /// What `helm template` assumes without a cluster.
    fn default() -> Self {
        Self {
            kube_version: KubeVersion {
                full: "v1.36.0".to_owned(),
                normalized: "v1.36.0".to_owned(),
                major: 1,
                minor: 36,
            },
            api_versions: KNOWN.iter().map(|version| (*version).to_owned()).collect(),
            helm_version: "v4.2".to_owned(),
            go_version: "go1.26.6".to_owned(),
            kube_client_version: "v1.36".to_owned(),
        }
    }
}

/// API versions that Helm assumes where it has no cluster: those of its Kubernetes client, in its order.
const KNOWN: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha2",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];
