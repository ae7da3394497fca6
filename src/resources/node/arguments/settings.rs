//! From the arguments to what nodeadm is run with. The rules are those of `node`, which also renders the NodeConfig.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::{Model, Secret, Text as _};
use framework::path::{Path, Step};
use framework::value::Value;

use names::{LabelKey, LabelValue, Word as _};

use super::Taint;
use crate::aws::eks::Cluster;
use crate::node::user_data::hybrid::{self, UserData};
use crate::node::{Parsed, Tree};
use crate::resources::node::Args;
use crate::session::place::Place;

/// What stands in a NodeConfig for the activation of a host that is registered already: nodeadm requires one, and does
/// not use it. Source: `internal/aws/ssm` of github.com/aws/eks-hybrid, "SSM agent already registered".
const UNUSED_ID: &str = "00000000-0000-0000-0000-000000000000";
const UNUSED_CODE: &str = "this-host-is-registered-already";

/// An activation's id and code.
#[derive(Clone, Debug)]
pub(in crate::resources::node) struct Activation {
    pub(in crate::resources::node) id: String,
    pub(in crate::resources::node) code: Secret<String>,
}

impl Activation {
    /// For a host that is registered.
    pub(in crate::resources::node) fn unused() -> Self {
        Self { id: UNUSED_ID.to_owned(), code: Secret::new(UNUSED_CODE.to_owned()) }
    }

    /// Whether it only stands for one.
    pub(in crate::resources::node) fn is_unused(&self) -> bool {
        self.id == UNUSED_ID
    }
}

/// Checks everything that is passed to nodeadm, as far as it is known.
pub(in crate::resources::node) fn check(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
    let attributes = Args::encode_planned(args);
    let cluster = map([
        ("name", attribute(&attributes, "cluster_name").or_later()),
        ("region", attribute(&attributes, "region").or_later()),
    ]);
    if let Err(found) = hybrid::parse(&tree(&attributes, cluster, None)) {
        for fault in &found {
            let (at, summary) = place_of(&fault.path);
            if at.is_root() {
                // Which of the credential providers is set is a rule of the arguments themselves.
                continue;
            }
            faults.push(Diagnostic::error(summary, format!("`{at}` {}.", fault.message)).at(at));
        }
    }
}

/// What nodeadm is run with. The cluster is described completely, so that nodeadm does not ask EKS: the host's role
/// needs no permission for that, and roles that only aws-auth maps can join.
///
/// # Errors
/// What nodeadm would refuse.
pub(in crate::resources::node) fn settings(
    args: &Args,
    place: &Place,
    cluster: &Cluster,
    activation: Option<&Activation>,
) -> Result<UserData, Diagnostics> {
    let text = |text: &str| Tree::Text(text.to_owned());
    let optional = |value: Option<&String>| value.map_or(Tree::Null, |value| Tree::Text(value.clone()));
    let cluster = map([
        ("name", text(place.cluster.as_str())),
        ("region", text(place.region.as_str())),
        ("api_server_endpoint", optional(cluster.endpoint.as_ref())),
        ("certificate_authority", optional(cluster.certificate_authority.as_ref())),
        ("cidr", optional(cluster.service_ipv4_cidr.as_ref())),
    ]);
    match hybrid::parse(&tree(&args.encode(), cluster, activation)) {
        Ok(Parsed::Ready(settings)) => Ok(settings),
        Ok(Parsed::Pending) => Err(Diagnostic::bug("A setting of nodeadm was still unknown at apply.").into()),
        Err(found) => {
            let explained = found.iter().map(|fault| {
                let (at, summary) = place_of(&fault.path);
                Diagnostic::error(summary, format!("`{at}` {}.", fault.message)).at(at)
            });
            Err(Diagnostics(explained.collect()))
        }
    }
}

trait OrLater {
    fn or_later(self) -> Tree;
}

impl OrLater for Tree {
    /// What the provider's configuration sets may be known only later.
    fn or_later(self) -> Tree {
        if self == Tree::Null { Tree::Later } else { self }
    }
}

fn attribute(attributes: &BTreeMap<String, Value>, name: &str) -> Tree {
    attributes.get(name).map_or(Tree::Null, Tree::from)
}

fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
    Tree::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn tree(attributes: &BTreeMap<String, Value>, cluster: Tree, activation: Option<&Activation>) -> Tree {
    let of = |name: &str| attribute(attributes, name);
    let ssm = match (of("ssm"), activation) {
        (Tree::Map(_), Some(activation)) => map([
            ("activation_id", Tree::Text(activation.id.clone())),
            ("activation_code", Tree::Text(activation.code.expose().clone())),
        ]),
        // The activation of a role is created by the apply.
        (Tree::Map(given), None) if given.get("iam_role").is_some_and(|role| *role != Tree::Null) => Tree::Later,
        (Tree::Map(mut given), None) => {
            given.remove("iam_role");
            Tree::Map(given)
        }
        (other, _) => other,
    };
    map([
        (
            "node_config",
            map([
                ("cluster", cluster),
                (
                    "hybrid",
                    map([
                        ("ssm", ssm),
                        ("iam_roles_anywhere", of("iam_roles_anywhere")),
                        ("enable_credentials_file", of("enable_credentials_file")),
                    ]),
                ),
                ("kubelet", kubelet(of("kubelet"), of("labels"), of("taints"))),
                (
                    "containerd",
                    match of("containerd_config") {
                        Tree::Null => Tree::Null,
                        config => map([("config", config)]),
                    },
                ),
            ]),
        ),
        ("kubernetes_version", of("kubernetes_version")),
        ("nodeadm", of("nodeadm")),
        ("containerd_source", of("containerd_source")),
        ("manifest_override", of("manifest_override")),
        ("private_mode", of("private_mode")),
        ("proxy", of("proxy")),
        ("skip_validations", of("skip_validations")),
    ])
}

/// The node registers with its labels and taints, so that no pod gets ahead of them.
fn kubelet(given: Tree, labels: Tree, taints: Tree) -> Tree {
    let (mut config, mut flags) = match given {
        Tree::Null => (Tree::Null, Tree::Null),
        Tree::Map(mut given) => {
            (given.remove("config").unwrap_or(Tree::Null), given.remove("flags").unwrap_or(Tree::Null))
        }
        other => return other,
    };
    let labels = match labels {
        Tree::Map(labels) => labels.into_iter().filter_map(|(key, value)| label(&key, value)).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    if !labels.is_empty() {
        let flag = Tree::Text(format!("--node-labels={}", labels.join(",")));
        match &mut flags {
            Tree::Null => flags = Tree::List(vec![flag]),
            Tree::List(flags) => flags.push(flag),
            _ => {}
        }
    }
    if let Tree::List(taints) = taints
        && !taints.is_empty()
    {
        let taints = Tree::List(taints.into_iter().map(without_nulls).collect());
        match &mut config {
            Tree::Null => config = map([("registerWithTaints", taints)]),
            Tree::Map(config) => drop(config.entry("registerWithTaints".to_owned()).or_insert(taints)),
            _ => {}
        }
    }
    match (&config, &flags) {
        (Tree::Null, Tree::Null) => Tree::Null,
        _ => map([("config", config), ("flags", flags)]),
    }
}

fn without_nulls(tree: Tree) -> Tree {
    match tree {
        Tree::Map(entries) => Tree::Map(entries.into_iter().filter(|(_, value)| *value != Tree::Null).collect()),
        other => other,
    }
}

/// A label as a kubelet's flag has it. Those under Kubernetes' own domains are set through the API server, because a
/// kubelet refuses to start with most of them.
fn label(key: &str, value: Tree) -> Option<String> {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let is_within = |outer: &str| domain == outer || domain.ends_with(&format!(".{outer}"));
    let Tree::Text(value) = value else { return None };
    let is_label = LabelKey::parse(key).is_ok() && LabelValue::parse(&value).is_ok();
    (is_label && !is_within("kubernetes.io") && !is_within("k8s.io")).then(|| format!("{key}={value}"))
}

/// Where a fault is in this resource's arguments.
fn place_of(path: &Path) -> (Path, &'static str) {
    let mut steps: Vec<Step> = path.0.clone();
    let is = |step: Option<&Step>, name: &str| matches!(step, Some(Step::Attribute(found)) if found == name);
    if is(steps.first(), "node_config") {
        steps.remove(0);
        if is(steps.first(), "hybrid") {
            steps.remove(0);
        } else if is(steps.first(), "cluster") {
            steps.remove(0);
            if is(steps.first(), "name") {
                steps[0] = Step::Attribute("cluster_name".to_owned());
            }
        } else if is(steps.first(), "containerd") {
            steps = vec![Step::Attribute("containerd_config".to_owned())];
        }
    }
    (Path(steps), "Invalid setting of nodeadm")
}

/// Taints as the cluster knows them.
pub(in crate::resources::node) fn taints<'a>(taints: impl IntoIterator<Item = &'a Taint>) -> Vec<crate::kube::Taint> {
    let one = |taint: &Taint| crate::kube::Taint {
        key: taint.key.as_str().to_owned(),
        value: taint.value.as_ref().map(|value| value.text().to_owned()),
        effect: taint.effect.text().to_owned(),
    };
    taints.into_iter().map(one).collect()
}
