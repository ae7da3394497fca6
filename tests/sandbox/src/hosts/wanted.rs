//! What a new host is to be like: the body of `POST …/hosts`.

use std::net::Ipv4Addr;

use serde::Deserialize;

use super::keys::Keys;

// Each is a switch of its own in the call's body.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub name: String,
    #[serde(default = "fast")]
    pub kind: Kind,
    /// The next free one where it is not given.
    pub address: Option<Ipv4Addr>,
    #[serde(default = "ubuntu")]
    pub os: String,
    /// Text of /etc/os-release, instead of that of `os`.
    pub os_release: Option<String>,
    /// As `uname -m` prints it; the machine's own where it is not given.
    pub architecture: Option<String>,
    #[serde(default = "users")]
    pub users: Vec<User>,
    /// Names of the keys that open every account.
    #[serde(default = "keys")]
    pub authorized_keys: Vec<String>,
    #[serde(default = "host_keys")]
    pub host_keys: Vec<String>,
    #[serde(default)]
    pub host_certificate: bool,
    #[serde(default)]
    pub user_certificates: bool,
    #[serde(default)]
    pub password_logins: bool,
    /// Lines of sshd_config, before all others.
    #[serde(default)]
    pub sshd_options: Vec<String>,
    /// Whether sshd runs from the beginning.
    #[serde(default = "yes")]
    pub sshd: bool,
    /// Name of the bastion; this machine then gets no answer from the host.
    pub behind: Option<String>,
    #[serde(default = "disk")]
    pub disk_megabytes: u32,
    #[serde(default)]
    pub clock_offset_seconds: i64,
    #[serde(default = "mtu")]
    pub mtu: u32,
    /// By which nodeadm's times are multiplied.
    #[serde(default = "time_scale")]
    pub time_scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// sshd, and stand-ins for the rest.
    Fast,
    /// systemd, sshd, containerd and a real kubelet.
    Whole,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
    pub password: Option<String>,
    #[serde(default)]
    pub sudo: Sudo,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sudo {
    #[default]
    Nopasswd,
    /// With the user's password.
    Password,
    None,
}

fn fast() -> Kind {
    Kind::Fast
}

fn ubuntu() -> String {
    "ubuntu-24.04".to_owned()
}

fn users() -> Vec<User> {
    vec![User { name: "ubuntu".to_owned(), password: None, sudo: Sudo::Nopasswd }]
}

fn keys() -> Vec<String> {
    Keys::names().map(ToOwned::to_owned).collect()
}

fn host_keys() -> Vec<String> {
    ["ed25519", "ecdsa"].map(ToOwned::to_owned).to_vec()
}

fn yes() -> bool {
    true
}

fn disk() -> u32 {
    256
}

fn mtu() -> u32 {
    1500
}

fn time_scale() -> f64 {
    0.01
}

impl Wanted {
    /// The error is the text for the caller.
    pub fn check(&self) -> Result<(), String> {
        let is_name = |text: &str, longest: usize| {
            (1..=longest).contains(&text.len())
                && text.starts_with(|first: char| first.is_ascii_lowercase())
                && text.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-')
        };
        if !is_name(&self.name, 63) {
            return Err(format!("`{}` is not a host's name: lower-case letters, digits and `-`", self.name));
        }
        for user in &self.users {
            if !is_name(&user.name, 32) || user.name == "root" {
                return Err(format!("`{}` is not a name for a user", user.name));
            }
            let plain = |text: &str| {
                !text.is_empty() && text.chars().all(|one| one.is_ascii_graphic() && !":'\"\\".contains(one))
            };
            if !user.password.as_deref().is_none_or(plain) {
                return Err(format!("the password of {} is empty or has a blank, a quote, `:` or `\\`", user.name));
            }
            if user.sudo == Sudo::Password && user.password.is_none() {
                return Err(format!("{} has no password for sudo", user.name));
            }
        }
        if let Some(key) = self.authorized_keys.iter().find(|key| !Keys::names().any(|known| known == key.as_str())) {
            return Err(format!("there is no key `{key}`"));
        }
        if let Some(kind) = self.host_keys.iter().find(|kind| !["ed25519", "ecdsa", "rsa"].contains(&kind.as_str())) {
            return Err(format!("there is no host key of type `{kind}`"));
        }
        if self.host_keys.is_empty() {
            return Err("a host needs a host key".to_owned());
        }
        if self.os_release.is_none() && os_release(&self.os).is_none() {
            let known: Vec<&str> = SYSTEMS.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no system `{}`; there are {}", self.os, known.join(", ")));
        }
        let bounds = [("disk_megabytes", self.disk_megabytes, 1..=4096), ("mtu", self.mtu, 68..=9001)];
        for (name, value, range) in bounds {
            if !range.contains(&value) {
                return Err(format!("{name} is {value}, not from {} to {}", range.start(), range.end()));
            }
        }
        if !(0.0..=1.0).contains(&self.time_scale) {
            return Err(format!("time_scale is {}, not from 0 to 1", self.time_scale));
        }
        Ok(())
    }

    pub fn os_release(&self) -> String {
        self.os_release.clone().or_else(|| os_release(&self.os)).unwrap_or_default()
    }
}

/// Name → ID, ID_LIKE, NAME, VERSION_ID, codename, PRETTY_NAME.
const SYSTEMS: [(&str, [&str; 6]); 9] = [
    ("ubuntu-24.04", ["ubuntu", "debian", "Ubuntu", "24.04", "noble", "Ubuntu 24.04.3 LTS"]),
    ("ubuntu-22.04", ["ubuntu", "debian", "Ubuntu", "22.04", "jammy", "Ubuntu 22.04.5 LTS"]),
    ("ubuntu-20.04", ["ubuntu", "debian", "Ubuntu", "20.04", "focal", "Ubuntu 20.04.6 LTS"]),
    ("ubuntu-18.04", ["ubuntu", "debian", "Ubuntu", "18.04", "bionic", "Ubuntu 18.04.6 LTS"]),
    ("amazon-linux-2023", ["amzn", "fedora", "Amazon Linux", "2023", "", "Amazon Linux 2023.9.20251117"]),
    ("rhel-9", ["rhel", "fedora", "Red Hat Enterprise Linux", "9.6", "", "Red Hat Enterprise Linux 9.6 (Plow)"]),
    ("rhel-8", ["rhel", "fedora", "Red Hat Enterprise Linux", "8.10", "", "Red Hat Enterprise Linux 8.10 (Ootpa)"]),
    ("debian-12", ["debian", "", "Debian GNU/Linux", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"]),
    ("bottlerocket", ["bottlerocket", "", "Bottlerocket", "1.50.0", "", "Bottlerocket OS 1.50.0 (vmware-k8s-1.34)"]),
];

fn os_release(name: &str) -> Option<String> {
    let (_, [id, like, long, version, codename, pretty]) = SYSTEMS.iter().find(|(known, _)| *known == name)?;
    let mut text = format!("PRETTY_NAME=\"{pretty}\"\nNAME=\"{long}\"\nVERSION_ID=\"{version}\"\nID={id}\n");
    for (name, value) in [("ID_LIKE", like), ("VERSION_CODENAME", codename)] {
        if !value.is_empty() {
            text.push_str(&format!("{name}={value}\n"));
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_hosts_are_refused_by_what_is_wrong() {
        let check = |text: &str| serde_json::from_str::<Wanted>(text).unwrap().check();
        assert_eq!(check(r#"{"name": "node-1"}"#), Ok(()));
        for (wrong, expected) in [
            (r#"{"name": "Node"}"#, "`Node` is not a host's name"),
            (r#"{"name": "n", "users": [{"name": "root"}]}"#, "`root` is not a name"),
            (r#"{"name": "n", "users": [{"name": "u", "password": "a b"}]}"#, "the password of u"),
            (r#"{"name": "n", "users": [{"name": "u", "sudo": "password"}]}"#, "no password for sudo"),
            (r#"{"name": "n", "authorized_keys": ["dsa"]}"#, "no key `dsa`"),
            (r#"{"name": "n", "host_keys": ["dsa"]}"#, "no host key of type `dsa`"),
            (r#"{"name": "n", "host_keys": []}"#, "needs a host key"),
            (r#"{"name": "n", "os": "beos"}"#, "there are ubuntu-24.04, "),
            (r#"{"name": "n", "disk_megabytes": 0}"#, "disk_megabytes is 0, not from 1 to 4096"),
            (r#"{"name": "n", "mtu": 67}"#, "mtu is 67"),
            (r#"{"name": "n", "time_scale": 1.5}"#, "time_scale is 1.5"),
        ] {
            let error = check(wrong).unwrap_err();
            assert!(error.contains(expected), "{error} instead of {expected}");
        }
    }
}
