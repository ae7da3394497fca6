//! Streams through a host to others that it can reach.

use tokio::io::{AsyncRead, AsyncWrite};

use super::pool::Ssh;
use super::settings::Connection;
use crate::host::error::{Attempt, Error, Kind, Result};

/// A stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Ssh {
    /// A stream through a host to a port of another, whose name that host resolves. The host is connected once, for all
    /// streams, and again when the connection broke.
    ///
    /// # Errors
    /// The kinds about connecting, host keys and logins; [`Kind::NotForwarded`].
    pub async fn forward(&self, through: &Connection, host: &str, port: u16) -> Result<Box<dyn Stream>> {
        let client = self.shared_connection(through).await?;
        let limit = through.connect_timeout;
        let cause = match tokio::time::timeout(limit, client.tunnel(host, port)).await {
            Ok(Ok(stream)) => return Ok(Box::new(stream)),
            Ok(Err(cause)) => cause,
            Err(_) => {
                // It may still answer others, but a new connection costs them little.
                self.forget(through, &client).await;
                format!("no answer within {} seconds", limit.as_secs_f32())
            }
        };
        let kind = if client.is_closed() {
            Kind::Lost { cause }
        } else {
            Kind::NotForwarded { target: place(host, port), cause }
        };
        Err(Error::new(kind, Attempt::Connect, through.place()))
    }
}

fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
