//! The names that a mistyped one was probably meant to be.

/// The work grows with both lengths, and nobody mistypes a name into one of a thousand letters.
const LONGEST: usize = 128;

/// Up to `count` of the names, those most like `wanted` first; of equals, the first that was given.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let sane = names.into_iter().filter(|name| name.len() <= LONGEST && wanted.len() <= LONGEST);
    let mut ranked: Vec<(usize, &str)> = sane.map(|name| (strsim::levenshtein(wanted, name), name)).collect();
    ranked.sort_by_key(|(steps, _)| *steps);
    ranked.into_iter().take(count).map(|(_, name)| name).collect()
}

/// The name that was meant, if one is near enough to be a slip of the hand or another way of joining the same words.
pub fn meant<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let written = plain(written);
    let ranked = names.into_iter().map(|name| (strsim::levenshtein(&written, &plain(name)), name));
    let (steps, name) = ranked.min_by_key(|(steps, _)| *steps)?;
    (steps <= (name.len() / 3).max(1)).then_some(name)
}

/// Whether one text becomes the other by adding, removing or replacing at most `steps` letters.
#[must_use]
pub fn differ_by(one: &str, other: &str, steps: usize) -> bool {
    strsim::levenshtein(one, other) <= steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_come_first() {
        let names = ["tetragon", "cilium-preflight", "cilium", "ciliun"];
        assert_eq!(nearest("celium", names, 2), ["cilium", "ciliun"]);
        assert_eq!(nearest("", names, 9).len(), 4);
        assert_eq!(nearest(&"c".repeat(LONGEST + 1), names, 9), Vec::<&str>::new());
    }

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        let names = ["name", "region", "api_server_endpoint", "certificate_authority", "cidr"];
        for (written, expected) in [
            ("regoin", Some("region")),
            ("Region", Some("region")),
            ("apiServerEndpoint", Some("api_server_endpoint")),
            ("api-server-endpoint", Some("api_server_endpoint")),
            ("certificate_authorities", Some("certificate_authority")),
            ("nam", Some("name")),
            ("version", None),
            ("", None),
        ] {
            assert_eq!(meant(written, names), expected, "{written}");
        }
    }

    #[test]
    fn distances() {
        for (one, other, steps) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert!(differ_by(one, other, steps) && (steps == 0 || !differ_by(one, other, steps - 1)), "{one} {other}");
        }
    }
}
