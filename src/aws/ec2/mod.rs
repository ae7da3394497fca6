//! Elastic Compute Cloud: a cluster's networks, and the limits of instance types.
//!
//! Objects are requested by filter and never by id: an id that does not exist fails the whole call, while a filter
//! just finds no match for it.

mod control_plane;
mod endpoint;
mod group_rules;
mod instance;
mod instance_type;
mod route_table;
mod security_group;
mod subnet;
mod vpc;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;

use super::clients::Clients;
use super::shared::SharedReads;

pub use control_plane::ControlPlaneMember;
pub use endpoint::{Endpoint, EndpointChange, EndpointService, NewEndpoint, NotDeleted};
pub use group_rules::{GroupRules, Rule};
pub use instance::Instance;
pub use instance_type::InstanceType;
pub use route_table::{Route, RouteTable};
pub use security_group::SecurityGroup;
pub use subnet::Subnet;
pub use vpc::{Vpc, VpcDns};

/// The maximum page size for networks.
const PAGE: i32 = 1000;
/// A region with more pages of subnets or security groups is not listed completely.
const MOST_PAGES: usize = 2;

/// Elastic Compute Cloud in one region.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
    region: Option<String>,
}

impl Clients {
    /// Elastic Compute Cloud in `region`, or in the provider's region.
    #[must_use]
    pub fn ec2(&self, region: Option<&str>) -> Client {
        Client { clients: self.clone(), region: region.map(str::to_owned) }
    }
}

/// Data shared by the readers of one region.
#[derive(Default)]
pub(super) struct Reads {
    subnets: SharedReads<Subnet>,
    security_groups: SharedReads<SecurityGroup>,
    instance_types: SharedReads<InstanceType>,
}

/// Matches objects that have one of these values.
fn filter(name: &str, values: Vec<String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// Every id, once.
fn distinct<'a>(ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    ids.into_iter().collect()
}

fn by_id<T>(ids: BTreeSet<&str>, answers: Vec<Option<T>>) -> BTreeMap<String, T> {
    ids.into_iter().zip(answers).filter_map(|(id, found)| Some((id.to_owned(), found?))).collect()
}
