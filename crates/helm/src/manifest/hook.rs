//! Hooks: objects that Helm creates around an install, upgrade, rollback or removal instead of keeping them.

use crate::data::Data;
use crate::error::Result;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say when")]
pub enum HookEvent {
    PreInstall,
    PostInstall,
    PreDelete,
    PostDelete,
    PreUpgrade,
    PostUpgrade,
    PreRollback,
    PostRollback,
    Test,
}

/// When a hook's object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say when")]
pub enum DeletePolicy {
    HookSucceeded,
    HookFailed,
    BeforeHookCreation,
}

/// When a hook's logs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say when")]
pub enum OutputLogPolicy {
    HookSucceeded,
    HookFailed,
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The object's name.
    pub name: String,
    /// The object's kind.
    pub kind: String,
    /// The template's path.
    pub path: String,
    /// The document's text.
    pub manifest: String,
    /// The events it runs at.
    pub events: Vec<HookEvent>,
    /// Its place among the hooks of one event; smaller runs earlier.
    pub weight: i64,
    /// When it is deleted; empty means before the next creation.
    pub delete_policies: Vec<DeletePolicy>,
    /// When its logs are shown.
    pub output_log_policies: Vec<OutputLogPolicy>,
}

impl HookEvent {
    const ALL: [(Self, &'static str); 9] = [
        (Self::PreInstall, "pre-install"),
        (Self::PostInstall, "post-install"),
        (Self::PreDelete, "pre-delete"),
        (Self::PostDelete, "post-delete"),
        (Self::PreUpgrade, "pre-upgrade"),
        (Self::PostUpgrade, "post-upgrade"),
        (Self::PreRollback, "pre-rollback"),
        (Self::PostRollback, "post-rollback"),
        (Self::Test, "test"),
    ];

    /// The name in annotations and in stored releases.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(event, _)| *event == self).map_or("", |(_, name)| name)
    }

    /// The event with this name; `test-success` is an old name of `test`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "test-success" {
            return Some(Self::Test);
        }
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(event, _)| *event)
    }
}

impl DeletePolicy {
    /// The name in annotations and in stored releases.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HookSucceeded => "hook-succeeded",
            Self::HookFailed => "hook-failed",
            Self::BeforeHookCreation => "before-hook-creation",
        }
    }

    /// The policy with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::HookSucceeded, Self::HookFailed, Self::BeforeHookCreation].into_iter().find(|p| p.name() == name)
    }
}

impl OutputLogPolicy {
    /// The name in annotations and in stored releases.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HookSucceeded => "hook-succeeded",
            Self::HookFailed => "hook-failed",
        }
    }

    /// The policy with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::HookSucceeded, Self::HookFailed].into_iter().find(|policy| policy.name() == name)
    }
}

impl Hook {
    /// The hook that a document declares; none where one of its events is unknown, as in Helm.
    pub(super) fn new(
        path: &str,
        manifest: String,
        events: &str,
        kind: &str,
        name: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let events: Option<Vec<HookEvent>> = names(events).map(|name| HookEvent::from_name(&name)).collect();
        let weight = annotations.get("helm.sh/hook-weight").map_or("", String::as_str);
        let listed = |key: &str| annotations.get(key).map(|value| names(value).collect()).unwrap_or_default();
        let policies: Vec<String> = listed("helm.sh/hook-delete-policy");
        let logs: Vec<String> = listed("helm.sh/hook-output-log-policy");
        Some(Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            path: path.to_owned(),
            manifest,
            events: events?,
            weight: weight.parse().unwrap_or(0),
            delete_policies: policies.iter().filter_map(|name| DeletePolicy::from_name(name)).collect(),
            output_log_policies: logs.iter().filter_map(|name| OutputLogPolicy::from_name(name)).collect(),
        })
    }

    /// The hooks of one event in the order in which they run: by weight, then by name, then by kind.
    #[must_use]
    pub fn for_event(hooks: &[Self], event: HookEvent) -> Vec<&Self> {
        let mut chosen: Vec<&Self> = hooks.iter().filter(|hook| hook.events.contains(&event)).collect();
        chosen.sort_by(|left, right| left.running_order(right));
        chosen
    }

    /// By weight, then by name; for a stable sort of what is sorted by kind.
    pub(crate) fn running_order(&self, other: &Self) -> Ordering {
        self.weight.cmp(&other.weight).then_with(|| self.name.cmp(&other.name))
    }

    /// The objects, with their numbers as YAML has them; a hook has one.
    ///
    /// # Errors
    /// [`Error::Manifest`](crate::Error::Manifest) if the text is not YAML.
    pub fn objects(&self) -> Result<Vec<Data>> {
        super::document::objects(&self.manifest).map_err(|error| super::broken(&self.path, error))
    }

    /// Whether a policy applies; without any, a hook is deleted before its next creation.
    #[must_use]
    pub fn has_delete_policy(&self, policy: DeletePolicy) -> bool {
        if self.delete_policies.is_empty() {
            return policy == DeletePolicy::BeforeHookCreation;
        }
        self.delete_policies.contains(&policy)
    }
}

fn names(list: &str) -> impl Iterator<Item = String> + '_ {
    list.split(',').map(|name| name.trim().to_lowercase())
}
