//! Address ranges: reading them exactly, finding overlaps, and the ranges that EKS takes.
//!
//! Limit: knows nothing of a real network; what a cluster or a VPC uses has to be handed in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IPv4 or IPv6 range whose host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is not a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// There is no `/`.
    #[error("`{text}` has no prefix length; a single address is `{address}/{bits}`", bits = bits(*.address))]
    NoPrefix {
        /// The text.
        text: String,
        /// The address that it is.
        address: IpAddr,
    },
    /// The part before the `/` is no address, or the whole is neither.
    #[error("`{text}` is not a range such as `10.80.0.0/16`")]
    Address {
        /// The text.
        text: String,
    },
    /// The part after the `/` is no prefix length of the address's family.
    #[error("the prefix length of `{text}` is not a number from 0 to {most}")]
    Prefix {
        /// The text.
        text: String,
        /// The longest prefix of the family.
        most: u8,
    },
    /// The address has bits beyond the prefix.
    #[error("`{text}` has host bits set; the range is `{corrected}`")]
    HostBits {
        /// The text.
        text: String,
        /// The range that contains the address.
        corrected: Cidr,
    },
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with everything beyond the prefix set to zero, as a number at the top of 128 bits.
fn masked(address: IpAddr, prefix: u8) -> u128 {
    let number = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    // A shift by all 128 bits is none in Rust, hence the checked one for /0.
    number & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

fn from_top(number: u128, like: IpAddr) -> IpAddr {
    match like {
        // The shift leaves 32 bits, so nothing is cut off.
        #[allow(clippy::cast_possible_truncation)]
        IpAddr::V4(_) => Ipv4Addr::from_bits((number >> 96) as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
    }
}

impl Cidr {
    /// The range of `prefix` bits around an address, or `None` when the prefix is longer than the address.
    #[must_use]
    pub fn containing(address: IpAddr, prefix: u8) -> Option<Self> {
        (prefix <= bits(address)).then(|| Self { network: from_top(masked(address, prefix), address), prefix })
    }

    /// The first address.
    #[must_use]
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// Number of fixed bits: 0 to 32, for IPv6 to 128.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether the whole of `other` lies in this range. Families never contain each other.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.network.is_ipv4() == other.network.is_ipv4()
            && self.prefix <= other.prefix
            && masked(other.network, self.prefix) == masked(self.network, self.prefix)
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let wrong_address = || CidrError::Address { text: text.to_owned() };
        let Some((address, length)) = text.split_once('/') else {
            return Err(match text.parse() {
                Ok(address) => CidrError::NoPrefix { text: text.to_owned(), address },
                Err(_) => wrong_address(),
            });
        };
        let address: IpAddr = address.parse().map_err(|_| wrong_address())?;
        // The standard parser takes `+16` and `016`; a range is written in one way only.
        let plain = length.bytes().all(|byte| byte.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
        let wrong_prefix = || CidrError::Prefix { text: text.to_owned(), most: bits(address) };
        let prefix: u8 = length.parse().ok().filter(|_| plain).ok_or_else(wrong_prefix)?;
        let corrected = Self::containing(address, prefix).ok_or_else(wrong_prefix)?;
        if corrected.network == address {
            Ok(corrected)
        } else {
            Err(CidrError::HostBits { text: text.to_owned(), corrected })
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// Every pair of positions whose ranges share an address, the smaller position first, in order.
#[must_use]
pub fn overlaps(ranges: &[Cidr]) -> Vec<(usize, usize)> {
    let pairs = (0..ranges.len()).flat_map(|one| (one + 1..ranges.len()).map(move |other| (one, other)));
    pairs.filter(|&(one, other)| ranges[one].overlaps(ranges[other])).collect()
}

const fn v4(octets: [u8; 4], prefix: u8) -> Cidr {
    Cidr { network: IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])), prefix }
}

/// RFC 1918.
pub const PRIVATE: [Cidr; 3] = [v4([10, 0, 0, 0], 8), v4([172, 16, 0, 0], 12), v4([192, 168, 0, 0], 16)];

/// RFC 6598, addresses between a provider and its customers.
pub const SHARED: Cidr = v4([100, 64, 0, 0], 10);

/// Why EKS refuses a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// IPv6 where only IPv4 is taken.
    #[error("`{0}` is IPv6; EKS takes IPv4 here")]
    NotIpv4(Cidr),
    /// Outside the ranges that EKS takes for the networks of hybrid nodes and their pods.
    #[error("`{0}` lies outside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10")]
    NotRemote(Cidr),
    /// Outside the private ranges.
    #[error("`{0}` lies outside 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16")]
    NotPrivate(Cidr),
    /// Too large or too small for services.
    #[error("`{0}` is not between /12 and /24")]
    ServiceSize(Cidr),
}

/// Checks a range of `remoteNodeNetworks` or `remotePodNetworks`: IPv4, private or shared.
///
/// Source: EKS user guide, "Prepare networking for hybrid nodes". Sizes from /8 to /32 follow from these ranges.
///
/// # Errors
/// The first rule that the range breaks.
pub fn check_remote_network(range: Cidr) -> Result<(), RangeError> {
    if range.network.is_ipv6() {
        return Err(RangeError::NotIpv4(range));
    }
    if !PRIVATE.iter().chain([&SHARED]).any(|allowed| allowed.contains(range)) {
        return Err(RangeError::NotRemote(range));
    }
    Ok(())
}

/// Checks a cluster's service range: IPv4, private, /12 to /24.
///
/// Source: EKS `CreateCluster`, `kubernetesNetworkConfig.serviceIpv4Cidr`.
///
/// # Errors
/// The first rule that the range breaks.
pub fn check_service_range(range: Cidr) -> Result<(), RangeError> {
    if range.network.is_ipv6() {
        return Err(RangeError::NotIpv4(range));
    }
    if !PRIVATE.iter().any(|allowed| allowed.contains(range)) {
        return Err(RangeError::NotPrivate(range));
    }
    if !(12..=24).contains(&range.prefix) {
        return Err(RangeError::ServiceSize(range));
    }
    Ok(())
}

/// Address of the cluster's DNS service: the tenth of the service range. `None` when the range is smaller than that.
#[must_use]
pub fn dns_address(service_range: Cidr) -> Option<IpAddr> {
    let room = bits(service_range.network) - service_range.prefix;
    if room < 4 {
        return None;
    }
    Some(match service_range.network {
        IpAddr::V4(network) => Ipv4Addr::from_bits(network.to_bits() + 10).into(),
        IpAddr::V6(network) => Ipv6Addr::from_bits(network.to_bits() + 10).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_are_read_and_written_alike() {
        for text in ["10.80.0.0/16", "0.0.0.0/0", "192.0.2.7/32", "::/0", "2001:db8::/32", "fd00::1/128"] {
            assert_eq!(cidr(text).to_string(), text);
        }
    }

    #[test]
    fn each_slip_has_its_own_message() {
        for (text, message) in [
            ("10.80.0.0", "`10.80.0.0` has no prefix length; a single address is `10.80.0.0/32`"),
            ("fd00::1", "`fd00::1` has no prefix length; a single address is `fd00::1/128`"),
            ("10.80.0.5/16", "`10.80.0.5/16` has host bits set; the range is `10.80.0.0/16`"),
            ("2001:db8::1/32", "`2001:db8::1/32` has host bits set; the range is `2001:db8::/32`"),
            ("10.80.0.1/0", "`10.80.0.1/0` has host bits set; the range is `0.0.0.0/0`"),
            ("10.80.0.0/33", "the prefix length of `10.80.0.0/33` is not a number from 0 to 32"),
            ("10.80.0.0/016", "the prefix length of `10.80.0.0/016` is not a number from 0 to 32"),
            ("10.80.0.0/+16", "the prefix length of `10.80.0.0/+16` is not a number from 0 to 32"),
            ("10.80.0.0/", "the prefix length of `10.80.0.0/` is not a number from 0 to 32"),
            ("::/129", "the prefix length of `::/129` is not a number from 0 to 128"),
            ("10.80.0/16", "`10.80.0/16` is not a range such as `10.80.0.0/16`"),
            ("10.080.0.0/16", "`10.080.0.0/16` is not a range such as `10.80.0.0/16`"),
            ("", "`` is not a range such as `10.80.0.0/16`"),
        ] {
            assert_eq!(text.parse::<Cidr>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn overlaps_are_pairs_of_positions() {
        let ranges = ["10.0.0.0/8", "10.80.0.0/16", "192.168.0.0/24", "192.168.1.0/24", "10.80.0.0/16", "::/0"];
        assert_eq!(overlaps(&ranges.map(cidr)), [(0, 1), (0, 4), (1, 4)]);
        assert_eq!(overlaps(&[]), []);
        assert!(!cidr("0.0.0.0/0").overlaps(cidr("::/0")), "families never overlap");
    }

    #[test]
    fn remote_networks_are_private_or_shared_ipv4() {
        for text in ["10.0.0.0/8", "172.16.0.0/12", "192.168.4.7/32", "100.64.0.0/10"] {
            assert_eq!(check_remote_network(cidr(text)), Ok(()), "{text}");
        }
        for text in ["8.0.0.0/7", "11.0.0.0/8", "172.0.0.0/8", "100.0.0.0/8", "192.168.0.0/15", "0.0.0.0/0"] {
            // 192.168.0.0/15 is 192.168.0.0–192.169.255.255.
            assert_eq!(check_remote_network(cidr(text)), Err(RangeError::NotRemote(cidr(text))), "{text}");
        }
        assert_eq!(check_remote_network(cidr("fd00::/8")), Err(RangeError::NotIpv4(cidr("fd00::/8"))));
    }

    #[test]
    fn service_ranges_are_private_and_neither_large_nor_small() {
        for text in ["10.100.0.0/16", "172.16.0.0/12", "192.168.3.0/24"] {
            assert_eq!(check_service_range(cidr(text)), Ok(()), "{text}");
        }
        for (text, error) in [
            ("100.64.0.0/16", RangeError::NotPrivate(cidr("100.64.0.0/16"))),
            ("10.0.0.0/11", RangeError::ServiceSize(cidr("10.0.0.0/11"))),
            ("10.0.0.0/25", RangeError::ServiceSize(cidr("10.0.0.0/25"))),
            ("fd00::/108", RangeError::NotIpv4(cidr("fd00::/108"))),
        ] {
            assert_eq!(check_service_range(cidr(text)), Err(error), "{text}");
        }
    }

    #[test]
    fn dns_is_the_tenth_address() {
        for (range, address) in [
            ("10.100.0.0/16", "10.100.0.10"),
            ("172.20.255.0/24", "172.20.255.10"),
            ("10.0.0.16/28", "10.0.0.26"),
            ("fd12:3456::/108", "fd12:3456::a"),
        ] {
            assert_eq!(dns_address(cidr(range)), Some(address.parse().unwrap()), "{range}");
        }
        assert_eq!(dns_address(cidr("10.0.0.0/29")), None);
    }

    proptest! {
        /// Two ranges overlap exactly when the shorter prefix's range around each is the same.
        #[test]
        fn overlap_is_equality_at_the_shorter_prefix(one: u32, other: u32, a in 0u8..=32, b in 0u8..=32) {
            let range = |bits: u32, prefix| Cidr::containing(Ipv4Addr::from_bits(bits).into(), prefix).unwrap();
            let shorter = a.min(b);
            let same = shorter == 0 || one >> (32 - shorter) == other >> (32 - shorter);
            prop_assert_eq!(range(one, a).overlaps(range(other, b)), same);
            prop_assert_eq!(range(one, a).to_string().parse::<Cidr>(), Ok(range(one, a)));
        }
    }
}
