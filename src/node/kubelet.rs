//! Labels, taints and additional kubelet flags of EC2 nodes.

use std::collections::BTreeMap;

use names::{LabelKey, LabelValue, Word as _};
use serde::ser::Serializer;

use super::shape::{Known, Reader, Shape, choice, object, text_of};
use super::tree::{Step, Tree};

object! {
    /// A taint that a node registers with.
    pub struct Taint (TaintDraft) {
        /// Key of the taint.
        pub key: LabelKey,
        /// Value of the taint. Default: none.
        pub value: Option<LabelValue>,
        /// Effect on pods that do not tolerate it.
        pub effect: TaintEffect,
    }
}

choice! {
    /// Effect of a taint on pods that do not tolerate it.
    pub enum TaintEffect {
        /// They are not scheduled on the node.
        NoSchedule = "NoSchedule",
        /// They are scheduled on the node only if no other node fits.
        PreferNoSchedule = "PreferNoSchedule",
        /// They are not scheduled on the node, and running ones are evicted.
        NoExecute = "NoExecute",
    }
}

/// Node labels that a kubelet is allowed to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLabels(BTreeMap<String, String>);

impl NodeLabels {
    /// The labels, by key.
    pub(in crate::node) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The flag for the labels, or `None` if there are none.
    pub(in crate::node) fn flag(&self) -> Option<String> {
        let labels: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!labels.is_empty()).then(|| format!("--node-labels={}", labels.join(",")))
    }
}

impl Shape for NodeLabels {
    type Draft = Self;

    fn noun() -> String {
        "map of string".to_owned()
    }

    fn rule() -> String {
        "labels that a kubelet may set: with `kubernetes.io` or `k8s.io` in the key, only those of \
         `node.kubernetes.io`, `kubelet.kubernetes.io` and the well-known ones"
            .to_owned()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        let Tree::Map(entries) = tree else {
            return reader.wrong_type("a map", tree);
        };
        let mut labels = BTreeMap::new();
        let mut later = false;
        let sound = reader.without_fault(|reader| {
            for (key, value) in entries {
                reader.inside(Step::Key(key.clone()), |reader| {
                    // A null label is not set, like a null attribute.
                    if *value == Tree::Null {
                        return;
                    }
                    check_label_key(key, reader);
                    // A label's value is always a string to the kubelet.
                    let value = match value {
                        Tree::Later => {
                            later = true;
                            return;
                        }
                        Tree::Number(text) => Some(text.clone()),
                        Tree::Bool(value) => Some(value.to_string()),
                        other => text_of(other, reader).map(str::to_owned),
                    };
                    if let Some(value) = value {
                        if let Err(invalid) = LabelValue::parse(&value) {
                            reader.fault(invalid.expected());
                        }
                        labels.insert(key.clone(), value);
                    }
                });
            }
        });
        match (sound, later) {
            (false, _) => Known::Faulty,
            (true, true) => Known::Later,
            (true, false) => Known::Ready(Self(labels)),
        }
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

/// Validates the value of `--node-labels`, for a flag given as text. As the kubelet reads it: empty text between two
/// commas is not a label, and a label without `=` has an empty value.
pub(in crate::node) fn check_labels_flag(labels: &str) -> Result<(), String> {
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        if LabelKey::parse(key).is_err() || LabelValue::parse(value).is_err() {
            return Err(format!("`{}` is not a label", label.escape_debug()));
        }
        if !kubelet_may_set(key) {
            return Err(format!("the kubelet refuses to start with the label `{key}`, whose key is for Kubernetes"));
        }
    }
    Ok(())
}

fn check_label_key(key: &str, reader: &mut Reader) {
    if LabelKey::parse(key).is_err() {
        reader.fault(format!("the key must be {}", <LabelKey as names::Word>::rule()));
    } else if !kubelet_may_set(key) {
        reader.fault(
            "the kubelet refuses to start with this label: keys under `kubernetes.io` and `k8s.io` are for Kubernetes, \
             set it on the Node in another way or use a domain of your own",
        );
    }
}

/// The rule of the kubelet's flag `--node-labels` (`cmd/kubelet/app/options` of github.com/kubernetes/kubernetes).
fn kubelet_may_set(key: &str) -> bool {
    const WELL_KNOWN: [&str; 11] = [
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    ];
    let Some((domain, _)) = key.split_once('/') else {
        return true;
    };
    let within = |outer: &str| domain.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !(within("kubernetes.io") || within("k8s.io"))
        || within("kubelet.kubernetes.io")
        || within("node.kubernetes.io")
        || WELL_KNOWN.contains(&key)
}

/// The flag for the taints, or `None` if there are none.
pub(in crate::node) fn taints_flag(taints: &[Taint]) -> Option<String> {
    let written = |taint: &Taint| {
        let value = taint.value.as_ref().map_or(String::new(), |value| format!("={}", value.as_str()));
        format!("{}{value}:{}", taint.key.as_str(), taint.effect.word())
    };
    let taints: Vec<String> = taints.iter().map(written).collect();
    (!taints.is_empty()).then(|| format!("--register-with-taints={}", taints.join(",")))
}
