//! Arguments of `/etc/eks/bootstrap.sh`, with which EC2 nodes on Amazon Linux 2 images join a cluster.
//!
//! Source: `templates/al2/runtime/bootstrap.sh` of github.com/awslabs/amazon-eks-ami, its last version (before
//! b2289030). Limit: Amazon Linux 2 only. On AL2023, the script only reports that it no longer exists and fails;
//! nodeadm and a `NodeConfig` replace it. Arguments for Docker are left out, because no Kubernetes version since 1.24
//! supports it.

mod argument;

use std::net::IpAddr;

use names::cidr::CidrError;
use names::{AccountId, Cidr, ClusterName, LocalClusterId};

use super::config::{AbsolutePath, CertificateAuthority, Endpoint, ServiceRange};
use super::kubelet::{self, NodeLabels, Taint};
use super::max_pods::Whole;
use super::shape::{self, Known, Reader, choice, holds, object, text};
use super::tree::{Faults, Parsed, Tree};
pub use argument::KubeletArgument;

object! {
    check = check;
    /// How a node on Amazon Linux 2 joins its cluster.
    pub struct Bootstrap (BootstrapDraft) {
        /// Name of the EKS cluster.
        pub cluster_name: ClusterName,
        /// URL of the cluster's API server; requires `certificate_authority`. Without both, the script asks EKS
        /// (`DescribeCluster`), so the node needs network access to EKS and that permission.
        pub api_server_endpoint: Option<Endpoint>,
        /// Certificate authority of the cluster, as EKS returns it: PEM in base64; requires `api_server_endpoint`.
        pub certificate_authority: Option<CertificateAuthority>,
        /// Address of the DNS service for pods, or several separated by commas. Default: the tenth address of the
        /// service range, as given here or reported by EKS. If neither is known, the script derives it from the VPC,
        /// which is wrong for a cluster with its own service range: with `api_server_endpoint`, set this or
        /// `service_ipv4_cidr`.
        pub dns_cluster_ip: Option<DnsAddresses>,
        /// IPv4 range of the cluster's services; the DNS address is derived from it.
        pub service_ipv4_cidr: Option<ServiceRange>,
        /// IPv6 range of the cluster's services; sets `ip_family` to `ipv6`.
        pub service_ipv6_cidr: Option<ServiceIpv6Range>,
        /// Address family of pods and services. Default: as EKS reports it, otherwise `ipv4`.
        pub ip_family: Option<IpFamily>,
        /// The cluster is a local cluster on an Outpost, and the node must keep working while disconnected from the
        /// region; requires `cluster_id`. Default: as EKS reports it, otherwise `false`.
        pub enable_local_outpost: Option<bool>,
        /// ID of a local cluster, which is not its name; requires `enable_local_outpost = true`.
        pub cluster_id: Option<LocalClusterId>,
        /// Maximum number of pods on the node, such as the result of the function `max_pods`. Sets the kubelet's
        /// `--max-pods` and `--use-max-pods false`.
        pub max_pods: Option<Whole<1, 100_000>>,
        /// Whether the script sets the maximum number of pods, from a list of instance types that ignores custom
        /// networking and prefix delegation. Default: `false` with `max_pods`, otherwise `true`.
        pub use_max_pods: Option<bool>,
        /// Labels of the node (`--node-labels`).
        pub node_labels: Option<NodeLabels>,
        /// Taints that the node registers with (`--register-with-taints`).
        pub node_taints: Option<Vec<Taint>>,
        /// Additional kubelet flags.
        pub kubelet_extra_args: Option<Vec<KubeletArgument>>,
        /// Container runtime. Kubernetes 1.24 and later support only `containerd`, which is the default there.
        pub container_runtime: Option<ContainerRuntime>,
        /// File on the host with the containerd configuration, used instead of the image's.
        pub containerd_config_file: Option<AbsolutePath>,
        /// What to do with local NVMe disks: join them into one volume, or mount each. Default: nothing. Older images
        /// do not support `raid10`.
        pub local_disks: Option<LocalDisks>,
        /// Whether `/sys/fs/bpf` is mounted. Default `true`.
        pub mount_bpf_fs: Option<bool>,
        /// Account whose registry holds the pause image. Default: the AWS account for the region.
        pub pause_container_account: Option<AccountId>,
        /// Tag of the pause image. Default: the image's.
        pub pause_container_version: Option<ImageTag>,
        /// How many times the script retries calls to EKS, with pauses that double from 10 seconds. Default 3.
        pub aws_api_retry_attempts: Option<Whole<0, 20>>,
    }
}

choice! {
    /// IP address family of pods and services.
    pub enum IpFamily {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
    }
}

choice! {
    /// Container runtimes supported by the script.
    pub enum ContainerRuntime {
        /// containerd.
        Containerd = "containerd",
        /// Docker, up to Kubernetes 1.23.
        Dockerd = "dockerd",
    }
}

choice! {
    /// How to use local NVMe disks.
    pub enum LocalDisks {
        /// One volume, striped.
        Raid0 = "raid0",
        /// One volume, striped and mirrored.
        Raid10 = "raid10",
        /// Mounts each disk.
        Mount = "mount",
    }
}

text! {
    /// Addresses of a DNS service.
    pub struct DnsAddresses;
    rule = "an IP address, or several separated by commas without spaces";
    check = |text| holds(text.split(',').all(|address| address.parse::<IpAddr>().is_ok()));
}

text! {
    /// IPv6 range of a cluster's services.
    pub struct ServiceIpv6Range;
    rule = "the IPv6 range of the cluster's services, such as `fd12:3456:789a::/108`";
    check = |text| {
        let range: Cidr = text.parse().map_err(|error: CidrError| error.to_string())?;
        if range.network().is_ipv4() {
            return Err("that is IPv4, which belongs into `service_ipv4_cidr`".to_owned());
        }
        Ok(())
    };
}

text! {
    /// Tag of a container image.
    pub struct ImageTag;
    rule = "the tag of an image such as `3.10`";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        holds(text.len() <= 128 && !text.is_empty() && !text.starts_with(['.', '-']) && text.bytes().all(letters))
    };
}

fn check(draft: &BootstrapDraft, reader: &mut Reader) {
    let (endpoint, authority) = (draft.api_server_endpoint.given(), draft.certificate_authority.given());
    for (name, given, other_name, other) in [
        ("api_server_endpoint", endpoint, "certificate_authority", authority),
        ("certificate_authority", authority, "api_server_endpoint", endpoint),
    ] {
        if given == Some(true) && other == Some(false) {
            let message = format!("needs `{other_name}`: with one of the two alone the script asks EKS and drops it");
            reader.fault_at(&[name], message);
        }
    }
    check_outpost(draft, reader);
    check_addresses(draft, endpoint == Some(true) && authority == Some(true), reader);
    if let (Some(true), Known::Ready(true)) = (draft.max_pods.given(), &draft.use_max_pods) {
        reader.fault_at(&["use_max_pods"], "is `true`, which excludes `max_pods`");
    }
}

fn check_outpost(draft: &BootstrapDraft, reader: &mut Reader) {
    match (&draft.enable_local_outpost, draft.cluster_id.given()) {
        (Known::Ready(true), Some(false)) => {
            reader.fault_at(&["cluster_id"], "is required with `enable_local_outpost`: the cluster's id, not its name");
        }
        (Known::Ready(false) | Known::Absent, Some(true)) => {
            reader.fault_at(&["cluster_id"], "needs `enable_local_outpost = true`");
        }
        _ => {}
    }
}

fn check_addresses(draft: &BootstrapDraft, without_eks: bool, reader: &mut Reader) {
    let family = draft.ip_family.ready();
    let (ipv4_range, ipv6_range) = (draft.service_ipv4_cidr.given(), draft.service_ipv6_cidr.given());
    if ipv6_range == Some(true) && family == Some(&IpFamily::Ipv4) {
        reader.fault_at(&["service_ipv6_cidr"], "needs the `ip_family` `ipv6`");
    }
    if ipv4_range == Some(true) && family == Some(&IpFamily::Ipv6) {
        reader.fault_at(&["service_ipv4_cidr"], "needs the `ip_family` `ipv4`");
    } else if ipv4_range == Some(true) && ipv6_range == Some(true) {
        reader.fault_at(&["service_ipv4_cidr"], "excludes `service_ipv6_cidr`");
    }
    if without_eks
        && family == Some(&IpFamily::Ipv6)
        && ipv6_range == Some(false)
        && draft.dns_cluster_ip.given() == Some(false)
    {
        let message = "is required with the `ip_family` `ipv6` when `api_server_endpoint` is given; `dns_cluster_ip` \
                       does as well";
        reader.fault_at(&["service_ipv6_cidr"], message);
    }
}

/// Parses the node's settings from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<Bootstrap>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<Bootstrap>()
}

impl Bootstrap {
    /// The arguments on one line, each shell-quoted if needed.
    #[must_use]
    pub fn render(&self) -> String {
        // The name comes first: images that predate an argument treat the argument and its value as positional, and
        // only the first positional one counts.
        let mut line = quoted(self.cluster_name.as_str());
        for (flag, value) in self.flags() {
            line.push_str(&format!(" {flag} {}", quoted(&value)));
        }
        let kubelet = self.kubelet_arguments();
        if !kubelet.is_empty() {
            // Always quoted, for readability.
            line.push_str(&format!(" --kubelet-extra-args '{kubelet}'"));
        }
        line
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        let own = |text: &str| Some(text.to_owned());
        let use_max_pods = self.use_max_pods.or(self.max_pods.map(|_| false));
        [
            ("--apiserver-endpoint", self.api_server_endpoint.as_ref().and_then(|url| own(url.as_str()))),
            ("--b64-cluster-ca", self.certificate_authority.as_ref().and_then(|pem| own(pem.as_str()))),
            ("--dns-cluster-ip", self.dns_addresses()),
            ("--service-ipv4-cidr", self.service_ipv4_cidr.as_ref().and_then(|range| own(range.as_str()))),
            ("--service-ipv6-cidr", self.service_ipv6_cidr.as_ref().and_then(|range| own(range.as_str()))),
            ("--ip-family", self.ip_family.and_then(|family| own(family.word()))),
            ("--enable-local-outpost", self.enable_local_outpost.map(|on| on.to_string())),
            ("--cluster-id", self.cluster_id.as_ref().and_then(|id| own(id.as_str()))),
            ("--container-runtime", self.container_runtime.and_then(|runtime| own(runtime.word()))),
            ("--containerd-config-file", self.containerd_config_file.as_ref().and_then(|file| own(file.as_str()))),
            ("--local-disks", self.local_disks.and_then(|setup| own(setup.word()))),
            ("--mount-bpf-fs", self.mount_bpf_fs.map(|on| on.to_string())),
            ("--pause-container-account", self.pause_container_account.as_ref().and_then(|id| own(id.as_str()))),
            ("--pause-container-version", self.pause_container_version.as_ref().and_then(|tag| own(tag.as_str()))),
            ("--aws-api-retry-attempts", self.aws_api_retry_attempts.map(|count| count.number().to_string())),
            ("--use-max-pods", use_max_pods.map(|on| on.to_string())),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value?)))
        .collect()
    }

    /// The given addresses, otherwise the one derived from the IPv4 range: older images do not know
    /// `--service-ipv4-cidr` and would guess.
    fn dns_addresses(&self) -> Option<String> {
        match (&self.dns_cluster_ip, &self.service_ipv4_cidr) {
            (Some(addresses), _) => Some(addresses.as_str().to_owned()),
            (None, Some(range)) => range.range().dns_address().map(|address| address.to_string()),
            (None, None) => None,
        }
    }

    /// The kubelet flags, separated by spaces.
    fn kubelet_arguments(&self) -> String {
        let mut arguments = Vec::new();
        arguments.extend(self.max_pods.map(|most| format!("--max-pods={}", most.number())));
        arguments.extend(self.node_labels.as_ref().and_then(NodeLabels::flag));
        arguments.extend(kubelet::taints_flag(self.node_taints.as_deref().unwrap_or_default()));
        arguments.extend(self.kubelet_extra_args.iter().flatten().map(KubeletArgument::for_systemd));
        arguments.join(" ")
    }
}

/// A shell word, quoted unless it is unambiguous.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,+@".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
