//! Address ranges: reading them exactly, finding overlaps, and the ranges that EKS accepts for services.
//!
//! Limit: knows nothing of a real network; the caller passes what a cluster or a VPC uses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// An IPv4 or IPv6 range whose host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr(IpNet);

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

impl Cidr {
    /// The range of `prefix` bits around an address, or `None` when the prefix is longer than the address.
    #[must_use]
    pub fn containing(address: IpAddr, prefix: u8) -> Option<Self> {
        IpNet::new(address, prefix).ok().map(|range| Self(range.trunc()))
    }

    /// The first address.
    #[must_use]
    pub fn network(self) -> IpAddr {
        self.0.addr()
    }

    /// Number of fixed bits: 0 to 32, for IPv6 to 128.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether the whole of `other` lies in this range. Families never contain each other.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// The address so many after the first; `None` beyond the range.
    #[must_use]
    pub fn nth(self, position: u32) -> Option<IpAddr> {
        let address = match self.network() {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().checked_add(position)?).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits().checked_add(position.into())?).into(),
        };
        self.0.contains(&address).then_some(address)
    }

    /// Address of the cluster's DNS service, if this is the range of its services: the tenth.
    #[must_use]
    pub fn dns_address(self) -> Option<IpAddr> {
        self.nth(10)
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
        // The standard parser accepts `+16` and `016`; a range has one spelling.
        let plain = length.bytes().all(|byte| byte.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
        let wrong_prefix = || CidrError::Prefix { text: text.to_owned(), most: bits(address) };
        let prefix: u8 = length.parse().ok().filter(|_| plain).ok_or_else(wrong_prefix)?;
        let corrected = Self::containing(address, prefix).ok_or_else(wrong_prefix)?;
        if corrected.network() == address {
            Ok(corrected)
        } else {
            Err(CidrError::HostBits { text: text.to_owned(), corrected })
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Every pair of positions whose ranges share an address, the smaller position first, in order.
#[must_use]
pub fn overlaps(ranges: &[Cidr]) -> Vec<(usize, usize)> {
    let pairs = (0..ranges.len()).flat_map(|one| (one + 1..ranges.len()).map(move |other| (one, other)));
    pairs.filter(|&(one, other)| ranges[one].overlaps(ranges[other])).collect()
}

const fn v4(octets: [u8; 4], prefix: u8) -> Cidr {
    let [a, b, c, d] = octets;
    Cidr(IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)))
}

/// RFC 1918.
const PRIVATE: [Cidr; 3] = [v4([10, 0, 0, 0], 8), v4([172, 16, 0, 0], 12), v4([192, 168, 0, 0], 16)];

/// Why EKS refuses a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// IPv6 where only IPv4 is accepted.
    #[error("`{0}` is IPv6; EKS accepts only IPv4 here")]
    NotIpv4(Cidr),
    /// Outside the private ranges.
    #[error("`{0}` lies outside 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16")]
    NotPrivate(Cidr),
    /// Too large or too small for services.
    #[error("`{0}` is not between /12 and /24")]
    ServiceSize(Cidr),
}

/// Checks a cluster's service range: IPv4, private, /12 to /24.
///
/// Source: EKS `CreateCluster`, `kubernetesNetworkConfig.serviceIpv4Cidr`.
///
/// # Errors
/// The first rule that the range breaks.
pub fn check_service_range(range: Cidr) -> Result<(), RangeError> {
    if range.network().is_ipv6() {
        return Err(RangeError::NotIpv4(range));
    }
    if !PRIVATE.iter().any(|allowed| allowed.contains(range)) {
        return Err(RangeError::NotPrivate(range));
    }
    if !(12..=24).contains(&range.prefix()) {
        return Err(RangeError::ServiceSize(range));
    }
    Ok(())
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
            assert_eq!(cidr(range).dns_address(), Some(address.parse().unwrap()), "{range}");
        }
        assert_eq!(cidr("10.0.0.0/29").dns_address(), None);
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
