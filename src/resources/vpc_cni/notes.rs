//! The previous values: kept in a private note, and in short form on the DaemonSet itself.
//!
//! The private note holds everything a destroy needs. The annotation on the object is what remains if a state is lost
//! or imported again: the managed variables and their previous values. It also reveals a second resource for the same
//! cluster.

use std::collections::BTreeMap;

use framework::note::{Note, Noted};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::daemon_set;
use super::settings::Wanted;
use super::{ManagedBy, Owner};
use crate::kube::Claim;
use crate::session::Context;

/// Key of the private note.
const NOTE: Note<Record> = Note::named("before");

/// The situation before the first write, and the owner through which the settings were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The mode that the configuration requested.
    pub(super) mode: ManagedBy,
    /// The owner through which the last write went.
    pub(super) owner: Owner,
    /// The add-on's configuration values as text, if the first write went through it; `None` if it had none.
    #[serde(default)]
    pub(super) configuration: Option<String>,
    /// Whether any write went through the add-on.
    #[serde(default)]
    pub(super) through_addon: bool,
    /// The variables that are managed.
    pub(super) variables: BTreeMap<String, Before>,
}

/// One variable before the first write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// Its entry in the DaemonSet; `None` if there was none.
    pub(super) entry: Option<Json>,
    /// The owners of that entry.
    #[serde(default)]
    pub(super) claims: Vec<Claim>,
    /// Its value in the add-on's configuration values; `None` if there was none.
    #[serde(default)]
    pub(super) configured: Option<Json>,
    /// Whether others lost ownership of the entry, so that the add-on could set it.
    #[serde(default)]
    pub(super) released: bool,
    /// The values that this resource has written or tried to write: any other value comes from others.
    #[serde(default)]
    pub(super) written: Vec<Option<String>>,
}

impl Record {
    pub(super) fn new(mode: ManagedBy, owner: Owner) -> Self {
        Self { mode, owner, configuration: None, through_addon: false, variables: BTreeMap::new() }
    }

    /// The record of this state; without one, what the object's annotation records.
    pub(super) fn of(cx: &Context, daemon_set: Option<&Json>, owner: Owner) -> Option<Self> {
        match cx.noted(&NOTE) {
            Noted::Says(record) => Some(record),
            Noted::Missing => Self::from_annotation(daemon_set?, owner),
        }
    }

    /// The record reconstructed from the annotation. The current values count as written by this resource, since
    /// nothing shows otherwise.
    fn from_annotation(daemon_set: &Json, owner: Owner) -> Option<Self> {
        let noted = daemon_set::note(daemon_set)?;
        let found = daemon_set::environment(daemon_set);
        let before = |(name, value): (String, Option<String>)| {
            let value = value.map(Json::from);
            let (entry, configured) = match owner {
                Owner::Addon => (daemon_set::entry(daemon_set, &name).cloned(), value),
                Owner::DaemonSet => (value.map(|value| serde_json::json!({ "name": name, "value": value })), None),
            };
            let written = vec![found.get(&name).cloned()];
            (name, Before { entry, configured, written, ..Before::default() })
        };
        let variables = noted.into_iter().map(before).collect();
        let through_addon = owner == Owner::Addon;
        Some(Self { mode: ManagedBy::Auto, owner, configuration: None, through_addon, variables })
    }

    /// The record, completed by the object's annotation: a run that was killed after its write has left no private
    /// note, only the annotation, which is written with the settings. So for previous values, the annotation takes
    /// precedence.
    pub(super) fn completed(mut self, daemon_set: &Json, owner: Owner) -> Self {
        let Some(noted) = Self::from_annotation(daemon_set, owner) else { return self };
        for (name, before) in noted.variables {
            let known = self.variables.get(&name).is_some_and(|known| known.told(self.owner) == before.told(owner));
            if !known {
                let written = self.variables.remove(&name).map(|known| known.written).unwrap_or_default();
                self.variables.insert(name, Before { written: [before.written, written].concat(), ..before });
            }
        }
        for (name, value) in daemon_set::written(daemon_set) {
            if let Some(before) = self.variables.get_mut(&name)
                && !before.wrote(value.as_deref())
            {
                before.written.push(value);
            }
        }
        self
    }

    /// Whether this resource has written, or tried to write, all of `wanted`.
    pub(super) fn has_written(&self, wanted: &Wanted) -> bool {
        wanted.iter().all(|(name, value)| self.variables.get(name).is_some_and(|before| before.wrote(value.as_deref())))
    }

    /// Stores it as a private note.
    pub(super) fn keep(&self, cx: &Context) {
        cx.note(&NOTE, self);
    }

    /// Records the current state of variables that are about to be written for the first time, and the values to be
    /// written.
    pub(super) fn remember(&mut self, wanted: &Wanted, daemon_set: &Json, configured: &BTreeMap<String, Json>) {
        for (name, value) in wanted {
            let before = self.variables.entry(name.clone()).or_insert_with(|| Before {
                entry: daemon_set::entry(daemon_set, name).cloned(),
                claims: daemon_set::claims(daemon_set, name),
                configured: configured.get(name).cloned(),
                ..Before::default()
            });
            if !before.written.contains(value) {
                before.written.push(value.clone());
            }
        }
    }

    /// The content of the annotation: each variable with its previous value where the owner keeps it.
    pub(super) fn note(&self) -> BTreeMap<&str, Option<&str>> {
        self.variables.iter().map(|(name, before)| (name.as_str(), before.told(self.owner))).collect()
    }

    /// Whether the annotation matches this record.
    pub(super) fn noted(&self, noted: &BTreeMap<String, Option<String>>) -> bool {
        self.note().into_iter().eq(noted.iter().map(|(name, value)| (name.as_str(), value.as_deref())))
    }

    /// The variables with the values last requested; `None` for those known only by name.
    pub(super) fn managed(&self) -> Wanted {
        let last = |before: &Before| before.written.last().cloned().flatten();
        self.variables.iter().map(|(name, before)| (name.clone(), last(before))).collect()
    }
}

impl Before {
    fn told(&self, owner: Owner) -> Option<&str> {
        match owner {
            Owner::Addon => self.configured.as_ref()?.as_str(),
            Owner::DaemonSet => self.entry.as_ref()?["value"].as_str(),
        }
    }

    /// The previous value in the DaemonSet.
    pub(super) fn value(&self) -> Option<&str> {
        self.entry.as_ref()?["value"].as_str()
    }

    /// Whether this resource has set the variable to `value`.
    pub(super) fn wrote(&self, value: Option<&str>) -> bool {
        self.written.iter().any(|written| written.as_deref() == value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn daemon_set(annotation: &Json, variables: &[(&str, &str)]) -> Json {
        let variables: Vec<Json> =
            variables.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        json!({
            "metadata": { "annotations": { "ekshybrid/vpc-cni": annotation.to_string() } },
            "spec": { "template": { "spec": { "containers": [{ "name": "aws-node", "env": variables }] } } },
        })
    }

    #[test]
    fn what_a_killed_run_has_noted_on_the_object_counts() {
        let mut record = Record::new(ManagedBy::Auto, Owner::DaemonSet);
        let claims = vec![Claim {
            manager: "eks".to_owned(),
            operation: "Apply".to_owned(),
            api_version: "apps/v1".to_owned(),
            time: None,
            fields: json!({}),
        }];
        let old = Before { claims: claims.clone(), written: vec![Some("1".to_owned())], ..Before::default() };
        record.variables.insert("WARM".to_owned(), old);
        let stale = Before { entry: Some(json!({ "name": "STALE", "value": "new" })), ..Before::default() };
        record.variables.insert("STALE".to_owned(), stale);
        let noted = json!({ "WARM": null, "SNAT": "false", "STALE": "old" });
        let now = daemon_set(&noted, &[("WARM", "2"), ("SNAT", "true"), ("STALE", "now")]);

        let record = record.completed(&now, Owner::DaemonSet);
        assert_eq!(
            record.variables["WARM"].claims, claims,
            "what is noted alike keeps what the annotation does not tell"
        );
        assert_eq!(record.variables["WARM"].written, [Some("1".to_owned())]);
        assert_eq!(record.variables["SNAT"].value(), Some("false"));
        assert!(record.variables["SNAT"].wrote(Some("true")));
        assert_eq!(record.variables["STALE"].value(), Some("old"));
        let wanted = |warm: &str| Wanted::from([("WARM".to_owned(), Some(warm.to_owned()))]);
        assert!(record.has_written(&wanted("1")) && !record.has_written(&wanted("2")));
    }

    #[test]
    fn what_a_killed_run_was_setting_through_the_addon_counts() {
        let mut record = Record::new(ManagedBy::Auto, Owner::Addon);
        record.variables.insert("WARM".to_owned(), Before { written: vec![Some("1".to_owned())], ..Before::default() });
        let mut now = daemon_set(&json!({ "WARM": null }), &[("WARM", "2")]);
        now["metadata"]["annotations"]["ekshybrid/vpc-cni-written"] =
            json!({ "WARM": "2", "OTHER": "x" }).to_string().into();
        let record = record.completed(&now, Owner::Addon);
        assert!(record.variables["WARM"].wrote(Some("1")) && record.variables["WARM"].wrote(Some("2")));
        assert!(!record.variables["WARM"].wrote(Some("3")), "somebody else's");
        assert!(!record.variables.contains_key("OTHER"), "nobody manages it here");
    }

    #[test]
    fn a_first_write_is_not_a_setting_of_before() {
        let mut record = Record::new(ManagedBy::Auto, Owner::DaemonSet);
        let now = daemon_set(&json!({ "SNAT": "false" }), &[("SNAT", "true")]);
        record = record.completed(&now, Owner::DaemonSet);
        record.remember(&Wanted::from([("SNAT".to_owned(), Some("true".to_owned()))]), &now, &BTreeMap::new());
        assert_eq!(record.variables["SNAT"].value(), Some("false"));
        assert_eq!(record.note(), BTreeMap::from([("SNAT", Some("false"))]));
    }
}
