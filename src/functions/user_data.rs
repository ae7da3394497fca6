//! `user_data`: cloud-init user data that makes a hybrid node or a node in EC2 join.

use framework::function::{Function, NoVariadic};
use framework::model::{Dynamic, Model};
use framework::server::FunctionError;

use super::arguments::refused;
use crate::node::{Parsed, Tree, user_data};

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// What the machine does at its first boot, as an object with the attributes listed above.
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
Renders user data, with which a machine joins an EKS cluster at its first boot: for cloud-init, as a MIME multi-part \
archive, or for Bottlerocket. `os` selects the kind of machine, and each kind has attributes of its own:

- Without `os`, a host outside EC2 that becomes a hybrid node: it downloads and verifies nodeadm, installs the \
components, writes the NodeConfig, readable by root only, and joins. Steps that nodeadm skips silently count as failures, \
and a failed join is repeated at the next boot, unless Systems Manager rejects the activation for good (expired, used \
up). The log contains nodeadm's output without the activation code. The result contains the code: Terraform treats it \
as sensitive if the code that is passed in is.
- `\"al2023\"`: an EC2 node on an EKS image of Amazon Linux 2023. Its nodeadm reads the NodeConfig from the user data.
- `\"al2\"`: an EC2 node on an EKS image of Amazon Linux 2, which joins by `/etc/eks/bootstrap.sh`.
- `\"bottlerocket\"`: a hybrid node on Bottlerocket, a VMware variant of version 1.37.0 or later. The result is \
Bottlerocket's `settings.toml`. Pass it to the virtual machine before it is powered on for the first time, as `guestinfo.userdata = base64encode(…)` with `guestinfo.userdata.encoding = \"base64\"`. It contains the activation \
code or the private key, encoded but not encrypted.

User data is read once, at the first boot, but most providers replace or restart a machine when its user data change. \
When an `ekshybrid_activation` is replaced or rotated, its id and code change, and with them the user data of every \
machine that was created with it. Set `lifecycle { ignore_changes = [user_data] }` on the machines (name the attribute that \
holds the user data): machines that have joined do not need the new code, and new machines get it.

For a launch template, wrap it in `base64encode`. EC2 accepts at most 16 KiB; above that use `base64gzip`, which \
cloud-init and nodeadm read too, but which EKS cannot merge for a managed node group without a custom AMI.";
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
