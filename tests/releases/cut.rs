//! Interrupted operations, and concurrent writers.

use std::time::Duration;

use ekshybrid::kube::Resource;
use ekshybrid::kube::release::{Error, Left, Removal};
use helm::{Status, Values};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, PATIENCE, chart, config_map, definition, eventually, ground, options, quiet};

const SECRET: &str = "sh.helm.release.v1.rel.v1";

/// A hook that never completes.
const ENDLESS: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: endless, annotations: {helm.sh/hook: post-install}}\n\
    spec: {nodeSelector: {no: where}, containers: [{name: a, image: a}]}\n";

async fn seen_in_hook(ground: &Ground, namespace: &str) {
    let look = async || ground.get(&Resource::POD, namespace, "endless").await;
    eventually("the hook", look).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_installation_is_gone_on_with() {
    let Some(ground) = ground().await else { return };
    let own = config_map("own", "x");
    let endless = chart("1.0.0", &[("templates/own.yaml", &own), ("templates/endless.yaml", ENDLESS)]);
    let releases = ground.releases.clone();
    let killed = tokio::spawn(async move {
        let _ = releases.install(&endless, &Values::new(), &options("killed"), &quiet).await;
    });
    seen_in_hook(&ground, "killed").await;
    // A second installation now sees that one is in progress.
    let other = chart("1.0.0", &[("templates/own.yaml", &own)]);
    let hasty = ekshybrid::kube::release::Options { timeout: Duration::from_secs(14), ..options("killed") };
    let refused = ground.releases.install(&other, &Values::new(), &hasty, &quiet).await.unwrap_err();
    assert!(matches!(refused.error, Error::InProgress { by_this_provider: true, revision: 1, .. }), "{refused:?}");

    killed.abort();
    let _ = killed.await;
    assert_eq!(ground.statuses("killed", "rel").await, ["pending-install"]);
    let done = ground.releases.install(&other, &Values::new(), &options("killed"), &quiet).await.unwrap();
    assert_eq!(done.release.description, "Install complete");
    assert!(done.warnings[0].contains("Revision 1 of release `rel` was pending-install"), "{:?}", done.warnings);
    assert_eq!(ground.statuses("killed", "rel").await, ["failed", "deployed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_two_writes_at_the_end_of_an_upgrade() {
    let Some(ground) = ground().await else { return };
    let (one, two, three) = (config_map("one", "x"), config_map("two", "x"), config_map("three", "x"));
    let chart_of = |file: &str| chart("1.0.0", &[("templates/a.yaml", file)]);
    ground.releases.install(&chart_of(&one), &Values::new(), &options("between"), &quiet).await.unwrap();
    ground.releases.upgrade(&chart_of(&two), &Values::new(), &options("between"), &quiet).await.unwrap();
    // As Helm leaves it: the first revision superseded, the second not yet deployed, and written long ago.
    let patch = json!({ "metadata": {
        "labels": { "status": "pending-upgrade", "createdAt": "1700000000", "modifiedAt": null },
        "annotations": { "ekshybrid/writer": null },
    } });
    let second = "sh.helm.release.v1.rel.v2";
    ground.client.merge(&Resource::SECRET, Some("between"), second, patch).await.unwrap();
    let done = ground.releases.upgrade(&chart_of(&three), &Values::new(), &options("between"), &quiet).await.unwrap();
    assert_eq!((done.release.revision, done.release.status), (3, Status::Deployed));
    assert_eq!(done.warnings.len(), 1, "{:?}", done.warnings);
    assert_eq!(ground.value("between", "two").await, None, "of the abandoned revision");
    assert_eq!(ground.value("between", "three").await.as_deref(), Some("x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_at_work_is_left_alone() {
    let Some(ground) = ground().await else { return };
    let own = config_map("own", "x");
    let chart = chart("1.0.0", &[("templates/own.yaml", &own)]);
    ground.releases.install(&chart, &Values::new(), &options("at-work"), &quiet).await.unwrap();
    let now = jiff::Timestamp::now().as_second().to_string();
    let patch = json!({ "metadata": {
        "labels": { "status": "pending-upgrade", "modifiedAt": now }, "annotations": { "ekshybrid/writer": null },
    } });
    ground.client.merge(&Resource::SECRET, Some("at-work"), SECRET, patch).await.unwrap();
    for refused in [
        ground.releases.upgrade(&chart, &Values::new(), &options("at-work"), &quiet).await.unwrap_err(),
        ground.releases.uninstall("at-work", "rel", &Removal::default(), &quiet).await.unwrap_err(),
    ] {
        assert!(matches!(refused.error, Error::InProgress { by_this_provider: false, .. }), "{refused:?}");
        assert!(refused.to_string().contains("revision 1 is pending-upgrade since "), "{refused}");
    }
    assert_eq!(ground.statuses("at-work", "rel").await, ["pending-upgrade"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_a_release_that_the_next_run_takes_up() {
    let Some(ground) = ground().await else { return };
    let own = config_map("own", "x");
    let endless = chart("1.0.0", &[("templates/own.yaml", &own), ("templates/endless.yaml", ENDLESS)]);
    let cancel = CancellationToken::new();
    let stopped = ekshybrid::kube::release::Releases::new(&ground.client.with_cancel(cancel.clone()));
    let running =
        tokio::spawn(async move { stopped.install(&endless, &Values::new(), &options("stop"), &quiet).await });
    seen_in_hook(&ground, "stop").await;
    cancel.cancel();
    let failed = running.await.unwrap().unwrap_err();
    assert!(failed.error.is_cancelled(), "{failed:?}");
    assert!(matches!(failed.left, Left::Failed { revision: 1 }), "{:?}", failed.left);
    assert_eq!(ground.statuses("stop", "rel").await, ["failed"]);
    let good = chart("1.0.0", &[("templates/own.yaml", &own)]);
    ground.releases.install(&good, &Values::new(), &options("stop"), &quiet).await.unwrap();
    assert_eq!(ground.statuses("stop", "rel").await, ["failed", "deployed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_writer_ends_the_operation_and_keeps_what_he_wrote() {
    let Some(ground) = ground().await else { return };
    let own = config_map("own", "x");
    let endless = chart("1.0.0", &[("templates/own.yaml", &own), ("templates/endless.yaml", ENDLESS)]);
    let releases = ground.releases.clone();
    let running =
        tokio::spawn(async move { releases.install(&endless, &Values::new(), &options("writer"), &quiet).await });
    seen_in_hook(&ground, "writer").await;
    let patch =
        json!({ "metadata": { "annotations": { "ekshybrid/writer": "another" }, "labels": { "status": "failed" } } });
    ground.client.merge(&Resource::SECRET, Some("writer"), SECRET, patch).await.unwrap();
    let failed = running.await.unwrap().unwrap_err();
    assert!(matches!(failed.error, Error::AnotherWriter { revision: 1, .. }), "{failed:?}");
    let secret = ground.get(&Resource::SECRET, "writer", SECRET).await.unwrap();
    assert_eq!(secret["metadata"]["annotations"]["ekshybrid/writer"], "another");
    assert_eq!(secret["metadata"]["labels"]["status"], "failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_at_the_same_time_one_writes() {
    let Some(ground) = ground().await else { return };
    ground.namespace("race").await;
    // Both have read that no release exists when they reach the definitions, and neither continues alone.
    let both = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let install = |value: &str| {
        let (releases, both) = (ground.releases.clone(), both.clone());
        let files =
            [("crds/races.yaml", definition("races", "Race", "")), ("templates/own.yaml", config_map("own", value))];
        tokio::spawn(async move {
            let chart = chart("1.0.0", &files.each_ref().map(|(name, text)| (*name, text.as_str())));
            let met = |progress: &str| {
                if progress.contains("crds/") {
                    let met = tokio::time::timeout(PATIENCE, both.wait());
                    let met = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(met));
                    assert!(met.is_ok(), "the other one does not arrive");
                }
            };
            releases.install(&chart, &Values::new(), &options("race"), &met).await
        })
    };
    let (first, second) = tokio::join!(install("one"), install("two"));
    let (first, second) = (first.unwrap(), second.unwrap());
    let (won, lost) = if first.is_ok() { (first, second) } else { (second, first) };
    let lost = lost.unwrap_err();
    assert!(matches!(lost.error, Error::AnotherWriter { .. } | Error::Exists { .. }), "{lost:?}");
    assert!(matches!(lost.left, Left::Nothing));
    assert_eq!(won.unwrap().release.revision, 1);
    assert_eq!(ground.statuses("race", "rel").await, ["deployed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_held_up_is_gone_on_with() {
    let Some(ground) = ground().await else { return };
    let held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [release.example/hold]}\n";
    let own = config_map("own", "x");
    let chart = chart("1.0.0", &[("templates/own.yaml", &own), ("templates/held.yaml", held)]);
    ground.releases.install(&chart, &Values::new(), &options("held"), &quiet).await.unwrap();
    let soon = Removal { timeout: Duration::from_secs(2), ..Removal::default() };
    let failed = ground.releases.uninstall("held", "rel", &soon, &quiet).await.unwrap_err();
    assert!(matches!(&failed.error, Error::StillThere { objects, .. } if objects.len() == 1), "{failed:?}");
    assert!(failed.to_string().contains("ConfigMap held/held (held by release.example/hold)"), "{failed}");
    assert!(failed.left.exists());
    assert_eq!(ground.statuses("held", "rel").await, ["uninstalling"]);
    let free = json!({ "metadata": { "finalizers": null } });
    ground.client.merge(&Resource::CONFIG_MAP, Some("held"), "held", free).await.unwrap();
    ground.releases.uninstall("held", "rel", &Removal::default(), &quiet).await.unwrap().unwrap();
    assert_eq!(ground.statuses("held", "rel").await, Vec::<&str>::new());
}
