//! `hybrid_node_role_policy`: the permissions of the role of hybrid nodes.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::refused;
use crate::node::{Parsed, Tree, role_policy};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// What the nodes may do, as an object; its attributes are listed above.
    pub options: Dynamic,
}

/// The function.
#[derive(Debug)]
pub enum HybridNodeRolePolicy {}

impl Function for HybridNodeRolePolicy {
    type Parameters = Parameters;
    type Variadic = NoVariadic;
    type Output = String;

    const NAME: &'static str = "hybrid_node_role_policy";
    const SUMMARY: &'static str = "Permissions of the IAM role of EKS hybrid nodes";
    const DESCRIPTION: &'static str = "\
Renders an IAM policy, as JSON, with the permissions that hybrid nodes need: describing the cluster, pulling images from \
Amazon ECR, and, with Systems Manager, deregistering their own instance when `nodeadm uninstall` runs. Pass it to \
`policy` of an `aws_iam_role_policy`. The function `hybrid_node_trust_policy` renders who can assume the role.

With Systems Manager, also attach AWS's managed policy AmazonSSMManagedInstanceCore to the role, which has the \
permissions of the SSM agent.

A node may deregister only instances that have a certain tag, by default `EKSClusterARN` with the ARN of the cluster: \
set it on the activation (`tags = { EKSClusterARN = … }` of `ekshybrid_activation`), and each instance gets it when it \
registers. Without the tag, `nodeadm uninstall` fails to deregister the instance.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, role_policy::description())
    }

    fn call(parameters: Parameters, _: Vec<NoVariadic>) -> Result<Option<String>, FunctionError> {
        match role_policy::parse(&Tree::from(&parameters.options.0)) {
            Ok(Parsed::Ready(policy)) => Ok(Some(policy.to_json())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
