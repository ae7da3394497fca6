//! Systems Manager: hybrid activations, managed instances, commands and sessions on them, and the parameter that stores an activation's code.

mod activation;
mod command;
mod instance;
mod parameter;
mod quota;
mod session;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::types::Tag;
use jiff::Timestamp;

use super::clients::Clients;
use super::error::{Error, Result};
use super::settling::SETTLES_WITHIN;
use super::shared::SharedReads;

pub use super::settling::Settling;
use activation::Creations;
pub use activation::{Activation, ActivationFilter, ActivationSpec, CreatedActivation};
pub use command::Invocation;
pub use instance::{Instance, InstanceFilter};
pub use parameter::{Parameter, ParameterSpec};
pub use session::{Session, TO_REMOTE_HOST};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Systems Manager in one region.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
    region: Option<String>,
    settles_within: Duration,
}

impl Clients {
    /// Systems Manager in `region`, or in the provider's region.
    #[must_use]
    pub fn ssm(&self, region: Option<&str>) -> Client {
        Client { clients: self.clone(), region: region.map(str::to_owned), settles_within: SETTLES_WITHIN }
    }
}

impl Client {
    /// The same client, with a limit on how long to wait for an IAM role to become visible to Systems Manager.
    #[must_use]
    pub fn settling_within(mut self, duration: Duration) -> Self {
        self.settles_within = duration;
        self
    }
}

/// Data shared by the readers of one region.
#[derive(Default)]
pub(super) struct Reads {
    activations: SharedReads<Activation>,
    /// Activations that this process has created or is creating.
    creations: Creations,
    /// By instance id.
    instances: SharedReads<Instance>,
    /// By the activation that they registered with.
    registered: SharedReads<Vec<Instance>>,
}

fn tags(list: Option<Vec<Tag>>) -> Tags {
    list.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn tag_list(tags: &Tags) -> Result<Option<Vec<Tag>>> {
    let mut list = Vec::with_capacity(tags.len());
    for (key, value) in tags {
        let tag = Tag::builder().key(key).value(value).build();
        list.push(tag.map_err(|error| Error::configuration("tags", error.to_string()))?);
    }
    Ok((!list.is_empty()).then_some(list))
}

/// AWS returns milliseconds, as a float in JSON: anything finer is noise.
fn timestamp(time: Option<aws_smithy_types::DateTime>) -> Option<Timestamp> {
    let time = time?;
    let milliseconds = (i64::from(time.subsec_nanos()) + 500_000) / 1_000_000;
    Timestamp::from_millisecond(time.secs().checked_mul(1_000)?.checked_add(milliseconds)?).ok()
}

fn date_time(time: Timestamp) -> aws_smithy_types::DateTime {
    // A timestamp's nanoseconds are negative only before 1970, and no activation expires then.
    let nanoseconds = u32::try_from(time.subsec_nanosecond()).unwrap_or_default();
    aws_smithy_types::DateTime::from_secs_and_nanos(time.as_second(), nanoseconds)
}

#[cfg(test)]
mod tests;
