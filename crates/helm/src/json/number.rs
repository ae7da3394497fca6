//! Numbers to JSON text.

use crate::go::float;

/// A number as Go's `encoding/json` writes it: no exponent between 1e-6 and 1e21. `None` for NaN and infinities.
pub(crate) fn number(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = float(number, 'e', None);
        // `1e-09` becomes `1e-9`.
        return Some(match text.split_once("e-0") {
            Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
            None => text,
        });
    }
    Some(float(number, 'f', None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_encoding_json() {
        let table = [
            (1_000_000.0, Some("1000000")),
            (1e21, Some("1e+21")),
            (1e-7, Some("1e-7")),
            (0.5, Some("0.5")),
            (f64::NAN, None),
        ];
        for (float, expected) in table {
            assert_eq!(number(float).as_deref(), expected);
        }
    }
}
