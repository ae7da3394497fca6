//! IPv4 blocks in CIDR notation.

use std::net::Ipv4Addr;

/// An IPv4 block; the host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    first: u32,
    pub length: u32,
}

impl Cidr {
    /// `None` when it is no block, or has host bits that are not zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let first = u32::from(address.parse::<Ipv4Addr>().ok()?);
        let is_plain = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|length| *length <= 32 && is_plain)?;
        let block = Self { first, length };
        (first & !block.mask() == 0).then_some(block)
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - self.length).unwrap_or(0)
    }

    pub fn overlaps(self, other: Self) -> bool {
        let mask = self.mask() & other.mask();
        self.first & mask == other.first & mask
    }

    pub fn contains(self, other: Self) -> bool {
        self.length <= other.length && other.first & self.mask() == self.first
    }

    /// The address so many after the first; `None` outside the block.
    pub fn address(self, offset: u32) -> Option<Ipv4Addr> {
        (u64::from(offset) < self.size()).then(|| Ipv4Addr::from(self.first + offset))
    }

    /// Addresses in the block.
    pub fn size(self) -> u64 {
        1 << (32 - self.length)
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
