//! The objects that templates see: `.Chart`, `.Files`, `.Capabilities`, `.Release`, `.Values`, `.Subcharts`.

use super::value::{Element, Entries, List, Map, MapKind, Object, Value};
use crate::capabilities::Capabilities;
use crate::chart::{Chart, Dependency, File, Maintainer, Metadata};
use crate::data::Data;
use std::rc::Rc;

fn text(text: &str) -> Value {
    Value::text(text)
}

fn texts(items: &[String]) -> Value {
    Value::list(items.iter().map(|item| text(item)).collect())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// `.Chart`: Chart.yaml with Go's field names.
pub(super) fn chart(metadata: &Metadata, is_root: bool) -> Value {
    let annotations: Entries =
        metadata.annotations.iter().flatten().map(|(key, value)| (key.as_str().into(), text(value))).collect();
    map([
        ("Name", text(&metadata.name)),
        ("Home", text(&metadata.home)),
        ("Sources", texts(&metadata.sources)),
        ("Version", text(&metadata.version)),
        ("Description", text(&metadata.description)),
        ("Keywords", texts(&metadata.keywords)),
        ("Maintainers", Value::list(metadata.maintainers.iter().map(maintainer).collect())),
        ("Icon", text(&metadata.icon)),
        ("APIVersion", text(&metadata.api_version)),
        ("Condition", text(&metadata.condition)),
        ("Tags", text(&metadata.tags)),
        ("AppVersion", text(&metadata.app_version)),
        ("Deprecated", Value::Bool(metadata.deprecated)),
        ("Annotations", Value::Map(Map::new(annotations, MapKind::Text))),
        ("KubeVersion", text(&metadata.kube_version)),
        ("Dependencies", Value::list(metadata.dependencies.iter().flatten().map(dependency).collect())),
        ("Type", text(&metadata.kind)),
        ("IsRoot", Value::Bool(is_root)),
    ])
}

fn maintainer(maintainer: &Maintainer) -> Value {
    map([("Name", text(&maintainer.name)), ("Email", text(&maintainer.email)), ("URL", text(&maintainer.url))])
}

fn dependency(dependency: &Dependency) -> Value {
    map([
        ("Name", text(&dependency.name)),
        ("Version", text(&dependency.version)),
        ("Repository", text(&dependency.repository)),
        ("Condition", text(&dependency.condition)),
        ("Tags", texts(&dependency.tags)),
        ("Enabled", Value::Bool(dependency.enabled)),
        ("ImportValues", Value::list(dependency.import_values.iter().map(Value::from).collect())),
        ("Alias", text(&dependency.alias)),
    ])
}

/// `.Files`: everything in the chart that is not a template, a values file or a subchart.
pub(super) fn files(files: &[File]) -> Value {
    let entries =
        files.iter().map(|file| (file.name.as_str().into(), Value::Bytes(Rc::from(file.data.as_slice())))).collect();
    Value::Map(Map::new(entries, MapKind::Files))
}

/// `.Capabilities`.
pub(super) fn capabilities(capabilities: &Capabilities) -> Value {
    let versions = capabilities.api_versions.iter().map(|version| text(version)).collect();
    Value::object(Object::Capabilities {
        kube_version: Value::object(Object::KubeVersion {
            version: capabilities.kube_version.full.clone(),
            normalized: capabilities.kube_version.normalized.clone(),
            major: capabilities.kube_version.major.to_string(),
            minor: capabilities.kube_version.minor.to_string(),
        }),
        api_versions: Value::List(List { items: Rc::new(versions), element: Element::VersionSet, is_nil: false }),
        helm_version: Value::object(Object::HelmVersion {
            version: capabilities.helm_version.clone(),
            git_commit: String::new(),
            git_tree_state: String::new(),
            go_version: capabilities.go_version.clone(),
            kube_client_version: capabilities.kube_client_version.clone(),
        }),
    })
}

/// A template of a chart with the root map that all templates of that chart share.
pub(super) struct Renderable<'c> {
    pub(super) path: String,
    pub(super) file: &'c File,
    pub(super) root: Map,
    pub(super) base_path: String,
}

/// Builds the root map of `chart` and of its subcharts, and collects their templates.
pub(super) fn collect<'c>(
    chart: &'c Chart,
    path: &str,
    values: Map,
    shared: &[(&str, Value)],
    templates: &mut Vec<Renderable<'c>>,
) -> Value {
    let is_root = !path.contains("/charts/");
    let subcharts = Map::new(Entries::new(), MapKind::Any);
    let mut entries: Entries = shared.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    entries.insert("Chart".into(), self::chart(&chart.metadata, is_root));
    entries.insert("Files".into(), files(&chart.files));
    entries.insert("Subcharts".into(), Value::Map(subcharts.clone()));
    entries.insert("Values".into(), Value::Map(values.clone()));
    let root = Map::new(entries, MapKind::Any);
    for child in &chart.dependencies {
        let inner = match values.entry(child.name()) {
            Some(Value::Map(map)) => Map { entries: map.entries, kind: MapKind::Values },
            _ => Map::new(Entries::new(), MapKind::Values),
        };
        let child_path = format!("{path}/charts/{}", child.name());
        let object = collect(child, &child_path, inner, shared, templates);
        subcharts.entries.borrow_mut().insert(child.name().into(), object);
    }
    let is_library = chart.metadata.kind.eq_ignore_ascii_case("library");
    for file in &chart.templates {
        if is_library && !crate::go::path::base(&file.name).starts_with('_') {
            continue;
        }
        templates.push(Renderable {
            path: crate::go::path::clean(&format!("{path}/{}", file.name)),
            file,
            root: root.clone(),
            base_path: format!("{path}/templates"),
        });
    }
    Value::Map(root)
}

/// `.Release`.
pub(super) fn release(name: &str, namespace: &str, revision: i64, is_upgrade: bool) -> Value {
    map([
        ("Name", text(name)),
        ("Namespace", text(namespace)),
        ("IsUpgrade", Value::Bool(is_upgrade)),
        ("IsInstall", Value::Bool(!is_upgrade)),
        ("Revision", Value::int(revision)),
        ("Service", text("Helm")),
    ])
}

/// `.Values` of the root chart.
pub(super) fn values(values: &crate::data::Map) -> Map {
    let entries = values.iter().map(|(key, value): (&String, &Data)| (key.as_str().into(), value.into())).collect();
    Map::new(entries, MapKind::Values)
}
