//! What a type's code gets in addition to its own values: the provider's clients, the stop signal, the time it has, and
//! places to leave warnings, half-done work and notes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::model::Model;
use crate::note::{self, Note, Noted};
use crate::value::Value;

/// The context of one call.
pub struct Context<C> {
    clients: Option<Arc<C>>,
    cancel: CancellationToken,
    notes: Mutex<Notes>,
    progress: Option<tokio::sync::mpsc::Sender<String>>,
    begun: Instant,
    timeout: Option<Duration>,
}

#[derive(Default)]
struct Notes {
    warnings: Diagnostics,
    saved: Option<BTreeMap<String, Value>>,
    private: BTreeMap<String, String>,
    /// Whether the host sent any notes.
    had_private: bool,
}

impl<C> Context<C> {
    /// A context with these clients; `None` while the provider is not configured.
    pub fn new(clients: Option<Arc<C>>, cancel: CancellationToken) -> Self {
        Self { clients, cancel, notes: Mutex::default(), progress: None, begun: Instant::now(), timeout: None }
    }

    /// The context of another object that the same call is about, such as the next one of a list: without notes.
    /// [`Context::report_all_of`] brings its warnings back.
    #[must_use]
    pub fn for_another(&self) -> Self {
        Self {
            clients: self.clients.clone(),
            cancel: self.cancel.clone(),
            notes: Mutex::default(),
            progress: self.progress.clone(),
            begun: self.begun,
            timeout: self.timeout,
        }
    }

    /// Leaves all that was left with the context of another object.
    pub fn report_all_of(&self, other: &Self) {
        self.notes().warnings.append(other.take_warnings());
    }

    pub(crate) fn with_progress(mut self, progress: tokio::sync::mpsc::Sender<String>) -> Self {
        self.progress = Some(progress);
        self
    }

    pub(crate) fn with_timeout(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }

    pub(crate) fn with_private(self, private: &[u8]) -> Self {
        // Private bytes are ours alone; bytes that are not (moved from another provider) are ignored.
        if let Ok(private) = serde_json::from_slice(private) {
            let mut notes = self.notes();
            notes.private = private;
            notes.had_private = true;
        }
        self
    }

    /// The provider's clients.
    ///
    /// # Errors
    /// While the provider is not configured, or a part of its configuration is unknown.
    pub fn clients(&self) -> Result<&C> {
        self.clients.as_deref().ok_or_else(|| {
            Diagnostic::error(
                "Provider not configured",
                "A part of the provider's configuration is unknown, and this needs it.",
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

    /// How long the call may take: what the type's argument `timeouts` says of its verb (`create`, `update`, `delete`,
    /// `read`, `invoke` or `open`), or else `default`.
    pub fn timeout(&self, default: Duration) -> Duration {
        self.timeout.unwrap_or(default)
    }

    /// What is left of the time that `timeouts` gives the whole call. Where it gives none, each step has its own
    /// `default`.
    pub fn time_left(&self, default: Duration) -> Duration {
        self.timeout.map_or(default, |timeout| timeout.saturating_sub(self.begun.elapsed()))
    }

    /// When the time of [`Context::time_left`] is over.
    pub fn deadline(&self, default: Duration) -> Instant {
        let now = Instant::now();
        // What no clock can count does not end in this run.
        now.checked_add(self.time_left(default)).unwrap_or_else(|| now + Duration::from_hours(24 * 365))
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

    /// Takes a save back: what existed has been removed again.
    pub fn discard(&self) {
        self.notes().saved = None;
    }

    /// What a note of the state says. A missing note means that nothing is known, not that there was nothing.
    pub fn noted<T: DeserializeOwned>(&self, note: &Note<T>) -> Noted<T> {
        let Some(text) = self.notes().private.get(note.name()).cloned() else { return Noted::Missing };
        if let Some(says) = note::read(&text) {
            return Noted::Says(says);
        }
        tracing::warn!(note = note.name(), "a note of the state cannot be read; it counts as missing");
        Noted::Missing
    }

    /// Keeps a note with the state. Never a secret: Terraform stores it as it is.
    pub fn note<T: Serialize>(&self, note: &Note<T>, says: &T) {
        // What has no JSON form cannot be noted; an earlier note would be wrong then.
        match note::written(says) {
            Some(text) => drop(self.notes().private.insert(note.name().to_owned(), text)),
            None => self.forget(note),
        }
    }

    /// Forgets a note.
    pub fn forget<T>(&self, note: &Note<T>) {
        self.notes().private.remove(note.name());
    }

    /// Reports how far an action is; elsewhere it becomes a line of the log.
    pub async fn progress(&self, line: impl Into<String>) {
        let line = line.into();
        tracing::info!("{line}");
        if let Some(sink) = &self.progress {
            // Nobody listens any more: the host has ended, and cancellation ends the work.
            let _ = sink.send(line).await;
        }
    }

    /// The end of the call's work: its result, and everything to be said of it.
    pub(crate) fn ended<T>(&self, outcome: Result<T>) -> (Option<T>, Diagnostics) {
        let mut diagnostics = self.take_warnings();
        match outcome {
            Ok(value) => (Some(value), diagnostics),
            Err(errors) => {
                diagnostics.append(errors);
                (None, diagnostics)
            }
        }
    }

    pub(crate) fn take_warnings(&self) -> Diagnostics {
        std::mem::take(&mut self.notes().warnings)
    }

    pub(crate) fn take_saved(&self) -> Option<BTreeMap<String, Value>> {
        self.notes().saved.take()
    }

    /// The notes for a plan. Where the last one was dropped, they are not nothing but an empty list: hosts and this
    /// crate take no bytes for "none were sent", and would go back to those of the state.
    pub(crate) fn planned_bytes(&self) -> Vec<u8> {
        let had_some = self.notes().had_private;
        let bytes = self.private_bytes();
        if bytes.is_empty() && had_some { b"{}".to_vec() } else { bytes }
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
