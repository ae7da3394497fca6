//! What a registry answers to a request without credentials: `WWW-Authenticate` (RFC 9110, 11.6.1).

use std::collections::BTreeMap;

/// One way in that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub(super) scheme: String,
    /// By name in lower case.
    pub(super) parameters: BTreeMap<String, String>,
}

/// Reads the header, of which one may hold several challenges. What cannot be read ends the list.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return challenges;
        }
        if let Some(after) = after.trim_start().strip_prefix('=') {
            // A parameter belongs to the scheme before it.
            let Some((value, after)) = value(after.trim_start()) else { return challenges };
            if let Some(challenge) = challenges.last_mut() {
                challenge.parameters.insert(word.to_ascii_lowercase(), value);
            }
            rest = after;
        } else {
            challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: BTreeMap::new() });
            rest = after;
        }
    }
}

fn token(text: &str) -> (&str, &str) {
    let is_part = |it: char| it.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(it);
    text.split_at(text.find(|it| !is_part(it)).unwrap_or(text.len()))
}

/// A token or a quoted text.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text);
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let challenge = |scheme: &str, parameters: &[(&str, &str)]| Challenge {
            scheme: scheme.to_owned(),
            parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        for (header, expected) in [
            ("", vec![]),
            ("Basic", vec![challenge("basic", &[])]),
            (r#"Basic realm="a, b""#, vec![challenge("basic", &[("realm", "a, b")])]),
            (
                r#"Bearer realm="https://h/token",service="h",scope="repository:a/b:pull""#,
                vec![challenge(
                    "bearer",
                    &[("realm", "https://h/token"), ("service", "h"), ("scope", "repository:a/b:pull")],
                )],
            ),
            (
                r#"Negotiate, bearer Realm = "a\"b" , service=h, BASIC realm="c""#,
                vec![
                    challenge("negotiate", &[]),
                    challenge("bearer", &[("realm", "a\"b"), ("service", "h")]),
                    challenge("basic", &[("realm", "c")]),
                ],
            ),
            // Not closed: what came before it counts.
            (r#"Basic realm="a"#, vec![challenge("basic", &[])]),
            (r#"realm="a""#, vec![]),
            ("Basic é", vec![challenge("basic", &[])]),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
    }
}
