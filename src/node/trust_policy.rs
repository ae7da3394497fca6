//! Trust policy of the hybrid nodes' role: who can assume the role.
//!
//! Source: EKS user guide, "Prepare credentials for hybrid nodes", and the templates under `example/` of
//! github.com/aws/eks-hybrid. Limit: the role's permissions are defined elsewhere.

use names::{AccountId, Partition, Region, TrustAnchorArn};
use serde_json::{Map, Value, json};

use super::shape::{self, Known, Reader, holds, object, text};
use super::tree::{Faults, Parsed, Tree};

object! {
    check = check;
    /// Who can assume the role: Systems Manager, or IAM Roles Anywhere if a trust anchor is given.
    pub struct TrustPolicy (TrustPolicyDraft) {
        /// Allow only activations of this account (`aws:SourceAccount`). AWS recommends this, so that no other account
        /// can make Systems Manager use the role.
        pub account_id: Option<AccountId>,
        /// Allow only activations in this region (`aws:SourceArn`); requires `account_id`.
        pub region: Option<Region>,
        /// Partition of the ARN in the condition. Default: the region's.
        pub partition: Option<Partition>,
        /// Trust anchor of IAM Roles Anywhere; the policy is then for IAM Roles Anywhere. Conflicts with all of the
        /// above.
        pub trust_anchor_arn: Option<TrustAnchorArn>,
        /// Attribute of the certificate that must equal the node's name. Default `x509Subject/CN`; requires
        /// `trust_anchor_arn`.
        pub certificate_attribute: Option<CertificateAttribute>,
    }
}

text! {
    /// A certificate attribute, as IAM Roles Anywhere names it in session tags.
    pub struct CertificateAttribute;
    rule = "an attribute of a certificate such as `x509Subject/CN` or `x509SAN/DNS`";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'/' || byte == b'_';
        let known = ["x509Subject/", "x509Issuer/", "x509SAN/"].iter().filter_map(|start| text.strip_prefix(start));
        holds(known.into_iter().any(|rest| !rest.is_empty() && rest.bytes().all(letters)))
    };
}

fn check(draft: &TrustPolicyDraft, reader: &mut Reader) {
    let ssm = [
        ("account_id", draft.account_id.given()),
        ("region", draft.region.given()),
        ("partition", draft.partition.given()),
    ];
    for (name, given) in ssm {
        if draft.trust_anchor_arn.given() == Some(true) && given == Some(true) {
            reader.fault_at(&[name], "is a condition for Systems Manager and excludes `trust_anchor_arn`");
        }
    }
    if draft.trust_anchor_arn.given() == Some(false) && draft.certificate_attribute.given() == Some(true) {
        reader.fault_at(&["certificate_attribute"], "needs `trust_anchor_arn`");
    }
    if draft.trust_anchor_arn.given() != Some(false) {
        return;
    }
    if draft.region.given() == Some(true) && draft.account_id.given() == Some(false) {
        reader.fault_at(&["region"], "needs `account_id`");
    }
    match (&draft.region, &draft.partition) {
        (Known::Absent, Known::Ready(_)) => reader.fault_at(&["partition"], "needs `region`"),
        (Known::Ready(region), Known::Ready(partition)) if region.partition() != *partition => {
            let message = format!("is `{}`, but `{region}` belongs to `{}`", partition.id(), region.partition().id());
            reader.fault_at(&["partition"], message);
        }
        _ => {}
    }
}

/// Parses the trust policy's settings from an HCL object; `{}` is Systems Manager without conditions.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<TrustPolicy>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<TrustPolicy>()
}

impl TrustPolicy {
    /// The policy as Terraform's `jsonencode` writes it: one line, keys in alphabetical order.
    #[must_use]
    pub fn to_json(&self) -> String {
        let statements = match &self.trust_anchor_arn {
            Some(anchor) => self.roles_anywhere(anchor),
            None => json!([self.systems_manager()]),
        };
        // `jsonencode` escapes `<`, `>` and `&`; none of them passes the rules of the parts.
        json!({"Statement": statements, "Version": "2012-10-17"}).to_string()
    }

    fn systems_manager(&self) -> Value {
        let mut condition = Map::new();
        if let (Some(account), Some(region)) = (&self.account_id, &self.region) {
            let partition = self.partition.unwrap_or_else(|| region.partition()).id();
            let source = format!("arn:{partition}:ssm:{}:{}:*", region.as_str(), account.as_str());
            condition.insert("ArnEquals".to_owned(), json!({"aws:SourceArn": source}));
        }
        if let Some(account) = &self.account_id {
            condition.insert("StringEquals".to_owned(), json!({"aws:SourceAccount": account.as_str()}));
        }
        let mut statement = Map::from_iter([("Action".to_owned(), json!("sts:AssumeRole"))]);
        if !condition.is_empty() {
            statement.insert("Condition".to_owned(), condition.into());
        }
        statement.insert("Effect".to_owned(), json!("Allow"));
        statement.insert("Principal".to_owned(), json!({"Service": "ssm.amazonaws.com"}));
        statement.into()
    }

    /// The session name must match the certificate, so that no host can join under another's name.
    fn roles_anywhere(&self, anchor: &TrustAnchorArn) -> Value {
        let attribute = self.certificate_attribute.as_ref().map_or("x509Subject/CN", CertificateAttribute::as_str);
        let source = json!({"aws:SourceArn": anchor.as_str()});
        let principal = json!({"Service": "rolesanywhere.amazonaws.com"});
        json!([
            {
                "Action": ["sts:TagSession", "sts:SetSourceIdentity"],
                "Condition": {"ArnEquals": source},
                "Effect": "Allow",
                "Principal": principal,
            },
            {
                "Action": "sts:AssumeRole",
                "Condition": {
                    "ArnEquals": source,
                    "StringEquals": {"sts:RoleSessionName": format!("${{aws:PrincipalTag/{attribute}}}")},
                },
                "Effect": "Allow",
                "Principal": principal,
            },
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tree::written::{LATER, tree};

    const ANCHOR: &str =
        "arn:aws:rolesanywhere:us-west-2:111122223333:trust-anchor/01234567-89ab-cdef-0123-456789abcdef";

    fn rendered(input: Value) -> String {
        match parse(&tree(input)) {
            Ok(Parsed::Ready(policy)) => policy.to_json(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn for_systems_manager() {
        for (input, condition) in [
            (json!({}), ""),
            (
                json!({"account_id": "111122223333"}),
                r#""Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}},"#,
            ),
            (
                json!({"account_id": "111122223333", "region": "us-west-2"}),
                r#""Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:ssm:us-west-2:111122223333:*"},"StringEquals":{"aws:SourceAccount":"111122223333"}},"#,
            ),
            (
                json!({"account_id": "111122223333", "region": "cn-north-1"}),
                r#""Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws-cn:ssm:cn-north-1:111122223333:*"},"StringEquals":{"aws:SourceAccount":"111122223333"}},"#,
            ),
        ] {
            assert_eq!(
                rendered(input),
                format!(
                    r#"{{"Statement":[{{"Action":"sts:AssumeRole",{condition}"Effect":"Allow","Principal":{{"Service":"ssm.amazonaws.com"}}}}],"Version":"2012-10-17"}}"#
                )
            );
        }
    }

    #[test]
    fn for_iam_roles_anywhere() {
        let statements = |attribute: &str| {
            format!(
                r#"{{"Statement":[{{"Action":["sts:TagSession","sts:SetSourceIdentity"],"Condition":{{"ArnEquals":{{"aws:SourceArn":"{ANCHOR}"}}}},"Effect":"Allow","Principal":{{"Service":"rolesanywhere.amazonaws.com"}}}},{{"Action":"sts:AssumeRole","Condition":{{"ArnEquals":{{"aws:SourceArn":"{ANCHOR}"}},"StringEquals":{{"sts:RoleSessionName":"${{aws:PrincipalTag/{attribute}}}"}}}},"Effect":"Allow","Principal":{{"Service":"rolesanywhere.amazonaws.com"}}}}],"Version":"2012-10-17"}}"#
            )
        };
        assert_eq!(rendered(json!({"trust_anchor_arn": ANCHOR})), statements("x509Subject/CN"));
        let by_name = json!({"trust_anchor_arn": ANCHOR, "certificate_attribute": "x509SAN/DNS"});
        assert_eq!(rendered(by_name), statements("x509SAN/DNS"));
    }

    #[test]
    fn refused_inputs() {
        for (input, expected) in [
            (
                json!({"account_id": "1111"}),
                "account_id: must be an AWS account ID of 12 digits, got `1111`; write it in quotes to keep leading zeros",
            ),
            (
                json!({"account_id": 111_122_223_333_u64}),
                "account_id: must be a string, not a number; put it in quotes",
            ),
            (json!({"region": "us-west-2"}), "region: needs `account_id`"),
            (json!({"account_id": "111122223333", "partition": "aws"}), "partition: needs `region`"),
            (
                json!({"account_id": "111122223333", "region": "us-west-2", "partition": "aws-cn"}),
                "partition: is `aws-cn`, but `us-west-2` belongs to `aws`",
            ),
            (
                json!({"account_id": "111122223333", "trust_anchor_arn": ANCHOR}),
                "account_id: is a condition for Systems Manager and excludes `trust_anchor_arn`",
            ),
            (json!({"certificate_attribute": "x509Subject/CN"}), "certificate_attribute: needs `trust_anchor_arn`"),
            (
                json!({"trust_anchor_arn": ANCHOR, "certificate_attribute": "CN"}),
                "certificate_attribute: must be an attribute of a certificate such as `x509Subject/CN` or `x509SAN/DNS`, \
                 got `CN`",
            ),
        ] {
            assert_eq!(parse(&tree(input)).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn unknown_values_make_it_pending() {
        for input in [
            json!({"account_id": LATER}),
            json!({"region": "us-west-2", "account_id": LATER}),
            json!({"trust_anchor_arn": LATER, "account_id": "111122223333"}),
            json!({"trust_anchor_arn": LATER, "certificate_attribute": "x509Subject/CN"}),
        ] {
            assert_eq!(parse(&tree(input.clone())), Ok(Parsed::Pending), "{input}");
        }
    }
}
