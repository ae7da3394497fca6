//! The region of an object that names none.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Text;
use framework::path::Path;

use super::{Context, explain};
use crate::attributes::Region;

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
