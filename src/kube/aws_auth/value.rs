//! A value of the ConfigMap, and how go-yaml v2 interprets it.

/// Prefix of YAML's own tags.
pub(super) const TAGS: &str = "tag:yaml.org,2002:";

/// The content of a node, with aliases expanded. Texts with equal values mean the same to every parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Scalar { text: String, tag: Option<String>, plain: bool },
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// The meaning of a node to go-yaml v2, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning<'v> {
    Null,
    Text(&'v str),
    /// Infinity, or not a number.
    Endless,
    /// A number, true or false, a list, a map.
    Other,
}

/// YAML 1.1: `yes`, `0x1f` and `1_000` are not strings unless quoted.
pub(super) fn meaning(value: &Value) -> Meaning<'_> {
    let Value::Scalar { text, tag, plain } = value else { return Meaning::Other };
    match tag.as_deref().map(|tag| tag.strip_prefix(TAGS).unwrap_or("")) {
        Some("null") => Meaning::Null,
        Some("bool" | "int" | "float" | "binary") => Meaning::Other,
        Some(_) => Meaning::Text(text),
        None if !plain => Meaning::Text(text),
        None => match text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
            | "-.INF" => Meaning::Endless,
            text if is_truth(text) || is_number(text) => Meaning::Other,
            text => Meaning::Text(text),
        },
    }
}

fn is_truth(text: &str) -> bool {
    let mut rest = text.chars();
    let first = rest.next().is_some_and(|first| first.is_ascii_alphabetic());
    // `yes`, `Yes` and `YES`, but no other mix of case.
    let rest = rest.as_str();
    let case = rest.chars().all(|c| c.is_ascii_lowercase()) || text.chars().all(|c| c.is_ascii_uppercase());
    let word = text.to_ascii_lowercase();
    first && case && matches!(word.as_str(), "y" | "yes" | "true" | "on" | "n" | "no" | "false" | "off")
}

fn is_number(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return false;
    }
    let text = text.replace('_', "");
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let of = |prefixes: [&str; 2], radix: u32| {
        let rest = prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix));
        rest.is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && u64::from_str_radix(rest, radix).is_ok()
        })
    };
    // Decimal and octal numbers also have the form of a fraction.
    of(["0x", "0X"], 16) || of(["0o", "0O"], 8) || of(["0b", "0B"], 2) || is_fraction(digits)
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, with an optional exponent.
fn is_fraction(text: &str) -> bool {
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let number = match number.split_once('.') {
        None => !number.is_empty() && digits(number),
        Some((whole, part)) => !(whole.is_empty() && part.is_empty()) && digits(whole) && digits(part),
    };
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    number && exponent && text.parse::<f64>().is_ok_and(f64::is_finite)
}
