//! Explains an AWS error: exactly what went wrong, what is left behind, what to do.

use framework::diagnostic::{Diagnostic, Diagnostics, sentence};
use framework::path::Path;

use crate::aws::{Error, Kind, permission};

/// Explains `error` under `summary`. `left_behind` says what exists nevertheless, and where it is recorded.
#[must_use]
pub fn explain(summary: &str, error: &Error, left_behind: Option<&str>) -> Diagnostics {
    diagnostic(summary, error, left_behind).into()
}

/// The same on the attribute at fault.
#[must_use]
pub fn explain_at(attribute: &str, summary: &str, error: &Error) -> Diagnostics {
    diagnostic(summary, error, None).at(Path::attribute(attribute)).into()
}

fn diagnostic(summary: &str, error: &Error, left_behind: Option<&str>) -> Diagnostic {
    let mut cause = sentence(&error.to_string());
    if let Kind::NoCredentials { tried } = error.kind() {
        // One line each is more readable than the error's own single line.
        "No AWS credentials were found. Tried, in this order:".clone_into(&mut cause);
        for one in tried {
            cause.push_str(&format!("\n  - {}: {}", one.from, one.why));
        }
    }
    Diagnostic::error(summary, cause).left(left_behind.unwrap_or_default()).remedy(remedy(error).unwrap_or_default())
}

fn remedy(error: &Error) -> Option<String> {
    Some(match error.kind() {
        Kind::NoCredentials { tried } if tried.iter().any(|one| one.why.contains("sso")) => {
            "Sign in anew with `aws sso login`, with `--profile` for the profile named above, and run Terraform again.".to_owned()
        }
        Kind::NoCredentials { tried } if tried.iter().any(|one| one.why.contains("`aws login`")) => {
            "Do one of the two, and run Terraform again. If the session has expired, run `aws login` first.".to_owned()
        }
        Kind::NoCredentials { .. } => {
            "Set `profile`, or `access_key` and `secret_key`, in the provider's configuration, or give credentials by the environment.".to_owned()
        }
        Kind::ExpiredCredentials => {
            "Get new credentials (for a profile with single sign-on: `aws sso login`) and run Terraform again. If they are fresh, set this machine's clock.".to_owned()
        }
        Kind::InvalidCredentials => {
            let region = error.region().map(|region| format!(" If they are right, check that the region `{region}` exists and is enabled in the account: AWS refuses credentials with the same words where it is not.")).unwrap_or_default();
            "Check the access key, the secret key and the session token: they must belong together, to this partition, and be active.".to_owned() + &region
        }
        Kind::AccessDenied { action, .. } if action.starts_with("sts:AssumeRole") => format!(
            "{} The role's trust policy must let the caller in as well; where it asks for an external id, set `external_id`.",
            permission(action)
        ),
        Kind::AccessDenied { action, .. } => permission(action),
        Kind::Throttled => {
            "Run Terraform again, with a lower `-parallelism` if it happens often; `max_retries` raises how long the provider keeps trying.".to_owned()
        }
        Kind::Unreachable { .. } => {
            "Check that the region exists, the network, the proxy (`http_proxy`, `https_proxy`, `no_proxy`), and in a closed network the VPC endpoint of this service or `endpoints` in the provider's configuration.".to_owned()
        }
        Kind::AnswerLost { .. } | Kind::Cancelled { may_exist: true } => {
            let traces = match error.left_behind() {
                [] => String::new(),
                ids => format!("These look like what it may have made: {}. ", ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")),
            };
            traces + "Look whether the object exists before you apply again; the guide \"Finding what a lost answer left behind\" in the provider's documentation says how."
        }
        Kind::UnknownRegion { .. } | Kind::NoRegion => "Set `region` in the provider's configuration, or `AWS_REGION`.".to_owned(),
        Kind::WrongAccount { .. } => {
            "Use credentials of the right account, or change `allowed_account_ids` or `forbidden_account_ids`.".to_owned()
        }
        // Correct after a plan, an apply and a destroy alike.
        Kind::Cancelled { may_exist: false } => "Run the same command again to resume.".to_owned(),
        _ => return None,
    })
}
