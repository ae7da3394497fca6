//! Running nodeadm on a host. Its output contains the activation code in clear text when a registration fails, so each
//! line is redacted before anything sees it. Exit status 0 proves nothing: each caller looks for what must have
//! happened.

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;

use super::reach::explain_host;
use crate::host::{Command, Exit, Host, Output, Stream, Tail, quote};
use crate::node::user_data::hybrid::{DirectHost, UserData};

const PROGRAM: &str = "/usr/local/bin/nodeadm";
/// In memory, and so never on a disk.
const FOLDER: &str = "/run/ekshybrid";
/// How much of the output a message quotes.
const QUOTED: usize = 2 << 10;

const DOWNLOAD: &str = include_str!("download.sh");
const PROXY: &str = include_str!("proxy.sh");

/// How a run of nodeadm ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    /// The error of nodeadm's last line.
    pub(super) fatal: Option<String>,
    /// What was printed last, without secrets.
    tail: Tail,
}

impl Ended {
    /// The reason in nodeadm's words.
    fn reason(&self) -> String {
        let said = self.fatal.clone().unwrap_or_else(|| self.tail.text());
        if said.trim().is_empty() {
            format!("{} without a message", self.exit)
        } else {
            format!("{}: {said}", self.exit)
        }
    }
}

/// Receives nodeadm's lines.
struct Log {
    fatal: Option<String>,
    tail: Tail,
}

impl Output for Log {
    fn line(&mut self, _: Stream, line: &str) {
        let line = redacted(line);
        let (text, is_fatal) = match serde_json::from_str::<Json>(&line) {
            Ok(entry) => {
                let message = entry["msg"].as_str().unwrap_or_default();
                let error = entry["error"].as_str();
                if entry["level"] == "fatal" {
                    self.fatal = error.or(Some(message)).map(str::to_owned);
                }
                let text = error.map_or_else(|| message.to_owned(), |error| format!("{message}: {error}"));
                (text, entry["level"] == "fatal")
            }
            Err(_) => (line, false),
        };
        if !text.trim().is_empty() {
            tracing::info!(is_fatal, "nodeadm: {text}");
            self.tail.push(&text);
        }
    }
}

/// A line without the value of `-code`, whoever's it is.
fn redacted(line: &str) -> String {
    let mut left = line;
    let mut whole = String::new();
    while let Some((before, after)) = left.split_once("-code ") {
        let end = after.find([' ', ']', '"']).unwrap_or(after.len());
        whole += before;
        whole += "-code [sensitive]";
        left = &after[end..];
    }
    whole + left
}

/// Runs nodeadm as root, with a NodeConfig that exists only meanwhile and only in memory. The host removes it even if
/// the connection breaks.
pub(super) async fn run(
    host: &dyn Host,
    words: &[String],
    settings: &UserData,
    config: Option<(&str, &SecretString)>,
) -> Result<Ended> {
    run_with(host, words, proxy(settings), config).await
}

/// Runs nodeadm as root, without a NodeConfig and settings of the host.
pub(super) async fn run_plain(host: &dyn Host, words: &[String]) -> Result<Ended> {
    run_with(host, words, Vec::new(), None).await
}

async fn run_with(
    host: &dyn Host,
    words: &[String],
    environment: Vec<(&'static str, String)>,
    config: Option<(&str, &SecretString)>,
) -> Result<Ended> {
    let verb = words.first().map_or("", String::as_str);
    let label = format!("nodeadm {verb}");
    let words: Vec<String> = std::iter::once(PROGRAM).chain(words.iter().map(String::as_str)).map(quote).collect();
    let words = words.join(" ");
    let script = match config {
        None => format!("exec {words}"),
        Some(_) => format!(
            "umask 077\nmkdir -p {FOLDER} && cat >{FOLDER}/node-config.yaml || exit 1\ntrap 'rm -rf {FOLDER}' EXIT\ntrap 'exit 143' HUP INT TERM\n{words} --config-source file://{FOLDER}/node-config.yaml"
        ),
    };
    // nodeadm and its tools look for credentials there.
    let mut command = Command::script(&label, &script).as_root().env("HOME", "/root");
    if let Some((yaml, code)) = config {
        command = command.input(SecretString::from(yaml.to_owned()));
        command = if code.expose_secret().is_empty() { command.public() } else { command.hiding(code.clone()) };
    }
    for (name, value) in environment {
        command = command.env(name, &value);
    }
    let mut log = Log { fatal: None, tail: Tail::new(QUOTED) };
    let exit = host
        .run(&command, &mut log)
        .await
        .map_err(|error| explain_host(&format!("Could not run `{label}`"), &error))?;
    Ok(Ended { exit, fatal: log.fatal, tail: log.tail })
}

/// nodeadm refuses variables in upper and lower case that differ.
pub(super) fn proxy(settings: &UserData) -> Vec<(&'static str, String)> {
    let Some(proxy) = &settings.proxy else { return Vec::new() };
    let mut variables = Vec::new();
    let mut set = |names: [&'static str; 2], value: Option<String>| {
        variables.extend(value.into_iter().flat_map(|value| names.map(|name| (name, value.clone()))));
    };
    set(["HTTP_PROXY", "http_proxy"], proxy.http.as_ref().map(|url| url.as_str().to_owned()));
    set(["HTTPS_PROXY", "https_proxy"], proxy.https.as_ref().map(|url| url.as_str().to_owned()));
    let direct = proxy.no_proxy.as_ref();
    let direct = direct.map(|hosts| hosts.iter().map(DirectHost::as_str).collect::<Vec<_>>().join(","));
    set(["NO_PROXY", "no_proxy"], direct);
    variables
}

/// Writes the proxy where nodeadm, the package manager and the services read it.
pub(super) async fn configure_proxy(host: &dyn Host, settings: &UserData) -> Result<()> {
    let variables = proxy(settings);
    if variables.is_empty() {
        return Ok(());
    }
    let mut command = Command::script("configure the proxy", PROXY).as_root();
    for (name, value) in variables {
        command = command.env(name, &value);
    }
    host.succeed(&command)
        .await
        .map(drop)
        .map_err(|error| explain_host("Could not configure the proxy of the host", &error))
}

/// Downloads nodeadm. The URL may be a signed one, so it is passed on standard input.
pub(super) async fn download(host: &dyn Host, settings: &UserData) -> Result<()> {
    let sha256 = settings.nodeadm.as_ref().and_then(|nodeadm| nodeadm.sha256.as_ref());
    let sha256 =
        sha256.and_then(|sum| sum.as_str().parse().ok()).map_or_else(String::new, |sum: names::Sha256| sum.hex());
    let input = format!("{}\n{sha256}\n", settings.nodeadm_source());
    let mut command = Command::script("download nodeadm", DOWNLOAD).as_root().input(SecretString::from(input));
    if !settings.nodeadm_source().contains(['?', '@']) {
        command = command.public();
    }
    for (name, value) in proxy(settings) {
        command = command.env(name, &value);
    }
    let summary = "Could not download nodeadm";
    let captured = host.capture(&command).await.map_err(|error| explain_host(summary, &error))?;
    if captured.exit.is_success() {
        return Ok(());
    }
    let said = captured.stderr.trim();
    Err(Diagnostic::error(summary, format!("Host `{}` says: {said}.", host.place().host))
        .left("nodeadm was not changed on the host.")
        .remedy("Check that the host reaches the source, directly or through `proxy`; `nodeadm.source` names another one, and `nodeadm.sha256` its checksum.")
        .into())
}

/// Explains a run that has failed.
pub(super) fn failed(summary: &str, ended: &Ended, left: &str, host: &dyn Host) -> Diagnostics {
    let reason = ended.reason();
    let mut diagnostic =
        Diagnostic::error(summary, format!("nodeadm on host `{}` ended with {reason}.", host.place().host)).left(left);
    if let Some(remedy) = remedy(&reason) {
        diagnostic = diagnostic.remedy(remedy);
    }
    diagnostic.into()
}

/// What to do about a failure, by nodeadm's words. Source: those of github.com/aws/eks-hybrid, v1.0.20.
fn remedy(reason: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 24] = [
        (
            "invalid SSM activation",
            "The activation is used up, deleted, of another region, or its code is not the one of its id. Use a new one (`terraform apply -replace` of its `ekshybrid_activation`), or `ssm = { iam_role = … }`, which creates one for each join.",
        ),
        (
            "SSM activation expired",
            "Use a new activation (`terraform apply -replace` of its `ekshybrid_activation`), or `ssm = { iam_role = … }`, which creates one for each join.",
        ),
        (
            "failed to register machine with SSM",
            "The host must reach Systems Manager in the cluster's region, directly or through `proxy`: check its network, firewall and name servers.",
        ),
        (
            "hasn't been created on time",
            "The SSM agent has not received credentials. Check that the activation is of the cluster's region, and the role's trust policy (function `hybrid_node_trust_policy`).",
        ),
        ("proxy configuration file not found", "Set `proxy`: the provider then writes these files, too."),
        (
            "environment variables have different values",
            "The host's environment sets proxies in upper and lower case that differ; remove them, and set `proxy`.",
        ),
        (
            "failed to resolve hostname",
            "The host must resolve the name of the cluster's API server: check its name servers.",
        ),
        (
            "dialing ",
            "The host must reach the cluster's API server: check routes, firewalls and the cluster's endpoint access.",
        ),
        (
            "is not in any of the remote network CIDR blocks",
            "Add the host's network to `remote_network_config` of the cluster, or set `--node-ip` in `kubelet.flags`.",
        ),
        (
            "missing access entry",
            "Create an access entry of the type HYBRID_LINUX for the host's role (`ekshybrid_node_access`).",
        ),
        (
            "while retrying: Unauthorized",
            "The API server does not know the host's role: create an access entry of the type HYBRID_LINUX for it (`ekshybrid_node_access`), and refer to it by `depends_on`. A new one takes effect after some seconds; then apply again.",
        ),
        (
            "failed to pull and unpack image",
            "The host must pull this image from ECR: check its network, and that the role has AmazonEC2ContainerRegistryPullOnly.",
        ),
        ("operation error ECR", "The host must reach ECR, and its role needs AmazonEC2ContainerRegistryPullOnly."),
        ("docker source for containerd is not supported", "Set `containerd_source = \"distro\"`."),
        (
            "distro source for containerd is not supported",
            "Set `containerd_source = \"docker\"`, or install containerd and set it to `\"none\"`.",
        ),
        (
            "input semver did not match",
            "Choose a `kubernetes_version` that EKS Hybrid Nodes support; without a patch version, nodeadm takes the latest one.",
        ),
        ("not found in manifest", "EKS Hybrid Nodes do not support this region with this version of nodeadm."),
        (
            "No matching signature",
            "This version of nodeadm is too old. Remove `nodeadm.source`, or let it name v1.0.19 or newer.",
        ),
        (
            "unsupported containerd config version",
            "This version of nodeadm is too old for the host's containerd. Remove `nodeadm.source`, or let it name v1.0.20 or newer.",
        ),
        (
            "certificate is not valid for the current cluster",
            "The host has the certificate of another cluster: remove /var/lib/kubelet/pki/kubelet-server-current.pem from it.",
        ),
        (
            "vxlan ports are closed",
            "Open UDP port 8472 (Cilium) or 4789 (Calico) in the host's firewall, or disable the firewall.",
        ),
        (
            "only static pods and pods controlled by daemon-sets",
            "Move these pods off the node (`kubectl drain`), and apply again.",
        ),
        ("please drain or cordon node", "Cordon the node, and apply again."),
        ("unknown field", "This is a fault of the provider, not of your configuration. Please report it."),
    ];
    KNOWN.iter().find(|(words, _)| reason.contains(words)).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_in_no_line() {
        for (line, expected) in [
            (
                "[/usr/bin/agent -register -code abc+/= -id 7]: no",
                "[/usr/bin/agent -register -code [sensitive] -id 7]: no",
            ),
            ("-code abc", "-code [sensitive]"),
            ("-code a] -code b\" x", "-code [sensitive]] -code [sensitive]\" x"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(redacted(line), expected);
        }
    }

    #[test]
    fn the_last_line_is_the_reason() {
        let mut log = Log { fatal: None, tail: Tail::new(QUOTED) };
        for line in [
            r#"{"level":"info","msg":"Configuring Aws..."}"#,
            r#"{"level":"error","msg":"Command failed, retrying","error":"[agent -code SECRETCODE -id 7]"}"#,
            r#"{"level":"fatal","msg":"Command failed","error":"SSM activation expired. Please use a valid activation"}"#,
        ] {
            log.line(Stream::Stderr, line);
        }
        assert!(!log.tail.text().contains("SECRETCODE"), "{}", log.tail.text());
        let ended = Ended { exit: Exit::Status(1), fatal: log.fatal, tail: log.tail };
        assert_eq!(ended.reason(), "exit status 1: SSM activation expired. Please use a valid activation");
        assert!(remedy(&ended.reason()).is_some_and(|remedy| remedy.contains("new activation")));
    }
}
