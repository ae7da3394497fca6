//! Which nodes to annotate, and which to release: decided from a listing, without I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes::ObjectName;
use crate::kube::Annotated;

/// The label that the VPC CNI reads before any annotation. Source: GetNodeSpecificENIConfigName in pkg/eniconfig of
/// amazon-vpc-cni-k8s.
pub(in crate::resources::eniconfig_binding) const LABEL: &str = "vpc.amazonaws.com/externalEniConfig";

/// Which nodes are selected.
#[derive(Clone, Copy, Debug)]
pub(in crate::resources::eniconfig_binding) enum Selection<'a> {
    /// Those with all of these labels.
    Labels(&'a BTreeMap<String, String>),
    /// Those with these names.
    Names(&'a BTreeSet<ObjectName>),
}

impl Selection<'_> {
    fn chooses(self, node: &Annotated) -> bool {
        match self {
            Self::Labels(labels) => labels.iter().all(|(key, value)| node.labels.get(key) == Some(value)),
            Self::Names(names) => names.iter().any(|name| name.as_str() == node.name),
        }
    }
}

/// The work to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::resources::eniconfig_binding) struct Work {
    /// Already annotated as requested.
    pub(in crate::resources::eniconfig_binding) bound: BTreeSet<String>,
    /// To be annotated.
    pub(in crate::resources::eniconfig_binding) bind: Vec<Annotated>,
    /// Annotated by this binding, and no longer selected.
    pub(in crate::resources::eniconfig_binding) free: Vec<Annotated>,
    /// Annotated with another value by someone else: name and value.
    pub(in crate::resources::eniconfig_binding) foreign: Vec<(String, String)>,
    /// Selected by name, and missing.
    pub(in crate::resources::eniconfig_binding) absent: BTreeSet<String>,
    /// Selected, but with a label that takes precedence over the annotation and names another ENIConfig: name and
    /// label value.
    pub(in crate::resources::eniconfig_binding) labelled: BTreeMap<String, String>,
}

impl Work {
    /// `wanted` is the annotation's value; `bound` are the nodes that this binding has already annotated with it.
    pub(in crate::resources::eniconfig_binding) fn of(
        nodes: Vec<Annotated>,
        selection: Selection<'_>,
        wanted: &str,
        bound: &BTreeSet<String>,
    ) -> Self {
        let mut work = Self::default();
        if let Selection::Names(names) = selection {
            work.absent = names.iter().map(|name| name.as_str().to_owned()).collect();
        }
        for node in nodes {
            work.absent.remove(&node.name);
            if let Some(label) = node.labels.get(LABEL).filter(|label| *label != wanted && selection.chooses(&node)) {
                work.labelled.insert(node.name.clone(), label.clone());
            }
            match (&node.value, selection.chooses(&node)) {
                (Some(value), true) if value == wanted => drop(work.bound.insert(node.name)),
                (None, true) => work.bind.push(node),
                (Some(value), true) => work.foreign.push((node.name, value.clone())),
                (Some(value), false) if value == wanted && node.ours && bound.contains(&node.name) => {
                    work.free.push(node);
                }
                (_, false) => {}
            }
        }
        work
    }

    /// Nodes not in the requested state: those to annotate, those to release, and those annotated by others.
    pub(in crate::resources::eniconfig_binding) fn pending(&self) -> BTreeSet<String> {
        let names = self.bind.iter().chain(&self.free).map(|node| node.name.clone());
        names.chain(self.foreign.iter().map(|(name, _)| name.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use framework::model::Text;

    use super::*;

    fn node(name: &str, zone: &str, value: Option<&str>, ours: bool) -> Annotated {
        Annotated {
            name: name.to_owned(),
            labels: BTreeMap::from([("zone".to_owned(), zone.to_owned())]),
            value: value.map(str::to_owned),
            ours,
            ..Annotated::default()
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn told(nodes: &[Annotated]) -> Vec<&str> {
        nodes.iter().map(|node| node.name.as_str()).collect()
    }

    #[test]
    fn each_node_is_judged_by_selection_and_value() {
        let labels = BTreeMap::from([("zone".to_owned(), "a".to_owned())]);
        let bound = names(&["bound", "moved", "retaken", "taken", "gone"]);
        let nodes = vec![
            node("joined", "a", None, false),
            node("bound", "a", Some("pods"), true),
            node("by-others", "a", Some("pods"), false),
            node("taken", "a", Some("other"), false),
            node("moved", "b", Some("pods"), true),
            node("unknown", "b", Some("pods"), true),
            node("retaken", "b", Some("other"), false),
            node("elsewhere", "b", None, false),
        ];
        let work = Work::of(nodes, Selection::Labels(&labels), "pods", &bound);
        assert_eq!(work.bound, names(&["bound", "by-others"]));
        assert_eq!(told(&work.bind), ["joined"]);
        assert_eq!(told(&work.free), ["moved"]);
        assert_eq!(work.foreign, [("taken".to_owned(), "other".to_owned())]);
        assert_eq!(work.pending(), names(&["joined", "moved", "taken"]));
    }

    #[test]
    fn named_nodes_that_are_not_there_are_told() {
        let wanted: BTreeSet<ObjectName> = ["here", "gone"].map(|name| ObjectName::parse(name).expect("a name")).into();
        let nodes = vec![node("here", "a", None, false), node("other", "a", None, false)];
        let work = Work::of(nodes, Selection::Names(&wanted), "pods", &BTreeSet::new());
        assert_eq!((told(&work.bind), work.absent), (vec!["here"], names(&["gone"])));
    }

    #[test]
    fn what_others_wrote_is_not_freed() {
        let labels = BTreeMap::from([("zone".to_owned(), "a".to_owned())]);
        let bound = names(&["n"]);
        let nodes = vec![node("n", "b", Some("x"), false)];
        let work = Work::of(nodes, Selection::Labels(&labels), "x", &bound);
        assert_eq!(work, Work::default());
    }
}
