//! Partitions of AWS, and what follows from them: the beginnings of region names, the domains of hosts.

use crate::{Invalid, Word};

/// A partition of AWS: the part of an ARN after `arn:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition(&'static Row);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    id: &'static str,
    dns_suffix: &'static str,
    ecr_dual_stack: Option<&'static str>,
    /// What stands before the direction and the number in the names of its regions.
    prefixes: &'static [&'static str],
}

const fn row(
    id: &'static str,
    dns_suffix: &'static str,
    ecr_dual_stack: Option<&'static str>,
    prefixes: &'static [&'static str],
) -> Row {
    Row { id, dns_suffix, ecr_dual_stack, prefixes }
}

/// Every partition. Sources: `dnsSuffix` and `regionRegex` in the partitions file of the AWS SDKs; for dual-stack
/// registries, the hosts that amazon-ecr-credential-helper recognises.
static PARTITIONS: [Row; 8] = [
    row("aws", "amazonaws.com", Some("on.aws"), &["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"]),
    row("aws-cn", "amazonaws.com.cn", Some("on.amazonwebservices.com.cn"), &["cn"]),
    row("aws-us-gov", "amazonaws.com", Some("on.aws"), &["us-gov"]),
    row("aws-eusc", "amazonaws.eu", Some("on.amazonwebservices.eu"), &["eusc-de"]),
    row("aws-iso", "c2s.ic.gov", None, &["us-iso"]),
    row("aws-iso-b", "sc2s.sgov.gov", None, &["us-isob"]),
    row("aws-iso-e", "cloud.adc-e.uk", None, &["eu-isoe"]),
    row("aws-iso-f", "csp.hci.ic.gov", None, &["us-isof"]),
];

impl Partition {
    /// Every partition.
    pub fn all() -> impl Iterator<Item = Self> {
        PARTITIONS.iter().map(Self)
    }

    /// The partition of a region, by the beginning of its name; `aws` for a name that no other partition gives.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        let begins = |prefix: &str| region.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-'));
        // `us` begins `us-gov-west-1` as well: only what is left over is of the first row.
        let other = Self::all().skip(1).find(|partition| partition.0.prefixes.iter().any(|prefix| begins(prefix)));
        other.unwrap_or(Self(&PARTITIONS[0]))
    }

    /// The partition with a region whose name has this before direction and number: `us-gov`.
    pub(crate) fn with_prefix(prefix: &str) -> Option<Self> {
        Self::all().find(|partition| partition.0.prefixes.contains(&prefix))
    }

    /// Its name: `aws-cn`.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.0.id
    }

    /// What the names of its services' hosts end in: `amazonaws.com`.
    #[must_use]
    pub fn dns_suffix(self) -> &'static str {
        self.0.dns_suffix
    }

    /// What the dual-stack hosts of its ECR registries (`ACCOUNT.dkr-ecr.REGION.…`) end in, where it has such hosts.
    #[must_use]
    pub fn ecr_dual_stack(self) -> Option<&'static str> {
        self.0.ecr_dual_stack
    }
}

impl Word for Partition {
    const NOUN: &'static str = "partition";
    const KIND: &'static str = "an AWS partition";
    const FORM: &'static str = " such as `aws`, `aws-cn` or `aws-us-gov`";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::all().find(|partition| partition.id() == text).ok_or_else(|| {
            let hint = crate::meant(text, Self::all().map(Self::id)).map(|id| format!("did you mean `{id}`?"));
            Self::refuse(text, hint.unwrap_or_default())
        })
    }

    fn as_str(&self) -> &str {
        self.0.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn partitions_follow_from_regions() {
        for (region, id, suffix) in [
            ("us-west-2", "aws", "amazonaws.com"),
            ("ap-northeast-1", "aws", "amazonaws.com"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
            ("new-west-1", "aws", "amazonaws.com"),
        ] {
            let partition = Partition::of_region(region);
            assert_eq!((partition.id(), partition.dns_suffix()), (id, suffix), "{region}");
        }
    }

    #[test]
    fn names() {
        check::<Partition>(&[
            ("aws", Ok(())),
            ("aws-iso-f", Ok(())),
            ("aws-cnn", Err("did you mean `aws-cn`?")),
            ("azure", Err("`azure`")),
            ("", Err("partition")),
        ]);
    }
}
