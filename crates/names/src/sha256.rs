//! SHA-256 checksums, the only kind that charts, indexes and registries use in practice.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256 as Hasher};

use crate::Invalid;

/// A SHA-256 checksum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// What a text must be.
    pub const RULE: &'static str = "a SHA-256 checksum of 64 hexadecimal digits";

    /// The checksum of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hasher::digest(bytes).into())
    }

    /// The 64 digits alone, in lowercase.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

/// A checksum that was computed piece by piece.
impl From<[u8; 32]> for Sha256 {
    fn from(sum: [u8; 32]) -> Self {
        Self(sum)
    }
}

/// Reads 64 hexadecimal digits, with or without `sha256:` before them.
impl FromStr for Sha256 {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut sum = [0; 32];
        match hex::decode_to_slice(text.strip_prefix("sha256:").unwrap_or(text), &mut sum) {
            Ok(()) => Ok(Self(sum)),
            Err(_) => Err(Invalid {
                text: Some(text.escape_debug().to_string()),
                kind: Self::RULE,
                form: "",
                hint: String::new(),
            }),
        }
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The test vector of FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_checksum_is_read_and_written() {
        let sum = Sha256::of(b"abc");
        assert_eq!(sum.hex(), ABC);
        assert_eq!(sum.to_string(), format!("sha256:{ABC}"));
        for text in [ABC.to_owned(), format!("sha256:{ABC}"), ABC.to_uppercase()] {
            assert_eq!(text.parse(), Ok(sum), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let odd = format!("{}g", &ABC[..63]);
        for text in ["", "abc", "sha256:", &ABC[..63], &format!("{ABC}0"), &format!("sha512:{ABC}"), &odd] {
            let invalid = text.parse::<Sha256>().unwrap_err().to_string();
            assert_eq!(invalid, format!("`{text}` is not a SHA-256 checksum of 64 hexadecimal digits"));
        }
    }
}
