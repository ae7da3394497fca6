//! `ekshybrid_activation_code`: the code of an activation, read from the parameter that holds it.

use framework::diagnostic::{Diagnostic, Result};
use framework::ephemeral::Ephemeral;
use framework::model::{Model, Secret};
use framework::path::Path;
use framework::permission::Permissions;
use secrecy::ExposeSecret;

use crate::attributes::Region;
use crate::attributes::permissions::{KEYS, PARAMETERS, aws};
use crate::resources::activation::ParameterName;
use crate::session::{Clients, Context, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Name of the parameter: the activation's `code_parameter_name`, which is known only once the parameter exists.
    pub parameter_name: ParameterName,
    /// Region of the parameter. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// The code.
    pub activation_code: Secret<String>,
}

/// The ephemeral resource.
#[derive(Debug)]
pub enum ActivationCode {}

impl Ephemeral for ActivationCode {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_activation_code";
    const DESCRIPTION: &'static str = "\
The code of an activation, read from the SecureString parameter that its `store_code_in` names. It lives as long as \
the run and enters neither plan nor state.";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ssm:GetParameter"], PARAMETERS),
        aws(&["kms:Decrypt"], KEYS).when("the parameter is encrypted with a key of your own"),
    ]];

    async fn open(args: &Args, cx: &Context) -> Result<(Outputs, Option<jiff::Timestamp>)> {
        let client = cx.clients()?.aws()?.ssm(args.region.as_ref().map(Region::as_str));
        let name = args.parameter_name.as_str();
        let summary = "Could not read the activation code";
        let found = client.parameter(name).await.map_err(|error| explain(summary, &error, None))?;
        let Some(found) = found else {
            return Err(Diagnostic::error(
                summary,
                format!("There is no parameter `{name}`.\n\nCheck the name and the region, or apply the activation whose `store_code_in` names it."),
            )
            .at(Path::attribute(Args::NAMES.parameter_name))
            .into());
        };
        framework::wire::log::mask(found.value.expose_secret());
        Ok((Outputs { activation_code: Secret::new(found.value.expose_secret().to_owned()) }, None))
    }
}
