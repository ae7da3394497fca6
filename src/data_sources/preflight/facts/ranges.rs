//! Address ranges as AWS names them.

use std::net::IpAddr;

use names::Cidr;

/// The ranges in `texts`. AWS names them in one spelling; anything else is no IPv4 range.
pub fn ranges(texts: &[String]) -> Vec<Cidr> {
    texts.iter().filter_map(|text| text.parse().ok()).filter(|range: &Cidr| range.network().is_ipv4()).collect()
}

/// The parts of `range` that none of `cover` contains: as few ranges as possible.
pub fn uncovered(range: Cidr, cover: &[Cidr]) -> Vec<Cidr> {
    if cover.iter().any(|one| one.contains(range)) {
        return Vec::new();
    }
    if !cover.iter().any(|one| range.contains(*one)) {
        return vec![range];
    }
    let Some((low, high)) = halves(range) else { return vec![range] };
    [low, high].into_iter().flat_map(|half| uncovered(half, cover)).collect()
}

fn halves(range: Cidr) -> Option<(Cidr, Cidr)> {
    let IpAddr::V4(first) = range.network() else { return None };
    let prefix = range.prefix().checked_add(1).filter(|prefix| *prefix <= 32)?;
    let second = first.to_bits() | 1_u32.checked_shl(u32::from(32 - prefix))?;
    let half = |bits: u32| Cidr::containing(std::net::Ipv4Addr::from_bits(bits).into(), prefix);
    Some((half(first.to_bits())?, half(second)?))
}

/// Ranges in a sentence: "10.0.0.0/16 and 10.1.0.0/16".
pub fn listed(ranges: &[Cidr]) -> String {
    let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    match texts.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Vec<Cidr> {
        ranges(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_not_covered_is_left_in_large_pieces() {
        for (range, cover, left) in [
            ("10.80.0.0/16", &["10.80.0.0/16"][..], &[][..]),
            ("10.80.0.0/16", &["10.0.0.0/8"], &[]),
            ("10.80.0.0/16", &["0.0.0.0/0"], &[]),
            ("10.80.0.0/16", &[], &["10.80.0.0/16"]),
            ("10.80.0.0/16", &["10.81.0.0/16"], &["10.80.0.0/16"]),
            ("10.80.0.0/16", &["10.80.0.0/17"], &["10.80.128.0/17"]),
            ("10.80.0.0/16", &["10.80.0.0/17", "10.80.128.0/17"], &[]),
            ("10.80.0.0/30", &["10.80.0.1/32"], &["10.80.0.0/32", "10.80.0.2/31"]),
            ("10.80.0.1/32", &["10.80.0.0/32"], &["10.80.0.1/32"]),
        ] {
            let found = uncovered(parsed(&[range])[0], &parsed(cover));
            assert_eq!(found, parsed(left), "{range} by {cover:?}");
        }
    }

    #[test]
    fn ranges_of_ipv6_do_not_count() {
        assert_eq!(parsed(&["10.0.0.0/8", "2001:db8::/32", "all"]), parsed(&["10.0.0.0/8"]));
        assert_eq!(
            listed(&parsed(&["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"])),
            "10.0.0.0/8, 10.1.0.0/16 and 10.2.0.0/16"
        );
    }
}
