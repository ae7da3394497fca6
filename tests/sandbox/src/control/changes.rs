//! Changes behind the client's back: hosts that register, things that vanish.

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Refused};
use crate::{
    eks::condition::Insight,
    moment::Moment,
    ssm::{activations, instances::Report},
    world::Account,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInstance {
    activation_id: String,
    /// Checked when it is given.
    activation_code: Option<String>,
    computer_name: String,
    ip_address: String,
    region: Option<String>,
    agent_version: Option<String>,
    platform_name: Option<String>,
    platform_version: Option<String>,
    /// What the host is; a host of a hybrid activation unless it is said.
    source_type: Option<String>,
}

pub fn register(account: &mut Account, region: &str, wanted: NewInstance) -> Answer {
    let region = wanted.region.as_deref().unwrap_or(region);
    let mut instance = activations::register(account, region, &wanted.activation_id, wanted.activation_code.as_deref())
        .map_err(|error| Refused::bad(error.code))?;
    instance.report = Some(Report {
        at: Moment::now(),
        agent_version: wanted.agent_version.unwrap_or_else(|| "3.3.3050.0".to_owned()),
        computer_name: wanted.computer_name,
        ip_address: wanted.ip_address,
        platform_type: "Linux".to_owned(),
        platform_name: wanted.platform_name.unwrap_or_else(|| "Ubuntu".to_owned()),
        platform_version: wanted.platform_version.unwrap_or_else(|| "24.04".to_owned()),
    });
    "Online".clone_into(&mut instance.ping);
    if let Some(source_type) = wanted.source_type {
        instance.source_type = source_type;
    }
    let answer = json!({"instance_id": instance.id});
    account.region(region).ssm.instances.insert(instance.id.clone(), instance);
    Ok((201, answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    status: String,
    /// How long ago the agent reported last; at its last report unless it is said.
    seconds_ago: Option<i64>,
}

pub fn ping(account: &mut Account, region: &str, id: &str, wanted: &Ping) -> Answer {
    if !["Online", "ConnectionLost"].contains(&wanted.status.as_str()) {
        return Err(Refused::bad(format!("`{}` is not a ping status", wanted.status)));
    }
    let Some(instance) = account.region(region).ssm.instances.get_mut(id) else {
        return Err(Refused::missing("instance", id));
    };
    wanted.status.clone_into(&mut instance.ping);
    if let (Some(seconds), Some(report)) = (wanted.seconds_ago, &mut instance.report) {
        let at = Moment::now().plus_seconds(-seconds);
        report.at = at;
        // Nobody reports before the registration.
        instance.born.at = instance.born.at.min(at);
    }
    Ok((200, json!({"instance_id": id})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    cluster: String,
    insights: Vec<Insight>,
    region: Option<String>,
}

/// What EKS reports about a cluster from now on.
pub fn insights(account: &mut Account, region: &str, wanted: Reported) -> Answer {
    let store = &mut account.region(wanted.region.as_deref().unwrap_or(region)).eks;
    if !store.clusters.contains_key(&wanted.cluster) {
        return Err(Refused::missing("cluster", &wanted.cluster));
    }
    if !wanted.insights.iter().all(Insight::is_possible) {
        return Err(Refused::bad("an insight has a category or a status that EKS does not have"));
    }
    store.insights.insert(wanted.cluster, wanted.insights);
    Ok((200, json!({"set": true})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    kind: String,
    name: String,
    region: Option<String>,
}

pub fn delete(account: &mut Account, region: &str, wanted: &Deletion) -> Answer {
    let name = wanted.name.as_str();
    let region = wanted.region.as_deref().unwrap_or(region).to_owned();
    let found = match wanted.kind.as_str() {
        "role" => account.roles.remove(name).is_some(),
        "activation" => account.region(&region).ssm.activations.remove(name).is_some(),
        "instance" => account.region(&region).ssm.instances.remove(name).is_some(),
        "parameter" => account.region(&region).ssm.parameters.remove(name).is_some(),
        "cluster" => {
            let advanced = account.advanced;
            let there = account.region(&region).eks.clusters.remove(name).is_some();
            account.region(&region).settle(advanced);
            there
        }
        "addon" => name.split_once('/').is_some_and(|(cluster, addon)| {
            let clusters = &mut account.region(&region).eks.clusters;
            clusters.get_mut(cluster).is_some_and(|cluster| cluster.addons.remove(addon).is_some())
        }),
        "access_entry" => name.split_once('/').is_some_and(|(cluster, principal)| {
            account
                .region(&region)
                .eks
                .clusters
                .get_mut(cluster)
                .is_some_and(|cluster| cluster.access_entries.remove(principal).is_some())
        }),
        other => return Err(Refused::bad(format!("`{other}` is not a kind"))),
    };
    if found { Ok((200, json!({"deleted": true}))) } else { Err(Refused::missing(&wanted.kind, name)) }
}

pub fn activation(account: &mut Account, region: &str, id: &str) -> Answer {
    let advanced = account.advanced;
    let Some(activation) = account.region(region).ssm.activations.get(id) else {
        return Err(Refused::missing("activation", id));
    };
    Ok((
        200,
        json!({
            "activation_id": activation.id,
            "activation_code": activation.code,
            "iam_role": activation.iam_role,
            "description": activation.description,
            "default_instance_name": activation.default_instance_name,
            "registration_limit": activation.registration_limit,
            "registrations_count": activation.registrations,
            "expired": activation.is_expired(advanced),
            "created_date": activation.born.at.iso_millis(),
            "expiration_date": activation.expires.iso_millis(),
            "tags": activation.tags,
        }),
    ))
}
