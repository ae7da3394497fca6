//! What is expected of a provider's process.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;
use std::time::{Duration, Instant};

use framework::value::{Type, Value};
use framework::wire::msgpack;
use framework::wire::proto::plugin::Empty;
use framework::wire::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use framework::wire::proto::plugin::grpc_controller_client::GrpcControllerClient;
use framework::wire::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use framework::wire::proto::tfplugin6 as wire;
use framework::wire::proto::tfplugin6::invoke_action::event::Type as Kind;
use framework::wire::proto::tfplugin6::provider_client::ProviderClient;
use libtest_mimic::Trial;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::client::{COOKIE, HostKey, Outcome, collect, command, plain_channel, provider, signal, soon, start};
use crate::sample::SECRET;

/// After it has asked for the end the host waits so long, then kills.
const HOST_PATIENCE: Duration = Duration::from_secs(2);

macro_rules! trials {
    ($($name:ident),+ $(,)?) => {
        vec![$(Trial::test(stringify!($name), || {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on($name()).map_err(|error| libtest_mimic::Failed::from(error.to_string()))
        })),+]
    };
}

/// Every test.
pub fn all() -> Vec<Trial> {
    trials![
        a_person_is_told_what_this_is,
        a_host_of_another_protocol_is_told,
        the_line_and_the_schema,
        a_plan_and_its_apply,
        what_is_wrong_is_a_diagnostic,
        a_panic_is_a_diagnostic_and_the_process_lives,
        stopping_reaches_the_work,
        the_end_comes_in_time,
        the_end_comes_although_a_call_is_stuck,
        signals,
        the_reason_not_to_start_is_told_to_the_host,
        a_panic_that_is_caught_on_purpose_is_not_printed,
        a_killed_host_leaves_no_provider,
        strangers_get_nothing,
        every_log_line_is_one_for_the_host,
        lists_and_actions,
        functions,
        ephemerals,
        imports_and_states,
        state_stores_are_unimplemented,
        large_messages,
        the_plugin_services,
        sockets_go_where_they_are_asked_to,
        a_debugging_session,
    ]
}

fn thing() -> Type {
    Type::object([
        ("id", Type::String),
        ("mode", Type::String),
        ("name", Type::String),
        ("size", Type::Number),
        ("tags", Type::set(Type::String)),
    ])
}

fn dynamic(value: &Value, ty: &Type) -> Option<wire::DynamicValue> {
    // Should the value not be of the type, nothing is sent, and the test fails by the answer.
    Some(wire::DynamicValue { msgpack: msgpack::encode(value, ty).ok()?, json: Vec::new() })
}

fn read(sent: Option<wire::DynamicValue>, ty: &Type) -> Outcome<Value> {
    Ok(msgpack::decode(&sent.ok_or("no value was sent")?.msgpack, ty)?)
}

/// A planned thing that does as `mode` says.
fn planned(mode: &str) -> Value {
    Value::map([
        ("id", Value::unknown()),
        ("mode", Value::from(mode)),
        ("name", Value::from("one")),
        ("size", Value::Number("0.1".parse().expect("a number"))),
        ("tags", Value::set([Value::from("b"), Value::from("a")])),
    ])
}

async fn apply(client: &mut ProviderClient<Channel>, mode: &str) -> Outcome<wire::apply_resource_change::Response> {
    let request = wire::apply_resource_change::Request {
        type_name: "sample_thing".to_owned(),
        prior_state: dynamic(&Value::Null, &thing()),
        planned_state: dynamic(&planned(mode), &thing()),
        config: dynamic(&planned(mode), &thing()),
        ..Default::default()
    };
    Ok(soon("an apply", client.apply_resource_change(request)).await??.into_inner())
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what().into()) }
}

#[allow(clippy::needless_pass_by_value, reason = "most calls have temporaries")]
fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Outcome {
    ensure(found == expected, || format!("{found:?} was found, {expected:?} was expected"))
}

async fn a_person_is_told_what_this_is() -> Outcome {
    for cookie in [None, Some("another")] {
        let mut command = command()?;
        if let Some(cookie) = cookie {
            command.env(COOKIE.0, cookie);
        }
        let output = soon("the refusal", command.output()).await??;
        same(output.status.code(), Some(1))?;
        same(output.stdout.as_slice(), b"")?;
        let told = String::from_utf8(output.stderr)?;
        ensure(told.contains("terraform init"), || told.clone())?;
    }
    Ok(())
}

async fn a_host_of_another_protocol_is_told() -> Outcome {
    let mut command = command()?;
    command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "4,5");
    let output = soon("the refusal", command.output()).await??;
    same(output.status.code(), Some(1))?;
    same(output.stdout.as_slice(), b"")?;
    let told = String::from_utf8(output.stderr)?;
    ensure(told.contains("4,5"), || told.clone())
}

async fn the_line_and_the_schema() -> Outcome {
    let plugin = start(&[("PLUGIN_MULTIPLEX_GRPC", "true")]).await?;
    ensure(plugin.line.ends_with("|false\n"), || plugin.line.clone())?;
    let mut client = plugin.provider().await?;
    let schema = client.get_provider_schema(wire::get_provider_schema::Request {}).await?.into_inner();
    let attributes = schema.resource_schemas["sample_thing"].block.clone().ok_or("no block")?.attributes;
    let types: Vec<_> =
        attributes.iter().map(|it| (it.name.as_str(), String::from_utf8_lossy(&it.r#type).into_owned())).collect();
    same(types[0].clone(), ("id", r#""string""#.to_owned()))?;
    same(types[4].clone(), ("tags", r#"["set","string"]"#.to_owned()))?;
    let capabilities = schema.server_capabilities.ok_or("no capabilities")?;
    ensure(capabilities.plan_destroy && capabilities.generate_resource_config, || format!("{capabilities:?}"))?;
    let names = client.get_metadata(wire::get_metadata::Request {}).await?.into_inner();
    same(names.actions[0].type_name.as_str(), "sample_thing")?;
    same(names.functions[0].name.as_str(), "echo")?;
    let functions = client.get_functions(wire::get_functions::Request {}).await?.into_inner();
    same(functions.functions, schema.functions)?;
    let identities =
        client.get_resource_identity_schemas(wire::get_resource_identity_schemas::Request {}).await?.into_inner();
    ensure(identities.identity_schemas["sample_thing"].identity_attributes[0].required_for_import, || {
        format!("{identities:?}")
    })
}

async fn a_plan_and_its_apply() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let config = Value::map([("name", Value::from("one")), ("size", Value::Number("0.1".parse()?))]);
    let request = wire::plan_resource_change::Request {
        type_name: "sample_thing".to_owned(),
        prior_state: dynamic(&Value::Null, &thing()),
        proposed_new_state: dynamic(&config, &thing()),
        config: dynamic(&config, &thing()),
        ..Default::default()
    };
    let plan = client.plan_resource_change(request).await?.into_inner();
    let planned = read(plan.planned_state, &thing())?;
    same(planned.attribute("id"), Some(&Value::unknown()))?;
    same(plan.planned_identity, None)?;

    let applied = apply(&mut client, "").await?;
    let state = read(applied.new_state.clone(), &thing())?;
    same(state.attribute("id"), Some(&Value::from("id-one")))?;
    same(state.attribute("size"), Some(&Value::Number("0.1".parse()?)))?;
    same(applied.private.as_slice(), b"kept")?;
    let identity = applied.new_identity.and_then(|identity| identity.identity_data);
    same(read(identity, &Type::object([("id", Type::String)]))?, Value::map([("id", Value::from("id-one"))]))?;

    let request = wire::read_resource::Request {
        type_name: "sample_thing".to_owned(),
        current_state: applied.new_state.clone(),
        private: applied.private,
        ..Default::default()
    };
    let refreshed = client.read_resource(request).await?.into_inner();
    same(refreshed.new_state, applied.new_state)
}

async fn what_is_wrong_is_a_diagnostic() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let sent = |msgpack: &[u8]| Some(wire::DynamicValue { msgpack: msgpack.into(), json: Vec::new() });
    let long = dynamic(&Value::map([("name", Value::from("x".repeat(21)))]), &thing());
    for (type_name, config, summary, detail) in [
        ("sample_other", sent(b"\xc0"), "Unknown type", "`sample_other`"),
        ("sample_thing", sent(b"\x81\xa1z\xc0"), "Could not read a value from Terraform", "no attribute `z`"),
        ("sample_thing", sent(b"\xc1\xff\x00garbage"), "Could not read a value from Terraform", "an object"),
        ("sample_thing", long, "Name is too long", "Shorten"),
    ] {
        let request = wire::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config,
            client_capabilities: None,
        };
        let answer = client.validate_resource_config(request).await?.into_inner();
        let [diagnostic] = answer.diagnostics.as_slice() else { return Err(format!("{answer:?}").into()) };
        same(diagnostic.summary.as_str(), summary)?;
        ensure(diagnostic.detail.contains(detail), || diagnostic.detail.clone())?;
        let at_name = wire::attribute_path::step::Selector::AttributeName("name".to_owned());
        let step = diagnostic.attribute.as_ref().and_then(|path| path.steps.first()?.selector.clone());
        same(step, (summary == "Name is too long").then_some(at_name))?;
    }
    Ok(())
}

async fn a_panic_is_a_diagnostic_and_the_process_lives() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let answer = apply(&mut client, "panic").await?;
    let [diagnostic] = answer.diagnostics.as_slice() else { return Err(format!("{answer:?}").into()) };
    ensure(diagnostic.detail.contains("ApplyResourceChange for `sample_thing`"), || diagnostic.detail.clone())?;
    ensure(diagnostic.detail.contains("the thing broke with [sensitive]"), || diagnostic.detail.clone())?;
    same(apply(&mut client, "").await?.diagnostics, Vec::new())?;
    plugin.shutdown().await?;
    let ended = plugin.ended().await?;
    ensure(ended.status.success(), || ended.status.to_string())?;
    let first = ended.stderr.lines().next().unwrap_or_default();
    same(first, "panic: the thing broke with [sensitive]")?;
    ensure(ended.stderr.contains("sample.rs:"), || ended.stderr.clone())?;
    ensure(!ended.stderr.contains(SECRET), || "the secret is in the log".to_owned())
}

async fn stopping_reaches_the_work() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let mut waiting = client.clone();
    let work = tokio::spawn(async move { apply(&mut waiting, "wait").await });
    // There is no telling from outside when the work has begun, so it is asked to stop until it has.
    let answer = soon("stopping", async {
        while !work.is_finished() {
            client.stop_provider(wire::stop_provider::Request {}).await?;
        }
        work.await?
    })
    .await??;
    let [diagnostic] = answer.diagnostics.as_slice() else { return Err(format!("{answer:?}").into()) };
    same(diagnostic.detail.as_str(), "Asked to stop, not told [sensitive].")?;
    same(read(answer.new_state, &thing())?, Value::Null)?;
    // A debugged process serves the next run too.
    same(apply(&mut client, "").await?.diagnostics, Vec::new())
}

async fn the_end_comes_in_time() -> Outcome {
    let plugin = start(&[]).await?;
    let socket = plugin.socket.clone();
    let folder = socket.parent().ok_or("the socket has no folder")?.to_owned();
    same(std::fs::metadata(&folder)?.permissions().mode() & 0o777, 0o700)?;
    let stdio = GrpcStdioClient::new(plugin.own_channel().await?).stream_stdio(()).await?;
    let begin = Instant::now();
    plugin.shutdown().await?;
    let ended = plugin.ended().await?;
    ensure(begin.elapsed() < HOST_PATIENCE, || format!("it took {:?}", begin.elapsed()))?;
    same(ended.status.code(), Some(0))?;
    same(ended.stdout.as_str(), "")?;
    same(ended.stderr.as_str(), "")?;
    same((socket.exists(), folder.exists()), (false, false))?;
    drop(stdio);
    Ok(())
}

async fn the_end_comes_although_a_call_is_stuck() -> Outcome {
    let plugin = start(&[("TF_LOG", "INFO")]).await?;
    let mut client = plugin.provider().await?;
    let stuck = tokio::spawn(async move { apply(&mut client, "stuck").await.is_err() });
    let mut client = plugin.provider().await?;
    let question = Value::Dynamic(Box::new((Type::String, Value::from("stuck?"))));
    let yes = Value::Dynamic(Box::new((Type::Bool, Value::from(true))));
    soon("the call", async {
        loop {
            let request = wire::call_function::Request {
                name: "echo".to_owned(),
                arguments: dynamic(&question, &Type::Dynamic).into_iter().collect(),
            };
            let answer = client.call_function(request).await?.into_inner();
            if read(answer.result, &Type::Dynamic)? == yes {
                return Outcome::Ok(());
            }
        }
    })
    .await??;
    let socket = plugin.socket.clone();
    plugin.shutdown().await?;
    // That it ends before its host would kill it is held where the time is set, beside `LAST_CALLS`.
    let ended = plugin.ended().await?;
    same((ended.status.code(), socket.exists()), (Some(0), false))?;
    ensure(ended.stderr.contains("Calls were still under way at the end"), || ended.stderr.clone())?;
    same(stuck.await?, true)
}

async fn signals() -> Outcome {
    let plugin = start(&[]).await?;
    // They reach providers as well as the host, and only the host decides.
    for name in ["INT", "TERM", "HUP", "TERM"] {
        signal(&plugin.child, name).await?;
        same(apply(&mut plugin.provider().await?, "").await?.diagnostics, Vec::new())?;
    }
    let socket = plugin.socket.clone();
    plugin.shutdown().await?;
    let ended = plugin.ended().await?;
    same((ended.status.code(), socket.exists()), (Some(0), false))
}

async fn the_reason_not_to_start_is_told_to_the_host() -> Outcome {
    let mut command = command()?;
    command
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_PROTOCOL_VERSIONS", "6")
        .env("PLUGIN_UNIX_SOCKET_DIR", "/nowhere/at|all");
    let output = soon("the refusal", command.output()).await??;
    same(output.status.code(), Some(1))?;
    let told = String::from_utf8(output.stdout)?;
    // Terraform shows the first line of what is no handshake.
    ensure(told.contains("`/nowhere/at/all/plugin-") && told.contains("No such file or directory"), || told.clone())?;
    same((told.lines().count(), told.matches('|').count()), (1, 0))
}

async fn a_panic_that_is_caught_on_purpose_is_not_printed() -> Outcome {
    let plugin = start(&[]).await?;
    let answer = apply(&mut plugin.provider().await?, "expected-panic").await?;
    same(answer.diagnostics, Vec::new())?;
    plugin.shutdown().await?;
    same(plugin.ended().await?.stderr.as_str(), "")
}

async fn a_killed_host_leaves_no_provider() -> Outcome {
    let key = HostKey::new();
    // A shell is the host: it starts the provider and waits. Killed, it cannot ask for the end.
    let mut host = command()?;
    let program = host.as_std().get_program().to_owned();
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", "\"$0\" & wait"]).arg(program);
    shell.envs(host.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6").env("PLUGIN_CLIENT_CERT", key.pem());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    host = shell;
    let mut child = host.spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
    let mut line = String::new();
    soon("the handshake", stdout.read_line(&mut line)).await??;
    child.kill().await?;
    // The output closes when the last process that holds it is gone.
    let mut rest = String::new();
    soon("the provider's end", stdout.read_to_string(&mut rest)).await??;
    let socket = line.split('|').nth(3).ok_or("no socket in the line")?;
    same(std::path::Path::new(socket).exists(), false)
}

async fn strangers_get_nothing() -> Outcome {
    let plugin = start(&[]).await?;
    // One that connects and says nothing stays open all the while.
    let silent = UnixStream::connect(&plugin.socket).await?;
    for garbage in
        [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 4096], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff"]
    {
        let mut stream = UnixStream::connect(&plugin.socket).await?;
        stream.write_all(garbage).await?;
        stream.shutdown().await?;
        let mut reply = Vec::new();
        // A reset is as good an answer as an alert.
        let _ = soon("the refusal", stream.read_to_end(&mut reply)).await?;
        ensure(!reply.starts_with(b"\0") && reply.len() < 16, || format!("{garbage:?} was answered {reply:?}"))?;
    }
    let stranger = HostKey::new();
    let served = match plugin.channel(&stranger).await {
        Ok(channel) => provider(channel).get_metadata(wire::get_metadata::Request {}).await.is_ok(),
        Err(_) => false,
    };
    same(served, false)?;
    same(apply(&mut plugin.provider().await?, "").await?.diagnostics, Vec::new())?;
    drop(silent);
    Ok(())
}

async fn every_log_line_is_one_for_the_host() -> Outcome {
    let plugin = start(&[("TF_LOG", "TRACE")]).await?;
    let mut client = plugin.provider().await?;
    let request = wire::configure_provider::Request {
        terraform_version: "1.15.5".to_owned(),
        config: dynamic(&Value::map([("region", Value::Null)]), &Type::object([("region", Type::String)])),
        client_capabilities: None,
    };
    same(client.configure_provider(request).await?.into_inner().diagnostics, Vec::new())?;
    apply(&mut client, "").await?;
    plugin.shutdown().await?;
    let ended = plugin.ended().await?;
    let mut messages = Vec::new();
    for line in ended.stderr.lines() {
        let json: serde_json::Value = serde_json::from_str(line).map_err(|_| format!("no JSON: {line}"))?;
        for name in ["@level", "@message", "@module", "@timestamp"] {
            ensure(json[name].is_string(), || format!("no {name} in {line}"))?;
        }
        let time = json["@timestamp"].as_str().unwrap_or_default();
        ensure(time.len() == "2026-01-02T03:04:05.000000Z".len() && time.ends_with('Z'), || time.to_owned())?;
        messages.push((
            json["@message"].to_string(),
            json["tf_rpc"].to_string(),
            json["terraform_version"].to_string(),
        ));
    }
    let configured = (r#""Configured""#, r#""ConfigureProvider""#, r#""1.15.5""#);
    let found = messages.iter().any(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()) == configured);
    ensure(found, || format!("{messages:?}"))
}

async fn lists_and_actions() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let by_name = Type::object([("name", Type::String)]);
    let config = |name: &str| dynamic(&Value::map([("name", Value::from(name))]), &by_name);
    let list = |name: &str, limit| wire::list_resource::Request {
        type_name: "sample_thing".to_owned(),
        config: config(name),
        include_resource_object: true,
        limit,
    };
    for (name, last) in [("all", None), ("warn", Some("Incomplete")), ("panic", Some("Provider bug"))] {
        let mut stream = client.list_resource(list(name, 200)).await?.into_inner();
        let mut events = Vec::new();
        while let Some(event) = soon("an event", stream.message()).await?? {
            events.push(event);
        }
        let told = events.pop_if(|event| event.identity.is_none());
        same(events.len(), 200)?;
        same(events[199].display_name.as_str(), "number 200")?;
        let state = read(events[0].resource_object.clone(), &thing())?;
        same(state.attribute("id"), Some(&Value::from("id-1")))?;
        same(told.map(|event| event.diagnostic[0].summary.clone()).as_deref(), last)?;
    }
    // A host that has enough goes away; the provider goes on with the next call.
    drop(client.list_resource(list("all", i64::MAX)).await?);

    for (action, name, diagnostics, steps) in [
        ("sample_thing", "it", 0, &["one of it", "two of it"][..]),
        ("sample_thing", "panic", 1, &["one of panic", "two of panic"]),
        ("sample_other", "it", 1, &[]),
    ] {
        let request = wire::invoke_action::Request {
            action_type: action.to_owned(),
            config: config(name),
            client_capabilities: None,
        };
        let mut stream = client.invoke_action(request).await?.into_inner();
        let mut progress = Vec::new();
        let completed = loop {
            match soon("an event", stream.message()).await??.and_then(|event| event.r#type) {
                Some(Kind::Progress(event)) => progress.push(event.message),
                Some(Kind::Completed(event)) => break event,
                None => return Err("the stream ends without completion".into()),
            }
        };
        same(completed.diagnostics.len(), diagnostics)?;
        same(progress, steps.iter().map(ToString::to_string).collect())?;
        same(stream.message().await?.is_none(), true)?;
    }
    Ok(())
}

async fn functions() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let own = |ty: Type, value: Value| Value::Dynamic(Box::new((ty, value)));
    let text = |text: &str| own(Type::String, Value::from(text));
    let call = |name: &str, arguments: &[Value]| wire::call_function::Request {
        name: name.to_owned(),
        arguments: arguments.iter().filter_map(|value| dynamic(value, &Type::Dynamic)).collect(),
    };
    for value in [text("x"), Value::Null, own(Type::list(Type::Bool), Value::List(vec![Value::from(true)]))] {
        let answer = client.call_function(call("echo", std::slice::from_ref(&value))).await?.into_inner();
        same(read(answer.result, &Type::Dynamic)?, value)?;
    }
    for (name, arguments, told, argument) in [
        ("echo", &[text("refuse")][..], "refused, not told [sensitive]", Some(0)),
        ("echo", &[], "0 arguments", None),
        ("echo", &[text("a"), text("b")], "2 arguments", None),
        ("other", &[text("a")], "no function `other`", None),
    ] {
        let error = client.call_function(call(name, arguments)).await?.into_inner().error.ok_or("no error")?;
        ensure(error.text.contains(told), || error.text.clone())?;
        same(error.function_argument, argument)?;
    }
    Ok(())
}

async fn ephemerals() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let ty = Type::object([("name", Type::String), ("token", Type::String)]);
    let request = wire::open_ephemeral_resource::Request {
        type_name: "sample_thing".to_owned(),
        config: dynamic(&Value::map([("name", Value::from("x"))]), &ty),
        client_capabilities: None,
    };
    let opened = client.open_ephemeral_resource(request).await?.into_inner();
    same(read(opened.result, &ty)?.attribute("token"), Some(&Value::from("token-x")))?;
    same(opened.renew_at.map(|time| time.seconds), Some(1_767_323_045))?;
    let request =
        wire::renew_ephemeral_resource::Request { type_name: "sample_thing".to_owned(), private: opened.private };
    let renewed = client.renew_ephemeral_resource(request).await?.into_inner();
    same((renewed.renew_at, renewed.private.as_deref()), (None, Some(&b"opened"[..])))?;
    let request =
        wire::close_ephemeral_resource::Request { type_name: "sample_thing".to_owned(), private: renewed.private };
    same(client.close_ephemeral_resource(request).await?.into_inner().diagnostics, Vec::new())
}

async fn imports_and_states() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let identity_type = Type::object([("id", Type::String)]);
    let identity = dynamic(&Value::map([("id", Value::from("id-two"))]), &identity_type);
    for (id, identity) in [("id-two", None), ("", Some(wire::ResourceIdentityData { identity_data: identity }))] {
        let request = wire::import_resource_state::Request {
            type_name: "sample_thing".to_owned(),
            id: id.to_owned(),
            client_capabilities: None,
            identity,
        };
        let answer = client.import_resource_state(request).await?.into_inner();
        let [imported] = answer.imported_resources.as_slice() else { return Err(format!("{answer:?}").into()) };
        same(read(imported.state.clone(), &thing())?.attribute("name"), Some(&Value::from("two")))?;
        ensure(imported.identity.is_some(), || "no identity".to_owned())?;
    }
    let upgrade = |json: &str| wire::upgrade_resource_state::Request {
        type_name: "sample_thing".to_owned(),
        version: 0,
        raw_state: Some(wire::RawState { json: json.into(), ..Default::default() }),
    };
    let state = r#"{"name":"x","size":12345678901234567890123.5,"gone":1}"#;
    let upgraded = client.upgrade_resource_state(upgrade(state)).await?.into_inner();
    let expected = Value::Number("12345678901234567890123.5".parse()?);
    same(read(upgraded.upgraded_state, &thing())?.attribute("size"), Some(&expected))?;
    let refused = client.upgrade_resource_state(upgrade("{")).await?.into_inner();
    same(refused.diagnostics[0].summary.as_str(), "Could not read the state")
}

async fn state_stores_are_unimplemented() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let codes = [
        client.get_states(wire::get_states::Request::default()).await.err(),
        client.lock_state(wire::lock_state::Request::default()).await.err(),
        client.read_state_bytes(wire::read_state_bytes::Request::default()).await.err(),
        client.write_state_bytes(futures::stream::empty()).await.err(),
        client.validate_state_store_config(wire::validate_state_store::Request::default()).await.err(),
    ]
    .map(|status| status.map(|status| status.code()));
    same(codes, [Some(tonic::Code::Unimplemented); 5])
}

async fn large_messages() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let large = Value::Dynamic(Box::new((Type::String, Value::from("x".repeat(65 << 20)))));
    let request = wire::call_function::Request {
        name: "echo".to_owned(),
        arguments: dynamic(&large, &Type::Dynamic).into_iter().collect(),
    };
    let answer = soon("a large message", client.call_function(request)).await??.into_inner();
    same(answer.result.map(|value| value.msgpack.len()), Some(65 * (1 << 20) + 16))
}

async fn the_plugin_services() -> Outcome {
    let plugin = start(&[]).await?;
    let channel = plugin.own_channel().await?;
    let request = HealthCheckRequest { service: "plugin".to_owned() };
    let health = HealthClient::new(channel.clone()).check(request).await?.into_inner();
    same(health.status(), ServingStatus::Serving)?;
    // Both streams are open until the end, and say nothing.
    let mut stdio = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await?.into_inner();
    let mut broker = GrpcBrokerClient::new(channel).start_stream(futures::stream::pending()).await?.into_inner();
    plugin.shutdown().await?;
    let said = soon("the streams' end", async { (stdio.message().await, broker.message().await) }).await?;
    ensure(matches!(said, (Ok(None) | Err(_), Ok(None) | Err(_))), || format!("{said:?}"))?;
    same(plugin.ended().await?.status.code(), Some(0))
}

async fn sockets_go_where_they_are_asked_to() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().ok_or("not UTF-8")?;
    let plugin = start(&[("PLUGIN_UNIX_SOCKET_DIR", path)]).await?;
    same(plugin.socket.parent(), Some(folder.path()))?;
    plugin.shutdown().await?;
    same(plugin.ended().await?.status.code(), Some(0))?;
    same(std::fs::read_dir(folder.path())?.count(), 0)?;

    // A group that a host of another user shares with this one; here it is the only one that surely exists.
    let group = std::fs::metadata(folder.path())?.gid();
    let plugin = start(&[("PLUGIN_UNIX_SOCKET_DIR", path), ("PLUGIN_UNIX_SOCKET_GROUP", &group.to_string())]).await?;
    let socket = std::fs::metadata(&plugin.socket)?;
    same((socket.gid(), socket.permissions().mode() & 0o777), (group, 0o660))?;
    plugin.shutdown().await?;
    same(plugin.ended().await?.status.code(), Some(0))?;

    let mut command = command()?;
    command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6");
    command.env("PLUGIN_UNIX_SOCKET_DIR", folder.path().join("missing"));
    let output = soon("the refusal", command.output()).await??;
    let told = String::from_utf8(output.stderr)?;
    same(output.status.code(), Some(1))?;
    ensure(told.contains("missing"), || told.clone())
}

async fn configure(client: &mut ProviderClient<Channel>, region: &str) -> Outcome {
    let config = dynamic(&Value::map([("region", Value::from(region))]), &Type::object([("region", Type::String)]));
    let request =
        wire::configure_provider::Request { terraform_version: "1.15.5".to_owned(), config, client_capabilities: None };
    same(client.configure_provider(request).await?.into_inner().diagnostics, Vec::new())
}

/// How long the region is that the provider was configured with.
async fn region_length(client: &mut ProviderClient<Channel>) -> Outcome<Value> {
    let ty = Type::object([("length", Type::Number), ("name", Type::String)]);
    let config = dynamic(&Value::map([("length", Value::Null), ("name", Value::from("region"))]), &ty);
    let request = wire::read_data_source::Request {
        type_name: "sample_thing".to_owned(),
        config,
        provider_meta: None,
        client_capabilities: None,
    };
    let found = read(client.read_data_source(request).await?.into_inner().state, &ty)?;
    Ok(found.attribute("length").cloned().unwrap_or(Value::Null))
}

async fn a_debugging_session() -> Outcome {
    let mut child = command()?.arg("-debug").spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
    let errors = collect(child.stderr.take().ok_or("no standard error")?);
    let value = soon("the line to set", async {
        while let Some(line) = stdout.next_line().await? {
            if let Some((_, value)) = line.split_once("TF_REATTACH_PROVIDERS=") {
                return Ok(value.trim_matches('\'').to_owned());
            }
        }
        Err(std::io::Error::other("no line with TF_REATTACH_PROVIDERS"))
    })
    .await??;
    let value: serde_json::Value = serde_json::from_str(&value)?;
    let attach = &value["example.test/acme/sample"];
    same(attach["Protocol"].as_str(), Some("grpc"))?;
    same(attach["ProtocolVersion"].as_i64(), Some(6))?;
    same(attach["Pid"].as_u64(), child.id().map(u64::from))?;
    same(attach["Test"].as_bool(), Some(true))?;
    same(attach["Addr"]["Network"].as_str(), Some("unix"))?;
    let socket = std::path::PathBuf::from(attach["Addr"]["String"].as_str().ok_or("no socket")?);
    // Every alias of a run is this process, each through a connection of its own.
    let (short, long) = (plain_channel(&socket).await?, plain_channel(&socket).await?);
    configure(&mut provider(short.clone()), "a").await?;
    configure(&mut provider(long.clone()), "abcd").await?;
    same(
        (region_length(&mut provider(short)).await?, region_length(&mut provider(long)).await?),
        (1.into(), 4.into()),
    )?;
    for _run in 0..2 {
        let channel = plain_channel(&socket).await?;
        same(apply(&mut provider(channel.clone()), "").await?.diagnostics, Vec::new())?;
        // Terraform asks for the end after each run; here that is for the person to decide.
        GrpcControllerClient::new(channel).shutdown(Empty {}).await?;
    }
    signal(&child, "INT").await?;
    same(soon("the end", child.wait()).await??.code(), Some(0))?;
    same((errors.await?.as_str(), socket.exists()), ("", false))
}
