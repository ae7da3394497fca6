//! Problems of an installation's pods that can be foreseen from the nodes at plan time.

use framework::diagnostic::Diagnostic;
use helm::{Hook, HookEvent};
use serde_json::Value as Json;

use crate::cni::product::{Product, Wanted};
use crate::kube::{placement::allows, release::Rendition};

/// What an installation would wait for in vain.
pub(crate) fn warnings(wanted: &Wanted, rendition: &Rendition, nodes: &[Json]) -> Vec<Diagnostic> {
    let apart = rendition.objects.manifests().find_map(|object| too_few_nodes(wanted, object, nodes));
    [apart, hooks_without_nodes(wanted, &rendition.rendered.hooks, nodes)].into_iter().flatten().collect()
}

/// A Deployment whose pods must each run on a different node, with more replicas than nodes: by default, Cilium's two
/// operators on one node.
fn too_few_nodes(wanted: &Wanted, object: &Json, nodes: &[Json]) -> Option<Diagnostic> {
    let spec = &object["spec"]["template"]["spec"];
    let apart = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"].as_array()?;
    if object["kind"] != "Deployment" || !apart.iter().any(|term| term["topologyKey"] == "kubernetes.io/hostname") {
        return None;
    }
    let replicas = usize::try_from(object["spec"]["replicas"].as_u64()?).ok()?;
    let count = nodes.iter().filter(|node| allows(spec, node)).count();
    // Without nodes, the apply does not wait for pods.
    if count == 0 || count >= replicas {
        return None;
    }
    let nodes = if count == 1 { "1 node is suitable".to_owned() } else { format!("{count} nodes are suitable") };
    let name = crate::kube::name(object);
    let (at, remedy) = match wanted.product {
        Product::Cilium(_) => (wanted.at("operator_replicas"), format!("Set `operator_replicas = {count}`")),
        Product::Operator(_) | Product::Manifest(_) => {
            (framework::path::Path::attribute(wanted.attribute()), "Lower the number of replicas".to_owned())
        }
    };
    Some(
        Diagnostic::warning(
            "More replicas than nodes",
            format!(
                "Deployment {name} has {replicas} replicas, each needs a node of its own, and {nodes}. The apply waits for the others until its timeout, and then fails.\n\n{remedy}, or add nodes first."
            ),
        )
        .at(at),
    )
}

/// The apply waits for hooks, regardless of `wait`.
fn hooks_without_nodes(wanted: &Wanted, hooks: &[Hook], nodes: &[Json]) -> Option<Diagnostic> {
    let runs = |hook: &&Hook| {
        matches!(hook.kind.as_str(), "Job" | "Pod")
            && hook.events.iter().any(|event| matches!(event, HookEvent::PreInstall | HookEvent::PostInstall))
    };
    let names: Vec<String> = hooks.iter().filter(runs).map(|hook| format!("{} {}", hook.kind, hook.name)).collect();
    (nodes.is_empty() && !names.is_empty()).then(|| {
        Diagnostic::warning(
            "Hooks need a node",
            format!(
                "The chart runs hooks when it is installed, and the cluster has no node yet: {}. The apply waits for them until its timeout, and then fails.\n\nAdd a node first, or turn off what needs the hooks in `values`.",
                names.join(", ")
            ),
        )
        .at(wanted.at("values"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cni::cilium::tests::plain;

    const HOST: &str = "kubernetes.io/hostname";

    fn wanted() -> Wanted {
        Wanted::new(Some(&plain()), None, None).expect("one of the two")
    }

    #[test]
    fn replicas_and_nodes() {
        let hybrid = json!({ "metadata": { "labels": { "type": "hybrid" } } });
        let cloud = json!({ "metadata": { "labels": {} } });
        let deployment = |replicas: u64, key: &str| {
            json!({
                "kind": "Deployment", "metadata": { "name": "cilium-operator" },
                "spec": { "replicas": replicas, "template": { "spec": {
                    "nodeSelector": { "type": "hybrid" },
                    "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{ "topologyKey": key }] } },
                } } },
            })
        };
        for (told, object, nodes) in [
            (true, deployment(2, HOST), vec![hybrid.clone(), cloud.clone()]),
            (true, deployment(3, HOST), vec![hybrid.clone(), hybrid.clone()]),
            (false, deployment(1, HOST), vec![hybrid.clone(), cloud.clone()]),
            (false, deployment(2, HOST), vec![hybrid.clone(), hybrid.clone()]),
            (false, deployment(2, HOST), vec![cloud]),
            (false, deployment(2, HOST), vec![]),
            (false, deployment(2, "topology.kubernetes.io/zone"), vec![hybrid.clone()]),
            (false, json!({ "kind": "ConfigMap" }), vec![hybrid]),
        ] {
            let found = too_few_nodes(&wanted(), &object, &nodes);
            assert_eq!(found.is_some(), told, "{object} {nodes:?}");
            assert!(found.is_none_or(|one| one.at.to_string() == "cilium.operator_replicas"));
        }
    }

    #[test]
    fn hooks_and_nodes() {
        let hook = |kind: &str, event: HookEvent| Hook {
            name: "check".to_owned(),
            kind: kind.to_owned(),
            path: String::new(),
            manifest: String::new(),
            events: vec![event],
            weight: 0,
            delete_policies: Vec::new(),
            output_log_policies: Vec::new(),
        };
        for (told, hook, nodes) in [
            (true, hook("Job", HookEvent::PreInstall), vec![]),
            (true, hook("Pod", HookEvent::PostInstall), vec![]),
            (false, hook("Job", HookEvent::PreInstall), vec![json!({})]),
            (false, hook("Job", HookEvent::PreDelete), vec![]),
            (false, hook("ConfigMap", HookEvent::PreInstall), vec![]),
        ] {
            let found = hooks_without_nodes(&wanted(), std::slice::from_ref(&hook), &nodes);
            assert_eq!(found.is_some(), told, "{hook:?}");
        }
    }
}
