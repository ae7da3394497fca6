//! The DaemonSet `kube-system/aws-node`: what is read from it, and who else sets its variables.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics};
use serde_json::{Value as Json, json};

use super::settings::{Wanted, attribute};
use crate::kube::{self, Claim, Client, FIELD_MANAGER, Owners, Resource};

pub(super) const NAMESPACE: &str = "kube-system";
/// Name of the DaemonSet and of its container.
pub(super) const NAME: &str = "aws-node";
/// Label selector of its pods.
pub(super) const PODS: &str = "k8s-app=aws-node";
/// Annotation with the managed variables and their previous values.
pub(super) const NOTE: &str = kube::VPC_CNI_MARK;

/// Annotation with the values that are being set through the add-on: EKS's own field does not show that they came from
/// this provider, and a killed run leaves no other record.
pub(super) const WRITTEN: &str = "ekshybrid/vpc-cni-written";

/// The DaemonSet; `None` if the cluster has none.
pub(super) async fn find(client: &Client) -> kube::Result<Option<Json>> {
    client.get(&Resource::DAEMON_SET, Some(NAMESPACE), NAME).await
}

/// The container aws-node.
pub(super) fn container(daemon_set: &Json) -> Option<&Json> {
    let containers = daemon_set.pointer("/spec/template/spec/containers")?.as_array()?;
    containers.iter().find(|container| container["name"] == NAME)
}

/// A variable's entry.
pub(super) fn entry<'a>(daemon_set: &'a Json, variable: &str) -> Option<&'a Json> {
    container(daemon_set)?["env"].as_array()?.iter().find(|entry| entry["name"] == variable)
}

/// All variables with a plain value, by name.
pub(super) fn environment(daemon_set: &Json) -> BTreeMap<String, String> {
    let entries = container(daemon_set).and_then(|container| container["env"].as_array()).into_iter().flatten();
    entries
        .filter(|entry| entry["valueFrom"].is_null())
        .filter_map(|entry| Some((entry["name"].as_str()?, entry["value"].as_str().unwrap_or_default())))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The content of the annotation: the managed variables with their previous values. `None` if none are managed.
pub(super) fn note(daemon_set: &Json) -> Option<BTreeMap<String, Option<String>>> {
    let text = kube::annotations(daemon_set).remove(NOTE)?;
    // Even if others wrote something else into it, it is managed.
    Some(serde_json::from_str(&text).unwrap_or_default())
}

/// The values last about to be set through the add-on.
pub(super) fn written(daemon_set: &Json) -> BTreeMap<String, Option<String>> {
    let text = kube::annotations(daemon_set).remove(WRITTEN);
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The path to a variable's entry in managedFields.
pub(super) fn path(variable: &str) -> [String; 7] {
    let key = |name: &str| format!("k:{}", json!({ "name": name }));
    let field = str::to_owned;
    [
        field("f:spec"),
        field("f:template"),
        field("f:spec"),
        field("f:containers"),
        key(NAME),
        field("f:env"),
        key(variable),
    ]
}

/// The same path, borrowed.
pub(super) fn borrowed(path: &[String; 7]) -> [&str; 7] {
    path.each_ref().map(String::as_str)
}

/// Owners of a variable's entry, except this provider.
pub(super) fn claims(daemon_set: &Json, variable: &str) -> Vec<Claim> {
    let mut claims = Owners::of(daemon_set).claims(&borrowed(&path(variable)));
    claims.retain(|claim| claim.manager != FIELD_MANAGER);
    claims
}

/// Whether this provider owns a variable's value.
pub(super) fn is_ours(daemon_set: &Json, variable: &str) -> bool {
    let claims = Owners::of(daemon_set).claims(&borrowed(&path(variable)));
    claims.iter().any(|claim| claim.manager == FIELD_MANAGER && claim.fields.get("f:value").is_some())
}

/// How to treat the manager of a value that is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// EKS, which writes a self-managed DaemonSet once and never again, and this provider.
    Free,
    /// A person at a command line: the value was intended, and nothing sets it again automatically.
    Person,
    /// A program that would set it again.
    Program,
}

fn holder(manager: &str) -> Holder {
    match manager {
        // The API server's name for whoever wrote before field managers were tracked.
        "eks" | FIELD_MANAGER | "before-first-apply" => Holder::Free,
        _ if manager.starts_with("kubectl") || matches!(manager, "eksctl" | "k9s") => Holder::Person,
        _ => Holder::Program,
    }
}

/// A variable to be changed although others own it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) variable: String,
    pub(super) manager: String,
    /// Its current value.
    value: String,
}

/// Variables whose values are to be changed, with their current owners: first those that may be adopted, with a
/// warning, then those that must not.
pub(super) fn held(daemon_set: &Json, wanted: &Wanted) -> (Vec<Held>, Vec<Held>) {
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let found = environment(daemon_set);
    for (variable, value) in wanted {
        let Some(now) = found.get(variable) else { continue };
        if value.as_ref() == Some(now) {
            continue;
        }
        for claim in claims(daemon_set, variable) {
            if claim.fields.get("f:value").is_none() {
                continue;
            }
            let held = Held { variable: variable.clone(), manager: claim.manager.clone(), value: now.clone() };
            match holder(&claim.manager) {
                Holder::Person if !taken.contains(&held) => taken.push(held),
                Holder::Program if !refused.contains(&held) => refused.push(held),
                Holder::Free | Holder::Person | Holder::Program => {}
            }
        }
    }
    (taken, refused)
}

impl Held {
    /// The field path, in the API server's notation.
    fn field(&self) -> String {
        format!(".spec.template.spec.containers[name=\"{NAME}\"].env[name=\"{}\"].value", self.variable)
    }

    pub(super) fn refusal(&self, cluster: &str) -> Diagnostic {
        Diagnostic::error(
            "Setting is managed by somebody else",
            format!(
                "Field `{}` of DaemonSet {NAMESPACE}/{NAME} in cluster `{cluster}` is `{}`, set by the field manager `{}`, which would set it back.\n\nNothing was changed.\n\nTake the variable out of what `{}` applies, or out of this configuration.",
                self.field(),
                self.value,
                self.manager,
                self.manager
            ),
        )
        .at(attribute(&self.variable))
    }

    pub(super) fn warning(&self, cluster: &str) -> Diagnostic {
        Diagnostic::warning(
            "A setting made by hand is overwritten",
            format!(
                "Field `{}` of DaemonSet {NAMESPACE}/{NAME} in cluster `{cluster}` was set to `{}` by `{}`. This configuration sets it from now on; a destroy puts back what was there before this resource.",
                self.field(),
                self.value,
                self.manager
            ),
        )
        .at(attribute(&self.variable))
    }
}

/// Faults of variables that take their value from elsewhere: a plain value in addition would make the object invalid.
pub(super) fn check_entries(daemon_set: &Json, wanted: &Wanted, cluster: &str) -> Diagnostics {
    let mut faults = Diagnostics::new();
    for variable in wanted.keys() {
        if entry(daemon_set, variable).is_some_and(|entry| !entry["valueFrom"].is_null()) {
            faults.push(
                Diagnostic::error(
                    "Variable takes its value from elsewhere",
                    format!("`{variable}` of DaemonSet {NAMESPACE}/{NAME} in cluster `{cluster}` has no text of its own but `valueFrom`, which this resource does not replace."),
                )
                .at(attribute(variable)),
            );
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(manager: &str, value: &str) -> Json {
        let fields = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": { "k:{\"name\":\"aws-node\"}": {
            "f:env": { "k:{\"name\":\"A\"}": { ".": {}, "f:name": {}, "f:value": {} } },
        } } } } } });
        json!({
            "metadata": { "managedFields": [{
                "manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields,
            }] },
            "spec": { "template": { "spec": { "containers": [
                { "name": "other", "env": [{ "name": "A", "value": "not this one" }] },
                { "name": "aws-node", "env": [{ "name": "A", "value": value }, { "name": "B", "valueFrom": {} }] },
            ] } } },
        })
    }

    #[test]
    fn who_is_in_the_way() {
        let wanted = |value: Option<&str>| Wanted::from([("A".to_owned(), value.map(str::to_owned))]);
        for (manager, value, taken, refused) in [
            ("eks", Some("2"), 0, 0),
            ("ekshybrid", Some("2"), 0, 0),
            ("kubectl-set", Some("2"), 1, 0),
            ("kubectl-set", Some("1"), 0, 0),
            ("kubectl-edit", None, 1, 0),
            ("argocd-controller", Some("2"), 0, 1),
            ("argocd-controller", Some("1"), 0, 0),
            ("helm", None, 0, 1),
        ] {
            let (told, faults) = held(&owned(manager, "1"), &wanted(value));
            assert_eq!((told.len(), faults.len()), (taken, refused), "{manager} {value:?}");
            for one in told.iter().chain(&faults) {
                for text in [one.refusal("workshop").detail(), one.warning("workshop").detail()] {
                    for part in [manager, "env[name=\"A\"].value", "`1`", "workshop"] {
                        assert!(text.contains(part), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn variables_are_read_from_the_right_container() {
        let object = owned("eks", "1");
        assert_eq!(environment(&object), BTreeMap::from([("A".to_owned(), "1".to_owned())]));
        assert_eq!(claims(&object, "A").len(), 1);
        assert!(claims(&object, "B").is_empty());
        let wanted = Wanted::from([("A".to_owned(), None), ("B".to_owned(), None)]);
        let faults = check_entries(&object, &wanted, "workshop");
        assert_eq!(faults.0.len(), 1);
        assert!(faults.0[0].detail().contains("`B`"));
    }
}
