//! Names of AWS, each with its own rule.

use framework::model::Text;
use framework::text_field;

use crate::aws::{is_region, nearest_regions};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An AWS region, such as `us-west-2`.
    Region
);
name!(
    /// An IAM role by name, with its path when it has one: `path/Name`, without a leading slash. At most 64
    /// characters in the name itself. Source: API reference of Systems Manager, CreateActivation.
    RoleName
);
name!(
    /// An EKS cluster: letters, digits, hyphen and underscore, at most 100. Source: API reference of EKS,
    /// CreateCluster.
    ClusterName
);
name!(
    /// An AWS account: twelve digits.
    AccountId
);
name!(
    /// The ARN of an IAM role.
    RoleArn
);
name!(
    /// The ARN of an IAM policy.
    PolicyArn
);

name!(
    /// An EC2 subnet: `subnet-` and an id.
    SubnetId
);
name!(
    /// An EC2 security group: `sg-` and an id.
    SecurityGroupId
);
name!(
    /// Name of a Kubernetes object: a DNS subdomain. At most 253 characters. Source: Kubernetes, "Object Names and
    /// IDs".
    ObjectName
);

impl Text for Region {
    const NOUN: &'static str = "region";

    fn parse(text: &str) -> Result<Self, String> {
        if is_region(text) {
            return Ok(Self(text.to_owned()));
        }
        let near: Vec<String> = nearest_regions(text).into_iter().map(|name| format!("`{name}`")).collect();
        Err(format!("`{text}` is not an AWS region. Near it: {}.", near.join(", ")))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl Text for RoleName {
    const NOUN: &'static str = "role name";

    fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, path)) = text.split_once(":role/") {
            return Err(format!("`{text}` is an ARN; Systems Manager wants the role's name. Write `{path}`."));
        }
        if let Some(rest) = text.strip_prefix('/') {
            return Err(format!("`{text}` begins with a slash; a path has none at its beginning. Write `{rest}`."));
        }
        let name = text.rsplit('/').next().unwrap_or(text);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        if text.is_empty() {
            return Err("The role name is empty.".to_owned());
        }
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(format!(
                "`{text}` is not a role name. A role name has letters, digits and `+ = , . @ _ -`, with the role's path before it when it has one."
            ));
        }
        // The API's limit is on the whole text; IAM's own, of 64, is on the name.
        if text.len() > 64 {
            return Err(format!(
                "`{text}` has {} characters; Systems Manager takes at most 64, the path included.",
                text.len()
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl Text for ClusterName {
    const NOUN: &'static str = "cluster name";

    fn parse(text: &str) -> Result<Self, String> {
        let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if first && rest && text.len() <= 100 {
            return Ok(Self(text.to_owned()));
        }
        if let Some((_, name)) = text.split_once(":cluster/") {
            return Err(format!("`{text}` is an ARN. Write the cluster's name, `{name}`."));
        }
        Err(format!(
            "`{text}` is not a cluster name. It begins with a letter or digit, has letters, digits, `-` and `_`, and at most 100 characters."
        ))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl Text for AccountId {
    const NOUN: &'static str = "account id";

    fn parse(text: &str) -> Result<Self, String> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not an AWS account id. An account id has twelve digits; write it in quotes, so that leading zeros stay."
            ))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// Reads `arn:PARTITION:iam::ACCOUNT:KIND/…`; `aws` may be the account of a managed policy.
fn iam_arn(text: &str, kind: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else { return false };
    let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    arn == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && (account_fits || (kind == "policy" && account == "aws"))
        && resource.split_once('/').is_some_and(|(found, name)| found == kind && !name.is_empty())
}

impl Text for RoleArn {
    const NOUN: &'static str = "role ARN";

    fn parse(text: &str) -> Result<Self, String> {
        if iam_arn(text, "role") {
            return Ok(Self(text.to_owned()));
        }
        let session = text.split_once(":assumed-role/").and_then(|(head, rest)| Some((head, rest.split('/').next()?)));
        let hint = match session {
            Some((head, name)) => format!(
                "It is a session's. Write the role's, like `{}:role/{name}`, with its path when it has one.",
                head.replacen(":sts:", ":iam:", 1)
            ),
            None => "Write it like `arn:aws:iam::111122223333:role/name`.".to_owned(),
        };
        Err(format!("`{text}` is not the ARN of an IAM role. {hint}"))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl Text for PolicyArn {
    const NOUN: &'static str = "policy ARN";

    fn parse(text: &str) -> Result<Self, String> {
        if iam_arn(text, "policy") {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not the ARN of an IAM policy. Write it like `arn:aws:iam::aws:policy/ReadOnlyAccess`."
            ))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// `PREFIX-` and letters or digits: eight or seventeen hexadecimal ones at EC2, other ones at its imitations.
fn is_ec2_id(text: &str, prefix: &str) -> bool {
    let id = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

impl SubnetId {
    /// An id as a cluster holds it, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl SecurityGroupId {
    /// An id as a cluster holds it, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Text for SubnetId {
    const NOUN: &'static str = "subnet id";

    fn parse(text: &str) -> Result<Self, String> {
        if is_ec2_id(text, "subnet") {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not the id of a subnet. Write it like `subnet-0123456789abcdef0`."))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl Text for SecurityGroupId {
    const NOUN: &'static str = "security group id";

    fn parse(text: &str) -> Result<Self, String> {
        if is_ec2_id(text, "sg") {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not the id of a security group. Write it like `sg-0123456789abcdef0`; a group's name does not do."
            ))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl Text for ObjectName {
    const NOUN: &'static str = "object name";

    fn parse(text: &str) -> Result<Self, String> {
        if is_subdomain(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` cannot be the name of a Kubernetes object. It has lower-case letters, digits, `-` and `.`, begins and ends with a letter or digit (also around each `.`), and has at most 253 characters."
            ))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// Whether Kubernetes takes the text as a DNS subdomain.
pub(super) fn is_subdomain(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label =
        |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner);
    text.len() <= 253 && text.split('.').all(label)
}

text_field!(Region, RoleName, ClusterName, AccountId, RoleArn, PolicyArn, SubnetId, SecurityGroupId, ObjectName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names() {
        for (text, fault) in [
            ("hybrid-nodes", None),
            ("service-role/hybrid+nodes", None),
            ("arn:aws:iam::111122223333:role/service-role/hybrid", Some("Write `service-role/hybrid`.")),
            ("/service-role/hybrid", Some("Write `service-role/hybrid`.")),
            ("", Some("is empty")),
            ("a b", Some("is not a role name")),
            (&"r".repeat(65), Some("65 characters")),
        ] {
            match (RoleName::parse(text), fault) {
                (Ok(name), None) => assert_eq!(name.as_str(), text),
                (Err(why), Some(fault)) => assert!(why.contains(fault), "{text}: {why}"),
                (Ok(_), Some(_)) => panic!("{text} was accepted"),
                (Err(why), None) => panic!("{text} was refused: {why}"),
            }
        }
    }

    #[test]
    fn cluster_names() {
        assert!(ClusterName::parse("work_shop-1").is_ok());
        assert!(ClusterName::parse("-x").is_err());
        assert!(ClusterName::parse(&"c".repeat(101)).is_err());
        let why = ClusterName::parse("arn:aws:eks:us-west-2:111122223333:cluster/workshop").expect_err("an ARN");
        assert!(why.contains("`workshop`"), "{why}");
    }

    #[test]
    fn arns() {
        assert!(RoleArn::parse("arn:aws-cn:iam::111122223333:role/a/b").is_ok());
        assert!(RoleArn::parse("arn:aws:iam::111122223333:user/a").is_err());
        assert!(RoleArn::parse("arn:aws:iam::aws:role/a").is_err());
        let why = RoleArn::parse("arn:aws:sts::111122223333:assumed-role/a/session").expect_err("a session");
        assert!(why.contains("`arn:aws:iam::111122223333:role/a`"), "{why}");
        assert!(PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").is_ok());
    }

    #[test]
    fn ids_of_networks() {
        assert!(SubnetId::parse("subnet-0123456789abcdef0").is_ok());
        assert!(SecurityGroupId::parse("sg-12345678").is_ok());
        for text in ["", "subnet-", "vpc-0123", "subnet-ABC", "subnet-0 1"] {
            assert!(SubnetId::parse(text).is_err(), "{text}");
        }
        for text in ["default", "sg-", "subnet-0123456789abcdef0"] {
            assert!(SecurityGroupId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_objects() {
        let long = "a".repeat(254);
        for (text, fits) in [
            ("us-west-2a", true),
            ("a.b-c.d", true),
            ("7", true),
            ("", false),
            ("US-west-2a", false),
            ("a_b", false),
            ("-a", false),
            ("a-", false),
            ("a..b", false),
            ("a.-b", false),
            (&long, false),
            (&long[1..], true),
        ] {
            assert_eq!(ObjectName::parse(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn a_wrong_region_names_near_ones() {
        let why = Region::parse("us-west-2a").expect_err("a zone");
        assert!(why.contains("`us-west-2`"), "{why}");
    }
}
