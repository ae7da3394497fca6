//! The one document that the sandbox has, AWS-RunShellScript, and its parameters. Source: `aws ssm get-document --name
//! AWS-RunShellScript` as the user guide shows it.

use std::collections::BTreeMap;

use crate::aws::error::{AwsError, Result};

pub const NAME: &str = "AWS-RunShellScript";
/// The size limit of a document with its parameters. Source: Systems Manager quotas.
const LARGEST: usize = 64 << 10;
const LONGEST_SECONDS: i64 = 172_800;

/// What an agent runs.
pub struct Script {
    /// The lines of `commands`.
    pub text: String,
    /// Empty: the agent's own.
    pub folder: String,
    /// Limit of the execution.
    pub seconds: i64,
}

impl Script {
    /// From the parameters of a command, which have been checked.
    pub fn of(parameters: &BTreeMap<String, Vec<String>>) -> Option<Self> {
        let one = |name: &str| parameters.get(name).and_then(|values| values.first());
        Some(Self {
            text: parameters.get("commands")?.join("\n"),
            folder: one("workingDirectory").cloned().unwrap_or_default(),
            seconds: one("executionTimeout").map_or(Some(3600), |text| seconds(text))?,
        })
    }
}

/// `executionTimeout` fits its pattern: 1 to 172800, without leading zeros.
fn seconds(text: &str) -> Option<i64> {
    let plain = text.chars().all(|letter| letter.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten().filter(|seconds| *seconds <= LONGEST_SECONDS)
}

/// Refuses parameters that the document does not have, or that do not fit.
pub fn check(parameters: &BTreeMap<String, Vec<String>>) -> Result<()> {
    let invalid = |message: &str| Err(AwsError::client("InvalidParameters", message));
    for (name, values) in parameters {
        match name.as_str() {
            "commands" => {}
            // Parameters of the type String.
            "workingDirectory" | "executionTimeout" if values.len() == 1 => {}
            "workingDirectory" | "executionTimeout" => {
                return invalid(&format!("Parameter \"{name}\" is of type String and takes exactly one value."));
            }
            _ => return invalid(&format!("Parameter \"{name}\" is not defined in the document.")),
        }
    }
    if parameters.get("commands").is_none_or(Vec::is_empty) {
        return invalid("Parameter \"commands\" requires a value.");
    }
    if parameters.get("executionTimeout").is_some_and(|values| seconds(&values[0]).is_none()) {
        return invalid("Parameter \"executionTimeout\" does not match the allowed pattern.");
    }
    let size: usize = parameters.values().flatten().map(String::len).sum();
    if size > LARGEST {
        return Err(AwsError::client("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_the_document() {
        let code = |parameters: &[(&str, &[&str])]| {
            let owned = parameters.iter().map(|(name, values)| {
                ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
            });
            check(&owned.collect()).err().map(|error| error.code)
        };
        assert_eq!(code(&[("commands", &["id", "ls"]), ("executionTimeout", &["172800"])]), None);
        for wrong in [
            &[][..],
            &[("commands", &[][..])],
            &[("commands", &["id"]), ("other", &["x"])],
            &[("commands", &["id"]), ("executionTimeout", &["0"])],
            &[("commands", &["id"]), ("executionTimeout", &["172801"])],
            &[("commands", &["id"]), ("executionTimeout", &["5", "6"])],
        ] {
            assert_eq!(code(wrong), Some("InvalidParameters".to_owned()), "{wrong:?}");
        }
        let large = "x".repeat(LARGEST + 1);
        assert_eq!(code(&[("commands", &[&large])]), Some("MaxDocumentSizeExceeded".to_owned()));
    }
}
