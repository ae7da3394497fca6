//! Whether a host has the network that a node needs, asked before anything is changed on it: nodeadm and the kubelet
//! find out after minutes, and say less.

use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};

use super::Site;
use super::nodeadm::proxy;
use super::reach::explain_host;
use crate::host::{Command, Host};
use crate::node::config::CredentialProvider;
use crate::node::user_data::hybrid::UserData;

const SCRIPT: &str = include_str!("connect.sh");
/// Port of the kubelet.
const KUBELET: &str = "10250/tcp";
/// VXLAN of Cilium, and of Calico.
const VXLAN: [&str; 2] = ["8472/udp", "4789/udp"];

/// What a host says of its network.
#[derive(Debug, Default, PartialEq, Eq)]
struct Network {
    /// Interface of the default route, and its MTU.
    mtu: Option<(String, u32)>,
    /// Why the API server cannot be reached.
    api: Option<String>,
    /// Why the service that gives the host its credentials cannot be reached.
    credentials: Option<String>,
    /// The active firewall.
    firewall: Option<String>,
    /// Ports that it keeps closed, such as `10250/tcp`.
    closed: Vec<String>,
}

/// Checks the network of a host that has not joined yet.
///
/// # Errors
/// Everything that speaks against it. What only may, such as a firewall, is a warning.
pub(super) async fn check(site: &Site<'_>, host: &dyn Host, settings: &UserData) -> Result<()> {
    let region = &site.place.region;
    let service = match site.provider() {
        CredentialProvider::Ssm => "ssm",
        CredentialProvider::IamRolesAnywhere => "rolesanywhere",
    };
    let credentials = format!("https://{service}.{region}.{}/", region.partition().dns_suffix());
    let api = site.cluster.endpoint.as_deref().unwrap_or_default();
    let mut command = Command::script("check the network", SCRIPT).timeout(Duration::from_mins(2));
    for (name, value) in proxy(settings) {
        command = command.env(name, &value);
    }
    let command = command.as_root().env("API", api).env("CREDENTIALS", &credentials);
    let summary = "Could not check the network of the host";
    let captured = host.succeed(&command).await.map_err(|error| explain_host(summary, &error))?;
    let network = Network::read(&captured.stdout);
    if let Some(warning) = network.warning(&host.place().host) {
        site.cx.report(warning);
    }
    let faults = network.faults(&host.place().host, api, &credentials);
    if faults.has_errors() { Err(faults) } else { Ok(()) }
}

impl Network {
    fn read(text: &str) -> Self {
        let mut network = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let failed = || {
                let (status, said) = value.split_once(' ').unwrap_or((value, ""));
                let said = said.trim().trim_start_matches("curl: ");
                (status != "0")
                    .then(|| if said.is_empty() { format!("curl ends with {status}") } else { said.to_owned() })
            };
            match name {
                "mtu" => {
                    network.mtu = value
                        .split_once(' ')
                        .and_then(|(interface, mtu)| Some((interface.to_owned(), mtu.trim().parse().ok()?)));
                }
                "api" => network.api = failed(),
                "credentials" => network.credentials = failed(),
                "firewall" => network.firewall = Some(value.to_owned()),
                "closed" => network.closed.push(value.to_owned()),
                _ => {}
            }
        }
        network
    }

    fn faults(&self, host: &str, api: &str, credentials: &str) -> Diagnostics {
        let mut faults = Diagnostics::new();
        let mut fault = |cause: String, remedy: &str| {
            faults.push(
                Diagnostic::error("Host cannot join", format!("Host `{host}` {cause}"))
                    .left("Nothing was changed on it.")
                    .remedy(remedy),
            );
        };
        if let Some(said) = &self.api {
            fault(
                format!("does not reach the API server of the cluster at {api}: {said}."),
                "Check its name servers, its route to the cluster's VPC, and that the cluster's security group allows port 443 from the host. A cluster with a public endpoint too has public addresses outside its VPC.",
            );
        }
        if let Some(said) = &self.credentials {
            fault(
                format!("does not reach {credentials}, from which it gets its credentials: {said}."),
                "Check its name servers and its way to the internet, to a VPC endpoint of that service, or to the proxy in `proxy`.",
            );
        }
        // Source: `internal/node/hybrid` of github.com/aws/eks-hybrid, v1.0.20, which refuses others.
        if let Some((interface, mtu)) = &self.mtu
            && !matches!(mtu, 68..=1500 | 8000..=9001)
        {
            fault(
                format!("has an MTU of {mtu} on `{interface}`; nodeadm accepts 68 to 1500 and 8000 to 9001."),
                "Set another MTU on the interface of the default route.",
            );
        }
        faults
    }

    /// Ports that the host's firewall keeps closed. Rules can be more than a list of ports, so it is only a warning.
    fn warning(&self, host: &str) -> Option<Diagnostic> {
        let firewall = self.firewall.as_ref()?;
        let is_closed = |port: &str| self.closed.iter().any(|closed| closed == port);
        let mut effects = Vec::new();
        if is_closed(KUBELET) {
            effects.push(format!("does not allow {KUBELET}, so that `kubectl logs`, `kubectl exec` and webhooks' checks do not reach the kubelet"));
        }
        if VXLAN.iter().all(|port| is_closed(port)) {
            effects.push(format!(
                "allows neither {} (Cilium) nor {} (Calico), so that pods on this host reach no pod on others",
                VXLAN[0], VXLAN[1]
            ));
        }
        if effects.is_empty() {
            return None;
        }
        let cause = format!("The firewall of host `{host}` ({firewall}) {}.", effects.join("; it "));
        Some(
            Diagnostic::warning("Firewall of the host is closed", cause)
                .remedy("Open these ports to the cluster's VPC and to the other nodes. The join continues."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summaries(text: &str) -> Vec<String> {
        let network = Network::read(text);
        let faults = network.faults("edge", "https://api", "https://ssm");
        faults.0.into_iter().chain(network.warning("edge")).map(|diagnostic| diagnostic.detail()).collect()
    }

    #[test]
    fn a_network_without_faults() {
        for text in ["", "mtu=eth0 1500\napi=0 \ncredentials=0 \n", "mtu=eth0 9001\nfirewall=ufw\nclosed=4789/udp\n"] {
            assert_eq!(summaries(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn networks_with_faults() {
        for (text, said) in [
            ("mtu=eth0 1600", "MTU of 1600 on `eth0`"),
            ("mtu=eth0 9100", "MTU of 9100"),
            ("api=6 curl: (6) Could not resolve host: x ", "https://api: (6) Could not resolve host: x."),
            ("credentials=28 ", "curl ends with 28"),
            ("firewall=ufw\nclosed=10250/tcp", "does not allow 10250/tcp"),
            ("firewall=firewalld\nclosed=8472/udp\nclosed=4789/udp", "neither 8472/udp (Cilium) nor 4789/udp"),
        ] {
            let found = summaries(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].contains(said), "{text}: {}", found[0]);
        }
    }
}
