//! The region of an object that sets none.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Text;
use framework::path::Path;

use super::{Context, explain};
use crate::attributes::Region;

/// The region of an object that sets none, as far as it is known at plan time, without requests to AWS.
pub async fn planned_region(cx: &Context) -> Option<Region> {
    cx.try_clients()?.known_aws()?;
    // An invalid region is reported by the first call that needs it.
    aws_region(None, cx).await.ok()
}

/// The region of a call: `argument`, or else the region from the provider, the environment or the profile.
///
/// # Errors
/// None of them sets a region.
pub async fn aws_region(argument: Option<&Region>, cx: &Context) -> Result<Region> {
    let aws = cx.clients()?.aws()?;
    let name = aws
        .region(argument.map(Region::as_str))
        .await
        .map_err(|error| explain("Could not find out the region", &error, None))?;
    Region::parse(&name).map_err(|why| Diagnostic::error("Invalid region", why).at(Path::attribute("region")).into())
}
