//! The AWS principal of the caller.

use super::Context;

/// The caller as access entries name it: a session's role, not the session. The role's path is not included.
pub async fn principal(cx: &Context) -> Option<String> {
    let aws = cx.try_clients()?.known_aws()?;
    let caller = aws.sts().caller().await.ok()?;
    Some(role_of(&caller.arn).unwrap_or(caller.arn))
}

/// `arn:aws:iam::…:role/NAME` for `arn:aws:sts::…:assumed-role/NAME/SESSION`. The role's path is not included.
fn role_of(arn: &str) -> Option<String> {
    let (head, rest) = arn.split_once(":assumed-role/")?;
    let (role, _) = rest.split_once('/')?;
    Some(format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_goes_by_its_role() {
        let session = "arn:aws:sts::111122223333:assumed-role/deployer/ci-7";
        assert_eq!(role_of(session).as_deref(), Some("arn:aws:iam::111122223333:role/deployer"));
        assert_eq!(role_of("arn:aws:iam::111122223333:user/me"), None);
    }
}
