//! Sessions of Session Manager that forward a port. Their data channel is spoken by AWS's `session-manager-plugin`, as in
//! the AWS CLI: one child process for each API server, which listens on a port of this machine.
//!
//! Source: github.com/aws/session-manager-plugin: the arguments in `src/sessionmanagerplugin-main`, and the line that
//! names the port in `sessionplugin/session/portsession`.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::attributes::ManagedNodeId;
use crate::aws::ssm::{Client, TO_REMOTE_HOST};
use crate::kube::{Stream, Tunnel, TunnelError};
use crate::session::config::SsmTunnel;

const PLUGIN: &str = "session-manager-plugin";
/// The environment variable that holds the answer of StartSession, with the session's token. Source: AWS CLI,
/// `customizations/sessionmanager.py`; known to the plugin since 1.2.497.
const RESPONSE: &str = "AWS_SSM_START_SESSION_RESPONSE";
/// How long the plugin may take until it listens: it connects to AWS, and the agent to the data channel.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// How much of what the plugin prints is kept for messages.
const SAID: usize = 2_000;

/// Sessions through one managed node.
pub(super) struct Sessions {
    ssm: Client,
    node: ManagedNodeId,
    program: String,
    open: Mutex<HashMap<(String, u16), Session>>,
}

/// A plugin that listens. It is killed when this is dropped.
struct Session {
    child: Child,
    port: u16,
}

impl Sessions {
    pub(super) fn new(ssm: Client, settings: &SsmTunnel) -> Self {
        let program = settings.plugin_path.clone().unwrap_or_else(|| PLUGIN.to_owned());
        Self { ssm, node: settings.target.clone(), program, open: Mutex::default() }
    }

    async fn stream(&self, host: &str, port: u16) -> Result<TcpStream, TunnelError> {
        let mut open = self.open.lock().await;
        let key = (host.to_owned(), port);
        // A plugin whose session has ended exits.
        if open.get_mut(&key).is_some_and(|session| !matches!(session.child.try_wait(), Ok(None))) {
            open.remove(&key);
        }
        let local = if let Some(session) = open.get(&key) {
            session.port
        } else {
            let session = self.start(host, port).await?;
            let local = session.port;
            open.insert(key.clone(), session);
            local
        };
        let connected = TcpStream::connect(("127.0.0.1", local)).await;
        connected.map_err(|error| {
            open.remove(&key);
            self.failed(&format!("`{PLUGIN}` does not accept connections on its port {local}: {error}"), true)
        })
    }

    async fn start(&self, host: &str, port: u16) -> Result<Session, TunnelError> {
        let node = self.node.as_str();
        let session = self.ssm.start_port_forwarding(node, host, port).await.map_err(|error| {
            // An agent that is not connected may be soon, as after a reboot.
            let is_transient = error.code() == Some("TargetNotConnected");
            TunnelError {
                message: format!("no session to managed node `{node}` was started: {error}"),
                is_transient,
                source: Some(Arc::new(error)),
            }
        })?;
        let response = json!({
            "SessionId": session.id, "StreamUrl": session.stream_url, "TokenValue": session.token.expose_secret(),
        });
        let request = json!({
            "Target": node, "DocumentName": TO_REMOTE_HOST,
            "Parameters": { "host": [host], "portNumber": [port.to_string()], "localPortNumber": ["0"] },
        });
        let suffix = names::Partition::of_region(&session.region).dns_suffix();
        let endpoint = format!("https://ssm.{}.{suffix}", session.region);
        let mut command = Command::new(&self.program);
        command
            // Arguments are visible to every user of the machine.
            .env(RESPONSE, response.to_string())
            .args([RESPONSE, &session.region, "StartSession", "", &request.to_string(), &endpoint])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = match command.spawn() {
            Ok(child) => listening(child).await,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(format!("`{}` is not installed", self.program))
            }
            Err(error) => Err(format!("`{}` cannot be started: {error}", self.program)),
        };
        match started {
            Ok(started) => Ok(started),
            Err(why) => {
                // Otherwise it lasts until its idle timeout.
                if let Err(error) = self.ssm.terminate_session(&session.id).await {
                    tracing::debug!(session = session.id, "the session was not ended: {error}");
                }
                Err(self.failed(&why, false))
            }
        }
    }

    fn failed(&self, why: &str, is_transient: bool) -> TunnelError {
        let message = format!("the session to managed node `{}` cannot be used: {why}", self.node.as_str());
        TunnelError { message, is_transient, source: None }
    }
}

impl Tunnel for Sessions {
    fn open<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Box<dyn Stream>, TunnelError>> {
        async move {
            let stream = self.stream(host, port).await?;
            // It is only slower without.
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream) as Box<dyn Stream>)
        }
        .boxed()
    }
}

/// Waits until the plugin says on which port it listens. What it prints afterwards is read and dropped, so that it never
/// waits for a reader.
async fn listening(mut child: Child) -> Result<Session, String> {
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(format!("`{PLUGIN}` has no output"));
    };
    let mut lines = BufReader::new(stdout).lines();
    let mut said = String::new();
    let found = tokio::time::timeout(LISTENS_WITHIN, async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(port) = port_in(&line) {
                return Some(port);
            }
            if said.len() < SAID {
                said.push_str(line.trim());
                said.push(' ');
            }
        }
        None
    });
    match found.await {
        Ok(Some(port)) => {
            tokio::spawn(drained(lines.into_inner()));
            tokio::spawn(drained(stderr));
            Ok(Session { child, port })
        }
        Ok(None) => {
            let mut stderr = stderr.take(SAID as u64);
            // It has ended, or soon will.
            let _ = tokio::time::timeout(Duration::from_secs(1), stderr.read_to_string(&mut said)).await;
            Err(format!("`{PLUGIN}` ended without listening on a port: {}", said.trim()))
        }
        Err(_) => Err(format!(
            "`{PLUGIN}` did not listen on a port within {} seconds: {}",
            LISTENS_WITHIN.as_secs(),
            said.trim()
        )),
    }
}

async fn drained(mut output: impl AsyncRead + Unpin) {
    // A plugin that has ended prints nothing more.
    let _ = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
}

/// The port in `Port 40321 opened for sessionId …`.
fn port_in(line: &str) -> Option<u16> {
    line.trim().strip_prefix("Port ")?.split_once(" opened")?.0.parse().ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn plugin(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).spawn().expect("a shell")
    }

    #[tokio::test]
    async fn the_plugin_names_its_port() {
        let script =
            "echo; echo 'Starting session with SessionId: a'; echo 'Port 40321 opened for sessionId a.'; exec sleep 60";
        let session = listening(plugin(script)).await.expect("a port");
        assert_eq!(session.port, 40_321);
    }

    #[tokio::test]
    async fn a_plugin_that_ends_is_explained_by_what_it_said() {
        let why = listening(plugin("echo starting; echo 'no route' >&2; exit 255")).await.map(|_| ()).unwrap_err();
        assert!(why.contains("starting") && why.contains("no route"), "{why}");
    }

    #[test]
    fn lines_of_the_plugin() {
        for (line, expected) in [
            ("Port 1 opened for sessionId a.", Some(1)),
            ("Port 70000 opened for sessionId a.", None),
            ("Waiting for connections...", None),
            ("", None),
        ] {
            assert_eq!(port_in(line), expected, "{line}");
        }
    }
}
