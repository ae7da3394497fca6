//! What types declare about their permissions: how it is written, and what several of them share.
//!
//! A permission of AWS names IAM actions and an ARN, in which `{partition}`, `{region}` and `{account}` are replaced. A
//! permission of Kubernetes names RBAC's verbs and `NAMESPACE:RESOURCE.GROUP/SUBRESOURCE`, without the parts that it does
//! not have. Which action is limited by which ARN: Service Authorization Reference.

use framework::permission::Permission;

/// The system of IAM's actions.
pub const AWS: &str = "AWS";
/// The system of RBAC's verbs.
pub const KUBERNETES: &str = "Kubernetes";

/// IAM actions on an ARN.
#[must_use]
pub const fn aws(actions: &'static [&'static str], arn: &'static str) -> Permission {
    Permission::new(AWS, actions, arn)
}

/// RBAC's verbs on a resource.
#[must_use]
pub const fn kube(verbs: &'static [&'static str], resource: &'static str) -> Permission {
    Permission::new(KUBERNETES, verbs, resource)
}

/// An action that no ARN limits.
pub const ANY: &str = "*";
/// Clusters.
pub const CLUSTERS: &str = "arn:{partition}:eks:{region}:{account}:cluster/*";
/// Access entries.
pub const ACCESS_ENTRIES: &str = "arn:{partition}:eks:{region}:{account}:access-entry/*";
/// EKS add-ons.
pub const ADDONS: &str = "arn:{partition}:eks:{region}:{account}:addon/*";
/// Instances that are registered with Systems Manager.
pub const MANAGED_INSTANCES: &str = "arn:{partition}:ssm:{region}:{account}:managed-instance/*";
/// EC2 instances.
pub const INSTANCES: &str = "arn:{partition}:ec2:{region}:{account}:instance/*";
/// Parameters.
pub const PARAMETERS: &str = "arn:{partition}:ssm:{region}:{account}:parameter/*";
/// Keys of KMS. A policy should name the one that is used.
pub const KEYS: &str = "arn:{partition}:kms:{region}:{account}:key/*";
/// Repositories of Amazon ECR.
pub const REPOSITORIES: &str = "arn:{partition}:ecr:{region}:{account}:repository/*";
/// Roles. A policy should name the one that is passed.
pub const ROLES: &str = "arn:{partition}:iam::{account}:role/*";

/// What any type may ask.
pub const PROVIDER: &[Permission] = &[
    aws(&["sts:GetCallerIdentity"], ANY).when("`allowed_account_ids` or `forbidden_account_ids` is set, and for messages about missing access; IAM always allows it"),
    aws(&["sts:AssumeRole"], ROLES).when("`assume_role` is set"),
    aws(&["sts:AssumeRoleWithWebIdentity"], ROLES).when("`assume_role_with_web_identity` is set; the role's trust policy decides"),
    aws(&["ssm:StartSession"], INSTANCES).when("`kubernetes.tunnel.ssm` leads through an EC2 instance"),
    aws(&["ssm:StartSession"], MANAGED_INSTANCES).when("`kubernetes.tunnel.ssm` leads through a registered host"),
    aws(&["ssm:StartSession"], "arn:{partition}:ssm:{region}::document/AWS-StartPortForwardingSessionToRemoteHost")
        .when("`kubernetes.tunnel.ssm` is set"),
    aws(&["ssm:TerminateSession"], "arn:{partition}:ssm:{region}:{account}:session/*")
        .when("`kubernetes.tunnel.ssm` is set"),
    // Every user that is logged in has these, through the ClusterRole system:discovery.
    kube(&["get"], "/version").when("a cluster is used; Kubernetes allows it by default"),
    kube(&["get"], "/api*").when("a cluster is used; Kubernetes allows it by default"),
    kube(&["get"], "/openapi*").when("a cluster is used; Kubernetes allows it by default"),
];

/// Finding a cluster, and logging in to it.
pub const CLUSTER: &[Permission] = &[
    aws(&["eks:DescribeCluster"], CLUSTERS),
    aws(&["eks:ListClusters"], ANY).when("a cluster does not exist and the error names those that do; optional"),
];

/// Commands on a host through `run_command`.
pub const RUN_COMMAND: &[Permission] = &[
    aws(&["ssm:SendCommand"], "arn:{partition}:ssm:{region}::document/AWS-RunShellScript").when("`run_command` is set"),
    aws(&["ssm:SendCommand"], MANAGED_INSTANCES).when("`run_command` is set"),
    aws(&["ssm:GetCommandInvocation", "ssm:CancelCommand", "ssm:DescribeInstanceInformation"], ANY)
        .when("`run_command` is set"),
];

/// Moving the pods off nodes.
pub const DRAIN: &[Permission] = &[
    kube(&["get", "list", "watch", "patch"], "nodes"),
    kube(&["list", "watch"], "pods"),
    kube(&["list", "watch"], "poddisruptionbudgets.policy"),
    kube(&["create"], "pods/eviction"),
];

/// The network check.
pub const NETWORK_CHECK: &[Permission] = &[
    kube(&["list"], "nodes"),
    kube(&["create", "delete", "list"], "services"),
    kube(&["create", "delete", "list", "watch", "deletecollection"], "pods"),
    kube(&["list"], "events").when("pods do not start; optional"),
];
