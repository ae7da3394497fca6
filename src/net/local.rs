//! Which hosts are this machine, or next to it. They are never reached through a proxy.

use std::net::IpAddr;

/// Whether a host, as it is written in a URL, is this machine.
pub fn is_loopback(host: &str) -> bool {
    match address(host) {
        Some(address) => address.is_loopback(),
        None => host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a host, as it is written in a URL, is this machine or a link-local service such as instance metadata.
/// `fd00:ec2::/32` is where EC2 has these services in IPv6. Source: EC2 user guide, instance metadata.
pub fn is_local(host: &str) -> bool {
    is_loopback(host)
        || match address(host) {
            Some(IpAddr::V4(address)) => address.is_link_local(),
            Some(IpAddr::V6(address)) => address.segments()[..2] == [0xfd00, 0x0ec2],
            None => false,
        }
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (host, loopback, local) in [
            ("localhost", true, true),
            ("LocalHost.", true, true),
            ("127.0.0.1", true, true),
            ("127.8.0.1", true, true),
            ("[::1]", true, true),
            ("::1", true, true),
            ("169.254.169.254", false, true),
            ("169.254.170.2", false, true),
            ("[fd00:ec2::254]", false, true),
            ("[fd01::1]", false, false),
            ("10.0.0.1", false, false),
            ("localhost.example.com", false, false),
            ("ssm.us-west-2.amazonaws.com", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_loopback(host), is_local(host)), (loopback, local), "{host}");
        }
    }
}
