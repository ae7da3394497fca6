//! The object in the cluster: how it is written, and which parts of it are ours.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::attributes::{ObjectName, SecurityGroupId, SubnetId};
use crate::kube::{self, FIELD_MANAGER, FieldConflict, Resource};

/// Managers that rewrite whole objects repeatedly without server-side apply: fields they own are not manual changes.
const DECLARATIVE: [&str; 2] = ["kubectl-client-side-apply", "helm"];

/// An ENIConfig with every field that this provider manages.
pub(in crate::resources::eniconfig) fn written(
    name: &ObjectName,
    subnet: &SubnetId,
    groups: &BTreeSet<SecurityGroupId>,
    labels: Option<&BTreeMap<String, String>>,
) -> Json {
    let mut metadata = json!({ "name": name.as_str() });
    if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
        metadata["labels"] = json!(labels);
    }
    let groups: Vec<&str> = groups.iter().map(SecurityGroupId::as_str).collect();
    json!({
        "apiVersion": Resource::ENI_CONFIG.api_version(),
        "kind": Resource::ENI_CONFIG.kind,
        "metadata": metadata,
        "spec": { "subnet": subnet.as_str(), "securityGroups": groups },
    })
}

/// Whether `found` is what this provider wrote as `object`.
pub(in crate::resources::eniconfig) fn is_written(found: &Json, object: &Json) -> bool {
    let ours = entries(found).any(|(manager, operation)| manager == FIELD_MANAGER && operation == "Apply");
    ours && subnet(found) == subnet(object) && groups(found) == groups(object)
}

pub(in crate::resources::eniconfig) fn subnet(object: &Json) -> SubnetId {
    SubnetId::as_found(object.pointer("/spec/subnet").and_then(Json::as_str).unwrap_or_default())
}

pub(in crate::resources::eniconfig) fn groups(object: &Json) -> BTreeSet<SecurityGroupId> {
    let groups = object.pointer("/spec/securityGroups").and_then(Json::as_array).into_iter().flatten();
    groups.filter_map(Json::as_str).map(SecurityGroupId::as_found).collect()
}

/// The labels managed here: those configured, and those that this provider has written.
pub(in crate::resources::eniconfig) fn labels(
    object: &Json,
    configured: Option<&BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    let mut keys: BTreeSet<String> = configured.into_iter().flatten().map(|(key, _)| key.clone()).collect();
    for fields in kube::owned_by(object, FIELD_MANAGER) {
        let owned = fields.pointer("/f:metadata/f:labels").and_then(Json::as_object).into_iter().flatten();
        keys.extend(owned.filter_map(|(key, _)| key.strip_prefix("f:")).map(str::to_owned));
    }
    let ours: BTreeMap<String, String> =
        kube::labels(object).into_iter().filter(|(key, _)| keys.contains(key)).collect();
    // No labels and an empty map of labels are the same object; the configuration tells them apart.
    if ours.is_empty() { configured.filter(|labels| labels.is_empty()).cloned() } else { Some(ours) }
}

/// The managers of the object's fields, without this provider.
pub(in crate::resources::eniconfig) fn managers(object: &Json) -> Vec<String> {
    let mut managers: Vec<String> = entries(object).map(|(manager, _)| manager.to_owned()).collect();
    managers.sort();
    managers.dedup();
    managers.retain(|manager| manager != FIELD_MANAGER);
    managers
}

/// Whether all the conflicts are with manual changes (`kubectl edit`, `kubectl patch`): nobody repeats those, so the
/// plan that shows them may revert them.
pub(in crate::resources::eniconfig) fn are_by_hand(conflicts: &[FieldConflict], object: &Json) -> bool {
    !conflicts.is_empty()
        && conflicts.iter().all(|conflict| {
            let mut held = entries(object).filter(|(manager, _)| *manager == conflict.manager).peekable();
            held.peek().is_some()
                && held.all(|(manager, operation)| operation == "Update" && !DECLARATIVE.contains(&manager))
        })
}

fn entries(object: &Json) -> impl Iterator<Item = (&str, &str)> {
    let entries = object.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten();
    entries.filter_map(|entry| Some((entry["manager"].as_str()?, entry["operation"].as_str().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_labels_of_ours_are_seen() {
        let object = json!({ "metadata": {
            "labels": { "team": "net", "was-ours": "1", "foreign": "x" },
            "managedFields": [
                { "manager": "ekshybrid", "operation": "Apply", "fieldsV1": { "f:metadata": { "f:labels": { "f:was-ours": {} } } } },
                { "manager": "kubectl", "operation": "Update", "fieldsV1": { "f:metadata": { "f:labels": { "f:foreign": {} } } } },
            ],
        } });
        let none = BTreeMap::new();
        for (configured, expected) in [
            (None, Some(texts(&[("was-ours", "1")]))),
            (Some(texts(&[("team", "other"), ("missing", "m")])), Some(texts(&[("team", "net"), ("was-ours", "1")]))),
        ] {
            assert_eq!(labels(&object, configured.as_ref()), expected);
        }
        let bare = json!({ "metadata": { "labels": { "foreign": "x" } } });
        assert_eq!(labels(&bare, None), None);
        assert_eq!(labels(&bare, Some(&none)), Some(none.clone()));
        assert_eq!(labels(&bare, Some(&texts(&[("team", "net")]))), None);
    }

    #[test]
    fn changes_by_hand_are_told_from_other_managers() {
        let object = json!({ "metadata": { "managedFields": [
            { "manager": "ekshybrid", "operation": "Apply" },
            { "manager": "kubectl-edit", "operation": "Update" },
            { "manager": "argocd", "operation": "Apply" },
            { "manager": "kubectl-client-side-apply", "operation": "Update" },
        ] } });
        for (manager, by_hand) in
            [("kubectl-edit", true), ("argocd", false), ("kubectl-client-side-apply", false), ("nobody", false)]
        {
            let conflict = FieldConflict { manager: manager.to_owned(), field: ".spec.subnet".to_owned() };
            assert_eq!(are_by_hand(&[conflict], &object), by_hand, "{manager}");
        }
        assert_eq!(managers(&object), ["argocd", "kubectl-client-side-apply", "kubectl-edit"]);
    }
}
