//! Access entries: which IAM principals may use a cluster's Kubernetes API, and as whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Route,
    access_policies::{self, Scope, Scopes},
    cluster::Cluster,
    find, invalid, paged,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Json,
    },
    moment::Moment,
    random,
};

#[derive(Clone, Serialize, Deserialize)]
pub struct Entry {
    pub cluster: String,
    pub principal_arn: String,
    pub arn: String,
    pub kind: String,
    pub username: String,
    pub groups: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Moment,
    pub modified: Moment,
    /// Associated access policies.
    #[serde(default)]
    pub policies: Scopes,
}

/// Types, with the user name and groups that they bring. STANDARD takes its own.
const TYPES: &[(&str, &str, &[&str])] = &[
    ("STANDARD", "", &[]),
    ("EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", &["system:nodes"]),
    ("EC2_WINDOWS", "system:node:{{EC2PrivateDNSName}}", &["eks:kube-proxy-windows", "system:nodes"]),
    ("FARGATE_LINUX", "system:node:{{SessionName}}", &["system:bootstrappers", "system:node-proxier", "system:nodes"]),
    ("HYBRID_LINUX", "system:node:{{SessionName}}", &["system:bootstrappers", "system:nodes"]),
    ("EC2", "system:node:{{EC2PrivateDNSName}}", &["system:nodes"]),
    ("HYPERPOD_LINUX", "system:node:{{SessionName}}", &["system:nodes"]),
];

impl Entry {
    fn new(cluster_arn: &str, principal: &str, kind: &str, now: Moment) -> Self {
        let cluster = cluster_arn.rsplit('/').next().unwrap_or_default();
        let mut parts = principal.splitn(6, ':');
        let account = parts.nth(4).unwrap_or_default();
        // "role/path/name" or "user/name".
        let resource = parts.next().unwrap_or_default();
        let (sort, name) =
            (resource.split('/').next().unwrap_or_default(), resource.rsplit('/').next().unwrap_or_default());
        let (username, groups) = match TYPES.iter().find(|(known, ..)| *known == kind) {
            Some((_, username, groups)) if !username.is_empty() => ((*username).to_owned(), *groups),
            _ if sort == "role" => (format!("arn:aws:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}"), &[][..]),
            _ => (principal.to_owned(), &[][..]),
        };
        let arn = cluster_arn.replacen(":cluster/", ":access-entry/", 1);
        Self {
            cluster: cluster.to_owned(),
            principal_arn: principal.to_owned(),
            arn: format!("{arn}/{sort}/{account}/{name}/{}", random::uuid()),
            kind: kind.to_owned(),
            username,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            tags: BTreeMap::new(),
            created: now,
            modified: now,
            policies: Scopes::default(),
        }
    }

    /// The entry of a cluster's creator.
    pub fn administrator(cluster_arn: &str, principal: &str, now: Moment) -> Self {
        let mut entry = Self::new(cluster_arn, principal, "STANDARD", now);
        entry.policies.insert(access_policies::ADMINISTRATOR.to_owned(), Scope::whole(now));
        entry
    }

    /// The entry of hybrid nodes' role.
    pub fn hybrid(cluster_arn: &str, principal: &str, now: Moment) -> Self {
        Self::new(cluster_arn, principal, "HYBRID_LINUX", now)
    }

    /// The entry of a managed node group's role.
    pub fn linux(cluster_arn: &str, principal: &str, now: Moment) -> Self {
        Self::new(cluster_arn, principal, "EC2_LINUX", now)
    }

    /// As the API describes it, and what its other calls show.
    pub fn dump(&self) -> Value {
        let mut value = self.describe();
        if !self.policies.is_empty() {
            value["policies"] = self.policies.iter().map(|(arn, scope)| scope.describe(arn)).collect();
        }
        value
    }

    pub fn describe(&self) -> Value {
        json!({
            "clusterName": self.cluster,
            "principalArn": self.principal_arn,
            "kubernetesGroups": self.groups,
            "accessEntryArn": self.arn,
            "createdAt": self.created.epoch(),
            "modifiedAt": self.modified.epoch(),
            "tags": self.tags,
            "username": self.username,
            "type": self.kind,
        })
    }
}

/// The cluster, when its mode knows access entries.
pub fn with_entries<'a>(call: &'a mut Call<'_>, route: &Route) -> Result<&'a mut Cluster> {
    let cluster = find(call, route)?;
    if cluster.authentication_mode == "CONFIG_MAP" {
        return Err(AwsError::client(
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
        )
        .with("clusterName", cluster.name.clone()));
    }
    Ok(cluster)
}

pub fn missing(route: &Route) -> AwsError {
    AwsError::new(
        404,
        "ResourceNotFoundException",
        "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.",
    )
    .with("clusterName", route.cluster.clone().unwrap_or_default())
}

/// Group names and a user name of one's own are for STANDARD entries only, and not everything is allowed there.
fn check_identity(kind: &str, username: Option<&str>, groups: &[String]) -> Result<()> {
    if kind != "STANDARD" {
        if !groups.is_empty() {
            return Err(invalid(format!("The entry type {kind} does not support kubernetesGroups")));
        }
        if username.is_some() {
            return Err(invalid(format!("The entry type {kind} does not support username")));
        }
    }
    if let Some(group) = groups
        .iter()
        .find(|group| ["system:", "eks:", "aws:", "amazon:", "iam:"].iter().any(|start| group.starts_with(start)))
    {
        return Err(invalid(format!(
            "The kubernetes group name {group} is invalid, it cannot start with system:, eks:, aws:, amazon:, or iam:"
        )));
    }
    if let Some(name) = username {
        let reserved = ["system:", "eks:", "aws:", "amazon:", "iam:"].iter().any(|start| name.starts_with(start));
        if name.is_empty() || reserved {
            return Err(invalid(format!(
                "The username {name} is invalid, it cannot be empty or start with system:, eks:, aws:, amazon:, or iam:"
            )));
        }
    }
    Ok(())
}

/// The principal must exist: roles are looked up, users are taken at their word.
fn check_principal(call: &mut Call<'_>, arn: &str) -> Result<()> {
    let id = call.account.clone();
    let wrong = || invalid("The specified principalArn is invalid: invalid principal.");
    let resource = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':'));
    match resource {
        Some((account, resource)) if resource.starts_with("role/") && account == id => {
            if call.account().roles.values().any(|role| role.arn(&id) == arn) { Ok(()) } else { Err(wrong()) }
        }
        Some((account, resource))
            if account.len() == 12 && (resource.starts_with("user/") || resource.starts_with("role/")) =>
        {
            Ok(())
        }
        _ => Err(wrong()),
    }
}

pub fn create(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let principal =
        input.text("principalArn")?.ok_or_else(|| invalid("The parameter principalArn is required"))?.to_owned();
    let kind = input.text("type")?.unwrap_or("STANDARD");
    if !TYPES.iter().any(|(known, ..)| *known == kind) {
        return Err(invalid(format!("The specified type {kind} is not supported")));
    }
    let groups = input.texts("kubernetesGroups")?.unwrap_or_default();
    let username = input.text("username")?;
    check_identity(kind, username, &groups)?;
    let tags = input.map("tags")?.unwrap_or_default();
    with_entries(call, route)?;
    check_principal(call, &principal)?;
    let now = call.now;
    let cluster = find(call, route)?;
    if cluster.access_entries.contains_key(&principal) {
        return Err(AwsError::new(
            409,
            "ResourceInUseException",
            "The specified access entry resource is already in use on this cluster.",
        )
        .with("clusterName", cluster.name.clone()));
    }
    let mut entry = Entry::new(&cluster.arn, &principal, kind, now);
    entry.tags = tags.into_iter().collect();
    if let Some(username) = username {
        username.clone_into(&mut entry.username);
    }
    if !groups.is_empty() {
        entry.groups = groups;
    }
    let answer = json!({"accessEntry": entry.describe()});
    cluster.access_entries.insert(principal, entry);
    Ok(answer)
}

pub fn describe(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let cluster = with_entries(call, route)?;
    let entry = cluster.access_entries.get(route.item()).ok_or_else(|| missing(route))?;
    Ok(json!({"accessEntry": entry.describe()}))
}

pub fn list(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let cluster = with_entries(call, route)?;
    let items = cluster.access_entries.keys().map(|arn| (arn.clone(), Value::from(arn.clone()))).collect();
    paged(call, route, "accessEntries", items)
}

pub fn update(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let groups = input.texts("kubernetesGroups")?;
    let username = input.text("username")?;
    let now = call.now;
    let cluster = with_entries(call, route)?;
    let entry = cluster.access_entries.get_mut(route.item()).ok_or_else(|| missing(route))?;
    check_identity(&entry.kind, username, groups.as_deref().unwrap_or_default())?;
    if let Some(groups) = groups {
        entry.groups = groups;
    }
    if let Some(username) = username {
        username.clone_into(&mut entry.username);
    }
    entry.modified = now;
    Ok(json!({"accessEntry": entry.describe()}))
}

pub fn delete(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let cluster = with_entries(call, route)?;
    match cluster.access_entries.remove(route.item()) {
        Some(_) => Ok(json!({})),
        None => Err(missing(route)),
    }
}
