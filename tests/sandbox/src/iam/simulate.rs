//! `SimulatePrincipalPolicy` for roles: their own policies and those of AWS that are attached to them. Conditions are
//! not met, since no values are given for them; the answer names their keys.

use serde_json::{Value, json};

use super::{Role, operations::paged};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Query,
        page,
    },
    identity::matches,
};

/// What policies of AWS allow, on everything. Source: the AWS managed policy reference.
const MANAGED: [(&str, &[&str]); 4] = [
    (
        "AmazonSSMManagedInstanceCore",
        &[
            "ssm:DescribeAssociation",
            "ssm:GetDeployablePatchSnapshotForInstance",
            "ssm:GetDocument",
            "ssm:DescribeDocument",
            "ssm:GetManifest",
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:ListAssociations",
            "ssm:ListInstanceAssociations",
            "ssm:PutInventory",
            "ssm:PutComplianceItems",
            "ssm:PutConfigurePackageResult",
            "ssm:UpdateAssociationStatus",
            "ssm:UpdateInstanceAssociationStatus",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
            "ec2messages:AcknowledgeMessage",
            "ec2messages:DeleteMessage",
            "ec2messages:FailMessage",
            "ec2messages:GetEndpoint",
            "ec2messages:GetMessages",
            "ec2messages:SendReply",
        ],
    ),
    (
        "AmazonEC2ContainerRegistryPullOnly",
        &[
            "ecr:GetAuthorizationToken",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchImportUpstreamImage",
        ],
    ),
    (
        "AmazonEC2ContainerRegistryReadOnly",
        &[
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:GetRepositoryPolicy",
            "ecr:DescribeRepositories",
            "ecr:ListImages",
            "ecr:DescribeImages",
            "ecr:BatchGetImage",
            "ecr:GetLifecyclePolicy",
            "ecr:GetLifecyclePolicyPreview",
            "ecr:ListTagsForResource",
            "ecr:DescribeImageScanFindings",
        ],
    ),
    ("AmazonEKSWorkerNodeMinimalPolicy", &["eks:DescribeCluster", "eks-auth:AssumeRoleForPodIdentity"]),
];

pub fn answer(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let source = query.text("PolicySourceArn");
    let actions = query.list("ActionNames.member");
    let resources = query.list("ResourceArns.member");
    let mut constraints = Constraints::default();
    constraints.required("policySourceArn", source);
    constraints.length("policySourceArn", source, 20, 2048);
    constraints.required("actionNames", actions.first().map(String::as_str));
    constraints.finish_as("ValidationError")?;
    let unsupported =
        ["ContextEntries", "PolicyInputList", "PermissionsBoundaryPolicyInputList", "PolicyExclusionList"];
    if query.text("ResourcePolicy").is_some()
        || unsupported.iter().any(|name| !query.indices(&format!("{name}.member")).is_empty())
    {
        return Err(invalid("this stand-in simulates with actions and resources alone"));
    }
    if let Some(action) = actions
        .iter()
        .find(|action| !action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty()))
    {
        return Err(invalid(&format!("Invalid action name: {action}")));
    }
    let source = source.unwrap_or_default();
    let id = call.account.clone();
    let role = call.account().roles.values().find(|role| role.arn(&id) == source);
    let role = role
        .ok_or_else(|| AwsError::new(404, "NoSuchEntity", format!("The entity with ARN {source} cannot be found.")))?;
    let statements = statements(role)?;
    let everything = ["*".to_owned()];
    let resources: &[String] = if resources.is_empty() { &everything } else { &resources };
    let pairs = actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let results = pairs
        .zip(0..)
        .map(|((action, resource), order)| (page::key(order), evaluate(&statements, action, resource)))
        .collect();
    paged(call, query, "EvaluationResults", results)
}

fn invalid(message: &str) -> AwsError {
    AwsError::client("InvalidInput", message)
}

/// The statements of all policies of the role.
fn statements(role: &Role) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for document in role.inline.values() {
        // PutRolePolicy takes JSON alone.
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        match &document["Statement"] {
            Value::Array(statements) => found.extend(statements.iter().cloned()),
            one => found.push(one.clone()),
        }
    }
    for (arn, name) in &role.attached {
        let actions = MANAGED.iter().find(|(known, _)| arn.starts_with("arn:aws:iam::aws:") && known == name);
        let (_, actions) = actions.ok_or_else(|| {
            AwsError::new(500, "PolicyEvaluation", format!("The content of {arn} is not known to this stand-in"))
        })?;
        found.push(json!({"Effect": "Allow", "Action": actions, "Resource": "*"}));
    }
    Ok(found)
}

fn evaluate(statements: &[Value], action: &str, resource: &str) -> Value {
    let (mut allowed, mut denied, mut missing) = (false, false, Vec::new());
    for statement in
        statements.iter().filter(|one| concerns(one, "Action", action) && concerns(one, "Resource", resource))
    {
        let conditions = statement["Condition"].as_object();
        let keys: Vec<String> = conditions
            .into_iter()
            .flatten()
            .flat_map(|(_, tests)| tests.as_object().into_iter().flatten().map(|(key, _)| key.clone()))
            .collect();
        if !keys.is_empty() {
            missing.extend(keys);
        } else if statement["Effect"] == "Deny" {
            denied = true;
        } else {
            allowed = true;
        }
    }
    missing.sort();
    missing.dedup();
    let decision = match (denied, allowed) {
        (true, _) => "explicitDeny",
        (false, true) => "allowed",
        (false, false) => "implicitDeny",
    };
    json!({
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision,
        "MatchedStatements": [],
        "MissingContextValues": missing,
    })
}

/// Whether a statement's member (`Action` or `NotAction`, `Resource` or `NotResource`) fits.
fn concerns(statement: &Value, member: &str, text: &str) -> bool {
    let any = |patterns: &Value| match patterns {
        Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).any(|pattern| matches(pattern, text)),
        one => one.as_str().is_some_and(|pattern| matches(pattern, text)),
    };
    let not = &statement[format!("Not{member}").as_str()];
    if not.is_null() { any(&statement[member]) } else { !any(not) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions() {
        let statements = [
            json!({"Effect": "Allow", "Action": "eks:Describe*", "Resource": "arn:aws:eks:us-west-2:1:cluster/edge"}),
            json!({"Effect": "Allow", "Action": ["ssm:*"], "Resource": "*"}),
            json!({"Effect": "Deny", "Action": "ssm:DeleteParameter", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/a": "b"}}}),
            json!({"Effect": "Allow", "NotAction": ["iam:*", "eks:*", "ssm:*", "sqs:*"], "Resource": "*"}),
        ];
        for (action, resource, decision, missing) in [
            ("eks:DescribeCluster", "arn:aws:eks:us-west-2:1:cluster/edge", "allowed", json!([])),
            ("eks:DescribeCluster", "*", "implicitDeny", json!([])),
            ("ssm:GetParameter", "*", "allowed", json!([])),
            ("ssm:DeleteParameter", "*", "explicitDeny", json!([])),
            ("sqs:SendMessage", "*", "implicitDeny", json!(["aws:ResourceTag/a"])),
            ("ecr:BatchGetImage", "*", "allowed", json!([])),
            ("iam:GetRole", "*", "implicitDeny", json!([])),
        ] {
            let found = evaluate(&statements, action, resource);
            assert_eq!(
                (&found["EvalDecision"], &found["MissingContextValues"]),
                (&json!(decision), &missing),
                "{action}"
            );
        }
    }
}
