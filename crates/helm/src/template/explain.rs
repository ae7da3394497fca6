//! The text that Helm makes of a template's failure, and the facts in it.
//!
//! Helm cuts Go's text apart again to list the templates on the way to the fault. What it misreads, such as a quote in a
//! template's name, shows in its text; so the same is done here for the text, and only for the text.

use super::failure::{Failure, ParseError};
use crate::error::TemplateFault;
use crate::go::is_space;
use std::fmt;

/// Marks around the message of `fail` and `required`, which Helm shows alone.
pub(crate) const WARNING_START: &str = "HELM_ERR_START";
pub(crate) const WARNING_END: &str = "HELM_ERR_END";

/// A template that cannot be parsed.
pub(crate) fn unparsed(file: &str, error: ParseError) -> TemplateFault {
    let text = parse_error_text(file, &error.to_string());
    TemplateFault { message: error.what, places: vec![error.place], is_from_chart: false, text }
}

/// A template that failed at run time.
pub(crate) fn failed(file: &str, failure: &Failure) -> TemplateFault {
    let mut places: Vec<_> = failure.chain().filter_map(|failure| failure.place().cloned()).collect();
    places.dedup();
    if let Some((location, message)) = from_chart(failure) {
        let text = format!("execution error at ({location}): {message}");
        return TemplateFault { message, places, is_from_chart: true, text };
    }
    let innermost = failure.chain().last().unwrap_or(failure);
    TemplateFault { message: innermost.what.clone(), places, is_from_chart: false, text: run_time_text(file, failure) }
}

/// `parse error at (LOCATION): WHAT`.
fn parse_error_text(file: &str, message: &str) -> String {
    let parts: Vec<&str> = message.split(": ").collect();
    match parts.as_slice() {
        [_] => format!("parse error in ({file}): {message}"),
        [_, location, .., what] => format!("parse error at ({location}): {what}"),
        [_, location] => format!("parse error at ({location}): {location}"),
        [] => message.to_owned(),
    }
}

/// The place and the message of `fail` or `required`.
fn from_chart(failure: &Failure) -> Option<(String, String)> {
    if !failure.is_execution() {
        return None;
    }
    let text = failure.to_string();
    let mut parts = text.splitn(3, ": ").skip(1);
    let (location, rest) = (parts.next()?, parts.next()?);
    let start = rest.find(WARNING_START)? + WARNING_START.len();
    let end = rest.rfind(WARNING_END).filter(|end| start <= *end)?;
    Some((location.to_owned(), rest[start..end].to_owned()))
}

/// One entry for each template on the way to the fault, else the whole message.
fn run_time_text(file: &str, failure: &Failure) -> String {
    let text = failure.to_string();
    if !failure.is_execution() {
        return text;
    }
    if text.splitn(3, ": ").count() < 3 {
        return format!("execution error in ({file}): {text}");
    }
    let mut entries: Vec<Entry> = Vec::new();
    for failure in failure.chain() {
        let Some(entry) = Entry::parse(&failure.to_string()) else { return text };
        if entries.last() != Some(&entry) {
            entries.push(entry);
        }
    }
    let text: String = entries.iter().map(ToString::to_string).collect();
    text.trim_matches(is_space).to_owned()
}

#[derive(Debug, PartialEq, Default)]
struct Entry {
    location: String,
    executing: String,
    message: String,
}

impl Entry {
    fn parse(message: &str) -> Option<Self> {
        let rest = message.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some(Self { message: message.to_owned(), ..Self::default() });
        }
        if let Some(place) = Self::parse_executing(rest) {
            return Some(place);
        }
        let index = rest.rfind(": ")?;
        Some(Self {
            location: rest[..index].to_owned(),
            message: until_next(&rest[index + 2..]).to_owned(),
            ..Self::default()
        })
    }

    fn parse_executing(rest: &str) -> Option<Self> {
        let (location, after) = rest.split_once(": executing ")?;
        let after = after.strip_prefix('"')?;
        // An escaped quote ends the name too, as it does in Helm.
        let (name, after) = after.split_once('"')?;
        let (node, what) = after.strip_prefix(" at <")?.split_once(">: ")?;
        Some(Self {
            location: location.to_owned(),
            executing: format!("executing \"{name}\" at <{node}>:"),
            message: until_next(what).to_owned(),
        })
    }
}

fn until_next(message: &str) -> &str {
    message.find(" template:").map_or(message, |index| &message[..index])
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.is_empty() {
            write!(f, "{}\n  ", self.location)?;
        }
        if !self.executing.is_empty() {
            write!(f, "{}\n    ", self.executing)?;
        }
        if !self.message.is_empty() {
            writeln!(f, "{}", self.message)?;
        }
        Ok(())
    }
}
