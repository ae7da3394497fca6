//! Validation and plans.

use framework::diagnostic::Diagnostics;
use framework::path::Path;
use framework::server::{Answer, Host, PlanRequest, Planned, Server};
use framework::value::{Refinement, Value};
use tokio_util::sync::CancellationToken;

use crate::host::{
    HOST, apply, configured, error, identity, made, nothing, object, part, plan, read, server_config, told, with,
};

fn owned(
    found: Vec<(framework::diagnostic::Severity, &str, String)>,
) -> Vec<(framework::diagnostic::Severity, String, String)> {
    found.into_iter().map(|(severity, summary, path)| (severity, summary.to_owned(), path)).collect()
}

fn disk(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut disk =
        vec![("size", Value::from(10)), ("filesystem", Value::Null), ("key", Value::Null), ("key_file", Value::Null)];
    for (name, value) in entries {
        disk.retain(|(known, _)| *known != name);
        disk.push((name, value));
    }
    Value::map(disk)
}

/// A watch at the address `a`.
fn watch(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut watch = vec![
        ("address", Value::from("a")),
        ("every", Value::Null),
        ("token_wo", Value::Null),
        ("token_version", Value::Null),
    ];
    for (name, value) in entries {
        watch.retain(|(known, _)| *known != name);
        watch.push((name, value));
    }
    Value::map(watch)
}

#[tokio::test]
async fn a_nested_write_only_value_is_set_by_its_version() {
    let server = configured("nested-write-only").await;
    let region = crate::cloud::Region::named("nested-write-only");
    let config = |token: &str, version: i64| {
        server_config([("watch", watch([("token_wo", token.into()), ("token_version", version.into())]))])
    };
    let kept = made(&server, &config("first", 1)).await;
    let stored = part(&kept, "watch").clone();
    assert_eq!(stored.attribute("token_wo"), Some(&Value::Null));
    assert_eq!(stored.attribute("token_version"), Some(&Value::from(1)));
    assert_eq!(region.servers()["srv-1"].token, Some((1, "first".to_owned())));

    // Terraform does not see a write-only value change; its version says so.
    assert_eq!(plan(&server, &kept, &config("second", 1)).await.value.state, kept.state);
    let changed = apply(&server, &kept, &config("second", 2), CancellationToken::new()).await;
    assert_eq!(changed.diagnostics, Diagnostics::new());
    assert_eq!(region.servers()["srv-1"].token, Some((2, "second".to_owned())));
    assert_eq!(part(&changed.value, "watch").attribute("token_wo"), Some(&Value::Null));
    assert_eq!(read(&server, &changed.value).await.value.state, changed.value.state);
    let alone = server_config([("watch", watch([("token_wo", "first".into())]))]);
    let faults = server.validate_resource("cloud_server".into(), alone, HOST).await;
    assert_eq!(owned(told(&faults)), [error("Incomplete arguments", "watch.token_wo")]);
}

#[tokio::test]
async fn validation_reports_every_fault_on_its_attribute() {
    let server = configured("validation").await;
    for (entries, expected) in [
        (vec![], vec![]),
        (
            vec![
                ("name", Value::from("no name")),
                ("snapshot", Value::from("s")),
                ("size", Value::from(65)),
                ("lifetime", Value::from("soon")),
                ("disks", Value::List(vec![disk([("size", Value::from(0))])])),
            ],
            vec![
                error("Conflicting arguments", "image"),
                error("Conflicting arguments", "snapshot"),
                error("Invalid server name", "name"),
                error("Number out of range", "size"),
                error("Invalid duration", "lifetime"),
                error("Number out of range", "disks[0].size"),
            ],
        ),
        (vec![("name", Value::from("root"))], vec![error("Reserved name", "name")]),
        (vec![("name", Value::unknown()), ("image", Value::unknown()), ("disks", Value::unknown())], vec![]),
        (vec![("password_wo", Value::from("p"))], vec![error("Incomplete arguments", "password_wo")]),
        (
            vec![("disks", Value::List(vec![disk([("key", Value::from("k")), ("key_file", Value::from("f"))])]))],
            vec![error("Conflicting arguments", "disks[0].key"), error("Conflicting arguments", "disks[0].key_file")],
        ),
    ] {
        let config = server_config(entries);
        let faults = server.validate_resource("cloud_server".into(), config.clone(), HOST).await;
        assert_eq!(owned(told(&faults)), expected, "{config:?}");
    }
}

#[tokio::test]
async fn a_host_without_write_only_arguments_is_told() {
    let server = configured("old-host").await;
    let config = server_config([("password_wo", Value::from("p")), ("password_version", Value::from(1))]);
    let faults = server.validate_resource("cloud_server".into(), config, Host::default()).await;
    assert_eq!(owned(told(&faults)), [error("Write-only argument is not supported here", "password_wo")]);
}

#[tokio::test]
async fn the_providers_own_configuration_is_checked() {
    let server = configured("own").await;
    let config = object(&server.schema().provider, [("attempts", Value::from(0))]);
    assert_eq!(owned(told(&server.validate_provider(config).await)), [error("Too few attempts", "attempts")]);

    let unknown = object(&server.schema().provider, [("region", Value::unknown()), ("token", Value::unknown())]);
    assert_eq!(server.validate_provider(unknown.clone()).await, Diagnostics::new());
    assert_eq!(server.configure(unknown, "1.15.5".into(), HOST).await, Diagnostics::new());

    let nowhere = object(&server.schema().provider, [("region", Value::from("nowhere"))]);
    let faults = server.configure(nowhere, "1.15.5".into(), HOST).await;
    let summaries: Vec<&str> = faults.0.iter().map(|it| it.summary.as_str()).collect();
    assert_eq!(summaries, ["Unknown region", "No token"], "a warning comes also beside an error");
}

#[tokio::test]
async fn a_step_keeps_what_the_configuration_says_in_other_words() {
    let server = configured("kept").await;
    let config = server_config([("image", Value::from("debian"))]);
    let kept = made(&server, &config).await;
    let same = with(&config, "image", "debian:latest");
    let planned = plan(&server, &kept, &same).await;
    assert_eq!(planned.value.state, kept.state);
    let planned = plan(&server, &kept, &with(&same, "size", 4)).await.value.state.expect("a plan");
    assert_eq!(planned.attribute("image"), Some(&Value::from("debian")));
    assert_eq!(planned.attribute("size"), Some(&Value::from(4)));
    assert!(planned.attribute("generation").is_some_and(Value::is_unknown));
    let other = plan(&server, &kept, &with(&config, "image", "alpine:latest")).await.value.state.expect("a plan");
    assert_eq!(other.attribute("image"), Some(&Value::from("alpine:latest")));
}

#[tokio::test]
async fn a_creation_has_defaults_and_promises() {
    let server = configured("creation").await;
    let config = server_config([("disks", Value::List(vec![disk([])])), ("watch", watch([]))]);
    let planned = plan(&server, &nothing(), &config).await;
    assert_eq!(planned.diagnostics, Diagnostics::new());
    let state = planned.value.state.expect("a plan");
    let prefixed = Refinement { prefix: Some("srv-".into()), ..Refinement::not_null() };
    for (name, expected) in [
        ("name", Value::from("web")),
        ("size", Value::from(2)),
        ("snapshot", Value::Null),
        ("id", Value::Unknown(prefixed.clone())),
        ("zone", Value::from("zone-a")),
        ("generation", Value::Unknown(Refinement::not_null())),
        ("disks", Value::List(vec![disk([("filesystem", Value::from("ext4"))])])),
        ("watch", watch([("every", "1m".into())])),
    ] {
        assert_eq!(state.attribute(name), Some(&expected), "{name}");
    }
    assert_eq!(planned.value.requires_replace, []);
    // OpenTofu cannot store an identity of which a part is unknown.
    assert_eq!(planned.value.identity, None);
}

#[tokio::test]
async fn a_plan_needs_no_configured_provider() {
    let server = framework::provider::ProviderServer::<crate::cloud::Cloud>::new();
    let planned = plan(&server, &nothing(), &server_config([])).await;
    assert_eq!(planned.diagnostics, Diagnostics::new());
    let state = planned.value.state.expect("a plan");
    assert_eq!(state.attribute("zone"), Some(&Value::Unknown(Refinement::not_null())));
}

#[tokio::test]
async fn what_is_unknown_stays_unknown() {
    let server = configured("unknown").await;
    let config = server_config([("name", Value::unknown()), ("size", Value::unknown()), ("zone", Value::unknown())]);
    let state = plan(&server, &nothing(), &config).await.value.state.expect("a plan");
    for name in ["name", "size", "zone"] {
        assert!(state.attribute(name).is_some_and(Value::is_unknown), "{name}");
    }
}

#[tokio::test]
async fn nothing_changes_without_a_reason() {
    let server = configured("no-change").await;
    let config = server_config([
        ("lifetime", Value::from("90m")),
        ("password_wo", Value::from("p")),
        ("password_version", Value::from(1)),
        ("disks", Value::List(vec![disk([])])),
    ]);
    let kept = made(&server, &config).await;
    let same_thing = with(&with(&config, "lifetime", "1h30m"), "name", "WEB");
    for config in [config, same_thing] {
        let planned = plan(&server, &kept, &config).await;
        assert_eq!(planned.diagnostics, Diagnostics::new());
        assert_eq!(planned.value.state, kept.state);
        assert_eq!(planned.value.identity, Some(identity("srv-1")));
        assert_eq!(planned.value.requires_replace, []);
    }
}

#[tokio::test]
async fn an_update_keeps_what_says_so_and_nothing_else() {
    let server = configured("update").await;
    let kept = made(&server, &server_config([])).await;
    let planned = plan(&server, &kept, &server_config([("size", Value::from(4))])).await;
    let state = planned.value.state.expect("a plan");
    assert_eq!(state.attribute("id"), Some(&Value::from("srv-1")));
    assert_eq!(state.attribute("zone"), Some(&Value::from("zone-a")));
    assert!(state.attribute("generation").is_some_and(Value::is_unknown));
    assert_eq!(planned.value.identity, Some(identity("srv-1")));
    assert_eq!(planned.value.requires_replace, []);
}

#[tokio::test]
async fn what_makes_a_new_object() {
    let server = configured("replacement").await;
    let kept = made(&server, &server_config([("size", Value::from(8))])).await;
    for (changed, value) in [
        ("name", Value::from("other")),
        ("name", Value::unknown()),
        ("zone", Value::from("zone-b")),
        // The type's own step decides this one.
        ("size", Value::from(4)),
    ] {
        let config = with(&server_config([("size", Value::from(8))]), changed, value);
        let planned = plan(&server, &kept, &config).await;
        assert_eq!(planned.value.requires_replace, [Path::attribute(changed)], "{changed}");
        let state = planned.value.state.expect("a plan");
        assert!(state.attribute("id").is_some_and(Value::is_unknown), "{changed}");
        assert_eq!(planned.value.identity, None, "{changed}");
    }
}

#[tokio::test]
async fn a_plan_can_be_refused_on_an_attribute() {
    let server = configured("refused").await;
    let planned = plan(&server, &nothing(), &server_config([("name", Value::from("late-fault"))])).await;
    assert_eq!(owned(told(&planned.diagnostics)), [error("Name is taken", "name")]);
}

#[tokio::test]
async fn a_deletion_can_be_warned_of() {
    let server = configured("deletion").await;
    for (name, warnings) in [("web", 0), ("precious", 1)] {
        let kept = made(&server, &server_config([("name", Value::from(name))])).await;
        let request = PlanRequest {
            type_name: "cloud_server".into(),
            prior: kept.state.clone().expect("a state"),
            proposed: Value::Null,
            config: Value::Null,
            private: kept.private.clone(),
            is_final: false,
            identity: kept.identity.clone().unwrap_or(Value::Null),
            host: HOST,
        };
        let planned = server.plan(request, CancellationToken::new()).await;
        assert_eq!(planned.value.state, Some(Value::Null));
        assert_eq!(planned.value.identity, kept.identity, "{name}");
        assert_eq!(planned.diagnostics.0.len(), warnings, "{name}");
        assert!(!planned.diagnostics.has_errors());
    }
}

#[tokio::test]
async fn a_drift_is_planned_away() {
    let server = configured("planned-drift").await;
    let config = server_config([]);
    let kept = made(&server, &config).await;
    crate::cloud::Region::named("planned-drift").servers().get_mut("srv-1").expect("the server").size = 16;
    let seen = read(&server, &kept).await.value;
    assert_eq!(part(&seen, "size"), &Value::from(16));
    let planned = plan(&server, &seen, &config).await;
    assert_eq!(planned.value.requires_replace, [Path::attribute("size")], "smaller again is a new server");
}

#[tokio::test]
async fn a_generated_configuration_changes_nothing() {
    let server = configured("generated").await;
    let config = server_config([
        ("size", Value::from(8)),
        ("watch", watch([])),
        ("disks", Value::List(vec![disk([("filesystem", Value::from("xfs"))]), disk([])])),
    ]);
    let kept = made(&server, &config).await;
    let generated = server.generate_config("cloud_server".into(), kept.state.clone().expect("a state")).await;
    // The zone is where it is, whatever the cloud would decide now.
    assert_eq!(generated.value, Some(with(&config, "zone", "zone-a")));
    let planned = plan(&server, &kept, &generated.value.expect("a configuration")).await;
    assert_eq!((planned.value.state, planned.value.requires_replace), (kept.state, vec![]));
}

#[tokio::test]
async fn a_generated_configuration_says_only_one_of_what_excludes_each_other() {
    let server = configured("generated-rules").await;
    let kept = made(&server, &server_config([])).await;
    let state = with(&kept.state.expect("a state"), "snapshot", "s");
    let generated = server.generate_config("cloud_server".into(), state).await.value.expect("a configuration");
    assert_eq!(generated.attribute("image"), Some(&Value::from("debian")));
    assert_eq!(generated.attribute("snapshot"), Some(&Value::Null));
}

#[tokio::test]
async fn an_older_state_that_was_not_read_again_is_no_creation() {
    let server = configured("older").await;
    let config = server_config([("zone", "zone-a".into())]);
    let kept = made(&server, &config).await;
    // A result that the version that wrote the state did not have.
    let older = framework::server::Kept {
        state: Some(with(&kept.state.clone().expect("a state"), "generation", Value::Null)),
        ..kept
    };
    let same = plan(&server, &older, &config).await;
    assert_eq!((same.value.state, told(&same.diagnostics)), (older.state.clone(), vec![]));
    let changed = plan(&server, &older, &with(&config, "size", 3)).await;
    assert_eq!(owned(told(&changed.diagnostics)), [error("State cannot be read", "")]);
}

async fn plan_again(server: &dyn Server, private: &[u8], config: &Value, is_final: bool) -> Answer<Planned> {
    let request = PlanRequest {
        type_name: "cloud_server".into(),
        prior: Value::Null,
        proposed: config.clone(),
        config: config.clone(),
        private: private.to_vec(),
        is_final,
        identity: Value::Null,
        host: HOST,
    };
    server.plan(request, CancellationToken::new()).await
}

#[tokio::test]
async fn what_was_looked_up_stays_known_while_terraform_applies() {
    let server = configured("looked-up").await;
    let region = crate::cloud::Region::named("looked-up");
    let config = server_config([]);
    let zone = |planned: &Answer<Planned>| planned.value.state.as_ref().and_then(|it| it.attribute("zone").cloned());
    let first = plan(&server, &nothing(), &config).await;
    assert_eq!(zone(&first), Some(Value::from("zone-a")));

    region.is_silent.store(true, std::sync::atomic::Ordering::Relaxed);
    // Terraform 1.16 hands the promise over.
    let again = plan_again(&server, &first.value.private, &config, true).await;
    assert_eq!((zone(&again), again.diagnostics.has_errors()), (Some(Value::from("zone-a")), false));
    // A first plan does without it, and says why: before Terraform 1.16 it may be the plan of an apply, which Terraform
    // refuses without a reason.
    let without = plan_again(&server, &[], &config, false).await;
    assert!(zone(&without).is_some_and(|zone| zone.is_unknown()) && !without.diagnostics.has_errors());
    let [warning] = without.diagnostics.0.as_slice() else { panic!("{:?}", without.diagnostics) };
    assert_eq!(warning.summary, "`zone` is known only after apply");
    assert!(warning.cause.ends_with("Could not find a zone: The cloud says nothing."), "{}", warning.cause);
    // What would contradict the first plan is told as what it is, once Terraform is known to apply.
    let told_why = [error("Could not find a zone", "")];
    assert_eq!(owned(told(&plan_again(&server, &[], &config, true).await.diagnostics)), told_why);

    region.is_silent.store(false, std::sync::atomic::Ordering::Relaxed);
    let kept = made(&server, &config).await;
    assert!(!String::from_utf8_lossy(&kept.private).contains("promised"), "a promise ends with the apply");
    region.is_silent.store(true, std::sync::atomic::Ordering::Relaxed);
    // Something was applied in this process, so every further plan is one while applying.
    assert_eq!(owned(told(&plan_again(&server, &[], &config, false).await.diagnostics)), told_why);
}
