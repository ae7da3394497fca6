//! `user_data`: cloud-init user data that makes a host join as a hybrid node.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::{refused, tree};
use crate::node::{Parsed, user_data};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// What the host shall do, as an object; its attributes are listed above.
    pub options: Dynamic,
}

/// The function.
#[derive(Debug)]
pub enum UserData {}

impl Function for UserData {
    type Parameters = Parameters;
    type Variadic = NoVariadic;
    type Output = String;

    const NAME: &'static str = "user_data";
    const SUMMARY: &'static str = "User data that makes a host join as an EKS hybrid node";
    const DESCRIPTION: &'static str = "\
Renders user data for cloud-init, as a MIME multi-part archive: at its first boot the host downloads nodeadm and \
checks it, installs the components, writes the NodeConfig readable for root only, and joins the cluster. What nodeadm \
passes over in silence is a failure here, and a join that failed is tried again at the next boot.

The result holds the activation code: Terraform treats it as sensitive when the code that is passed in is.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, user_data::description())
    }

    fn call(parameters: Parameters, _: Vec<NoVariadic>) -> Result<Option<String>, FunctionError> {
        match user_data::parse(&tree(&parameters.options.0)) {
            Ok(Parsed::Ready(user_data)) => Ok(Some(user_data.render())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
