//! Signatures of hosts: RSA over the string to sign of Signature Version 4. Source: aws/amazon-ssm-agent,
//! agent/ssm/rsaauth and agent/managedInstances/auth.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// Whether `signature` (base64) is a signature of `text` by the owner of `public_key`: base64 of a DER
/// `SubjectPublicKeyInfo`, as hosts send it at registration.
pub fn is_signed(public_key: &str, text: &str, signature: &str) -> bool {
    let (Ok(info), Ok(signature)) = (STANDARD.decode(public_key), STANDARD.decode(signature)) else {
        return false;
    };
    key_of(&info).is_some_and(|key| {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(text.as_bytes(), &signature).is_ok()
    })
}

/// The key inside: SEQUENCE { SEQUENCE algorithm, BIT STRING { no unused bits, key } }.
fn key_of(info: &[u8]) -> Option<&[u8]> {
    let (info, _) = element(info, 0x30)?;
    let (_, rest) = element(info, 0x30)?;
    let (bits, _) = element(rest, 0x03)?;
    bits.strip_prefix(&[0])
}

/// Content of the DER element with this tag, and the remaining bytes.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        // The long form: this many bytes of length follow.
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_elements() {
        for (der, expected) in [
            (&[0x30, 2, 1, 2, 9][..], Some((&[1, 2][..], &[9][..]))),
            (&[0x30, 0x81, 1, 7], Some((&[7], &[]))),
            (&[0x30, 3, 1], None),
            (&[0x31, 0], None),
            (&[0x30, 0x85, 0, 0, 0, 0, 0], None),
            (&[], None),
        ] {
            assert_eq!(element(der, 0x30), expected, "{der:?}");
        }
    }

    #[test]
    fn garbage_is_no_signature() {
        for (key, signature) in [("", ""), ("AAAA", "AAAA"), ("not base64!", "AAAA")] {
            assert!(!is_signed(key, "text", signature));
        }
    }
}
