//! Data sources, ephemeral resources, actions, lists and functions.

use framework::diagnostic::{Diagnostics, Severity};
use framework::provider::ProviderServer;
use framework::server::{FunctionError, ListRequest, Listed, Server};
use framework::value::{Refinement, Type, Value};
use tokio_util::sync::CancellationToken;

use crate::cloud::{Cloud, Region};
use crate::host::{HOST, configured, identity, made, object, server_config, told};

#[tokio::test]
async fn a_data_source() {
    let server = configured("data").await;
    let schema = server.schema().data_sources["cloud_image"].clone();
    let read = |entries: Vec<(&'static str, Value)>| {
        server.read_data_source("cloud_image".into(), object(&schema, entries), HOST, CancellationToken::new())
    };
    let found = read(vec![("name", "debian".into())]).await;
    assert_eq!(found.diagnostics, Diagnostics::new());
    let expected = [
        ("name", Value::from("debian")),
        ("architecture", "arm64".into()),
        ("outdated", false.into()),
        ("id", "img-debian".into()),
    ];
    assert_eq!(found.value, Some(object(&schema, expected)));

    let configured = read(vec![("name", "debian".into()), ("architecture", "amd64".into())]).await.value;
    assert_eq!(configured.expect("a value").attribute("architecture"), Some(&Value::from("amd64")));

    let warned = read(vec![("name", "debian".into()), ("outdated", true.into())]).await;
    assert_eq!(told(&warned.diagnostics), [(Severity::Warning, "Old image", String::new())]);

    let lost = read(vec![("name", "lost".into())]).await;
    assert_eq!(told(&lost.diagnostics), [(Severity::Error, "No such image", "name".to_owned())]);
    assert_eq!(lost.value, None);

    let empty = object(&schema, [("name", "".into())]);
    let faults = server.validate_data_source("cloud_image".into(), empty).await;
    assert_eq!(told(&faults), [(Severity::Error, "Empty name", "name".to_owned())]);
}

#[tokio::test]
async fn what_needs_clients_says_so_before_there_are_any() {
    let server = ProviderServer::<Cloud>::new();
    let config = object(&server.schema().data_sources["cloud_image"], [("name", "debian".into())]);
    let answer = server.read_data_source("cloud_image".into(), config, HOST, CancellationToken::new()).await;
    assert_eq!(told(&answer.diagnostics), [(Severity::Error, "Provider not configured", String::new())]);
}

#[tokio::test]
async fn an_ephemeral_resource_lives_and_is_closed() {
    let server = configured("ephemeral").await;
    let region = Region::named("ephemeral");
    let name = || "cloud_token".to_owned();
    let config = object(&server.schema().ephemeral_resources["cloud_token"], [("server", "srv-1".into())]);
    assert_eq!(server.validate_ephemeral(name(), config.clone()).await, Diagnostics::new());
    let opened = server.open_ephemeral(name(), config, HOST, CancellationToken::new()).await.value;
    let result = opened.result.expect("a result");
    assert_eq!(result.attribute("token"), Some(&Value::from("token-srv-1")));
    assert_eq!(result.attribute("server"), Some(&Value::from("srv-1")));
    assert_eq!(opened.renew_at.map(jiff::Timestamp::as_second), Some(1_800_000_000));
    assert!(!String::from_utf8_lossy(&opened.private).contains("token-srv-1"));

    let renewed = server.renew_ephemeral(name(), opened.private, CancellationToken::new()).await.value;
    assert_eq!(renewed.renew_at.map(jiff::Timestamp::as_second), Some(1_900_000_000));
    assert_eq!(server.close_ephemeral(name(), renewed.private, CancellationToken::new()).await, Diagnostics::new());
    assert_eq!(
        *region.log.lock().expect("the log"),
        ["renewed Says(\"srv-1\")", "closed Says(\"srv-1\") renewed Says(true)"]
    );
}

#[tokio::test]
async fn an_action_tells_how_far_it_is() {
    let server = configured("action").await;
    let schema = server.schema().actions["cloud_reboot"].clone();
    for (target, lines, expected) in [
        ("srv-1", 3, vec![]),
        (
            "stuck",
            3,
            vec![
                (Severity::Warning, "Slow reboot", String::new()),
                (Severity::Error, "Could not reboot the server", String::new()),
            ],
        ),
    ] {
        let config = object(&schema, [("server", target.into()), ("times", Value::from(lines))]);
        let (sink, mut heard) = tokio::sync::mpsc::channel(8);
        let done = server.invoke_action("cloud_reboot".into(), config, sink, CancellationToken::new()).await;
        assert_eq!(told(&done), expected);
        let mut said = Vec::new();
        while let Some(line) = heard.recv().await {
            said.push(line);
        }
        assert_eq!(said.len(), usize::try_from(lines).expect("a count"));
        assert!(said[0].starts_with("reboot 1 of"), "{said:?}");
    }
    let faults = server.validate_action("cloud_reboot".into(), object(&schema, [("times", 9.into())])).await;
    let expected = [
        (Severity::Error, "Missing or misshapen value", "server".to_owned()),
        (Severity::Error, "Number out of range", "times".to_owned()),
    ];
    assert_eq!(told(&faults), expected);
}

async fn list(server: &dyn Server, prefix: Value, include_resource: bool, limit: i64) -> Vec<Listed> {
    let config = object(&server.schema().list_resources["cloud_server"], [("name_prefix", prefix)]);
    let request = ListRequest { type_name: "cloud_server".into(), config, include_resource, limit };
    let (sink, mut found) = tokio::sync::mpsc::channel(16);
    let answer = server.list(request, sink, CancellationToken::new()).await;
    assert_eq!(answer, Diagnostics::new());
    let mut all = Vec::new();
    while let Some(listed) = found.recv().await {
        all.push(listed);
    }
    all
}

#[tokio::test]
async fn a_list_stops_at_its_limit() {
    let server = configured("list").await;
    let region = Region::named("list");
    for name in ["web-a", "web-b", "db-a", "web-c"] {
        made(&server, &server_config([("name", name.into())])).await;
    }
    let names = |listed: &[Listed]| listed.iter().map(|it| it.display_name.clone()).collect::<Vec<_>>();
    let all = list(&server, Value::Null, false, 100).await;
    assert_eq!(names(&all), ["web-a", "web-b", "db-a", "web-c"]);
    assert!(all.iter().all(|it| it.resource.is_none()));

    region.log.lock().expect("the log").clear();
    let some = list(&server, "web".into(), true, 2).await;
    assert_eq!(names(&some), ["web-a", "web-b"]);
    assert_eq!(
        *region.log.lock().expect("the log"),
        ["looked at web-a", "looked at web-b"],
        "no look beyond the limit"
    );
    assert_eq!(some[1].identity, identity("srv-2"));
    let state = some[1].resource.as_ref().expect("a state");
    assert_eq!(state.attribute("name"), Some(&Value::from("WEB-B")));
    assert_eq!(framework::check::conform(state, &server.schema().resources["cloud_server"].ty()), Ok(()));
}

/// Terraform uses none of these while its configuration is unknown. If it did, to do nothing would look like success.
#[tokio::test]
async fn what_is_unknown_is_not_taken_for_nothing_to_do() {
    let server = configured("unknown").await;
    let schemas = server.schema();
    let bug = [(Severity::Error, "Provider bug", String::new())];
    let cancel = CancellationToken::new;

    let config = object(&schemas.actions["cloud_reboot"], [("server", Value::unknown())]);
    let (sink, _heard) = tokio::sync::mpsc::channel(8);
    assert_eq!(told(&server.invoke_action("cloud_reboot".into(), config, sink, cancel()).await), bug);

    let config = object(&schemas.list_resources["cloud_server"], [("name_prefix", Value::unknown())]);
    let request = ListRequest { type_name: "cloud_server".into(), config, include_resource: false, limit: 1 };
    let (sink, _found) = tokio::sync::mpsc::channel(8);
    assert_eq!(told(&server.list(request, sink, cancel()).await), bug);

    let config = object(&schemas.data_sources["cloud_image"], [("name", Value::unknown())]);
    let answer = server.read_data_source("cloud_image".into(), config, HOST, cancel()).await;
    assert_eq!(told(&answer.diagnostics), bug);

    let config = object(&schemas.ephemeral_resources["cloud_token"], [("server", Value::unknown())]);
    let answer = server.open_ephemeral("cloud_token".into(), config, HOST, cancel()).await;
    assert_eq!(told(&answer.diagnostics), bug);
}

#[tokio::test]
async fn functions() {
    // No configuration is needed.
    let server = ProviderServer::<Cloud>::new();
    let text = |text: &str| Value::from(text);
    let unknown = || Value::Unknown(Refinement::not_null());
    let error = |text: &str, argument| Err(FunctionError { text: text.to_owned(), argument });
    let more = || Value::List(vec![text("!")]);
    for (name, arguments, expected) in [
        ("join", vec![text("-")], Ok(text(""))),
        ("join", vec![text("-"), text("a"), text("b")], Ok(text("a-b"))),
        ("join", vec![text("-"), text("a"), text("b!")], error("no text may shout", Some(2))),
        ("join", vec![text("-"), text("a"), Value::unknown()], Ok(unknown())),
        ("join", vec![], error("`join` takes 1 arguments, 0 were given.", None)),
        ("ratio", vec![Value::from(7), Value::from(2)], Ok(Value::from(3))),
        ("ratio", vec![Value::from(7), Value::from(0)], error("nothing can be divided by zero", Some(1))),
        (
            "ratio",
            vec![Value::from(7), Value::Number("0.5".parse().expect("a number"))],
            error("`divisor` is 0.5, but must be a whole number", Some(1)),
        ),
        ("ratio", vec![1.into(), 2.into(), 3.into()], error("`ratio` takes 2 arguments, 3 were given.", None)),
        ("shout", vec![text("a"), more()], Ok(text("A!"))),
        ("shout", vec![Value::Null, more()], Ok(Value::Null)),
        ("shout", vec![Value::unknown(), more()], Ok(Value::unknown())),
        ("whisper", vec![], error("This provider has no function `whisper`.", None)),
    ] {
        assert_eq!(server.call_function(name.into(), arguments.clone()).await, expected, "{name} {arguments:?}");
    }
    let signature = &server.schema().functions["join"];
    assert_eq!(signature.variadic.as_ref().map(|it| (it.name.as_str(), &it.ty)), Some(("texts", &Type::String)));
    assert!(server.schema().functions["shout"].parameters[0].allow_null);
}

#[tokio::test]
async fn names_that_are_not_there() {
    let server = configured("names").await;
    let unknown = [(Severity::Error, "Unknown type", String::new())];
    assert_eq!(told(&server.validate_resource("cloud_moon".into(), Value::Null, HOST).await), unknown);
    assert_eq!(told(&server.validate_data_source("cloud_moon".into(), Value::Null).await), unknown);
    assert_eq!(told(&server.validate_ephemeral("cloud_moon".into(), Value::Null).await), unknown);
    assert_eq!(told(&server.validate_action("cloud_moon".into(), Value::Null).await), unknown);
    let upgraded = server.upgrade_state("cloud_moon".into(), 0, serde_json::Value::Null).await;
    assert_eq!(told(&upgraded.diagnostics), unknown);
}
