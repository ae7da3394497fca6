//! Adopts the state of an ENIConfig that was applied as a manifest, so that a `moved` block keeps the object.

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::MoveSource;
use serde_json::{Value as Json, json};

use crate::kube::Resource as ObjectKind;

/// Builds the stub of a state from `kubernetes_manifest` or `kubectl_manifest`; `None` if the source is of another type.
/// Neither records the cluster; the first read takes it from the provider's configuration.
pub(in crate::resources::eniconfig) fn from_manifest(source: &MoveSource<'_>) -> Option<Result<Json>> {
    let field = |object: &Json, pointer: &str| object.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
    let (version, kind, name) = match source.type_name {
        "kubernetes_manifest" if source.provider.ends_with("/hashicorp/kubernetes") => {
            let manifest = undressed(source.state.get("manifest").unwrap_or(&Json::Null));
            (field(manifest, "/apiVersion"), field(manifest, "/kind"), field(manifest, "/metadata/name"))
        }
        // Several registries have a fork of this provider under the same name.
        "kubectl_manifest" if source.provider.ends_with("/kubectl") => {
            let state = source.state;
            (field(state, "/api_version"), field(state, "/kind"), field(state, "/name"))
        }
        _ => return None,
    };
    let group = ObjectKind::ENI_CONFIG.api_version();
    let group = group.split_once('/').map_or("", |(group, _)| group);
    let is_eniconfig = kind.as_deref() == Some(&*ObjectKind::ENI_CONFIG.kind)
        && version.as_deref().and_then(|version| version.split_once('/')).is_some_and(|(of, _)| of == group);
    Some(match name.filter(|_| is_eniconfig) {
        Some(name) => Ok(json!({ "name": name })),
        None => Err(Diagnostic::error(
            "State cannot be moved",
            format!(
                "This `{}` is of kind `{}` and API version `{}`, not an ENIConfig.",
                source.type_name,
                kind.unwrap_or_default(),
                version.unwrap_or_default()
            ),
        )
        .remedy("Move only ENIConfigs to `ekshybrid_eniconfig`.")
        .into()),
    })
}

/// The value of a dynamic attribute, which states record together with its type.
fn undressed(attribute: &Json) -> &Json {
    match (attribute.get("type"), attribute.get("value")) {
        (Some(_), Some(value)) => value,
        _ => attribute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBERNETES: &str = "registry.terraform.io/hashicorp/kubernetes";

    fn moved(provider: &str, type_name: &str, state: &Json) -> Option<Result<Json>> {
        from_manifest(&MoveSource { provider, type_name, version: 1, state })
    }

    #[test]
    fn the_name_comes_from_the_manifest() {
        let manifest = json!({
            "apiVersion": "crd.k8s.amazonaws.com/v1alpha1",
            "kind": "ENIConfig",
            "metadata": { "name": "us-west-2a" },
            "spec": { "subnet": "subnet-1" },
        });
        let dynamic = json!({ "manifest": { "type": ["object", {}], "value": manifest } });
        let kubectl =
            json!({ "api_version": "crd.k8s.amazonaws.com/v1alpha1", "kind": "ENIConfig", "name": "us-west-2a" });
        for (provider, type_name, state) in [
            (KUBERNETES, "kubernetes_manifest", &json!({ "manifest": manifest })),
            (KUBERNETES, "kubernetes_manifest", &dynamic),
            ("registry.terraform.io/gavinbunney/kubectl", "kubectl_manifest", &kubectl),
            ("registry.terraform.io/alekc/kubectl", "kubectl_manifest", &kubectl),
        ] {
            let state = moved(provider, type_name, state).expect("its type").expect("an ENIConfig");
            assert_eq!(state, json!({ "name": "us-west-2a" }), "{type_name}");
        }
    }

    #[test]
    fn other_kinds_and_types_are_refused() {
        for manifest in [
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } }),
            json!({ "apiVersion": "example.com/v1", "kind": "ENIConfig", "metadata": { "name": "a" } }),
            json!({ "apiVersion": "crd.k8s.amazonaws.com/v1alpha1", "kind": "ENIConfig", "metadata": {} }),
            Json::Null,
        ] {
            let state = json!({ "manifest": manifest });
            assert!(moved(KUBERNETES, "kubernetes_manifest", &state).expect("its type").is_err(), "{state}");
        }
        assert!(moved(KUBERNETES, "kubernetes_config_map", &json!({})).is_none());
        assert!(moved("example.com/me/other", "kubernetes_manifest", &json!({})).is_none());
    }
}
