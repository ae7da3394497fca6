//! The way to the host.

use std::time::Duration;

use framework::diagnostic::{Diagnostics, Result};

use crate::host::{Error, Host};
use crate::session::{Context, HostAccess, explain};

/// How long to look whether anything answers at the address of a host.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the connection.
pub(super) async fn open(access: HostAccess<'_>, cx: &Context) -> Result<Box<dyn Host>> {
    cx.clients()?.host(access).await
}

/// The same; the inner error is why the host, or the way to it, is down.
///
/// # Errors
/// Any other reason why there is no connection.
pub(super) async fn try_open(
    access: HostAccess<'_>,
    cx: &Context,
) -> Result<std::result::Result<Box<dyn Host>, Error>> {
    match cx.clients()?.try_host(access).await? {
        Err(error) if !error.is_absent() => Err(explain_host("Could not reach the host", &error)),
        other => Ok(other),
    }
}

/// Whether nothing answers at the address of a host, for a deletion that has no key. Behind a bastion, and through Run
/// Command, that is unknown.
pub(super) async fn is_silent(access: HostAccess<'_>) -> bool {
    let HostAccess::Ssh(connection) = access else { return false };
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
