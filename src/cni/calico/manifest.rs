//! Calico's manifest, edited according to the arguments.

use framework::model::Text as _;
use helm::{Chart, File, Rendered};
use serde_json::{Value as Json, json};

use crate::charts::images;
use crate::cni::{
    arguments::Calico,
    calico::{BLOCK_SIZE, MANIFEST, pool_nodes, vxlan_mode},
    cilium::hybrid,
};

const NODE: &str = "calico-node";
/// The variable that sets the pods' network.
const CIDR: &str = "CALICO_IPV4POOL_CIDR";

/// An edited manifest, as if a chart without values had rendered it: it is applied, recorded, pruned and removed like any
/// other release.
///
/// # Errors
/// If the manifest is not as expected; the text says what is wrong.
pub(crate) fn edited(text: &str, calico: &Calico, pod_cidr: &str) -> Result<Rendered, String> {
    let mut objects = images::parse(text).map_err(|error| error.to_string())?;
    let version = edit(&mut objects, calico, pod_cidr)?;
    let documents = images::print(&objects).map_err(|error| error.to_string())?;
    let metadata = format!(
        "apiVersion: v2\nname: {MANIFEST}\nversion: {version}\nappVersion: v{version}\ndescription: Calico by manifest\n"
    );
    let metadata = File { name: "Chart.yaml".to_owned(), data: metadata.into_bytes() };
    let chart = Chart::from_files(vec![metadata]).map_err(|error| error.to_string())?;
    Rendered::of_manifest(chart, &format!("{MANIFEST}/templates/calico.yaml"), documents)
        .map_err(|error| error.to_string())
}

/// The pods' network that an edited manifest sets.
pub(crate) fn pod_cidr<'o>(objects: impl IntoIterator<Item = &'o Json>) -> Option<String> {
    let is_node = |one: &&Json| one["kind"] == "DaemonSet" && one["metadata"]["name"] == NODE;
    let node = objects.into_iter().find(is_node)?;
    let containers = node.pointer("/spec/template/spec/containers")?.as_array()?;
    let mut variables = containers.iter().flat_map(|one| one["env"].as_array().into_iter().flatten());
    variables.find(|one| one["name"] == CIDR)?["value"].as_str().map(str::to_owned)
}

/// Edits the objects. Returns Calico's version from its image.
fn edit(objects: &mut [Json], calico: &Calico, pod_cidr: &str) -> Result<String, String> {
    let labels = calico.node_selector.clone().unwrap_or_else(hybrid);
    let Some(node) = objects.iter_mut().find(|one| one["kind"] == "DaemonSet" && one["metadata"]["name"] == NODE)
    else {
        return Err(format!("it has no DaemonSet `{NODE}`, so it is not Calico's manifest"));
    };
    let Some(container) = node
        .pointer_mut("/spec/template/spec/containers")
        .and_then(Json::as_array_mut)
        .and_then(|list| list.iter_mut().find(|one| one["name"] == NODE))
    else {
        return Err(format!("its DaemonSet `{NODE}` has no container `{NODE}`"));
    };
    let tag = container["image"].as_str().and_then(|image| image.split('@').next()?.rsplit_once(":v"));
    let version = tag.map_or_else(|| "0.0.0".to_owned(), |(_, version)| version.to_owned());
    let block = calico.block_size.map_or(BLOCK_SIZE, framework::model::Bounded::get).to_string();
    let nat = calico.nat_outgoing.unwrap_or(true).to_string();
    let nodes = pool_nodes(calico);
    let mut wanted = vec![
        (CIDR, pod_cidr),
        ("CALICO_IPV4POOL_BLOCK_SIZE", &block),
        ("CALICO_IPV4POOL_IPIP", "Never"),
        ("CALICO_IPV4POOL_VXLAN", vxlan_mode(calico)),
        ("CALICO_IPV4POOL_NAT_OUTGOING", &nat),
        ("CALICO_IPV4POOL_NODE_SELECTOR", &nodes),
    ];
    if let Some(check) = &calico.aws_src_dst_check {
        wanted.push(("FELIX_AWSSRCDSTCHECK", check.text()));
    }
    if !container["env"].is_array() {
        container["env"] = json!([]);
    }
    if let Some(environment) = container["env"].as_array_mut() {
        for (name, value) in wanted {
            let entry = json!({ "name": name, "value": value });
            match environment.iter_mut().find(|one| one["name"] == name) {
                Some(found) => *found = entry,
                None => environment.push(entry),
            }
        }
    }
    if !labels.is_empty() {
        for object in objects.iter_mut().filter(|one| one["kind"] == "DaemonSet" || one["kind"] == "Deployment") {
            for (key, value) in &labels {
                object["spec"]["template"]["spec"]["nodeSelector"][key] = json!(value);
            }
        }
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cni::arguments::Encapsulation;
    use crate::cni::arguments::Method;
    use crate::cni::arguments::SourceCheck;
    use crate::cni::calico::tests::plain;

    const TEXT: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data: {template: 'a {{ b }} c'}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  template:
    spec:
      nodeSelector: {kubernetes.io/os: linux}
      containers:
      - name: calico-node
        image: docker.io/calico/node:v3.29.2
        env:
        - {name: CALICO_IPV4POOL_VXLAN, value: CrossSubnet}
        - {name: CLUSTER_TYPE, value: 'k8s,bgp'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calico-kube-controllers, namespace: kube-system}
spec: {template: {spec: {containers: [{name: a, image: 'docker.io/calico/kube-controllers:v3.29.2'}]}}}
";

    fn rendered(calico: &Calico) -> Vec<Json> {
        let edited = edited(TEXT, calico, "10.85.0.0/16").expect("a manifest");
        assert_eq!((edited.chart.name(), edited.chart.metadata.version.as_str()), ("calico", "3.29.2"));
        assert!(
            edited.hooks.is_empty() && edited.manifests.iter().all(|one| one.path == "calico/templates/calico.yaml")
        );
        images::parse(&edited.manifest_text()).expect("YAML")
    }

    fn variable<'a>(objects: &'a [Json], name: &str) -> Option<&'a str> {
        let node = objects.iter().find(|one| one["kind"] == "DaemonSet").expect("there");
        let list = node["spec"]["template"]["spec"]["containers"][0]["env"].as_array().expect("a list");
        let found: Vec<&Json> = list.iter().filter(|one| one["name"] == name).collect();
        assert!(found.len() < 2, "{name} twice");
        found.first().and_then(|one| one["value"].as_str())
    }

    #[test]
    fn a_manifest_gets_its_pool() {
        let objects = rendered(&plain(Method::Manifest));
        assert_eq!(variable(&objects, "CALICO_IPV4POOL_CIDR"), Some("10.85.0.0/16"));
        assert_eq!(pod_cidr(&objects).as_deref(), Some("10.85.0.0/16"));
        assert_eq!(pod_cidr(&objects[..1]), None);
        assert_eq!(variable(&objects, "CALICO_IPV4POOL_VXLAN"), Some("Always"));
        assert_eq!(variable(&objects, "CALICO_IPV4POOL_BLOCK_SIZE"), Some("26"));
        assert_eq!(variable(&objects, "CALICO_IPV4POOL_NAT_OUTGOING"), Some("true"));
        assert_eq!(
            variable(&objects, "CALICO_IPV4POOL_NODE_SELECTOR"),
            Some("eks.amazonaws.com/compute-type == \"hybrid\"")
        );
        assert_eq!(variable(&objects, "CLUSTER_TYPE"), Some("k8s,bgp"), "the rest stays");
        assert_eq!(variable(&objects, "FELIX_AWSSRCDSTCHECK"), None);
        let config = objects.iter().find(|one| one["kind"] == "ConfigMap").expect("there");
        assert_eq!(config["data"]["template"], "a {{ b }} c", "text that looks like a template is none");
        for kind in ["DaemonSet", "Deployment"] {
            let object = objects.iter().find(|one| one["kind"] == kind).expect(kind);
            let labels = &object["spec"]["template"]["spec"]["nodeSelector"];
            assert_eq!(labels["eks.amazonaws.com/compute-type"], "hybrid", "{kind}");
        }
    }

    #[test]
    fn edits_are_typed() {
        let calico = Calico {
            encapsulation: Some(Encapsulation::VxlanCrossSubnet),
            nat_outgoing: Some(false),
            node_selector: Some(BTreeMap::new()),
            aws_src_dst_check: Some(SourceCheck::DoNothing),
            ..plain(Method::Manifest)
        };
        let objects = rendered(&calico);
        assert_eq!(variable(&objects, "CALICO_IPV4POOL_VXLAN"), Some("CrossSubnet"));
        assert_eq!(variable(&objects, "CALICO_IPV4POOL_NAT_OUTGOING"), Some("false"));
        assert_eq!(variable(&objects, "CALICO_IPV4POOL_NODE_SELECTOR"), Some("all()"));
        assert_eq!(variable(&objects, "FELIX_AWSSRCDSTCHECK"), Some("DoNothing"));
        let node = objects.iter().find(|one| one["kind"] == "DaemonSet").expect("there");
        assert_eq!(node["spec"]["template"]["spec"]["nodeSelector"], json!({ "kubernetes.io/os": "linux" }));
    }

    #[test]
    fn what_is_not_calico_is_refused() {
        let calico = plain(Method::Manifest);
        let why = |text: &str| edited(text, &calico, "10.85.0.0/16").expect_err(text);
        assert!(why("apiVersion: v1\nkind: ConfigMap\n").contains("no DaemonSet `calico-node`"));
        assert!(why("a: b: c").contains("manifest"), "{}", why("a: b: c"));
    }
}
