//! What the provider logs while one case runs: every event of its own crates at every level, in the order in which it
//! happened. Other crates' events are left out: the log that Terraform gets leaves them out too.
//!
//! A case runs on a thread and a runtime of its own, so its thread's subscriber sees its events and no others'.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The lines logged so far.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Arc<Mutex<String>>,
    asked: Arc<Mutex<BTreeSet<Asked>>>,
    crates: &'static [&'static str],
}

impl Log {
    /// An empty log for the events of these crates.
    pub fn of(crates: &'static [&'static str]) -> Self {
        Self { lines: Arc::default(), asked: Arc::default(), crates }
    }

    fn is_own(&self, metadata: &tracing::Metadata<'_>) -> bool {
        let name = metadata.target().split("::").next().unwrap_or_default();
        self.crates.contains(&name)
    }

    /// Begins to take what this thread logs, until the guard is dropped.
    pub fn listen(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }

    /// What the provider has asked of other systems so far.
    pub fn asked(&self) -> BTreeSet<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines so far.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A request to another system, for a call of the protocol. The events of clients have the field `operation` (AWS) or
/// the fields `verb` and `on` (Kubernetes); the span of a call has `tf_rpc` and `tf_type`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The call of the protocol; empty outside of any.
    pub rpc: String,
    /// The type that it is about.
    pub subject: String,
    /// The system.
    pub system: &'static str,
    /// The operation or verb.
    pub act: String,
    /// What it is about, where the client reports it.
    pub on: Option<String>,
}

/// The fields of an event or a span that say who asks for what.
#[derive(Default)]
struct Question(Asked);

impl Visit for Question {
    fn record_str(&mut self, field: &Field, value: &str) {
        let asked = &mut self.0;
        match field.name() {
            "tf_rpc" => value.clone_into(&mut asked.rpc),
            "tf_type" => value.clone_into(&mut asked.subject),
            "operation" => (asked.system, asked.act) = ("AWS", value.to_owned()),
            "verb" => (asked.system, asked.act) = ("Kubernetes", value.to_owned()),
            "on" => asked.on = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// The fields of an event or span in one line.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = if field.name() == "message" {
            write!(self.0, " {value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}

impl<S> Layer<S> for Log
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        self.is_own(metadata)
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut line = Line::default();
        attributes.record(&mut line);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(line);
            let mut question = Question::default();
            attributes.record(&mut question);
            span.extensions_mut().insert(question);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let mut question = Question::default();
        event.record(&mut question);
        if !question.0.system.is_empty() {
            for span in context.event_scope(event).into_iter().flatten() {
                let extensions = span.extensions();
                let Some(Question(call)) = extensions.get::<Question>().filter(|it| !it.0.rpc.is_empty()) else {
                    continue;
                };
                (question.0.rpc, question.0.subject) = (call.rpc.clone(), call.subject.clone());
                break;
            }
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(question.0);
        }
        let mut line = Line(format!("{} {}:", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Line>() {
                line.0.push_str(&fields.0);
            }
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(&line.0);
        lines.push('\n');
    }
}
