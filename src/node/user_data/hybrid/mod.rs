//! User data for cloud-init that makes a host join as a hybrid node at its first boot.
//!
//! An archive of two parts: a cloud-config that writes the `NodeConfig` (root only), and a script (`join.sh`) that puts
//! nodeadm in place, checks it, installs, joins, and waits until the cluster knows the node. Both kinds of part are
//! understood by every cloud-init of the supported systems. nodeadm's silent successes are failures here, a failed join
//! is tried again at the next boot, and the activation code is in the `NodeConfig` alone: no argument, no log.
//!
//! Limit: EC2 takes at most 16 KiB of user data, other clouds other sizes. Hybrid nodes run elsewhere, so nothing is
//! refused here; an ordinary result is about 11 KiB, and a test holds it below 16.

mod script;

use names::{KubernetesVersion, Region};
use serde::{Serialize, Serializer};

use super::mime::{Part, archive};
use crate::node::config::NodeConfig;
use crate::node::shape::{self, Known, Reader, choice, holds, object, one_of, text};
use crate::node::tree::{Faults, Parsed, Tree};
use crate::node::yaml;

object! {
    check = check;
    /// What the host shall do at its first boot.
    pub struct UserData (UserDataDraft) {
        /// The `NodeConfig`, as for the function `node_config` without `os`.
        pub node_config: NodeConfig,
        /// Version of Kubernetes to install: at most the cluster's, and at most three minor versions older.
        pub kubernetes_version: KubernetesVersion,
        /// Architecture of the host. Default: as detected at boot.
        pub architecture: Option<Architecture>,
        /// Where to download nodeadm from. Default: the latest release, from AWS.
        pub nodeadm: Option<Nodeadm>,
        /// Where containerd comes from: the system's packages (`distro`, the default; not on RHEL), Docker's packages
        /// (`docker`; not on Amazon Linux), or `none` if it is already installed.
        pub containerd_source: Option<ContainerdSource>,
        /// Region to download the components from. Default: the cluster's.
        pub region: Option<Region>,
        /// Your own manifest of where to download the components from.
        pub manifest_override: Option<ManifestSource>,
        /// Install only from the manifest, without the system's packages; requires `manifest_override`. Default
        /// `false`.
        pub private_mode: Option<bool>,
        /// Proxy settings for the host: nodeadm, the package manager, the kubelet, containerd and the SSM agent.
        pub proxy: Option<Proxy>,
        /// Checks that `nodeadm init` skips.
        pub skip_validations: Option<Vec<Validation>>,
    }
}

object! {
    check = checksum_for_http;
    /// The nodeadm program.
    pub struct Nodeadm (NodeadmDraft) {
        /// URL of the program. `{architecture}` is replaced by `amd64` or `arm64`. Default
        /// `https://hybrid-assets.eks.amazonaws.com/releases/latest/bin/linux/{architecture}/nodeadm`; for a fixed
        /// release, replace `latest` with its version, such as `v1.0.20`.
        pub source: Option<Source>,
        /// SHA-256 of the program, for a source that does not change. Default: the checksum published next to the
        /// program, if there is one.
        pub sha256: Option<Sha256>,
    }
}

object! {
    check = some_proxy;
    /// A proxy.
    pub struct Proxy (ProxyDraft) {
        /// Proxy for http URLs.
        pub http: Option<ProxyUrl>,
        /// Proxy for https URLs.
        pub https: Option<ProxyUrl>,
        /// Hosts, domains and ranges to reach without the proxy.
        pub no_proxy: Option<Vec<DirectHost>>,
    }
}

choice! {
    /// Architecture of a host, as Kubernetes names it.
    pub enum Architecture {
        /// Intel and AMD, 64 bits.
        Amd64 = "amd64",
        /// ARM, 64 bits.
        Arm64 = "arm64",
    }
}

choice! {
    /// Where nodeadm takes containerd from.
    pub enum ContainerdSource {
        /// Already installed.
        None = "none",
        /// The system's packages.
        Distro = "distro",
        /// Docker's packages.
        Docker = "docker",
    }
}

/// Printable ASCII that needs no care in a shell, in curl's configuration or in a unit of systemd.
fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"'\"\\`$".contains(&byte))
}

/// Whether a URL of a scheme has a host, or for `file://` an absolute path.
fn is_url(text: &str, schemes: &[&str]) -> bool {
    plain(text)
        && schemes.iter().filter_map(|scheme| text.strip_prefix(scheme).map(|rest| (scheme, rest))).any(
            |(scheme, rest)| match *scheme {
                "file://" => rest.len() > 1 && rest.starts_with('/'),
                _ => !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']),
            },
        )
}

text! {
    /// Where a program is downloaded from.
    pub struct Source;
    rule = "a URL that begins with `https://`, `http://` or `file:///`, without spaces, quotes, `\\` and `$`";
    check = |text| holds(is_url(text, &["https://", "http://", "file://"]));
    // May be a URL that is signed, and so a secret for a while.
    shown = false;
}

text! {
    /// Where a manifest comes from.
    pub struct ManifestSource;
    rule = "a URL that begins with `https://` or `file:///`, without spaces, quotes, `\\` and `$`";
    check = |text| holds(is_url(text, &["https://", "file://"]));
    shown = false;
}

text! {
    /// A SHA-256 checksum.
    pub struct Sha256;
    rule = names::Sha256::RULE;
    check = |text| holds(text.parse::<names::Sha256>().is_ok());
}

text! {
    /// A proxy without a password.
    pub struct ProxyUrl;
    rule = "the URL of a proxy such as `http://proxy.example.com:3128`";
    check = |text| {
        if text.contains('@') {
            // The unit files and package managers' settings that it goes into are readable by everyone.
            return Err("a user or password would be readable by everyone on the host".to_owned());
        }
        let plain_host = !text.contains(['%', '?', '#']);
        holds(plain_host && is_url(text, &["http://", "https://"]))
    };
    shown = false;
}

text! {
    /// A host, domain or range that needs no proxy.
    pub struct DirectHost;
    rule = "a host, domain, address or range such as `.example.com` or `10.0.0.0/8`";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/*[]".contains(&byte);
        holds(!text.is_empty() && text.bytes().all(letters))
    };
}

/// What `nodeadm init` can leave out. The phases that do the work cannot be left out here.
const VALIDATIONS: [&str; 14] = [
    "api-server-endpoint-resolution-validation",
    "aws-auth-validation",
    "cluster-access-validation",
    "cni-validation",
    "credentials-validation",
    "iam-ra-api-network-validation",
    "k8s-authentication-validation",
    "k8s-endpoint-network-validation",
    "kubelet-cert-validation",
    "kubelet-version-skew-validation",
    "node-inactive-validation",
    "node-ip-validation",
    "proxy-validation",
    "ssm-api-network-validation",
];

text! {
    /// A check of `nodeadm init`.
    pub struct Validation;
    rule = one_of(&VALIDATIONS);
    check = |text| holds(VALIDATIONS.contains(&text));
}

fn check(draft: &UserDataDraft, reader: &mut Reader) {
    if matches!(draft.private_mode, Known::Ready(true)) && draft.manifest_override.given() == Some(false) {
        reader.fault_at(&["private_mode"], "needs `manifest_override`, which says where the components are");
    }
}

/// The program runs as root: something must vouch for it.
fn checksum_for_http(draft: &NodeadmDraft, reader: &mut Reader) {
    let bare = draft.source.ready().is_some_and(|source| source.as_str().starts_with("http://"));
    if bare && draft.sha256.given() == Some(false) {
        reader.fault_at(&["sha256"], "is required with a source of `http://`, which anyone on the way can change");
    }
}

fn some_proxy(draft: &ProxyDraft, reader: &mut Reader) {
    if draft.http.given() == Some(false) && draft.https.given() == Some(false) {
        reader.fault("one of `http` and `https` is required");
    }
}

/// Reads what the host shall do from an object in HCL.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<UserData>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list. Those of `node_config` are left to its own page.
#[must_use]
pub fn description() -> String {
    shape::description_without::<UserData>(&["node_config"])
}

impl UserData {
    /// The text for cloud-init. Holds the activation code in clear text.
    #[must_use]
    pub fn render(&self) -> String {
        let cloud_config = format!("#cloud-config\n{}", yaml::render(&CloudConfig::of(&self.node_config)));
        let script = script::render(self);
        archive(&[
            Part { content_type: "text/cloud-config", name: "nodeadm.cfg", content: &cloud_config },
            Part { content_type: "text/x-shellscript", name: "ekshybrid-join", content: &script },
        ])
    }
}

/// The part of a cloud-config that is needed here.
#[derive(Serialize)]
struct CloudConfig {
    write_files: [WrittenFile; 1],
}

#[derive(Serialize)]
struct WrittenFile {
    path: &'static str,
    owner: &'static str,
    permissions: &'static str,
    #[serde(serialize_with = "emit_content")]
    content: String,
}

fn emit_content<S: Serializer>(content: &str, serializer: S) -> Result<S::Ok, S::Error> {
    yaml::emit_text(content, serializer)
}

impl CloudConfig {
    fn of(node_config: &NodeConfig) -> Self {
        Self {
            write_files: [WrittenFile {
                path: "/etc/nodeadm/nodeConfig.yaml",
                owner: "root:root",
                permissions: "0600",
                content: node_config.to_yaml(),
            }],
        }
    }
}

#[cfg(test)]
mod tests;
