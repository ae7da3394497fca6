//! `node_config`: the NodeConfig of a hybrid node, or of a node in EC2, as YAML.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::refused;
use crate::node::{Parsed, Tree, config};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// The configuration, as an object with the attributes listed above.
    pub config: Dynamic,
}

/// The function.
#[derive(Debug)]
pub enum NodeConfig {}

impl Function for NodeConfig {
    type Parameters = Parameters;
    type Variadic = NoVariadic;
    type Output = String;

    const NAME: &'static str = "node_config";
    const SUMMARY: &'static str = "NodeConfig of an EKS hybrid node, or of a node in EC2";
    const DESCRIPTION: &'static str = "\
Renders the NodeConfig (`node.eks.aws/v1alpha1`) that nodeadm reads, and checks all of nodeadm's rules that can be \
checked at plan time. Values that are known only after apply, such as the id and code of a new activation, are checked \
during apply.

There are two kinds with different attributes. Without `os`, it is the NodeConfig of a hybrid node, which `nodeadm init` \
reads from a file. It contains the activation code; Terraform treats it as sensitive if the code that is passed in is. \
With `os = \"al2023\"`, it is the NodeConfig of an EC2 node on Amazon Linux 2023, which is a part of its user data: use \
the function `user_data`.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, config::description_of_any())
    }

    fn call(parameters: Parameters, _: Vec<NoVariadic>) -> Result<Option<String>, FunctionError> {
        match config::parse_any(&Tree::from(&parameters.config.0)) {
            Ok(Parsed::Ready(config)) => Ok(Some(config.to_yaml())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
