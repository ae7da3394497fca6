//! The whole main of a provider: handshake, service, end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::handshake::{Invitation, Line, PROTOCOL_VERSION, Refusal, invitation};
use super::log::{self, LAST_LINES};
use super::plugin::Plugin;
use super::routes::Routes;
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

/// How long a host is given to read why there will be no provider, before the process ends: go-plugin looks at the
/// process's end and at its output at the same time, and what it sees first is what it tells.
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
    #[error("The provider could not tell Terraform where it listens")]
    Announce(#[source] io::Error),
    #[error("The provider's service failed")]
    Serve(#[source] tonic::transport::Error),
}

/// Serves the provider that `build` makes until the host has no more use for it, and says how the process is to end.
///
/// Before the line that the host waits for nothing is done that it could wait for: `build` runs after it. With the
/// argument `-debug` no host is needed: the process prints what to set for Terraform to find it, serves any number of
/// runs and ends on Ctrl-C.
pub fn serve<S: Server>(build: impl FnOnce() -> S, options: &ServeOptions) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument.trim_start_matches('-') == name);
    if has("version") {
        // Whoever closed standard output does not want to know.
        let _ = writeln!(io::stdout(), "{} {} (plugin protocol {PROTOCOL_VERSION})", options.name, options.version);
        return ExitCode::SUCCESS;
    }
    match start(options, has("debug"), || Arc::new(build())) {
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

/// Says in the place of the handshake line why there is none. The host shows a line that it does not understand to the
/// person, while what stands on standard error goes to its log, and the person is told that the provider was not
/// compiled for this computer.
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

fn start(options: &ServeOptions, debug: bool, build: impl FnOnce() -> Arc<dyn Server>) -> Result<(), ServeError> {
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

async fn run(
    options: &ServeOptions,
    invitation: Option<&Invitation>,
    build: impl FnOnce() -> Arc<dyn Server>,
) -> Result<(), ServeError> {
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

    let service = Service::new(build());
    let (connections, _place) = listener.connections(tls.map(|identity| identity.config));
    let plugin = Plugin { end: end.clone(), host_may_end: invitation.is_some() };
    let routes = Routes::new(service.clone(), plugin).await;
    let serving = tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .serve_with_incoming_shutdown(routes, connections, end.clone().cancelled_owned());
    let last_calls = async {
        end.cancelled().await;
        service.stop_calls();
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

fn announce(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What a person sets so that Terraform uses this process instead of starting one.
fn reattachment(options: &ServeOptions, listener: &Listener) -> String {
    let value = json!({
        options.address: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL_VERSION,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": {"Network": listener.address.network, "String": listener.address.address},
        }
    });
    format!(
        "The provider is running. Set this where Terraform is to use it:\n\n\
         export TF_REATTACH_PROVIDERS='{value}'\n\n\
         It serves any number of runs until Ctrl-C.\n"
    )
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
