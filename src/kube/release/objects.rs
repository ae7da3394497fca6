//! Manifests as objects to send: with their API path, their namespace, and the ownership metadata of their release.

use std::collections::{HashMap, HashSet};

use helm::Data;
use serde_json::{Value as Json, json};

use super::super::discovery::{Discovery, Served};
use super::super::object::{Resource, annotations, labels, name};
use super::error::{Error, Result, UnknownKind};

/// Ownership metadata of an object in a release. Source: Helm, pkg/action/validate.go.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// An object with this annotation is kept when its release is uninstalled.
const POLICY: &str = "helm.sh/resource-policy";

/// One object of a release.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) resource: Resource,
    /// `None` if the kind is not namespaced.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// The request body.
    pub(super) body: Json,
}

/// Identifies an object, regardless of its API version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    group: String,
    kind: String,
    namespace: Option<String>,
    name: String,
}

impl Object {
    pub(super) fn key(&self) -> Key {
        Key {
            group: self.resource.group.to_string(),
            kind: self.resource.kind.to_string(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// `DaemonSet kube-system/cilium`.
    pub(super) fn told(&self) -> String {
        self.resource.told(self.namespace.as_deref(), &self.name)
    }

    pub(super) fn is_namespace(&self) -> bool {
        self.resource == Resource::NAMESPACE
    }

    pub(super) fn kind(&self) -> &str {
        &self.resource.kind
    }

    /// Whether deleting the object deletes every object of a kind: it is a custom resource definition.
    pub(super) fn is_definition(&self) -> bool {
        self.kind() == "CustomResourceDefinition"
    }

    /// The group of a custom resource definition; empty for other objects.
    pub(super) fn defined_group(&self) -> &str {
        self.body.pointer("/spec/group").and_then(Json::as_str).filter(|_| self.is_definition()).unwrap_or_default()
    }

    /// API version and kind of the objects that a custom resource definition allows; none for other objects.
    pub(super) fn defined_kinds(&self) -> Vec<(String, String)> {
        let (group, kind) = (self.defined_group(), self.body.pointer("/spec/names/kind").and_then(Json::as_str));
        let (Some(kind), false) = (kind, group.is_empty()) else { return Vec::new() };
        let versions = self.body.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten();
        let served = versions.filter(|version| version["served"] == true);
        served.filter_map(|version| Some((format!("{group}/{}", version["name"].as_str()?), kind.to_owned()))).collect()
    }

    /// Marks the object as part of a release.
    pub(super) fn mark(&mut self, release: &str, namespace: &str) {
        let metadata = &mut self.body["metadata"];
        for (member, key, value) in [
            ("labels", MANAGED_BY, "Helm"),
            ("annotations", RELEASE_NAME, release),
            ("annotations", RELEASE_NAMESPACE, namespace),
        ] {
            if !metadata[member].is_object() {
                metadata[member] = json!({});
            }
            metadata[member][key] = value.into();
        }
    }
}

/// The owner of an object that does not belong to the release; `None` if it does.
pub(super) fn other_owner(object: &Json, release: &str, namespace: &str) -> Option<String> {
    let annotations = annotations(object);
    let labels = labels(object);
    let by = labels.get(MANAGED_BY).map(String::as_str);
    match (by, annotations.get(RELEASE_NAME), annotations.get(RELEASE_NAMESPACE)) {
        (Some("Helm"), Some(name), Some(at)) if name == release && at == namespace => None,
        (_, Some(name), Some(at)) if name != release || at != namespace => {
            Some(format!("it belongs to release {at}/{name}"))
        }
        (Some(by), ..) if by != "Helm" => Some(format!("its label {MANAGED_BY} is {by}")),
        _ => Some("it is not marked as an object of the release".to_owned()),
    }
}

/// Whether an object is kept when its release no longer has it.
pub(super) fn is_kept(object: &Json) -> bool {
    annotations(object).get(POLICY).is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

/// The object, if it has a kind and a name; a list is expanded.
fn checked(path: &str, object: &Json) -> Result<Vec<Json>> {
    let wrong = |problem: String| Error::Manifest { path: path.to_owned(), problem };
    let text = |member: &str| object[member].as_str().unwrap_or_default();
    let kind = text("kind");
    if text("apiVersion").is_empty() || kind.is_empty() {
        return Err(wrong("it has no `apiVersion` or no `kind`".to_owned()));
    }
    if kind == "List" || (kind.ends_with("List") && object["items"].is_array()) {
        return Ok(object["items"].as_array().cloned().unwrap_or_default());
    }
    if name(object).is_empty() {
        return Err(wrong(format!("the {kind} has no name")));
    }
    Ok(vec![object.clone()])
}

/// Objects, each with its path, as objects of the namespace, in order, and the kinds that the cluster does not serve.
/// Kinds whose definition is among them count as served.
pub(super) fn read<'o>(
    objects: impl IntoIterator<Item = (&'o str, &'o Json)>,
    discovery: &Discovery,
    namespace: &str,
) -> Result<(Vec<Object>, Vec<UnknownKind>)> {
    let mut bodies = Vec::new();
    for (path, object) in objects {
        bodies.extend(checked(path, object)?.into_iter().map(|body| (path, body)));
    }
    Ok(placed(bodies, discovery, namespace))
}

/// The same for texts, each with its path: hooks, and the files in `crds/`.
pub(super) fn read_texts<'t>(
    texts: impl IntoIterator<Item = (&'t str, &'t str)>,
    discovery: &Discovery,
    namespace: &str,
) -> Result<(Vec<Object>, Vec<UnknownKind>)> {
    let mut found = Vec::new();
    for (path, text) in texts {
        found.extend(read_text(path, text)?.into_iter().map(|object| (path, object)));
    }
    read(found.iter().map(|(path, object)| (*path, object)), discovery, namespace)
}

/// The objects of a text, unchecked.
pub(super) fn read_text(path: &str, text: &str) -> Result<Vec<Json>> {
    json(path, helm::read_objects(text))
}

/// Objects as the API server takes them.
pub(super) fn json(path: &str, objects: helm::Result<Vec<Data>>) -> Result<Vec<Json>> {
    let objects = objects.map_err(|error| Error::Manifest { path: path.to_owned(), problem: error.to_string() })?;
    Ok(objects.iter().map(Json::from).collect())
}

fn placed(bodies: Vec<(&str, Json)>, discovery: &Discovery, namespace: &str) -> (Vec<Object>, Vec<UnknownKind>) {
    let defined: HashMap<_, _> = bodies.iter().flat_map(|(_, body)| defined(body)).collect();
    let (mut objects, mut unknown) = (Vec::new(), Vec::new());
    for (path, mut body) in bodies {
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let by_definition = || defined.get(&(api_version.clone(), kind.clone()));
        let Some(served) = discovery.served(&api_version, &kind).or_else(by_definition) else {
            unknown.push(UnknownKind { api_version, kind, path: path.to_owned() });
            continue;
        };
        if !body["metadata"].is_object() {
            body["metadata"] = json!({});
        }
        let own = body["metadata"]["namespace"].as_str().filter(|own| !own.is_empty()).unwrap_or(namespace).to_owned();
        let namespace = served.namespaced.then_some(own);
        match &namespace {
            Some(namespace) => body["metadata"]["namespace"] = namespace.as_str().into(),
            // The API server would drop it too.
            None => drop(body["metadata"].as_object_mut().and_then(|metadata| metadata.remove("namespace"))),
        }
        let name = name(&body).to_owned();
        objects.push(Object { resource: served.resource.clone(), namespace, name, body });
    }
    let mut seen = HashSet::new();
    unknown.retain(|one| seen.insert((one.api_version.clone(), one.kind.clone())));
    (objects, unknown)
}

/// The kinds that a CustomResourceDefinition defines.
fn defined(body: &Json) -> Vec<((String, String), Served)> {
    if body["kind"] != "CustomResourceDefinition" {
        return Vec::new();
    }
    let spec = &body["spec"];
    let text = |pointer: &str| spec.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (group, kind, plural) = (text("/group"), text("/names/kind"), text("/names/plural"));
    let versions = spec["versions"].as_array().into_iter().flatten().filter(|version| version["served"] != false);
    let served = |version: &str| Served {
        resource: Resource {
            group: group.clone().into(),
            version: version.to_owned().into(),
            kind: kind.clone().into(),
            plural: plural.clone().into(),
        },
        namespaced: spec["scope"] == "Namespaced",
    };
    let versions = versions.filter_map(|version| version["name"].as_str());
    versions.map(|version| ((format!("{group}/{version}"), kind.clone()), served(version))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_and_marks() {
        let thing = "apiVersion: a.example/v1\nkind: Thing\nmetadata: {name: t, namespace: other, labels: {a: b}}";
        let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.a.example}\n\
            spec: {group: a.example, scope: Namespaced, names: {kind: Thing, plural: things}, versions: [{name: v1}]}";
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: a.example/v1, kind: Thing, metadata: {name: u}}";
        let missing = "apiVersion: b.example/v1\nkind: Other\nmetadata: {name: o}";
        let texts = [definition, thing, list, missing, missing].map(|text| ("c/templates/a.yaml", text));
        let (objects, unknown) = read_texts(texts, &Discovery::default(), "ns").unwrap();
        let told: Vec<_> = objects.iter().map(Object::told).collect();
        assert_eq!(told, ["Thing other/t", "Thing ns/u"]);
        assert_eq!(objects[1].body["metadata"]["namespace"], "ns");
        let unknown: Vec<_> = unknown.iter().map(|one| one.kind.as_str()).collect();
        assert_eq!(unknown, ["CustomResourceDefinition", "Other"], "each once");

        let mut object = objects[0].clone();
        assert!(other_owner(&object.body, "rel", "ns").is_some());
        object.mark("rel", "ns");
        assert_eq!(object.body["metadata"]["labels"], json!({ "a": "b", "app.kubernetes.io/managed-by": "Helm" }));
        assert_eq!(other_owner(&object.body, "rel", "ns"), None);
        let owner = other_owner(&object.body, "rel", "elsewhere").unwrap();
        assert_eq!(owner, "it belongs to release ns/rel");
    }

    #[test]
    fn what_is_no_object_is_said() {
        for (text, problem) in [
            ("a: 1", "no `apiVersion`"),
            ("apiVersion: v1\nkind: Pod", "the Pod has no name"),
            ("a: b: c", "YAML parse error"),
        ] {
            let error = read_texts([("p", text)], &Discovery::default(), "ns").unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let (objects, unknown) = read_texts([("p", "# nothing\n---\n")], &Discovery::default(), "ns").unwrap();
        assert!(objects.is_empty() && unknown.is_empty());
    }
}
