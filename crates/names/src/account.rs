//! AWS accounts and the names of their roles.

use crate::word::word;

word! {
    /// An AWS account: twelve digits.
    AccountId;
    noun = "account ID";
    kind = "an AWS account ID of 12 digits";
    form = "";
    check = |text| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.len() {
            12 if digits => Ok(()),
            ..12 if digits => Err("write it in quotes to keep leading zeros".to_owned()),
            _ => Err(String::new()),
        }
    };
}

word! {
    /// An IAM role by name, preceded by its path if it has one: `path/Name`, without a leading slash. Source: API
    /// reference of Systems Manager, CreateActivation.
    RoleName;
    noun = "role name";
    kind = "the name of an IAM role";
    form = ": letters, digits and `+ = , . @ _ -`, preceded by the role's path if it has one";
    check = |text| {
        if let Some((_, path)) = text.split_once(":role/") {
            return Err(format!("that is an ARN, write `{path}`"));
        }
        if let Some(rest) = text.strip_prefix('/') {
            return Err(format!("a path has no slash at its beginning here, write `{rest}`"));
        }
        if !is_role_name(text.rsplit('/').next().unwrap_or(text)) {
            return Err(String::new());
        }
        // The API's limit is on the whole text; IAM's own, of 64, is on the name.
        if text.len() > 64 {
            let length = text.len();
            return Err(format!("it has {length} characters, and Systems Manager accepts at most 64, path included"));
        }
        Ok(())
    };
}

/// Whether a text can be the name of a role, without a path. Its length is checked by the callers.
pub(crate) fn is_role_name(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    !text.is_empty() && text.bytes().all(letters)
}

/// Whether a text is the number of an account.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn accounts() {
        check::<AccountId>(&[
            ("012345678901", Ok(())),
            ("12345678901", Err("keep leading zeros")),
            ("1234567890123", Err("of 12 digits")),
            ("12345678901x", Err("of 12 digits")),
            ("", Err("of 12 digits")),
        ]);
    }

    #[test]
    fn role_names() {
        check::<RoleName>(&[
            ("hybrid-nodes", Ok(())),
            ("service-role/hybrid+nodes", Ok(())),
            ("arn:aws:iam::111122223333:role/service-role/hybrid", Err("write `service-role/hybrid`")),
            ("/service-role/hybrid", Err("write `service-role/hybrid`")),
            ("", Err("the name of an IAM role: letters")),
            ("a b", Err("the name of an IAM role: letters")),
            ("path/", Err("the name of an IAM role: letters")),
            (&"r".repeat(65), Err("65 characters")),
        ]);
    }
}
