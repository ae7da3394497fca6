//! `user_data`: cloud-init user data that makes a hybrid node or a node in EC2 join.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::refused;
use crate::node::{Parsed, Tree, user_data};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// What the machine shall do at its first boot, as an object; its attributes are listed above.
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
    const SUMMARY: &'static str = "User data that makes a machine join an EKS cluster";
    const DESCRIPTION: &'static str = "\
Renders user data for cloud-init, as a MIME multi-part archive, by which a machine joins an EKS cluster at its first \
boot. `os` says what the machine is, and each kind has attributes of its own:

- Without `os` it is a host outside of EC2 that becomes a hybrid node: it downloads nodeadm and checks it, installs the \
components, writes the NodeConfig readable for root only, and joins. What nodeadm skips silently is a failure here, and \
a join that failed is retried at the next boot, unless Systems Manager refuses the activation for good (expired, used \
up). The log contains nodeadm's output without the activation code. The result contains the code: Terraform treats it \
as sensitive when the code that is passed in is.
- `\"al2023\"` is a node in EC2 on an EKS image of Amazon Linux 2023, where nodeadm is there already and reads the \
NodeConfig from the user data.
- `\"al2\"` is a node in EC2 on an EKS image of Amazon Linux 2, which joins by `/etc/eks/bootstrap.sh`.

User data is read once, at the first boot, but a change of it replaces or restarts machines with most providers. When \
an `ekshybrid_activation` is replaced or rotated, its id and code change, and with them the user data of every machine \
that was created from it. Set `lifecycle { ignore_changes = [user_data] }` on the machines (name the attribute that \
holds the user data): machines that have joined do not need the new code, and new machines get it.

A launch template takes it through `base64encode`. EC2 takes at most 16 KiB; beyond it use `base64gzip`, which \
cloud-init and nodeadm read as well, but which EKS cannot merge for a managed node group without an image of its own. \
Nodes on Bottlerocket have settings in TOML in place of all this.";
    const SEES_UNKNOWN: bool = true;

    fn description() -> String {
        format!("{}\n\n{}", Self::DESCRIPTION, user_data::description())
    }

    fn call(parameters: Parameters, _: Vec<NoVariadic>) -> Result<Option<String>, FunctionError> {
        match user_data::parse(&Tree::from(&parameters.options.0)) {
            Ok(Parsed::Ready(user_data)) => Ok(Some(user_data.render())),
            Ok(Parsed::Pending) => Ok(None),
            Err(faults) => Err(refused(0, &faults)),
        }
    }
}
