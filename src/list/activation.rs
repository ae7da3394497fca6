//! `ekshybrid_activation`, listed: every activation of a region.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::{Model, Text};
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, aws};
use crate::attributes::{ActivationId, Region, RoleName};
use crate::aws;
use crate::aws::ssm::ActivationFilter;
use crate::resources::activation::{Activation, Identity, InstanceName, state};
use crate::session::{Context, aws_region, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Only activations of this role.
    pub iam_role: Option<RoleName>,
    /// Only activations with this default instance name.
    pub default_instance_name: Option<InstanceName>,
    /// Only activations that have expired (`true`), or that have not (`false`).
    pub expired: Option<bool>,
    /// Region to list. Default: the provider's.
    pub region: Option<Region>,
}

/// The list.
#[derive(Debug)]
pub enum ActivationList {}

impl List for ActivationList {
    type Resource = Activation;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every SSM hybrid activation of a region, for `terraform query` and bulk import. It also shows activations that a lost \
answer or a killed process left behind.";
    const PERMISSIONS: Permissions = &[&[aws(&["ssm:DescribeActivations"], ANY)]];

    async fn list(args: &Args, found: &mut Found<Activation>, cx: &Context) -> Result<()> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        let client = cx.clients()?.aws()?.ssm(Some(region.as_str()));
        let filter = ActivationFilter {
            iam_role: args.iam_role.as_ref().map(|role| role.as_str().to_owned()),
            default_instance_name: args.default_instance_name.as_ref().map(|name| name.text().to_owned()),
            ..ActivationFilter::default()
        };
        let activations = client
            .list_activations(&filter)
            .await
            .map_err(|error| explain("Could not list the activations", &error, None))?;
        for activation in activations {
            if args.expired.is_some_and(|expired| expired != activation.expired) {
                continue;
            }
            // What AWS lists are activations; one whose id had another form could not be managed.
            let Ok(id) = ActivationId::parse(&activation.id) else { continue };
            let identity = Identity { id, region: Some(region.clone()) };
            let name = display_name(&activation);
            let state = state(activation, None, region.clone(), cx)?;
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}

/// What tells a person which activation it is, and whether anybody uses it.
fn display_name(activation: &aws::ssm::Activation) -> String {
    let text = [&activation.default_instance_name, &activation.description]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty());
    let role = activation.iam_role.as_deref().unwrap_or("no role");
    let created = activation.created_date.map(|date| format!(", created {date:.0}")).unwrap_or_default();
    let used = format!("{} of {} registered", activation.registrations_count, activation.registration_limit);
    let expired = if activation.expired { ", expired" } else { "" };
    let text = text.map(|text| format!("{text}: ")).unwrap_or_default();
    format!("{text}{} ({role}{created}, {used}{expired})", activation.id)
}
