//! The `instance` part and the feature gates of a `NodeConfig`: local disks, environment, DNS.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::ser::Serializer;

use super::super::AbsolutePath;
use crate::node::shape::{Known, Reader, Shape, choice, holds, object, one_of, text, text_of};
use crate::node::tree::{Step, Tree};

object! {
    /// Instance settings.
    pub struct Instance (InstanceDraft) {
        /// How to use local NVMe disks. Default: not at all.
        pub local_storage: Option<LocalStorage>,
        /// Environment variables, by service: `default` for all services and nodeadm itself, otherwise the name of a
        /// systemd service such as `containerd` or `kubelet`. Use this to configure a proxy.
        pub environment: Option<Environment>,
        /// DNS settings of the instance.
        pub network: Option<Network>,
    }
}

object! {
    check = check;
    /// How to use local NVMe disks.
    pub struct LocalStorage (LocalStorageDraft) {
        /// `RAID0` joins the disks into one volume; `RAID10` also mirrors it and needs four disks; `Mount` mounts each
        /// disk.
        pub strategy: LocalStorageStrategy,
        /// Directory where the volumes are mounted. Default `/mnt/k8s-disks`.
        pub mount_path: Option<AbsolutePath>,
        /// What to keep off the joined volume: `Containerd` (`/var/lib/containerd`), `PodLogs` (`/var/log/pods`),
        /// `SOCI` (`/var/lib/soci-snapshotter-grpc`). Default: nothing; the kubelet's directory is always on it.
        pub disabled_mounts: Option<Vec<DisabledMount>>,
    }
}

choice! {
    /// What nodeadm does with local disks.
    pub enum LocalStorageStrategy {
        /// One volume over all disks.
        Raid0 = "RAID0",
        /// One mirrored volume over all disks.
        Raid10 = "RAID10",
        /// Mounts each disk.
        Mount = "Mount",
    }
}

choice! {
    /// A directory that can be kept off the volume.
    pub enum DisabledMount {
        /// `/var/lib/containerd`.
        Containerd = "Containerd",
        /// `/var/log/pods`.
        PodLogs = "PodLogs",
        /// `/var/lib/soci-snapshotter-grpc`.
        Soci = "SOCI",
    }
}

fn check(draft: &LocalStorageDraft, reader: &mut Reader) {
    if matches!(draft.strategy, Known::Ready(LocalStorageStrategy::Mount))
        && draft.disabled_mounts.given() == Some(true)
    {
        reader.fault_at(&["disabled_mounts"], "has no effect with the `strategy` `Mount`, which moves no folder");
    }
}

object! {
    /// DNS settings of the instance, for systemd-resolved.
    pub struct Network (NetworkDraft) {
        /// DNS servers, IPv4 or IPv6.
        pub nameservers: Option<Vec<Nameserver>>,
        /// Search domains. With a leading `~`, a domain only routes queries to these servers.
        pub domains: Option<Vec<Domain>>,
    }
}

text! {
    /// A DNS server.
    pub struct Nameserver;
    rule = "the IP address of a name server, such as `10.0.0.2`; a port and, behind `#`, a name for TLS may follow";
    check = |text| {
        let (server, name) = text.split_once('#').map_or((text, None), |(server, name)| (server, Some(name)));
        let addressed = server.parse::<IpAddr>().is_ok() || server.parse::<SocketAddr>().is_ok();
        holds(addressed && name.is_none_or(is_domain))
    };
}

text! {
    /// A DNS domain.
    pub struct Domain;
    rule = "a domain such as `example.com`, or `~example.com`";
    check = |text| holds(text == "~." || is_domain(text.strip_prefix('~').unwrap_or(text)));
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=63).contains(&label.len()) && label.bytes().all(letters) && !label.starts_with('-')
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// Environment variables by service. Values may be secrets, such as a proxy's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, BTreeMap<String, String>>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.0.iter().map(|(service, variables)| (service, variables.keys().collect::<Vec<_>>()));
        f.debug_map().entries(services).finish()
    }
}

impl Shape for Environment {
    type Draft = Self;

    fn noun() -> String {
        "map of map of string".to_owned()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        let Tree::Map(services) = tree else {
            return reader.wrong_type("a map", tree);
        };
        let mut environment = BTreeMap::new();
        let mut later = false;
        let sound = reader.without_fault(|reader| {
            for (service, variables) in services {
                reader.inside(Step::Key(service.clone()), |reader| {
                    check_service(service, reader);
                    match variables {
                        Tree::Null => {}
                        Tree::Later => later = true,
                        Tree::Map(variables) => {
                            let variables = read_variables(variables, &mut later, reader);
                            environment.insert(service.clone(), variables);
                        }
                        other => reader.fault(format!("must be a map, not {}", other.noun())),
                    }
                });
            }
        });
        match (sound, later) {
            (false, _) => Known::Faulty,
            (true, true) => Known::Later,
            (true, false) => Known::Ready(Self(environment)),
        }
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

fn read_variables(
    variables: &BTreeMap<String, Tree>,
    later: &mut bool,
    reader: &mut Reader,
) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    for (name, value) in variables {
        reader.inside(Step::Key(name.clone()), |reader| {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.bytes().all(letters) {
                reader.fault("the name of a variable consists of letters, digits and `_`, and begins with no digit");
            }
            match value {
                // Omitted, like a null attribute.
                Tree::Null => {}
                Tree::Later => *later = true,
                value => {
                    if let Some(text) = text_of(value, reader) {
                        if text.contains('\0') {
                            reader.fault("must not contain a zero byte");
                        }
                        read.insert(name.clone(), text.to_owned());
                    }
                }
            }
        });
    }
    read
}

/// nodeadm creates the drop-in directory `NAME.service.d` from it.
fn check_service(name: &str, reader: &mut Reader) {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    if let Some(stem) = name.strip_suffix(".service") {
        reader.fault(format!("leave out `.service`: `{}`", stem.escape_debug()));
    } else if name.is_empty() || name.len() > 240 || name.starts_with('.') || !name.bytes().all(letters) {
        reader.fault("must be `default` or the name of a systemd service such as `containerd`");
    }
}

/// Features to turn on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureGates(BTreeMap<String, bool>);

/// The features that nodeadm knows; it ignores others.
const FEATURES: [&str; 2] = ["InstanceIdNodeName", "FastImagePull"];

impl Shape for FeatureGates {
    type Draft = Self;

    fn noun() -> String {
        "map of bool".to_owned()
    }

    fn rule() -> String {
        "`InstanceIdNodeName` (the instance's id is the node's name, which the role's access must suit) and \
         `FastImagePull` (images are pulled in parallel on types of 4 vCPUs and 8 GiB or more), each `true` or `false`"
            .to_owned()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        let Tree::Map(entries) = tree else {
            return reader.wrong_type("a map", tree);
        };
        let mut gates = BTreeMap::new();
        let mut later = false;
        let sound = reader.without_fault(|reader| {
            for (name, value) in entries {
                reader.inside(Step::Key(name.clone()), |reader| {
                    if !FEATURES.contains(&name.as_str()) {
                        let hint = match names::meant(name, FEATURES) {
                            Some(meant) => format!("did you mean `{meant}`?"),
                            None => format!("there are {}", one_of(&FEATURES)),
                        };
                        reader.fault(format!("nodeadm has no such feature; {hint}"));
                    }
                    match value {
                        Tree::Null => {}
                        Tree::Later => later = true,
                        Tree::Bool(on) => {
                            gates.insert(name.clone(), *on);
                        }
                        other => reader.fault(format!("must be a bool, not {}", other.noun())),
                    }
                });
            }
        });
        match (sound, later) {
            (false, _) => Known::Faulty,
            (true, true) => Known::Later,
            (true, false) => Known::Ready(Self(gates)),
        }
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}
