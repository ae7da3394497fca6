//! Objects that are made, looked at, changed, removed, taken over.

use framework::diagnostic::{Diagnostics, Severity};
use framework::server::{Answer, ApplyRequest, ImportRequest, Imported, Kept, MoveRequest, PlanRequest, Server};
use framework::value::Value;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cloud::Region;
use crate::host::{HOST, apply, configured, identity, made, nothing, part, plan, read, server_config, told, with};

#[tokio::test]
async fn a_new_object_is_as_planned_and_wholly_known() {
    let server = configured("new").await;
    let kept = made(&server, &server_config([("password_wo", "p".into()), ("password_version", 1.into())])).await;
    assert!(kept.state.as_ref().is_some_and(Value::is_wholly_known));
    assert_eq!(part(&kept, "id"), &Value::from("srv-1"));
    assert_eq!(part(&kept, "zone"), &Value::from("zone-a"));
    assert_eq!(kept.identity, Some(identity("srv-1")));
}

#[tokio::test]
async fn write_only_values_reach_the_cloud_and_no_state() {
    let server = configured("write-only").await;
    let region = Region::named("write-only");
    let config = server_config([("password_wo", "first".into()), ("password_version", 1.into())]);
    let kept = made(&server, &config).await;
    assert_eq!(part(&kept, "password_wo"), &Value::Null);
    assert_eq!(region.servers()["srv-1"].password.as_deref(), Some("first"));

    let other = with(&config, "password_wo", "second");
    assert_eq!(plan(&server, &kept, &other).await.value.state, kept.state, "another value alone is no change");

    let anew = with(&other, "password_version", 2);
    let changed = apply(&server, &kept, &anew, CancellationToken::new()).await;
    assert_eq!(region.servers()["srv-1"].password.as_deref(), Some("second"));
    assert_eq!(part(&changed.value, "password_wo"), &Value::Null);
    for bytes in [&kept.private, &changed.value.private] {
        assert!(!String::from_utf8_lossy(bytes).contains("second"));
    }
}

#[tokio::test]
async fn private_notes_are_kept_beside_the_state() {
    let server = configured("private").await;
    let kept = made(&server, &server_config([])).await;
    let notes: serde_json::Value = serde_json::from_slice(&kept.private).expect("notes");
    assert_eq!(notes, json!({ "born": "here", "planned": "yes" }));
    assert_eq!(read(&server, &kept).await.value.private, kept.private);

    let foreign = Kept { private: b"\xff\x00not ours".to_vec(), ..kept };
    assert_eq!(read(&server, &foreign).await.diagnostics, Diagnostics::new());
}

#[tokio::test]
async fn a_failure_before_anything_exists_leaves_nothing() {
    let server = configured("early").await;
    let config = server_config([("name", "fails-early".into())]);
    let answer = apply(&server, &nothing(), &config, CancellationToken::new()).await;
    assert_eq!(told(&answer.diagnostics), [(Severity::Error, "Could not make the server", String::new())]);
    assert_eq!(answer.value.state, Some(Value::Null));
    assert_eq!(answer.value.identity, None);
}

#[tokio::test]
async fn a_failure_after_something_exists_keeps_it() {
    let server = configured("late").await;
    let config = server_config([("name", "fails-late".into())]);
    let answer = apply(&server, &nothing(), &config, CancellationToken::new()).await;
    let expected = [
        (Severity::Warning, "Slow cloud", String::new()),
        (Severity::Error, "Could not reach the server", String::new()),
    ];
    assert_eq!(told(&answer.diagnostics), expected);
    assert_eq!(part(&answer.value, "id"), &Value::from("srv-1"));
    assert_eq!(answer.value.identity, Some(identity("srv-1")));
    assert!(answer.value.state.as_ref().is_some_and(Value::is_wholly_known));
    assert_eq!(part(&read(&server, &answer.value).await.value, "id"), &Value::from("srv-1"));
}

#[tokio::test]
async fn a_stop_ends_the_wait_and_keeps_what_exists() {
    let server = configured("stop").await;
    let cancel = CancellationToken::new();
    let stop = async {
        let region = Region::named("stop");
        while region.log.lock().expect("the log").is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let config = server_config([("name", "waits".into())]);
    let before = nothing();
    let (answer, ()) = tokio::join!(apply(&server, &before, &config, cancel.clone()), stop);
    assert_eq!(told(&answer.diagnostics), [(Severity::Error, "Stopped while waiting for the server", String::new())]);
    assert_eq!(part(&answer.value, "id"), &Value::from("srv-1"));
}

#[tokio::test]
async fn a_failed_update_keeps_the_state_before() {
    let server = configured("failed-update").await;
    let kept = made(&server, &server_config([])).await;
    let config = server_config([("lifetime", "13s".into())]);
    let answer = apply(&server, &kept, &config, CancellationToken::new()).await;
    assert_eq!(told(&answer.diagnostics), [(Severity::Error, "Could not change the server", String::new())]);
    assert_eq!(answer.value.state, kept.state);
    assert_eq!(answer.value.identity, kept.identity);
}

#[tokio::test]
async fn a_look_keeps_the_spelling_and_shows_drift() {
    let server = configured("look").await;
    let region = Region::named("look");
    let kept = made(&server, &server_config([])).await;
    let seen = read(&server, &kept).await.value;
    assert_eq!(seen.state, kept.state, "the cloud shouts the name, which means the same");
    assert_eq!(seen.identity, Some(identity("srv-1")));

    region.servers().get_mut("srv-1").expect("the server").name = "db".into();
    assert_eq!(part(&read(&server, &kept).await.value, "name"), &Value::from("DB"));

    region.servers().get_mut("srv-1").expect("the server").name = "unreadable".into();
    let failed = read(&server, &kept).await;
    assert_eq!(told(&failed.diagnostics), [(Severity::Error, "Could not look at the server", String::new())]);
    assert_eq!(failed.value, kept, "a failed look changes nothing");

    region.servers().clear();
    let gone = read(&server, &kept).await;
    assert_eq!((gone.value.state, gone.diagnostics), (Some(Value::Null), Diagnostics::new()));
}

async fn delete(server: &dyn Server, kept: &Kept) -> Answer<Kept> {
    let request = ApplyRequest {
        type_name: "cloud_server".into(),
        prior: kept.state.clone().expect("a state"),
        planned: Value::Null,
        config: Value::Null,
        private: kept.private.clone(),
        identity: kept.identity.clone().unwrap_or(Value::Null),
        host: HOST,
    };
    server.apply(request, CancellationToken::new()).await
}

#[tokio::test]
async fn a_deletion_leaves_nothing_or_everything() {
    let server = configured("delete").await;
    let region = Region::named("delete");
    let kept = made(&server, &server_config([])).await;
    let gone = delete(&server, &kept).await;
    assert_eq!((gone.value.state, gone.diagnostics), (Some(Value::Null), Diagnostics::new()));
    assert!(region.servers().is_empty());

    let kept = made(&server, &server_config([("name", "stays".into())])).await;
    let failed = delete(&server, &kept).await;
    assert_eq!(told(&failed.diagnostics), [(Severity::Error, "Could not remove the server", String::new())]);
    assert_eq!((&failed.value.state, &failed.value.identity), (&kept.state, &kept.identity));
}

fn notes(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

#[tokio::test]
async fn what_a_deletion_notes_is_kept() {
    let server = configured("delete-notes").await;
    let kept = made(&server, &server_config([("name", "stays".into())])).await;
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
    assert_eq!(notes(&planned.value.private)["leaving"], json!(r#"["srv-1"]"#), "the plan's own note reaches apply");

    let failed = delete(&server, &Kept { private: planned.value.private, ..kept.clone() }).await;
    assert!(failed.diagnostics.has_errors());
    assert_eq!(notes(&failed.value.private)["detached"], json!("1"), "half done work is recorded");

    // The deletion of a tainted object is handed no notes.
    let region = Region::named("delete-notes");
    region.log.lock().expect("the log").clear();
    delete(&server, &Kept { private: Vec::new(), ..kept }).await;
    assert_eq!(*region.log.lock().expect("the log"), ["leaving Missing"]);
}

#[tokio::test]
async fn a_plan_that_drops_the_last_note_says_so() {
    let server = configured("dropped-note").await;
    let kept = made(&server, &server_config([])).await;
    let kept = Kept { private: br#"{"born":"here"}"#.to_vec(), ..kept };
    let planned = plan(&server, &kept, &server_config([("name", "forgets".into())])).await;
    // No bytes at all would mean "none were sent", and a plan during apply would fall back to those of the state.
    assert_eq!(planned.value.private, b"{}");
    let config = server_config([("name", "forgets".into()), ("zone", "zone-b".into())]);
    let planned = plan(&server, &nothing(), &config).await;
    assert_eq!(planned.value.private, b"");
}

#[tokio::test]
async fn a_panic_keeps_what_was_saved_and_noted_before_it() {
    let server = configured("panic").await;
    let answer =
        apply(&server, &nothing(), &server_config([("name", "panics".into())]), CancellationToken::new()).await;
    assert_eq!(told(&answer.diagnostics), [(Severity::Error, "Provider bug", String::new())]);
    let detail = answer.diagnostics.0[0].detail();
    assert!(
        detail
            .starts_with("Creating this `cloud_server` failed unexpectedly: srv-1 was a surprise.\n\nThis is a fault"),
        "{detail}"
    );
    assert_eq!(part(&answer.value, "id"), &Value::from("srv-1"));
    assert_eq!(answer.value.identity, Some(identity("srv-1")));
    assert_eq!(notes(&answer.value.private)["born"], json!("here"));

    let planned = plan(&server, &nothing(), &server_config([("name", "panics-in-plan".into())])).await;
    assert_eq!(told(&planned.diagnostics), [(Severity::Error, "Provider bug", String::new())]);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_explained() {
    let server = configured("broken-state").await;
    let kept = made(&server, &server_config([])).await;
    let broken = Kept { state: kept.state.as_ref().map(|state| with(state, "size", 0)), ..kept };
    let answer = delete(&server, &broken).await;
    assert_eq!(told(&answer.diagnostics), [(Severity::Error, "State cannot be read", String::new())]);
    assert!(answer.diagnostics.0[0].detail().contains("`size` is 0"), "{:?}", answer.diagnostics);
    assert_eq!(answer.value.state, broken.state);
}

async fn import(server: &dyn Server, id: &str, identity: Value) -> Answer<Vec<Imported>> {
    let request = ImportRequest { type_name: "cloud_server".into(), id: id.into(), identity, host: HOST };
    server.import(request, CancellationToken::new()).await
}

#[tokio::test]
async fn import_by_id_and_by_identity() {
    let server = configured("import").await;
    made(&server, &server_config([])).await;
    for (id, given) in [("srv-1", Value::Null), ("", identity("srv-1"))] {
        let answer = import(&server, id, given).await;
        assert_eq!(answer.diagnostics, Diagnostics::new());
        let [imported] = answer.value.as_slice() else { panic!("one object") };
        assert_eq!(imported.type_name, "cloud_server");
        assert_eq!(imported.identity, Some(identity("srv-1")));
        let stub = Kept {
            state: Some(imported.state.clone()),
            private: imported.private.clone(),
            identity: imported.identity.clone(),
        };
        let seen = read(&server, &stub).await;
        assert_eq!(seen.diagnostics, Diagnostics::new());
        assert_eq!(part(&seen.value, "name"), &Value::from("WEB"));
        assert_eq!(part(&seen.value, "size"), &Value::from(2));
    }
}

#[tokio::test]
async fn what_cannot_be_imported() {
    let server = configured("no-import").await;
    for (id, given, summary) in [
        ("web", Value::Null, "Invalid import id"),
        ("", Value::map([("id", Value::Null)]), "Missing or misshapen value"),
        ("", Value::Null, "Missing or misshapen value"),
    ] {
        let answer = import(&server, id, given).await;
        assert_eq!(answer.diagnostics.0.first().map(|it| it.summary.as_str()), Some(summary), "{id}");
        assert!(answer.value.is_empty());
    }
}

#[tokio::test]
async fn stored_states_of_every_version() {
    let server = configured("upgrade").await;
    let upgrade = |version, state| server.upgrade_state("cloud_server".into(), version, state);

    let old = upgrade(1, json!({ "title": "web", "size": 3, "colour": "red" })).await;
    let state = old.value.expect("a state");
    assert_eq!(state.attribute("name"), Some(&Value::from("web")));
    assert_eq!(state.attribute("size"), Some(&Value::from(3)));
    assert_eq!(state.attribute("image"), Some(&Value::Null), "what the old form did not have is null");
    assert_eq!(state.attribute("colour"), None, "what the new form does not have is passed over");

    let present = upgrade(2, json!({ "name": "web", "title": "kept out" })).await;
    assert_eq!(present.value.expect("a state").attribute("name"), Some(&Value::from("web")));

    // Before, the password was an argument like others and was stored.
    let stored =
        upgrade(1, json!({ "title": "web", "password_wo": "hunter", "watch": { "token_wo": "hunter" } })).await;
    let state = stored.value.expect("a state");
    assert_eq!(state.attribute("password_wo"), Some(&Value::Null));
    assert_eq!(state.attribute("watch").and_then(|watch| watch.attribute("token_wo")), Some(&Value::Null));

    let newer = upgrade(3, json!({ "name": "web" })).await;
    assert_eq!(told(&newer.diagnostics), [(Severity::Error, "State is of an unknown version", String::new())]);
    assert_eq!(newer.value, None);

    let misshapen = upgrade(2, json!({ "name": ["web"] })).await;
    assert_eq!(told(&misshapen.diagnostics), [(Severity::Error, "Stored state does not fit", String::new())]);
    assert!(misshapen.diagnostics.0[0].detail().contains("`name`"), "{:?}", misshapen.diagnostics);

    let identity = server.upgrade_identity("cloud_server".into(), 0, json!({ "id": "srv-1" })).await;
    assert_eq!(identity.value, Some(crate::host::identity("srv-1")));
    let misshapen = server.upgrade_identity("cloud_server".into(), 0, json!("srv-1")).await;
    assert!(misshapen.diagnostics.has_errors());
}

#[tokio::test]
async fn states_of_other_types() {
    let server = configured("move").await;
    let request = |source_type: &str| MoveRequest {
        source_provider: "registry.terraform.io/other/other".into(),
        source_type: source_type.into(),
        source_version: 0,
        source_state: json!({ "serial": "srv-9", "label": "web", "secret": "hunter" }),
        target_type: "cloud_server".into(),
        source_private: b"theirs".to_vec(),
    };
    let moved = server.move_state(request("other_machine")).await;
    assert_eq!(moved.diagnostics, Diagnostics::new());
    assert_eq!(part(&moved.value, "name"), &Value::from("web"));
    assert_eq!(part(&moved.value, "password_wo"), &Value::Null, "Terraform takes no state with a write-only value");
    assert_eq!(moved.value.identity, Some(identity("srv-9")));
    let private = String::from_utf8(moved.value.private.clone()).expect("text");
    assert!(!private.contains("theirs"), "private bytes of others mean nothing here: {private}");

    // The object does not exist: a moved block never asks for another one.
    let seen = read(&server, &moved.value).await;
    assert_eq!(told(&seen.diagnostics), [(Severity::Error, "Moved object not found", String::new())]);
    assert_eq!(seen.value.state, moved.value.state, "the state is kept");

    let refused = server.move_state(request("other_disk")).await;
    assert_eq!(told(&refused.diagnostics), [(Severity::Error, "State cannot be moved", String::new())]);
}
