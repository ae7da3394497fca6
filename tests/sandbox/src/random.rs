//! Identifiers and secrets in AWS's formats, from the operating system's random source.

/// `count` characters out of `alphabet`.
fn text(alphabet: &[u8], count: usize) -> String {
    let mut bytes = vec![0_u8; count];
    // The system's random source is always there on the systems that this program runs on.
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("no random source: {error}"));
    bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

/// Lower-case hexadecimal digits.
pub fn hex(count: usize) -> String {
    text(b"0123456789abcdef", count)
}

/// Upper-case hexadecimal digits, as in the name of an EKS endpoint.
pub fn upper_hex(count: usize) -> String {
    text(b"0123456789ABCDEF", count)
}

/// Capital letters and digits after a four-letter prefix: AKIA, ASIA, AIDA, AROA.
pub fn unique_id(prefix: &str, count: usize) -> String {
    format!("{prefix}{}", text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count))
}

/// Letters, digits, `+` and `/`: secret keys, activation codes, session tokens.
pub fn secret(count: usize) -> String {
    text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", count)
}

/// Twelve digits, the first not zero.
pub fn account_id() -> String {
    format!("{}{}", text(b"123456789", 1), text(b"0123456789", 11))
}

/// A version 4 UUID in lower case.
pub fn uuid() -> String {
    let digits = hex(32);
    format!(
        "{}-{}-4{}-{}{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        text(b"89ab", 1),
        &digits[17..20],
        &digits[20..]
    )
}
