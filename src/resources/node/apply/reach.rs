//! The way to the host.

use std::time::Duration;

use framework::diagnostic::{Diagnostics, Result};

use crate::attributes::connection::Connection;
use crate::host::{Error, Host};
use crate::session::{Context, explain};

/// How long to look whether anything answers at the address of a host.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the connection.
pub(super) async fn open(connection: &Connection, cx: &Context) -> Result<Box<dyn Host>> {
    cx.clients()?.host(connection).await
}

/// The same; the inner error is why the host, or the way to it, is down.
///
/// # Errors
/// Any other reason why there is no connection.
pub(super) async fn try_open(
    connection: &Connection,
    cx: &Context,
) -> Result<std::result::Result<Box<dyn Host>, Error>> {
    match cx.clients()?.try_host(connection).await? {
        Err(error) if !error.is_absent() => Err(explain_host("Could not log in to the host", &error)),
        other => Ok(other),
    }
}

/// Whether nothing answers at the address of a host, for a deletion that has no key. Behind a bastion, that is unknown.
pub(super) async fn is_silent(connection: &Connection) -> bool {
    if connection.bastion.is_some() {
        return false;
    }
    let port = connection.port.and_then(|port| u16::try_from(port.get()).ok()).unwrap_or(22);
    let connecting = tokio::net::TcpStream::connect((connection.host.as_str(), port));
    !matches!(tokio::time::timeout(PROBE_TIMEOUT, connecting).await, Ok(Ok(_)))
}

/// Explains an error of the host.
pub(super) fn explain_host(summary: &str, error: &Error) -> Diagnostics {
    explain::explain_host(summary, error, None)
}
