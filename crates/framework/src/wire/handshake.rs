//! The first words between host and plugin: the cookie, the protocol version, and the one line on standard output.

use std::fmt::{self, Display};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Terraform's cookie. It keeps nobody out; it only distinguishes a host from a person.
pub const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Version of the handshake itself.
const CORE_VERSION: u8 = 1;

/// The plugin protocol that is spoken here.
pub const PROTOCOL_VERSION: u32 = 6;

/// What the host wrote into the environment.
#[derive(Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The host's certificate in PEM form, when both sides are to prove themselves.
    pub client_certificate: Option<String>,
    /// Whether the host asks for several connections over one, which is not offered here.
    pub multiplexing_asked: bool,
}

/// Why nothing is served.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Started by a person, or by something that is no host.
    #[error(
        "This is a Terraform provider: Terraform and OpenTofu start it by themselves.\n\n\
         Name it under `required_providers` in a configuration and run `terraform init`. To run a build of your own, \
         point `dev_overrides` in the CLI configuration at its folder, or start it with -debug and use the line that \
         it prints."
    )]
    NoHost,
    /// The host speaks none of our versions.
    #[error(
        "The host speaks the plugin protocols {offered}, but this provider speaks only {PROTOCOL_VERSION}. It needs \
         Terraform 1.8, OpenTofu 1.7 or newer."
    )]
    Version {
        /// What the host offers, as it wrote it.
        offered: String,
    },
}

/// Reads the environment through `variable`. Empty values count as not set.
pub fn invitation(variable: impl Fn(&str) -> Option<String>) -> Result<Invitation, Refusal> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if variable(COOKIE.0).as_deref() != Some(COOKIE.1) {
        return Err(Refusal::NoHost);
    }
    // Without a list the host is older than version negotiation, and than protocol 6.
    let offered = variable("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
    if !offered.split(',').any(|version| version.trim().parse() == Ok(PROTOCOL_VERSION)) {
        return Err(Refusal::Version { offered });
    }
    Ok(Invitation {
        client_certificate: variable("PLUGIN_CLIENT_CERT"),
        multiplexing_asked: variable("PLUGIN_MULTIPLEX_GRPC").is_some(),
    })
}

/// Where the service listens, as it is announced to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `unix` or `tcp`.
    pub network: &'static str,
    /// The socket's path, or address and port.
    pub address: String,
}

/// The line that the host waits for.
#[derive(Debug)]
pub struct Line<'a> {
    /// Where the service listens.
    pub address: &'a Address,
    /// Our certificate in DER form, when both sides are to prove themselves.
    pub certificate: Option<&'a [u8]>,
    /// Whether the host asked for multiplexing. The answer is that there is none: a host without an answer takes the
    /// plugin for an old one and says so less clearly.
    pub multiplexing_asked: bool,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { network, address } = self.address;
        write!(f, "{CORE_VERSION}|{PROTOCOL_VERSION}|{network}|{address}|grpc|")?;
        if let Some(der) = self.certificate {
            f.write_str(&STANDARD_NO_PAD.encode(der))?;
        }
        if self.multiplexing_asked {
            f.write_str("|false")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Invitation, Refusal> {
        invitation(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn versions_come_in_any_order() {
        for offered in ["6", "5,6", "6,5", " 5 , 6 ", "4,five,6", "7,6,5"] {
            let read = read(&[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", offered)]);
            assert_eq!(read, Ok(Invitation { client_certificate: None, multiplexing_asked: false }), "{offered}");
        }
        for offered in ["", "5", "66,16", "6.0", "five"] {
            let read = read(&[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", offered)]);
            assert_eq!(read, Err(Refusal::Version { offered: offered.to_owned() }), "{offered}");
        }
    }

    #[test]
    fn no_host_without_the_cookie() {
        for cookie in [&[][..], &[(COOKIE.0, "")], &[(COOKIE.0, "d602bf8f")]] {
            let set: Vec<_> = cookie.iter().copied().chain([("PLUGIN_PROTOCOL_VERSIONS", "6")]).collect();
            assert_eq!(read(&set), Err(Refusal::NoHost), "{cookie:?}");
        }
    }

    #[test]
    fn what_the_host_asks_for() {
        let set = [
            COOKIE,
            ("PLUGIN_PROTOCOL_VERSIONS", "6"),
            ("PLUGIN_CLIENT_CERT", "PEM"),
            ("PLUGIN_MULTIPLEX_GRPC", "true"),
        ];
        let expected = Invitation { client_certificate: Some("PEM".to_owned()), multiplexing_asked: true };
        assert_eq!(read(&set), Ok(expected));
    }

    #[test]
    fn the_line() {
        let unix = Address { network: "unix", address: "/tmp/x/plugin".to_owned() };
        let tcp = Address { network: "tcp", address: "127.0.0.1:10000".to_owned() };
        for (address, certificate, multiplexing_asked, expected) in [
            (&unix, None, false, "1|6|unix|/tmp/x/plugin|grpc|"),
            (&unix, Some(&b"\x00\xff\x10\x20"[..]), false, "1|6|unix|/tmp/x/plugin|grpc|AP8QIA"),
            (&tcp, Some(b"abc"), true, "1|6|tcp|127.0.0.1:10000|grpc|YWJj|false"),
        ] {
            assert_eq!(Line { address, certificate, multiplexing_asked }.to_string(), expected);
        }
    }
}
