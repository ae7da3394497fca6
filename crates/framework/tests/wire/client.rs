//! The host's side: starts the sample provider, and gives the tests what they call it with.

use std::process::Stdio;

use framework::value::{Type, Value};
use framework::wire::msgpack;
use framework::wire::proto::tfplugin6 as wire;
use framework::wire::proto::tfplugin6::provider_client::ProviderClient;
use tokio::process::{Child, Command};
use tonic::transport::Channel;

pub use harness::plugin::{COOKIE, HostKey, Plugin, collect, plain_channel, provider, soon};

/// A test's outcome.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// This program again, with nothing of the tests' environment that a provider looks at.
pub fn command() -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    for name in ["TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_PROVIDER_SAMPLE", "PLUGIN_UNIX_SOCKET_DIR", COOKIE.0] {
        command.env_remove(name);
    }
    command.env("SAMPLE_PROVIDER", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    Ok(command)
}

/// Starts the sample provider as a host does, with `more` in its environment.
pub async fn start(more: &[(&str, &str)]) -> Outcome<Plugin> {
    let mut command = command()?;
    command.envs(more.iter().copied());
    Ok(Plugin::start(command).await?)
}

/// Sends a signal, by name.
pub async fn signal(child: &Child, name: &str) -> Outcome {
    let id = child.id().ok_or("the process has ended")?;
    let status = Command::new("kill").args([format!("-{name}"), id.to_string()]).status().await?;
    if status.success() { Ok(()) } else { Err(format!("kill -{name} failed").into()) }
}

/// The type of a thing.
pub fn thing() -> Type {
    Type::object([
        ("id", Type::String),
        ("mode", Type::String),
        ("name", Type::String),
        ("size", Type::Number),
        ("tags", Type::set(Type::String)),
    ])
}

/// A value as it is sent.
pub fn dynamic(value: &Value, ty: &Type) -> Option<wire::DynamicValue> {
    // Should the value not be of the type, nothing is sent, and the test fails by the answer.
    Some(wire::DynamicValue { msgpack: msgpack::encode(value, ty).ok()?, json: Vec::new() })
}

/// A value as it was sent.
pub fn read(sent: Option<wire::DynamicValue>, ty: &Type) -> Outcome<Value> {
    Ok(msgpack::decode(&sent.ok_or("no value was sent")?.msgpack, ty)?)
}

/// A planned thing that does as `mode` says.
pub fn planned(mode: &str) -> Value {
    Value::map([
        ("id", Value::unknown()),
        ("mode", Value::from(mode)),
        ("name", Value::from("one")),
        ("size", Value::Number("0.1".parse().expect("a number"))),
        ("tags", Value::set([Value::from("b"), Value::from("a")])),
    ])
}

/// Applies a thing that does as `mode` says.
pub async fn apply(client: &mut ProviderClient<Channel>, mode: &str) -> Outcome<wire::apply_resource_change::Response> {
    let request = wire::apply_resource_change::Request {
        type_name: "sample_thing".to_owned(),
        prior_state: dynamic(&Value::Null, &thing()),
        planned_state: dynamic(&planned(mode), &thing()),
        config: dynamic(&planned(mode), &thing()),
        ..Default::default()
    };
    Ok(soon("an apply", client.apply_resource_change(request)).await??.into_inner())
}

/// Fails with `what`, unless it holds.
pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what().into()) }
}

/// Fails unless both are equal.
#[allow(clippy::needless_pass_by_value, reason = "most calls have temporaries")]
pub fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Outcome {
    ensure(found == expected, || format!("{found:?} was found, {expected:?} was expected"))
}
