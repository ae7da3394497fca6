//! Security groups. What their rules let through is not modelled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    describe::{Entry, Kind},
    interfaces, need,
    rules::{self, Peer, Rule},
    tag_set, tags_of, vpcs,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    random,
    world::{Account, Birth},
};

#[derive(Clone, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub id: String,
    pub born: Birth,
    pub vpc_id: String,
    pub name: String,
    pub description: String,
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub rules: Vec<Rule>,
}

impl SecurityGroup {
    pub fn new(account: &mut Account, vpc_id: &str, name: &str, description: &str) -> Self {
        Self {
            id: format!("sg-0{}", random::hex(16)),
            born: account.birth(),
            vpc_id: vpc_id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            tags: BTreeMap::new(),
            // A new group lets everything out.
            rules: vec![Rule::everything(true, Peer::Ipv4("0.0.0.0/0".to_owned()))],
        }
    }

    /// Lets in whatever belongs to the group.
    pub fn open_to_itself(mut self) -> Self {
        self.rules.push(Rule::everything(false, Peer::Group(self.id.clone())));
        self
    }

    pub fn describe(&self, owner: &str, region: &str) -> Value {
        json!({
            "groupId": self.id,
            "securityGroupArn": self.arn(owner, region),
            "groupName": self.name,
            "groupDescription": self.description,
            "ownerId": owner,
            "vpcId": self.vpc_id,
            "ipPermissions": rules::permissions(&self.rules, false, owner),
            "ipPermissionsEgress": rules::permissions(&self.rules, true, owner),
            "tagSet": tag_set(&self.tags),
        })
    }

    /// Whether a rule speaks of another group.
    fn names(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.peer == Peer::Group(id.to_owned()))
    }

    fn arn(&self, owner: &str, region: &str) -> String {
        format!("arn:aws:ec2:{region}:{owner}:security-group/{}", self.id)
    }
}

/// A group by its ID.
pub fn find<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut SecurityGroup> {
    let missing = || AwsError::client("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"));
    call.region().ec2.security_groups.get_mut(id).ok_or_else(missing)
}

/// The ID of a VPC's default group.
pub fn default_of(call: &mut Call<'_>, vpc: &str) -> Option<String> {
    let groups = &call.region().ec2.security_groups;
    groups.values().find(|group| group.vpc_id == vpc && group.name == "default").map(|group| group.id.clone())
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = need(query, "GroupName")?.to_owned();
    let description = need(query, "GroupDescription")?.to_owned();
    let vpc_id = vpcs::find(call, query)?.id.clone();
    if name.starts_with("sg-") || name == "default" || name.len() > 255 {
        return Err(AwsError::client(
            "InvalidParameterValue",
            format!("Value ({name}) for parameter GroupName is invalid. The name is reserved or too long."),
        ));
    }
    let taken = call.region().ec2.security_groups.values().any(|group| group.vpc_id == vpc_id && group.name == name);
    if taken {
        return Err(AwsError::client(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc_id}'"),
        ));
    }
    let tags = tags_of(query, "security-group")?;
    let mut group = SecurityGroup::new(call.account(), &vpc_id, &name, &description);
    group.tags = tags;
    let answer = json!({
        "groupId": group.id,
        "tagSet": tag_set(&group.tags),
        "securityGroupArn": group.arn(&call.account, &call.region),
    });
    call.region().ec2.security_groups.insert(group.id.clone(), group);
    Ok(answer)
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (owner, region) = (call.account.clone(), call.region.clone());
    let names = query.list("GroupName");
    if let Some(id) = query.list("GroupId").iter().find(|id| !id.starts_with("sg-")) {
        return Err(AwsError::client(
            "InvalidGroupId.Malformed",
            format!("Invalid id: \"{id}\" (expecting \"sg-...\")"),
        ));
    }
    let entries = call
        .region()
        .ec2
        .security_groups
        .values()
        .filter(|group| names.is_empty() || names.contains(&group.name))
        .map(|group| Entry {
            id: group.id.clone(),
            order: group.born.order,
            tags: group.tags.clone(),
            filterable: vec![
                ("group-id", vec![group.id.clone()]),
                ("group-name", vec![group.name.clone()]),
                ("description", vec![group.description.clone()]),
                ("vpc-id", vec![group.vpc_id.clone()]),
                ("owner-id", vec![owner.clone()]),
            ],
            value: group.describe(&owner, &region),
        })
        .collect();
    let kind = Kind {
        ids: "GroupId",
        missing: "InvalidGroup.NotFound",
        called: "security group",
        set: "securityGroupInfo",
        sizes: (5, 1000),
    };
    super::describe::answer(call, query, &kind, entries)
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let id = need(query, "GroupId")?;
    let region = call.region();
    let Some(group) = region.ec2.security_groups.get(id) else {
        return Err(AwsError::client("InvalidGroup.NotFound", format!("The security group '{id}' does not exist")));
    };
    if group.name == "default" {
        return Err(AwsError::client(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let in_use = region.eks.clusters.values().any(|cluster| {
        cluster.network.cluster_security_group_id == id
            || cluster.network.security_group_ids.iter().any(|used| used == id)
    });
    let has_group = |one: &super::records::Record| {
        one.value["groupSet"].as_array().is_some_and(|all| all.iter().any(|group| group["groupId"] == id))
    };
    let in_use = in_use
        || region.ec2.of(&interfaces::KIND).any(has_group)
        || region.ec2.security_groups.values().any(|other| other.id != id && other.names(id));
    if in_use {
        return Err(AwsError::client("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    region.ec2.security_groups.remove(id);
    Ok(json!({"return": true, "groupId": id}))
}
