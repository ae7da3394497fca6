//! What a type's code is given beside its own values: the provider's clients, the stop signal, and places to leave
//! warnings, half-done work and private bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::model::Model;
use crate::value::Value;

/// The surroundings of one call.
pub struct Context<C> {
    clients: Option<Arc<C>>,
    cancel: CancellationToken,
    notes: Mutex<Notes>,
    progress: Option<tokio::sync::mpsc::Sender<String>>,
}

#[derive(Default)]
struct Notes {
    warnings: Diagnostics,
    saved: Option<BTreeMap<String, Value>>,
    private: BTreeMap<String, String>,
}

impl<C> Context<C> {
    /// Surroundings with these clients; `None` while the provider is not configured.
    pub fn new(clients: Option<Arc<C>>, cancel: CancellationToken) -> Self {
        Self { clients, cancel, notes: Mutex::default(), progress: None }
    }

    pub(crate) fn with_progress(mut self, progress: tokio::sync::mpsc::Sender<String>) -> Self {
        self.progress = Some(progress);
        self
    }

    pub(crate) fn with_private(self, private: &[u8]) -> Self {
        // Private bytes are ours alone; bytes that are not (moved from another provider) are passed over.
        if let Ok(private) = serde_json::from_slice(private) {
            self.notes().private = private;
        }
        self
    }

    /// The provider's clients.
    ///
    /// # Errors
    /// While the provider is not configured, or its configuration is not known yet.
    pub fn clients(&self) -> Result<&C> {
        self.clients.as_deref().ok_or_else(|| {
            Diagnostic::error(
                "Provider not configured",
                "The provider's configuration is not known yet, and this needs it.",
            )
            .into()
        })
    }

    /// The clients, if the provider is configured.
    pub fn try_clients(&self) -> Option<&C> {
        self.clients.as_deref()
    }

    /// Fires when Terraform asks to stop.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Waits, and ends at once when Terraform asks to stop. `false`: it did.
    pub async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.cancel.cancelled() => false,
            () = tokio::time::sleep(duration) => true,
        }
    }

    /// Leaves a warning, or an error that does not end the work.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.notes().warnings.push(diagnostic);
    }

    /// Saves what exists already, so that a failure after it keeps it in state. A later save replaces an earlier one.
    pub fn save<M: Model>(&self, outputs: &M) {
        self.notes().saved = Some(outputs.encode());
    }

    /// Takes a save back: what existed is gone again.
    pub fn discard(&self) {
        self.notes().saved = None;
    }

    /// A private note kept beside the state.
    pub fn private(&self, key: &str) -> Option<String> {
        self.notes().private.get(key).cloned()
    }

    /// Keeps a private note beside the state. Never a secret: Terraform stores it as it is.
    pub fn keep_private(&self, key: &str, text: impl Into<String>) {
        self.notes().private.insert(key.to_owned(), text.into());
    }

    /// Forgets a private note.
    pub fn drop_private(&self, key: &str) {
        self.notes().private.remove(key);
    }

    /// Tells a person how far an action is; elsewhere it becomes a line of the log.
    pub async fn progress(&self, line: impl Into<String>) {
        let line = line.into();
        tracing::info!("{line}");
        if let Some(sink) = &self.progress {
            // Nobody listens any more: the host is gone, and the work ends by its cancellation.
            let _ = sink.send(line).await;
        }
    }

    pub(crate) fn take_warnings(&self) -> Diagnostics {
        std::mem::take(&mut self.notes().warnings)
    }

    pub(crate) fn take_saved(&self) -> Option<BTreeMap<String, Value>> {
        self.notes().saved.take()
    }

    pub(crate) fn private_bytes(&self) -> Vec<u8> {
        let notes = self.notes();
        if notes.private.is_empty() {
            Vec::new()
        } else {
            // A map of texts always has a JSON form.
            serde_json::to_vec(&notes.private).unwrap_or_default()
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // A panic while a note was being left leaves the notes themselves whole.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
