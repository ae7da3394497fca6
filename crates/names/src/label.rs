//! Keys and values of Kubernetes' labels, which are those of annotations and taints too.
//! Source: Kubernetes, "Labels and Selectors", "Syntax and character set".

use crate::is_subdomain;
use crate::word::{holds, word};

word! {
    /// The key of a label, an annotation or a taint.
    LabelKey;
    noun = "key of a label or annotation";
    kind = "a key";
    form = " such as `example.com/rack`: an optional DNS name and `/`, then 1 to 63 letters, digits, `-`, `_` and `.`, \
            beginning and ending with a letter or digit";
    check = |text| holds(match text.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && is_name(name),
        None => is_name(text),
    });
}

word! {
    /// The value of a label or a taint.
    LabelValue;
    noun = "label value";
    kind = "a label value";
    form = ": empty, or 1 to 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit";
    check = |text| holds(text.is_empty() || is_name(text));
}

fn is_name(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= 63 && ends(text.bytes().next()) && ends(text.bytes().last()) && text.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn keys() {
        let long = "a".repeat(64);
        check::<LabelKey>(&[
            ("topology.kubernetes.io/zone", Ok(())),
            ("a", Ok(())),
            ("A_b.C", Ok(())),
            (&long[1..], Ok(())),
            (&long, Err("1 to 63")),
            ("", Err("a key such as")),
            ("a/", Err("a key such as")),
            ("/a", Err("a key such as")),
            ("Upper.example/a", Err("a key such as")),
            ("a/b/c", Err("a key such as")),
            ("a-", Err("a key such as")),
            ("a b", Err("a key such as")),
        ]);
    }

    #[test]
    fn values() {
        check::<LabelValue>(&[
            ("", Ok(())),
            ("1.2_3", Ok(())),
            ("us-west-2a", Ok(())),
            ("-a", Err("a label value: empty, or")),
            ("a.", Err("a label value: empty, or")),
            ("a b", Err("a label value: empty, or")),
            (&"a".repeat(64), Err("1 to 63")),
        ]);
    }
}
