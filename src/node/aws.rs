//! Names that AWS gives: regions, partitions, accounts and ARNs.
//!
//! Checks their form only; whether a region or a role exists is known to AWS alone.

use super::shape::{holds, text};

text! {
    /// An AWS region.
    pub struct Region;
    rule = "an AWS region such as `us-west-2`";
    check = |text| {
        if is_region(text) {
            return Ok(());
        }
        let region = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        Err(if region.len() + 1 == text.len() && is_region(region) {
            format!("that is an availability zone, its region is `{region}`")
        } else {
            String::new()
        })
    };
}

impl Region {
    /// The partition that the region belongs to.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        partition_of(&self.0)
    }
}

text! {
    /// An AWS account.
    pub struct AccountId;
    rule = "an account id of 12 digits";
    check = |text| holds(is_account(text));
}

text! {
    /// A partition of AWS: the part of an ARN after `arn:`.
    pub struct Partition;
    rule = "an AWS partition such as `aws`, `aws-cn` or `aws-us-gov`";
    check = |text| holds(is_partition(text));
}

text! {
    /// A trust anchor of IAM Roles Anywhere.
    pub struct TrustAnchorArn;
    rule = "the ARN of an IAM Roles Anywhere trust anchor, \
            `arn:aws:rolesanywhere:<region>:<account>:trust-anchor/<id>`";
    check = |text| roles_anywhere(text, "trust-anchor/");
}

text! {
    /// A profile of IAM Roles Anywhere.
    pub struct ProfileArn;
    rule = "the ARN of an IAM Roles Anywhere profile, `arn:aws:rolesanywhere:<region>:<account>:profile/<id>`";
    check = |text| roles_anywhere(text, "profile/");
}

text! {
    /// An IAM role.
    pub struct RoleArn;
    rule = "the ARN of an IAM role, `arn:aws:iam::<account>:role/<name>`";
    check = |text| {
        let arn = Arn::read(text)?;
        if arn.service == "sts" && arn.resource.starts_with("assumed-role/") {
            return Err("that is a session of a role, the role itself has an ARN of the service `iam`".to_owned());
        }
        arn.expect("iam", "role/")?;
        let name = arn.resource.rsplit('/').next().unwrap_or_default();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        if !arn.region.is_empty() || name.is_empty() || name.len() > 64 || !name.bytes().all(letters) {
            return Err(String::new());
        }
        Ok(())
    };
}

/// An ARN in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN with an account; the hint of an error is empty when there is nothing to say.
    pub(crate) fn read(text: &'a str) -> Result<Self, String> {
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or_else(String::new);
        if part()? != "arn" {
            return Err(String::new());
        }
        let arn = Self { partition: part()?, service: part()?, region: part()?, account: part()?, resource: part()? };
        if !is_partition(arn.partition) {
            return Err(format!("`{}` is not a partition", arn.partition.escape_debug()));
        }
        if !is_account(arn.account) {
            return Err("the account is not 12 digits".to_owned());
        }
        Ok(arn)
    }

    /// Checks service and kind of resource, and that something follows the kind.
    fn expect(&self, service: &str, kind: &str) -> Result<(), String> {
        if self.service != service {
            return Err(format!("that is an ARN of the service `{}`", self.service.escape_debug()));
        }
        match self.resource.strip_prefix(kind) {
            Some("") => Err(String::new()),
            Some(_) => Ok(()),
            None => {
                let other = self.resource.split('/').next().unwrap_or_default();
                Err(format!("that is the ARN of a {}", other.escape_debug()))
            }
        }
    }
}

fn roles_anywhere(text: &str, kind: &str) -> Result<(), String> {
    let arn = Arn::read(text)?;
    arn.expect("rolesanywhere", kind)?;
    if !is_region(arn.region) {
        return Err("it has no region".to_owned());
    }
    match arn.resource.strip_prefix(kind) {
        Some(id) if is_uuid(id) => Ok(()),
        _ => Err("its id is not a UUID".to_owned()),
    }
}

/// Lower-case words and a number: `us-west-2`, `us-gov-east-1`, `eusc-de-east-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let word = |word: &&str| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=3).contains(&words.len())
        && words.iter().all(word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_partition(text: &str) -> bool {
    text == "aws"
        || text.strip_prefix("aws-").is_some_and(|rest| {
            !rest.is_empty() && rest.split('-').all(|part| part.bytes().all(|byte| byte.is_ascii_lowercase()))
        })
}

/// Lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12, as AWS writes its ids.
pub(crate) fn is_uuid(text: &str) -> bool {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || hexadecimal(byte))
}

/// Partition by the region's first words, as the endpoint rules of the AWS SDKs have it.
fn partition_of(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

/// What is wrong when an ARN's partition is not that of the region.
pub(crate) fn wrong_partition(region: &Region, arn: &str) -> Option<String> {
    let arn = Arn::read(arn).ok()?;
    let partition = region.partition();
    (arn.partition != partition).then(|| {
        format!("is in the partition `{}`, but the region `{}` belongs to `{partition}`", arn.partition, region.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_from_regions() {
        for (region, partition) in [
            ("us-west-2", "aws"),
            ("ap-northeast-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert!(is_region(region), "{region}");
            assert_eq!(partition_of(region), partition, "{region}");
        }
    }

    #[test]
    fn what_is_no_region() {
        for text in
            ["", "us", "us-west", "us-west-2a", "US-WEST-2", "us_west_2", "us-west-2-", "-west-2", "us-west-222"]
        {
            assert!(!is_region(text), "{text}");
        }
    }
}
