use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::aws::Kind;
use crate::aws::stub::{Asked, Reply, Stub};

const UNSETTLED: &str = "Nonexistent role or missing ssm service principal in trust policy: arn:aws:iam::1:role/hybrid";

fn spec() -> ActivationSpec {
    ActivationSpec {
        iam_role: "hybrid".to_owned(),
        tags: Tags::from([("team".to_owned(), "edge".to_owned())]),
        ..ActivationSpec::default()
    }
}

fn created() -> Reply {
    Reply::json(&json!({ "ActivationId": "a-1", "ActivationCode": "hunter2hunter2hunter2" }))
}

/// Responds to the first `times` requests one way and to the rest another.
fn first(times: usize, early: fn() -> Reply, later: fn() -> Reply) -> impl Fn(&Asked) -> Reply {
    let left = AtomicUsize::new(times);
    move |_| {
        let early_one = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if early_one { early() } else { later() }
    }
}

#[tokio::test]
async fn creates() {
    let stub = Stub::new(|_| created());
    let expires: Timestamp = "2030-01-02T03:04:05Z".parse().expect("time");
    let spec = ActivationSpec { registration_limit: Some(3), expiration_date: Some(expires), ..spec() };
    let made = stub.clients().ssm(None).create_activation(&spec, |_| {}).await.expect("created");
    assert_eq!((made.id.as_str(), made.code.expose_secret()), ("a-1", "hunter2hunter2hunter2"));
    assert!(!format!("{made:?}").contains("hunter2"));
    stub.read(|asked| {
        let body = &asked[0].body;
        assert_eq!(body["IamRole"], "hybrid");
        assert_eq!(body["RegistrationLimit"], 3);
        assert_eq!(body["ExpirationDate"], 1_893_553_445);
        assert_eq!(body["Tags"], json!([{ "Key": "team", "Value": "edge" }]));
        assert!(asked[0].signed.contains("/us-west-2/ssm/aws4_request"));
    });
}

#[tokio::test]
async fn waits_for_a_role_that_settles() {
    let stub = Stub::new(first(3, || Reply::refused("ValidationException", UNSETTLED), created));
    let mut told = Vec::new();
    let made = stub.clients().ssm(None).create_activation(&spec(), |settling| told.push(settling.clone())).await;
    assert_eq!(made.expect("created").id, "a-1");
    assert_eq!(stub.count("CreateActivation"), 4);
    assert_eq!(told.len(), 3);
    assert_eq!(told[0].message, UNSETTLED);
    assert!(told[2].waited >= Duration::from_secs(3), "{:?}", told[2]);
}

#[tokio::test]
async fn gives_a_role_up_that_never_settles() {
    let stub = Stub::new(|_| Reply::refused("ValidationException", UNSETTLED));
    let error = stub.clients().ssm(None).create_activation(&spec(), |_| {}).await.expect_err("refused");
    assert_eq!((error.kind(), error.message()), (&Kind::Validation, Some(UNSETTLED)));
    let seconds = stub.slept().iter().sum::<Duration>().as_secs();
    assert!((120..130).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn other_refusals_are_told_at_once() {
    let stub = Stub::new(|_| Reply::refused("ValidationException", "1 validation error detected: …"));
    let error = stub.clients().ssm(None).create_activation(&spec(), |_| {}).await.expect_err("refused");
    assert_eq!((error.kind(), stub.count("CreateActivation")), (&Kind::Validation, 1));
}

#[tokio::test]
async fn stops_waiting_for_a_role_when_asked_to() {
    let stub = Stub::new(|_| Reply::refused("ValidationException", UNSETTLED));
    let cancel = CancellationToken::new();
    let ssm = stub.clients().with_cancel(cancel.clone()).ssm(None);
    let error = ssm.create_activation(&spec(), |_| cancel.cancel()).await.expect_err("stopped");
    assert_eq!(error.kind(), &Kind::Cancelled { may_exist: false });
    assert_eq!(stub.count("CreateActivation"), 1);
}

#[tokio::test]
async fn a_lost_answer_is_not_repeated_blindly() {
    let now = Timestamp::now().as_second();
    let broken = AtomicUsize::new(1);
    let stub = Stub::new(move |asked| {
        if asked.operation == "DescribeActivations" {
            let one = |id: &str, created: i64, count: i32| {
                json!({
                    "ActivationId": id, "IamRole": "hybrid", "RegistrationLimit": 1, "RegistrationsCount": count,
                    "Expired": false, "CreatedDate": created, "Tags": [{ "Key": "team", "Value": "edge" }],
                })
            };
            let list = [one("a-1", now, 0), one("lost", now, 0), one("old", now - 60, 0), one("used", now, 1)];
            return Reply::json(&json!({ "ActivationList": list }));
        }
        let lose = broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if lose { Reply::Broken } else { created() }
    });
    let made = stub.clients().ssm(None).create_activation(&spec(), |_| {}).await.expect("created");
    assert_eq!(made.left_behind, ["lost"]);
    assert_eq!(stub.count("CreateActivation"), 2);
}

#[tokio::test]
async fn own_activations_are_not_taken_for_lost_ones() {
    let now = Timestamp::now().as_second();
    let creations = AtomicUsize::new(0);
    let stub = Stub::new(move |asked| {
        if asked.operation == "DescribeActivations" {
            let list: Vec<_> = (0..3)
                .map(|number| {
                    json!({
                        "ActivationId": format!("a-{number}"), "RegistrationLimit": 1, "Expired": false,
                        "CreatedDate": now, "Tags": [{ "Key": "team", "Value": "edge" }],
                    })
                })
                .collect();
            return Reply::json(&json!({ "ActivationList": list }));
        }
        // The second response is lost; the first and the third arrive.
        match creations.fetch_add(1, Ordering::SeqCst) {
            1 => Reply::Broken,
            number => Reply::json(&json!({ "ActivationId": format!("a-{number}"), "ActivationCode": "c".repeat(20) })),
        }
    });
    let ssm = stub.clients().ssm(None);
    assert!(ssm.create_activation(&spec(), |_| {}).await.expect("created").left_behind.is_empty());
    assert_eq!(ssm.create_activation(&spec(), |_| {}).await.expect("created").left_behind, ["a-1"]);
}

#[tokio::test]
async fn answers_lost_again_and_again_are_told() {
    let stub = Stub::new(|_| Reply::Broken);
    let error = stub.clients().ssm(None).create_activation(&spec(), |_| {}).await.expect_err("lost");
    assert!(error.may_exist(), "{error}");
    assert_eq!(stub.count("CreateActivation"), 3);
}

#[tokio::test]
async fn a_creation_in_flight_gets_a_moment() {
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let stub = Stub::new(move |_| {
        trigger.cancel();
        Reply::Silence
    });
    let ssm = stub.clients().with_cancel(cancel).ssm(None);
    let error = ssm.create_activation(&spec(), |_| {}).await.expect_err("stopped");
    assert_eq!(error.kind(), &Kind::Cancelled { may_exist: true });
    assert_eq!(stub.slept(), [Duration::from_secs(30)]);

    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let stub = Stub::new(move |_| {
        trigger.cancel();
        created()
    });
    let made = stub.clients().with_cancel(cancel).ssm(None).create_activation(&spec(), |_| {}).await;
    assert_eq!(made.expect("the answer came in time").id, "a-1");
}

#[tokio::test]
async fn a_stopped_creation_is_not_tried_again() {
    let refused = |status| Reply::Answer(status, json!({ "__type": "ThrottlingException" }).to_string());
    for (reply, may_exist) in [(refused(400), false), (refused(500), true), (Reply::Broken, true)] {
        let cancel = CancellationToken::new();
        let trigger = cancel.clone();
        let stub = Stub::new(move |_| {
            trigger.cancel();
            reply.clone()
        });
        let ssm = stub.clients().with_cancel(cancel).ssm(None);
        let error = ssm.create_activation(&spec(), |_| {}).await.expect_err("stopped");
        assert_eq!((error.may_exist(), stub.count("CreateActivation")), (may_exist, 1), "{error}");
    }
}

#[tokio::test]
async fn reads_end_at_once() {
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let stub = Stub::new(move |_| {
        trigger.cancel();
        Reply::Silence
    });
    let error = stub.clients().with_cancel(cancel).ssm(None).describe_activation("a-1").await.expect_err("stopped");
    assert_eq!(error.kind(), &Kind::Cancelled { may_exist: false });
    assert!(stub.slept().is_empty());
}

/// This many activations, `a-0` and up, in pages of AWS's size.
fn many(count: usize) -> impl Fn(&Asked) -> Reply {
    move |asked| {
        let ids: Vec<String> = match asked.body["Filters"].as_array() {
            Some(filters) => {
                assert_eq!(filters[0]["FilterKey"], "ActivationIds");
                let values = filters[0]["FilterValues"].as_array().expect("values");
                values.iter().map(|value| value.as_str().expect("text").to_owned()).collect()
            }
            None => (0..count).map(|number| format!("a-{number}")).collect(),
        };
        assert_eq!(asked.body["MaxResults"], 50);
        let from: usize = asked.body["NextToken"].as_str().map_or(0, |token| token.parse().expect("token"));
        let page: Vec<_> = ids
            .iter()
            .filter(|id| id[2..].parse::<usize>().is_ok_and(|number| number < count))
            .skip(from)
            .take(50)
            .map(|id| json!({ "ActivationId": id, "RegistrationLimit": 1, "Expired": false }))
            .collect();
        let more = from + 50 < ids.len();
        let mut answer = json!({ "ActivationList": page });
        if more {
            answer["NextToken"] = (from + 50).to_string().into();
        }
        Reply::json(&answer)
    }
}

#[tokio::test]
async fn five_hundred_reads_ten_at_a_time() {
    let stub = Stub::new(many(500));
    let ssm = Arc::new(stub.clients().ssm(None));
    let ids: Vec<String> = (0..500).map(|number| format!("a-{number}")).collect();
    for part in ids.chunks(10) {
        let found = join_all(part.iter().map(|id| ssm.activation(id))).await;
        for (id, one) in part.iter().zip(found) {
            assert_eq!(&one.expect("read").expect("exists").id, id);
        }
    }
    let calls = stub.count("DescribeActivations");
    assert!(calls <= 12, "{calls} calls");
    assert_eq!(ssm.activation("a-500").await.expect("read"), None);
    assert_eq!(stub.count("DescribeActivations"), calls + 1);
}

#[tokio::test]
async fn deletes() {
    for (reply, accepted) in [
        (Reply::json as fn(&serde_json::Value) -> Reply, true),
        (|_| Reply::refused("InvalidActivation", ""), true),
        (|_| Reply::refused("InvalidActivationId", ""), true),
        (
            |_| Reply::refused("AccessDeniedException", "User: u is not authorized to perform: ssm:DeleteActivation"),
            false,
        ),
    ] {
        let stub = Stub::new(move |_| reply(&json!({})));
        let ssm = stub.clients().ssm(None);
        let deleted = ssm.delete_activation("a-1").await;
        assert_eq!(deleted.is_ok(), accepted);
        if accepted {
            assert_eq!(ssm.activation("a-1").await.expect("read"), None);
            assert_eq!(stub.count("DescribeActivations"), 0);
        } else {
            assert_eq!(deleted.expect_err("denied").missing_permission(), Some("ssm:DeleteActivation"));
        }
    }
}

#[tokio::test]
async fn throttling_is_outlasted_and_in_the_end_told() {
    fn throttled() -> Reply {
        Reply::refused("ThrottlingException", "Rate exceeded")
    }
    let stub = Stub::new(first(20, throttled, || Reply::json(&json!({ "ActivationList": [] }))));
    assert_eq!(stub.clients().ssm(None).describe_activation("a-1").await.expect("read"), None);
    assert_eq!(stub.count("DescribeActivations"), 21);

    let stub = Stub::new(|_| throttled());
    let error = stub.clients().ssm(None).describe_activation("a-1").await.expect_err("throttled");
    assert_eq!((error.kind(), error.attempts()), (&Kind::Throttled, 26));
}

#[tokio::test]
async fn registered_instances_are_listed_once() {
    let stub = Stub::new(|asked| {
        let all = [("mi-1", "a-1"), ("mi-2", "a-1"), ("mi-3", "a-2")];
        let filter = &asked.body["Filters"][0];
        let list: Vec<_> = all
            .iter()
            .filter(|(_, activation)| {
                filter["Key"] == "ResourceType"
                    || filter["Values"].as_array().is_some_and(|values| values.contains(&json!(activation)))
            })
            .map(|(id, activation)| json!({ "InstanceId": id, "ActivationId": activation }))
            .collect();
        Reply::json(&json!({ "InstanceInformationList": list }))
    });
    let ssm = stub.clients().ssm(None);
    let ids: Vec<String> = (0..20).map(|number| format!("a-{number}")).collect();
    let found = join_all(ids.iter().map(|id| ssm.registered_instances(id))).await;
    let counts: Vec<usize> = found.into_iter().map(|one| one.expect("read").len()).collect();
    assert_eq!(counts[..4], [0, 2, 1, 0]);
    assert_eq!(stub.count("DescribeInstanceInformation"), 1);
}

#[tokio::test]
async fn instance_filters_keep_to_the_limits() {
    let stub = Stub::new(|_| Reply::json(&json!({ "InstanceInformationList": [] })));
    let ssm = stub.clients().ssm(None);
    let ids: Vec<String> = (0..250).map(|number| format!("mi-{number}")).collect();
    let filter = InstanceFilter { ids, iam_role: Some("hybrid".to_owned()), ..InstanceFilter::default() };
    ssm.instances(&filter).await.expect("read");
    let tagged = InstanceFilter {
        tags: Tags::from([("EKSClusterARN".to_owned(), "arn".to_owned())]),
        iam_role: Some("hybrid".to_owned()),
        ..InstanceFilter::default()
    };
    ssm.instances(&tagged).await.expect("read");
    stub.read(|asked| {
        let values =
            |index: usize, filter: usize| asked[index].body["Filters"][filter]["Values"].as_array().map(Vec::len);
        assert_eq!([values(0, 1), values(1, 1), values(2, 1)], [Some(100), Some(100), Some(50)]);
        assert_eq!(asked[3].body["Filters"], json!([{ "Key": "tag:EKSClusterARN", "Values": ["arn"] }]));
        assert_eq!(asked.len(), 4);
    });
}

#[tokio::test]
async fn deregisters() {
    let stub = Stub::new(|_| Reply::refused("InvalidInstanceId", ""));
    let ssm = stub.clients().ssm(None);
    assert!(!ssm.deregister_instance("mi-1").await.expect("gone is as good"));
    assert_eq!(ssm.instance("mi-1").await.expect("read"), None);
}

fn parameter(overwrite: bool) -> ParameterSpec {
    ParameterSpec {
        name: "/code".to_owned(),
        value: "hunter2".into(),
        description: None,
        key_id: None,
        overwrite,
        tags: Tags::from([("team".to_owned(), "edge".to_owned())]),
    }
}

#[tokio::test]
async fn parameters_are_secure_strings() {
    let stub = Stub::new(|_| Reply::json(&json!({ "Version": 4 })));
    let ssm = stub.clients().ssm(None);
    assert!(!format!("{:?}", parameter(false)).contains("hunter2"));
    assert_eq!(ssm.put_parameter(&parameter(false)).await.expect("written"), 4);
    assert_eq!(ssm.put_parameter(&parameter(true)).await.expect("written"), 4);
    stub.read(|asked| {
        assert_eq!(asked[0].body["Type"], "SecureString");
        assert_eq!(asked[0].body["Tags"][0]["Key"], "team");
        // AWS rejects tags together with an overwrite.
        assert!(asked[1].body.get("Tags").is_none() && asked[1].body["Overwrite"] == true);
    });
}

#[tokio::test]
async fn a_parameter_that_exists_is_told_unless_it_is_our_own() {
    let exists = || Reply::refused("ParameterAlreadyExists", "The parameter already exists.");
    let stub = Stub::new(move |_| exists());
    let error = stub.clients().ssm(None).put_parameter(&parameter(false)).await.expect_err("exists");
    assert_eq!(error.code(), Some("ParameterAlreadyExists"));

    // The first attempt wrote it, and its response was lost.
    for (value, ours) in [("hunter2", true), ("another", false)] {
        let attempts = AtomicUsize::new(0);
        let stub = Stub::new(move |asked| match (asked.operation.as_str(), attempts.fetch_add(1, Ordering::SeqCst)) {
            ("PutParameter", 0) => Reply::Broken,
            ("PutParameter", _) => exists(),
            _ => Reply::json(&json!({ "Parameter": { "Name": "/code", "Value": value, "Version": 1 } })),
        });
        assert_eq!(stub.clients().ssm(None).put_parameter(&parameter(false)).await.is_ok(), ours, "{value}");
    }
}

#[tokio::test]
async fn absent_parameters_are_none() {
    let stub = Stub::new(|_| Reply::refused("ParameterNotFound", ""));
    let ssm = stub.clients().ssm(None);
    assert!(ssm.parameter("/code").await.expect("read").is_none());
    ssm.delete_parameter("/code").await.expect("gone is as good");
}
