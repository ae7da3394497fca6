//! Adopts the state of a `helm_release`, so that a `moved` block keeps the release and the network of its nodes.

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::MoveSource;
use serde_json::{Value as Json, json};

/// Builds the stub of a state from the Helm provider's resource; `None` if the source is of another type. The first
/// read completes it, as after an import: it takes the cluster from the provider's configuration, and refuses a
/// release of another chart than a CNI's.
pub(crate) fn from_helm(source: &MoveSource<'_>) -> Option<Result<Json>> {
    if source.type_name != "helm_release" || !source.provider.ends_with("/hashicorp/helm") {
        return None;
    }
    let text = |name: &str| source.state.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let Some(name) = text("name") else {
        let cause = "The state of the `helm_release` has no `name`.";
        return Some(Err(Diagnostic::error("State cannot be moved", cause)
            .remedy("Import the release instead.")
            .into()));
    };
    Some(Ok(json!({ "release_name": name, "release_namespace": text("namespace").unwrap_or("default") })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(provider: &str, type_name: &str, state: &Json) -> Option<Result<Json>> {
        from_helm(&MoveSource { provider, type_name, version: 1, state })
    }

    #[test]
    fn a_release_is_known_by_its_name_and_namespace() {
        const HELM: &str = "registry.terraform.io/hashicorp/helm";
        for (namespace, expected) in [(json!("kube-system"), "kube-system"), (Json::Null, "default")] {
            let state = json!({ "name": "cilium", "namespace": namespace, "chart": "cilium" });
            let moved = moved(HELM, "helm_release", &state).expect("its type").expect("a name");
            assert_eq!(moved, json!({ "release_name": "cilium", "release_namespace": expected }));
        }
        assert!(moved(HELM, "helm_release", &json!({})).expect("its type").is_err());
        assert!(moved(HELM, "helm_template", &json!({ "name": "a" })).is_none());
        assert!(moved("example.com/me/other", "helm_release", &json!({ "name": "a" })).is_none());
    }
}
