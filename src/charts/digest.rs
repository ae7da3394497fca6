//! SHA-256 checksums, the only kind that charts, indexes and registries use in practice.

use std::fmt;

use sha2::{Digest as _, Sha256 as Hasher};

/// A SHA-256 checksum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The checksum of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hasher::digest(bytes).into())
    }

    /// Reads 64 hexadecimal digits, with or without `sha256:` before them. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut sum = [0; 32];
        for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
        }
        Some(Self(sum))
    }

    /// The 64 digits alone.
    #[must_use]
    pub fn hex(&self) -> String {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
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
            assert_eq!(Sha256::parse(&text), Some(sum), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let odd = format!("{}g", &ABC[..63]);
        for text in ["", "abc", "sha256:", &ABC[..63], &format!("{ABC}0"), &format!("sha512:{ABC}"), &odd] {
            assert_eq!(Sha256::parse(text), None, "{text}");
        }
    }
}
