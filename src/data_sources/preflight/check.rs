//! What a check is: its id, which never changes, and what users read about it.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work, or soon will not.
    Error,
    /// Something works only by luck, or stops working at the next change.
    Warning,
    /// Worth knowing before the next change.
    Info,
}

impl Severity {
    /// As users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One check. What it finds, why that matters and how to fix it are declared once; the guide is compared with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Users skip and test by this id.
    pub id: &'static str,
    /// The severity of its findings.
    pub severity: Severity,
    /// What it finds, for the guide.
    pub finds: &'static str,
    /// Why that will hurt.
    pub why: &'static str,
    /// How to fix it; a finding may say it with names.
    pub fix: &'static str,
    /// The IAM actions and Kubernetes permissions that it needs.
    pub needs: &'static [&'static str],
}

/// Declares checks as statics, and their list.
macro_rules! checks {
    ($(
        $name:ident: $severity:ident, $id:literal, $finds:literal,
        why: $why:literal, fix: $fix:literal, needs: [$($needs:literal),* $(,)?];
    )+) => {
        $(
            static $name: $crate::data_sources::preflight::check::Check =
                $crate::data_sources::preflight::check::Check {
                    id: $id,
                    severity: $crate::data_sources::preflight::check::Severity::$severity,
                    finds: $finds,
                    why: $why,
                    fix: $fix,
                    needs: &[$($needs),*],
                };
        )+
        /// The checks of this file.
        pub static CHECKS: &[&$crate::data_sources::preflight::check::Check] = &[$(&$name),+];
    };
}

pub(super) use checks;
