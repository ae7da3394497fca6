//! Settings of a hybrid node on Bottlerocket: the TOML that the host reads at its first boot.
//!
//! Bottlerocket has no nodeadm. Its settings configure the kubelet, and a bootstrap container registers the host with
//! Systems Manager, or writes the certificate for IAM Roles Anywhere. Source: EKS user guide, "Connect hybrid nodes with
//! Bottlerocket". Limit: VMware variants from 1.37.0, the only ones that EKS supports as hybrid nodes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml::de::DeTable;

use super::System;
use super::shell::quoted;
use crate::node::config::{IamRolesAnywhere, NodeConfig, NodeConfigDraft, NodeName, Ssm};
use crate::node::kubelet::NodeLabels;
use crate::node::shape::{self, Reader, holds, object, text};
use crate::node::tree::{Fault, Faults, Parsed, Path, Tree};

object! {
    check = check;
    /// A hybrid node on Bottlerocket.
    pub struct Settings (SettingsDraft) {
        /// Selects the operating system: `bottlerocket`.
        pub os: System,
        /// Cluster and credentials, as for the function `node_config` without `os`. `api_server_endpoint` and
        /// `certificate_authority` of `cluster` are required; with `cidr`, the address of the DNS service is set.
        /// `kubelet`, `containerd` and `instance` do not exist on Bottlerocket.
        pub node_config: NodeConfig,
        /// Host name. With Systems Manager, the node is named `mi-…` instead once the host has registered. Default with
        /// IAM Roles Anywhere: its `node_name`; required with Systems Manager.
        pub hostname: Option<NodeName>,
        /// The host's certificate for IAM Roles Anywhere, in PEM; required with it.
        pub certificate: Option<Certificate>,
        /// The certificate's private key, in PEM; required with IAM Roles Anywhere. Sensitive: it appears only in the
        /// rendered settings.
        pub private_key: Option<PrivateKey>,
        /// Labels of the node, in addition to those of a hybrid node.
        pub node_labels: Option<NodeLabels>,
        /// SSH public keys of the admin container, which is enabled with them. Default: no admin container.
        pub authorized_keys: Option<Vec<AuthorizedKey>>,
        /// User of the admin container. Default `ec2-user`.
        pub user: Option<UserName>,
        /// Further settings in TOML, such as `[settings.ntp]`, added at the end. They must not define again what is
        /// defined here.
        pub settings: Option<Toml>,
    }
}

text! {
    /// A certificate in PEM.
    pub struct Certificate;
    rule = "a certificate in PEM";
    check = |text| holds(is_pem(text, "CERTIFICATE"));
    shown = false;
}

text! {
    /// A private key in PEM.
    pub struct PrivateKey;
    rule = "a private key in PEM, without a passphrase";
    check = |text| {
        if text.contains("ENCRYPTED") {
            return Err("it is encrypted, and nobody enters a passphrase at boot".to_owned());
        }
        holds(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].iter().any(|label| is_pem(text, label)))
    };
    shown = false;
}

text! {
    /// An SSH public key, as in `authorized_keys`.
    pub struct AuthorizedKey;
    rule = "an SSH public key in one line, such as `ssh-ed25519 AAAA… name`";
    check = |text| {
        let kinds = ["ssh-", "ecdsa-", "sk-"];
        holds(kinds.iter().any(|kind| text.starts_with(kind)) && text.contains(' ') && !text.contains(char::is_control))
    };
}

text! {
    /// A user name on the host.
    pub struct UserName;
    rule = "a user name of lowercase letters, digits, `-` and `_`";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        holds(text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(letters))
    };
}

text! {
    /// Settings in TOML.
    pub struct Toml;
    rule = "TOML whose tables begin with `settings`";
    check = |text| match DeTable::parse(text) {
        Ok(table) => holds(table.get_ref().keys().all(|key| key.get_ref() == "settings")),
        // The message names keys, and no values: those may be secrets.
        Err(error) => Err(format!("it is no TOML: {}", error.message())),
    };
    shown = false;
}

fn is_pem(text: &str, label: &str) -> bool {
    let text = text.trim();
    let begins = text.starts_with(&format!("-----BEGIN {label}-----"));
    begins && text.contains(&format!("-----END {label}-----")) && !text.contains('\'')
}

fn check(draft: &SettingsDraft, reader: &mut Reader) {
    let Some(config) = draft.node_config.ready() else { return };
    check_config(config, reader);
    let Some(hybrid) = config.hybrid.ready() else { return };
    let by_certificate = hybrid.iam_roles_anywhere.given();
    let parts = [("certificate", draft.certificate.given()), ("private_key", draft.private_key.given())];
    for (name, given) in parts {
        match (by_certificate, given) {
            (Some(true), Some(false)) => reader.fault_at(&[name], "is required with `iam_roles_anywhere`"),
            (Some(false), Some(true)) => reader.fault_at(&[name], "is for `iam_roles_anywhere` alone"),
            _ => {}
        }
    }
    if by_certificate == Some(false) && draft.hostname.given() == Some(false) {
        reader.fault_at(&["hostname"], "is required with `ssm`");
    }
    if let (Some(own), Some(anywhere)) = (draft.hostname.ready(), hybrid.iam_roles_anywhere.ready())
        && anywhere.node_name.ready().is_some_and(|name| name != own)
    {
        reader.fault_at(&["hostname"], "differs from `node_name` of `iam_roles_anywhere`, which names the node");
    }
    if draft.user.given() == Some(true) && draft.authorized_keys.given() == Some(false) {
        reader.fault_at(&["user"], "needs `authorized_keys`");
    }
}

/// What Bottlerocket does not find out by itself, and what it does not have.
fn check_config(config: &NodeConfigDraft, reader: &mut Reader) {
    if let Some(cluster) = config.cluster.ready() {
        let parts = [
            ("api_server_endpoint", cluster.api_server_endpoint.given()),
            ("certificate_authority", cluster.certificate_authority.given()),
        ];
        for (name, given) in parts {
            if given == Some(false) {
                let message = "is required on Bottlerocket, which does not ask EKS for it";
                reader.fault_at(&["node_config", "cluster", name], message);
            }
        }
    }
    let parts = [
        ("kubelet", config.kubelet.given()),
        ("containerd", config.containerd.given()),
        ("instance", config.instance.given()),
    ];
    for (name, given) in parts {
        if given == Some(true) {
            reader.fault_at(&["node_config", name], "does not exist on Bottlerocket; use `settings`");
        }
    }
}

/// Parses the settings from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<Settings>, Faults> {
    let parsed: Parsed<Settings> = shape::parse(tree)?;
    // Each half is TOML; both together are not if they define the same.
    let clash = match &parsed {
        Parsed::Ready(settings) if settings.settings.is_some() => duplicates(settings),
        _ => None,
    };
    let fault = clash.map(|clash| Fault {
        path: Path::attribute("settings"),
        message: format!("defines again what is defined here: {clash}"),
    });
    Faults::of(fault.into_iter().collect()).map_or(Ok(parsed), Err)
}

fn duplicates(settings: &Settings) -> Option<String> {
    DeTable::parse(&settings.render()).err().map(|error| error.message().to_owned())
}

/// The image patterns for which the kubelet gets credentials of ECR.
const IMAGES: [&str; 6] = [
    "*.dkr.ecr.*.amazonaws.com",
    "*.dkr.ecr.*.amazonaws.com.cn",
    "*.dkr.ecr.*.amazonaws.eu",
    "*.dkr.ecr-fips.*.amazonaws.com",
    "*.dkr.ecr-fips.*.amazonaws.eu",
    "public.ecr.aws",
];

impl Settings {
    /// The settings in TOML. Contains the activation code or the private key, encoded but not encrypted.
    #[must_use]
    pub fn render(&self) -> String {
        let NodeConfig { cluster, hybrid, .. } = &self.node_config;
        let anywhere = hybrid.iam_roles_anywhere.as_ref();
        let name = self.hostname.as_ref().or(anywhere.map(|anywhere| &anywhere.node_name)).map_or("", NodeName::as_str);
        let (region, cluster_name) = (cluster.region.as_str(), cluster.name.as_str());
        let keeps_file = hybrid.enable_credentials_file == Some(true);
        let mut toml = String::new();
        let provider_id = format!("eks-hybrid:///{region}/{cluster_name}/{name}");
        let mut kubernetes = vec![("cluster-name", string(cluster_name))];
        let endpoint = cluster.api_server_endpoint.as_ref().map(|endpoint| string(endpoint.as_str()));
        kubernetes.extend(endpoint.map(|endpoint| ("api-server", endpoint)));
        let authority = cluster.certificate_authority.as_ref().map(|authority| string(authority.as_str()));
        kubernetes.extend(authority.map(|authority| ("cluster-certificate", authority)));
        let dns = cluster.cidr.as_ref().and_then(|cidr| cidr.range().dns_address());
        kubernetes.extend(dns.map(|address| ("cluster-dns-ip", string(&address.to_string()))));
        kubernetes.extend([
            ("hostname-override", string(name)),
            ("provider-id", string(&provider_id)),
            ("authentication-mode", string("aws")),
            ("cloud-provider", string("")),
            ("server-tls-bootstrap", "true".to_owned()),
        ]);
        table(&mut toml, "settings.kubernetes", &kubernetes);
        table(&mut toml, "settings.network", &[("hostname", string(name))]);
        let config = anywhere.map(|anywhere| ("config", encoded(&aws_config(anywhere, name))));
        let aws: Vec<_> = [("region", string(region))].into_iter().chain(config).collect();
        table(&mut toml, "settings.aws", &aws);
        let images: Vec<String> = IMAGES.into_iter().map(string).collect();
        let ecr = [
            ("enabled", "true".to_owned()),
            ("cache-duration", string("12h")),
            ("image-patterns", format!("[{}]", images.join(", "))),
        ];
        table(&mut toml, "settings.kubernetes.credential-providers.ecr-credential-provider", &ecr);
        let own = self.node_labels.iter().flat_map(NodeLabels::pairs);
        let provider = self.node_config.credential_provider().flag();
        let labels =
            [("eks.amazonaws.com/compute-type", "hybrid"), ("eks.amazonaws.com/hybrid-credential-provider", provider)];
        let labels: Vec<(String, String)> =
            labels.into_iter().chain(own).map(|(key, value)| (string(key), string(value))).collect();
        table(&mut toml, "settings.kubernetes.node-labels", &labels);
        if let Some(keys) = &self.authorized_keys {
            let keys: Vec<&str> = keys.iter().map(AuthorizedKey::as_str).collect();
            let user = self.user.as_ref().map_or("ec2-user", UserName::as_str);
            let admin = serde_json::json!({ "user": user, "ssh": { "authorized-keys": keys } }).to_string();
            let admin = [("enabled", "true".to_owned()), ("user-data", encoded(&admin))];
            table(&mut toml, "settings.host-containers.admin", &admin);
        }
        let setup = match (&hybrid.ssm, &self.certificate, &self.private_key) {
            (Some(ssm), ..) => ssm_setup(ssm, region, keeps_file),
            (None, Some(certificate), Some(key)) => anywhere_setup(certificate, key, keeps_file),
            // Required with IAM Roles Anywhere, as checked when the settings were parsed.
            _ => String::new(),
        };
        let setup = [("mode", string("always")), ("user-data", encoded(&setup))];
        table(&mut toml, "settings.bootstrap-containers.eks-hybrid-setup", &setup);
        if hybrid.ssm.is_some() {
            table(&mut toml, "settings.host-containers.control", &[("enabled", "true".to_owned())]);
        }
        if let Some(own) = &self.settings {
            toml.push_str(own.as_str());
            toml.push_str(if own.as_str().ends_with('\n') { "" } else { "\n" });
        }
        toml
    }
}

fn ssm_setup(ssm: &Ssm, region: &str, keeps_file: bool) -> String {
    format!(
        "eks-hybrid-ssm-setup --activation-id={} --activation-code={} --region={}{}",
        quoted(ssm.activation_id.as_str()),
        quoted(ssm.activation_code.expose()),
        quoted(region),
        credentials_file(keeps_file)
    )
}

fn anywhere_setup(certificate: &Certificate, key: &PrivateKey, keeps_file: bool) -> String {
    format!(
        "eks-hybrid-iam-ra-setup --certificate={} --key={}{}",
        quoted(certificate.as_str().trim()),
        quoted(key.as_str().trim()),
        credentials_file(keeps_file)
    )
}

fn credentials_file(keeps_file: bool) -> &'static str {
    if keeps_file { " --enable-credentials-file=true" } else { "" }
}

fn aws_config(anywhere: &IamRolesAnywhere, name: &str) -> String {
    let (profile, role) = (anywhere.profile_arn.as_str(), anywhere.role_arn.as_str());
    let anchor = anywhere.trust_anchor_arn.as_str();
    format!(
        "[default]\ncredential_process = aws_signing_helper credential-process --certificate /root/.aws/node.crt \
         --private-key /root/.aws/node.key --profile-arn {profile} --role-arn {role} --trust-anchor-arn {anchor} \
         --role-session-name {name}\n"
    )
}

fn table(toml: &mut String, name: &str, entries: &[(impl AsRef<str>, String)]) {
    // Writing to a String cannot fail.
    let _ = writeln!(toml, "[{name}]");
    for (key, value) in entries {
        let _ = writeln!(toml, "{} = {value}", key.as_ref());
    }
    toml.push('\n');
}

/// A basic string. JSON's escapes are among TOML's.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn encoded(text: &str) -> String {
    string(&STANDARD.encode(text))
}

#[cfg(test)]
mod tests;
