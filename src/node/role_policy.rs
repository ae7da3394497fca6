//! Policy of the hybrid nodes' role: what a hybrid node may do in AWS.
//!
//! Source: EKS user guide, "Prepare credentials for hybrid nodes"; the managed policy AmazonEC2ContainerRegistryPullOnly;
//! service authorization reference of EKS and EKS Auth. Limit: what the SSM agent needs is in the managed policy
//! AmazonSSMManagedInstanceCore, which AWS extends from time to time, and is not repeated here.

use names::Arn;
use serde_json::{Map, Value, json};

use super::shape::{self, Known, Reader, choice, holds, object, text};
use super::tree::{Faults, Parsed, Tree};

object! {
    check = check;
    /// What a hybrid node may do.
    pub struct RolePolicy (RolePolicyDraft) {
        /// ARNs of the clusters that the nodes join. The nodes may describe these clusters and list their access
        /// entries, as `nodeadm init` does.
        pub cluster_arns: Vec<ClusterArn>,
        /// How the nodes get their credentials. Default `ssm`.
        pub credential_provider: Option<Provider>,
        /// Which managed instances `nodeadm uninstall` on a node may deregister, by a tag. Instances get the tags of
        /// their activation: set this tag on it. Default: the tag `EKSClusterARN` with the ARN of one of the clusters.
        pub deregister_tag: Option<DeregisterTag>,
        /// Allow pulling images from Amazon ECR, as the managed policy AmazonEC2ContainerRegistryPullOnly does. Default
        /// `true`; `false` if that policy is attached to the role.
        pub ecr_pull: Option<bool>,
        /// ARNs of the ECR repositories to pull from. Default: all. AWS's own images are in repositories of AWS's
        /// accounts: include those, such as `arn:aws:ecr:us-west-2:602401143452:repository/*`.
        pub ecr_repository_arns: Option<Vec<RepositoryArn>>,
        /// Allow the EKS Pod Identity agent to get credentials for pods. Default `false`.
        pub pod_identity: Option<bool>,
    }
}

object! {
    /// A tag of managed instances.
    pub struct DeregisterTag (DeregisterTagDraft) {
        /// Key of the tag.
        pub key: TagText,
        /// Values of the tag, one of which an instance must have.
        pub values: Vec<TagText>,
    }
}

choice! {
    /// Where a node's credentials come from, as nodeadm names it.
    pub enum Provider {
        /// A Systems Manager activation.
        Ssm = "ssm",
        /// A certificate and IAM Roles Anywhere.
        IamRa = "iam-ra",
    }
}

text! {
    /// ARN of an EKS cluster.
    pub struct ClusterArn;
    rule = "the ARN of an EKS cluster such as `arn:aws:eks:us-west-2:111122223333:cluster/plant`";
    check = |text| holds(Arn::parse(text).is_ok_and(|arn| arn.of("eks", "cluster").is_ok()));
}

text! {
    /// ARN of ECR repositories.
    pub struct RepositoryArn;
    rule = "the ARN of ECR repositories such as `arn:aws:ecr:us-west-2:111122223333:repository/plant/*`";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b":/*?._-".contains(&byte);
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let is_ecr = matches!(parts[..], ["arn", _, "ecr", _, _, last] if last.starts_with("repository/"));
        holds(is_ecr && text.bytes().all(letters))
    };
}

text! {
    /// Key or value of a tag.
    pub struct TagText;
    rule = "1 to 256 letters, digits, spaces and `_.:/=+-@`";
    check = |text| {
        let letters = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
        holds((1..=256).contains(&text.chars().count()) && text.chars().all(letters))
    };
}

fn check(draft: &RolePolicyDraft, reader: &mut Reader) {
    if draft.cluster_arns.ready().is_some_and(Vec::is_empty) {
        reader.fault_at(&["cluster_arns"], "needs at least one cluster");
    }
    if let Known::Ready(tag) = &draft.deregister_tag {
        if tag.values.ready().is_some_and(Vec::is_empty) {
            reader.fault_at(&["deregister_tag", "values"], "needs at least one value");
        }
        if matches!(draft.credential_provider, Known::Ready(Provider::IamRa)) {
            reader.fault_at(&["deregister_tag"], "is for `ssm`: other nodes are not registered with Systems Manager");
        }
    }
    if draft.ecr_repository_arns.given() == Some(true) && matches!(draft.ecr_pull, Known::Ready(false)) {
        reader.fault_at(&["ecr_repository_arns"], "has no effect with `ecr_pull = false`");
    }
    if draft.ecr_repository_arns.ready().is_some_and(Vec::is_empty) {
        reader.fault_at(&["ecr_repository_arns"], "needs at least one repository");
    }
}

/// Parses the policy's settings from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<RolePolicy>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<RolePolicy>()
}

impl RolePolicy {
    /// The policy as Terraform's `jsonencode` writes it: one line, keys in alphabetical order.
    #[must_use]
    pub fn to_json(&self) -> String {
        let clusters: Vec<&str> = self.cluster_arns.iter().map(ClusterArn::as_str).collect();
        let mut statements =
            vec![allow("Cluster", &["eks:DescribeCluster", "eks:ListAccessEntries"], json!(clusters), None)];
        if self.ecr_pull != Some(false) {
            statements.extend(self.ecr());
        }
        if self.credential_provider != Some(Provider::IamRa) {
            statements.extend(self.systems_manager(&clusters));
        }
        if self.pod_identity == Some(true) {
            statements.push(allow("PodIdentity", &["eks-auth:AssumeRoleForPodIdentity"], json!(clusters), None));
        }
        json!({"Statement": statements, "Version": "2012-10-17"}).to_string()
    }

    fn ecr(&self) -> Vec<Value> {
        const PULL: [&str; 3] = ["ecr:BatchGetImage", "ecr:BatchImportUpstreamImage", "ecr:GetDownloadUrlForLayer"];
        // The token is for the whole registry, so it has no resource of its own.
        let token = allow("ImageToken", &["ecr:GetAuthorizationToken"], json!("*"), None);
        let repositories = self
            .ecr_repository_arns
            .as_ref()
            .map_or(json!("*"), |arns| json!(arns.iter().map(RepositoryArn::as_str).collect::<Vec<_>>()));
        vec![token, allow("Images", &PULL, repositories, None)]
    }

    /// `nodeadm uninstall` looks for the instance, and deregisters it. Without a condition, a node could deregister
    /// every other one of the account.
    fn systems_manager(&self, clusters: &[&str]) -> Vec<Value> {
        let (key, values) = match &self.deregister_tag {
            Some(tag) => (tag.key.as_str(), tag.values.iter().map(TagText::as_str).collect()),
            None => ("EKSClusterARN", clusters.to_vec()),
        };
        let name = format!("ssm:resourceTag/{key}");
        let condition = json!({"StringEquals": Map::from_iter([(name, json!(values))])});
        vec![
            allow("InstanceLookup", &["ssm:DescribeInstanceInformation"], json!("*"), None),
            allow("Deregistration", &["ssm:DeregisterManagedInstance"], json!("*"), Some(condition)),
        ]
    }
}

fn allow(sid: &str, actions: &[&str], resource: Value, condition: Option<Value>) -> Value {
    let mut statement = Map::from_iter([("Action".to_owned(), json!(actions))]);
    statement.extend(condition.map(|condition| ("Condition".to_owned(), condition)));
    statement.extend([
        ("Effect".to_owned(), json!("Allow")),
        ("Resource".to_owned(), resource),
        ("Sid".to_owned(), json!(sid)),
    ]);
    statement.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tree::written::{LATER, tree};

    const CLUSTER: &str = "arn:aws:eks:us-west-2:111122223333:cluster/plant";

    fn rendered(input: Value) -> String {
        match parse(&tree(input)) {
            Ok(Parsed::Ready(policy)) => policy.to_json(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_nodes_may_do() {
        let cluster = format!(
            r#"{{"Action":["eks:DescribeCluster","eks:ListAccessEntries"],"Effect":"Allow","Resource":["{CLUSTER}"],"Sid":"Cluster"}}"#
        );
        let images = |resource: &str| {
            format!(
                r#"{{"Action":["ecr:GetAuthorizationToken"],"Effect":"Allow","Resource":"*","Sid":"ImageToken"}},{{"Action":["ecr:BatchGetImage","ecr:BatchImportUpstreamImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Resource":{resource},"Sid":"Images"}}"#
            )
        };
        let ssm = |condition: &str| {
            format!(
                r#"{{"Action":["ssm:DescribeInstanceInformation"],"Effect":"Allow","Resource":"*","Sid":"InstanceLookup"}},{{"Action":["ssm:DeregisterManagedInstance"],"Condition":{{"StringEquals":{{{condition}}}}},"Effect":"Allow","Resource":"*","Sid":"Deregistration"}}"#
            )
        };
        let own = format!(r#""ssm:resourceTag/EKSClusterARN":["{CLUSTER}"]"#);
        let pods = format!(
            r#"{{"Action":["eks-auth:AssumeRoleForPodIdentity"],"Effect":"Allow","Resource":["{CLUSTER}"],"Sid":"PodIdentity"}}"#
        );
        let repository = "arn:aws:ecr:us-west-2:602401143452:repository/*";
        for (input, statements) in [
            (json!({}), vec![cluster.clone(), images(r#""*""#), ssm(&own)]),
            (json!({"credential_provider": "iam-ra"}), vec![cluster.clone(), images(r#""*""#)]),
            (json!({"ecr_pull": false, "pod_identity": true}), vec![cluster.clone(), ssm(&own), pods]),
            (
                json!({"ecr_repository_arns": [repository], "deregister_tag": {"key": "site", "values": ["a", "b"]}}),
                vec![
                    cluster.clone(),
                    images(&format!(r#"["{repository}"]"#)),
                    ssm(r#""ssm:resourceTag/site":["a","b"]"#),
                ],
            ),
        ] {
            let mut input = input;
            input["cluster_arns"] = json!([CLUSTER]);
            let expected = format!(r#"{{"Statement":[{}],"Version":"2012-10-17"}}"#, statements.join(","));
            assert_eq!(rendered(input), expected);
        }
    }

    #[test]
    fn refused_inputs() {
        for (input, expected) in [
            (json!({}), "cluster_arns: is required"),
            (json!({"cluster_arns": []}), "cluster_arns: needs at least one cluster"),
            (
                json!({"cluster_arns": ["plant"]}),
                "cluster_arns[0]: must be the ARN of an EKS cluster such as \
                 `arn:aws:eks:us-west-2:111122223333:cluster/plant`, got `plant`",
            ),
            (
                json!({"cluster_arns": [CLUSTER], "credential_provider": "iam-ra", "deregister_tag": {"key": "a", "values": ["b"]}}),
                "deregister_tag: is for `ssm`: other nodes are not registered with Systems Manager",
            ),
            (
                json!({"cluster_arns": [CLUSTER], "deregister_tag": {"key": "a", "values": []}}),
                "deregister_tag.values: needs at least one value",
            ),
            (
                json!({"cluster_arns": [CLUSTER], "ecr_pull": false, "ecr_repository_arns": ["arn:aws:ecr:us-west-2:111122223333:repository/a"]}),
                "ecr_repository_arns: has no effect with `ecr_pull = false`",
            ),
            (
                json!({"cluster_arns": [CLUSTER], "ecr_repository_arns": ["a"]}),
                "ecr_repository_arns[0]: must be the ARN of ECR repositories such as \
                 `arn:aws:ecr:us-west-2:111122223333:repository/plant/*`, got `a`",
            ),
        ] {
            assert_eq!(parse(&tree(input)).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn unknown_values_make_it_pending() {
        for input in [json!({"cluster_arns": LATER}), json!({"cluster_arns": [LATER]})] {
            assert_eq!(parse(&tree(input.clone())), Ok(Parsed::Pending), "{input}");
        }
    }
}
