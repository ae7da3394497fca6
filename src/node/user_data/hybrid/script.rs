//! The script that joins a host: the settings of this host, then `join.sh`, which is the same for every host.

use super::UserData;
use crate::node::config::CredentialProvider;
use crate::node::user_data::shell::quoted;

const JOIN: &str = include_str!("join.sh");

/// Only informs: the check for a Ready node fails while no CNI is installed.
const DEBUG: &str = r#"
say "checking the node with nodeadm debug"
"$nodeadm" debug --config-source "file://$node_config" --no-color 2>&1 | redacted ||
  say "nodeadm debug has found faults; this host has joined all the same"
"#;

const HEAD: &str = "\
#!/bin/bash
# Joins this host to an EKS cluster as a hybrid node. Safe to run again: what is done is not done twice.
set -euo pipefail
# nodeadm and the package manager write for everyone on the host; what is secret gets its mode by itself.
umask 022
# nodeadm and its tools look for credentials there; cloud-init may run without it.
export HOME=\"${HOME:-/root}\"
";

pub(super) fn render(user_data: &UserData) -> String {
    let UserData { node_config, nodeadm, proxy, .. } = user_data;
    let region = node_config.cluster.region.as_str();
    let source = user_data.nodeadm_source();
    let sha256 = nodeadm.as_ref().and_then(|nodeadm| nodeadm.sha256.as_ref());
    let url = |url: Option<&super::ProxyUrl>| url.map_or("", super::ProxyUrl::as_str).to_owned();
    let direct = proxy.as_ref().and_then(|proxy| proxy.no_proxy.as_deref()).unwrap_or_default();
    let node_name = node_config.hybrid.iam_roles_anywhere.as_ref().map_or("", |anywhere| anywhere.node_name.as_str());
    let provider = node_config.credential_provider();

    let settings = [
        ("kubernetes_version", user_data.kubernetes_version.as_str().to_owned()),
        ("credential_provider", provider.flag().to_owned()),
        ("cluster_region", region.to_owned()),
        // With Systems Manager, the name is known only after registration.
        ("node_name", if provider == CredentialProvider::Ssm { String::new() } else { node_name.to_owned() }),
        ("architecture", user_data.architecture.map_or("", super::Architecture::word).to_owned()),
        ("nodeadm_source", source),
        (
            "nodeadm_sha256",
            sha256.and_then(|sum| sum.as_str().parse().ok()).map_or_else(String::new, |sum: names::Sha256| sum.hex()),
        ),
        ("http_proxy_url", url(proxy.as_ref().and_then(|proxy| proxy.http.as_ref()))),
        ("https_proxy_url", url(proxy.as_ref().and_then(|proxy| proxy.https.as_ref()))),
        ("no_proxy_hosts", direct.iter().map(super::DirectHost::as_str).collect::<Vec<_>>().join(",")),
    ];
    let settings = settings.map(|(name, value)| format!("{name}={}\n", quoted(&value))).concat();
    let install = words(&user_data.install_options());
    let init = words(&user_data.init_options());
    let debug = if user_data.debug_after_join == Some(true) { DEBUG } else { "" };
    format!("{HEAD}\n{settings}install_options=({install})\ninit_options=({init})\n\n{JOIN}{debug}")
}

/// Options as words of the shell.
pub(super) fn words(options: &[String]) -> String {
    let word = |option: &String| if option.starts_with("--") { option.clone() } else { quoted(option) };
    options.iter().map(word).collect::<Vec<_>>().join(" ")
}

impl UserData {
    /// Where the host downloads nodeadm from; `{architecture}` stands for `amd64` or `arm64`.
    #[must_use]
    pub fn nodeadm_source(&self) -> String {
        self.nodeadm.as_ref().and_then(|nodeadm| nodeadm.source.as_ref()).map_or_else(
            || {
                let publisher = publisher(&self.node_config.cluster.region);
                format!("{publisher}/releases/latest/bin/linux/{{architecture}}/nodeadm")
            },
            |source| source.as_str().to_owned(),
        )
    }

    /// Options of `nodeadm install`, in addition to the version and the credential provider.
    #[must_use]
    pub fn install_options(&self) -> Vec<String> {
        let region = self.region.as_ref().unwrap_or(&self.node_config.cluster.region);
        let mut options = vec!["--region".to_owned(), region.as_str().to_owned()];
        if let Some(source) = self.containerd_source {
            options.extend(["--containerd-source".to_owned(), source.word().to_owned()]);
        }
        options.extend(self.manifest_options());
        options
    }

    /// Options of `nodeadm init`, in addition to the configuration.
    #[must_use]
    pub fn init_options(&self) -> Vec<String> {
        let mut options = self.manifest_options();
        for validation in self.skip_validations.iter().flatten() {
            options.extend(["--skip".to_owned(), validation.as_str().to_owned()]);
        }
        options
    }

    /// Options that say where the components come from.
    #[must_use]
    pub fn manifest_options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if let Some(manifest) = &self.manifest_override {
            options.extend(["--manifest-override".to_owned(), manifest.as_str().to_owned()]);
        }
        if self.private_mode == Some(true) {
            options.push("--private-mode".to_owned());
        }
        options
    }
}

/// Where AWS publishes nodeadm, by the region's partition.
///
/// Source: `buildspecs/prod-release-nodeadm.yml` of github.com/aws/eks-hybrid.
fn publisher(region: &names::Region) -> &'static str {
    if region.partition().id() == "aws-cn" {
        "https://eks-hybrid-assets.awsstatic.cn"
    } else {
        "https://hybrid-assets.eks.amazonaws.com"
    }
}
