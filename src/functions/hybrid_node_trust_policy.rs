//! `hybrid_node_trust_policy`: the trust policy of the role of hybrid nodes.

use framework::diagnostic::Diagnostics;
use framework::function::{Function, Variadic};
use framework::model::{Dynamic, Field, Model};
use framework::path::Path;
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::{Type, Value};

use super::arguments::{refused, tree};
use crate::node::{Parsed, Tree, trust_policy};

/// No parameters that must be given.
#[derive(Clone, Debug, Model)]
pub struct Parameters {}

/// The one optional argument.
#[derive(Clone, Debug)]
pub struct Options(Dynamic);

impl Variadic for Options {
    fn parameter() -> Option<Parameter> {
        Some(Parameter {
            name: "options".to_owned(),
            ty: Type::Dynamic,
            description: "Who may take the role on, as an object; its attributes are listed above. May be left out; may be given once.".to_owned(),
            allow_null: true,
            allow_unknown: true,
        })
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
Renders the trust policy, as JSON, of the IAM role that hybrid nodes get: for Systems Manager, or with a trust anchor \
for IAM Roles Anywhere. Pass it to `assume_role_policy` of an `aws_iam_role`.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, trust_policy::description())
    }

    fn call(_: Parameters, options: Vec<Options>) -> Result<Option<String>, FunctionError> {
        let tree = match options.as_slice() {
            [] => Tree::Map(std::collections::BTreeMap::new()),
            [options] if options.0.0.is_null() => Tree::Map(std::collections::BTreeMap::new()),
            [options] => tree(&options.0.0),
            _ => return Err(FunctionError::argument(1, "The options may be given once.")),
        };
        match trust_policy::parse(&tree) {
            Ok(Parsed::Ready(policy)) => Ok(Some(policy.to_json())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
