//! Network interfaces, addresses and vCPUs of EC2 instance types, as far as the number of pods depends on them.
//!
//! The table is written by `tests/tools/instance_limits.py`, from the limits that the VPC CNI has built in and from
//! EC2's vCPU counts; its first line says of which versions. Limit: a type that is newer is not in it.

const TABLE: &str = include_str!("table.txt");

/// What an instance type offers to pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Network interfaces of the default network card, the primary interface included. Pods get no addresses from
    /// other cards.
    pub interfaces: u32,
    /// IPv4 addresses of one interface, its own included.
    pub addresses_per_interface: u32,
    /// Whether an interface takes /28 prefixes in place of addresses: on Nitro and on bare metal.
    pub prefixes: bool,
    /// Whether it has more than 30 vCPUs; `None` when that is not known.
    pub many_vcpus: Option<bool>,
}

/// The limits of a type such as `m5.large`, or `None` when the table has none of that name.
pub fn find(instance_type: &str) -> Option<Limits> {
    let (family, size) = instance_type.split_once('.')?;
    let (_, sizes) = lines().find(|(families, _)| families.split(' ').any(|name| name == family))?;
    entries(sizes).find_map(|(name, limits)| (name == size).then_some(limits))
}

/// The limits of every type of the table.
pub(crate) fn all() -> impl Iterator<Item = Limits> {
    lines().flat_map(|(_, sizes)| entries(sizes)).map(|(_, limits)| limits)
}

/// What was probably meant by a name that the table does not have, nearest first; at most two names.
pub(crate) fn meant(instance_type: &str) -> Vec<String> {
    // Comparing with all names takes a while; a slip seldom hits the first letter, or more than two.
    let near = |length: usize| length.abs_diff(instance_type.len()) <= 2;
    let first = instance_type.chars().next().map(|first| first.to_ascii_lowercase());
    let mut left: Vec<String> = Vec::new();
    for (families, sizes) in lines() {
        for family in families.split(' ').filter(|family| family.chars().next() == first) {
            let sizes = entries(sizes).filter(|(size, _)| near(family.len() + 1 + size.len()));
            left.extend(sizes.map(|(size, _)| format!("{family}.{size}")));
        }
    }
    let mut meant = Vec::new();
    while meant.len() < 2 {
        let Some(name) = names::meant(instance_type, left.iter().map(String::as_str)).map(str::to_owned) else { break };
        left.retain(|other| *other != name);
        meant.push(name);
    }
    meant
}

/// Sizes of a family, from small to large; empty when the table has no such family.
pub(crate) fn sizes(family: &str) -> Vec<&'static str> {
    let line = lines().find(|(families, _)| families.split(' ').any(|name| name == family));
    line.map_or_else(Vec::new, |(_, sizes)| entries(sizes).map(|(size, _)| size).collect())
}

/// Families that share a line, and their sizes.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "))
}

fn entries(sizes: &'static str) -> impl Iterator<Item = (&'static str, Limits)> {
    sizes.split(' ').filter_map(|entry| {
        let (size, limits) = entry.split_once('=')?;
        Some((size, read(limits)?))
    })
}

/// Reads limits such as `8/30!>`: interfaces, addresses, and marks.
fn read(text: &str) -> Option<Limits> {
    let numbers = text.trim_end_matches(['!', '>', '?']);
    let marks = &text[numbers.len()..];
    let (interfaces, addresses) = numbers.split_once('/')?;
    Some(Limits {
        interfaces: interfaces.parse().ok()?,
        addresses_per_interface: addresses.parse().ok()?,
        prefixes: !marks.contains('!'),
        many_vcpus: (!marks.contains('?')).then(|| marks.contains('>')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_and_entry_of_the_table_is_read_once() {
        let mut families = BTreeSet::new();
        let mut types = 0;
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let (names, sizes) = line.split_once(": ").unwrap();
            let written: BTreeSet<&str> = sizes.split(' ').map(|entry| entry.split('=').next().unwrap()).collect();
            let read: Vec<&str> = entries(sizes).map(|(size, _)| size).collect();
            assert_eq!(written.len(), read.len(), "{line}");
            for family in names.split(' ') {
                assert!(families.insert(family), "`{family}` has two lines");
                types += read.len();
            }
        }
        // The number that AWS's file holds.
        assert_eq!(types, 1391);
        for limits in all() {
            assert!((1..=64).contains(&limits.interfaces), "{limits:?}");
            assert!((2..=64).contains(&limits.addresses_per_interface), "{limits:?}");
        }
    }

    /// Figures from AWS's own lists, one of each kind.
    #[test]
    fn limits_are_those_of_ec2() {
        let limits = |interfaces, addresses_per_interface, prefixes, many_vcpus| {
            Some(Limits { interfaces, addresses_per_interface, prefixes, many_vcpus })
        };
        for (name, expected) in [
            ("m5.large", limits(3, 10, true, Some(false))),
            ("m5.24xlarge", limits(15, 50, true, Some(true))),
            // Two interfaces on the default card, 64 on all.
            ("p5.48xlarge", limits(2, 50, true, Some(true))),
            ("m4.large", limits(2, 10, false, Some(false))),
            ("c4.8xlarge", limits(8, 30, false, Some(true))),
            // 24 vCPUs, unlike every other 12xlarge.
            ("hpc7a.12xlarge", limits(2, 50, true, Some(false))),
            ("a1.metal", limits(8, 30, true, Some(false))),
            ("m5.metal", limits(15, 50, true, Some(true))),
            ("u-24tb1.metal", limits(15, 50, true, None)),
            ("m5.3xlarge", None),
            ("m55.large", None),
            ("m5", None),
            ("", None),
        ] {
            assert_eq!(find(name), expected, "{name}");
        }
    }

    #[test]
    fn a_slip_finds_types_that_are_near() {
        assert_eq!(meant("m5.larg")[0], "m5.large");
        assert_eq!(meant("M5.Large")[0], "m5.large");
        assert_eq!(meant("m5.24xlage")[0], "m5.24xlarge");
        assert_eq!(meant("a machine with much memory"), Vec::<String>::new());
        assert_eq!(sizes("a1"), ["medium", "large", "xlarge", "2xlarge", "4xlarge", "metal"]);
        assert_eq!(sizes("a9"), Vec::<&str>::new());
    }
}
