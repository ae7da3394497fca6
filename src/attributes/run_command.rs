//! How to reach a host through Run Command of Systems Manager: the attribute `run_command` of a type.

use framework::model::{Model, Text};

/// Run Command as the way to a host. The agent of the host runs everything as root; no key and no open port is needed.
/// Systems Manager stores each command and what it prints, so nothing that is a secret goes this way. The caller needs
/// `ssm:SendCommand` on the instance and on the document `AWS-RunShellScript`, `ssm:GetCommandInvocation` and
/// `ssm:CancelCommand`.
#[derive(Clone, Debug, PartialEq, Eq, Model)]
pub struct RunCommand {
    /// Id of the host in Systems Manager: `mi-` and 17 hexadecimal digits, such as an entry of
    /// `data.ekshybrid_managed_instances`.
    pub instance_id: ManagedInstanceId,
}

/// `mi-` and 17 lowercase hexadecimal digits. Source: service model of Systems Manager (2014-11-06), ManagedInstanceId.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManagedInstanceId(String);

impl ManagedInstanceId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for ManagedInstanceId {
    const NOUN: &'static str = "managed instance id";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let digits = text.strip_prefix("mi-");
        if digits.is_some_and(|digits| digits.len() == 17 && digits.bytes().all(hexadecimal)) {
            return Ok(Self(text.to_owned()));
        }
        let hint =
            if text.starts_with("i-") { " Hosts in EC2 (`i-…`) are not registered by an activation." } else { "" };
        Err(format!(
            "`{text}` is not the id of a managed instance. It is `mi-` and 17 lowercase hexadecimal digits.{hint}"
        ))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(ManagedInstanceId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        assert!(ManagedInstanceId::parse("mi-0123456789abcdef0").is_ok());
        for (id, hint) in [
            ("mi-012", "17 lowercase"),
            ("i-0123456789abcdef0", "EC2"),
            ("mi-0123456789abcdefg", "17"),
            ("mi-0123456789ABCDEF0", "lowercase"),
        ] {
            let why = ManagedInstanceId::parse(id).expect_err(id);
            assert!(why.contains(hint), "{why}");
        }
    }
}
