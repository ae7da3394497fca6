//! What a connection does by itself: it verifies the host's key, and notes why it ended.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, DisconnectReason};
use russh::keys::PublicKeyOrCertificate;

use super::trust::Verifier;
use crate::host::error::Kind;

/// What a connection's handler leaves for others to read.
#[derive(Clone, Default)]
pub(super) struct Remarks(Arc<Mutex<(Option<Kind>, Option<String>)>>);

impl Remarks {
    fn with<T>(&self, act: impl FnOnce(&mut (Option<Kind>, Option<String>)) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the host's key was refused.
    pub(super) fn refusal(&self) -> Option<Kind> {
        self.with(|remarks| remarks.0.take())
    }

    /// Why the connection ended, as far as is known.
    pub(super) fn ending(&self) -> Option<String> {
        self.with(|remarks| remarks.1.clone())
    }
}

/// Verifies the host's key.
pub(super) struct Handler {
    verifier: Verifier,
    remarks: Remarks,
}

impl Handler {
    pub(super) fn new(verifier: Verifier, remarks: Remarks) -> Self {
        Self { verifier, remarks }
    }
}

impl client::Handler for Handler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let verdict = self.verifier.verify(offered);
        let is_right = verdict.is_ok();
        self.remarks.with(|remarks| remarks.0 = verdict.err());
        Ok(is_right)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let text = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => format!("the server says: {}", info.message.trim()),
            DisconnectReason::Error(error) => ended(error),
        };
        self.remarks.with(|remarks| remarks.1 = Some(text));
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

/// Why a connection ended.
fn ended(error: &russh::Error) -> String {
    match error {
        russh::Error::Disconnect | russh::Error::HUP => "the server closed it".to_owned(),
        russh::Error::KeepaliveTimeout => "the server no longer answers".to_owned(),
        russh::Error::IO(error) => error.to_string(),
        error => error.to_string(),
    }
}
