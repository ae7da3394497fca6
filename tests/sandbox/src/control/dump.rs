//! All that an account's AWS calls could show, in one stable document: equal dumps mean that nothing changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::world::Account;

/// The dump of an account. Maps without content are left out, secrets appear as hashes.
pub fn of(account: &mut Account) -> Value {
    let advanced = account.advanced;
    let id = account.id.clone();
    let roles: BTreeMap<String, Value> = account
        .roles
        .iter()
        .map(|(name, role)| {
            let mut value = role.describe(&id);
            value["AttachedPolicies"] = role.attached.keys().cloned().collect();
            value["InlinePolicies"] = json!(role.inline);
            (name.clone(), value)
        })
        .collect();
    let mut regions = BTreeMap::new();
    for (name, region) in &mut account.regions {
        region.settle(advanced);
        let activations: BTreeMap<&String, Value> = region
            .ssm
            .activations
            .iter()
            .map(|(id, activation)| {
                let mut value = activation.describe(advanced);
                value["ActivationCodeSha256"] = hash(&activation.code).into();
                (id, value)
            })
            .collect();
        let instances: BTreeMap<&String, Value> = region
            .ssm
            .instances
            .iter()
            .map(|(id, instance)| {
                let mut value = instance.describe();
                value["Tags"] = json!(instance.tags);
                (id, value)
            })
            .collect();
        let parameters: BTreeMap<&String, Value> = region
            .ssm
            .parameters
            .iter()
            .map(|(name, parameter)| {
                let mut value = json!(parameter);
                if let Some(members) = value.as_object_mut() {
                    members.remove("born");
                }
                for text in value["versions"].as_object_mut().into_iter().flat_map(Map::values_mut) {
                    *text = hash(text.as_str().unwrap_or_default()).into();
                }
                (name, value)
            })
            .collect();
        let content = json!({
            "ec2": region.ec2.dump(),
            "eks": region.eks.dump(),
            "elasticloadbalancing": region.elb.dump(),
            "ssm": {"activations": activations, "instances": instances, "parameters": parameters},
        });
        regions.insert(name.clone(), content);
    }
    let mut dump = json!({"global": {"roles": roles}, "regions": regions});
    sweep(&mut dump, 0);
    dump
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Takes out empty objects down to the kinds of things, and sorts every object by key.
fn sweep(value: &mut Value, depth: usize) {
    match value {
        Value::Object(members) => {
            for value in members.values_mut() {
                sweep(value, depth + 1);
            }
            if depth < 4 {
                members.retain(|_, value| value.as_object().is_none_or(|inner| !inner.is_empty()));
            }
            members.sort_keys();
        }
        Value::Array(values) => {
            for value in values {
                sweep(value, depth + 1);
            }
        }
        _ => {}
    }
}
