//! Names of regions: which texts can be one, and which real ones are near a wrong one.
//!
//! A region newer than this table is accepted when it has the shape that its partition gives to region names, as the
//! AWS SDKs do: nobody has to wait for a release of this provider to use a new region.

use crate::{Partition, nearest, word::word};

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

/// The middle part of a region's name. The partitions file allows any word; all regions so far use a direction, and
/// holding to that finds the typing errors that a looser pattern lets through to a host name that does not exist.
const DIRECTIONS: &[&str] =
    &["north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest", "central"];

word! {
    /// An AWS region, such as `us-west-2`.
    Region;
    noun = "region";
    kind = "an AWS region";
    form = " such as `us-west-2`";
    check = |text| if is_region(text) { Ok(()) } else { Err(hint(text)) };
}

impl Region {
    /// The partition that the region belongs to.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition::of_region(&self.0)
    }
}

/// Whether a text can be a region: a prefix of a partition, a direction and a number.
fn is_region(text: &str) -> bool {
    let Some((place, number)) = text.rsplit_once('-') else { return false };
    let Some((prefix, direction)) = place.rsplit_once('-') else { return false };
    let numbered =
        (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    numbered && Partition::with_prefix(prefix).is_some() && DIRECTIONS.contains(&direction)
}

fn hint(text: &str) -> String {
    let region = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    if region.len() + 1 == text.len() && is_region(region) {
        return format!("that is an Availability Zone of the region `{region}`");
    }
    let wanted = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    let near: Vec<String> = nearest(&wanted, KNOWN.iter().copied(), 3).iter().map(|name| format!("`{name}`")).collect();
    format!("the nearest are {}", near.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Word as _, word::check};

    #[test]
    fn every_known_region_is_accepted() {
        for region in KNOWN {
            assert!(Region::parse(region).is_ok(), "{region}");
        }
    }

    #[test]
    fn shapes() {
        check::<Region>(&[
            ("us-west-3", Ok(())), // does not exist yet, but could tomorrow
            ("eu-isoe-west-1", Ok(())),
            ("us-isof-south-1", Ok(())),
            ("us-west-2a", Err("Availability Zone of the region `us-west-2`")),
            ("us-wset-2", Err("nearest are `us-west-2`")),
            ("EU-Central-1", Err("nearest are `eu-central-1`")),
            ("ap_northeast_3", Err("nearest are `ap-northeast-3`")),
            ("us-west", Err("`us-west-1`")),
            ("us-west-0", Err("nearest")),
            ("us-west-123", Err("nearest")),
            ("us-west-2-", Err("nearest")),
            ("-west-2", Err("nearest")),
            ("xx-west-2", Err("nearest")),
            ("global", Err("nearest")),
            ("", Err("nearest")),
            ("-", Err("nearest")),
        ]);
    }
}
