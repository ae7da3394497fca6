//! Labels, taints and further flags of the kubelet, as `bootstrap.sh` passes them on.
//!
//! The script writes them into a unit of systemd, `Environment='KUBELET_EXTRA_ARGS=…'`, from where they are split at
//! spaces into flags. So no flag may hold a space, a quote or a backslash, and a `%` has to be written twice.

use std::collections::BTreeMap;

use serde::ser::Serializer;

use crate::node::shape::{Known, Reader, Shape, choice, holds, object, text, text_of};
use crate::node::tree::{Step, Tree};

object! {
    /// A taint that a node registers with.
    pub struct Taint (TaintDraft) {
        /// Key of the taint.
        pub key: LabelKey,
        /// Value of the taint. Default: none.
        pub value: Option<LabelValue>,
        /// What becomes of pods that do not tolerate it.
        pub effect: TaintEffect,
    }
}

choice! {
    /// What becomes of pods that do not tolerate a taint.
    pub enum TaintEffect {
        /// They do not get onto the node.
        NoSchedule = "NoSchedule",
        /// They get onto the node when nothing else is left.
        PreferNoSchedule = "PreferNoSchedule",
        /// They do not get onto the node, and leave it.
        NoExecute = "NoExecute",
    }
}

text! {
    /// Key of a label or a taint.
    pub struct LabelKey;
    rule = "a key such as `example.com/rack`: an optional DNS name and `/`, then 1 to 63 letters, digits, `-`, `_` \
            and `.`, beginning and ending with a letter or digit";
    check = |text| holds(is_key(text));
}

text! {
    /// Value of a label or a taint.
    pub struct LabelValue;
    rule = "empty, or 1 to 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit";
    check = |text| holds(text.is_empty() || is_name(text));
}

text! {
    /// A flag of the kubelet.
    pub struct KubeletArgument;
    rule = "a flag in one piece such as `--system-reserved=memory=500Mi`, without spaces, quotes and backslashes";
    check = |text| {
        let splits = |letter: char| letter.is_whitespace() || letter.is_control() || "'\"\\".contains(letter);
        let name = text.strip_prefix("--").unwrap_or_default().split('=').next().unwrap_or_default();
        if text.contains(splits) || name.is_empty() {
            return Err(String::new());
        }
        match name {
            "max-pods" => Err("give `max_pods`".to_owned()),
            "node-labels" => Err("give `node_labels`".to_owned()),
            "register-with-taints" => Err("give `node_taints`".to_owned()),
            _ => Ok(()),
        }
    };
}

impl KubeletArgument {
    /// The flag as a unit of systemd has it, where `%` begins a specifier.
    pub(super) fn for_systemd(&self) -> String {
        self.as_str().replace('%', "%%")
    }
}

/// Labels of a node, of kinds that a kubelet may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLabels(BTreeMap<String, String>);

impl NodeLabels {
    /// The flag for the labels, or `None` when there is no label.
    pub(super) fn flag(&self) -> Option<String> {
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
                    check_label_key(key, reader);
                    if *value == Tree::Later {
                        later = true;
                    } else if let Some(value) = text_of(value, reader) {
                        if !value.is_empty() && !is_name(value) {
                            let value = value.escape_debug();
                            reader.fault(format!("must be {}, got `{value}`", LabelValue::rule()));
                        }
                        labels.insert(key.clone(), value.to_owned());
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

fn check_label_key(key: &str, reader: &mut Reader) {
    if !is_key(key) {
        reader.fault(format!("the key must be {}", LabelKey::rule()));
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

/// The flag for the taints, or `None` when there is none.
pub(super) fn taints_flag(taints: &[Taint]) -> Option<String> {
    let written = |taint: &Taint| {
        let value = taint.value.as_ref().map_or(String::new(), |value| format!("={}", value.as_str()));
        format!("{}{value}:{}", taint.key.as_str(), taint.effect.word())
    };
    let taints: Vec<String> = taints.iter().map(written).collect();
    (!taints.is_empty()).then(|| format!("--register-with-taints={}", taints.join(",")))
}

fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        None => is_name(text),
        Some((domain, name)) => domain.len() <= 253 && domain.split('.').all(is_dns_label) && is_name(name),
    }
}

fn is_name(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= 63 && ends(text.bytes().next()) && ends(text.bytes().last()) && text.bytes().all(letters)
}

fn is_dns_label(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(letters)
}
