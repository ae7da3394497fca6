//! Failures, what they leave behind, and how the next operation resumes from there.

use std::time::Duration;

use ekshybrid::kube::Resource;
use ekshybrid::kube::release::{Error, Left, Options, Removal};
use helm::Values;
use serde_json::json;

use crate::ground::{chart, config_map, eventually, ground, options, quiet};

/// The API server rejects the label's value.
const REFUSED: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: refused, labels: {a: 'no label!'}}\n";

fn daemon_set(more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: agent}}\nspec:\n  selector: {{matchLabels: {{app: agent}}}}\n  \
         template:\n    metadata: {{labels: {{app: agent}}}}\n    spec:\n      tolerations: [{{operator: Exists}}]\n{more}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_is_refused_in_the_middle() {
    let Some(ground) = ground().await else { return };
    let (a, b, only) = (config_map("a", "1"), config_map("b", "1"), config_map("only-in-failed", "1"));
    let good = [("templates/a.yaml", a.as_str()), ("templates/b.yaml", &b)];
    let bad = [good[0], good[1], ("templates/only.yaml", &only), ("templates/z.yaml", REFUSED)];
    let failed = ground.releases.install(&chart("1.0.0", &bad), &Values::new(), &options("middle"), &quiet).await;
    let failed = failed.unwrap_err();
    assert!(matches!(failed.left, Left::Failed { revision: 1 }), "{:?}", failed.left);
    let Error::Refused { refused, total: 4 } = &failed.error else { panic!("{failed:?}") };
    assert_eq!(refused[0].object, "Secret middle/refused");
    assert!(failed.to_string().contains("no label!"), "{failed}");
    assert_eq!(ground.value("middle", "b").await.as_deref(), Some("1"), "the others are applied");
    let recorded = ground.releases.current("middle", "rel").await.unwrap().unwrap();
    assert_eq!(recorded.entry.status.name(), "failed");
    assert!(recorded.release.description.contains("Secret middle/refused"), "{}", recorded.release.description);

    // The same again, and then a valid chart: it is still an installation, and objects only in failed revisions are
    // deleted.
    let again = ground.releases.install(&chart("1.0.0", &bad), &Values::new(), &options("middle"), &quiet).await;
    assert!(matches!(again.unwrap_err().left, Left::Failed { revision: 2 }));
    let done =
        ground.releases.upgrade(&chart("1.0.1", &good), &Values::new(), &options("middle"), &quiet).await.unwrap();
    assert_eq!(done.release.description, "Install complete");
    assert_eq!(ground.statuses("middle", "rel").await, ["failed", "failed", "deployed"]);
    assert_eq!(ground.value("middle", "only-in-failed").await, None);

    // A failed upgrade leaves the previous revision recorded as deployed.
    let failed = ground.releases.upgrade(&chart("2.0.0", &bad), &Values::new(), &options("middle"), &quiet).await;
    assert!(matches!(failed.unwrap_err().left, Left::Failed { revision: 4 }));
    assert_eq!(ground.value("middle", "only-in-failed").await.as_deref(), Some("1"));
    ground.releases.uninstall("middle", "rel", &Removal::default(), &quiet).await.unwrap();
    assert_eq!(ground.value("middle", "only-in-failed").await, None, "what only a failed revision has goes too");
    assert_eq!(ground.value("middle", "a").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_others_are_kept() {
    let Some(ground) = ground().await else { return };
    ground.namespace("others").await;
    let theirs =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "v": "theirs" } });
    ground.client.create(&Resource::CONFIG_MAP, Some("others"), &theirs).await.unwrap();
    let (a, b) = (config_map("a", "ours"), config_map("b", "ours"));
    let files = [("templates/a.yaml", a.as_str()), ("templates/b.yaml", &b)];
    let failed = ground.releases.install(&chart("1.0.0", &files), &Values::new(), &options("others"), &quiet).await;
    let failed = failed.unwrap_err();
    assert!(matches!(&failed.error, Error::NotOurs(others) if others.len() == 1), "{failed:?}");
    assert!(failed.to_string().contains("ConfigMap others/a (it is not marked"), "{failed}");
    assert!(matches!(failed.left, Left::Nothing));
    assert_eq!(ground.value("others", "a").await.as_deref(), Some("theirs"));
    assert_eq!(ground.value("others", "b").await, None);
    assert_eq!(ground.statuses("others", "rel").await, Vec::<&str>::new());

    // An object that was ours and now belongs to someone else is kept when the release is uninstalled.
    ground.releases.install(&chart("1.0.0", &files[1..]), &Values::new(), &options("others"), &quiet).await.unwrap();
    let patch = json!({ "metadata": { "annotations": { "meta.helm.sh/release-name": "another" } } });
    ground.client.merge(&Resource::CONFIG_MAP, Some("others"), "b", patch).await.unwrap();
    let removed = ground.releases.uninstall("others", "rel", &Removal::default(), &quiet).await.unwrap().unwrap();
    assert_eq!(removed.not_ours, ["ConfigMap others/b"]);
    assert_eq!(ground.value("others", "b").await.as_deref(), Some("ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_another_manager_is_taken_only_by_force() {
    let Some(ground) = ground().await else { return };
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {v: {{ .Values.v }}}\n";
    let chart = chart("1.0.0", &[("templates/own.yaml", template)]);
    let value = |value: &str| Values::from_yaml(&format!("v: {value}")).unwrap();
    ground.releases.install(&chart, &value("one"), &options("force"), &quiet).await.unwrap();
    let patch = json!({ "data": { "v": "by-hand" } });
    ground.client.merge(&Resource::CONFIG_MAP, Some("force"), "own", patch).await.unwrap();
    let failed = ground.releases.upgrade(&chart, &value("two"), &options("force"), &quiet).await.unwrap_err();
    assert!(failed.to_string().contains("other field managers own `.data.v` (manager `ekshybrid`)"), "{failed}");
    let force = Options { force_conflicts: true, ..options("force") };
    ground.releases.upgrade(&chart, &value("two"), &force, &quiet).await.unwrap();
    assert_eq!(ground.value("force", "own").await.as_deref(), Some("two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_before_anything_is_sent() {
    let Some(ground) = ground().await else { return };
    let own = config_map("own", "x");
    let unknown = "apiVersion: no.example/v1\nkind: Nothing\nmetadata: {name: one}\n";
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ fail \"say no\" }}}\n";
    let nameless = "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n";
    for (template, expected) in [
        (unknown, "the cluster does not serve Nothing of no.example/v1 (in c/templates/z.yaml)"),
        (broken, "say no"),
        (nameless, "c/templates/z.yaml holds no Kubernetes object: the ConfigMap has no name"),
    ] {
        let chart = chart("1.0.0", &[("templates/own.yaml", &own), ("templates/z.yaml", template)]);
        let failed = ground.releases.install(&chart, &Values::new(), &options("before"), &quiet).await.unwrap_err();
        let source = std::error::Error::source(&failed).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{failed}: {source}").contains(expected), "{failed}: {source}");
        assert!(matches!(failed.left, Left::Nothing));
    }
    let named = Options { name: "Not_A_Name".to_owned(), ..options("before") };
    let chart_of_one = chart("1.0.0", &[("templates/own.yaml", &own)]);
    let failed = ground.releases.install(&chart_of_one, &Values::new(), &named, &quiet).await.unwrap_err();
    assert!(matches!(failed.error, Error::Name(_)));

    // Numbers that do not compress.
    let mut state: u64 = 1;
    let mut noise = String::new();
    while noise.len() < 1_600_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push_str(&format!("{state:016x}"));
    }
    let large = chart("1.0.0", &[("templates/own.yaml", &own), ("files/noise", &noise)]);
    let failed = ground.releases.install(&large, &Values::new(), &options("before"), &quiet).await.unwrap_err();
    assert!(matches!(failed.error, Error::TooLarge { bytes } if bytes > 1 << 20), "{failed}");
    let namespace = ground.client.get(&Resource::NAMESPACE, None, "before").await.unwrap();
    assert_eq!(namespace, None, "nothing is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_set_without_room_says_so() {
    let spec = "      containers: [{name: a, image: a, resources: {requests: {cpu: '5000'}}}]\n";
    never_ready("crowded", spec, "Unschedulable: 0/1 nodes are available").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_set_whose_pods_are_refused_says_why() {
    let spec = "      serviceAccountName: nobody\n      containers: [{name: a, image: a}]\n";
    let reason = "event of DaemonSet agent: FailedCreate: Error creating: pods \"agent-\" is forbidden: error looking up \
                  service account refused/nobody";
    never_ready("refused", spec, reason).await;
}

/// Installs a DaemonSet that does not become ready.
async fn never_ready(namespace: &str, spec: &str, reason: &str) {
    let Some(ground) = ground().await else { return };
    let soon = Options { timeout: Duration::from_secs(30), ..options(namespace) };
    let chart = chart("1.0.0", &[("templates/agent.yaml", &daemon_set(spec))]);
    let failed = ground.releases.install(&chart, &Values::new(), &soon, &quiet).await.unwrap_err();
    let text = failed.to_string();
    assert!(text.contains(&format!("not ready: DaemonSet {namespace}/agent: 0 of 1 pods")), "{text}");
    assert!(text.contains(reason), "{text}");
    let recorded = ground.releases.current(namespace, "rel").await.unwrap().unwrap();
    assert!(recorded.release.description.contains(reason), "{}", recorded.release.description);
    ground.releases.uninstall(namespace, "rel", &Removal::default(), &quiet).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_fails_says_why() {
    let Some(ground) = ground().await else { return };
    let own = config_map("own", "x");
    let hook = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: check\n  annotations:\n    helm.sh/hook: pre-upgrade,pre-install\n    \
        helm.sh/hook-delete-policy: hook-failed\nspec:\n  activeDeadlineSeconds: 2\n  template:\n    spec:\n      restartPolicy: Never\n      \
        nodeSelector: {no: where}\n      containers: [{name: a, image: a}]\n";
    let chart = chart("1.0.0", &[("templates/own.yaml", &own), ("templates/hook.yaml", hook)]);
    let failed = ground.releases.install(&chart, &Values::new(), &options("hook-fails"), &quiet).await.unwrap_err();
    assert!(matches!(&failed.error, Error::Hook { .. }), "{failed:?}");
    let text = failed.to_string();
    assert!(text.contains("the pre-install hook Job hook-fails/check: DeadlineExceeded"), "{text}");
    assert_eq!(ground.value("hook-fails", "own").await, None, "nothing is applied behind a hook that failed");
    let job = Resource { group: "batch".into(), version: "v1".into(), kind: "Job".into(), plural: "jobs".into() };
    assert!(ground.get(&job, "hook-fails", "check").await.is_none(), "its policy is hook-failed");
    let recorded = ground.releases.current("hook-fails", "rel").await.unwrap().unwrap();
    assert_eq!(recorded.release.hooks[0].phase.map(helm::HookPhase::name), Some("Failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_operation_goes_back() {
    let Some(ground) = ground().await else { return };
    let (one, two) = (config_map("own", "one"), config_map("own", "two"));
    let atomic = Options { atomic: true, ..options("atomic") };
    let bad = chart("1.0.0", &[("templates/own.yaml", &one), ("templates/z.yaml", REFUSED)]);
    let failed = ground.releases.install(&bad, &Values::new(), &atomic, &quiet).await.unwrap_err();
    assert!(matches!(failed.left, Left::Removed), "{:?}", failed.left);
    assert!(matches!(failed.error, Error::Refused { .. }));
    assert_eq!(ground.value("atomic", "own").await, None);
    assert_eq!(ground.statuses("atomic", "rel").await, Vec::<&str>::new());

    let good = chart("1.0.0", &[("templates/own.yaml", &one)]);
    ground.releases.install(&good, &Values::new(), &atomic, &quiet).await.unwrap();
    let bad = chart("2.0.0", &[("templates/own.yaml", &two), ("templates/z.yaml", REFUSED)]);
    let failed = ground.releases.upgrade(&bad, &Values::new(), &atomic, &quiet).await.unwrap_err();
    assert!(matches!(failed.left, Left::RolledBack { revision: 2, to: 1 }), "{:?}", failed.left);
    let value = async || ground.value("atomic", "own").await.filter(|value| value == "one");
    eventually("the former value", value).await;
    assert_eq!(ground.statuses("atomic", "rel").await, ["superseded", "failed", "deployed"]);
}
