//! IPv4 blocks in CIDR notation.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// An IPv4 block; the host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(Ipv4Net);

impl Cidr {
    /// `None` when it is no block, or has host bits that are not zero.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|block: &Ipv4Net| block.addr() == block.network()).map(Self)
    }

    /// Length of the prefix.
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    pub fn contains(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// The address so many after the first; `None` outside the block.
    pub fn address(self, offset: u32) -> Option<Ipv4Addr> {
        let address = Ipv4Addr::from_bits(self.0.addr().to_bits().checked_add(offset)?);
        self.0.contains(&address).then_some(address)
    }

    /// Addresses in the block.
    pub fn size(self) -> u64 {
        1 << (32 - self.length())
    }

    /// Whether the block lies in the private ranges of RFC 1918.
    pub fn is_private(self) -> bool {
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
            .iter()
            .filter_map(|range| Self::parse(range))
            .any(|range| range.contains(self))
    }

    /// Whether the block lies in the range for carriers, 100.64.0.0/10.
    pub fn is_shared(self) -> bool {
        Self::parse("100.64.0.0/10").is_some_and(|range| range.contains(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        for (text, expected) in [
            ("10.0.0.0/16", true),
            ("0.0.0.0/0", true),
            ("10.0.0.1/32", true),
            ("10.0.0.1/16", false),
            ("10.0.0.0/33", false),
            ("10.0.0.0/+8", false),
            ("10.0.0.0", false),
            ("10.0.0/8", false),
            ("::/0", false),
        ] {
            assert_eq!(Cidr::parse(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn relations() {
        for (left, right, overlaps, contains) in [
            ("10.0.0.0/16", "10.0.1.0/24", true, true),
            ("10.0.1.0/24", "10.0.0.0/16", true, false),
            ("10.0.0.0/16", "10.1.0.0/16", false, false),
            ("0.0.0.0/0", "192.168.0.0/16", true, true),
        ] {
            let (left, right) = (Cidr::parse(left).unwrap(), Cidr::parse(right).unwrap());
            assert_eq!(left.overlaps(right), overlaps);
            assert_eq!(left.contains(right), contains);
        }
    }

    #[test]
    fn private_and_shared() {
        for (text, private, shared) in [
            ("172.16.0.0/12", true, false),
            ("172.16.0.0/11", false, false),
            ("100.64.0.0/10", false, true),
            ("8.8.8.0/24", false, false),
        ] {
            // 172.16.0.0/11 has a host bit set and is no block at all.
            let found = Cidr::parse(text);
            assert_eq!(found.is_some_and(Cidr::is_private), private, "{text}");
            assert_eq!(found.is_some_and(Cidr::is_shared), shared, "{text}");
        }
    }
}
