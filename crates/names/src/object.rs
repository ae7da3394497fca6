//! Names of Kubernetes objects.

use crate::word::{holds, word};

word! {
    /// The name of a Kubernetes object: a DNS subdomain. Source: Kubernetes, "Object Names and IDs".
    ObjectName;
    noun = "object name";
    kind = "the name of a Kubernetes object";
    form = ": at most 253 lowercase letters, digits, `-` and `.`, with a letter or digit at each end and around each `.`";
    check = |text| holds(is_subdomain(text));
}

/// Whether Kubernetes accepts the text as a DNS subdomain.
#[must_use]
pub fn is_subdomain(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    // Kubernetes limits the whole name, not each label of it.
    let label =
        |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner);
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn names() {
        let long = "a".repeat(254);
        check::<ObjectName>(&[
            ("us-west-2a", Ok(())),
            ("a.b-c.d", Ok(())),
            ("7", Ok(())),
            (&long[1..], Ok(())),
            (&long, Err("at most 253")),
            ("", Err("lowercase letters")),
            ("US-west-2a", Err("lowercase letters")),
            ("a_b", Err("lowercase letters")),
            ("-a", Err("at each end")),
            ("a-", Err("at each end")),
            ("a..b", Err("around each `.`")),
            ("a.-b", Err("around each `.`")),
        ]);
    }
}
