//! Logs: JSON lines on standard error, in the one form that Terraform's side takes apart (hclog's).
//!
//! The host is strict where one would not expect it: a timestamp without exactly six fractional digits makes the line
//! raw text, a message that is no string crashes Terraform, and a line of 64 KiB is cut into pieces. Everything here
//! follows from that. Lines are written by a thread of their own, so a host that reads slowly never holds up a call;
//! when it is too slow, lines are dropped and counted.

mod layer;
mod level;
mod line;
mod panic;
mod writer;

use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

pub use crate::mask::{mask, masked};
pub use layer::HostLog;
pub use level::level;
pub use panic::expect as expect_panics;
pub use writer::Lines;

/// Begins to log, as the environment asks: `TF_LOG_PROVIDER_<name>`, `TF_LOG_PROVIDER`, `TF_LOG`, the first that is
/// set. `targets` are the crates whose events are the provider's own. Also installs the panic hook.
pub fn install(name: &str, targets: &[&'static str]) -> Option<Lines> {
    panic::install();
    let level = level(name, |variable| std::env::var(variable).ok())?;
    let lines = Lines::to(std::io::stderr()).ok()?;
    let subscriber = Registry::default().with(HostLog::new(level, targets, lines.clone()));
    // Only an embedding program can have set another one, and that one stays.
    tracing::subscriber::set_global_default(subscriber).ok()?;
    Some(lines)
}

/// How long the end of the process waits for a slow reader of its last lines.
pub const LAST_LINES: Duration = Duration::from_millis(300);
