//! Policies that keep other accounts out: of endpoints, and the matching ones of repositories and buckets.
//!
//! Sources: AWS PrivateLink guide on endpoint policies; IAM user guide on `aws:PrincipalAccount`, `aws:ResourceAccount`
//! and `aws:SourceVpce`; EKS user guide, "View Amazon container image registries for Amazon EKS add-ons". What is called
//! without an identity of the account (registering a host with Systems Manager, exchanging a token or a certificate for
//! credentials) is allowed by action or by the ARN of a role, because a condition on the principal could never hold.

use names::Region;
use serde_json::{Value, json};

use super::buckets;

/// Accounts with AWS's images for EKS in regions that do not use the common one.
const IMAGES: &[(&str, &str)] = &[
    ("af-south-1", "877085696533"),
    ("ap-east-1", "800184023465"),
    ("ap-east-2", "533267051163"),
    ("ap-south-2", "900889452093"),
    ("ap-southeast-3", "296578399912"),
    ("ap-southeast-4", "491585149902"),
    ("ap-southeast-5", "151610086707"),
    ("ap-southeast-6", "333609536671"),
    ("ap-southeast-7", "121268973566"),
    ("ca-west-1", "761377655185"),
    ("cn-north-1", "918309763551"),
    ("cn-northwest-1", "961992271922"),
    ("eu-central-2", "900612956339"),
    ("eu-south-1", "590381155156"),
    ("eu-south-2", "455263428931"),
    ("il-central-1", "066635153087"),
    ("me-central-1", "759879836304"),
    ("me-south-1", "558608220178"),
    ("mx-central-1", "730335286997"),
    ("us-gov-east-1", "151742754352"),
    ("us-gov-west-1", "013241004608"),
];
const IMAGES_ELSEWHERE: &str = "602401143452";

/// The account with AWS's images for EKS in a region.
#[must_use]
pub fn images_account(region: &str) -> &'static str {
    IMAGES.iter().find(|(name, _)| *name == region).map_or(IMAGES_ELSEWHERE, |(_, account)| account)
}

fn policy(statements: &[Value]) -> String {
    json!({"Statement": statements, "Version": "2012-10-17"}).to_string()
}

/// For callers of the account.
fn own_callers(account: &str) -> Value {
    json!({"StringEquals": {"aws:PrincipalAccount": account}})
}

/// The policy of a service's endpoint that lets an account reach its own resources and nothing of other accounts, except
/// what nodes need of AWS. `own_buckets` narrows the account's buckets down to these; empty means all of them.
#[must_use]
pub fn restricted(service: &str, account: &str, region: &Region, own_buckets: &[String]) -> String {
    let partition = region.partition().id();
    let allow = |sid: &str, action: Value, resource: Value, condition: Option<Value>| {
        let mut statement =
            json!({"Action": action, "Effect": "Allow", "Principal": "*", "Resource": resource, "Sid": sid});
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    };
    let own = || allow("OwnAccount", json!("*"), json!("*"), Some(own_callers(account)));
    match service {
        "s3" => {
            let resource = if own_buckets.is_empty() {
                json!("*")
            } else {
                let arns = own_buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}"));
                json!(arns.chain(buckets::objects(partition, own_buckets)).collect::<Vec<_>>())
            };
            let condition = json!({"StringEquals": {"aws:ResourceAccount": account}});
            let nodes = buckets::objects(partition, &buckets::of_aws(region));
            policy(&[
                allow("OwnBuckets", json!("s3:*"), resource, Some(condition)),
                buckets::read("BucketsOfNodes", &nodes),
            ])
        }
        "ecr.api" | "ecr.dkr" => {
            let repositories =
                |account: &str| json!(format!("arn:{partition}:ecr:{}:{account}:repository/*", region.as_str()));
            let pull = json!(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]);
            policy(&[
                allow("Token", json!("ecr:GetAuthorizationToken"), json!("*"), Some(own_callers(account))),
                allow("OwnRepositories", json!("ecr:*"), repositories(account), None),
                allow("ImagesOfEks", pull, repositories(images_account(region.as_str())), None),
            ])
        }
        "kms" | "secretsmanager" => {
            let condition = json!({"StringEquals": {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}});
            policy(&[allow("OwnAccount", json!("*"), json!("*"), Some(condition))])
        }
        "sts" => {
            let roles = json!(format!("arn:{partition}:iam::{account}:role/*"));
            let exchange = json!(["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]);
            policy(&[own(), allow("OwnRoles", exchange, roles, None)])
        }
        "ssm" => {
            // An agent calls these before it has credentials; the activation's code or the host's key is the proof.
            let actions = json!([
                "ssm:RegisterManagedInstance",
                "ssm:RequestManagedInstanceRoleToken",
                "ssm:UpdateManagedInstancePublicKey",
            ]);
            policy(&[own(), allow("Hosts", actions, json!("*"), None)])
        }
        "rolesanywhere" => {
            policy(&[own(), allow("Certificates", json!("rolesanywhere:CreateSession"), json!("*"), None)])
        }
        _ => policy(&[own()]),
    }
}

/// A repository policy that refuses pulls from anywhere but these endpoints. Pushing and administering stay possible.
#[must_use]
pub fn repository(endpoints: &[&str]) -> String {
    // A push checks layers too, so only what reads images is refused.
    policy(&[json!({
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Condition": {"StringNotEquals": {"aws:SourceVpce": endpoints}},
        "Effect": "Deny",
        "Principal": "*",
        "Sid": "PullThroughEndpoints",
    })])
}

/// A bucket policy that refuses to read objects from anywhere but these endpoints. Writing and administering stay
/// possible.
#[must_use]
pub fn bucket(name: &str, region: &Region, endpoints: &[&str]) -> String {
    policy(&[json!({
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Condition": {"StringNotEquals": {"aws:SourceVpce": endpoints}},
        "Effect": "Deny",
        "Principal": "*",
        "Resource": format!("arn:{}:s3:::{name}/*", region.partition().id()),
        "Sid": "ReadThroughEndpoints",
    })])
}

/// Whether two policies are the same JSON. A text that is none equals only itself.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    match (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// Whether a policy allows everything to everybody, as that of an endpoint without one of its own.
#[must_use]
pub fn allows_everything(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let is_open = |statement: &Value| {
        let any = |member: &str| statement[member] == "*" || statement[member] == json!({"AWS": "*"});
        statement["Effect"] == "Allow"
            && statement["Condition"].is_null()
            && ["Principal", "Action", "Resource"].into_iter().all(any)
    };
    matches!(policy["Statement"].as_array().map(Vec::as_slice), Some([statement]) if is_open(statement))
}

#[cfg(test)]
mod tests {
    use names::Word as _;

    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn region(name: &str) -> Region {
        Region::parse(name).expect("a region")
    }

    fn statements(policy: &str) -> Vec<Value> {
        let policy: Value = serde_json::from_str(policy).expect("JSON");
        policy["Statement"].as_array().expect("statements").clone()
    }

    #[test]
    fn buckets_of_other_accounts_are_out_of_reach() {
        let found = statements(&restricted("s3", ACCOUNT, &region("us-west-2"), &[]));
        assert_eq!(found[0]["Condition"], json!({"StringEquals": {"aws:ResourceAccount": ACCOUNT}}));
        assert_eq!(found[0]["Resource"], "*");
        assert_eq!(found[1]["Action"], json!(["s3:GetObject"]));
        let nodes = found[1]["Resource"].as_array().expect("a list");
        assert!(nodes.contains(&json!("arn:aws:s3:::prod-us-west-2-starport-layer-bucket/*")), "{nodes:?}");
        let narrow = statements(&restricted("s3", ACCOUNT, &region("us-west-2"), &["own".to_owned()]));
        assert_eq!(narrow[0]["Resource"], json!(["arn:aws:s3:::own", "arn:aws:s3:::own/*"]));
    }

    #[test]
    fn images_come_from_the_account_and_from_eks() {
        for (name, images) in [("us-west-2", "602401143452"), ("ap-east-1", "800184023465")] {
            let found = statements(&restricted("ecr.dkr", ACCOUNT, &region(name), &[]));
            let resources: Vec<&str> = found.iter().filter_map(|one| one["Resource"].as_str()).collect();
            let repository = |account: &str| format!("arn:aws:ecr:{name}:{account}:repository/*");
            assert_eq!(resources, ["*", repository(ACCOUNT).as_str(), repository(images).as_str()]);
            assert_eq!(found[0]["Condition"]["StringEquals"]["aws:PrincipalAccount"], ACCOUNT);
        }
    }

    #[test]
    fn what_has_no_identity_yet_is_allowed_by_action() {
        for (service, action) in [
            ("ssm", json!("ssm:RegisterManagedInstance")),
            ("sts", json!("sts:AssumeRoleWithWebIdentity")),
            ("rolesanywhere", json!("rolesanywhere:CreateSession")),
        ] {
            let found = statements(&restricted(service, ACCOUNT, &region("us-west-2"), &[]));
            let open = found.iter().find(|one| one["Condition"].is_null()).expect("an open statement");
            let actions = &open["Action"];
            assert!(*actions == action || actions.as_array().is_some_and(|all| all.contains(&action)), "{service}");
        }
        let found = statements(&restricted("kms", ACCOUNT, &region("us-west-2"), &[]));
        assert_eq!(found[0]["Condition"]["StringEquals"]["aws:ResourceAccount"], ACCOUNT);
    }

    #[test]
    fn policies_are_compared_as_json() {
        assert!(same(r#"{"a":1,"b":[2]}"#, "{\n \"b\": [2], \"a\": 1}"));
        assert!(!same(r#"{"a":1}"#, r#"{"a":2}"#));
        let open =
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
        assert!(allows_everything(open));
        assert!(!allows_everything(&restricted("ec2", ACCOUNT, &region("us-west-2"), &[])));
        assert!(!allows_everything("nonsense"));
    }

    #[test]
    fn only_reading_is_bound_to_endpoints() {
        let found = statements(&repository(&["vpce-1"]));
        assert_eq!(found[0]["Action"], json!(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]));
        assert_eq!(found[0]["Condition"], json!({"StringNotEquals": {"aws:SourceVpce": ["vpce-1"]}}));
        let found = statements(&bucket("own", &region("us-gov-west-1"), &["vpce-1"]));
        assert_eq!(found[0]["Resource"], "arn:aws-us-gov:s3:::own/*");
    }
}
