//! Helm's command line on a case's cluster, as its administrator: for releases that somebody makes or changes with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

/// The program, as `EKSHYBRID_HELM` names it (`make helm` builds it).
pub fn program() -> Option<PathBuf> {
    std::env::var_os("EKSHYBRID_HELM").map(PathBuf::from)
}

/// Helm did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// There is none.
    #[error("EKSHYBRID_HELM names no program: write `requires helm because …` at the beginning of the case")]
    Missing,
    /// It could not be run.
    #[error("could not run helm")]
    Run(#[source] std::io::Error),
    /// It refused.
    #[error("helm {arguments}: {answer}")]
    Refused {
        /// What it was asked.
        arguments: String,
        /// What it said.
        answer: String,
    },
}

/// Runs it with arguments that are parted by spaces; `'…'` keeps some together. An answer that is no JSON is a text.
///
/// # Errors
///
/// There is none, or it fails.
pub fn run(kubeconfig: &Path, arguments: &str) -> Result<Json, HelmError> {
    let program = program().ok_or(HelmError::Missing)?;
    let home = TempDir::new().map_err(HelmError::Run)?;
    let mut command = Command::new(program);
    command.args(words(arguments)).env("KUBECONFIG", kubeconfig);
    for folder in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(folder, home.path());
    }
    let output = command.output().map_err(HelmError::Run)?;
    if !output.status.success() {
        let answer = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(HelmError::Refused { arguments: arguments.to_owned(), answer });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(serde_json::from_str(&text).unwrap_or_else(|_| text.trim().into()))
}

fn words(text: &str) -> Vec<String> {
    let quoted = text.split('\'').enumerate();
    quoted
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_stay_together() {
        assert_eq!(words("install a --set 'b={1, 2}' --wait"), ["install", "a", "--set", "b={1, 2}", "--wait"]);
    }
}
