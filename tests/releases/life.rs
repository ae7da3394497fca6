//! The life cycle of a release, including changes by Helm's command line.

use std::sync::Arc;

use ekshybrid::kube::release::{Comparison, CustomResources, Objects, Options, Removal, Rendering, Rendition};
use ekshybrid::kube::{Resource, name};
use helm::{ApplyMethod, HookPhase, Status, Values};
use serde_json::json;

use crate::ground::{PATIENCE, chart, config_map, definition, folder, ground, options, quiet};

const KEPT: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn install_upgrade_rollback_uninstall() {
    let Some(ground) = ground().await else { return };
    let releases = &ground.releases;
    let own = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {v: {{ .Values.v | quote }}}\n";
    let first = chart(
        "1.0.0",
        &[("templates/own.yaml", own), ("templates/old.yaml", &config_map("old", "x")), ("templates/kept.yaml", KEPT)],
    );
    let values = Values::from_yaml("v: one").unwrap();
    assert!(releases.current("life", "rel").await.unwrap().is_none());

    let outcome = releases.install(&first, &values, &options("life"), &quiet).await.unwrap();
    assert_eq!((outcome.release.revision, outcome.release.status), (1, Status::Deployed));
    assert_eq!(ground.value("life", "own").await.as_deref(), Some("one"));
    let current = releases.current("life", "rel").await.unwrap().unwrap();
    assert_eq!(current.release.config, *values.as_map());
    assert_eq!(current.release.chart.metadata.app_version, "a1.0.0");
    assert_eq!(current.release.description, "Install complete");
    let again = releases.install(&first, &values, &options("life"), &quiet).await.unwrap_err();
    assert!(
        again.to_string().contains("release `rel` exists already in namespace `life`: revision 1, deployed"),
        "{again}"
    );
    assert!(!again.left.exists());

    let new = config_map("new", "y");
    let second = chart("2.0.0", &[("templates/own.yaml", own), ("templates/new.yaml", &new)]);
    let values = Values::from_yaml("v: two").unwrap();
    let outcome = releases.upgrade(&second, &values, &options("life"), &quiet).await.unwrap();
    assert_eq!(outcome.release.revision, 2);
    assert_eq!(outcome.kept, ["ConfigMap life/kept"]);
    assert_eq!(ground.value("life", "own").await.as_deref(), Some("two"));
    assert_eq!(ground.value("life", "old").await, None, "the new revision has it no more");
    assert_eq!(ground.statuses("life", "rel").await, ["superseded", "deployed"]);

    let outcome = releases.rollback(1, &options("life"), &quiet).await.unwrap();
    assert_eq!((outcome.release.revision, outcome.release.rollback_revision), (3, Some(1)));
    assert_eq!(ground.value("life", "own").await.as_deref(), Some("one"));
    assert_eq!(ground.value("life", "old").await.as_deref(), Some("x"));
    assert_eq!(ground.value("life", "new").await, None);

    let removed = releases.uninstall("life", "rel", &Removal::default(), &quiet).await.unwrap().unwrap();
    assert_eq!(removed.kept, ["ConfigMap life/kept"]);
    let left = ground.client.list(&Resource::CONFIG_MAP, Some("life"), None).await.unwrap();
    let left: Vec<_> = left.iter().map(name).collect();
    assert_eq!(left, ["kept", "kube-root-ca.crt"]);
    assert!(releases.current("life", "rel").await.unwrap().is_none());
    assert_eq!(ground.statuses("life", "rel").await, Vec::<&str>::new());
    assert!(releases.uninstall("life", "rel", &Removal::default(), &quiet).await.unwrap().is_none());
    let absent = releases.upgrade(&second, &values, &options("life"), &quiet).await.unwrap_err();
    assert!(absent.to_string().contains("there is no release `rel` in namespace `life`"), "{absent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_goes_on_with_ours() {
    let Some(ground) = ground().await else { return };
    let Some(helm) = ground.helm("ours") else { return };
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {v: {{ .Values.v | quote }}}\n";
    let files = [("templates/own.yaml", template), ("templates/NOTES.txt", "for {{ .Release.Name }}")];
    let values = Values::from_yaml("v: one").unwrap();
    ground.releases.install(&chart("1.0.0", &files), &values, &options("ours"), &quiet).await.unwrap();
    let values = Values::from_yaml("v: two").unwrap();
    let second = ground.releases.upgrade(&chart("2.0.0", &files), &values, &options("ours"), &quiet).await.unwrap();

    let listed = helm.json(&["list"]);
    assert_eq!(listed[0]["name"], "rel");
    assert_eq!((&listed[0]["revision"], &listed[0]["status"]), (&json!("2"), &json!("deployed")));
    assert_eq!((&listed[0]["chart"], &listed[0]["app_version"]), (&json!("c-2.0.0"), &json!("a2.0.0")));
    let history = helm.json(&["history", "rel"]);
    assert_eq!(history[0]["status"], "superseded");
    assert_eq!(history[1]["description"], "Upgrade complete");
    assert_eq!(helm.json(&["get", "values", "rel"]), json!({ "v": "two" }));
    assert_eq!(helm.run(&["get", "manifest", "rel"]).trim_end(), second.release.manifest.trim_end());
    assert!(helm.run(&["get", "notes", "rel"]).contains("for rel"));

    helm.run(&["rollback", "rel", "1", "--wait"]);
    assert_eq!(ground.value("ours", "own").await.as_deref(), Some("one"));
    let current = ground.releases.current("ours", "rel").await.unwrap().unwrap();
    assert_eq!((current.entry.revision, current.release.rollback_revision), (3, Some(1)));
    let folder = folder("3.0.0", &files);
    helm.run(&["upgrade", "rel", folder.path().to_str().unwrap(), "--set", "v=three", "--wait"]);
    assert_eq!(ground.value("ours", "own").await.as_deref(), Some("three"));
    assert_eq!(ground.statuses("ours", "rel").await, ["superseded", "superseded", "superseded", "deployed"]);
    // The provider also continues from Helm's result.
    let values = Values::from_yaml("v: five").unwrap();
    ground.releases.upgrade(&chart("5.0.0", &files), &values, &options("ours"), &quiet).await.unwrap();
    assert_eq!(helm.json(&["list"])[0]["revision"], "5");
    helm.run(&["uninstall", "rel", "--wait"]);
    assert_eq!(ground.value("ours", "own").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn we_go_on_with_what_the_command_line_made() {
    let Some(ground) = ground().await else { return };
    for (namespace, method) in [("by-server", "true"), ("by-client", "false")] {
        let Some(helm) = ground.helm(namespace) else { return };
        let two = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {v: one, w: goes}\n";
        let made = folder("1.0.0", &[("templates/own.yaml", two), ("templates/old.yaml", &config_map("old", "x"))]);
        let path = made.path().to_str().unwrap();
        let method = format!("--server-side={method}");
        helm.run(&["install", "rel", path, "--create-namespace", "--set", "a.b=1", "--labels", "team=net", &method]);

        let current = ground.releases.current(namespace, "rel").await.unwrap().unwrap();
        assert_eq!(current.release.chart.metadata.version, "1.0.0");
        assert_eq!(current.release.config, *Values::from_yaml("a: {b: 1}").unwrap().as_map());
        assert!(!current.entry.by_this_provider);
        assert_eq!(
            ground.releases.drift(&current.release, &Objects::of_release(&current.release).unwrap()).await.unwrap(),
            Comparison::default()
        );
        let own = config_map("own", "two");
        let second = chart("2.0.0", &[("templates/own.yaml", &own)]);
        let outcome = ground.releases.upgrade(&second, &Values::new(), &options(namespace), &quiet).await.unwrap();
        assert_eq!(outcome.release.labels["team"], "net");
        assert_eq!(outcome.release.apply_method, ApplyMethod::ServerSide);
        let own = ground.get(&Resource::CONFIG_MAP, namespace, "own").await.unwrap();
        assert_eq!(own["data"], json!({ "v": "two" }), "a field that is not in the chart any more goes");
        assert_eq!(ground.value(namespace, "old").await, None);
        assert_eq!(helm.json(&["history", "rel"])[0]["status"], "superseded");
        ground.releases.uninstall(namespace, "rel", &Removal::default(), &quiet).await.unwrap().unwrap();
        assert_eq!(helm.json(&["list"]), json!([]));
        assert_eq!(ground.value(namespace, "own").await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_in_order_and_go_by_their_policies() {
    let Some(ground) = ground().await else { return };
    let hook = |name: &str, events: &str, weight: &str, policy: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: {events}\n    \
             helm.sh/hook-weight: '{weight}'\n{policy}spec:\n  template:\n    spec:\n      restartPolicy: Never\n      \
             containers: [{{name: a, image: a}}]\n"
        )
    };
    let succeeded = "    helm.sh/hook-delete-policy: hook-succeeded\n";
    let (late, early) =
        (hook("late", "pre-install,pre-upgrade", "5", ""), hook("early", "pre-install", "-5", succeeded));
    let last = hook("last", "pre-delete", "0", succeeded);
    let own = config_map("own", "x");
    let files = [
        ("templates/late.yaml", late.as_str()),
        ("templates/early.yaml", &early),
        ("templates/last.yaml", &last),
        ("templates/own.yaml", &own),
    ];
    let installed = ground.releases.install(&chart("1.0.0", &files), &Values::new(), &options("hooks"), &quiet).await;
    let release = installed.unwrap().release;
    let run = |name: &str| release.hooks.iter().find(|run| run.hook.name == name).unwrap();
    assert!(run("early").completed.unwrap() <= run("late").started.unwrap());
    assert_eq!(run("late").phase, Some(HookPhase::Succeeded));
    assert_eq!(run("last").phase, None);
    let job = Resource { group: "batch".into(), version: "v1".into(), kind: "Job".into(), plural: "jobs".into() };
    let first = ground.get(&job, "hooks", "late").await.expect("it stays until it runs again");
    assert!(ground.get(&job, "hooks", "early").await.is_none(), "its policy is hook-succeeded");
    ground.releases.upgrade(&chart("2.0.0", &files), &Values::new(), &options("hooks"), &quiet).await.unwrap();
    let second = ground.get(&job, "hooks", "late").await.unwrap();
    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"], "deleted before it was made again");
    ground.releases.uninstall("hooks", "rel", &Removal::default(), &quiet).await.unwrap();
    assert!(ground.get(&job, "hooks", "last").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_resource_definitions_come_first_and_stay() {
    let Some(ground) = ground().await else { return };
    let thing = "{{ if .Capabilities.APIVersions.Has \"release.example/v1/Thing\" }}\napiVersion: release.example/v1\nkind: Thing\nmetadata: {name: t}\n{{ end }}\n";
    let own = "apiVersion: release.example/v1\nkind: Own\nmetadata: {name: o}\n";
    let (things, owns) = (definition("things", "Thing", ""), definition("owns", "Own", ""));
    let files = |things: &str| {
        chart(
            "1.0.0",
            &[
                ("crds/things.yaml", things),
                ("templates/thing.yaml", thing),
                ("templates/owns.yaml", &owns),
                ("templates/own.yaml", own),
            ],
        )
    };
    ground.releases.install(&files(&things), &Values::new(), &options("crds"), &quiet).await.unwrap();
    let kind = |kind: &'static str, plural: &'static str| Resource {
        group: "release.example".into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: plural.into(),
    };
    assert!(ground.get(&kind("Thing", "things"), "crds", "t").await.is_some());
    assert!(ground.get(&kind("Own", "owns"), "crds", "o").await.is_some());

    let changed = definition("things", "Thing", ", description: changed");
    let described = || async {
        let found = ground.client.get(&Resource::CUSTOM_RESOURCE_DEFINITION, None, "things.release.example").await;
        found.unwrap().unwrap().pointer("/spec/versions/0/schema/openAPIV3Schema/description").cloned()
    };
    ground.releases.upgrade(&files(&changed), &Values::new(), &options("crds"), &quiet).await.unwrap();
    assert_eq!(described().await, None, "an upgrade leaves them alone, as Helm's does");
    let always = Options { crds: CustomResources::Always, ..options("crds") };
    ground.releases.upgrade(&files(&changed), &Values::new(), &always, &quiet).await.unwrap();
    assert_eq!(described().await, Some(json!("changed")));
    ground.releases.uninstall("crds", "rel", &Removal::default(), &quiet).await.unwrap();
    assert_eq!(described().await, Some(json!("changed")), "those of crds/ stay");
    let owned = ground.client.get(&Resource::CUSTOM_RESOURCE_DEFINITION, None, "owns.release.example").await.unwrap();
    assert!(owned.is_none(), "those of templates/ go");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_revisions_than_the_limit() {
    let Some(ground) = ground().await else { return };
    let own = config_map("own", "x");
    let chart = chart("1.0.0", &[("templates/own.yaml", &own)]);
    let options = Options { history_limit: 2, timeout: PATIENCE, ..options("limit") };
    ground.releases.install(&chart, &Values::new(), &options, &quiet).await.unwrap();
    for _ in 0..3 {
        ground.releases.upgrade(&chart, &Values::new(), &options, &quiet).await.unwrap();
    }
    let history = ground.releases.history("limit", "rel").await.unwrap();
    let revisions: Vec<_> = history.iter().map(|entry| (entry.revision, entry.status)).collect();
    assert_eq!(revisions, [(3, Status::Superseded), (4, Status::Deployed)]);

    // Failures count too, and do not displace the good revision.
    let nameless = "apiVersion: v1\nkind: Secret\nmetadata: {name: bad, labels: {a: 'no label!'}}\n";
    let bad = crate::ground::chart("2.0.0", &[("templates/bad.yaml", nameless)]);
    for _ in 0..3 {
        ground.releases.upgrade(&bad, &Values::new(), &options, &quiet).await.unwrap_err();
    }
    let history = ground.releases.history("limit", "rel").await.unwrap();
    let revisions: Vec<_> = history.iter().map(|entry| (entry.revision, entry.status)).collect();
    assert_eq!(revisions, [(4, Status::Deployed), (7, Status::Failed)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_look_into_the_cluster() {
    let Some(ground) = ground().await else { return };
    ground.namespace("look").await;
    let there =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "there" }, "data": { "v": "seen" } });
    ground.client.create(&Resource::CONFIG_MAP, Some("look"), &there).await.unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata:\n  \
        v: {{ (lookup \"v1\" \"ConfigMap\" .Release.Namespace \"there\").data.v }}\n  \
        none: {{ lookup \"v1\" \"ConfigMap\" .Release.Namespace \"missing\" | empty | quote }}\n  \
        unknown: {{ lookup \"no.example/v1\" \"Kind\" \"\" \"\" | empty | quote }}\n  \
        listed: {{ (index (lookup \"v1\" \"ConfigMap\" .Release.Namespace \"\").items 1).kind }}\n  \
        version: {{ .Capabilities.KubeVersion.Version }}\n";
    let chart = chart("1.0.0", &[("templates/own.yaml", template)]);
    ground.releases.install(&chart, &Values::new(), &options("look"), &quiet).await.unwrap();
    let own = ground.get(&Resource::CONFIG_MAP, "look", "own").await.unwrap();
    let expected = json!({ "v": "seen", "none": "true", "unknown": "true", "listed": "ConfigMap", "version": "v1.34.3-eks-f69f56f" });
    assert_eq!(own["data"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_is_what_the_command_line_installs() {
    let Some(ground) = ground().await else { return };
    let Some(helm) = ground.helm("bytes-theirs") else { return };
    // Block scalars at every kind of end: of a document, of a file, before a separator, with and without a line
    // break.
    let block = |name: &str, style: &str, end: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  v: {style}\n    one\n    two{end}"
        )
    };
    let all = |prefix: &str| -> String {
        // `+` comes last: before a separator Helm 4.3 keeps blank lines that 4.2 removes.
        let styles = [("clip", "|"), ("strip", "|-"), ("folded", ">"), ("folded-keep", ">+")];
        let documents = styles.map(|(name, style)| block(&format!("{prefix}-{name}"), style, "\n"));
        documents.join("---\n")
    };
    let (middle, spaced) = (all("middle"), all("spaced").replace("---\n", "\n\n---\n\n"));
    let unended = block("unended", "|", "");
    let blank = block("blank", "|+", "\n\n\n");
    let twice = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice, labels: {a: x, a: z}}\ndata: {v: x, v: z}\n";
    let returns = block("returns", "|", "\n").replace('\n', "\r\n");
    let hook =
        block("hook", "|", "").replace("  name: hook", "  name: hook\n  annotations: {helm.sh/hook: post-install}");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  v: |\n    a\n---\n# nothing\n";
    let modes = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: modes}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
        template:\n    metadata: {labels: {a: b}}\n    spec:\n      nodeSelector: {nowhere: 'yes'}\n      \
        containers: [{name: a, image: a}]\n      volumes:\n      - {name: a, secret: {secretName: s, defaultMode: 0400}}\n      \
        - {name: b, secret: {secretName: s, defaultMode: 0o440}}\n";
    let files = [
        ("templates/middle.yaml", middle.as_str()),
        ("templates/spaced.yaml", &spaced),
        ("templates/unended.yaml", &unended),
        ("templates/blank.yaml", &blank),
        ("templates/twice.yaml", twice),
        ("templates/returns.yaml", &returns),
        ("templates/hook.yaml", &hook),
        ("templates/secret.yaml", secret),
        ("templates/modes.yaml", modes),
    ];
    let installed = async |namespace: &str| -> Vec<serde_json::Value> {
        let mut found = Vec::new();
        for resource in [&Resource::CONFIG_MAP, &Resource::SECRET, &Resource::DAEMON_SET] {
            for object in ground.client.list(resource, Some(namespace), None).await.unwrap() {
                let labels = &object["metadata"]["labels"];
                let volumes = object.pointer("/spec/template/spec/volumes");
                if name(&object) != "kube-root-ca.crt" && object["type"] != "helm.sh/release.v1" {
                    found.push(json!([name(&object), labels, object["data"], volumes]));
                }
            }
        }
        found
    };
    let releases = &ground.releases;
    let made = chart("1.0.0", &files);
    let first = releases.install(&made, &Values::new(), &options("bytes-ours"), &quiet).await.unwrap().release;
    let path = folder("1.0.0", &files);
    helm.run(&["install", "rel", path.path().to_str().unwrap(), "--create-namespace"]);
    let (ours, theirs) = (installed("bytes-ours").await, installed("bytes-theirs").await);
    assert_eq!(ours.len(), 15);
    assert_eq!(ours, theirs);
    assert_eq!(
        releases.drift(&first, &Objects::of_release(&first).unwrap()).await.unwrap().drifted,
        [],
        "it is read back as it was installed"
    );

    // Back to the original after something else.
    let none = chart("2.0.0", &[("templates/a.yaml", &config_map("a", "x"))]);
    releases.upgrade(&none, &Values::new(), &options("bytes-ours"), &quiet).await.unwrap();
    let back = releases.rollback(1, &options("bytes-ours"), &quiet).await.unwrap().release;
    assert_eq!(installed("bytes-ours").await, theirs);
    assert_eq!(releases.drift(&back, &Objects::of_release(&back).unwrap()).await.unwrap().drifted, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_is_rendered_already_is_not_rendered_again() {
    let Some(ground) = ground().await else { return };
    // Each rendering has another value.
    let random = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: random}\ndata: {v: {{ randAlphaNum 20 }}}\n";
    let one = chart("1.0.0", &[("templates/random.yaml", random)]);
    let values = Values::new();
    let value = |objects: &Objects| objects.manifests().next().unwrap()["data"]["v"].as_str().unwrap().to_owned();
    let with = |rendition: Rendition| Options { rendition: Some(Arc::new(rendition)), ..options("ahead") };
    let render = async |chart: &helm::Chart, revision: i64, is_upgrade: bool| {
        let rendering = Rendering {
            name: "rel",
            namespace: "ahead",
            revision,
            is_upgrade,
            skip_schema: false,
            preview_for: None,
            rewrite: None,
        };
        ground.releases.render(chart, &values, rendering).await.unwrap()
    };

    let text = random.replace("{{ randAlphaNum 20 }}", "written");
    let written = helm::Rendered::of_manifest(one.clone(), "c/templates/random.yaml", text).unwrap();
    let written = Rendition::as_written(written, None).unwrap();
    let done = ground.releases.install(&one, &values, &with(written), &quiet).await.unwrap();
    assert_eq!(value(&done.objects), "written");
    assert!(done.release.manifest.contains("v: written"), "{}", done.release.manifest);
    assert_eq!(value(&Objects::of_release(&done.release).unwrap()), "written");

    // What was rendered for revision 1 is not that of revision 2.
    let first = render(&one, 1, false).await;
    let done = ground.releases.upgrade(&one, &values, &with(first.clone()), &quiet).await.unwrap();
    assert_ne!(value(&done.objects), value(&first.objects));

    // `crds/` add a kind that templates can look for.
    let two =
        chart("2.0.0", &[("templates/random.yaml", random), ("crds/aheads.yaml", &definition("aheads", "Ahead", ""))]);
    let third = render(&two, 3, true).await;
    let options = Options { crds: CustomResources::Always, ..with(third.clone()) };
    let done = ground.releases.upgrade(&two, &values, &options, &quiet).await.unwrap();
    assert_ne!(value(&done.objects), value(&third.objects));
}
