//! `ekshybrid_managed_instance`, listed: every host that is registered in a region.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::Model;
use framework::permission::Permissions;

use crate::attributes::permissions::{ANY, MANAGED_INSTANCES, aws};
use crate::attributes::run_command::ManagedInstanceId;
use crate::attributes::{Region, RoleName};
use crate::aws::ssm::InstanceFilter;
use crate::resources::managed_instance::{Identity, ManagedInstance, listed};
use crate::session::{Context, aws_region, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Only hosts that registered with this activation.
    pub activation_id: Option<String>,
    /// Only hosts with this role.
    pub iam_role: Option<RoleName>,
    /// Region to list. Default: the provider's.
    pub region: Option<Region>,
}

/// The list.
#[derive(Debug)]
pub enum ManagedInstanceList {}

impl List for ManagedInstanceList {
    type Resource = ManagedInstance;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every host of a region that is registered with Systems Manager by an activation, for `terraform query` and bulk import.";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ssm:DescribeInstanceInformation"], ANY),
        aws(&["ssm:ListTagsForResource"], MANAGED_INSTANCES).when("whole objects are listed"),
    ]];

    async fn list(args: &Args, found: &mut Found<ManagedInstance>, cx: &Context) -> Result<()> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        let client = cx.clients()?.aws()?.ssm(Some(region.as_str()));
        let filter = InstanceFilter {
            activation_ids: args.activation_id.iter().cloned().collect(),
            iam_role: args.iam_role.as_ref().map(|role| role.as_str().to_owned()),
            managed_only: true,
            ..InstanceFilter::default()
        };
        let hosts = client
            .instances(&filter)
            .await
            .map_err(|error| explain("Could not list the managed instances", &error, None))?;
        for host in hosts {
            // What is no `mi-` instance cannot be managed by the resource, whatever AWS's filter lets through.
            let Ok(instance_id) = <ManagedInstanceId as framework::model::Text>::parse(&host.id) else { continue };
            let identity = Identity { instance_id, region: Some(region.clone()) };
            let name = host.computer_name.as_deref().or(host.name.as_deref()).filter(|name| !name.is_empty());
            let name = name.map_or_else(|| host.id.clone(), |name| format!("{name} ({})", host.id));
            let state = listed(host, &identity, region.clone())?;
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
