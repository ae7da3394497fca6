//! ARNs: their parts, and the kinds of resources that are named by one.

use crate::account::{is_account, is_role_name};
use crate::word::word;
use crate::{Partition, Region, Word as _, is_uuid};

/// An ARN in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The partition.
    pub partition: Partition,
    /// The service: `iam`.
    pub service: &'a str,
    /// The region; empty for a global service.
    pub region: &'a str,
    /// The account; `aws` for what AWS owns, empty where the name is unique without it.
    pub account: &'a str,
    /// The rest: `role/name`.
    pub resource: &'a str,
}

/// What is wrong with an ARN, as a clause after the text or its rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// It does not have the six parts of an ARN, or its last part is empty.
    #[error("that is not an ARN")]
    Form,
    /// There is no such partition.
    #[error("`{}` is not a partition", .0.escape_debug())]
    Partition(String),
    /// The account is something else than 12 digits.
    #[error("the account is not 12 digits")]
    Account,
    /// It is of another service.
    #[error("that is an ARN of the service `{}`", .0.escape_debug())]
    Service(String),
    /// It names another kind of resource.
    #[error("that is the ARN of a {}", .0.escape_debug())]
    Kind(String),
    /// It names a session of a role in place of the role.
    #[error("that is a session of a role; the role is `{0}`, with its path if it has one")]
    Session(String),
    /// It lacks its region, or has one that is none.
    #[error("it has no region")]
    Region,
    /// The ID of its resource is malformed.
    #[error("its ID is not a UUID")]
    Id,
    /// The name of its resource is malformed.
    #[error("`{}` is not the name of a {kind}", name.escape_debug())]
    Name {
        /// `role`.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

impl<'a> Arn<'a> {
    /// Splits an ARN.
    ///
    /// # Errors
    /// What keeps the text from being one.
    pub fn parse(text: &'a str) -> Result<Self, ArnError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else { return Err(ArnError::Form) };
        if service.is_empty() || resource.is_empty() {
            return Err(ArnError::Form);
        }
        let partition = Partition::parse(partition).map_err(|_| ArnError::Partition(partition.to_owned()))?;
        if !(account.is_empty() || account == "aws" || is_account(account)) {
            return Err(ArnError::Account);
        }
        Ok(Self { partition, service, region, account, resource })
    }

    /// The name or ID of a resource of this service and kind: `a/b` of the service `iam`, kind `role` and resource
    /// `role/a/b`.
    ///
    /// # Errors
    /// What else the ARN names.
    pub fn of(&self, service: &str, kind: &str) -> Result<&'a str, ArnError> {
        if self.service != service {
            return Err(ArnError::Service(self.service.to_owned()));
        }
        match self.resource.split_once('/') {
            Some((found, name)) if found == kind && !name.is_empty() => Ok(name),
            Some((found, _)) if found == kind => Err(ArnError::Form),
            _ => Err(ArnError::Kind(self.resource.split('/').next().unwrap_or_default().to_owned())),
        }
    }

    fn owned(&self) -> Result<(), ArnError> {
        if is_account(self.account) { Ok(()) } else { Err(ArnError::Account) }
    }
}

word! {
    /// The ARN of an IAM role.
    RoleArn;
    noun = "role ARN";
    kind = "the ARN of an IAM role";
    form = ", `arn:aws:iam::<account>:role/<name>`";
    check = |text| role(text).map_err(hint);
}

word! {
    /// The ARN of an IAM policy.
    PolicyArn;
    noun = "policy ARN";
    kind = "the ARN of an IAM policy";
    form = " such as `arn:aws:iam::aws:policy/ReadOnlyAccess`";
    check = |text| policy(text).map_err(hint);
}

word! {
    /// The ARN of a target group of Elastic Load Balancing.
    TargetGroupArn;
    noun = "target group ARN";
    kind = "the ARN of a target group";
    form = ", `arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>`";
    check = |text| target_group(text).map_err(hint);
}

impl TargetGroupArn {
    /// The region that it names.
    #[must_use]
    pub fn region(&self) -> &str {
        Arn::parse(self.as_str()).map_or("", |arn| arn.region)
    }
}

word! {
    /// The ARN of an Outpost. Source: API reference of AWS Outposts, GetOutpost.
    OutpostArn;
    noun = "Outpost ARN";
    kind = "the ARN of an Outpost";
    form = ", `arn:aws:outposts:<region>:<account>:outpost/op-<17 hexadecimal digits>`";
    check = |text| outpost(text).map_err(hint);
}

impl OutpostArn {
    /// The region that it names.
    #[must_use]
    pub fn region(&self) -> &str {
        Arn::parse(self.as_str()).map_or("", |arn| arn.region)
    }
}

word! {
    /// The ARN of a trust anchor of IAM Roles Anywhere.
    TrustAnchorArn;
    noun = "trust anchor ARN";
    kind = "the ARN of an IAM Roles Anywhere trust anchor";
    form = ", `arn:aws:rolesanywhere:<region>:<account>:trust-anchor/<id>`";
    check = |text| roles_anywhere(text, "trust-anchor").map_err(hint);
}

word! {
    /// The ARN of a profile of IAM Roles Anywhere.
    ProfileArn;
    noun = "profile ARN";
    kind = "the ARN of an IAM Roles Anywhere profile";
    form = ", `arn:aws:rolesanywhere:<region>:<account>:profile/<id>`";
    check = |text| roles_anywhere(text, "profile").map_err(hint);
}

/// The rule that is stated beside it says what an ARN looks like.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn hint(error: ArnError) -> String {
    if error == ArnError::Form { String::new() } else { error.to_string() }
}

fn role(text: &str) -> Result<(), ArnError> {
    let arn = Arn::parse(text)?;
    if arn.service == "sts"
        && let Some(session) = arn.resource.strip_prefix("assumed-role/")
    {
        let name = session.split('/').next().unwrap_or_default();
        return Err(ArnError::Session(format!("arn:{}:iam::{}:role/{name}", arn.partition.id(), arn.account)));
    }
    let name = arn.of("iam", "role")?;
    let name = name.rsplit('/').next().unwrap_or(name);
    arn.owned()?;
    if !arn.region.is_empty() {
        return Err(ArnError::Form);
    }
    if name.len() > 64 || !is_role_name(name) {
        return Err(ArnError::Name { kind: "role", name: name.to_owned() });
    }
    Ok(())
}

fn policy(text: &str) -> Result<(), ArnError> {
    let arn = Arn::parse(text)?;
    arn.of("iam", "policy")?;
    if arn.account.is_empty() {
        return Err(ArnError::Account);
    }
    if arn.region.is_empty() { Ok(()) } else { Err(ArnError::Form) }
}

fn target_group(text: &str) -> Result<(), ArnError> {
    let arn = Arn::parse(text)?;
    let name = arn.of("elasticloadbalancing", "targetgroup")?;
    arn.owned()?;
    if Region::parse(arn.region).is_err() {
        return Err(ArnError::Region);
    }
    if name.split('/').filter(|part| !part.is_empty()).count() == 2 { Ok(()) } else { Err(ArnError::Form) }
}

fn outpost(text: &str) -> Result<(), ArnError> {
    let arn = Arn::parse(text)?;
    let name = arn.of("outposts", "outpost")?;
    arn.owned()?;
    if Region::parse(arn.region).is_err() {
        return Err(ArnError::Region);
    }
    let digits = name.strip_prefix("op-").unwrap_or_default();
    let is_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() == 17 && digits.bytes().all(is_hexadecimal) {
        Ok(())
    } else {
        Err(ArnError::Name { kind: "Outpost", name: name.to_owned() })
    }
}

fn roles_anywhere(text: &str, kind: &str) -> Result<(), ArnError> {
    let arn = Arn::parse(text)?;
    let id = arn.of("rolesanywhere", kind)?;
    arn.owned()?;
    if Region::parse(arn.region).is_err() {
        return Err(ArnError::Region);
    }
    if is_uuid(id) { Ok(()) } else { Err(ArnError::Id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn parts() {
        let arn = Arn::parse("arn:aws-cn:eks:cn-north-1:111122223333:cluster/a:b").unwrap();
        assert_eq!((arn.partition.id(), arn.service, arn.region), ("aws-cn", "eks", "cn-north-1"));
        assert_eq!((arn.account, arn.resource, arn.of("eks", "cluster")), ("111122223333", "cluster/a:b", Ok("a:b")));
        for (text, error) in [
            ("", ArnError::Form),
            ("arn:aws:iam::1:", ArnError::Form),
            ("arn:aws:iam", ArnError::Form),
            ("urn:aws:iam::111122223333:role/a", ArnError::Form),
            ("arn:azure:iam::111122223333:role/a", ArnError::Partition("azure".to_owned())),
            ("arn:aws:iam::1111:role/a", ArnError::Account),
        ] {
            assert_eq!(Arn::parse(text), Err(error), "{text}");
        }
        assert_eq!(arn.of("eks", "addon"), Err(ArnError::Kind("cluster".to_owned())));
        assert_eq!(arn.of("iam", "role"), Err(ArnError::Service("eks".to_owned())));
        assert!(Arn::parse("arn:aws:s3:::bucket").is_ok());
    }

    #[test]
    fn roles() {
        check::<RoleArn>(&[
            ("arn:aws-cn:iam::111122223333:role/a/b", Ok(())),
            ("arn:aws:iam::111122223333:user/a", Err("that is the ARN of a user")),
            ("arn:aws:iam::aws:role/a", Err("the account is not 12 digits")),
            ("arn:aws:iam::111122223333:role/", Err("`arn:aws:iam::<account>:role/<name>`")),
            ("arn:aws:iam::111122223333:role/a b", Err("`a b` is not the name of a role")),
            ("arn:aws:iam:us-west-2:111122223333:role/a", Err("role/<name>")),
            ("arn:aws-cnn:iam::111122223333:role/a", Err("`aws-cnn` is not a partition")),
            (
                "arn:aws:sts::111122223333:assumed-role/a/session",
                Err("the role is `arn:aws:iam::111122223333:role/a`, with its path"),
            ),
            ("hybrid", Err("`hybrid`")),
        ]);
    }

    #[test]
    fn policies() {
        check::<PolicyArn>(&[
            ("arn:aws:iam::aws:policy/ReadOnlyAccess", Ok(())),
            ("arn:aws:iam::111122223333:policy/path/own", Ok(())),
            ("arn:aws:iam::111122223333:role/a", Err("that is the ARN of a role")),
            ("arn:aws:iam:::policy/a", Err("the account is not 12 digits")),
            ("ReadOnlyAccess", Err("such as `arn:aws:iam::aws:policy/ReadOnlyAccess`")),
        ]);
    }

    #[test]
    fn outposts() {
        let arn = "arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0";
        check::<OutpostArn>(&[
            (arn, Ok(())),
            ("arn:aws:outposts:us-west-2:111122223333:outpost/op-1", Err("`op-1` is not the name of a")),
            ("arn:aws:outposts:us-west-2:111122223333:site/os-0123456789abcdef0", Err("that is the ARN of a site")),
            ("arn:aws:outposts::111122223333:outpost/op-0123456789abcdef0", Err("it has no region")),
            ("op-0123456789abcdef0", Err("`arn:aws:outposts:<region>:<account>:outpost/op-")),
        ]);
        assert_eq!(OutpostArn::parse(arn).unwrap().region(), "us-west-2");
    }

    #[test]
    fn target_groups() {
        let arn = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/0123456789abcdef";
        check::<TargetGroupArn>(&[
            (arn, Ok(())),
            (
                "arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/app/web/0123456789abcdef",
                Err("that is the ARN of a loadbalancer"),
            ),
            ("arn:aws:elasticloadbalancing:us-wset-2:111122223333:targetgroup/web/01", Err("it has no region")),
            ("arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web", Err("targetgroup/<name>/<id>")),
            ("web", Err("targetgroup/<name>/<id>")),
        ]);
        assert_eq!(TargetGroupArn::parse(arn).unwrap().region(), "us-west-2");
    }

    #[test]
    fn roles_anywhere() {
        check::<TrustAnchorArn>(&[
            ("arn:aws:rolesanywhere:us-west-2:111122223333:trust-anchor/01234567-89ab-cdef-0123-456789abcdef", Ok(())),
            (
                "arn:aws:rolesanywhere:us-wset-2:111122223333:trust-anchor/01234567-89ab-cdef-0123-456789abcdef",
                Err("it has no region"),
            ),
            ("arn:aws:rolesanywhere:us-west-2:111122223333:trust-anchor/1", Err("its ID is not a UUID")),
            ("arn:aws:rolesanywhere:us-west-2:111122223333:profile/1", Err("that is the ARN of a profile")),
        ]);
    }
}
