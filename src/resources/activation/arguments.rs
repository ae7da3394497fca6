//! String types of an activation's arguments.

use framework::model::Text;

use crate::session::tags;

/// A description of at most 256 characters. Source: Systems Manager API reference, CreateActivation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

impl Text for Note {
    const NOUN: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if length > 256 {
            return Err(format!("The text has {length} characters; Systems Manager takes at most 256."));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// The name that hosts show: at most 256 characters from the set allowed in tags. Source: Systems Manager service
/// model (2014-11-06), DefaultInstanceName.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceName(String);

impl Text for InstanceName {
    const NOUN: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if length > 256 {
            return Err(format!("The name has {length} characters; Systems Manager takes at most 256."));
        }
        if let Some(odd) = text.chars().find(|character| !tags::allows(*character)) {
            return Err(format!(
                "The name has `{}` in it; Systems Manager takes letters, digits, spaces and `_ . : / = + - @`.",
                odd.escape_debug()
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// The name of a Systems Manager parameter: `/a/b` with at most 15 levels, or a name without slashes. Letters, digits
/// and `. - _`; must not begin with `aws` or `ssm`. Source: Systems Manager API reference, PutParameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterName(String);

impl ParameterName {
    /// The name as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for ParameterName {
    const NOUN: &'static str = "parameter name";

    fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| {
            Err(format!("`{text}` is not a parameter name: {why} Write it like `/ekshybrid/workshop/code`."))
        };
        if text.is_empty() {
            return refused("it is empty.");
        }
        if text.len() > 1011 {
            return refused("it has more than 1011 characters.");
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_/".contains(c)) {
            return refused("it has letters, digits and `. - _ /` only.");
        }
        if text.contains('/') && !text.starts_with('/') {
            return refused("a name with levels begins with a slash.");
        }
        if text.split('/').skip(1).any(str::is_empty) {
            return refused("a level is empty.");
        }
        if text.matches('/').count() > 15 {
            return refused("it has more than 15 levels.");
        }
        let first = text.trim_start_matches('/').to_ascii_lowercase();
        if first.starts_with("aws") || first.starts_with("ssm") {
            return refused("names that begin with `aws` or `ssm` belong to AWS.");
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// A KMS key as `PutParameter` takes it: a key's id or ARN, or an alias or its ARN. Source: KMS developer guide, "Key
/// identifiers"; Systems Manager service model (2014-11-06), ParameterKeyId.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyId(String);

impl KeyId {
    /// The text for AWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region of an ARN.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.strip_prefix("arn:")?.split(':').nth(2)
    }
}

impl Text for KeyId {
    const NOUN: &'static str = "KMS key";

    fn parse(text: &str) -> Result<Self, String> {
        let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        let is_id = |text: &str| {
            let multi_region = text.strip_prefix("mrk-").is_some_and(|rest| rest.len() == 32 && is_hex(rest));
            let lengths: Vec<usize> = text.split('-').map(str::len).collect();
            multi_region || (lengths == [8, 4, 4, 4, 12] && text.split('-').all(is_hex))
        };
        let is_alias = |text: &str| {
            text.strip_prefix("alias/").is_some_and(|name| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c))
            })
        };
        let is_arn = |text: &str| {
            let parts: Vec<&str> = text.split(':').collect();
            let [arn, partition, service, region, account, what] = parts[..] else { return false };
            arn == "arn"
                && partition.starts_with("aws")
                && service == "kms"
                && crate::attributes::Region::parse(region).is_ok()
                && account.len() == 12
                && account.chars().all(|c| c.is_ascii_digit())
                && (what.strip_prefix("key/").is_some_and(is_id) || is_alias(what))
        };
        if text.len() <= 256 && (is_id(text) || is_alias(text) || is_arn(text)) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not a KMS key. Write its id (`1234abcd-12ab-34cd-56ef-1234567890ab`), `alias/NAME`, or the ARN of either."
        ))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(InstanceName, KeyId, Note, ParameterName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_names() {
        for name in ["code", "/a/b.c-d_e", "/ekshybrid/workshop/code"] {
            assert!(ParameterName::parse(name).is_ok(), "{name}");
        }
        let deep = "/a".repeat(16);
        for name in ["", "a/b", "/a//b", "/a/", "/aws/x", "ssm-x", "/a b", deep.as_str()] {
            assert!(ParameterName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn keys() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let arn = format!("arn:aws:kms:us-west-2:111122223333:key/{id}");
        for (key, region) in [
            (id, None),
            ("mrk-1234abcd12ab34cd56ef1234567890ab", None),
            ("alias/codes/edge", None),
            (arn.as_str(), Some("us-west-2")),
            ("arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/codes", Some("us-gov-west-1")),
        ] {
            assert_eq!(KeyId::parse(key).map(|key| key.region().map(str::to_owned)), Ok(region.map(str::to_owned)));
        }
        for key in ["", "codes", "alias/", "alias/a.b", "1234abcd", "arn:aws:kms:us-west-2:111122223333:codes"] {
            assert!(KeyId::parse(key).is_err(), "{key}");
        }
    }

    #[test]
    fn instance_names() {
        for name in ["", "edge host 7", "Füße_1.:/=+-@", &"ü".repeat(256)] {
            assert!(InstanceName::parse(name).is_ok(), "{name}");
        }
        for (name, why) in
            [("plant A (rack 7)", "`(`"), ("a,b", "`,`"), ("a\tb", "`\\t`"), (&"u".repeat(257), "257 characters")]
        {
            let found = InstanceName::parse(name).expect_err(name);
            assert!(found.contains(why), "{found}");
        }
    }

    #[test]
    fn notes() {
        assert!(Note::parse(&"ü".repeat(256)).is_ok());
        assert!(Note::parse(&"u".repeat(257)).is_err());
    }
}
