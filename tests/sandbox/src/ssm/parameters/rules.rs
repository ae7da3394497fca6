//! Rules of parameters' names, tiers and sizes. Source: AWS Systems Manager user guide, "Requirements and
//! constraints for parameter names", "Managing parameter tiers".

use crate::aws::Call;
use crate::aws::error::{AwsError, Result};

/// Maximum depth of the hierarchy.
const LEVELS: usize = 15;
/// Maximum size of a value in bytes.
const STANDARD: usize = 4096;
const ADVANCED: usize = 8192;

/// Rejects a name that Parameter Store does not accept.
pub fn name(name: &str) -> Result<()> {
    let first = name.trim_start_matches('/').split('/').next().unwrap_or_default().to_lowercase();
    if first.starts_with("aws") {
        return Err(AwsError::client(
            "AccessDeniedException",
            format!("No access to reserved parameter name: {name}."),
        ));
    }
    if first.starts_with("ssm") {
        return Err(AwsError::validation(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_",
        ));
    }
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-/".contains(letter)) {
        return Err(AwsError::validation(
            "Parameter name must not contain any symbols other than letters, numbers and .-_/; spaces are not allowed.",
        ));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(AwsError::validation("Parameter name must be a fully qualified name."));
    }
    if name.ends_with('/') || name.contains("//") {
        return Err(AwsError::validation("Parameter name must not end with a slash or contain two in a row."));
    }
    if name.matches('/').count() > LEVELS {
        return Err(AwsError::client(
            "HierarchyLevelLimitExceededException",
            format!("A hierarchy can have a maximum of {LEVELS} levels."),
        ));
    }
    if name.len() > 1011 {
        return Err(AwsError::validation("Parameter name must not be longer than 1011 characters."));
    }
    Ok(())
}

/// Rejects a KMS key that the account does not have in the call's region. Source: Systems Manager API reference,
/// PutParameter: the key's id or ARN, or an alias or its ARN.
pub fn key(call: &mut Call<'_>, key: &str) -> Result<()> {
    let whole = if key.starts_with("arn:") {
        key.to_owned()
    } else {
        let resource = if key.starts_with("alias/") { key.to_owned() } else { format!("key/{key}") };
        call.arn("kms", &resource)
    };
    let own = call.arn("kms", "");
    let known = &call.account().settings.kms_keys;
    let is_known = whole.strip_prefix(&own).is_some_and(|resource| match resource.strip_prefix("key/") {
        Some(id) => known.values().any(|known| known == id),
        None => resource == "alias/aws/ssm" || known.contains_key(resource),
    });
    if is_known {
        return Ok(());
    }
    let what = if whole.contains(":alias/") {
        format!("Alias {whole} is not found.")
    } else {
        format!("Key '{whole}' does not exist")
    };
    let message = format!("{what} (Service: AWSKMS; Status Code: 400; Error Code: NotFoundException)");
    Err(AwsError::client("InvalidKeyId", message))
}

/// The tier of a value: the requested one, or the existing one. An advanced parameter never becomes standard again.
pub fn tier(asked: Option<&str>, existing: Option<&str>, value: &str) -> Result<String> {
    let tier = match (asked, existing) {
        (Some("Intelligent-Tiering"), _) if value.len() > STANDARD => "Advanced",
        (Some("Standard"), Some("Advanced")) => {
            return Err(AwsError::validation(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.",
            ));
        }
        (Some("Advanced"), _) | (_, Some("Advanced")) => "Advanced",
        _ => "Standard",
    };
    let (most, name) = if tier == "Advanced" { (ADVANCED, "Advanced") } else { (STANDARD, "Standard") };
    if value.len() > most {
        return Err(AwsError::validation(format!(
            "{name} tier parameters support a maximum parameter value of {most} characters."
        )));
    }
    Ok(tier.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let deep = |levels: usize| "/a".repeat(levels);
        for (given, code) in [
            ("plain.name-1_2", ""),
            ("/a/b/c", ""),
            (deep(15).as_str(), ""),
            (deep(16).as_str(), "HierarchyLevelLimitExceededException"),
            ("a/b", "ValidationException"),
            ("/a/", "ValidationException"),
            ("/a//b", "ValidationException"),
            ("a b", "ValidationException"),
            ("a:b", "ValidationException"),
            ("/ssm/x", "ValidationException"),
            ("SSM", "ValidationException"),
            ("aws", "AccessDeniedException"),
            ("/AWS/x", "AccessDeniedException"),
        ] {
            let found = name(given).err().map(|error| error.code).unwrap_or_default();
            assert_eq!(found, code, "{given}");
        }
    }

    #[test]
    fn tiers() {
        let (small, large, huge) = ("x", "x".repeat(4097), "x".repeat(8193));
        for (asked, existing, value, expected) in [
            (None, None, small, Some("Standard")),
            (None, None, large.as_str(), None),
            (Some("Advanced"), None, large.as_str(), Some("Advanced")),
            (Some("Advanced"), None, huge.as_str(), None),
            (Some("Intelligent-Tiering"), None, large.as_str(), Some("Advanced")),
            (Some("Intelligent-Tiering"), None, small, Some("Standard")),
            (None, Some("Advanced"), small, Some("Advanced")),
            (Some("Standard"), Some("Advanced"), small, None),
        ] {
            assert_eq!(tier(asked, existing, value).ok().as_deref(), expected, "{asked:?} {existing:?}");
        }
    }
}
