//! `join_command`: one line that joins a host, for a person.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::refused;
use crate::node::user_data::hybrid;
use crate::node::{Parsed, Tree};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// How the host joins, as an object; its attributes are listed above.
    pub options: Dynamic,
}

/// The function.
#[derive(Debug)]
pub enum JoinCommand {}

impl Function for JoinCommand {
    type Parameters = Parameters;
    type Variadic = NoVariadic;
    type Output = String;

    const NAME: &'static str = "join_command";
    const SUMMARY: &'static str = "Command that joins a host to an EKS cluster as a hybrid node";
    const DESCRIPTION: &'static str = "\
Renders one line for a person to paste into a shell on a host that is to become a hybrid node. It downloads nodeadm, \
verifies its SHA-256 if one is given, installs the components, writes the NodeConfig to `/etc/nodeadm/nodeConfig.yaml`, \
readable by root only, and runs `nodeadm init`. The host needs bash, curl and sudo. For hosts without a person, use the \
function `user_data` or `ekshybrid_node`; they also configure a proxy and repeat what failed.

**The line contains the activation code**, encoded but not encrypted. Terraform treats the result as sensitive if the \
code that is passed in is; `terraform output -raw NAME` shows it. The code is never an argument of a command on the line, \
so other users of the host do not see it in the list of processes, with one exception: for the seconds of the \
registration, nodeadm itself passes it to the SSM agent as an argument. nodeadm's output is shown without the code. The \
line begins with a space, so that a shell with `HISTCONTROL=ignorespace` or `ignoreboth`, the default on Debian and \
Ubuntu, keeps it out of its history; delete it from the history of other shells. An activation for one registration is \
worth nothing afterwards.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, hybrid::join_command_description())
    }

    fn call(parameters: Parameters, _: Vec<NoVariadic>) -> Result<Option<String>, FunctionError> {
        match hybrid::parse_join_command(&Tree::from(&parameters.options.0)) {
            Ok(Parsed::Ready(command)) => Ok(Some(command.render())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
