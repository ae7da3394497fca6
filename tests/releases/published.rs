//! Published charts, as users install them. `EKSHYBRID_CHARTS` names their directory.

use std::path::PathBuf;
use std::time::Instant;

use ekshybrid::kube::release::{Comparison, CustomResources, Objects, Options, Removal};
use ekshybrid::kube::{Resource, name};
use helm::{Chart, Values};

use crate::ground::{ground, options, quiet};

fn charts() -> Option<PathBuf> {
    let found = std::env::var_os("EKSHYBRID_CHARTS").map(PathBuf::from);
    if found.is_none() {
        harness::strict::nothing_done("there are no published charts here (`python3 tests/tools/tools.py charts`)");
    }
    found
}

fn load(folder: &std::path::Path, file: &str) -> Option<Chart> {
    let path = folder.join(file);
    if !path.is_file() {
        harness::strict::nothing_done(&format!("{file} is not there"));
        return None;
    }
    Some(Chart::load(path).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn cilium_is_installed_and_upgraded_as_by_the_command_line() {
    let Some(ground) = ground().await else { return };
    let Some(folder) = charts() else { return };
    let (Some(old), Some(new)) = (load(&folder, "cilium-1.17.1.tgz"), load(&folder, "cilium-1.18.6.tgz")) else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("values-eks-hybrid.json")).unwrap();
    let mut values = Values::from_yaml(&text).unwrap();
    values.set("operator.replicas", serde_json::json!(1)).unwrap();
    values.set("upgradeCompatibility", serde_json::json!("1.17")).unwrap();
    let options = Options { name: "cilium".to_owned(), ..options("cilium") };
    ground.releases.install(&old, &values, &options, &quiet).await.unwrap();
    let before = Instant::now();
    let done = ground.releases.upgrade(&new, &values, &options, &quiet).await.unwrap();
    let ours = before.elapsed();
    assert_eq!(done.release.chart.metadata.version, "1.18.6");
    let agent = ground.get(&Resource::DAEMON_SET, "cilium", "cilium").await.unwrap();
    assert_eq!(agent["status"]["numberReady"], 1, "on the hybrid node");

    assert_eq!(
        ground.releases.drift(&done.release, &Objects::of_release(&done.release).unwrap()).await.unwrap(),
        Comparison::default(),
        "nobody has touched anything"
    );

    if let Some(helm) = ground.helm("cilium") {
        assert_eq!(helm.json(&["list"])[0]["chart"], "cilium-1.18.6");
        helm.run(&["rollback", "cilium", "1", "--wait"]);
        let values = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            values.path(),
            serde_json::Value::from(&helm::Data::Map(done.release.config.clone())).to_string(),
        )
        .unwrap();
        let path = folder.join("cilium-1.18.6.tgz");
        let (path, values) = (path.to_str().unwrap(), values.path().to_str().unwrap());
        let before = Instant::now();
        helm.run(&["upgrade", "cilium", path, "--values", values, "--wait"]);
        eprintln!("upgrade of Cilium: {ours:?}, by the command line {:?}", before.elapsed());
        let current = ground.releases.current("cilium", "cilium").await.unwrap().unwrap();
        assert_eq!(current.release.config, done.release.config);
        assert_eq!(
            ground.releases.drift(&current.release, &Objects::of_release(&current.release).unwrap()).await.unwrap(),
            Comparison::default()
        );
    }
    ground.releases.uninstall("cilium", "cilium", &Removal::default(), &quiet).await.unwrap();
    let left = ground.client.list(&Resource::CONFIG_MAP, Some("cilium"), None).await.unwrap();
    assert_eq!(left.iter().map(name).collect::<Vec<_>>(), ["kube-root-ca.crt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_of_calico_brings_its_kinds_and_goes() {
    let Some(ground) = ground().await else { return };
    let Some(folder) = charts() else { return };
    let Some(chart) = load(&folder, "tigera-operator-v3.29.2.tgz") else { return };
    let options = Options { name: "calico".to_owned(), crds: CustomResources::Always, ..options("tigera-operator") };
    let done = ground.releases.install(&chart, &Values::new(), &options, &quiet).await.unwrap();
    assert_eq!(done.release.status.name(), "deployed");
    let found = ground.client.list(&Resource::CUSTOM_RESOURCE_DEFINITION, None, None).await.unwrap();
    assert!(found.iter().any(|one| name(one) == "installations.operator.tigera.io"));
    let removal = Removal { disable_hooks: true, ..Removal::default() };
    ground.releases.uninstall("tigera-operator", "calico", &removal, &quiet).await.unwrap();
    assert!(ground.releases.current("tigera-operator", "calico").await.unwrap().is_none());
}
