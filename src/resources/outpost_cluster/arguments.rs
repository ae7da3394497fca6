//! String types of a local cluster's arguments.

use framework::model::Text;
use names::cidr::{CidrError, check_service_range};
use names::{Cidr, KubernetesVersion, Word as _};

use crate::attributes::RoleArn;
use crate::attributes::principal::MapUserArn;
use crate::aws::eks::LOG_TYPES;

/// Declares a string type: what it is called, and the rule that a text must keep.
macro_rules! texts {
    ($($(#[$doc:meta])+ $name:ident = $noun:literal, $check:expr;)+) => { $(
        $(#[$doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// What AWS reports, which nobody has checked.
            #[must_use]
            pub fn as_found(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl Text for $name {
            const NOUN: &'static str = $noun;

            fn parse(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(text).map(|()| Self(text.to_owned()))
            }

            fn text(&self) -> &str {
                &self.0
            }
        }

        framework::text_field!($name);
    )+ };
}

texts! {
    /// An EC2 instance type.
    InstanceType = "instance type", |text| {
        let fits = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        match text.split_once('.') {
            Some((family, size)) if fits(family) && fits(size) => Ok(()),
            _ => Err(format!("`{}` is not an instance type. Write it like `m5.large`.", text.escape_debug())),
        }
    };
    /// How instances are spread.
    SpreadLevel = "spread level", |text| match text {
        "host" | "rack" => Ok(()),
        _ => Err(format!("`{}` is neither `host` nor `rack`.", text.escape_debug())),
    };
    /// A minor version of Kubernetes.
    Version = "version of Kubernetes", |text| {
        KubernetesVersion::parse(text).map_err(|invalid| format!("{invalid}."))?;
        if text.matches('.').count() == 1 {
            return Ok(());
        }
        let minor = text.rsplit_once('.').map_or(text, |(minor, _)| minor);
        Err(format!("`{text}` names a patch version, which EKS chooses. Write `{minor}`."))
    };
    /// The range of the cluster's services.
    ServiceRange = "service range", |text| {
        let range: Cidr = text.parse().map_err(|error: CidrError| format!("`{}`: {error}.", text.escape_debug()))?;
        check_service_range(range).map_err(|error| format!("`{text}`: {error}."))
    };
    /// A range outside the VPC. Source: EKS API reference, RemoteNodeNetwork: /8 to /32.
    RemoteRange = "CIDR range", |text| {
        let range: Cidr = text.parse().map_err(|error: CidrError| format!("`{}`: {error}.", text.escape_debug()))?;
        if range.network().is_ipv4() && range.prefix() >= 8 {
            Ok(())
        } else {
            Err(format!("`{text}` is not an IPv4 range from /8 to /32."))
        }
    };
    /// The ARN of an IAM role or user.
    Administrator = "principal", |text| {
        if RoleArn::parse(text).is_ok() || MapUserArn::parse(text).is_ok() {
            return Ok(());
        }
        match RoleArn::parse(text) {
            Err(why) if text.contains("assumed-role/") => Err(why),
            _ => Err(format!("`{}` is the ARN of neither an IAM role nor an IAM user.", text.escape_debug())),
        }
    };
    /// A log type of the control plane.
    LogType = "log type", |text| {
        if LOG_TYPES.contains(&text) {
            return Ok(());
        }
        let meant = names::meant(text, LOG_TYPES).map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
        Err(format!("`{}` is none of `{}`.{meant}", text.escape_debug(), LOG_TYPES.join("`, `")))
    };
    /// An authentication mode.
    Mode = "authentication mode", |text| match text {
        Mode::API | Mode::API_AND_CONFIG_MAP | Mode::CONFIG_MAP => Ok(()),
        _ => Err(format!("`{}` is none of `API`, `API_AND_CONFIG_MAP` and `CONFIG_MAP`.", text.escape_debug())),
    };
}

impl Mode {
    pub(super) const API: &'static str = "API";
    pub(super) const API_AND_CONFIG_MAP: &'static str = "API_AND_CONFIG_MAP";
    pub(super) const CONFIG_MAP: &'static str = "CONFIG_MAP";

    /// The mode of a cluster that sets none.
    pub(super) fn preset(has_etcd_instances: bool) -> Self {
        Self(if has_etcd_instances { Self::API_AND_CONFIG_MAP } else { Self::CONFIG_MAP }.to_owned())
    }

    /// Whether access is granted by the ConfigMap aws-auth alone.
    pub(super) fn is_map_only(&self) -> bool {
        self.0 == Self::CONFIG_MAP
    }
}

impl Version {
    /// How many minor versions this one is above another.
    pub(super) fn above(&self, other: &Self) -> Option<i64> {
        let minor = |version: &Self| version.0.strip_prefix("1.")?.parse::<i64>().ok();
        Some(minor(self)? - minor(other)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Text>(accepted: &[&str], refused: &[(&str, &str)]) {
        for text in accepted {
            assert!(T::parse(text).is_ok(), "{text}");
        }
        for (text, hint) in refused {
            let why = T::parse(text).err().unwrap_or_else(|| panic!("`{text}` is accepted"));
            assert!(why.contains(hint), "{why}");
        }
    }

    #[test]
    fn words() {
        check::<InstanceType>(&["m5.large", "u-6tb1.metal"], &[("m5", "Write it like"), ("M5.large", "Write it like")]);
        check::<SpreadLevel>(&["host", "rack"], &[("zone", "neither")]);
        check::<Version>(&["1.34"], &[("1.34.2", "Write `1.34`"), ("v1.34", "leave out the `v`"), ("", "")]);
        check::<ServiceRange>(&["10.100.0.0/16"], &[("10.100.0.0/25", "10.100.0.0/25"), ("8.8.8.0/24", "8.8.8.0/24")]);
        check::<RemoteRange>(&["10.80.0.0/16"], &[("0.0.0.0/0", "/8 to /32"), ("fd00::/64", "IPv4")]);
        check::<LogType>(&["api"], &[("scheduler2", "Did you mean `scheduler`?")]);
        check::<Mode>(&["API"], &[("api", "none of")]);
        check::<Administrator>(
            &["arn:aws:iam::111122223333:role/team/ops", "arn:aws:iam::111122223333:user/ann"],
            &[("ann", "neither"), ("arn:aws:sts::111122223333:assumed-role/ops/me", "role/ops")],
        );
    }

    #[test]
    fn distances() {
        let version = |text: &str| Version::parse(text).expect(text);
        for (one, other, expected) in [("1.35", "1.34", 1), ("1.34", "1.34", 0), ("1.33", "1.35", -2)] {
            assert_eq!(version(one).above(&version(other)), Some(expected), "{one} {other}");
        }
    }
}
