//! The way to a host, and Run Command as the client of hosts needs it.

use std::sync::Arc;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use futures::future::BoxFuture;

use crate::attributes::connection::Connection;
use crate::attributes::run_command::RunCommand;
use crate::aws;
use crate::aws::ssm::InstanceFilter;
use crate::host::BoxError;
use crate::host::run_command::{Invocation, Remote};

/// The way to a host: one of a type's attributes `ssh` and `run_command`.
#[derive(Clone, Copy, Debug)]
pub enum HostAccess<'a> {
    /// Over SSH.
    Ssh(&'a Connection),
    /// Through Run Command.
    RunCommand {
        /// Id of the managed instance.
        instance: &'a str,
        /// Its region; `None`: the provider's.
        region: Option<&'a str>,
    },
}

impl<'a> HostAccess<'a> {
    /// From the attributes, of which the model's rules require exactly one.
    ///
    /// # Errors
    /// A bug, if neither is set.
    pub fn of(
        ssh: Option<&'a Connection>,
        run_command: Option<&'a RunCommand>,
        region: Option<&'a str>,
    ) -> Result<Self> {
        match (ssh, run_command) {
            (Some(ssh), _) => Ok(Self::Ssh(ssh)),
            (None, Some(way)) => Ok(Self::RunCommand { instance: way.instance_id.as_str(), region }),
            (None, None) => Err(Diagnostic::bug("Neither `ssh` nor `run_command` is set.").into()),
        }
    }

    /// What identifies the host: its address, or the id of its instance.
    #[must_use]
    pub fn address(self) -> &'a str {
        match self {
            Self::Ssh(connection) => connection.host.as_str(),
            Self::RunCommand { instance, .. } => instance,
        }
    }

    /// Whether it is Run Command, which stores whatever it runs.
    #[must_use]
    pub fn is_stored(self) -> bool {
        matches!(self, Self::RunCommand { .. })
    }
}

/// Run Command on one instance.
pub(super) fn remote(instance: &str, ssm: aws::ssm::Client) -> Arc<dyn Remote> {
    Arc::new(Instance { id: instance.to_owned(), ssm })
}

struct Instance {
    id: String,
    ssm: aws::ssm::Client,
}

impl Remote for Instance {
    fn ping(&self) -> BoxFuture<'_, std::result::Result<Option<String>, BoxError>> {
        Box::pin(async move {
            // Not from a listing that other readers share: it may be older.
            let wanted = InstanceFilter { ids: vec![self.id.clone()], ..InstanceFilter::default() };
            match self.ssm.instances(&wanted).await {
                Ok(found) => Ok(found.into_iter().next().and_then(|instance| instance.ping_status)),
                // Commands need no such permission, and say themselves that a host is not online.
                Err(error) if matches!(error.kind(), aws::Kind::AccessDenied { .. }) => Ok(Some("Online".to_owned())),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn send<'a>(
        &'a self,
        script: &'a str,
        delivery: Duration,
        limit: Duration,
    ) -> BoxFuture<'a, std::result::Result<String, BoxError>> {
        Box::pin(async move { Ok(self.ssm.send_command(&self.id, script, delivery, limit).await?) })
    }

    fn look<'a>(&'a self, command: &'a str) -> BoxFuture<'a, std::result::Result<Option<Invocation>, BoxError>> {
        Box::pin(async move {
            let found = self.ssm.command_invocation(&self.id, command).await?;
            Ok(found.map(|found| match found {
                aws::ssm::Invocation { is_final: true, exit_status: Some(status), stdout, stderr, .. } => {
                    Invocation::Ended { status, stdout, stderr }
                }
                aws::ssm::Invocation { is_final: true, status, .. } => Invocation::GivenUp(status),
                aws::ssm::Invocation { status, .. } => Invocation::Unfinished(status),
            }))
        })
    }

    fn cancel<'a>(&'a self, command: &'a str) -> BoxFuture<'a, std::result::Result<(), BoxError>> {
        Box::pin(async move { Ok(self.ssm.cancel_command(&self.id, command).await?) })
    }
}
