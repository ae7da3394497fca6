//! Field ownership: reads and corrects `metadata.managedFields`.
//!
//! Server-side apply reports who owns a field, and takes fields from others when forced. It cannot return them. To
//! restore an object, write the former value, and then the former owners to managedFields, as kubectl does when it
//! moves fields from one manager to another.
//! Source: Kubernetes documentation, Server-Side Apply, "Transferring ownership", and kubectl's csaupgrade.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::client::Client;
use super::error::{Kind, Result};
use super::object::Resource;

/// How often the list is rewritten if the object has changed since it was read.
const ATTEMPTS: u32 = 10;

/// One manager's ownership of a field and the fields below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The manager, such as `eks` or `kubectl-set`.
    pub manager: String,
    /// `Apply` or `Update`: the same name counts as two managers.
    pub operation: String,
    /// API version of the manager's write, such as `apps/v1`.
    pub api_version: String,
    /// Time of the manager's last write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The owned parts of the field, in `fieldsV1` format.
    pub fields: Json,
}

/// The `managedFields` of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(Vec<Json>);

impl Owners {
    /// The owners of an object. Entries of subresources are kept, and never changed.
    #[must_use]
    pub fn of(object: &Json) -> Self {
        Self(object.pointer("/metadata/managedFields").and_then(Json::as_array).cloned().unwrap_or_default())
    }

    /// Every claim on the field at `path` (`f:spec`, `k:{"name":"a"}`, …).
    #[must_use]
    pub fn claims(&self, path: &[&str]) -> Vec<Claim> {
        self.0
            .iter()
            .filter_map(|entry| {
                let text = |member: &str| entry[member].as_str().unwrap_or_default().to_owned();
                let fields = path.iter().try_fold(&entry["fieldsV1"], |at, step| at.get(*step))?;
                Some(Claim {
                    manager: text("manager"),
                    operation: text("operation"),
                    api_version: text("apiVersion"),
                    time: entry["time"].as_str().map(str::to_owned),
                    fields: fields.clone(),
                })
            })
            .collect()
    }

    /// Replaces all claims on the field at `path` with `claims`.
    pub fn restore(&mut self, path: &[&str], claims: &[Claim]) {
        self.release(path, |_| true);
        for claim in claims {
            let same = |entry: &Json| {
                entry["manager"] == claim.manager
                    && entry["operation"] == claim.operation
                    && entry["apiVersion"] == claim.api_version
                    && entry.get("subresource").is_none()
            };
            let found = self.0.iter().position(same);
            let index = found.unwrap_or_else(|| {
                let mut entry = json!({
                    "manager": claim.manager, "operation": claim.operation, "apiVersion": claim.api_version,
                    "fieldsType": "FieldsV1", "fieldsV1": {},
                });
                if let Some(time) = &claim.time {
                    entry["time"] = json!(time);
                }
                self.0.push(entry);
                self.0.len() - 1
            });
            let mut at = &mut self.0[index]["fieldsV1"];
            for step in path {
                if !at.is_object() {
                    *at = json!({});
                }
                at = &mut at[*step];
            }
            *at = claim.fields.clone();
        }
    }

    /// Removes the field at `path` from each manager for which `who` is true. Afterwards nobody owns it.
    pub fn release(&mut self, path: &[&str], who: impl Fn(&str) -> bool) {
        for entry in &mut self.0 {
            if entry["manager"].as_str().is_some_and(&who)
                && let Some(fields) = entry["fieldsV1"].as_object_mut()
            {
                remove(fields, path);
            }
        }
        self.0.retain(|entry| entry["fieldsV1"].as_object().is_none_or(|fields| !fields.is_empty()));
    }

    /// Removes every claim of a manager.
    pub fn dismiss(&mut self, manager: &str) {
        self.0.retain(|entry| entry["manager"] != manager);
    }
}

/// Removes the value at `path`, and every parent that is then empty.
fn remove(fields: &mut Map<String, Json>, path: &[&str]) {
    match path {
        [] => {}
        [last] => drop(fields.remove(*last)),
        [step, rest @ ..] => {
            let Some(inner) = fields.get_mut(*step).and_then(Json::as_object_mut) else { return };
            let before = inner.len();
            remove(inner, rest);
            if inner.is_empty() && before > 0 {
                fields.remove(*step);
            }
        }
    }
}

impl Client {
    /// Corrects the owners of an object's fields. `change` is called again if the object has changed in the meantime.
    /// An object that does not exist has no owners; one whose owners do not change is not written.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn change_owners(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        change: impl Fn(&mut Owners),
    ) -> Result<()> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Some(object) = self.get(resource, namespace, name).await? else { return Ok(()) };
            let before = Owners::of(&object);
            let mut after = before.clone();
            change(&mut after);
            // An empty list has no effect: the API server keeps the previous one.
            if after == before || after.0.is_empty() {
                return Ok(());
            }
            let patch = json!([
                { "op": "replace", "path": "/metadata/managedFields", "value": after.0 },
                { "op": "replace", "path": "/metadata/resourceVersion", "value": object["metadata"]["resourceVersion"] },
            ]);
            match self.json_patch(resource, namespace, name, patch).await {
                Err(error) if *error.kind() == Kind::Changed && attempts < ATTEMPTS => {}
                done => return done.map(drop),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: [&str; 3] = ["f:spec", "f:env", "k:{\"name\":\"A\"}"];

    fn object(entries: &Json) -> Json {
        json!({ "metadata": { "managedFields": entries } })
    }

    fn entry(manager: &str, operation: &str, fields: &Json) -> Json {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    }

    fn held(fields: &Json) -> Json {
        json!({ "f:spec": { "f:env": { "k:{\"name\":\"A\"}": fields } } })
    }

    #[test]
    fn a_field_that_was_taken_is_given_back() {
        let whole = json!({ ".": {}, "f:name": {}, "f:value": {} });
        let other = json!({ "f:metadata": { "f:labels": {} } });
        let mut eks = held(&whole);
        eks["f:metadata"] = other["f:metadata"].clone();
        let before =
            Owners::of(&object(&json!([entry("eks", "Apply", &eks), entry("kubectl", "Update", &held(&whole))])));
        let claims = before.claims(&PATH);
        let told: Vec<_> = claims.iter().map(|claim| (claim.manager.as_str(), claim.operation.as_str())).collect();
        assert_eq!(told, [("eks", "Apply"), ("kubectl", "Update")]);

        // The result of a forced apply: the value is ours, the others keep the rest, or own nothing any more.
        let mut rest = held(&json!({ ".": {}, "f:name": {} }));
        rest["f:metadata"] = other["f:metadata"].clone();
        let ours = entry("ekshybrid", "Apply", &held(&whole));
        let mut after = Owners::of(&object(&json!([entry("eks", "Apply", &rest), ours])));
        after.dismiss("ekshybrid");
        after.restore(&PATH, &claims);
        assert_eq!(after, before);
    }

    #[test]
    fn release_leaves_no_empty_husks() {
        let mut owners = Owners::of(&object(&json!([
            entry("kubectl-set", "Update", &held(&json!({ "f:value": {} }))),
            entry("eks", "Apply", &held(&json!({ "f:value": {} }))),
        ])));
        owners.release(&PATH, |manager| manager.starts_with("kubectl"));
        assert_eq!(owners, Owners::of(&object(&json!([entry("eks", "Apply", &held(&json!({ "f:value": {} })))]))));
        // A path that nobody owns changes nothing.
        let before = owners.clone();
        owners.release(&["f:spec", "f:none"], |_| true);
        assert_eq!(owners, before);
    }

    #[test]
    fn entries_of_subresources_are_not_written_to() {
        let status = json!({
            "manager": "eks", "operation": "Apply", "apiVersion": "apps/v1", "subresource": "status",
            "fieldsType": "FieldsV1", "fieldsV1": { "f:status": {} },
        });
        let mut owners = Owners::of(&object(&json!([status])));
        let claim = Claim {
            manager: "eks".to_owned(),
            operation: "Apply".to_owned(),
            api_version: "apps/v1".to_owned(),
            time: None,
            fields: json!({ "f:value": {} }),
        };
        owners.restore(&PATH, &[claim]);
        assert_eq!(owners.0.len(), 2);
        assert_eq!(owners.0[0], status);
        assert_eq!(owners.0[1]["fieldsV1"], held(&json!({ "f:value": {} })));
    }
}
