//! What one process of the provider costs: the time until it serves, and its memory.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use framework::wire::proto::tfplugin6 as wire;
use harness::plugin::{Plugin, PluginError};
use harness::sandbox::Account;
use prost::Message;
use serde_json::{Map, Value as Json, json};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::Fault;
use crate::samples::Samples;

/// Times from the start of a process, in milliseconds.
pub struct Starts {
    /// To the handshake line.
    pub line: Samples,
    /// To the complete schema, decoded by the client.
    pub schema: Samples,
    /// Bytes of that schema on the wire.
    pub schema_size: usize,
    /// To the end of `/bin/true`: what a process costs on this machine at this time.
    pub nothing: Samples,
}

/// Memory of a process, in megabytes (10⁶ bytes).
pub struct Memory {
    /// All of it that is in physical memory, the program's own pages included.
    pub resident: Samples,
    /// The part that is no file.
    pub anonymous: Samples,
}

/// Starts the provider `count` times, and each time `/bin/true` beside it.
pub async fn starts(provider: &Path, count: usize) -> Result<Starts, Fault> {
    let (mut line, mut schema, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    let mut schema_size = 0;
    for _ in 0..count {
        nothing.push(start_nothing().await?);
        let plugin = Plugin::start(command(provider)).await?;
        line.push(plugin.line_after);
        let answer = schema_of(&plugin).await?;
        schema.push(plugin.started.elapsed());
        schema_size = answer.encoded_len();
        end(plugin).await?;
    }
    Ok(Starts {
        line: Samples::milliseconds(&line),
        schema: Samples::milliseconds(&schema),
        schema_size,
        nothing: Samples::milliseconds(&nothing),
    })
}

/// Configures `count` processes, one after the other, and looks at their memory.
pub async fn memory(provider: &Path, account: &Account<'_>, count: usize) -> Result<Memory, Fault> {
    let (mut resident, mut anonymous) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let plugin = Plugin::start(command(provider)).await?;
        let schema = schema_of(&plugin).await?.provider.and_then(|schema| schema.block);
        let attributes = schema.map(|block| block.attributes).unwrap_or_default();
        let request = wire::configure_provider::Request {
            terraform_version: "1.15.5".to_owned(),
            config: Some(wire::DynamicValue {
                msgpack: Vec::new(),
                json: configuration(&attributes, account).to_string().into_bytes(),
            }),
            client_capabilities: None,
        };
        let answer = plugin.provider().await?.configure_provider(request).await.map_err(call("ConfigureProvider"))?;
        if let Some(diagnostic) = answer.into_inner().diagnostics.first() {
            return Err(format!("Configure: {}: {}", diagnostic.summary, diagnostic.detail).into());
        }
        let id = plugin.child.id().ok_or("the provider has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        resident.push(status_megabytes(&status, "VmRSS")?);
        anonymous.push(status_megabytes(&status, "RssAnon")?);
        end(plugin).await?;
    }
    Ok(Memory { resident: Samples::new(resident), anonymous: Samples::new(anonymous) })
}

/// The provider with nothing of this process's environment.
fn command(provider: &Path) -> Command {
    let mut command = Command::new(provider);
    command.env_clear();
    command
}

async fn start_nothing() -> Result<Duration, Fault> {
    let mut command = Command::new("/bin/true");
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn()?;
    // Its output ends when it does; the provider's line is awaited the same way.
    let mut stdout = child.stdout.take().ok_or("no standard output")?;
    stdout.read_to_end(&mut Vec::new()).await?;
    let took = started.elapsed();
    child.wait().await?;
    Ok(took)
}

async fn schema_of(plugin: &Plugin) -> Result<wire::get_provider_schema::Response, Fault> {
    let request = wire::get_provider_schema::Request {};
    let answer = plugin.provider().await?.get_provider_schema(request).await.map_err(call("GetProviderSchema"))?;
    Ok(answer.into_inner())
}

fn call(call: &'static str) -> impl FnOnce(tonic::Status) -> PluginError {
    move |status| PluginError::Call { call, status: Box::new(status) }
}

async fn end(plugin: Plugin) -> Result<(), Fault> {
    plugin.shutdown().await?;
    let ended = plugin.ended().await?;
    if ended.status.success() { Ok(()) } else { Err(format!("{}: {}", ended.status, ended.stderr).into()) }
}

/// The provider's whole configuration: what the account needs, everything else null.
fn configuration(attributes: &[wire::schema::Attribute], account: &Account<'_>) -> Json {
    let told = |name: &str| account.told[name].clone();
    let given = json!({
        "region": told("region"),
        "access_key": told("access_key"),
        "secret_key": told("secret_key"),
        "endpoints": {
            "ec2": account.endpoint(),
            "eks": account.endpoint(),
            "iam": account.endpoint(),
            "ssm": account.endpoint(),
            "sts": account.endpoint(),
        },
    });
    filled(attributes, &given)
}

/// `given` with null for each attribute that it lacks.
fn filled(attributes: &[wire::schema::Attribute], given: &Json) -> Json {
    let value = |attribute: &wire::schema::Attribute| match (&given[&attribute.name], &attribute.nested_type) {
        (Json::Null, _) => Json::Null,
        (given, Some(nested)) => filled(&nested.attributes, given),
        (given, None) => given.clone(),
    };
    attributes.iter().map(|attribute| (attribute.name.clone(), value(attribute))).collect::<Map<_, _>>().into()
}

/// A line of `/proc/PID/status`: `VmRSS:   12345 kB`.
pub fn status_megabytes(status: &str, name: &str) -> Result<f64, Fault> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or_else(|| format!("there is no {name}"))?;
    // The kernel's kB is 1024 bytes.
    Ok(number.trim().parse::<f64>()? * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_megabytes() {
        let status = "Name:\tx\nVmRSS:\t    2000 kB\nRssAnon:\t     500 kB\n";
        for (name, found) in [("VmRSS", Some(2.048)), ("RssAnon", Some(0.512)), ("Rss", None), ("VmSwap", None)] {
            assert_eq!(status_megabytes(status, name).ok(), found, "{name}");
        }
    }

    #[test]
    fn what_is_not_given_is_null() {
        let leaf = |name: &str| wire::schema::Attribute { name: name.to_owned(), ..Default::default() };
        let nested = wire::schema::Object { attributes: vec![leaf("ssm"), leaf("sts")], ..Default::default() };
        let attributes = [
            leaf("region"),
            leaf("profile"),
            wire::schema::Attribute { nested_type: Some(nested), ..leaf("endpoints") },
        ];
        let given = json!({"region": "a", "endpoints": {"ssm": "b"}, "unknown": 1});
        let wanted = json!({"region": "a", "profile": null, "endpoints": {"ssm": "b", "sts": null}});
        assert_eq!(filled(&attributes, &given), wanted);
        assert_eq!(filled(&attributes, &json!({}))["endpoints"], Json::Null);
    }
}
