//! What identifies a release: its version, its images, a checksum that ignores certificates, and the values that may be
//! shown.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use helm::{Chart, Data, Map, Release};
use names::Sha256;
use serde_json::Value as Json;

use crate::charts::images;
use crate::cni::cilium;
use crate::kube::release::Objects;

const MASK: &str = "[generated]";

/// All images of a rendered chart or of a release, including its hooks.
pub(crate) fn images(objects: &Objects) -> BTreeSet<String> {
    images::of(objects.all())
}

/// SHA-256 of the objects, without what each rendering generates anew: the data of Secrets, certificates and keys.
pub(crate) fn digest(objects: &Objects) -> String {
    sum(objects, mask)
}

/// SHA-256 of the objects without certificates and keys only, so that other data in a Secret changes the fingerprint.
pub(crate) fn fingerprint(objects: &Objects) -> String {
    sum(objects, |object| mask_texts(object, ""))
}

fn sum(objects: &Objects, mask: fn(&mut Json)) -> String {
    let masked = |object: &Json| {
        let mut object = object.clone();
        mask(&mut object);
        object.to_string()
    };
    let all = objects.manifests().map(masked).collect::<Vec<_>>().join("\n");
    Sha256::of(all.as_bytes()).hex()
}

/// The version of Cilium or Calico that a chart states.
pub(crate) fn app_version(chart: &Chart) -> Option<String> {
    Some(chart.metadata.app_version.clone()).filter(|version| !version.is_empty())
}

/// The minor version of a version.
pub(crate) fn minor_of(version: &str) -> String {
    cilium::minor(version).unwrap_or_else(|| version.to_owned())
}

/// The minor version that was installed first, as passed to an upgrade.
pub(crate) fn first_minor(release: &Release) -> String {
    match release.config.get("upgradeCompatibility").and_then(Data::as_text) {
        Some(minor) => minor.to_owned(),
        None => minor_of(&release.chart.metadata.version),
    }
}

fn mask(object: &mut Json) {
    if object["kind"] == "Secret" {
        for member in ["data", "stringData"] {
            for value in
                object.get_mut(member).and_then(Json::as_object_mut).into_iter().flat_map(|map| map.values_mut())
            {
                *value = MASK.into();
            }
        }
    }
    mask_texts(object, "");
}

fn mask_texts(value: &mut Json, key: &str) {
    match value {
        Json::String(text) if key == "caBundle" || is_generated(text) => MASK.clone_into(text),
        Json::Array(items) => items.iter_mut().for_each(|item| mask_texts(item, "")),
        Json::Object(map) => map.iter_mut().for_each(|(key, value)| mask_texts(value, key)),
        _ => {}
    }
}

/// A certificate or key in PEM, or its base64 encoding.
fn is_generated(text: &str) -> bool {
    const BEGIN: &str = "-----BEGIN ";
    // The start of `-----BEGIN ` in base64: the rest need not be decoded.
    let encoded = || text.starts_with("LS0tLS1CRUdJTi") && STANDARD.decode(text.trim()).is_ok();
    text.trim_start().starts_with(BEGIN) || encoded()
}

/// Values as YAML; empty for none.
pub(crate) fn yaml(values: &Map) -> String {
    let json = Json::from(&Data::Map(values.clone()));
    // A tree of strings and numbers can always be written as YAML.
    serde_saphyr::to_string(&json).unwrap_or_default()
}

/// Values without the ones that `hidden` sets.
pub(crate) fn without(values: &Map, hidden: &Map) -> Map {
    values
        .iter()
        .filter_map(|(key, value)| {
            let left = match (value, hidden.get(key)) {
                (Data::Map(inner), Some(Data::Map(hidden))) => {
                    let left = without(inner, hidden);
                    if left.is_empty() {
                        return None;
                    }
                    Data::Map(left)
                }
                (_, Some(_)) => return None,
                (value, None) => value.clone(),
            };
            Some((key.clone(), left))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use helm::{Rendered, Values};

    use super::*;
    use crate::kube::release::Rendition;

    fn objects(text: &str) -> Objects {
        let rendered = Rendered::of_manifest(Chart::default(), "c/templates/a.yaml", text.to_owned()).expect("YAML");
        Arc::unwrap_or_clone(Rendition::as_written(rendered, None).expect("YAML").objects)
    }

    fn values(text: &str) -> Map {
        Values::from_yaml(text).expect(text).as_map().clone()
    }

    #[test]
    fn hidden_values_are_left_out() {
        let all = values("a: {secret: x, shown: 1}\nb: [1]\nc: {secret: y}\n");
        let hidden = values("a: {secret: z}\nc: {secret: w}\n");
        assert_eq!(without(&all, &hidden), values("a: {shown: 1}\nb: [1]\n"));
    }

    #[test]
    fn yaml_reads_back() {
        let all = values(
            "ipam: {mode: cluster-pool, size: 25, ratio: 0.5}\nlist: ['a: b', 'true', 'y', 'no', 'on', '012', '0x1f', '1e3', '~', 'null', '1_000', '2001-01-01', '']\n",
        );
        let text = yaml(&all);
        assert_eq!(values(&text), all, "{text}");
        assert!(text.contains("size: 25\n"), "{text}");
    }

    #[test]
    fn certificates_change_no_checksum() {
        let manifest = |secret: &str, bundle: &str, pem: &str, image: &str| {
            format!(
                "---\nkind: Secret\napiVersion: v1\ndata: {{tls.key: {secret}}}\n---\nkind: ConfigMap\napiVersion: v1\ndata:\n  ca.crt: |\n    -----BEGIN CERTIFICATE-----\n    {pem}\n---\nkind: ValidatingWebhookConfiguration\nwebhooks: [{{clientConfig: {{caBundle: {bundle}}}}}]\n---\nkind: Pod\nspec: {{containers: [{{image: {image}}}]}}\n"
            )
        };
        let digest = |text: String| super::digest(&objects(&text));
        let one = digest(manifest("YQ==", "Yg==", "AAAA", "i:1"));
        assert_eq!(digest(manifest("Yw==", "ZA==", "BBBB", "i:1")), one);
        assert_ne!(digest(manifest("YQ==", "Yg==", "AAAA", "i:2")), one);
        assert_eq!(one.len(), 64);
        // A password is not a certificate.
        let secret = |value: &str| fingerprint(&objects(&manifest(value, "Yg==", "AAAA", "i:1")));
        assert_ne!(secret("YQ=="), secret("Yw=="));
        let key = |text: &str| secret(&STANDARD.encode(format!("-----BEGIN PRIVATE KEY-----\n{text}\n")));
        assert_eq!(key("a"), key("b"));
    }

    #[test]
    fn a_key_that_appears_twice_counts_once() {
        let pod = |labels: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{labels: {{{labels}}}}}\nspec: {{containers: [{{image: i}}]}}\n"
            )
        };
        let (twice, once) = (objects(&pod("a: x, a: y")), objects(&pod("a: y")));
        assert_eq!(digest(&twice), digest(&once));
        assert_ne!(digest(&twice), digest(&objects(&pod("a: z"))));
        assert_eq!(images(&twice), BTreeSet::from(["i".to_owned()]));
    }
}
