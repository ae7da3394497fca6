//! YAML in this module's style: stable, readable, and the same to every parser.
//!
//! nodeadm parses YAML 1.1, editors often 1.2: everything that is not a string to both is quoted. Multi-line strings
//! are block scalars, long lines are never folded.

use serde::{Serialize, Serializer};

/// A document, ending in a line break.
pub(super) fn render(value: &impl Serialize) -> String {
    // Block scalars are chosen in `emit_text`.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    // Fails only for values that YAML cannot represent, such as a map as a key, and for a failing writer: neither
    // occurs.
    serde_saphyr::to_string_with_options(value, options).unwrap_or_else(|error| unreachable!("YAML: {error}"))
}

/// A string: as a block scalar if it has several lines that survive it, otherwise plain or quoted.
pub(super) fn emit_text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if reads_well_as_block(text) {
        serde_saphyr::LitStr(text).serialize(serializer)
    } else {
        serializer.serialize_str(text)
    }
}

/// Parsers detect a block's indentation from its first line; Go's rejects a block that begins with a tab
/// (`sigs.k8s.io/yaml` v1.6.0), and one that begins with spaces is hard to read.
fn reads_well_as_block(text: &str) -> bool {
    let breaks_lines_or_vanishes = ['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'];
    let shown = |letter: char| match letter {
        '\n' | '\t' => true,
        letter => !letter.is_control() && !breaks_lines_or_vanishes.contains(&letter),
    };
    text.contains('\n') && !text.starts_with(char::is_whitespace) && text.chars().all(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Text(&'static str);

    impl Serialize for Text {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            emit_text(self.0, serializer)
        }
    }

    #[test]
    fn lines_are_a_block_unless_a_reader_would_stumble() {
        for (text, document) in [
            ("a\nb\n", "key: |\n  a\n  b\n"),
            ("a\n\tb", "key: |-\n  a\n  \tb\n"),
            ("a\n\n\n", "key: |+\n  a\n\n\n"),
            ("\ta\nb\n", "key: \"\\ta\\nb\\n\"\n"),
            (" a\nb\n", "key: \" a\\nb\\n\"\n"),
            ("\na\n", "key: \"\\na\\n\"\n"),
            ("a\r\nb\r\n", "key: \"a\\r\\nb\\r\\n\"\n"),
            ("a\n\u{85}", "key: \"a\\n\\N\"\n"),
            ("yes", "key: \"yes\"\n"),
            ("plain", "key: plain\n"),
        ] {
            assert_eq!(render(&BTreeMap::from([("key", Text(text))])), document);
        }
        let long = "word ".repeat(100) + "end";
        assert_eq!(render(&BTreeMap::from([("key", &long)])), format!("key: {long}\n"));
    }
}
