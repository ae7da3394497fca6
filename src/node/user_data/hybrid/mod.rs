//! User data for cloud-init that joins a host as a hybrid node at first boot.
//!
//! An archive of two parts: a cloud-config that writes the `NodeConfig` (readable by root only), and a script
//! (`join.sh`) that downloads nodeadm, verifies it, runs install and init, and waits until the cluster knows the
//! node. Every cloud-init version of the supported systems understands both parts. Silent successes of nodeadm count
//! as failures here, a failed join is retried at the next boot, and the activation code is only in the `NodeConfig`:
//! not in arguments, not in logs.
//!
//! Limit: EC2 accepts at most 16 KiB of user data, other clouds have other limits. Hybrid nodes run elsewhere, so
//! nothing is rejected here; a typical result is about 11 KiB, and a test keeps it below 16.

mod command;
mod script;

pub use command::JoinCommand;
pub(crate) use command::{description as join_command_description, parse as parse_join_command};

use names::{KubernetesVersion, Region};
use serde::{Serialize, Serializer};

use super::mime::{Part, archive};
use super::own::{CloudConfig as OwnConfig, SCRIPT, Script, named, scripts, scripts_named};
use crate::node::config::NodeConfig;
use crate::node::shape::{self, Known, Reader, choice, holds, object, one_of, text};
use crate::node::tree::{Faults, Parsed, Tree};
use crate::node::yaml;

object! {
    check = check;
    /// Settings for joining at first boot.
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
        /// Custom manifest that lists where to download the components from.
        pub manifest_override: Option<ManifestSource>,
        /// Install only from the manifest, without the system's packages; requires `manifest_override`. Default
        /// `false`.
        pub private_mode: Option<bool>,
        /// Proxy settings for the host: nodeadm, the package manager, the kubelet, containerd and the SSM agent.
        pub proxy: Option<Proxy>,
        /// Checks for `nodeadm init` to skip.
        pub skip_validations: Option<Vec<Validation>>,
        /// Cloud-configs in addition to the one that writes the `NodeConfig`: keys, certificate authorities, NTP
        /// servers, users. Their lists, such as `write_files`, are appended to each other.
        pub cloud_configs: Option<Vec<OwnConfig>>,
        /// Scripts that run in order before the host joins. A failed script does not stop the others. They run at the
        /// first boot only, while a failed join is repeated at the next boot.
        pub scripts_before: Option<Vec<Script>>,
        /// Scripts that run in order after the host has joined, or could not join.
        pub scripts_after: Option<Vec<Script>>,
        /// Run `nodeadm debug` after the join, and log its findings. It waits up to five minutes for the node to be
        /// Ready, and reports a fault if no CNI is installed yet; the join counts as successful in any case. Default
        /// `false`.
        pub debug_after_join: Option<bool>,
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
    /// Architecture of a host, with Kubernetes' names.
    pub enum Architecture {
        /// Intel and AMD, 64 bits.
        Amd64 = "amd64",
        /// ARM, 64 bits.
        Arm64 = "arm64",
    }
}

choice! {
    /// Where nodeadm gets containerd from.
    pub enum ContainerdSource {
        /// Already installed.
        None = "none",
        /// The system's packages.
        Distro = "distro",
        /// Docker's packages.
        Docker = "docker",
    }
}

/// Printable ASCII that is safe in a shell, in curl's configuration and in a systemd unit.
fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"'\"\\`$".contains(&byte))
}

/// Whether a URL with one of these schemes has a host or, for `file://`, an absolute path.
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
    /// Download location of a program.
    pub struct Source;
    rule = "a URL that begins with `https://`, `http://` or `file:///`, without spaces, quotes, `\\` and `$`";
    check = |text| holds(is_url(text, &["https://", "http://", "file://"]));
    // May be a signed URL, and so temporarily a secret.
    shown = false;
}

text! {
    /// Location of a manifest.
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
            // The unit files and package manager settings that contain it are readable by everyone.
            return Err("a user or password would be readable by everyone on the host".to_owned());
        }
        let plain_host = !text.contains(['%', '?', '#']);
        holds(plain_host && is_url(text, &["http://", "https://"]))
    };
    shown = false;
}

text! {
    /// A host, domain or range to reach without the proxy.
    pub struct DirectHost;
    rule = "a host, domain, address or range such as `.example.com` or `10.0.0.0/8`";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/*[]".contains(&byte);
        holds(!text.is_empty() && text.bytes().all(letters))
    };
}

/// The checks that `nodeadm init` can skip. The phases that do the work cannot be skipped here.
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

/// The program runs as root: its integrity must be verifiable.
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

/// Parses the settings from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<UserData>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list. Those of `node_config` are on its own page.
#[must_use]
pub fn description() -> String {
    shape::description_without::<UserData>(&["node_config"])
}

/// How the user's cloud-configs are merged with ours: lists are appended, and nothing that exists is replaced. Source:
/// cloud-init's documentation, "Merging user-data sections".
const APPENDING: &str = "list(append)+dict(no_replace,recurse_list)+str()";

impl UserData {
    /// The text for cloud-init. Contains the activation code in clear text.
    #[must_use]
    pub fn render(&self) -> String {
        let cloud_config = format!("#cloud-config\n{}", yaml::render(&CloudConfig::of(&self.node_config)));
        let script = script::render(self);
        let own = self.cloud_configs.as_deref().unwrap_or_default();
        let own = named("ekshybrid-own", own.iter().map(OwnConfig::as_str));
        // The names sort around `ekshybrid-join`.
        let before = scripts_named("ekshybrid-before", self.scripts_before.as_deref());
        let after = scripts_named("ekshybrid-next", self.scripts_after.as_deref());
        let first =
            Part { content_type: "text/cloud-config", name: "nodeadm.cfg", content: &cloud_config, merge: None };
        let own = own.iter().map(|(name, content)| Part {
            content_type: "text/cloud-config",
            name,
            content,
            merge: Some(APPENDING),
        });
        let join = Part { content_type: SCRIPT, name: "ekshybrid-join", content: &script, merge: None };
        archive(&[vec![first], own.collect(), scripts(&before), vec![join], scripts(&after)].concat())
    }
}

/// The required part of a cloud-config.
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
