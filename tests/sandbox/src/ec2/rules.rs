//! Rules of security groups, each with an ID of its own, and the permissions that a group's description makes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    describe::{self, Entry},
    need, security_groups, tag_set, tags_of,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    cidr::Cidr,
    random,
};

#[derive(Clone, Serialize, Deserialize)]
pub struct Rule {
    pub id: String,
    pub is_egress: bool,
    pub protocol: String,
    /// First and last port, or type and code of ICMP; -1 for all.
    pub ports: (i64, i64),
    pub peer: Peer,
    pub description: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// Who is let in, or where a way out leads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    Ipv4(String),
    Ipv6(String),
    Group(String),
}

impl Rule {
    /// Everything to or from a peer.
    pub fn everything(is_egress: bool, peer: Peer) -> Self {
        Self {
            id: id(),
            is_egress,
            protocol: "-1".to_owned(),
            ports: (-1, -1),
            peer,
            description: None,
            tags: BTreeMap::new(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.is_egress, &self.protocol, self.ports, &self.peer)
            == (other.is_egress, &other.protocol, other.ports, &other.peer)
    }

    fn describe(&self, group: &str, owner: &str, region: &str) -> Value {
        let mut value = json!({
            "securityGroupRuleId": self.id,
            "securityGroupRuleArn": format!("arn:aws:ec2:{region}:{owner}:security-group-rule/{}", self.id),
            "groupId": group,
            "groupOwnerId": owner,
            "isEgress": self.is_egress,
            "ipProtocol": self.protocol,
            "fromPort": self.ports.0,
            "toPort": self.ports.1,
            "description": self.description,
            "tagSet": tag_set(&self.tags),
        });
        match &self.peer {
            Peer::Ipv4(block) => value["cidrIpv4"] = block.clone().into(),
            Peer::Ipv6(block) => value["cidrIpv6"] = block.clone().into(),
            Peer::Group(id) => value["referencedGroupInfo"] = json!({"groupId": id, "userId": owner}),
        }
        value
    }
}

fn id() -> String {
    format!("sgr-0{}", random::hex(16))
}

/// Permissions as a group's description has them: one for each protocol and range of ports.
pub fn permissions(rules: &[Rule], is_egress: bool, owner: &str) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.is_egress == is_egress) {
        let (protocol, (from, to)) = (rule.protocol.as_str(), rule.ports);
        let fits = |one: &Value| {
            one["ipProtocol"] == protocol && (protocol == "-1" || one["fromPort"] == from && one["toPort"] == to)
        };
        let index = all.iter().position(fits).unwrap_or_else(|| {
            let mut one = json!({
                "ipProtocol": protocol, "groups": [], "ipRanges": [], "ipv6Ranges": [], "prefixListIds": [],
            });
            if protocol != "-1" {
                one["fromPort"] = from.into();
                one["toPort"] = to.into();
            }
            all.push(one);
            all.len() - 1
        });
        let (list, mut entry) = match &rule.peer {
            Peer::Ipv4(block) => ("ipRanges", json!({"cidrIp": block})),
            Peer::Ipv6(block) => ("ipv6Ranges", json!({"cidrIpv6": block})),
            Peer::Group(id) => ("groups", json!({"groupId": id, "userId": owner})),
        };
        entry["description"] = json!(rule.description);
        if let Some(list) = all[index][list].as_array_mut() {
            list.push(entry);
        }
    }
    Value::Array(all)
}

/// The rules of a request's `IpPermissions`.
fn rules_of(call: &mut Call<'_>, query: &Query, is_egress: bool) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for index in query.indices("IpPermissions") {
        let at = |rest: &str| format!("IpPermissions.{index}.{rest}");
        let protocol = match need(query, &at("IpProtocol"))? {
            "6" => "tcp",
            "17" => "udp",
            "1" => "icmp",
            "all" => "-1",
            other => other,
        }
        .to_owned();
        let ports = match protocol.as_str() {
            "tcp" | "udp" | "icmp" => (query.integer(&at("FromPort"))?, query.integer(&at("ToPort"))?),
            "-1" => (Some(-1), Some(-1)),
            other => {
                return Err(AwsError::client(
                    "InvalidParameterValue",
                    format!("Invalid value '{other}' for IP protocol. Unknown protocol."),
                ));
            }
        };
        let (Some(from), Some(to)) = ports else {
            return Err(AwsError::client(
                "MissingParameter",
                "The request must contain the parameters fromPort and toPort",
            ));
        };
        if matches!(protocol.as_str(), "tcp" | "udp") && !(0 <= from && from <= to && to <= 65535) {
            return Err(AwsError::client("InvalidParameterValue", format!("Invalid TCP/UDP port range ({from}:{to})")));
        }
        let mut add = |peer: Peer, described: String| {
            rules.push(Rule {
                id: id(),
                is_egress,
                protocol: protocol.clone(),
                ports: (from, to),
                peer,
                description: query.text(&described).map(ToOwned::to_owned),
                tags: BTreeMap::new(),
            });
        };
        for range in query.indices(&at("IpRanges")) {
            let block = need(query, &at(&format!("IpRanges.{range}.CidrIp")))?;
            if Cidr::parse(block).is_none() {
                return Err(AwsError::client("InvalidParameterValue", format!("CIDR block {block} is malformed")));
            }
            add(Peer::Ipv4(block.to_owned()), at(&format!("IpRanges.{range}.Description")));
        }
        for range in query.indices(&at("Ipv6Ranges")) {
            let block = need(query, &at(&format!("Ipv6Ranges.{range}.CidrIpv6")))?;
            add(Peer::Ipv6(block.to_owned()), at(&format!("Ipv6Ranges.{range}.Description")));
        }
        for peer in query.indices(&at("Groups")) {
            let group = need(query, &at(&format!("Groups.{peer}.GroupId")))?;
            security_groups::find(call, group)?;
            add(Peer::Group(group.to_owned()), at(&format!("Groups.{peer}.Description")));
        }
    }
    if rules.is_empty() {
        return Err(AwsError::client("MissingParameter", "The request must contain the parameter ipPermissions"));
    }
    Ok(rules)
}

pub fn authorize(call: &mut Call<'_>, query: &Query, is_egress: bool) -> Result<Value> {
    let (owner, region) = (call.account.clone(), call.region.clone());
    let tags = tags_of(query, "security-group-rule")?;
    let group = need(query, "GroupId")?;
    let mut rules = rules_of(call, query, is_egress)?;
    let found = security_groups::find(call, group)?;
    if rules.iter().any(|rule| found.rules.iter().any(|there| there.is_same(rule))) {
        return Err(AwsError::client("InvalidPermission.Duplicate", "the specified rule already exists"));
    }
    for rule in &mut rules {
        rule.tags.clone_from(&tags);
    }
    let told: Vec<Value> = rules.iter().map(|rule| rule.describe(group, &owner, &region)).collect();
    found.rules.extend(rules);
    Ok(json!({"return": true, "securityGroupRuleSet": told}))
}

pub fn revoke(call: &mut Call<'_>, query: &Query, is_egress: bool) -> Result<Value> {
    let group = need(query, "GroupId")?;
    let ids = query.list("SecurityGroupRuleId");
    let wanted = if ids.is_empty() { rules_of(call, query, is_egress)? } else { Vec::new() };
    let found = security_groups::find(call, group)?;
    if let Some(id) =
        ids.iter().find(|id| !found.rules.iter().any(|rule| rule.id == **id && rule.is_egress == is_egress))
    {
        return Err(AwsError::client(
            "InvalidSecurityGroupRuleId.NotFound",
            format!("The security group rule ID '{id}' does not exist"),
        ));
    }
    if wanted.iter().any(|rule| !found.rules.iter().any(|there| there.is_same(rule))) {
        return Err(AwsError::client(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        ));
    }
    found.rules.retain(|rule| !ids.contains(&rule.id) && !wanted.iter().any(|gone| gone.is_same(rule)));
    Ok(json!({"return": true}))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (owner, region) = (call.account.clone(), call.region.clone());
    let mut entries = Vec::new();
    for group in call.region().ec2.security_groups.values() {
        for (rule, index) in group.rules.iter().zip(0..) {
            entries.push(Entry {
                id: rule.id.clone(),
                // In the order of the groups, then of the rules: a group has far fewer.
                order: group.born.order * 1000 + index,
                tags: rule.tags.clone(),
                filterable: vec![
                    ("group-id", vec![group.id.clone()]),
                    ("security-group-rule-id", vec![rule.id.clone()]),
                ],
                value: rule.describe(&group.id, &owner, &region),
            });
        }
    }
    let kind = describe::Kind {
        ids: "SecurityGroupRuleId",
        missing: "InvalidSecurityGroupRuleId.NotFound",
        called: "security group rule ID",
        set: "securityGroupRuleSet",
        sizes: (5, 1000),
    };
    describe::answer(call, query, &kind, entries)
}
