//! `hybrid_node_trust_policy`: the trust policy of the role of hybrid nodes.

use framework::diagnostic::Diagnostics;
use framework::function::{Function, Variadic};
use framework::model::{Dynamic, Field, Model};
use framework::path::Path;
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::Value;

use super::arguments::{self, options_parameter, refused};
use crate::node::{Parsed, trust_policy};

/// No parameters that must be given.
#[derive(Clone, Debug, Model)]
pub struct Parameters {}

/// The one optional argument.
#[derive(Clone, Debug)]
pub struct Options(Dynamic);

impl Variadic for Options {
    fn parameter() -> Option<Parameter> {
        Some(options_parameter("Who can assume the role"))
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        Dynamic::decode(value, at, faults).map(Self)
    }
}

/// The function.
#[derive(Debug)]
pub enum HybridNodeTrustPolicy {}

impl Function for HybridNodeTrustPolicy {
    type Parameters = Parameters;
    type Variadic = Options;
    type Output = String;

    const NAME: &'static str = "hybrid_node_trust_policy";
    const SUMMARY: &'static str = "Trust policy of the IAM role of EKS hybrid nodes";
    const DESCRIPTION: &'static str = "\
Renders the trust policy, as JSON, of the IAM role of hybrid nodes: for Systems Manager, or with a trust anchor for IAM \
Roles Anywhere. Its permissions are rendered by the function `hybrid_node_role_policy`. Pass it to `assume_role_policy` of an `aws_iam_role`.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, trust_policy::description())
    }

    fn call(_: Parameters, options: Vec<Options>) -> Result<Option<String>, FunctionError> {
        let tree = arguments::options(options.iter().map(|options| &options.0), 0)?;
        match trust_policy::parse(&tree) {
            Ok(Parsed::Ready(policy)) => Ok(Some(policy.to_json())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
