//! What a host is, before anything is changed on it, and whether it can join.

use std::net::IpAddr;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};

use super::reach::explain_host;
use crate::aws::eks::Cluster;
use crate::host::{Command, Host};
use crate::node::config::CredentialProvider;
use crate::resources::node::plan::is_within;
use crate::session::place::Place;

const SCRIPT: &str = include_str!("inspect.sh");
/// The file on a host whose join is not complete.
pub(super) const MARK: &str = "/var/lib/ekshybrid/join";
/// AWS refuses signatures that are older.
const LARGEST_OFFSET: u64 = 300;
/// The components take 350 MB, and packages some more.
const LEAST_DISK_KIB: u64 = 1 << 20;
/// nodeadm reserves 255 MiB for the kubelet and containerd alone.
const LEAST_MEMORY_KIB: u64 = 900 << 10;
/// Older versions do not have the key that signs the installer of the SSM agent since July 2026. Source: releases of
/// github.com/aws/eks-hybrid.
const FIRST_WITH_KEY: [u32; 3] = [1, 0, 19];

/// A host as it describes itself.
#[allow(clippy::struct_excessive_bools, reason = "each is an observation of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) os: String,
    pub(super) os_version: String,
    pub(super) os_name: String,
    pub(super) machine: String,
    pub(super) host_name: String,
    pub(super) time: Option<i64>,
    pub(super) memory_kib: Option<u64>,
    pub(super) disk_kib: Option<u64>,
    pub(super) has_systemd: bool,
    pub(super) has_curl: bool,
    pub(super) addresses: Vec<IpAddr>,
    /// Version of nodeadm, such as `v1.0.20`.
    pub(super) nodeadm: Option<String>,
    pub(super) nodeadm_sha256: Option<String>,
    /// nodeadm has installed the components.
    pub(super) is_installed: bool,
    /// Version of Kubernetes that they are of.
    pub(super) installed_version: Option<String>,
    pub(super) kubelet_version: Option<String>,
    /// nodeadm has configured the kubelet.
    pub(super) has_kubeconfig: bool,
    /// State of the kubelet's unit: `active`, `activating`, …
    pub(super) kubelet: String,
    /// Id of the managed instance.
    pub(super) registration: Option<String>,
    pub(super) registration_region: Option<String>,
    /// What the file of an unfinished join says.
    pub(super) join: Option<String>,
}

/// Asks the host.
pub(super) async fn inspect(host: &dyn Host) -> Result<Facts> {
    let command = Command::script("check the host", SCRIPT).as_root().timeout(Duration::from_mins(2));
    let captured = host.succeed(&command).await.map_err(|error| explain_host("Could not check the host", &error))?;
    Ok(Facts::read(&captured.stdout))
}

impl Facts {
    fn read(text: &str) -> Self {
        let mut facts = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim();
            let given = || Some(value.to_owned()).filter(|value| !value.is_empty());
            match name {
                "os" => value.clone_into(&mut facts.os),
                "os_version" => value.clone_into(&mut facts.os_version),
                "os_name" => value.clone_into(&mut facts.os_name),
                "machine" => value.clone_into(&mut facts.machine),
                "host_name" => value.clone_into(&mut facts.host_name),
                "time" => facts.time = value.parse().ok(),
                "memory_kib" => facts.memory_kib = value.parse().ok(),
                "disk_kib" => facts.disk_kib = value.parse().ok(),
                "systemd" => facts.has_systemd = true,
                "curl" => facts.has_curl = true,
                "address" => facts.addresses.extend(value.parse::<IpAddr>().ok()),
                "nodeadm" => facts.nodeadm = given(),
                "nodeadm_sha256" => facts.nodeadm_sha256 = given(),
                "installed" => facts.is_installed = true,
                "installed_version" => facts.installed_version = given(),
                "kubelet_version" => facts.kubelet_version = given(),
                "kubeconfig" => facts.has_kubeconfig = true,
                "kubelet" => value.clone_into(&mut facts.kubelet),
                "registration" => facts.registration = given(),
                "registration_region" => facts.registration_region = given(),
                "join" => facts.join = given(),
                _ => {}
            }
        }
        facts
    }

    /// The host in a message: its name and operating system.
    fn described(&self) -> String {
        let system = if self.os_name.is_empty() { "an unknown operating system" } else { &self.os_name };
        format!("`{}` ({system}, {})", self.host_name, self.machine)
    }
}

/// What the file of an unfinished join says.
pub(super) fn mark(place: &Place) -> String {
    format!("{}/{}", place.region, place.cluster)
}

/// Whether the host can join the cluster. `managed`: the instance as which it is reached through Run Command.
///
/// # Errors
/// Everything that speaks against it.
pub(super) fn check(
    facts: &Facts,
    provider: CredentialProvider,
    (place, managed): (&Place, Option<&str>),
    cluster: &Cluster,
) -> Result<()> {
    let mut faults = Diagnostics::new();
    let mut fault = |cause: String, remedy: &str| {
        faults.push(
            Diagnostic::error("Host cannot join", format!("Host {} {cause}", facts.described()))
                .left("Nothing was changed on it.")
                .remedy(remedy),
        );
    };
    if let Some((cause, remedy)) = occupied(facts, place, managed) {
        fault(cause, &remedy);
    }
    if let Some((cause, remedy)) = unsupported(facts, provider) {
        fault(cause, remedy);
    }
    if !matches!(facts.machine.as_str(), "x86_64" | "amd64" | "aarch64" | "arm64") {
        fault("has an architecture without nodeadm.".to_owned(), "Use a host with x86_64 or arm64.");
    }
    if !facts.has_systemd {
        fault("does not run systemd, which nodeadm requires.".to_owned(), "Use a host whose init system is systemd.");
    }
    if let Some(offset) = facts.time.map(|time| time.abs_diff(jiff::Timestamp::now().as_second()))
        && offset > LARGEST_OFFSET
    {
        fault(
            format!("has a clock that is {offset} seconds off. AWS refuses requests of such hosts."),
            "Set its clock and enable time synchronization (`timedatectl set-ntp true`). If the host is right, set this machine's clock.",
        );
    }
    if let Some(disk) = facts.disk_kib.filter(|disk| *disk < LEAST_DISK_KIB) {
        fault(
            format!("has {} MiB of free disk space; the components need {} MiB.", disk >> 10, LEAST_DISK_KIB >> 10),
            "Free space under /usr, /opt and /var.",
        );
    }
    if let Some(memory) = facts.memory_kib.filter(|memory| *memory < LEAST_MEMORY_KIB) {
        fault(format!("has {} MiB of memory; a node needs 1 GiB.", memory >> 10), "Use a host with more memory.");
    }
    let networks = &cluster.remote_node_networks;
    if !networks.is_empty()
        && !facts.addresses.is_empty()
        && !facts.addresses.iter().any(|address| is_within(*address, networks))
    {
        let shown: Vec<String> =
            facts.addresses.iter().filter(|it| !it.is_loopback()).map(ToString::to_string).collect();
        fault(
            format!(
                "has no address in the remote node networks of cluster `{}`: its addresses are {}, the networks {}.",
                cluster.name,
                shown.join(", "),
                networks.join(", ")
            ),
            "Add the host's network to `remote_network_config` of the cluster, or give the host an address in these networks.",
        );
    }
    if faults.has_errors() {
        return Err(faults);
    }
    if let Some(join) = &facts.join {
        tracing::info!(join, "a join that was interrupted on this host is continued");
    }
    Ok(())
}

/// Why the host is not free: it is registered, or a node, and no unfinished join of this resource explains that.
fn occupied(facts: &Facts, place: &Place, managed: Option<&str>) -> Option<(String, String)> {
    let own = mark(place);
    if facts.join.as_deref() == Some(own.as_str()) {
        let elsewhere = facts.registration_region.as_deref().filter(|region| *region != place.region.as_str())?;
        return Some((
            format!("is registered with Systems Manager in {elsewhere}, but the cluster is in {}.", place.region),
            "Remove the registration with `sudo nodeadm uninstall`.".to_owned(),
        ));
    }
    if let Some(other) = &facts.join {
        return Some((
            format!("has an unfinished join to another cluster ({other})."),
            format!(
                "Destroy that node, or remove what it left: `sudo nodeadm uninstall` and `sudo rm -r {}`.",
                folder()
            ),
        ));
    }
    match (&facts.registration, facts.has_kubeconfig) {
        (Some(instance), true) => Some((
            format!("is a hybrid node already: it is registered as `{instance}` and has a kubelet."),
            format!("If this is the node meant here, import it: `terraform import ADDRESS {}`. Otherwise remove it with `sudo nodeadm uninstall`.", place.import_id(instance)),
        )),
        (Some(instance), false) if Some(instance.as_str()) == managed => None,
        (Some(instance), false) => Some((
            format!("is registered with Systems Manager already, as `{instance}`. nodeadm would keep that registration and ignore the activation."),
            "Deregister it (`aws ssm deregister-managed-instance`) and remove /var/lib/amazon/ssm/registration from the host.".to_owned(),
        )),
        (None, true) => Some((
            "has a kubelet already: it is a node of a cluster.".to_owned(),
            "If it is the node meant here, import it by the name of the Node. Otherwise remove it with `sudo nodeadm uninstall`.".to_owned(),
        )),
        (None, false) => None,
    }
}

fn folder() -> &'static str {
    MARK.rsplit_once('/').map_or(MARK, |(folder, _)| folder)
}

/// Operating systems of hybrid nodes. Source: EKS user guide, "Prepare operating system for hybrid nodes".
fn unsupported(facts: &Facts, provider: CredentialProvider) -> Option<(String, &'static str)> {
    let major = facts.os_version.split('.').next().unwrap_or_default();
    let is_supported = match facts.os.as_str() {
        "ubuntu" => matches!(facts.os_version.as_str(), "20.04" | "22.04" | "24.04"),
        "rhel" => matches!(major, "8" | "9"),
        "amzn" => facts.os_version == "2023",
        _ => false,
    };
    if facts.os == "bottlerocket" {
        return Some((
            "runs Bottlerocket, which has no nodeadm.".to_owned(),
            "A Bottlerocket host joins by its settings, which it gets as user data: see the function `user_data`.",
        ));
    }
    if !is_supported {
        return Some((
            "has an operating system that hybrid nodes do not support.".to_owned(),
            "Use Ubuntu 20.04, 22.04 or 24.04, Red Hat Enterprise Linux 8 or 9, or Amazon Linux 2023.",
        ));
    }
    let is_old =
        matches!((facts.os.as_str(), facts.os_version.as_str(), major), ("ubuntu", "20.04", _) | ("rhel", _, "8"));
    (is_old && provider == CredentialProvider::IamRolesAnywhere).then(|| {
        ("has an operating system that IAM Roles Anywhere does not support.".to_owned(), "Use a newer one, or `ssm`.")
    })
}

/// Why this version of nodeadm cannot install; `None`: it can, or it does not say its version.
pub(super) fn too_old(version: Option<&str>, provider: CredentialProvider) -> Option<String> {
    let version = version?;
    let numbers: Vec<u32> = version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok()).collect();
    let numbers: [u32; 3] = numbers.try_into().ok()?;
    (provider == CredentialProvider::Ssm && numbers < FIRST_WITH_KEY).then(|| {
        format!(
            "nodeadm {version} cannot verify the installer of the SSM agent, which is signed with a newer key since July 2026; it takes v{} or newer.",
            FIRST_WITH_KEY.map(|number| number.to_string()).join(".")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_describes_itself() {
        let facts = Facts::read(
            "os=ubuntu\nos_version=24.04\nmachine=x86_64\ntime=5\nsystemd=yes\naddress=127.0.0.1\naddress=10.80.0.11\nkubelet=inactive\nregistration=\nodd\n",
        );
        let addresses = ["127.0.0.1", "10.80.0.11"].map(|address| address.parse().expect("an address"));
        let expected = Facts {
            os: "ubuntu".to_owned(),
            os_version: "24.04".to_owned(),
            machine: "x86_64".to_owned(),
            time: Some(5),
            has_systemd: true,
            addresses: addresses.to_vec(),
            kubelet: "inactive".to_owned(),
            ..Facts::default()
        };
        assert_eq!(facts, expected);
    }

    #[test]
    fn systems_that_can_join() {
        use CredentialProvider::{IamRolesAnywhere, Ssm};
        for (os, version, provider, joins) in [
            ("ubuntu", "24.04", Ssm, true),
            ("ubuntu", "20.04", Ssm, true),
            ("ubuntu", "20.04", IamRolesAnywhere, false),
            ("ubuntu", "18.04", Ssm, false),
            ("rhel", "9.4", IamRolesAnywhere, true),
            ("rhel", "8.10", Ssm, true),
            ("rhel", "8.10", IamRolesAnywhere, false),
            ("amzn", "2023", Ssm, true),
            ("amzn", "2", Ssm, false),
            ("debian", "12", Ssm, false),
            ("bottlerocket", "1.37.0", Ssm, false),
            ("", "", Ssm, false),
        ] {
            let facts = Facts { os: os.to_owned(), os_version: version.to_owned(), ..Facts::default() };
            assert_eq!(unsupported(&facts, provider).is_none(), joins, "{os} {version} {provider:?}");
        }
    }

    #[test]
    fn versions_of_nodeadm() {
        use CredentialProvider::{IamRolesAnywhere, Ssm};
        for (version, provider, fits) in [
            (Some("v1.0.18"), Ssm, false),
            (Some("v1.0.18"), IamRolesAnywhere, true),
            (Some("v1.0.19"), Ssm, true),
            (Some("v1.1.0"), Ssm, true),
            (Some("dev"), Ssm, true),
            (None, Ssm, true),
        ] {
            assert_eq!(too_old(version, provider).is_none(), fits, "{version:?}");
        }
    }
}
