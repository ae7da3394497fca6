//! A command for a person: one line that joins a host as a hybrid node, pasted into a shell on it.
//!
//! The `NodeConfig`, which holds the activation code, comes through a pipe from `printf`, a builtin of every shell, so
//! it is in no argument of any process. nodeadm itself passes the code to the SSM agent as an argument while it
//! registers the host, which nothing here can prevent. nodeadm's output is redacted, and its silent successes count as
//! failures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use names::{KubernetesVersion, Region};

use super::script::words;
use super::{Architecture, ContainerdSource, ManifestSource, Nodeadm, UserData, Validation};
use crate::node::config::NodeConfig;
use crate::node::shape::{self, Known, Reader, object};
use crate::node::tree::{Faults, Parsed, Tree};
use crate::node::user_data::shell::quoted;

object! {
    check = check;
    /// Settings for joining by one command.
    pub struct JoinCommand (JoinCommandDraft) {
        /// The `NodeConfig`, as for the function `node_config` without `os`.
        pub node_config: NodeConfig,
        /// Version of Kubernetes to install: at most the cluster's, and at most three minor versions older.
        pub kubernetes_version: KubernetesVersion,
        /// Architecture of the host. Default: as detected on the host.
        pub architecture: Option<Architecture>,
        /// Where to download nodeadm from. Default: the latest release, from AWS. Without `sha256`, the download relies
        /// on the connection alone.
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
        /// Checks for `nodeadm init` to skip.
        pub skip_validations: Option<Vec<Validation>>,
    }
}

fn check(draft: &JoinCommandDraft, reader: &mut Reader) {
    if matches!(draft.private_mode, Known::Ready(true)) && draft.manifest_override.given() == Some(false) {
        reader.fault_at(&["private_mode"], "needs `manifest_override`, which says where the components are");
    }
}

/// Parses the settings from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<JoinCommand>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list. Those of `node_config` are on its own page.
#[must_use]
pub fn description() -> String {
    shape::description_without::<JoinCommand>(&["node_config"])
}

/// What each step prints without the activation code, which nodeadm repeats when a registration fails.
const REDACTED: &str =
    r#"sed -u -E "s/(-code[ =])[^][ \"]+/\1[redacted]/g; s/(ActivationCode format: )[^ ]+/\1[redacted]/""#;

impl JoinCommand {
    /// The line, without a line break. Contains the activation code, encoded but not encrypted. It begins with a space,
    /// so that shells which are set up that way keep it out of their history.
    #[must_use]
    pub fn render(&self) -> String {
        let config = STANDARD.encode(self.node_config.to_yaml());
        format!(" printf %s {config} | sudo bash -euo pipefail -c {}", quoted(&self.steps().join("; ")))
    }

    /// The same as settings of user data, which know nodeadm's options.
    fn settings(&self) -> UserData {
        UserData {
            node_config: self.node_config.clone(),
            kubernetes_version: self.kubernetes_version.clone(),
            architecture: self.architecture,
            nodeadm: self.nodeadm.clone(),
            containerd_source: self.containerd_source,
            region: self.region.clone(),
            manifest_override: self.manifest_override.clone(),
            private_mode: self.private_mode,
            proxy: None,
            skip_validations: self.skip_validations.clone(),
            cloud_configs: None,
            scripts_before: None,
            scripts_after: None,
            debug_after_join: None,
        }
    }

    fn steps(&self) -> Vec<String> {
        let settings = self.settings();
        let (install, init) = (words(&settings.install_options()), words(&settings.init_options()));
        let source = settings.nodeadm_source();
        let sum = self.nodeadm.as_ref().and_then(|nodeadm| nodeadm.sha256.as_ref());
        let sha256 = sum.and_then(|sum| sum.as_str().parse().ok()).map(|sum: names::Sha256| sum.hex());
        let source = match self.architecture {
            Some(architecture) => source.replace("{architecture}", architecture.word()),
            None => source,
        };
        let mut steps = vec![
            "umask 077".to_owned(),
            "mkdir -p /etc/nodeadm".to_owned(),
            // An existing file would keep its mode.
            "rm -f /etc/nodeadm/nodeConfig.yaml".to_owned(),
            "base64 -d >/etc/nodeadm/nodeConfig.yaml".to_owned(),
            // What nodeadm installs is for everyone.
            "umask 022".to_owned(),
            "file=$(mktemp)".to_owned(),
        ];
        if source.contains("{architecture}") {
            steps.push("case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) echo \"no nodeadm for $(uname -m)\" >&2; exit 1 ;; esac".to_owned());
        }
        // A URL has no quotes, dollars or backslashes.
        steps.push(format!("curl -fsSL -o \"$file\" \"{}\"", source.replace("{architecture}", "$arch")));
        if let Some(sha256) = sha256 {
            steps.push(format!("echo \"{sha256}  $file\" | sha256sum -c --quiet"));
        }
        let provider = self.node_config.credential_provider().flag();
        let version = self.kubernetes_version.as_str();
        steps.extend([
            "install -D -m 0755 \"$file\" /usr/local/bin/nodeadm".to_owned(),
            "rm -f \"$file\"".to_owned(),
            format!("/usr/local/bin/nodeadm install {version} --credential-provider {provider} {install}"),
            silent("[ -s /opt/nodeadm/tracker ]", "nodeadm install has installed nothing"),
            format!("/usr/local/bin/nodeadm init --config-source file:///etc/nodeadm/nodeConfig.yaml {init} 2>&1 | {REDACTED}")
                .replace("  ", " "),
            silent("systemctl is-active --quiet kubelet", "nodeadm init succeeded, but the kubelet does not run"),
            "echo \"joined; the node is Ready once a CNI runs on it\"".to_owned(),
        ]);
        steps
    }
}

/// A condition that nodeadm's exit code does not prove.
fn silent(condition: &str, otherwise: &str) -> String {
    format!("{condition} || {{ echo \"{otherwise}\" >&2; exit 1; }}")
}
