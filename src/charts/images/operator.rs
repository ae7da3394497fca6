//! Images that Calico's operator pulls by itself.
//!
//! No chart names them: each release of the operator has one release of Calico built in, and makes pods of it for its
//! own resources (`Installation`, `APIServer` and others), which are in the chart. Source: `pkg/components` and
//! `pkg/render` of github.com/tigera/operator at v1.34, v1.36, v1.38, v1.40 and v1.42, which are for Calico 3.28 to 3.32.

use std::collections::BTreeSet;

use serde_json::Value;

const GROUP: &str = "operator.tigera.io";
/// Minor versions of Calico 3 whose images are known.
const KNOWN: std::ops::RangeInclusive<u64> = 28..=32;
/// From here on images come from quay.io, before that from Docker Hub.
const FIRST_FROM_QUAY: (u64, u64) = (30, 4);

/// What an operator pulls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// The images.
    pub images: BTreeSet<String>,
    /// What else it pulls something for, and why that is not known, each as a clause.
    pub unknown: Vec<String>,
}

/// What Calico's operator pulls for its resources among `objects`, when it installs Calico `version` (`v3.29.2`).
/// Nothing where there are none.
#[must_use]
pub fn pulled<'o>(objects: impl IntoIterator<Item = &'o Value>, version: &str) -> Pulled {
    let own: Vec<&Value> = objects.into_iter().filter(|object| is_own(object)).collect();
    let mut pulled = Pulled::default();
    if own.is_empty() {
        return pulled;
    }
    let Some(patch) = known(version) else {
        pulled.unknown.push(format!("the operator's images for Calico `{version}` are not known to this provider"));
        return pulled;
    };
    let installation = own.iter().find(|object| object["kind"] == "Installation").map(|object| &object["spec"]);
    let settings = Settings::of(installation.unwrap_or(&Value::Null), version, patch);
    for object in own {
        let kind = object["kind"].as_str().unwrap_or_default();
        match names(kind, &object["spec"], patch) {
            Some(names) => pulled.images.extend(names.into_iter().map(|name| settings.image(name))),
            None => pulled.unknown.push(format!("what the operator pulls for a resource `{kind}` is not known")),
        }
    }
    pulled
}

fn is_own(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map(|(group, _)| group);
    group == Some(GROUP)
}

/// Minor and patch version, where its images are known.
fn known(version: &str) -> Option<(u64, u64)> {
    let numbers: Vec<u64> =
        version.strip_prefix('v').unwrap_or(version).split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [3, minor, patch] = numbers[..] else { return None };
    KNOWN.contains(&minor).then_some((minor, patch))
}

/// Names of the images that a resource of the operator makes it pull; `None` where that is not known.
fn names(kind: &str, spec: &Value, patch: (u64, u64)) -> Option<Vec<&'static str>> {
    let mut names = match kind {
        "Installation" => installation(spec),
        "APIServer" if patch.0 >= 32 => vec!["apiserver", "webhooks"],
        "APIServer" => vec!["apiserver"],
        "Goldmane" => vec!["goldmane"],
        "Whisker" => vec!["whisker", "whisker-backend"],
        "GatewayAPI" => vec!["envoy-gateway", "envoy-proxy", "envoy-ratelimit"],
        "ManagementClusterConnection" => vec!["guardian"],
        "Istio" => vec!["istio-pilot", "istio-install-cni", "istio-ztunnel", "istio-proxyv2"],
        // They make no pods.
        "ImageSet" | "TigeraStatus" => Vec::new(),
        _ => return None,
    };
    if spec["variant"] == "TigeraSecureEnterprise" {
        return None;
    }
    names.sort_unstable();
    Some(names)
}

fn installation(spec: &Value) -> Vec<&'static str> {
    let mut names = vec!["node", "cni", "kube-controllers", "typha"];
    if spec["flexVolumePath"] != "None" {
        names.push("pod2daemon-flexvol");
    }
    if spec["kubeletVolumePluginPath"] != "None" {
        names.extend(["csi", "node-driver-registrar"]);
    }
    if spec["certificateManagement"].is_object() {
        names.push("key-cert-provisioner");
    }
    if spec["calicoNetwork"]["windowsDataplane"] == "HNS" {
        names.extend(["node-windows", "cni-windows"]);
    }
    names
}

/// How the operator puts a reference together.
struct Settings<'a> {
    registry: String,
    path: &'a str,
    prefix: &'a str,
    version: &'a str,
    fips: bool,
}

impl<'a> Settings<'a> {
    fn of(spec: &'a Value, version: &'a str, patch: (u64, u64)) -> Self {
        // `UseDefault` is what the operator's reference calls nothing.
        let given = |name: &str| spec[name].as_str().filter(|text| !text.is_empty() && *text != "UseDefault");
        let registry = given("registry").unwrap_or(if patch >= FIRST_FROM_QUAY { "quay.io/" } else { "docker.io/" });
        Self {
            registry: registry.trim_end_matches('/').to_owned(),
            path: given("imagePath").unwrap_or("calico").trim_matches('/'),
            prefix: given("imagePrefix").unwrap_or_default(),
            version: version.strip_prefix('v').unwrap_or(version),
            fips: spec["fipsMode"] == "Enabled",
        }
    }

    fn image(&self, name: &str) -> String {
        const WITH_FIPS: [&str; 7] =
            ["node", "cni", "kube-controllers", "typha", "apiserver", "csi", "node-driver-registrar"];
        let Self { registry, path, prefix, version, fips } = self;
        let build = if *fips && WITH_FIPS.contains(&name) { "-fips" } else { "" };
        format!("{registry}/{path}/{prefix}{name}:v{version}{build}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own(kind: &str, spec: &Value) -> Value {
        json!({"apiVersion": "operator.tigera.io/v1", "kind": kind, "metadata": {"name": "default"}, "spec": spec})
    }

    fn images(objects: &[Value], version: &str) -> Vec<String> {
        let pulled = pulled(objects, version);
        assert!(pulled.unknown.is_empty(), "{pulled:?}");
        pulled.images.into_iter().collect()
    }

    #[test]
    fn an_installation() {
        let objects = [own("Installation", &json!({})), own("APIServer", &json!({})), json!({"kind": "ConfigMap"})];
        // What v1.36.5 has built in, without what is for Windows, FIPS and certificates.
        let mut expected: Vec<String> = [
            "apiserver",
            "cni",
            "csi",
            "kube-controllers",
            "node",
            "node-driver-registrar",
            "pod2daemon-flexvol",
            "typha",
        ]
        .map(|name| format!("docker.io/calico/{name}:v3.29.2"))
        .to_vec();
        expected.sort_unstable();
        assert_eq!(images(&objects, "v3.29.2"), expected);
        assert_eq!(images(&objects, "3.29.2"), expected);
        assert_eq!(images(&[], "v3.29.2"), [""; 0]);
    }

    #[test]
    fn settings_of_the_installation() {
        let without = json!({"flexVolumePath": "None", "kubeletVolumePluginPath": "None"});
        let with = |more: &Value| {
            let mut spec = without.clone();
            spec.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            images(&[own("Installation", &spec)], "v3.31.3")
        };
        let four = |begin: &str, end: &str| {
            ["cni", "kube-controllers", "node", "typha"].map(|name| format!("{begin}{name}:v3.31.3{end}")).to_vec()
        };
        assert_eq!(with(&json!({})), four("quay.io/calico/", ""));
        assert_eq!(with(&json!({"registry": "r.example/m/"})), four("r.example/m/calico/", ""));
        assert_eq!(with(&json!({"registry": "UseDefault", "fipsMode": "Enabled"})), four("quay.io/calico/", "-fips"));
        assert_eq!(with(&json!({"imagePath": "a/b", "imagePrefix": "x-"})), four("quay.io/a/b/x-", ""));
        let more = json!({"certificateManagement": {}, "calicoNetwork": {"windowsDataplane": "HNS"}});
        let more = with(&more);
        for name in ["key-cert-provisioner", "node-windows", "cni-windows"] {
            assert!(more.contains(&format!("quay.io/calico/{name}:v3.31.3")), "{name}: {more:?}");
        }
    }

    #[test]
    fn the_registry_moved_within_a_minor_version() {
        for (version, registry) in
            [("v3.28.0", "docker.io"), ("v3.30.3", "docker.io"), ("v3.30.4", "quay.io"), ("v3.32.1", "quay.io")]
        {
            assert_eq!(
                images(&[own("Goldmane", &json!({}))], version),
                [format!("{registry}/calico/goldmane:{version}")]
            );
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        for (version, kind, part) in [
            ("v3.27.0", "Installation", "`v3.27.0`"),
            ("v3.33.0", "Installation", "`v3.33.0`"),
            ("v3.29.0-rc1", "Installation", "`v3.29.0-rc1`"),
            ("v3.29.2", "LogStorage", "`LogStorage`"),
        ] {
            let pulled = pulled(&[own(kind, &json!({}))], version);
            assert_eq!(pulled.images.len(), 0, "{pulled:?}");
            assert!(pulled.unknown.len() == 1 && pulled.unknown[0].contains(part), "{pulled:?}");
        }
        let enterprise = pulled(&[own("Installation", &json!({"variant": "TigeraSecureEnterprise"}))], "v3.29.2");
        assert_eq!((enterprise.images.len(), enterprise.unknown.len()), (0, 1));
    }
}
