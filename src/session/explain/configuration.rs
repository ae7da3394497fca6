//! Messages for an unknown provider configuration.

use framework::diagnostic::{Diagnostic, Diagnostics};

/// An operation that is impossible while the provider's configuration is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A request to AWS.
    Aws,
    /// A request to a cluster.
    Cluster,
    /// Downloading a chart or a manifest.
    Charts,
    /// Logging in to a host.
    Host,
}

/// Explains why an operation is impossible while `argument` of the provider's configuration is unknown.
#[must_use]
pub fn unknown_configuration(argument: &str, need: Need) -> Diagnostics {
    let needed = match need {
        Need::Aws => "AWS is needed",
        Need::Cluster => "the cluster is needed",
        Need::Charts => "a chart is needed",
        Need::Host => "a host is needed",
    };
    Diagnostic::error(
        "Provider configuration is unknown",
        format!("`{argument}` of the provider's configuration is known only after apply, and {needed} before that."),
    )
    .remedy(REMEDY)
    .awaiting_configuration()
    .into()
}

/// How to fix it.
pub const REMEDY: &str = "Apply what it depends on first, or set it to a known value.";
