//! An open connection.

use std::sync::Arc;

use russh::client::{Handle, Msg};
use russh::{Channel, ChannelStream};

use super::handler::{Handler, Remarks};
use crate::host::error::Kind;

/// An open connection, logged in.
pub(super) struct Client {
    handle: Handle<Handler>,
    remarks: Remarks,
    /// The bastion that carries it, which must stay open.
    _bastion: Option<Arc<Client>>,
}

impl Client {
    pub(super) fn new(handle: Handle<Handler>, remarks: Remarks) -> Self {
        Self { handle, remarks, _bastion: None }
    }

    /// The same, which keeps its bastion open.
    pub(super) fn behind(self, bastion: Option<Arc<Self>>) -> Self {
        Self { _bastion: bastion, ..self }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// A stream to a host that this one can reach.
    pub(super) async fn tunnel(&self, host: &str, port: u16) -> std::result::Result<ChannelStream<Msg>, String> {
        match self.handle.channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0).await {
            Ok(channel) => Ok(channel.into_stream()),
            Err(russh::Error::ChannelOpenFailure(reason)) => Err(match reason {
                russh::ChannelOpenFailure::AdministrativelyProhibited => {
                    "it does not forward connections (`AllowTcpForwarding`, `PermitOpen`)".to_owned()
                }
                russh::ChannelOpenFailure::ConnectFailed => "the connection failed".to_owned(),
                reason => format!("{reason:?}"),
            }),
            Err(error) => Err(self.ending().unwrap_or_else(|| error.to_string())),
        }
    }

    /// A channel for one command.
    pub(super) async fn session(&self) -> std::result::Result<Channel<Msg>, Kind> {
        match self.handle.channel_open_session().await {
            Ok(channel) => Ok(channel),
            Err(russh::Error::ChannelOpenFailure(reason)) => Err(Kind::NoSession { cause: format!("{reason:?}") }),
            Err(error) => Err(Kind::Lost { cause: self.ending().unwrap_or_else(|| error.to_string()) }),
        }
    }

    /// Why the connection ended, as far as is known.
    pub(super) fn ending(&self) -> Option<String> {
        self.remarks.ending()
    }
}
