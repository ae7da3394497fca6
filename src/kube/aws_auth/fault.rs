//! Why one of the map's texts cannot be read.

/// Why a text cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the text, starting at 1.
    pub line: Option<u64>,
    /// What is wrong there.
    pub problem: String,
}

impl Fault {
    pub(super) fn at(line: u64, problem: &str) -> Self {
        Self { line: Some(line), problem: problem.to_owned() }
    }

    pub(super) fn unreadable(error: &granit_parser::ScanError) -> Self {
        Self { line: u64::try_from(error.marker().line()).ok(), problem: error.info() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}
