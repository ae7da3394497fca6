//! Releases: what is written can be read back, and has the form that Helm stores.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use helm::{Chart, File, Release, RenderOptions, Status, Values, render};
use serde_json::{Value, json};
use std::io::Read as _;

fn release() -> Release {
    let file = |name: &str, text: &str| File { name: name.to_owned(), data: text.as_bytes().to_vec() };
    let chart = Chart::from_files(vec![
        file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.2.3\nappVersion: '4'\nkeywords: [k]\n"),
        file("values.yaml", "a: 1\nbig: 1000000\n"),
        file("templates/a.yaml", "kind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"),
        file(
            "templates/h.yaml",
            "kind: Job\nmetadata:\n  name: h\n  annotations:\n    helm.sh/hook: pre-install,post-upgrade\n    \
             helm.sh/hook-weight: '-3'\n    helm.sh/hook-delete-policy: hook-succeeded\n",
        ),
        file("templates/NOTES.txt", "installed {{ .Release.Name }}"),
        file("README.md", "\u{1F600}"),
    ])
    .unwrap();
    let values = Values::from_yaml("b: [x, 2]").unwrap();
    let options = RenderOptions { name: "rel", namespace: "ns", ..RenderOptions::default() };
    let rendered = render(&chart, values.clone(), options).unwrap();
    Release {
        name: "rel".to_owned(),
        namespace: "ns".to_owned(),
        revision: 3,
        status: Status::Deployed,
        first_deployed: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
        last_deployed: Some("2026-02-02T03:04:05Z".parse().unwrap()),
        deleted: None,
        description: "Upgrade complete".to_owned(),
        notes: rendered.notes.clone(),
        manifest: rendered.manifest_text(),
        hooks: rendered.hooks.into_iter().map(Into::into).collect(),
        config: values.as_map().clone(),
        chart,
        labels: [("team".to_owned(), "net".to_owned())].into(),
        server_side_apply: true,
    }
}

fn document(text: &str) -> Value {
    let mut json = String::new();
    GzDecoder::new(STANDARD.decode(text).unwrap().as_slice()).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn the_document_has_helms_fields() {
    let mut document = document(&release().encode().unwrap());
    let hook = document["hooks"][0].take();
    assert_eq!(hook["events"], json!(["pre-install", "post-upgrade"]));
    assert_eq!(hook["weight"], json!(-3));
    assert_eq!(hook["delete_policies"], json!(["hook-succeeded"]));
    assert_eq!(hook["last_run"], json!({"phase": ""}));
    assert_eq!(hook["path"], json!("c/templates/h.yaml"));
    let chart = document["chart"].take();
    assert_eq!(
        chart["metadata"],
        json!({"name": "c", "version": "1.2.3", "apiVersion": "v2", "appVersion": "4", "keywords": ["k"]})
    );
    assert_eq!(chart["values"], json!({"a": 1, "big": 1_000_000}));
    assert_eq!(chart["templates"].as_array().map(Vec::len), Some(3));
    assert_eq!(chart["files"], json!([{"name": "README.md", "data": STANDARD.encode("\u{1F600}")}]));
    assert_eq!(
        document,
        json!({
            "name": "rel",
            "namespace": "ns",
            "version": 3,
            "apply_method": "ssa",
            "config": {"b": ["x", 2]},
            "chart": null,
            "hooks": [null],
            "manifest": "---\n# Source: c/templates/a.yaml\nkind: ConfigMap\nmetadata: {name: rel}\n\n",
            "info": {
                "first_deployed": "2026-01-02T03:04:05.678Z",
                "last_deployed": "2026-02-02T03:04:05Z",
                "description": "Upgrade complete",
                "status": "deployed",
                "notes": "installed rel"
            }
        })
    );
}

#[test]
fn what_is_written_reads_back() {
    let written = release();
    let read = Release::decode(&written.encode().unwrap()).unwrap();
    assert_eq!(read.encode().unwrap(), written.encode().unwrap());
    assert_eq!(read.hooks, written.hooks);
    assert_eq!(read.chart.metadata, written.chart.metadata);
    assert_eq!((read.revision, read.status), (3, Status::Deployed));
}

#[test]
fn the_secret_is_named_and_labelled_as_helms() {
    let release = release();
    assert_eq!(release.secret_name(), "sh.helm.release.v1.rel.v3");
    let labels = release.secret_labels("2026-02-02T03:04:05Z".parse().unwrap());
    let labels: Vec<(&str, &str)> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [
            ("modifiedAt", "1770001445"),
            ("name", "rel"),
            ("owner", "helm"),
            ("status", "deployed"),
            ("team", "net"),
            ("version", "3")
        ]
    );
}

#[test]
fn what_is_no_release_is_refused() {
    for text in ["", "not base64!", "aGVsbG8=", "e30=", "H4sIAAAAAAAA", "W10="] {
        assert!(Release::decode(text).is_err(), "{text}");
    }
}
