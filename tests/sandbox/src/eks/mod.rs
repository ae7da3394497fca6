//! EKS: clusters, their configuration, access entries, add-ons and node groups, over REST JSON.

mod access_entries;
mod access_policies;
pub mod addons;
pub mod authority;
mod auto_mode;
pub mod cluster;
pub mod condition;
pub mod create;
pub mod nodegroups;
pub mod outposts;
mod remote_networks;
mod route;
pub mod seed;
mod tags;
mod update;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use route::Route;

use self::cluster::Cluster;
use crate::aws::{
    Call,
    constraints::Constraints,
    error::{self, AwsError, Result},
    input::Json,
    page,
};

/// What one account holds in one region.
#[derive(Default, Serialize, Deserialize)]
pub struct Store {
    pub clusters: BTreeMap<String, Cluster>,
    /// EKS's insights by cluster. They come and go by themselves, and are no part of what an account holds.
    #[serde(default)]
    pub insights: BTreeMap<String, Vec<condition::Insight>>,
}

impl Store {
    /// Clusters as they are now, with their access entries, add-ons and node groups.
    pub fn dump(&self) -> Value {
        let clusters: BTreeMap<&String, Value> = self
            .clusters
            .iter()
            .map(|(name, cluster)| {
                let mut value = cluster.describe();
                let entries: BTreeMap<&String, Value> =
                    cluster.access_entries.iter().map(|(arn, entry)| (arn, entry.dump())).collect();
                value["accessEntries"] = json!(entries);
                if !cluster.addons.is_empty() {
                    value["addons"] =
                        cluster.addons.iter().map(|(name, addon)| (name.clone(), addon.describe())).collect();
                }
                if !cluster.node_groups.is_empty() {
                    value["nodegroups"] =
                        cluster.node_groups.iter().map(|(name, group)| (name.clone(), group.describe())).collect();
                }
                (name, value)
            })
            .collect();
        json!({"clusters": clusters})
    }

    /// Lets what was under way come to its end when its time is over.
    pub fn settle(&mut self, advanced: i64) {
        self.clusters.retain(|_, cluster| cluster.settle(advanced));
        self.insights.retain(|name, _| self.clusters.contains_key(name));
    }
}

pub fn answer(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let resource = match &route.cluster {
        Some(name) => call.arn("eks", &format!("cluster/{name}")),
        None => match input.text("name")? {
            Some(name) if route.operation == "CreateCluster" => call.arn("eks", &format!("cluster/{name}")),
            _ => call.arn("eks", "cluster/*"),
        },
    };
    call.authorize(&format!("eks:{}", route.operation), &resource)?;
    let advanced = call.account().advanced;
    call.region().settle(advanced);
    outposts::refuse(call, route)?;
    match route.operation {
        "CreateCluster" => create::create(call, input),
        "DescribeCluster" => {
            let cluster = find(call, route)?;
            Ok(json!({"cluster": cluster.describe()}))
        }
        "ListClusters" => list_clusters(call, route),
        "DeleteCluster" => delete_cluster(call, route),
        "UpdateClusterVersion" => update::update_version(call, route, input),
        "UpdateClusterConfig" => update::update_config(call, route, input),
        "CreateNodegroup" => nodegroups::create(call, route, input),
        "DescribeNodegroup" => nodegroups::describe(call, route),
        "ListNodegroups" => nodegroups::list(call, route),
        "DeleteNodegroup" => nodegroups::delete(call, route),
        "CreateAddon" => addons::create(call, route, input),
        "DescribeAddon" => addons::describe(call, route),
        "ListAddons" => addons::list(call, route),
        "UpdateAddon" => addons::update(call, route, input),
        "DeleteAddon" => addons::delete(call, route),
        "DescribeAddonVersions" => addons::versions::describe(call, route),
        "DescribeAddonConfiguration" => addons::schemas::describe(call, route),
        "DescribeUpdate" => update::describe(call, route),
        "ListUpdates" => update::list(call, route),
        "ListInsights" => condition::list_insights(call, route, input),
        "DescribeInsight" => condition::describe_insight(call, route),
        "DescribeClusterVersions" => condition::versions(call, route),
        "ListCertificateAuthorities" => condition::authorities(call, route),
        "CreateAccessEntry" => access_entries::create(call, route, input),
        "DescribeAccessEntry" => access_entries::describe(call, route),
        "ListAccessEntries" => access_entries::list(call, route),
        "UpdateAccessEntry" => access_entries::update(call, route, input),
        "DeleteAccessEntry" => access_entries::delete(call, route),
        "AssociateAccessPolicy" => access_policies::associate(call, route, input),
        "DisassociateAccessPolicy" => access_policies::disassociate(call, route),
        "ListAssociatedAccessPolicies" => access_policies::list(call, route),
        "TagResource" => tags::add(call, route, input),
        "UntagResource" => tags::remove(call, route),
        "ListTagsForResource" => tags::list(call, route),
        other => Err(error::unknown_operation(call.service, other)),
    }
}

/// A cluster's name: `^[0-9A-Za-z][A-Za-z0-9\-_]*`, at most 100.
pub fn is_name(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
}

fn missing(name: &str) -> AwsError {
    AwsError::new(404, "ResourceNotFoundException", format!("No cluster found for name: {name}."))
        .with("clusterName", name)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterException", message)
}

/// The cluster that the path names.
fn find<'a>(call: &'a mut Call<'_>, route: &Route) -> Result<&'a mut Cluster> {
    let name = route.cluster.as_deref().unwrap_or_default();
    call.region().eks.clusters.get_mut(name).ok_or_else(|| missing(name))
}

/// Cuts a listing by the query's `maxResults` and `nextToken`.
fn paged(call: &Call<'_>, route: &Route, member: &str, items: Vec<(String, Value)>) -> Result<Value> {
    let asked = match route.parameter("maxResults") {
        None => None,
        Some(text) => Some(
            text.parse::<i64>()
                .map_err(|_| AwsError::client("SerializationException", format!("`{text}` is not an integer")))?,
        ),
    };
    let mut constraints = Constraints::default();
    constraints.range("maxResults", asked, 1, 100);
    constraints.finish_as("InvalidParameterException")?;
    let query = format!("{} {} {} {:?}", route.operation, call.account, call.region, route.cluster);
    let size = asked.and_then(|size| usize::try_from(size).ok()).unwrap_or(100);
    let token = route.parameter("nextToken");
    let (page, next) = page::page(items, size, token, &query, &call.world.paging_secret)
        .ok_or_else(|| invalid("Invalid nextToken"))?;
    let mut answer = json!({"nextToken": next});
    answer[member] = Value::Array(page);
    Ok(answer)
}

fn list_clusters(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let items = call.region().eks.clusters.keys().map(|name| (name.clone(), Value::from(name.clone()))).collect();
    paged(call, route, "clusters", items)
}

fn delete_cluster(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let seconds = call.account().settings.cluster_delete_seconds;
    let advanced = call.account().advanced;
    let cluster = find(call, route)?;
    let name = cluster.name.clone();
    if cluster.deletion_protection {
        return Err(AwsError::client(
            "InvalidRequestException",
            format!("Cluster {name} has deletion protection enabled"),
        )
        .with("clusterName", name));
    }
    if cluster.status() != "ACTIVE" && cluster.status() != "FAILED" {
        return Err(AwsError::new(
            409,
            "ResourceInUseException",
            format!("Cluster {name} is in status {}", cluster.status()),
        )
        .with("clusterName", name));
    }
    if !cluster.node_groups.is_empty() {
        return Err(
            AwsError::new(409, "ResourceInUseException", "Cluster has nodegroups attached").with("clusterName", name)
        );
    }
    cluster.begin(cluster::Phase::Deleting, seconds, advanced);
    let answer = json!({"cluster": cluster.describe()});
    // Gone at once when deletion takes no time.
    call.region().settle(advanced);
    Ok(answer)
}
