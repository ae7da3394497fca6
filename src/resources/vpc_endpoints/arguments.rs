//! Types of the arguments.

use framework::model::Text;
use names::Cidr;

use crate::node::endpoints::{self, policies};

/// What the endpoints are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile(pub endpoints::Profile);

impl Text for Profile {
    const NOUN: &'static str = "profile";

    fn parse(text: &str) -> Result<Self, String> {
        let found = endpoints::Profile::ALL.into_iter().find(|profile| profile.word() == text);
        found.map(Self).ok_or_else(|| none_of(text, endpoints::Profile::ALL.iter().map(|profile| profile.word())))
    }

    fn text(&self) -> &str {
        self.0.word()
    }
}

/// A kind of endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub endpoints::Kind);

const KINDS: [endpoints::Kind; 2] = [endpoints::Kind::Gateway, endpoints::Kind::Interface];

impl Text for Kind {
    const NOUN: &'static str = "kind of endpoint";

    fn parse(text: &str) -> Result<Self, String> {
        let found = KINDS.into_iter().find(|kind| kind.word() == text);
        found.map(Self).ok_or_else(|| none_of(text, KINDS.iter().map(|kind| kind.word())))
    }

    fn text(&self) -> &str {
        self.0.word()
    }
}

fn none_of<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<String> = known.map(|word| format!("`{word}`")).collect();
    format!("`{text}` is none of {}.", known.join(", "))
}

/// A service as its endpoints name it: `ecr.api`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that AWS reports.
    pub(super) fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Text for ServiceName {
    const NOUN: &'static str = "endpoint service";

    fn parse(text: &str) -> Result<Self, String> {
        if endpoints::is_service(text) {
            return Ok(Self(text.to_owned()));
        }
        let short =
            text.split_once("com.amazonaws.").and_then(|(_, rest)| rest.split_once('.')).map(|(_, short)| short);
        let hint = short.map(|short| format!(" Write `{short}`; the region comes from `region`.")).unwrap_or_default();
        Err(format!("`{text}` is not the short name of an endpoint service, such as `ecr.api` or `ssm`.{hint}"))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// The name of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketName(String);

impl BucketName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for BucketName {
    const NOUN: &'static str = "bucket name";

    fn parse(text: &str) -> Result<Self, String> {
        if endpoints::buckets::is_bucket(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not the name of a bucket: 3 to 63 lowercase letters, digits, dots and hyphens, such as `images-plant`. An ARN is not accepted."
        ))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// A policy as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(String);

impl Policy {
    /// The policy as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A policy that AWS reports.
    pub(super) fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Text for Policy {
    const NOUN: &'static str = "policy";

    fn parse(text: &str) -> Result<Self, String> {
        let policy: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("The policy is not valid JSON: {error}."))?;
        if policy.get("Statement").is_none() {
            return Err("The policy has no `Statement`.".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        policies::same(one, other)
    }
}

/// An address range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(String);

impl Network {
    /// The range.
    pub(super) fn cidr(&self) -> Option<Cidr> {
        self.0.parse().ok()
    }
}

impl Text for Network {
    const NOUN: &'static str = "range";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse::<Cidr>().map(|_| Self(text.to_owned())).map_err(|error| format!("{error}."))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(Profile, Kind, ServiceName, BucketName, Policy, Network);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_name_is_shortened() {
        assert!(ServiceName::parse("ecr.api").is_ok());
        for (name, hint) in [
            ("com.amazonaws.us-west-2.ecr.api", "Write `ecr.api`"),
            ("cn.com.amazonaws.cn-north-1.ssm", "Write `ssm`"),
            ("EC2", "`ssm`"),
        ] {
            let why = ServiceName::parse(name).expect_err(name);
            assert!(why.contains(hint), "{why}");
        }
    }

    #[test]
    fn policies_are_json_with_statements() {
        assert!(Policy::parse(r#"{"Statement":[]}"#).is_ok());
        assert!(Policy::parse("{").is_err_and(|why| why.contains("not valid JSON")));
        assert!(Policy::parse("{}").is_err_and(|why| why.contains("`Statement`")));
    }
}
