//! The regions of the standard partition, with their zones. A request for any other region is refused, as its
//! host name would not resolve.

/// Name, and whether an account must opt in. Source: AWS's regions table, 2026-11.
pub const REGIONS: &[(&str, bool)] = &[
    ("af-south-1", true),
    ("ap-east-1", true),
    ("ap-east-2", true),
    ("ap-northeast-1", false),
    ("ap-northeast-2", false),
    ("ap-northeast-3", false),
    ("ap-south-1", false),
    ("ap-south-2", true),
    ("ap-southeast-1", false),
    ("ap-southeast-2", false),
    ("ap-southeast-3", true),
    ("ap-southeast-4", true),
    ("ap-southeast-5", true),
    ("ap-southeast-6", true),
    ("ap-southeast-7", true),
    ("ca-central-1", false),
    ("ca-west-1", true),
    ("eu-central-1", false),
    ("eu-central-2", true),
    ("eu-north-1", false),
    ("eu-south-1", true),
    ("eu-south-2", true),
    ("eu-west-1", false),
    ("eu-west-2", false),
    ("eu-west-3", false),
    ("il-central-1", true),
    ("me-central-1", true),
    ("me-south-1", true),
    ("mx-central-1", true),
    ("sa-east-1", false),
    ("us-east-1", false),
    ("us-east-2", false),
    ("us-west-1", false),
    ("us-west-2", false),
];

pub fn is_known(region: &str) -> bool {
    REGIONS.iter().any(|(name, _)| *name == region)
}

/// Zone letters of every region; real regions have three to six.
pub const ZONE_LETTERS: [&str; 3] = ["a", "b", "c"];

/// A zone's ID: `us-west-2a` is `usw2-az1`.
pub fn zone_id(zone: &str) -> String {
    let (region, letter) = zone.split_at(zone.len().saturating_sub(1));
    let mut parts = region.split('-');
    let area = parts.next().unwrap_or_default();
    let direction = parts.next().unwrap_or_default();
    let number = parts.next().unwrap_or_default();
    let direction: String = ["north", "south", "east", "west", "central"]
        .iter()
        .filter(|part| direction.contains(*part))
        .filter_map(|part| part.chars().next())
        .collect();
    let index = ZONE_LETTERS.iter().position(|known| *known == letter).unwrap_or(0) + 1;
    format!("{area}{direction}{number}-az{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids() {
        for (zone, id) in [("us-west-2a", "usw2-az1"), ("eu-central-1c", "euc1-az3"), ("ap-southeast-2b", "apse2-az2")]
        {
            assert_eq!(zone_id(zone), id);
        }
    }

    #[test]
    fn only_real_regions_are_known() {
        assert!(is_known("us-west-2"));
        assert!(!is_known("us-west-9"));
        assert!(!is_known(""));
    }
}
