//! Floats as Go's `strconv.FormatFloat` writes them.

/// `strconv.FormatFloat(number, verb, precision, 64)`; no precision means the shortest text that reads back the same.
/// Verbs: `e`, `E`, `f`, `g`, `G`.
pub(crate) fn float(number: f64, verb: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = match (verb.to_ascii_lowercase(), precision) {
        ('f', None) => format!("{number}"),
        ('f', Some(precision)) => format!("{number:.precision$}"),
        ('e', None) => exponent(&format!("{number:e}")),
        ('e', Some(precision)) => exponent(&format!("{number:.precision$e}")),
        (_, precision) => general(number, precision),
    };
    if verb.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// Rust's `1.5e7` in Go's form `1.5e+07`.
fn exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general(number: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        None => format!("{number:e}"),
        Some(precision) => {
            let digits = precision.max(1) - 1;
            format!("{number:.digits$e}")
        }
    };
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let mut threshold = precision.map_or(6, |precision| precision.max(1));
    if precision.is_some() && threshold > digits && i32::try_from(digits).is_ok_and(|digits| digits > power) {
        threshold = digits;
    }
    if power < -4 || power >= i32::try_from(threshold).unwrap_or(i32::MAX) {
        return exponent(&format!("{mantissa}e{power}"));
    }
    let decimals = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - power).unwrap_or(0);
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_follows_strconv() {
        let table = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5, "1.5"),
            (1e100, "1e+100"),
            (12.25, "12.25"),
        ];
        for (number, expected) in table {
            assert_eq!(float(number, 'g', None), expected);
        }
    }

    #[test]
    fn precision_follows_strconv() {
        let table = [
            (1234.5678, 'g', 3, "1.23e+03"),
            (100.0, 'g', 3, "100"),
            (1.5, 'f', 2, "1.50"),
            (1.5, 'e', 1, "1.5e+00"),
            (150_000.0, 'E', 2, "1.50E+05"),
        ];
        for (number, verb, precision, expected) in table {
            assert_eq!(float(number, verb, Some(precision)), expected);
        }
    }
}
