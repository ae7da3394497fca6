//! The challenges of a registry that requires credentials: `WWW-Authenticate` (RFC 9110, 11.6.1).

use std::collections::BTreeMap;

use http_auth::ParamValue;
use http_auth::parser::ChallengeParser;

/// An authentication scheme that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub(super) scheme: String,
    /// By name in lower case.
    pub(super) parameters: BTreeMap<String, String>,
}

/// Reads the header, of which one may hold several challenges. What cannot be read ends the list.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let challenges = ChallengeParser::new(header).map_while(Result::ok);
    let parameters = |parameters: Vec<(&str, ParamValue<'_>)>| {
        parameters.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_unescaped())).collect()
    };
    challenges
        .map(|challenge| Challenge {
            scheme: challenge.scheme.to_ascii_lowercase(),
            parameters: parameters(challenge.params),
        })
        .collect()
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
            // A challenge that is not whole ends the list.
            (r#"Negotiate, Basic realm="a"#, vec![challenge("negotiate", &[])]),
            (r#"realm="a""#, vec![]),
            ("Basic é", vec![]),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
    }
}
