//! `kubernetes.tunnel` of the provider's configuration: the way to API servers that only a VPC can reach.
//!
//! Nothing is opened before the first request. One connection to the bastion, or one session, serves all requests.

mod plugin;

use std::sync::Arc;

use framework::diagnostic::Result;
use framework::path::Path;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::Clients;
use super::config::{Config, Tunnel as Settings};
use crate::host;
use crate::host::ssh::{self, Ssh};
use crate::kube::{Stream, Tunnel, TunnelError};

impl Clients {
    /// The tunnel that the configuration sets.
    ///
    /// # Errors
    /// Its login is incomplete or cannot be used.
    pub(super) async fn tunnel(&self, settings: &Settings) -> Result<Option<Arc<dyn Tunnel>>> {
        if let Some(connection) = &settings.ssh {
            let through = self.host_settings(connection).await.map_err(|faults| {
                faults.with_first_error(|fault| fault.at(Path::attribute(Config::NAMES.kubernetes).dot("tunnel")))
            })?;
            return Ok(Some(Arc::new(Bastion {
                through: not_through_itself(through),
                ssh: self.shared.hosts.clone(),
            })));
        }
        let Some(session) = &settings.ssm else { return Ok(None) };
        let region = session.region.as_ref().map(|region| region.as_str().to_owned());
        let ssm = self.aws()?.with_cancel(tokio_util::sync::CancellationToken::new()).ssm(region.as_deref());
        Ok(Some(Arc::new(plugin::Sessions::new(ssm, session))))
    }
}

/// The provider's `ssh.bastion` is often the very host that the tunnel names.
fn not_through_itself(mut through: ssh::Connection) -> ssh::Connection {
    if through.bastion.as_ref().is_some_and(|bastion| bastion.host == through.host && bastion.port == through.port) {
        through.bastion = None;
    }
    through
}

/// A host that forwards connections over SSH.
struct Bastion {
    through: ssh::Connection,
    ssh: Ssh,
}

impl Tunnel for Bastion {
    fn open<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, std::result::Result<Box<dyn Stream>, TunnelError>> {
        async move {
            match self.ssh.forward(&self.through, host, port).await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                Err(error) => Err(failed(error)),
            }
        }
        .boxed()
    }
}

fn failed(error: host::Error) -> TunnelError {
    let place = error.place();
    let message = match error.kind() {
        host::Kind::NotForwarded { .. } => format!("the bastion `{place}` is open, but {}", error.kind()),
        kind => format!("the bastion `{place}` cannot be used: {kind}"),
    };
    TunnelError { message, is_transient: error.is_absent(), source: Some(Arc::new(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ssh::{Login, Trust};

    #[test]
    fn a_bastion_does_not_lead_to_itself() {
        let to = |host: &str| ssh::Connection::new(host, "ops", Login::default(), Trust::Any);
        let behind = |bastion: &str| ssh::Connection { bastion: Some(Box::new(to(bastion))), ..to("gate") };
        assert!(not_through_itself(behind("gate")).bastion.is_none());
        assert!(not_through_itself(behind("outer")).bastion.is_some());
        assert!(not_through_itself(to("gate")).bastion.is_none());
    }
}
