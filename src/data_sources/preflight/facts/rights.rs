//! What a hybrid node's role must allow.

/// What an action is performed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The cluster.
    Cluster,
    /// A repository of images that every node needs.
    Repository,
    /// Anything.
    Any,
}

/// An IAM action that a role needs, and on what.
pub type Right = (&'static str, On);

/// What every hybrid node does. Sources: EKS user guide, "Prepare credentials for hybrid nodes"; the managed policy
/// AmazonEC2ContainerRegistryPullOnly.
pub const EVERY_NODE: [Right; 5] = [
    ("eks:DescribeCluster", On::Cluster),
    ("eks:ListAccessEntries", On::Cluster),
    ("ecr:GetAuthorizationToken", On::Any),
    ("ecr:BatchGetImage", On::Repository),
    ("ecr:GetDownloadUrlForLayer", On::Repository),
];

/// What the agent of Systems Manager does. Source: the managed policy AmazonSSMManagedInstanceCore.
pub const AGENT: [Right; 5] = [
    ("ssm:UpdateInstanceInformation", On::Any),
    ("ssmmessages:CreateControlChannel", On::Any),
    ("ssmmessages:CreateDataChannel", On::Any),
    ("ssmmessages:OpenControlChannel", On::Any),
    ("ssmmessages:OpenDataChannel", On::Any),
];

/// What `nodeadm uninstall` does. Source: EKS user guide, "Prepare credentials for hybrid nodes".
pub const DEREGISTRATION: [Right; 2] =
    [("ssm:DescribeInstanceInformation", On::Any), ("ssm:DeregisterManagedInstance", On::Any)];

/// The actions of all of them on one kind of object.
pub fn actions(on: On) -> Vec<&'static str> {
    let all = EVERY_NODE.iter().chain(&AGENT).chain(&DEREGISTRATION);
    all.filter(|(_, of)| *of == on).map(|(action, _)| *action).collect()
}
