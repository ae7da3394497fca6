//! `ekshybrid_vpc_endpoints`, listed: the endpoints of every VPC of a region.

use framework::diagnostic::Result;
use framework::list::{Found, List};
use framework::model::Model;
use framework::permission::Permissions;

use crate::attributes::Region;
use crate::attributes::permissions::{ANY, aws};
use crate::resources::vpc_endpoints::{VpcEndpoints, listed};
use crate::session::{Context, aws_region};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Region to list. Default: the provider's.
    pub region: Option<Region>,
}

/// The list.
#[derive(Debug)]
pub enum VpcEndpointsList {}

impl List for VpcEndpointsList {
    type Resource = VpcEndpoints;
    type Args = Args;

    const DESCRIPTION: &'static str = "\
Every VPC of a region that has endpoints of AWS services, whoever made them, for `terraform query` and bulk import. An \
import takes all of them, as the page of the resource says; endpoints that an AWS service manages are left out.";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ec2:DescribeVpcEndpoints"], ANY),
        aws(&["ec2:DescribeVpcEndpointServices", "ec2:DescribeSubnets"], ANY)
            .when("endpoints differ from what the resource would create"),
        aws(&["sts:GetCallerIdentity"], ANY).when("a VPC has endpoints; IAM always allows it"),
    ]];

    async fn list(args: &Args, found: &mut Found<VpcEndpoints>, cx: &Context) -> Result<()> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        for (identity, state) in listed(&region, cx).await? {
            let services: Vec<&str> = state.outputs.services.keys().map(String::as_str).collect();
            let name = format!("{} ({})", identity.vpc_id, services.join(", "));
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
