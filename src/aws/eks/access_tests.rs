//! Tests of access entries.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::aws::stub::{Reply, Stub};

const ROLE: &str = "arn:aws:iam::111122223333:role/edge/hybrid";
const CREATE_PATH: &str = "POST /clusters/workshop/access-entries";
const ENTRY_PATH: &str = "/clusters/workshop/access-entries/arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fedge%2Fhybrid";

fn spec() -> AccessEntrySpec {
    AccessEntrySpec {
        principal_arn: ROLE.to_owned(),
        kind: AccessEntryType::Standard,
        username: Some("edge".to_owned()),
        groups: BTreeSet::from(["operators".to_owned()]),
        tags: BTreeMap::from([("team".to_owned(), "edge".to_owned())]),
    }
}

fn shown() -> Value {
    json!({ "accessEntry": {
        "clusterName": "workshop", "principalArn": ROLE, "accessEntryArn": "arn:entry", "type": "STANDARD",
        "username": "edge", "kubernetesGroups": ["operators"], "tags": { "team": "edge" },
        "createdAt": Timestamp::now().as_second(),
    } })
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    Reply::Answer(status, json!({ "__type": code, "message": message }).to_string())
}

#[tokio::test]
async fn an_entry_is_made_from_its_arguments() {
    let stub = Stub::new(|_| Reply::json(&shown()));
    let eks = stub.clients().eks(None);
    let entry = eks.create_access_entry("workshop", &spec(), |_| {}).await.expect("made");
    assert_eq!((entry.arn.as_str(), entry.kind), ("arn:entry", AccessEntryType::Standard));
    assert_eq!((entry.username, entry.groups, entry.tags), ("edge".to_owned(), spec().groups, spec().tags));
    stub.read(|asked| {
        assert_eq!(asked[0].operation, CREATE_PATH);
        let body = &asked[0].body;
        assert_eq!(body["principalArn"], ROLE);
        assert_eq!((&body["type"], &body["username"]), (&json!("STANDARD"), &json!("edge")));
        assert_eq!((&body["kubernetesGroups"], &body["tags"]), (&json!(["operators"]), &json!({ "team": "edge" })));
    });
    // An entry for nodes accepts none of them; EKS rejects even empty ones.
    let nodes = AccessEntrySpec {
        kind: AccessEntryType::HybridLinux,
        username: None,
        groups: BTreeSet::new(),
        tags: BTreeMap::new(),
        ..spec()
    };
    eks.create_access_entry("workshop", &nodes, |_| {}).await.expect("made");
    stub.read(|asked| {
        let body = asked[1].body.as_object().expect("an object");
        assert_eq!(body["type"], "HYBRID_LINUX");
        for absent in ["username", "kubernetesGroups", "tags"] {
            assert!(!body.contains_key(absent), "{absent}");
        }
    });
}

#[tokio::test]
async fn a_role_that_settles_is_waited_for() {
    let calls = AtomicUsize::new(0);
    let stub = Stub::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0..3 => refused(400, "InvalidParameterException", "The specified principalArn is invalid: invalid principal."),
        _ => Reply::json(&shown()),
    });
    let mut told = 0;
    let eks = stub.clients().eks(None);
    eks.create_access_entry("workshop", &spec(), |settling| {
        assert!(settling.message.contains("invalid principal"));
        told += 1;
    })
    .await
    .expect("made");
    assert_eq!(told, 3);
    assert_eq!(stub.slept(), [1, 2, 4].map(Duration::from_secs));
}

#[tokio::test]
async fn a_role_that_never_settles_ends_in_the_error() {
    let stub = Stub::new(|_| refused(400, "InvalidParameterException", "invalid principal"));
    let eks = stub.clients().eks(None).settling_within(Duration::from_secs(10));
    let error = eks.create_access_entry("workshop", &spec(), |_| {}).await.expect_err("unknown");
    assert_eq!(error.kind(), &Kind::Validation);
    assert_eq!(stub.slept().iter().sum::<Duration>(), Duration::from_secs(10));
    // Other invalid arguments are not retried.
    let stub = Stub::new(|_| refused(400, "InvalidParameterException", "The group name system:x is invalid"));
    stub.clients().eks(None).create_access_entry("workshop", &spec(), |_| {}).await.expect_err("refused");
    assert_eq!(stub.count(CREATE_PATH), 1);
}

#[tokio::test]
async fn an_entry_that_was_there_before_is_in_use() {
    let stub = Stub::new(|_| refused(409, "ResourceInUseException", "already in use on this cluster"));
    let error = stub.clients().eks(None).create_access_entry("workshop", &spec(), |_| {}).await;
    assert_eq!(error.expect_err("there").kind(), &Kind::InUse);
    assert_eq!(stub.read(<[_]>::len), 1);
}

#[tokio::test]
async fn after_a_lost_answer_the_entry_is_ours_when_it_looks_so() {
    for (change, ours) in [
        (json!({}), true),
        (json!({ "kubernetesGroups": ["others"] }), false),
        (json!({ "tags": {} }), false),
        (json!({ "type": "EC2_LINUX" }), false),
        (json!({ "createdAt": 1_700_000_000 }), false),
    ] {
        let calls = AtomicUsize::new(0);
        let stub = Stub::new(move |asked| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Broken,
            1 => refused(409, "ResourceInUseException", "already in use on this cluster"),
            _ => {
                assert!(asked.operation.starts_with("GET "));
                let mut entry = shown();
                for (key, value) in change.as_object().expect("an object") {
                    entry["accessEntry"][key] = value.clone();
                }
                Reply::json(&entry)
            }
        });
        let made = stub.clients().eks(None).create_access_entry("workshop", &spec(), |_| {}).await;
        assert_eq!(made.is_ok(), ours, "{made:?}");
        stub.read(|asked| {
            let token = |index: usize| asked[index].body["clientRequestToken"].as_str().map(str::to_owned);
            assert!(token(0).is_some() && token(0) == token(1), "the same request");
        });
    }
}

#[tokio::test]
async fn groups_are_replaced_or_left_alone() {
    let stub = Stub::new(|_| Reply::json(&shown()));
    let eks = stub.clients().eks(None);
    for (change, groups) in [
        (AccessEntryChange { groups: Some(BTreeSet::new()), ..AccessEntryChange::default() }, Some(json!([]))),
        (AccessEntryChange { username: Some("me".to_owned()), groups: None }, None),
    ] {
        eks.update_access_entry("workshop", ROLE, &change).await.expect("changed");
        stub.read(|asked| {
            let last = asked.last().expect("one");
            assert_eq!(last.operation, format!("POST {ENTRY_PATH}"));
            assert_eq!(last.body.get("kubernetesGroups"), groups.as_ref());
            assert_eq!(last.body.get("username").and_then(Value::as_str), change.username.as_deref());
        });
    }
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    let stub = Stub::new(|_| refused(404, "ResourceNotFoundException", "could not be found"));
    let eks = stub.clients().eks(None);
    eks.delete_access_entry("workshop", ROLE).await.expect("deleted");
    assert_eq!(stub.count(&format!("DELETE {ENTRY_PATH}")), 1);
    assert!(eks.access_entry("workshop", ROLE).await.expect_err("gone").is_not_found());
    let stub = Stub::new(|_| refused(403, "AccessDeniedException", "no"));
    let error = stub.clients().eks(None).delete_access_entry("workshop", ROLE).await.expect_err("denied");
    assert_eq!(error.missing_permission(), Some("eks:DeleteAccessEntry"));
}

#[tokio::test]
async fn principals_come_from_every_page() {
    let stub = Stub::new(|asked| {
        let more = asked.query.contains("nextToken=more");
        let (arns, next) = if more { (json!(["c"]), json!(null)) } else { (json!(["a", "b"]), json!("more")) };
        Reply::json(&json!({ "accessEntries": arns, "nextToken": next }))
    });
    assert_eq!(stub.clients().eks(None).list_access_entries("workshop").await.expect("listed"), ["a", "b", "c"]);
}

#[tokio::test]
async fn tags_are_changed_by_the_entry_s_arn() {
    let stub = Stub::new(|_| Reply::json(&json!({})));
    let eks = stub.clients().eks(None);
    eks.add_tags("arn:entry", &BTreeMap::new()).await.expect("nothing");
    eks.remove_tags("arn:entry", &[]).await.expect("nothing");
    assert_eq!(stub.read(<[_]>::len), 0);
    eks.add_tags("arn:entry", &spec().tags).await.expect("added");
    eks.remove_tags("arn:entry", &["old".to_owned()]).await.expect("removed");
    stub.read(|asked| {
        assert_eq!(
            (asked[0].operation.as_str(), &asked[0].body["tags"]),
            ("POST /tags/arn%3Aentry", &json!({ "team": "edge" }))
        );
        assert_eq!((asked[1].operation.as_str(), asked[1].query.as_str()), ("DELETE /tags/arn%3Aentry", "tagKeys=old"));
    });
}

#[test]
fn types_are_read_as_they_are_written() {
    for known in AccessEntryType::KNOWN {
        assert_eq!(AccessEntryType::from(known.as_str()), known);
    }
    assert_eq!(AccessEntryType::from("HYBRID_LINUX"), AccessEntryType::HybridLinux);
    assert_eq!(AccessEntryType::from("NEW").as_str(), "NEW");
}
