//! Numbers of any size and exactness, kept as canonical decimal text.
//!
//! Terraform's numbers are 512-bit floats read from decimal text: `0.1` in a configuration is not the binary `0.1` of
//! an `f64`. Canonical text compares as Terraform compares and never loses a digit.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A decimal number in canonical form: no exponent, no leading or trailing zeros, no negative zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(String);

/// The text is not a number, or is too long to be handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal number")]
pub struct InvalidNumber(String);

/// Exponents beyond this would only serve to exhaust memory; the largest `f64` has 308.
const LARGEST_EXPONENT: i64 = 5_000;

impl Number {
    /// The number as `i64`, when it is exactly that.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest `f64`.
    pub fn to_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The number as `f64`, when no digit is lost.
    pub fn as_exact_f64(&self) -> Option<f64> {
        let float: f64 = self.0.parse().ok().filter(|float: &f64| float.is_finite())?;
        // An f64 has at most 1,074 digits behind the point, and Rust prints them all exactly.
        let exact = Number::from_str(&format!("{float:.1074}")).ok()?;
        (exact == *self).then_some(float)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number that a person would read in the shortest text of `float`; `None` for infinities and NaN.
    pub fn from_f64(float: f64) -> Option<Self> {
        float.is_finite().then(|| Number::from_str(&format!("{float}")).ok()).flatten()
    }

    /// The number that is exactly `float`; `None` for infinities and NaN.
    pub fn from_exact_f64(float: f64) -> Option<Self> {
        float.is_finite().then(|| Number::from_str(&format!("{float:.1074}")).ok()).flatten()
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(value.to_string())
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(value.to_string())
    }
}

impl FromStr for Number {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        parse(text).ok_or_else(|| InvalidNumber(text.chars().take(80).collect()))
    }
}

fn parse(text: &str) -> Option<Number> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    if exponent.abs() > LARGEST_EXPONENT {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // `point` is the position of the decimal point in `digits`, possibly outside of them.
    let point = i64::try_from(whole.len()).ok()? + exponent;
    let (whole, fraction) = if point <= 0 {
        (String::new(), "0".repeat(usize::try_from(-point).ok()?) + &digits)
    } else {
        let point = usize::try_from(point).ok()?;
        match digits.split_at_checked(point) {
            Some((whole, fraction)) => (whole.to_owned(), fraction.to_owned()),
            None => (digits.clone() + &"0".repeat(point - digits.len()), String::new()),
        }
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let mut canonical = String::with_capacity(whole.len() + fraction.len() + 3);
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        canonical.push('-');
    }
    canonical.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        canonical.push('.');
        canonical.push_str(fraction);
    }
    Some(Number(canonical))
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0.strip_prefix('-'), other.0.strip_prefix('-')) {
            (Some(a), Some(b)) => magnitude(b, a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => magnitude(&self.0, &other.0),
        }
    }
}

fn magnitude(a: &str, b: &str) -> Ordering {
    let (a_whole, a_fraction) = a.split_once('.').unwrap_or((a, ""));
    let (b_whole, b_fraction) = b.split_once('.').unwrap_or((b, ""));
    a_whole.len().cmp(&b_whole.len()).then_with(|| a_whole.cmp(b_whole)).then_with(|| a_fraction.cmp(b_fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().expect("a number")
    }

    #[test]
    fn canonical_text() {
        for (given, canonical) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("12.5e-1", "1.25"),
            ("1e-3", "0.001"),
            ("1.234e2", "123.4"),
            ("-1E+2", "-100"),
            (".5", "0.5"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ] {
            assert_eq!(number(given).as_str(), canonical, "{given}");
        }
    }

    #[test]
    fn refused() {
        for text in ["", "-", "e3", "1e", "1e99999", "0x10", "1.2.3", "NaN", "inf", "1 "] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }

    #[test]
    fn exact_floats_only() {
        assert_eq!(number("0.5").as_exact_f64(), Some(0.5));
        assert_eq!(number("0.1").as_exact_f64(), None);
        assert_eq!(number("1e400").as_exact_f64(), None);
        assert_eq!(Number::from_f64(0.1), Some(number("0.1")));
    }

    #[test]
    fn order() {
        let mut numbers: Vec<Number> = ["10", "-2", "9.5", "-10", "0", "9.25"].map(number).into();
        numbers.sort();
        let texts: Vec<&str> = numbers.iter().map(Number::as_str).collect();
        assert_eq!(texts, ["-10", "-2", "0", "9.25", "9.5", "10"]);
    }
}
