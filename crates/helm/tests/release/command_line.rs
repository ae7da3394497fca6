//! Helm's own command line on releases that this crate wrote: it lists, shows, upgrades, rolls back and removes them,
//! and this crate reads what it made of them. `EKSHYBRID_HELM` names the program (`make helm`).

use crate::api::Api;
use crate::{chart_folder, release};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use helm::{Release, SECRET_KEY, SECRET_TYPE, Status, Written};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use tempfile::TempDir;

const SECRETS: &str = "/api/v1/namespaces/ns1/secrets";

struct CommandLine {
    program: std::ffi::OsString,
    home: TempDir,
}

impl CommandLine {
    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args(arguments)
            .args(["--namespace", "ns1"])
            .env("KUBECONFIG", self.home.path().join("kubeconfig"))
            .env("HELM_CACHE_HOME", self.home.path())
            .env("HELM_CONFIG_HOME", self.home.path())
            .env("HELM_DATA_HOME", self.home.path())
            .output()
            .expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }
}

/// The release that is in a Secret.
fn stored(api: &Api, revision: i64) -> Release {
    let objects = api.objects();
    let secret = &objects[&format!("{SECRETS}/sh.helm.release.v1.rel.v{revision}")];
    let labels: BTreeMap<String, String> = serde_json::from_value(secret["metadata"]["labels"].clone()).unwrap();
    let text = STANDARD.decode(secret["data"][SECRET_KEY].as_str().unwrap()).unwrap();
    Release::from_secret(&String::from_utf8(text).unwrap(), &labels).unwrap()
}

#[test]
fn helm_goes_on_with_a_release_of_ours() {
    let Some(program) = std::env::var_os("EKSHYBRID_HELM") else {
        // The suite reads the line: cargo counts this as passed. On CI nothing may be left out.
        assert!(std::env::var_os("EKSHYBRID_STRICT").is_none_or(|value| value != "1"), "Helm is not built here");
        let text = "nothing done: helm_goes_on_with_a_release_of_ours: Helm is not built here (`make helm`)\n";
        // Not by the macros: what they print of a test that passes is thrown away.
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
        return;
    };
    let (api, home) = (Api::default(), TempDir::new().unwrap());
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{}", api.start())}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}]
    });
    std::fs::write(home.path().join("kubeconfig"), config.to_string()).unwrap();
    let helm = CommandLine { program, home };

    let ours = release(1, "one");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": SECRET_TYPE,
        "metadata": {"name": ours.secret_name(), "namespace": "ns1",
                     "labels": ours.secret_labels(Written::Modified("2026-02-02T03:04:05Z".parse().unwrap()))},
        "data": {SECRET_KEY: STANDARD.encode(ours.encode().unwrap())}
    });
    api.objects().insert(format!("{SECRETS}/{}", ours.secret_name()), secret);

    let listed = helm.json(&["list"]);
    assert_eq!(
        listed,
        json!([{"name": "rel", "namespace": "ns1", "revision": "1", "updated": "2026-02-02 03:04:05 +0000 UTC",
                "status": "deployed", "chart": "c-1.2.3", "app_version": "4"}])
    );
    let history = helm.json(&["history", "rel"]);
    assert_eq!(history[0]["description"], "Install complete");
    assert_eq!(helm.run(&["get", "manifest", "rel"]).trim_end(), ours.manifest.trim_end());
    assert_eq!(helm.json(&["get", "values", "rel"]), json!({"v": "one"}));
    assert_eq!(helm.json(&["get", "values", "rel", "--all"])["fromsub"], 5);
    assert!(helm.run(&["get", "notes", "rel"]).contains("installed rel one"));
    assert!(helm.run(&["get", "hooks", "rel"]).contains("helm.sh/hook: pre-install,post-upgrade"));
    assert_eq!(helm.json(&["get", "metadata", "rel"])["applyMethod"], "ssa");

    let chart = chart_folder();
    // Waiting for objects needs their watches, which this server has not.
    let no_wait = ["--wait=hookOnly", "--no-hooks"];
    let upgrade = ["upgrade", "rel", chart.to_str().unwrap(), "--set", "v=two", "--disable-openapi-validation"];
    helm.run(&[&upgrade[..], &no_wait[..]].concat());
    let (first, second) = (stored(&api, 1), stored(&api, 2));
    assert_eq!((first.status, second.status), (Status::Superseded, Status::Deployed));
    assert_eq!(second.labels, ours.labels, "Helm took the labels over");
    assert_eq!(second.first_deployed, ours.first_deployed);
    assert_eq!(second.config, release(2, "two").config);
    let contents = |release: &Release| -> Vec<String> {
        release.manifests().unwrap().iter().map(|manifest| manifest.content.trim_end().to_owned()).collect()
    };
    assert_eq!(contents(&second), contents(&release(2, "two")));
    assert_eq!(api.objects()["/api/v1/namespaces/ns1/configmaps/rel"]["data"]["v"], "two");

    helm.run(&[&["rollback", "rel", "1"], &no_wait[..]].concat());
    let third = stored(&api, 3);
    assert_eq!((third.status, third.rollback_revision), (Status::Deployed, Some(1)));
    assert_eq!(third.manifest, ours.manifest);
    assert_eq!(third.chart.values, ours.chart.values);
    assert_eq!(api.objects()["/api/v1/namespaces/ns1/configmaps/rel"]["data"]["v"], "one");

    helm.run(&["uninstall", "rel", "--no-hooks"]);
    let left: Vec<String> = api.objects().keys().cloned().collect();
    assert_eq!(left, ["/api/v1/namespaces/ns1/serviceaccounts/rel"], "what is marked to be kept");
}
