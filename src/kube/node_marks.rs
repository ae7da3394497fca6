//! Labels and taints of one node, and its deletion.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::client::Client;
use super::error::{Kind, Result};
use super::node::{Node, Taint};
use super::object::Resource;

/// How often a node is read again if it changes while its taints are changed.
const ATTEMPTS: u32 = 8;

impl Client {
    /// One node; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn node(&self, name: &str) -> Result<Option<Node>> {
        Ok(self.get(&Resource::NODE, None, name).await?.map(|object| Node::of(&object)))
    }

    /// Sets labels of a node, and removes those whose value is `None`. `None`: the node does not exist.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn label_node(&self, node: &str, labels: &BTreeMap<String, Option<String>>) -> Result<Option<()>> {
        match self.merge(&Resource::NODE, None, node, json!({ "metadata": { "labels": labels } })).await {
            Err(error) if error.is_not_found() => Ok(None),
            other => other.map(|_| Some(())),
        }
    }

    /// Changes a node's taints: removes those with the key and effect of `remove`, sets `set`, and keeps all others.
    /// `None`: the node does not exist.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn taint_node(&self, node: &str, set: &[Taint], remove: &[Taint]) -> Result<Option<()>> {
        let mut tried = 0;
        loop {
            tried += 1;
            let Some(object) = self.get(&Resource::NODE, None, node).await? else { return Ok(None) };
            let before = object.pointer("/spec/taints").and_then(Json::as_array).cloned().unwrap_or_default();
            let after = with_taints(&before, set, remove);
            if after == before {
                return Ok(Some(()));
            }
            let version = object.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
            let patch = json!({ "metadata": { "resourceVersion": version }, "spec": { "taints": after } });
            match self.merge(&Resource::NODE, None, node, patch).await {
                Ok(_) => return Ok(Some(())),
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) if *error.kind() == Kind::Changed && tried < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Deletes a node, and returns whether it existed.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn delete_node(&self, node: &str) -> Result<bool> {
        self.delete(&Resource::NODE, None, node).await
    }
}

/// The list of taints after a change. A taint is identified by key and effect.
fn with_taints(before: &[Json], set: &[Taint], remove: &[Taint]) -> Vec<Json> {
    let same = |one: &Json, other: &Taint| one["key"] == *other.key && one["effect"] == *other.effect;
    let written = |taint: &Taint| {
        let mut written = json!({ "key": taint.key, "effect": taint.effect });
        if let Some(value) = taint.value.as_ref().filter(|value| !value.is_empty()) {
            written["value"] = value.as_str().into();
        }
        written
    };
    let mut after: Vec<Json> = Vec::new();
    for taint in before {
        if let Some(wanted) = set.iter().find(|wanted| same(taint, wanted)) {
            let is_as_wanted =
                taint["value"].as_str().unwrap_or_default() == wanted.value.as_deref().unwrap_or_default();
            after.push(if is_as_wanted { taint.clone() } else { written(wanted) });
        } else if !remove.iter().any(|gone| same(taint, gone)) {
            after.push(taint.clone());
        }
    }
    for taint in set.iter().filter(|taint| !before.iter().any(|one| same(one, taint))) {
        after.push(written(taint));
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_of_others_are_kept() {
        let taint = |key: &str, value: Option<&str>, effect: &str| Taint {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            effect: effect.to_owned(),
        };
        let before = [
            json!({ "key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z" }),
            json!({ "key": "edge", "value": "a", "effect": "NoSchedule" }),
            json!({ "key": "old", "effect": "NoSchedule" }),
        ];
        let set = [taint("edge", Some("b"), "NoSchedule"), taint("edge", None, "NoExecute")];
        assert_eq!(
            with_taints(&before, &set, &[taint("old", None, "NoSchedule"), taint("old", None, "NoExecute")]),
            [
                before[0].clone(),
                json!({ "key": "edge", "effect": "NoSchedule", "value": "b" }),
                json!({ "key": "edge", "effect": "NoExecute" }),
            ]
        );
        // Equal ones are not written anew: their time stays.
        let same = [taint("node.kubernetes.io/not-ready", None, "NoExecute"), taint("edge", Some("a"), "NoSchedule")];
        assert_eq!(with_taints(&before, &same, &[]), before);
    }
}
