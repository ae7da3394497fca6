//! Names of regions: which texts can be one, and which real ones are near a wrong one.
//!
//! A region newer than this table is accepted when it has the shape that its partition gives to region names, as the
//! AWS SDKs do: nobody has to wait for a release of this provider to use a new region.

/// Known regions, to name the nearest to a wrong one. Not a gate.
const KNOWN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-west-1",
    "us-west-2",
];

/// Beginnings of region names, by partition: what stands before the direction and the number. Source: `regionRegex`
/// in the partitions file of the AWS SDKs.
const PREFIXES: &[&str] = &[
    "af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us",     // aws
    "cn",     // aws-cn
    "us-gov", // aws-us-gov
    "us-iso", "us-isob", "us-isof", "eu-isoe", // the isolated partitions
    "eusc-de", // aws-eusc
];

/// What the names of a partition's hosts end in, by the beginning of its regions' names. Source: `dnsSuffix` in the
/// partitions file of the AWS SDKs. All others: `amazonaws.com`.
const DNS_SUFFIXES: &[(&str, &str)] = &[
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

/// The middle part of a region's name. The partitions file allows any word; all regions so far use a direction, and
/// holding to that finds the typing errors that a looser pattern lets through to a host name that does not exist.
const DIRECTIONS: &[&str] =
    &["north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest", "central"];

/// Whether `name` can be a region: a known prefix, a direction and a number, such as `us-west-2`.
#[must_use]
pub fn is_region(name: &str) -> bool {
    let Some((place, number)) = name.rsplit_once('-') else { return false };
    let Some((prefix, direction)) = place.rsplit_once('-') else { return false };
    let numbered =
        (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    numbered && PREFIXES.contains(&prefix) && DIRECTIONS.contains(&direction)
}

/// What the names of the services' hosts in `region` end in: `amazonaws.com`.
pub(super) fn dns_suffix(region: &str) -> &'static str {
    let own = DNS_SUFFIXES.iter().find(|(prefix, _)| region.starts_with(prefix));
    own.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// Up to three known regions that are spelled most like `name`, the nearest first.
#[must_use]
pub fn nearest_regions(name: &str) -> Vec<&'static str> {
    let wanted = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    // A zone (`us-west-2a`) is the commonest wrong region; its region comes out at distance 1.
    let mut ranked: Vec<(usize, &'static str)> = KNOWN.iter().map(|known| (distance(&wanted, known), *known)).collect();
    ranked.sort_by_key(|(steps, _)| *steps);
    ranked.into_iter().take(3).map(|(_, known)| known).collect()
}

/// Number of single-letter changes between two short ASCII texts (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_region_is_accepted() {
        for region in KNOWN {
            assert!(is_region(region), "{region}");
        }
    }

    #[test]
    fn shapes() {
        for (name, accepted) in [
            ("us-west-3", true), // not there yet, but it could be tomorrow
            ("eu-isoe-west-1", true),
            ("us-isof-south-1", true),
            ("us-west-2a", false), // a zone
            ("us-wset-2", false),
            ("us-west", false),
            ("us-west-0", false),
            ("us-west-123", false),
            ("xx-west-2", false),
            ("US-WEST-2", false),
            ("global", false),
            ("", false),
            ("-", false),
        ] {
            assert_eq!(is_region(name), accepted, "{name}");
        }
    }

    #[test]
    fn hosts_end_as_their_partition_says() {
        for (region, suffix) in [
            ("us-west-2", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
            ("us-isof-south-1", "csp.hci.ic.gov"),
            ("eu-isoe-west-1", "cloud.adc-e.uk"),
            ("eusc-de-east-1", "amazonaws.eu"),
        ] {
            assert_eq!(dns_suffix(region), suffix, "{region}");
        }
    }

    #[test]
    fn nearest() {
        for (wrong, first) in [
            ("us-west-2a", "us-west-2"),
            ("us-wset-2", "us-west-2"),
            ("EU-Central-1", "eu-central-1"),
            ("ap_northeast_3", "ap-northeast-3"),
        ] {
            assert_eq!(nearest_regions(wrong)[0], first, "{wrong}");
        }
        assert_eq!(nearest_regions("").len(), 3);
    }

    #[test]
    fn distances() {
        for (left, right, steps) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(left, right), steps, "{left} {right}");
        }
    }
}
