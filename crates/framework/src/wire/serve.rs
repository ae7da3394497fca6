//! The whole main of a provider: handshake, service, end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::handshake::{Invitation, Line, PROTOCOL_VERSION, Refusal, invitation};
use super::log::{self, LAST_LINES};
use super::plugin::Plugin;
use super::routes::{Providers, Routes};
use super::service::Service;
use super::tls::{self, PrepareError};
use super::transport::{BindError, Listener};
use crate::server::Server;

/// The host kills two seconds after it has asked for the end. Calls under way have so long to end by themselves; the
/// rest is for the sockets and the last log lines.
const LAST_CALLS: Duration = Duration::from_millis(1400);
/// Source: go-plugin, client.go, `Kill`.
const HOST_KILLS_AFTER: Duration = Duration::from_secs(2);
const _: () = assert!(LAST_CALLS.as_millis() + 500 <= HOST_KILLS_AFTER.as_millis(), "no time is left to end in");

/// How often the process looks whether its host is still there.
#[cfg(unix)]
const HOST_CHECK: Duration = Duration::from_millis(500);

/// A host connects at once; this is for one that was stopped or killed after it had read the line.
const HOST_CONNECTS: Duration = Duration::from_mins(5);
/// A host opens a broken connection again at once. Nothing breaks one on the same machine, so that after
/// this time there is no host any more.
const HOST_RECONNECTS: Duration = Duration::from_secs(10);

/// How long a host is given to read why there will be no provider, before the process ends: go-plugin looks at the
/// process's end and at its output at the same time, and reports what it sees first.
const HOST_READS: Duration = Duration::from_millis(500);

/// Two are enough for work that waits for the network, and every thread costs time before the handshake.
const WORKERS: usize = 2;

/// Received at once, of one message and of all together. The defaults of HTTP/2 make a large state crawl.
const WINDOWS: (u32, u32) = (4 << 20, 16 << 20);

/// What the provider is called.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// The provider's name, as in `TF_LOG_PROVIDER_<NAME>`.
    pub name: &'static str,
    /// Its address in the registry, `host/namespace/name`, for debugging sessions.
    pub address: &'static str,
    /// Its version, for people who ask.
    pub version: &'static str,
    /// The crates whose log events are the provider's own.
    pub log_targets: &'static [&'static str],
}

/// Why the provider could not serve.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("{0}")]
    Refused(Refusal),
    #[error("The provider could not start")]
    Runtime(#[source] io::Error),
    #[error("The provider could not listen for Terraform")]
    Bind(#[source] BindError),
    #[error("The provider could not prepare its connection to Terraform")]
    Prepare(#[source] PrepareError),
    #[error("The provider could not announce to Terraform where it listens")]
    Announce(#[source] io::Error),
    #[error("The provider's service failed")]
    Serve(#[source] tonic::transport::Error),
}

/// Serves the provider that `build` makes until the host has no more use for it, and says how the process is to end.
///
/// Before the line that the host waits for nothing is done that it could wait for: `build` runs after it. With the
/// argument `-debug` no host is needed: the process prints what to set for Terraform to find it, serves any number of
/// runs and ends on Ctrl-C.
pub fn serve<S: Server>(build: impl Fn() -> S + Send + Sync + 'static, options: &ServeOptions) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument.trim_start_matches('-') == name);
    if has("version") {
        // Whoever closed standard output does not want to know.
        let _ = writeln!(io::stdout(), "{} {} (plugin protocol {PROTOCOL_VERSION})", options.name, options.version);
        return ExitCode::SUCCESS;
    }
    match start(options, has("debug"), move || Arc::new(build())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            let _ = writeln!(io::stderr(), "{text}");
            if error.is_before_the_line() && !has("debug") {
                tell_host(&text);
            }
            ExitCode::FAILURE
        }
    }
}

/// Says instead of the handshake line why there is none. The host shows a line that it does not understand to the
/// person, while standard error goes to its log, and the person reads that the provider was not compiled for this
/// computer.
fn tell_host(text: &str) {
    // One line, and none that could be taken for a handshake.
    let line = text.replace(['\n', '\r'], " ").replace('|', "/");
    if writeln!(io::stdout(), "{line}.").and_then(|()| io::stdout().flush()).is_ok() {
        std::thread::sleep(HOST_READS);
    }
}

impl ServeError {
    /// Whether a host still waits for the handshake line.
    fn is_before_the_line(&self) -> bool {
        matches!(self, Self::Runtime(_) | Self::Bind(_) | Self::Prepare(_))
    }
}

fn start(options: &ServeOptions, debug: bool, build: impl Build) -> Result<(), ServeError> {
    let variable = |name: &str| std::env::var(name).ok();
    let invitation = if debug { None } else { Some(invitation(variable).map_err(ServeError::Refused)?) };
    let lines = log::install(options.name, options.log_targets);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let outcome = runtime.block_on(run(options, invitation.as_ref(), build));
    // A call that does not heed its token must not keep the process: the host would kill it, and with it the log.
    runtime.shutdown_timeout(Duration::from_millis(100));
    if let Some(lines) = lines {
        lines.flush(LAST_LINES);
    }
    outcome
}

async fn run(options: &ServeOptions, invitation: Option<&Invitation>, build: impl Build) -> Result<(), ServeError> {
    let end = CancellationToken::new();
    heed_signals(&end, invitation.is_none()).map_err(ServeError::Runtime)?;
    let listener = Listener::bind(|name| std::env::var(name).ok()).map_err(ServeError::Bind)?;
    let tls = match invitation.and_then(|invitation| invitation.client_certificate.as_deref()) {
        Some(certificate) => Some(tls::prepare(certificate).map_err(ServeError::Prepare)?),
        None => None,
    };
    let text = match invitation {
        Some(invitation) => {
            let line = Line {
                address: &listener.address,
                certificate: tls.as_ref().map(|identity| identity.certificate.as_ref()),
                multiplexing_asked: invitation.multiplexing_asked,
            };
            format!("{line}\n")
        }
        None => reattachment(options, &listener),
    };
    announce(&text).map_err(ServeError::Announce)?;
    tracing::debug!(address = listener.address.address, "Serving");

    let calls_end = CancellationToken::new();
    let service = {
        let calls_end = calls_end.clone();
        move || Service::within(build(), calls_end.clone()).into_server()
    };
    let open = watch::Sender::new(0);
    let (connections, _place) = listener.connections(tls.map(|identity| identity.config), &open);
    let plugin = Plugin { end: end.clone(), host_may_end: invitation.is_some() };
    let providers = if invitation.is_some() {
        tokio::spawn(end_without_host(open.subscribe(), end.clone(), HOST_CONNECTS, HOST_RECONNECTS));
        Providers::One(service())
    } else {
        Providers::of_each(service)
    };
    let routes = Routes::new(providers, plugin).await;
    let serving = tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .serve_with_incoming_shutdown(routes, connections, end.clone().cancelled_owned());
    let last_calls = async {
        end.cancelled().await;
        calls_end.cancel();
        tokio::time::sleep(LAST_CALLS).await;
    };
    tokio::select! {
        served = serving => served.map_err(ServeError::Serve),
        () = last_calls => {
            tracing::warn!("Calls were still under way at the end");
            Ok(())
        }
    }
}

/// What makes the provider.
trait Build: Fn() -> Arc<dyn Server> + Send + Sync + 'static {}

impl<F: Fn() -> Arc<dyn Server> + Send + Sync + 'static> Build for F {}

/// Ends the process once its host has ended. A host keeps a connection open from the handshake to its end, so this sees
/// a killed one on every system, also where a process cannot ask for its parent.
async fn end_without_host(
    mut open: watch::Receiver<usize>,
    end: CancellationToken,
    connects: Duration,
    reconnects: Duration,
) {
    let mut patience = connects;
    loop {
        let connected = tokio::time::timeout(patience, open.wait_for(|count| *count > 0)).await.is_ok();
        if !connected {
            tracing::warn!("No host is connected any more");
            return end.cancel();
        }
        if open.wait_for(|count| *count == 0).await.is_err() {
            return;
        }
        patience = reconnects;
    }
}

fn announce(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What a person sets so that Terraform uses this process instead of starting one.
fn reattachment(options: &ServeOptions, listener: &Listener) -> String {
    let attach = json!({
        "Protocol": "grpc",
        "ProtocolVersion": PROTOCOL_VERSION,
        "Pid": std::process::id(),
        "Test": true,
        "Addr": {"Network": listener.address.network, "String": listener.address.address},
    });
    let addresses = addresses(options.address).into_iter().map(|address| (address, attach.clone()));
    let value = serde_json::Value::Object(addresses.collect());
    format!(
        "The provider is running. Set this where Terraform is to use it:\n\n\
         export TF_REATTACH_PROVIDERS='{value}'\n\n\
         It serves any number of runs until Ctrl-C.\n"
    )
}

/// The provider's addresses: what has no registry of its own is in OpenTofu's too, which calls itself otherwise.
fn addresses(address: &str) -> Vec<String> {
    let in_opentofu =
        address.strip_prefix("registry.terraform.io/").map(|rest| format!("registry.opentofu.org/{rest}"));
    std::iter::once(address.to_owned()).chain(in_opentofu).collect()
}

/// Ctrl-C, a cancelled job's SIGTERM and a closed terminal's SIGHUP reach the whole group of processes, but it is the
/// host that decides what they mean: it asks over the wire, and takes its time to bring every answer home. Only without
/// a host do they end the process; and so does the host's own end.
#[cfg(unix)]
fn heed_signals(end: &CancellationToken, debug: bool) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let end = end.clone();
    let host = std::os::unix::process::parent_id();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                _ = hang_up.recv() => "SIGHUP",
                // A killed host asks for nothing, and its plugins would stay for good.
                () = tokio::time::sleep(HOST_CHECK) => {
                    if !debug && std::os::unix::process::parent_id() != host {
                        return end.cancel();
                    }
                    continue;
                }
            };
            if debug {
                return end.cancel();
            }
            tracing::debug!("{name} is left to the host");
        }
    });
    Ok(())
}

/// As on Unix, as far as there are signals.
#[cfg(not(unix))]
fn heed_signals(end: &CancellationToken, debug: bool) -> io::Result<()> {
    let end = end.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if debug {
                return end.cancel();
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_registries_have_the_provider() {
        assert_eq!(addresses("registry.terraform.io/a/b"), ["registry.terraform.io/a/b", "registry.opentofu.org/a/b"]);
        assert_eq!(addresses("example.test/a/b"), ["example.test/a/b"]);
    }

    #[tokio::test]
    async fn a_host_that_is_gone_ends_the_process() {
        let (now, hour) = (Duration::ZERO, Duration::from_hours(1));
        let open = watch::Sender::new(0);
        let end = CancellationToken::new();
        end_without_host(open.subscribe(), end.clone(), now, hour).await;
        assert!(end.is_cancelled(), "it has never come");

        let end = CancellationToken::new();
        open.send_modify(|count| *count += 1);
        let watching = tokio::spawn(end_without_host(open.subscribe(), end.clone(), now, now));
        tokio::task::yield_now().await;
        assert!(!end.is_cancelled(), "it is connected, however short the patience");
        open.send_modify(|count| *count -= 1);
        assert!(watching.await.is_ok() && end.is_cancelled(), "it has ended");
    }
}
