//! Images of rendered manifests: which ones their pods run, and the same manifests with every image from a mirror.
//!
//! Read are the kinds of Kubernetes itself that hold pods. What Calico's operator makes of its own resources, such as an
//! `Installation`, is not in a manifest; `operator` knows it.

mod operator;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

pub use self::operator::{Pulled, pulled};
use super::error::{Error, Result};
use super::source::url_of_host;

/// A registry, and a path in it, from which images are taken instead of their own places.
///
/// The host of an image is replaced; its path, tag and digest stay: with `registry.example.com/mirror`,
/// `quay.io/cilium/cilium:v1.17.1@sha256:…` becomes `registry.example.com/mirror/cilium/cilium:v1.17.1@sha256:…`.
/// `nginx` is Docker Hub's `library/nginx`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mirror(String);

impl Mirror {
    /// Reads `HOST[:PORT][/PATH]`.
    ///
    /// # Errors
    /// [`Error::NoMirror`].
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |problem: &str| Err(Error::NoMirror { text: text.to_owned(), problem: problem.to_owned() });
        if text.contains("://") {
            return refuse("it is written without `https://` or `oci://`");
        }
        let place = text.trim_end_matches('/');
        let (host, path) = place.split_once('/').map_or((place, None), |(host, path)| (host, Some(path)));
        if !is_host(host) || url_of_host(host).is_none() {
            return refuse("it begins with the host of a registry, such as `registry.example.com:5000`");
        }
        let is_part = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'.' | b'_' | b'-');
        if path.is_some_and(|path| !path.split('/').all(|part| !part.is_empty() && part.bytes().all(is_part))) {
            return refuse(
                "the path behind the host holds lower case letters, digits and `.`, `_`, `-`, `/`, and no tag",
            );
        }
        Ok(Self(place.to_owned()))
    }

    /// The image's place in the mirror. An image already in the mirror stays as it is.
    #[must_use]
    pub fn place(&self, image: &str) -> String {
        if image.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/')) {
            return image.to_owned();
        }
        let (host, path) = split(image);
        let official = !path.contains('/') && matches!(host, None | Some("docker.io"));
        format!("{}/{}{path}", self.0, if official { "library/" } else { "" })
    }

    /// Gives every image of some objects its place in the mirror.
    pub fn rewrite(&self, objects: &mut [Value]) {
        for object in objects {
            for_each(object, &mut |image| *image = self.place(image));
        }
    }

    /// The same for the text of one manifest, of which everything else stays as it is, comments included.
    ///
    /// # Errors
    /// [`Error::NoManifest`] if the text is not YAML.
    pub fn rewrite_text(&self, text: &str) -> Result<String> {
        let before = parse(text)?;
        let places: BTreeMap<String, String> =
            of(&before).into_iter().map(|image| (image.clone(), self.place(&image))).collect();
        let mut after = before;
        self.rewrite(&mut after);
        let rewritten: String = text.split_inclusive('\n').map(|line| rewrite_line(line, &places)).collect();
        // Text can hold a reference in forms that are not worth knowing, and look-alikes that are none.
        if parse(&rewritten).is_ok_and(|rewritten| rewritten == after) {
            return Ok(rewritten);
        }
        print(&after)
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The images that the pods of some objects run, as they are written.
#[must_use]
pub fn of<'o>(objects: impl IntoIterator<Item = &'o Value>) -> BTreeSet<String> {
    let mut images = BTreeSet::new();
    for object in objects {
        for_each(&mut object.clone(), &mut |image| {
            images.insert(image.clone());
        });
    }
    images
}

/// The objects of a manifest, of which one text may hold several, as Helm and kubectl read them: where a key appears twice
/// the last one counts, and `0400` is 256. Empty documents are skipped.
///
/// # Errors
/// [`Error::NoManifest`] if the text is not YAML.
pub fn parse(text: &str) -> Result<Vec<Value>> {
    let objects = helm::read_objects(text).map_err(|error| match error {
        helm::Error::Manifest { message, .. } => Error::NoManifest { problem: message },
        other => Error::NoManifest { problem: other.to_string() },
    })?;
    Ok(objects.iter().map(Value::from).collect())
}

/// Objects as one text of YAML, which [`parse`] reads back.
///
/// # Errors
/// [`Error::NoManifest`] for a text that YAML cannot hold.
pub fn print(objects: &[Value]) -> Result<String> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        let yaml = helm::to_yaml(&data(object));
        text.push_str(&yaml.map_err(|problem| Error::NoManifest { problem })?);
    }
    Ok(text)
}

/// Whole numbers stay whole: some are larger than a float can hold.
fn data(value: &Value) -> helm::Data {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => helm::Data::Int(number),
            (None, Some(number)) => helm::Data::Unsigned(number),
            (None, None) => helm::Data::from(value.clone()),
        },
        Value::Array(list) => helm::Data::List(list.iter().map(data).collect()),
        Value::Object(map) => helm::Data::Map(map.iter().map(|(key, value)| (key.clone(), data(value))).collect()),
        other => helm::Data::from(other.clone()),
    }
}

/// Where the pod of each kind is.
fn pod_path(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "Pod" => &["spec"],
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            &["spec", "template", "spec"]
        }
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        "PodTemplate" => &["template", "spec"],
        _ => return None,
    })
}

fn for_each(object: &mut Value, with: &mut impl FnMut(&mut String)) {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = text("kind").to_owned();
    // Other groups have kinds of the same names that hold other things.
    let native = matches!(text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group), "" | "apps" | "batch");
    if kind.ends_with("List") {
        for item in object.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            for_each(item, with);
        }
        return;
    }
    let Some(path) = pod_path(&kind).filter(|_| native) else { return };
    let Some(pod) = path.iter().try_fold(object, |value, name| value.get_mut(name)) else { return };
    let mut each = |image: Option<&mut Value>| {
        if let Some(Value::String(image)) = image
            && !image.is_empty()
        {
            with(image);
        }
    };
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in pod.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            each(container.get_mut("image"));
        }
    }
    for volume in pod.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        each(volume.get_mut("image").and_then(|image| image.get_mut("reference")));
    }
}

/// Replaces the reference in a line such as `- image: "quay.io/cilium/cilium:v1"  # comment`.
fn rewrite_line(line: &str, places: &BTreeMap<String, String>) -> String {
    let unchanged = || line.to_owned();
    let Some((key, value)) = line.split_once(':') else { return unchanged() };
    let name = key.trim_start_matches([' ', '-']).trim_matches(['"', '\'']);
    if !matches!(name, "image" | "reference") {
        return unchanged();
    }
    let start = value.len() - value.trim_start_matches([' ', '"', '\'']).len();
    let rest = &value[start..];
    let end = rest.find([' ', '"', '\'', '\r', '\n']).unwrap_or(rest.len());
    match places.get(&rest[..end]) {
        Some(place) => format!("{key}:{}{place}{}", &value[..start], &rest[end..]),
        None => unchanged(),
    }
}

/// Host and the rest of a reference. A first part without a dot, a colon and the name `localhost` is not a host, as Docker
/// reads it.
fn split(image: &str) -> (Option<&str>, &str) {
    match image.split_once('/') {
        Some((host, rest)) if is_host(host) => (Some(host), rest),
        _ => (None, image),
    }
}

fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn mirror() -> Mirror {
        Mirror::parse("registry.example.com:5000/mirror").expect("a mirror")
    }

    #[test]
    fn places() {
        for (image, place) in [
            ("quay.io/cilium/cilium:v1.17.1", "cilium/cilium:v1.17.1"),
            (&format!("quay.io/cilium/cilium:v1@{DIGEST}"), &format!("cilium/cilium:v1@{DIGEST}")),
            (&format!("public.ecr.aws/a/b@{DIGEST}"), &format!("a/b@{DIGEST}")),
            ("docker.io/calico/cni:v3.29.2", "calico/cni:v3.29.2"),
            ("calico/cni", "calico/cni"),
            ("nginx:1", "library/nginx:1"),
            ("docker.io/nginx", "library/nginx"),
            ("localhost/a", "a"),
            ("localhost:5000/a/b", "a/b"),
            ("registry.example.com:5000/other/a", "other/a"),
        ] {
            let placed = mirror().place(image);
            assert_eq!(placed, format!("registry.example.com:5000/mirror/{place}"), "{image}");
            assert_eq!(mirror().place(&placed), placed, "a second time changes nothing");
        }
        assert_eq!(Mirror::parse("h.example/").expect("a mirror").to_string(), "h.example");
    }

    #[test]
    fn what_is_no_mirror_is_refused() {
        for (text, problem) in [
            ("", "host"),
            ("https://registry.example.com", "without"),
            ("mirror", "host"),
            ("mirror/a", "host"),
            ("h.example/A", "lower case"),
            ("h.example/a:1", "no tag"),
            ("h.example//a", "lower case"),
            ("me@h.example", "host"),
        ] {
            let error = Mirror::parse(text).expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    fn pod(prefix: &str) -> Value {
        json!({
            "initContainers": [{"name": "a", "image": format!("{prefix}/init:1")}],
            "containers": [{"name": "b", "image": format!("{prefix}/main:1")}, {"name": "c"}, {"image": ""}, {"image": 1}],
            "ephemeralContainers": [{"image": format!("{prefix}/debug:1")}],
            "volumes": [{"name": "v", "image": {"reference": format!("{prefix}/volume:1")}}, {"emptyDir": {}}],
        })
    }

    #[test]
    fn every_kind_that_holds_pods_is_read() {
        let template = |prefix: &str| json!({"template": {"spec": pod(prefix)}});
        let mut objects = vec![
            json!({"apiVersion": "v1", "kind": "Pod", "spec": pod("h.example/pod")}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": template("h.example/deployment")}),
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": template("h.example/daemonset")}),
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": template("h.example/statefulset")}),
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": template("h.example/replicaset")}),
            json!({"apiVersion": "v1", "kind": "ReplicationController", "spec": template("h.example/rc")}),
            json!({"apiVersion": "batch/v1", "kind": "Job", "spec": template("h.example/job")}),
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": template("h.example/cron")}}}),
            json!({"apiVersion": "v1", "kind": "PodTemplate", "template": {"spec": pod("h.example/podtemplate")}}),
            json!({"apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "v1", "kind": "Pod", "spec": pod("h.example/list")},
            ]}),
            // None of these run anything.
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"image": "h.example/none:1"}}),
            json!({"apiVersion": "example.com/v1", "kind": "Job", "spec": template("h.example/foreign")}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment"}),
            json!({"kind": "Deployment", "spec": "text"}),
            json!("text"),
        ];
        let kinds =
            ["pod", "deployment", "daemonset", "statefulset", "replicaset", "rc", "job", "cron", "podtemplate", "list"];
        let expected = |place: &str| -> BTreeSet<String> {
            let image = |kind: &str, name: &str| format!("{place}/{kind}/{name}:1");
            kinds.iter().flat_map(|kind| ["init", "main", "debug", "volume"].map(|name| image(kind, name))).collect()
        };
        assert_eq!(of(&objects), expected("h.example"));
        mirror().rewrite(&mut objects);
        assert_eq!(of(&objects), expected("registry.example.com:5000/mirror"));
        assert_eq!(objects[10]["data"]["image"], "h.example/none:1");
    }

    #[test]
    fn a_text_keeps_everything_but_its_images() {
        let text = "\
# Written by hand
apiVersion: v1
kind: Pod
metadata:
  annotations: {note: \"image: quay.io/a/b:1\"}
spec:
  containers:
  - image: \"quay.io/a/b:1\"  # the main one
    name: main
  - name: other
    image: 'c'
  volumes:
  - image:
      reference: quay.io/v:2\r
---
apiVersion: v1
kind: ConfigMap
data:
  image: other.example/c:1
";
        let expected = text
            .replace("- image: \"quay.io/a/b:1\"", "- image: \"registry.example.com:5000/mirror/a/b:1\"")
            .replace("image: 'c'", "image: 'registry.example.com:5000/mirror/library/c'")
            .replace("reference: quay.io/v:2", "reference: registry.example.com:5000/mirror/v:2");
        assert_eq!(mirror().rewrite_text(text).expect("a manifest"), expected);
    }

    #[test]
    fn other_spellings_are_written_anew() {
        // A flow mapping, a folded text, and a look-alike that is no image of a pod.
        for text in [
            "{apiVersion: v1, kind: Pod, spec: {containers: [{image: quay.io/a/b:1}]}}",
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: >-\n      quay.io/a/b:1\n",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    image: quay.io/a/b:1\nspec:\n  containers:\n  - image: quay.io/a/b:1\n",
        ] {
            let mut expected = parse(text).expect("a manifest");
            mirror().rewrite(&mut expected);
            let rewritten = mirror().rewrite_text(text).expect("a manifest");
            assert_eq!(parse(&rewritten).expect("a manifest"), expected, "{rewritten}");
            assert_eq!(of(&expected), BTreeSet::from(["registry.example.com:5000/mirror/a/b:1".to_owned()]));
        }
    }

    #[test]
    fn rendered_text_is_read_as_helm_reads_it() {
        let text = "kind: A\nmode: 0400\nbig: 9007199254740993\nlabels: {a: x, a: z}\ntext: |\n  a\n---\nkind: B\nyes: no\nv: '0400'\n";
        let objects = parse(text).expect("a manifest");
        let expected = json!([
            {"kind": "A", "mode": 256, "big": 9_007_199_254_740_993_i64, "labels": {"a": "z"}, "text": "a\n"},
            {"kind": "B", "true": false, "v": "0400"},
        ]);
        assert_eq!(Value::Array(objects.clone()), expected);
        assert_eq!(parse(&print(&objects).expect("YAML")).expect("a manifest"), objects);
    }

    #[test]
    fn what_is_no_yaml_is_refused() {
        assert!(matches!(parse("a: b: c"), Err(Error::NoManifest { .. })));
        assert!(matches!(mirror().rewrite_text("{"), Err(Error::NoManifest { .. })));
        assert_eq!(parse("---\n# nothing\n---\n").expect("empty"), Vec::<Value>::new());
    }
}
