//! IAM principals as the aws-auth map names them, and the names that they get in Kubernetes.

use framework::model::Text;
use framework::text_field;
use names::{Arn, Word as _};

use super::RoleArn;

/// The ARN of a role, with or without its path. The map wants it without: see [`MapRoleArn::in_map`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRoleArn(String);

impl MapRoleArn {
    /// The ARN without the role's path. A session's ARN has no path, and that is what the map is compared with.
    #[must_use]
    pub fn in_map(&self) -> String {
        without_path(&self.0)
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/{{SessionName}}`: the default user name of an access entry of a role.
    #[must_use]
    pub fn session_template(&self) -> String {
        let session = self.in_map().replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
        format!("{session}/{{{{SessionName}}}}")
    }
}

/// `arn:aws:iam::ACCOUNT:role/NAME` of `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
#[must_use]
pub fn without_path(role_arn: &str) -> String {
    match (role_arn.split_once(":role/"), role_arn.rsplit_once('/')) {
        (Some((head, _)), Some((_, name))) => format!("{head}:role/{name}"),
        _ => role_arn.to_owned(),
    }
}

impl Text for MapRoleArn {
    const NOUN: &'static str = "role ARN";

    fn parse(text: &str) -> Result<Self, String> {
        RoleArn::parse(text).map(|arn| Self(arn.as_str().to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        without_path(one).eq_ignore_ascii_case(&without_path(other))
    }
}

/// The ARN of a user, with its path when it has one, of a federated user, or of the account's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapUserArn(String);

impl Text for MapUserArn {
    const NOUN: &'static str = "user ARN";

    fn parse(text: &str) -> Result<Self, String> {
        let fits = Arn::parse(text).is_ok_and(|arn| {
            let owned = arn.region.is_empty() && names::AccountId::parse(arn.account).is_ok();
            let root = arn.service == "iam" && arn.resource == "root";
            owned && (root || arn.of("iam", "user").is_ok() || arn.of("sts", "federated-user").is_ok())
        });
        if fits {
            return Ok(Self(text.to_owned()));
        }
        let hint = if text.contains(":role/") || text.contains(":assumed-role/") {
            "It is a role's: use `role_arn`."
        } else {
            "Write it like `arn:aws:iam::111122223333:user/name`."
        };
        Err(format!("`{text}` is not the ARN of an IAM user. {hint}"))
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }
}

/// Name of a user or a group in Kubernetes: any text without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubjectName(String);

impl SubjectName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for SubjectName {
    const NOUN: &'static str = "name in Kubernetes";

    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() || text.trim() != text || text.chars().any(char::is_control) {
            return Err(format!(
                "`{}` is not the name of a user or a group: it is empty, has space at an end, or has control characters.",
                text.escape_debug()
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

text_field!(MapRoleArn, MapUserArn, SubjectName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_go_without_their_path() {
        let role = |text: &str| MapRoleArn::parse(text).expect(text);
        for (given, in_map) in [
            ("arn:aws:iam::111122223333:role/n", "arn:aws:iam::111122223333:role/n"),
            ("arn:aws-cn:iam::111122223333:role/a/b/n", "arn:aws-cn:iam::111122223333:role/n"),
        ] {
            assert_eq!(role(given).in_map(), in_map);
            assert!(MapRoleArn::same(given, &in_map.to_uppercase().replace(":ROLE/", ":role/")));
        }
        assert_eq!(
            role("arn:aws:iam::111122223333:role/a/n").session_template(),
            "arn:aws:sts::111122223333:assumed-role/n/{{SessionName}}"
        );
        assert!(!MapRoleArn::same("arn:aws:iam::111122223333:role/n", "arn:aws:iam::111122223333:role/m"));
    }

    #[test]
    fn users() {
        for text in [
            "arn:aws:iam::111122223333:user/team/ann",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:federated-user/ann",
        ] {
            assert!(MapUserArn::parse(text).is_ok(), "{text}");
        }
        for (text, hint) in [
            ("ann", "Write it like"),
            ("arn:aws:iam::1:user/ann", "Write it like"),
            ("arn:aws:iam::111122223333:user/", "Write it like"),
            ("arn:aws:iam::111122223333:role/ann", "use `role_arn`"),
        ] {
            let why = MapUserArn::parse(text).expect_err(text);
            assert!(why.contains(hint), "{why}");
        }
    }

    #[test]
    fn names() {
        assert!(SubjectName::parse("system:node:{{EC2PrivateDNSName}}").is_ok());
        for text in ["", " ", "a ", "a\nb"] {
            assert!(SubjectName::parse(text).is_err(), "{text:?}");
        }
    }
}
