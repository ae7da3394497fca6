//! The words of the arguments: roles by name or ARN, ranges, addresses, ids of checks.

use std::net::Ipv4Addr;

use framework::model::Text;
use framework::text_field;
use names::Cidr;

use super::judge;
use crate::attributes::{RoleArn, RoleName};

/// An IAM role, by its ARN or its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its ARN, with its path.
    Arn(RoleArn),
    /// Its name, preceded by its path if it has one.
    Name(RoleName),
}

impl Role {
    /// The ARN, if that is what is known.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Arn(arn) => Some(arn.as_str()),
            Self::Name(_) => None,
        }
    }

    /// The name, preceded by the path if it has one.
    pub fn path_and_name(&self) -> &str {
        match self {
            Self::Arn(arn) => arn.as_str().split_once(":role/").map_or("", |(_, name)| name),
            Self::Name(name) => name.as_str(),
        }
    }
}

impl Text for Role {
    const NOUN: &'static str = "role";

    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("arn:") {
            RoleArn::parse(text).map(Self::Arn)
        } else {
            RoleName::parse(text).map(Self::Name)
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Arn(arn) => arn.as_str(),
            Self::Name(name) => name.as_str(),
        }
    }
}

/// An IPv4 range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range(String, Cidr);

impl Range {
    /// The range.
    pub fn cidr(&self) -> Cidr {
        self.1
    }
}

impl Text for Range {
    const NOUN: &'static str = "range";

    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<Cidr>() {
            Ok(range) if range.network().is_ipv4() => Ok(Self(text.to_owned(), range)),
            Ok(range) => Err(format!("`{range}` is IPv6; hybrid nodes and their pods have IPv4 addresses.")),
            Err(error) => Err(format!("{error}.")),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// An IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String, Ipv4Addr);

impl Address {
    /// The address.
    pub fn ip(&self) -> Ipv4Addr {
        self.1
    }
}

impl Text for Address {
    const NOUN: &'static str = "address";

    fn parse(text: &str) -> Result<Self, String> {
        let address = text.parse().map_err(|_| format!("`{text}` is not an IPv4 address such as `10.80.0.11`."))?;
        Ok(Self(text.to_owned(), address))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// The id of a check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckId(String);

impl Text for CheckId {
    const NOUN: &'static str = "check";

    fn parse(text: &str) -> Result<Self, String> {
        if judge::checks().any(|check| check.id == text) {
            return Ok(Self(text.to_owned()));
        }
        let meant = names::meant(text, judge::checks().map(|check| check.id));
        let hint = meant.map_or_else(
            || "The guide \"Checking a cluster before hosts join\" lists them.".to_owned(),
            |id| format!("Did you mean `{id}`?"),
        );
        Err(format!("There is no check `{text}`. {hint}"))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

text_field!(Role, Range, Address, CheckId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_known_by_name_or_arn() {
        for (text, arn, name) in [
            ("hybrid-nodes", None, "hybrid-nodes"),
            ("plant/hybrid", None, "plant/hybrid"),
            ("arn:aws:iam::111122223333:role/hybrid", Some("arn:aws:iam::111122223333:role/hybrid"), "hybrid"),
            (
                "arn:aws:iam::111122223333:role/plant/hybrid",
                Some("arn:aws:iam::111122223333:role/plant/hybrid"),
                "plant/hybrid",
            ),
        ] {
            let role = Role::parse(text).expect(text);
            assert_eq!((role.arn(), role.path_and_name(), role.text()), (arn, name, text));
        }
        for text in ["arn:aws:iam::111122223333:user/me", "two words", ""] {
            assert!(Role::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_slip_in_the_name_of_a_check_gets_a_hint() {
        assert!(CheckId::parse("network_overlap").is_ok());
        assert!(CheckId::parse("network_overlaps").is_err_and(|why| why.contains("`network_overlap`")));
        assert!(CheckId::parse("weather").is_err_and(|why| why.contains("guide")));
        assert!(Range::parse("2001:db8::/32").is_err() && Range::parse("10.80.0.1/16").is_err());
        assert!(Address::parse("10.80.0.0/16").is_err());
    }
}
