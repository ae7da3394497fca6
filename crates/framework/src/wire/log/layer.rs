//! From `tracing` events to log lines.

use std::fmt::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::line::line;
use super::writer::Lines;

/// Other crates that may speak, and only when everything is wanted. All others never do: HTTP stacks and AWS's
/// runtime log headers and bodies, and with them tokens and activation codes.
const QUIET_CRATES: [&str; 3] = ["aws_config", "hyper_util", "rustls"];

/// Writes the provider's events, with the fields of the spans around them, as the host reads them.
pub struct HostLog {
    level: LevelFilter,
    own: Vec<&'static str>,
    lines: Lines,
}

/// The fields of a span, kept with it.
struct SpanFields(Map<String, Json>);

impl HostLog {
    /// Events of the crates `own` and of this one up to `level`, to `lines`.
    pub fn new(level: LevelFilter, own: &[&'static str], lines: Lines) -> Self {
        let own = own.iter().copied().chain([env!("CARGO_CRATE_NAME")]).collect();
        Self { level, own, lines }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let from = |name: &str| {
            metadata.target().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        if self.own.iter().any(|name| from(name)) {
            *metadata.level() <= self.level
        } else {
            self.level == LevelFilter::TRACE && QUIET_CRATES.iter().any(|name| from(name))
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for HostLog {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.others));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = context.span(id)
            && let Some(known) = span.extensions_mut().get_mut::<SpanFields>()
        {
            known.0.extend(fields.others);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut all = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(known) = span.extensions().get::<SpanFields>() {
                all.extend(known.0.clone());
            }
        }
        all.extend(fields.others);
        let metadata = event.metadata();
        let level: Level = *metadata.level();
        self.lines.push(line(Timestamp::now(), level, metadata.target(), &fields.message, all));
    }
}

/// The fields of an event or span. The message is always text, whatever it was: another kind crashes Terraform.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Json>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Json>) {
        let value = value.into();
        if field.name() == "message" {
            self.message = match value {
                Json::String(text) => text,
                other => other.to_string(),
            };
        } else {
            self.others.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry::Registry;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter, run: impl FnOnce()) -> Vec<Json> {
        let sink = Sink::default();
        let lines = Lines::to(sink.clone()).expect("a thread");
        let subscriber = Registry::default().with(HostLog::new(level, &["sample"], lines.clone()));
        tracing::subscriber::with_default(subscriber, run);
        lines.flush(Duration::from_mins(1));
        let bytes = sink.0.lock().expect("no panic").clone();
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("JSON"))
            .collect()
    }

    #[test]
    fn fields_and_the_spans_around() {
        let lines = logged(LevelFilter::INFO, || {
            let outer =
                tracing::error_span!(target: "sample", "call", tf_rpc = "ReadResource", late = tracing::field::Empty);
            let _entered = outer.enter();
            outer.record("late", 7);
            tracing::info!(target: "sample::deep", count = 2_u64, ok = true, ratio = 0.5, kind = ?Some(1), "Read {}", "it");
        });
        let [line] = lines.as_slice() else { panic!("one line, not {lines:?}") };
        for (name, expected) in [
            ("@level", Json::from("info")),
            ("@message", "Read it".into()),
            ("@module", "sample.deep".into()),
            ("tf_rpc", "ReadResource".into()),
            ("late", 7.into()),
            ("count", 2.into()),
            ("ok", true.into()),
            ("ratio", 0.5.into()),
            ("kind", "Some(1)".into()),
        ] {
            assert_eq!(line[name], expected, "{name}");
        }
    }

    #[test]
    fn the_message_is_text_whatever_it_is() {
        let lines = logged(LevelFilter::INFO, || tracing::info!(target: "sample", message = 3));
        assert_eq!(lines[0]["@message"], "3");
    }

    #[test]
    fn only_wanted_events() {
        let run = || {
            tracing::info!(target: "sample", "own-info");
            tracing::trace!(target: "sample", "own-trace");
            tracing::warn!(target: "sampler", "similar-name");
            tracing::error!(target: "aws_smithy_runtime::client", "body with secrets");
            tracing::error!(target: "h2::codec", "header with secrets");
            tracing::debug!(target: "hyper_util::client", "pool");
        };
        for (level, expected) in [
            (LevelFilter::ERROR, &[][..]),
            (LevelFilter::INFO, &["own-info"]),
            (LevelFilter::DEBUG, &["own-info"]),
            (LevelFilter::TRACE, &["own-info", "own-trace", "pool"]),
        ] {
            let lines = logged(level, run);
            let messages: Vec<_> = lines.iter().filter_map(|line| line["@message"].as_str()).collect();
            assert_eq!(messages, expected, "{level}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        let error = Outer(io::Error::other("inner"));
        let lines = logged(LevelFilter::INFO, || {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(target: "sample", error, "Failed");
        });
        assert_eq!(lines[0]["error"], "outer: inner");
    }
}
