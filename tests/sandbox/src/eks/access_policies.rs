//! Access policies: rights that EKS gives an access entry, in the whole cluster or in namespaces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Route, access_entries, invalid, paged};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Json,
    },
    moment::Moment,
};

const PREFIX: &str = "arn:aws:eks::aws:cluster-access-policy/";
pub const ADMINISTRATOR: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
/// The policies for people. Those for EKS's own features are left out.
const NAMES: [&str; 5] = [
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
];

/// By the policy's ARN.
pub type Scopes = BTreeMap<String, Scope>;

#[derive(Clone, Serialize, Deserialize)]
pub struct Scope {
    /// `None` = the whole cluster.
    pub namespaces: Option<Vec<String>>,
    associated: Moment,
    pub modified: Moment,
}

impl Scope {
    /// The whole cluster.
    pub fn whole(now: Moment) -> Self {
        Self { namespaces: None, associated: now, modified: now }
    }

    pub fn describe(&self, arn: &str) -> Value {
        let scope = match &self.namespaces {
            None => json!({"type": "cluster", "namespaces": []}),
            Some(namespaces) => json!({"type": "namespace", "namespaces": namespaces}),
        };
        json!({
            "policyArn": arn,
            "accessScope": scope,
            "associatedAt": self.associated.epoch(),
            "modifiedAt": self.modified.epoch(),
        })
    }
}

pub fn associate(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let policy = input.text("policyArn")?.ok_or_else(|| invalid("The parameter policyArn is required"))?.to_owned();
    let scope = input.object("accessScope")?.ok_or_else(|| invalid("The parameter accessScope is required"))?;
    let namespaces = scope.texts("namespaces")?.unwrap_or_default();
    let namespaces = match (scope.text("type")?, namespaces.is_empty()) {
        (Some("cluster"), true) => None,
        (Some("cluster"), false) => {
            return Err(invalid("The access scope of type cluster does not support namespaces"));
        }
        (Some("namespace"), false) => Some(namespaces),
        (Some("namespace"), true) => return Err(invalid("The access scope of type namespace needs namespaces")),
        _ => return Err(invalid("The access scope type must be cluster or namespace")),
    };
    if !policy.strip_prefix(PREFIX).is_some_and(|name| NAMES.contains(&name)) {
        return Err(invalid(format!("The policyArn {policy} is not one of an access policy")));
    }
    let now = call.now;
    let cluster = access_entries::with_entries(call, route)?;
    let name = cluster.name.clone();
    let entry = cluster.access_entries.get_mut(route.item()).ok_or_else(|| access_entries::missing(route))?;
    if entry.kind != "STANDARD" {
        return Err(AwsError::client(
            "InvalidRequestException",
            format!("Access policies cannot be associated with an access entry of type {}", entry.kind),
        )
        .with("clusterName", name));
    }
    let associated = entry.policies.get(&policy).map_or(now, |scope| scope.associated);
    let scope = Scope { namespaces, associated, modified: now };
    let answer = json!({
        "clusterName": name,
        "principalArn": entry.principal_arn,
        "associatedAccessPolicy": scope.describe(&policy),
    });
    entry.policies.insert(policy, scope);
    Ok(answer)
}

pub fn disassociate(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let policy = route.detail.clone().unwrap_or_default();
    let cluster = access_entries::with_entries(call, route)?;
    let name = cluster.name.clone();
    let entry = cluster.access_entries.get_mut(route.item()).ok_or_else(|| access_entries::missing(route))?;
    match entry.policies.remove(&policy) {
        Some(_) => Ok(json!({})),
        None => Err(AwsError::new(
            404,
            "ResourceNotFoundException",
            "The specified policyArn is not associated with the access entry.",
        )
        .with("clusterName", name)),
    }
}

pub fn list(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let cluster = access_entries::with_entries(call, route)?;
    let name = cluster.name.clone();
    let entry = cluster.access_entries.get(route.item()).ok_or_else(|| access_entries::missing(route))?;
    let principal = entry.principal_arn.clone();
    let items = entry.policies.iter().map(|(arn, scope)| (arn.clone(), scope.describe(arn))).collect();
    let mut answer = paged(call, route, "associatedAccessPolicies", items)?;
    answer["clusterName"] = name.into();
    answer["principalArn"] = principal.into();
    Ok(answer)
}
