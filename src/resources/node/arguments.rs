//! Nested arguments of a node, and how they become nodeadm's.

pub(super) mod settings;
pub(super) mod stored;

use framework::model::{Dynamic, Model, Secret, Span, Text};
use names::Word as _;

use crate::attributes::{ActivationId, LabelKey, RoleName};

/// Systems Manager as the source of the host's AWS credentials.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(activation_id, iam_role))]
#[model(together(activation_id, activation_code))]
pub struct Ssm {
    /// Id of an activation (`ekshybrid_activation`) in the cluster's region. A host that has joined does not need it
    /// any longer; another id replaces the node, so set `lifecycle { ignore_changes = [ssm] }` where activations are
    /// rotated, or use `iam_role`.
    pub activation_id: Option<ActivationId>,
    /// Code of the activation. It reaches the host in a file that only root can read and that is removed after the
    /// join.
    pub activation_code: Option<Secret<String>>,
    /// Name of the hosts' IAM role, including its path if it has one. The provider creates an activation for one host
    /// just before the join and deletes it afterwards.
    pub iam_role: Option<RoleName>,
}

/// A certificate and IAM Roles Anywhere as the source of the host's AWS credentials.
#[derive(Clone, Debug, Model)]
pub struct IamRolesAnywhere {
    /// Name of the node, and of its role session.
    pub node_name: String,
    /// ARN of the trust anchor.
    pub trust_anchor_arn: String,
    /// ARN of the profile.
    pub profile_arn: String,
    /// ARN of the hosts' role.
    pub role_arn: String,
    /// Where nodeadm writes the AWS configuration. Default: `/etc/aws/hybrid/config`.
    pub aws_config_path: Option<String>,
    /// The certificate on the host. Default: `/etc/iam/pki/server.pem`.
    pub certificate_path: Option<String>,
    /// The certificate's private key on the host. Default: `/etc/iam/pki/server.key`.
    pub private_key_path: Option<String>,
}

/// Kubelet settings.
#[derive(Clone, Debug, Model)]
pub struct Kubelet {
    /// Fields of `KubeletConfiguration`, spelled as in the API (`{ maxPods = 50 }`), merged over nodeadm's own.
    pub config: Option<Dynamic>,
    /// Flags such as `--node-ip=10.80.0.11`, appended to nodeadm's own.
    pub flags: Option<Vec<String>>,
}

/// A taint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Model)]
pub struct Taint {
    /// Key.
    pub key: LabelKey,
    /// Value. Default: none.
    pub value: Option<TaintValue>,
    /// Effect on pods that do not tolerate it: `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: Effect,
}

/// Value of a taint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaintValue(String);

impl Text for TaintValue {
    const NOUN: &'static str = "value of a taint";

    fn parse(text: &str) -> Result<Self, String> {
        names::LabelValue::parse(text).map(|_| Self(text.to_owned())).map_err(|invalid| format!("{invalid}."))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// Effect of a taint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// New pods are not scheduled.
    NoSchedule,
    /// New pods are scheduled only if no other node fits.
    PreferNoSchedule,
    /// Running pods are evicted, too.
    NoExecute,
}

impl Text for Effect {
    const NOUN: &'static str = "effect of a taint";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "NoSchedule" => Ok(Self::NoSchedule),
            "PreferNoSchedule" => Ok(Self::PreferNoSchedule),
            "NoExecute" => Ok(Self::NoExecute),
            _ => Err(format!("`{text}` is none of `NoSchedule`, `PreferNoSchedule` and `NoExecute`.")),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// The one that is installed on the host.
    pub(crate) fn installed() -> Self {
        Self(String::new())
    }

    /// Major and minor version.
    pub(super) fn minor(&self) -> (u32, u32) {
        minor(&self.0).unwrap_or_default()
    }

    /// Whether a kubelet's version (`v1.34.2-eks-ecaa3a6`) is this one; without a patch, any patch fits.
    pub(super) fn fits(&self, kubelet: &str) -> bool {
        let plain = kubelet.trim_start_matches('v').split('-').next().unwrap_or_default();
        plain == self.0 || plain.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Major and minor of `1.34`, `1.34.2` or `v1.34.2-eks-…`.
pub(super) fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Text for Version {
    const NOUN: &'static str = "version of Kubernetes";

    fn parse(text: &str) -> Result<Self, String> {
        names::KubernetesVersion::parse(text).map(|_| Self(text.to_owned())).map_err(|invalid| format!("{invalid}."))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(TaintValue, Effect, Version);

/// The nodeadm program.
#[derive(Clone, Debug, Model)]
pub struct Nodeadm {
    /// URL from which the host downloads the program; `{architecture}` is replaced by `amd64` or `arm64`. Default: the
    /// latest release, from AWS. A program that is already on the host is used if its version suffices.
    pub source: Option<String>,
    /// SHA-256 of the program. A program on the host with another one is replaced. Default: the checksum published
    /// next to the program, if there is one.
    pub sha256: Option<String>,
}

/// A proxy of the host.
#[allow(clippy::struct_field_names, reason = "the variable of that name is NO_PROXY")]
#[derive(Clone, Debug, Model)]
pub struct Proxy {
    /// Proxy for http URLs.
    pub http: Option<String>,
    /// Proxy for https URLs.
    pub https: Option<String>,
    /// Hosts, domains and ranges to reach without the proxy.
    pub no_proxy: Option<Vec<String>>,
}

/// How pods are moved off the node before an upgrade and on destroy. Evictions respect PodDisruptionBudgets.
#[derive(Clone, Debug, Model)]
pub struct Drain {
    /// Evict pods that no controller owns, too: nothing creates them again. Default: false, which fails on such pods.
    #[attr(default = false)]
    pub force: bool,
    /// Evict pods with `emptyDir` volumes, too: the data in them are lost. Default: false, which fails on such pods.
    #[attr(default = false)]
    pub delete_emptydir_data: bool,
    /// How long each pod gets to terminate, such as `30s`. Default: the pod's own grace period.
    pub grace_period: Option<Span>,
    /// How long a drain may take. Default: `15m`.
    pub timeout: Option<Span>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_kubelets() {
        for (wanted, kubelet, fits) in [
            ("1.34", "v1.34.2-eks-ecaa3a6", true),
            ("1.34.2", "v1.34.2-eks-ecaa3a6", true),
            ("1.34.2", "v1.34.2", true),
            ("1.34.2", "v1.34.20-eks-1", false),
            ("1.34.3", "v1.34.2-eks-ecaa3a6", false),
            ("1.3", "v1.34.2", false),
            ("1.35", "v1.34.2", false),
        ] {
            assert_eq!(Version(wanted.to_owned()).fits(kubelet), fits, "{wanted} {kubelet}");
        }
    }
}
