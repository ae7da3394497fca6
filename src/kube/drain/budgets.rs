//! The PodDisruptionBudgets of the cluster, as far as they decide when an eviction is worth another attempt.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::kube::object::{labels, name};
use crate::kube::placement;
use crate::kube::watch::Seen;

/// A budget, by its UID.
#[derive(Clone, Debug)]
struct Budget {
    namespace: String,
    selector: Json,
    allowed: usize,
    /// Increases with each change of the budget.
    change: u64,
}

/// All budgets.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    all: BTreeMap<String, Budget>,
    changes: u64,
}

impl Budgets {
    /// Records what a watch shows, and returns the UIDs of the budgets that allow disruptions now, with their number.
    pub(super) fn see(&mut self, seen: Seen) -> Vec<(String, usize)> {
        let changed = match seen {
            Seen::All(objects) => {
                self.all.clear();
                objects
            }
            Seen::Changed(object) => vec![object],
            Seen::Deleted(object) => {
                // Its pods are free now.
                return self
                    .all
                    .remove(key(&object))
                    .map(|_| (key(&object).to_owned(), usize::MAX))
                    .into_iter()
                    .collect();
            }
        };
        let mut open = Vec::new();
        for object in changed {
            self.changes += 1;
            let allowed = object.pointer("/status/disruptionsAllowed").and_then(Json::as_u64).unwrap_or_default();
            let budget = Budget {
                namespace: object.pointer("/metadata/namespace").and_then(Json::as_str).unwrap_or_default().to_owned(),
                selector: object.pointer("/spec/selector").cloned().unwrap_or_default(),
                allowed: usize::try_from(allowed).unwrap_or(usize::MAX),
                change: self.changes,
            };
            if budget.allowed > 0 {
                open.push((key(&object).to_owned(), budget.allowed));
            }
            self.all.insert(key(&object).to_owned(), budget);
        }
        open
    }

    /// Number of the latest change.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether a budget selects a pod. One that was deleted selects all: which ones it did is not known any more.
    pub(super) fn selects(&self, budget: &str, pod: &Json) -> bool {
        self.all.get(budget).is_none_or(|budget| budget.selects(pod))
    }

    /// Whether a budget of the pod has changed since `change`, and allows a disruption now.
    pub(super) fn opened_since(&self, change: u64, pod: &Json) -> bool {
        self.all.values().any(|budget| budget.change > change && budget.allowed > 0 && budget.selects(pod))
    }
}

impl Budget {
    fn selects(&self, pod: &Json) -> bool {
        pod.pointer("/metadata/namespace").and_then(Json::as_str) == Some(&self.namespace)
            && placement::selects(&self.selector, &labels(pod))
    }
}

fn key(budget: &Json) -> &str {
    budget.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_else(|| name(budget))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn budget(name: &str, app: &str, allowed: u64) -> Json {
        json!({
            "metadata": { "namespace": "n", "name": name }, "spec": { "selector": { "matchLabels": { "app": app } } },
            "status": { "disruptionsAllowed": allowed },
        })
    }

    #[test]
    fn a_budget_that_opens_frees_its_own_pods() {
        let pod =
            |namespace: &str, app: &str| json!({ "metadata": { "namespace": namespace, "labels": { "app": app } } });
        let mut budgets = Budgets::default();
        assert!(budgets.see(Seen::All(vec![budget("a", "web", 0), budget("b", "db", 0)])).is_empty());
        let before = budgets.changes();
        assert!(!budgets.opened_since(before, &pod("n", "web")));
        assert_eq!(budgets.see(Seen::Changed(budget("a", "web", 2))), [("a".to_owned(), 2)]);
        for (namespace, app, expected) in [("n", "web", true), ("n", "db", false), ("m", "web", false)] {
            assert_eq!(budgets.opened_since(before, &pod(namespace, app)), expected, "{namespace} {app}");
            assert_eq!(budgets.selects("a", &pod(namespace, app)), expected, "{namespace} {app}");
        }
        assert!(!budgets.opened_since(budgets.changes(), &pod("n", "web")), "nothing has changed since");
        assert_eq!(budgets.see(Seen::Deleted(budget("a", "web", 0))), [("a".to_owned(), usize::MAX)]);
        assert!(budgets.selects("a", &pod("n", "web")));
    }
}
