//! Argument types that several Terraform types share, and how errors of AWS are explained to a person.

pub mod cluster;
mod explain;
pub mod labels;
mod names;
pub mod place;
pub mod principal;
pub mod tags;

pub use explain::{explain, explain_at};
pub use names::{AccountId, ClusterName, ObjectName, PolicyArn, Region, RoleArn, RoleName, SecurityGroupId, SubnetId};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Model, Span, Text};
use framework::path::Path;

use crate::provider::Context;

/// How long an operation may take, for types that wait when they are made and when they are removed.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Making the object, such as `10m`.
    pub create: Option<Span>,
    /// Removing the object.
    pub delete: Option<Span>,
}

/// How long an operation may take, for types that also wait when they are changed.
#[derive(Clone, Debug, Model)]
pub struct ChangeTimeouts {
    /// Making the object, such as `10m`.
    pub create: Option<Span>,
    /// Changing the object.
    pub update: Option<Span>,
    /// Removing the object.
    pub delete: Option<Span>,
}

/// The region that an object gets which names none, as far as a plan can know it: without asking AWS.
pub async fn planned_region(cx: &Context) -> Option<Region> {
    cx.try_clients()?.known_aws()?;
    // What is wrong with the region is told by the first call that needs it.
    aws_region(None, cx).await.ok()
}

/// The region that a call goes to: `argument`, or else what the provider, the environment or the profile says.
///
/// # Errors
/// When none of them names a region.
pub async fn aws_region(argument: Option<&Region>, cx: &Context) -> Result<Region> {
    let aws = cx.clients()?.aws()?;
    let name = aws
        .region(argument.map(Region::as_str))
        .await
        .map_err(|error| explain("Could not find out the region", &error, None))?;
    Region::parse(&name).map_err(|why| Diagnostic::error("Invalid region", why).at(Path::attribute("region")).into())
}
