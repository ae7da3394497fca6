//! The host's side: starts the sample provider, and gives the tests what they call it with.

use std::process::Stdio;

use tokio::process::{Child, Command};

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
