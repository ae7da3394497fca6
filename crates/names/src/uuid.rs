//! UUIDs, and what AWS names by one.

use crate::word::{holds, word};

word! {
    /// The ID of an activation of Systems Manager. Source: API reference of Systems Manager, Activation.
    ActivationId;
    noun = "activation ID";
    kind = "the ID of an activation";
    form = ", a UUID in lowercase such as `01234567-89ab-cdef-0123-456789abcdef`";
    // Whoever swaps ID and code would otherwise see the code.
    shown = false;
    check = |text| holds(is_uuid(text));
}

word! {
    /// The ID of a local cluster on an Outpost.
    LocalClusterId;
    noun = "cluster ID";
    kind = "the ID of a local cluster";
    form = ", a UUID in lowercase such as `01234567-89ab-cdef-0123-456789abcdef`";
    check = |text| holds(is_uuid(text));
}

/// Whether a text is a UUID as AWS writes its IDs: lowercase hexadecimal digits in groups of 8, 4, 4, 4 and 12.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || digit(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids() {
        for (text, expected) in [
            ("0c4a1f9e-2222-3333-4444-555555555555", true),
            ("", false),
            ("nonsense", false),
            ("0C4A1F9E-2222-3333-4444-555555555555", false),
            ("0c4a1f9e22223333-4444-555555555555-", false),
            ("0c4a1f9e-2222-3333-4444-55555555555g", false),
        ] {
            assert_eq!(is_uuid(text), expected, "{text}");
        }
    }
}
