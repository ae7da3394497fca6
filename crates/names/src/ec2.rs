//! IDs of EC2.

use crate::word::{holds, word};

word! {
    /// A subnet.
    SubnetId;
    noun = "subnet ID";
    kind = "the ID of a subnet";
    form = " such as `subnet-0123456789abcdef0`";
    check = |text| holds(is_id(text, "subnet"));
}

word! {
    /// A security group.
    SecurityGroupId;
    noun = "security group ID";
    kind = "the ID of a security group";
    form = " such as `sg-0123456789abcdef0`; the group's name is not accepted";
    check = |text| holds(is_id(text, "sg"));
}

word! {
    /// A VPC.
    VpcId;
    noun = "VPC ID";
    kind = "the ID of a VPC";
    form = " such as `vpc-0123456789abcdef0`";
    check = |text| holds(is_id(text, "vpc"));
}

word! {
    /// A route table.
    RouteTableId;
    noun = "route table ID";
    kind = "the ID of a route table";
    form = " such as `rtb-0123456789abcdef0`";
    check = |text| holds(is_id(text, "rtb"));
}

impl VpcId {
    /// An ID that AWS reports, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl RouteTableId {
    /// An ID that AWS reports, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

word! {
    /// A managed node of Systems Manager.
    ManagedNodeId;
    noun = "managed node ID";
    kind = "the ID of a managed node";
    form = " such as `i-0123456789abcdef0` or `mi-0123456789abcdef0`";
    check = |text| holds(is_id(text, "i") || is_id(text, "mi"));
}

impl SubnetId {
    /// An ID that a cluster holds, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl SecurityGroupId {
    /// An ID that a cluster holds, which nobody has checked.
    #[must_use]
    pub fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// `PREFIX-` and letters or digits: eight or seventeen hexadecimal digits at EC2, other lengths in emulators.
fn is_id(text: &str, prefix: &str) -> bool {
    let id = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn ids() {
        check::<SubnetId>(&[
            ("subnet-0123456789abcdef0", Ok(())),
            ("", Err("such as `subnet-")),
            ("subnet-", Err("such as `subnet-")),
            ("vpc-0123", Err("such as `subnet-")),
            ("subnet-ABC", Err("such as `subnet-")),
            ("subnet-0 1", Err("such as `subnet-")),
        ]);
        check::<VpcId>(&[("vpc-0123456789abcdef0", Ok(())), ("vpc-", Err("such as `vpc-")), ("main", Err("a VPC"))]);
        check::<RouteTableId>(&[("rtb-01234567", Ok(())), ("vpc-0123", Err("such as `rtb-"))]);
        check::<ManagedNodeId>(&[
            ("i-0123456789abcdef0", Ok(())),
            ("mi-0123456789abcdef0", Ok(())),
            ("bastion", Err("such as `i-")),
            ("10.0.0.1", Err("such as `i-")),
        ]);
        check::<SecurityGroupId>(&[
            ("sg-12345678", Ok(())),
            ("default", Err("the group's name is not accepted")),
            ("sg-", Err("such as `sg-")),
            ("subnet-0123456789abcdef0", Err("such as `sg-")),
        ]);
    }
}
