//! The caller's identity, and the check that keeps the provider out of the wrong account.

use super::error::{Error, Kind, Operation, Result};
use super::settings::Settings;

pub(super) const GET_CALLER_IDENTITY: Operation = Operation::new("sts", "GetCallerIdentity");

/// The owner of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account id, twelve digits.
    pub account: String,
    /// ARN of the user or role session.
    pub arn: String,
    /// Unique id of the user or role session.
    pub user_id: String,
}

/// Rejects an account that is forbidden, or not among the allowed ones.
pub(super) fn check(caller: &Caller, settings: &Settings) -> Result<()> {
    let Settings { allowed_account_ids: allowed, forbidden_account_ids: forbidden, .. } = settings;
    let wrong = |allowed: &[String], forbidden: &[String]| {
        Err(Error::new(Kind::WrongAccount {
            account: caller.account.clone(),
            allowed: allowed.to_vec(),
            forbidden: forbidden.to_vec(),
        }))
    };
    if forbidden.contains(&caller.account) {
        return wrong(&[], forbidden);
    }
    if !allowed.is_empty() && !allowed.contains(&caller.account) {
        return wrong(allowed, &[]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let caller = Caller { account: "111122223333".to_owned(), arn: String::new(), user_id: String::new() };
        let list = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (allowed, forbidden, accepted) in [
            (&[][..], &[][..], true),
            (&["111122223333"], &[], true),
            (&["111122223333", "999900001111"], &["222233334444"], true),
            (&["999900001111"], &[], false),
            (&[], &["111122223333"], false),
            (&["111122223333"], &["111122223333"], false),
        ] {
            let settings = Settings {
                allowed_account_ids: list(allowed),
                forbidden_account_ids: list(forbidden),
                ..Settings::default()
            };
            assert_eq!(check(&caller, &settings).is_ok(), accepted, "{allowed:?} {forbidden:?}");
        }
    }
}
