//! `bootstrap_arguments`: what a node on Amazon Linux 2 passes to `/etc/eks/bootstrap.sh`.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::refused;
use crate::node::{Parsed, Tree, bootstrap};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// How the node joins, as an object with the attributes listed above.
    pub options: Dynamic,
}

/// The function.
#[derive(Debug)]
pub enum BootstrapArguments {}

impl Function for BootstrapArguments {
    type Parameters = Parameters;
    type Variadic = NoVariadic;
    type Output = String;

    const NAME: &'static str = "bootstrap_arguments";
    const SUMMARY: &'static str = "Arguments of bootstrap.sh for EC2 nodes on Amazon Linux 2";
    const DESCRIPTION: &'static str = "\
Renders the arguments of `/etc/eks/bootstrap.sh`, with which an EC2 node on an EKS image of Amazon Linux 2 joins its \
cluster, on one line and quoted for a shell. Input that the script or the kubelet would reject, or silently ignore, is an \
error at plan time.

The function `user_data` with `os = \"al2\"` renders complete user data with them. For Amazon Linux 2 only: on images of \
AL2023 the script prints that it was removed and exits with an error. Nodes there read a `NodeConfig` from their user \
data: use `os = \"al2023\"`.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, bootstrap::description())
    }

    fn call(parameters: Parameters, _: Vec<NoVariadic>) -> Result<Option<String>, FunctionError> {
        match bootstrap::parse(&Tree::from(&parameters.options.0)) {
            Ok(Parsed::Ready(bootstrap)) => Ok(Some(bootstrap.render())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
