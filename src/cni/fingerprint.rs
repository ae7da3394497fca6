//! What identifies a release: its images, a checksum that ignores certificates, and the values that may be shown.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use framework::diagnostic::{Diagnostic, Result};
use helm::{Data, Map, Release};
use names::Sha256;
use serde_json::Value as Json;

use crate::charts::images;

const MASK: &str = "[generated]";

/// All images of a release, including its hooks.
///
/// # Errors
/// As [`images_of`].
pub(crate) fn images(release: &Release) -> Result<BTreeSet<String>> {
    let hooks = release.hooks.iter().map(|run| run.hook.manifest.as_str());
    images_of(std::iter::once(release.manifest.as_str()).chain(hooks))
}

/// Images in manifests.
///
/// # Errors
/// If a text is not YAML: an empty set would mean no images rather than unknown ones.
pub(crate) fn images_of<'a>(texts: impl Iterator<Item = &'a str>) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for text in texts {
        found.extend(images::of(&objects(text)?));
    }
    Ok(found)
}

/// Objects in rendered text.
///
/// # Errors
/// If the text is not YAML.
pub(crate) fn objects(manifest: &str) -> Result<Vec<Json>> {
    images::parse(manifest).map_err(|error| {
        Diagnostic::error(
            "Could not read the manifests of the CNI",
            format!(
                "In what its chart renders to, or its release holds, {error}. Images, checksums and what is planned come from there, so nothing is assumed in its place.\n\nRender the chart with `helm template`, or look at the release with `helm get manifest`, and correct the chart or its values."
            ),
        )
        .into()
    })
}

/// SHA-256 of the objects, without what each rendering generates anew: the data of Secrets, certificates and keys.
///
/// # Errors
/// If the text is not YAML.
pub(crate) fn digest(manifest: &str) -> Result<String> {
    sum(manifest, mask)
}

/// SHA-256 of the objects without certificates and keys only, so that other data in a Secret changes the fingerprint.
///
/// # Errors
/// If the text is not YAML.
pub(crate) fn fingerprint(manifest: &str) -> Result<String> {
    sum(manifest, |object| mask_texts(object, ""))
}

fn sum(manifest: &str, mask: fn(&mut Json)) -> Result<String> {
    let mut objects = objects(manifest)?;
    objects.iter_mut().for_each(mask);
    let all = objects.iter().map(Json::to_string).collect::<Vec<_>>().join("\n");
    Ok(Sha256::of(all.as_bytes()).hex())
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
    use helm::Values;

    use super::*;

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
        let digest = |text: String| super::digest(&text).expect("YAML");
        let one = digest(manifest("YQ==", "Yg==", "AAAA", "i:1"));
        assert_eq!(digest(manifest("Yw==", "ZA==", "BBBB", "i:1")), one);
        assert_ne!(digest(manifest("YQ==", "Yg==", "AAAA", "i:2")), one);
        assert_eq!(one.len(), 64);
        // A password is not a certificate.
        let secret = |value: &str| fingerprint(&manifest(value, "Yg==", "AAAA", "i:1")).expect("YAML");
        assert_ne!(secret("YQ=="), secret("Yw=="));
        let key = |text: &str| secret(&STANDARD.encode(format!("-----BEGIN PRIVATE KEY-----\n{text}\n")));
        assert_eq!(key("a"), key("b"));
    }

    #[test]
    fn a_summary_that_cannot_be_made_is_an_error() {
        for text in ["a: b: c", "kind: A\n---\nkind: [", "kind: A\n--- kind: B\n"] {
            let faults = digest(text).expect_err(text);
            assert!(faults.0[0].detail().contains("the manifest is not valid YAML"), "{faults:?}");
            assert!(images_of(["kind: A", text].into_iter()).is_err() && fingerprint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_that_appears_twice_counts_once() {
        let pod = |labels: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{labels: {{{labels}}}}}\nspec: {{containers: [{{image: i}}]}}\n"
            )
        };
        let (twice, once) = (pod("a: x, a: y"), pod("a: y"));
        assert_eq!(digest(&twice).expect("YAML"), digest(&once).expect("YAML"));
        assert_ne!(digest(&twice).expect("YAML"), digest(&pod("a: z")).expect("YAML"));
        assert_eq!(images_of([twice.as_str()].into_iter()).expect("YAML"), BTreeSet::from(["i".to_owned()]));
    }
}
