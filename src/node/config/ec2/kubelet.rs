//! The `kubelet` part of a `NodeConfig`, including the maximum number of pods.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::super::KubeletConfiguration;
use crate::node::kubelet::{NodeLabels, Taint, check_labels_flag, taints_flag};
use crate::node::max_pods::{MaxPodsExpression, Whole};
use crate::node::shape::{Emitted, Known, Reader, object, text};

object! {
    check = check;
    /// Kubelet settings.
    pub struct Kubelet (KubeletDraft) {
        /// Maximum number of pods on the node, such as the result of the function `max_pods`: required for custom
        /// networking and prefix delegation, which nodeadm ignores. Sets `maxPods` in the kubelet's configuration, and
        /// an expression of the same number so that nodeadm reserves enough memory. Conflicts with
        /// `max_pods_expression`.
        pub max_pods: Option<Whole<1, 100_000>>,
        /// Computes the maximum number of pods on the node itself, for a launch template with several instance types.
        /// Variables: `default_enis` (interfaces of the type's default network card), `ips_per_eni` (IPv4 addresses per
        /// interface) and `max_pods` (the default number). With custom networking, use `((default_enis - 1) *
        /// (ips_per_eni - 1)) + 2`. Images before October 2025 ignore it.
        pub max_pods_expression: Option<MaxPodsExpression>,
        /// Labels of the node (`--node-labels`).
        pub node_labels: Option<NodeLabels>,
        /// Taints that the node registers with (`--register-with-taints`).
        pub node_taints: Option<Vec<Taint>>,
        /// Fields of `KubeletConfiguration`, spelled as there (`shutdownGracePeriod`), merged over nodeadm's defaults.
        pub config: Option<KubeletConfiguration>,
        /// Flags, appended to those that nodeadm sets. Each is one element, `--flag=value`, without spaces.
        pub flags: Option<Vec<KubeletFlag>>,
    }
}

text! {
    /// A kubelet flag.
    pub struct KubeletFlag;
    rule = "a flag in one piece such as `--v=4`, without spaces";
    check = |text| {
        // nodeadm joins the flags with spaces into one variable.
        let Some(flag) = text.strip_prefix("--") else {
            return Err(String::new());
        };
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(String::new());
        }
        match (name, value) {
            ("hostname-override", _) => {
                Err("the node may join only under the name that nodeadm gives it; for the instance's id set \
                     `InstanceIdNodeName` in `feature_gates`"
                    .to_owned())
            }
            ("node-labels", Some(labels)) => check_labels_flag(labels),
            _ => Ok(()),
        }
    };
}

impl KubeletFlag {
    fn is(&self, name: &str) -> bool {
        self.as_str().strip_prefix("--").and_then(|flag| flag.split('=').next()) == Some(name)
    }
}

fn check(draft: &KubeletDraft, reader: &mut Reader) {
    let flag = |name: &str| {
        let flags = draft.flags.ready().into_iter().flatten();
        flags.filter_map(Known::ready).any(|flag: &KubeletFlag| flag.is(name))
    };
    let configured = |field: &str| draft.config.ready().is_some_and(|config| config.has(field));
    let given = |known: Option<bool>| known == Some(true);

    // Later ones in this list take precedence: a flag overrides the configuration, which overrides the expression.
    let ways = [
        ("`max_pods`", given(draft.max_pods.given())),
        ("`max_pods_expression`", given(draft.max_pods_expression.given())),
        ("`maxPods` in `config`", configured("maxPods")),
        ("`--max-pods` in `flags`", flag("max-pods")),
    ];
    let ways: Vec<&str> = ways.into_iter().filter_map(|(way, given)| given.then_some(way)).collect();
    if ways.len() > 1 {
        reader.fault(format!("the most pods are given by {}; give one of them", ways.join(" and by ")));
    }
    for (attribute, given, name, field) in [
        ("node_labels", draft.node_labels.given(), "node-labels", None),
        ("node_taints", draft.node_taints.given(), "register-with-taints", Some("registerWithTaints")),
    ] {
        if given == Some(true) && flag(name) {
            reader.fault_at(&[attribute], format!("excludes `--{name}` in `flags`"));
        }
        if let (Some(true), Some(field)) = (given, field.filter(|field| configured(field))) {
            reader.fault_at(&[attribute], format!("excludes `{field}` in `config`"));
        }
    }
}

/// The part in nodeadm's format.
pub(super) struct Rendered<'a>(pub(super) &'a Kubelet);

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Kubelet { max_pods, max_pods_expression, node_labels, node_taints, config, flags } = self.0;
        let mut map = serializer.serialize_map(None)?;
        let config = match max_pods {
            Some(most) => Some(config.clone().unwrap_or_default().with_number("maxPods", most.number())),
            None => config.clone(),
        };
        if let Some(config) = &config {
            map.serialize_entry("config", &Emitted(config))?;
        }
        let labels = node_labels.as_ref().and_then(NodeLabels::flag);
        let taints = taints_flag(node_taints.as_deref().unwrap_or_default());
        let further = flags.iter().flatten().map(|flag| flag.as_str().to_owned());
        let flags: Vec<String> = labels.into_iter().chain(taints).chain(further).collect();
        if !flags.is_empty() {
            map.serialize_entry("flags", &flags)?;
        }
        // The kubelet uses `maxPods` from the configuration; nodeadm calculates reserved resources from the
        // expression.
        let expression = max_pods_expression.as_ref().map(|expression| expression.as_str().to_owned());
        if let Some(expression) = expression.or_else(|| max_pods.map(|most| most.number().to_string())) {
            map.serialize_entry("maxPodsExpression", &expression)?;
        }
        map.end()
    }
}
