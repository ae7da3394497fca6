//! Images of published charts as Helm's rules render them, and of Calico's manifest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ekshybrid::charts::images::{self, Mirror};
use helm::{Chart, RenderOptions, Values, render};

/// The published charts, if they are available.
fn charts() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/charts");
    let folder = std::env::var_os("EKSHYBRID_CHARTS").map_or(beside, PathBuf::from);
    let found = folder.is_dir().then_some(folder);
    if found.is_none() {
        harness::strict::nothing_done("EKSHYBRID_CHARTS and ../shared/charts lead to no published charts");
    }
    found
}

/// A rendered chart as one text, hooks included.
fn rendered(folder: &Path, chart: &str, values: &str) -> String {
    let chart = Chart::load(folder.join(chart)).expect("a chart");
    let values = Values::from_yaml(values).expect("values");
    let options = RenderOptions { name: "net", namespace: "kube-system", ..RenderOptions::default() };
    let rendered = render(&chart, values, options).expect("it renders");
    let hooks = rendered.hooks.iter().map(|hook| hook.manifest.as_str());
    let all = rendered.manifests.iter().map(|manifest| manifest.content.as_str()).chain(hooks);
    all.fold(String::new(), |text, content| text + "---\n" + content + "\n")
}

/// The text after `image:` in any line: a second way to the same answer.
fn by_lines(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("image:"))
        .map(|image| image.trim().trim_matches(['"', '\'']).to_owned())
        .collect()
}

fn check(name: &str, text: &str, paths: &[&str]) {
    let mirror = Mirror::parse("registry.example.com:5000/mirror").expect("a mirror");
    let objects = images::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = images::of(&objects);
    assert_eq!(found, by_lines(text), "{name}");
    for path in paths {
        assert!(found.iter().any(|image| image.starts_with(path)), "{name}: {path} is not in {found:?}");
    }

    let rewritten = mirror.rewrite_text(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = images::parse(&rewritten).expect("it still is YAML");
    let expected: BTreeSet<String> = found
        .iter()
        .map(|image| format!("registry.example.com:5000/mirror/{}", image.split_once('/').expect("a host").1))
        .collect();
    assert_eq!(images::of(&again), expected, "{name}");
    // Apart from the lines of images, not a letter has changed.
    let other = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.trim_start_matches([' ', '-']).starts_with("image:"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(other(&rewritten), other(text), "{name}");
    let mut objects = objects;
    mirror.rewrite(&mut objects);
    assert_eq!(objects, again, "{name}");
}

#[test]
fn cilium() {
    let Some(folder) = charts() else { return };
    let hybrid = fs::read_to_string(folder.join("values-eks-hybrid.json")).expect("values");
    for version in ["1.17.1", "1.20.0"] {
        let chart = format!("cilium-{version}.tgz");
        let tag = format!("v{version}@sha256:");
        let text = rendered(&folder, &chart, &hybrid);
        let agent = format!("quay.io/cilium/cilium:{tag}");
        let operator = format!("quay.io/cilium/operator-generic:{tag}");
        check(&chart, &text, &[&agent, &operator]);

        // As much as runs at once: Hubble with its user interface, a Job in a hook, the other mesh parts.
        let all = "{hubble: {enabled: true, relay: {enabled: true}, ui: {enabled: true}, \
            tls: {auto: {method: cronJob}}}, clustermesh: {useAPIServer: true}, envoy: {enabled: true}, \
            nodeinit: {enabled: true}}";
        let hubble = format!("quay.io/cilium/hubble-relay:{tag}");
        check(&chart, &rendered(&folder, &chart, all), &[&agent, &hubble, "quay.io/cilium/cilium-envoy:"]);
    }
}

#[test]
fn calico() {
    let Some(folder) = charts() else { return };
    let manifest = fs::read_to_string(folder.join("calico-vxlan-v3.29.2.yaml")).expect("a manifest");
    let images = ["cni", "node", "kube-controllers"].map(|name| format!("docker.io/calico/{name}:v3.29.2"));
    check("calico", &manifest, &images.each_ref().map(String::as_str));
    assert_eq!(images::of(&images::parse(&manifest).expect("YAML")), BTreeSet::from(images));
    check("operator", &rendered(&folder, "tigera-operator-v3.29.2.tgz", "{}"), &["quay.io/tigera/operator:"]);
}
