//! The words of [`names`] as types of attributes.

use std::fmt;
use std::ops::Deref;

use framework::model::Text;
use names::Word;

/// Declares attributes' types of the same names. A type of another crate cannot implement the framework's traits, hence
/// a wrapper around each.
macro_rules! attributes {
    ($($name:ident),+ $(,)?) => { $(
        #[doc = concat!("An attribute's [`", stringify!($name), "`](names::", stringify!($name), ").")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(names::$name);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                Word::as_str(&self.0)
            }
        }

        impl Deref for $name {
            type Target = names::$name;

            fn deref(&self) -> &names::$name {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Text for $name {
            const NOUN: &'static str = <names::$name as Word>::NOUN;

            fn parse(text: &str) -> Result<Self, String> {
                <names::$name as Word>::parse(text).map(Self).map_err(|invalid| format!("{invalid}."))
            }

            fn text(&self) -> &str {
                self.as_str()
            }

            fn same(one: &str, other: &str) -> bool {
                match (<names::$name as Word>::parse(one), <names::$name as Word>::parse(other)) {
                    (Ok(one), Ok(other)) => one == other,
                    _ => one == other,
                }
            }
        }

        framework::text_field!($name);
    )+ };
}

attributes!(
    AccountId,
    ActivationId,
    ClusterName,
    LabelKey,
    ManagedNodeId,
    ObjectName,
    OutpostArn,
    PolicyArn,
    Region,
    RoleArn,
    RoleName,
    RouteTableId,
    SecurityGroupId,
    SubnetId,
    TargetGroupArn,
    VpcCniVersion,
    VpcId,
);

impl VpcId {
    /// An ID that AWS reports, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(names::VpcId::as_found(text))
    }
}

impl RouteTableId {
    /// An ID that AWS reports, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(names::RouteTableId::as_found(text))
    }
}

impl SubnetId {
    /// An ID that a cluster holds, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(names::SubnetId::as_found(text))
    }
}

impl SecurityGroupId {
    /// An ID that a cluster holds, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(names::SecurityGroupId::as_found(text))
    }
}
