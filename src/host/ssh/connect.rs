//! One connection: a socket or a bastion's channel, the handshake, the host's key, the login.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::authentication::log_in;
use super::client::Client;
use super::handler::{Handler, Remarks};
use super::settings::Connection;
use super::trust::Verifier;
use crate::host::error::Kind;

/// Time limit for the login: an agent may ask a person.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// How often in vain the server is asked whether it is there.
const KEEP_ALIVES: usize = 3;

/// What carries a connection.
trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// Opens a connection, over `bastion` if there is one.
///
/// # Errors
/// The kinds about connecting, host keys and logins.
pub(super) async fn open(connection: &Connection, bastion: Option<&Client>) -> Result<Client, Kind> {
    let limit = connection.connect_timeout;
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(100);
    let (mut handle, remarks) = loop {
        match handshake(connection, bastion, deadline).await {
            // A server with many logins in progress drops some at random (`MaxStartups`).
            Err(Kind::Dropped) if Instant::now() + pause * 2 < deadline => {
                tokio::time::sleep(pause.mul_f64(1.0 + fastrand::f64())).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            other => break other?,
        }
    };
    let login = tokio::time::timeout(LOGIN_TIMEOUT, log_in(&mut handle, connection)).await;
    match login {
        Ok(Ok(())) => Ok(Client::new(handle, remarks)),
        Ok(Err(Kind::Lost { cause })) => Err(Kind::Lost { cause: remarks.ending().unwrap_or(cause) }),
        Ok(Err(Kind::Unauthorized { mut tried, accepts })) => {
            if let (true, Some(ending), Some(last)) = (handle.is_closed(), remarks.ending(), tried.last_mut()) {
                *last += &format!("; then the connection ended: {ending}");
            }
            Err(Kind::Unauthorized { tried, accepts })
        }
        Ok(Err(kind)) => Err(kind),
        Err(_) => Err(Kind::NoAnswer { step: "logging in", after: LOGIN_TIMEOUT }),
    }
}

async fn handshake(
    connection: &Connection,
    bastion: Option<&Client>,
    deadline: Instant,
) -> Result<(Handle<Handler>, Remarks), Kind> {
    let limit = connection.connect_timeout;
    let verifier = Verifier::load(connection).await?;
    let config = client::Config {
        preferred: verifier.preferred(),
        keepalive_interval: Some(connection.keep_alive),
        keepalive_max: KEEP_ALIVES,
        nodelay: true,
        // Bounds what one connection keeps for a reader that is slower than the host.
        window_size: 512 << 10,
        channel_buffer_size: 32,
        ..client::Config::default()
    };
    let carrier: Box<dyn Carrier> = match bastion {
        None => Box::new(dial(connection, deadline).await?),
        Some(client) => {
            let opened = timeout_at(deadline, client.tunnel(&connection.host, connection.port)).await;
            let bastion = connection.bastion.as_ref().map(|bastion| bastion.place().to_string()).unwrap_or_default();
            let cause = match opened {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(cause)) => Err(cause),
                Err(_) => Err(format!("no answer within {} seconds", limit.as_secs_f32())),
            };
            Box::new(cause.map_err(|cause| Kind::BastionRefused { bastion, cause })?)
        }
    };
    let remarks = Remarks::default();
    let handler = Handler::new(verifier, remarks.clone());
    let handle = match timeout_at(deadline, client::connect_stream(Arc::new(config), carrier, handler)).await {
        Ok(Ok(handle)) => handle,
        Ok(Err(error)) => return Err(remarks.refusal().unwrap_or_else(|| failed(&error))),
        Err(_) => return Err(Kind::NoAnswer { step: "waiting for the SSH handshake", after: limit }),
    };
    Ok((handle, remarks))
}

/// Tries the addresses of the host, one after the other, each with its share of the time that is left.
async fn dial(connection: &Connection, deadline: Instant) -> Result<TcpStream, Kind> {
    let limit = connection.connect_timeout;
    let (host, port) = (connection.host.trim_start_matches('[').trim_end_matches(']'), connection.port);
    let unresolved = |cause: String| Kind::Unresolved { name: host.to_owned(), cause };
    let addresses = match timeout_at(deadline, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_) => return Err(unresolved(format!("no answer within {} seconds", limit.as_secs_f32()))),
    };
    let mut failure = unresolved("the answer is empty".to_owned());
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(1);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        failure = match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Kind::Refused,
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                Kind::NoAnswer { step: "connecting", after: limit }
            }
            Ok(Err(error)) => Kind::Unreachable { cause: error.to_string() },
            Err(_) => Kind::NoAnswer { step: "connecting", after: limit },
        };
    }
    Err(failure)
}

/// The kind of an error during the handshake.
fn failed(error: &russh::Error) -> Kind {
    match error {
        russh::Error::Disconnect | russh::Error::HUP => Kind::Dropped,
        russh::Error::IO(error) => match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Kind::Dropped,
            _ => Kind::Unreachable { cause: error.to_string() },
        },
        russh::Error::Version => Kind::Handshake { problem: "what answers is no SSH server".to_owned() },
        russh::Error::NoCommonAlgo { kind, ours, theirs } => Kind::Handshake {
            problem: format!(
                "no common algorithm ({kind:?}): the server has {}, this program has {}",
                theirs.join(", "),
                ours.join(", ")
            ),
        },
        error => Kind::Handshake { problem: error.to_string() },
    }
}
