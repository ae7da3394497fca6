//! The process: how it starts, what it prints, who may connect, and how it ends.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;
use std::time::{Duration, Instant};

use framework::value::{Type, Value};
use framework::wire::proto::plugin::Empty;
use framework::wire::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use framework::wire::proto::plugin::grpc_controller_client::GrpcControllerClient;
use framework::wire::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use framework::wire::proto::tfplugin6 as wire;
use framework::wire::proto::tfplugin6::provider_client::ProviderClient;
use libtest_mimic::Trial;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::client::{
    COOKIE, HostKey, Outcome, apply, collect, command, dynamic, ensure, plain_channel, provider, read, same, signal,
    soon, start,
};
use crate::trials;

/// After it has asked for the end the host waits so long, then kills.
const HOST_PATIENCE: Duration = Duration::from_secs(2);

/// Every test.
pub fn all() -> Vec<Trial> {
    trials![
        a_person_reads_what_this_is,
        a_host_of_another_protocol_reads_why,
        the_end_comes_in_time,
        the_end_comes_although_a_call_is_stuck,
        signals,
        the_host_reads_why_the_provider_does_not_start,
        a_panic_that_is_caught_on_purpose_is_not_printed,
        a_killed_host_leaves_no_provider,
        strangers_get_nothing,
        every_log_line_is_one_for_the_host,
        the_plugin_services,
        sockets_go_where_they_are_asked_to,
        a_debugging_session,
    ]
}

async fn a_person_reads_what_this_is() -> Outcome {
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

async fn a_host_of_another_protocol_reads_why() -> Outcome {
    let mut command = command()?;
    command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "4,5");
    let output = soon("the refusal", command.output()).await??;
    same(output.status.code(), Some(1))?;
    same(output.stdout.as_slice(), b"")?;
    let told = String::from_utf8(output.stderr)?;
    ensure(told.contains("4,5"), || told.clone())
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

async fn the_host_reads_why_the_provider_does_not_start() -> Outcome {
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
