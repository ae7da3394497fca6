//! Judgement: pure functions from facts to findings, an area a file.

mod access;
mod endpoint;
mod networks;
mod routes;
mod security;

use super::check::Check;
use super::facts::Facts;
use super::report::Report;

/// Runs every check.
pub fn all(facts: &Facts, report: &mut Report) {
    access::run(facts, report);
    endpoint::run(facts, report);
    networks::run(facts, report);
    routes::run(facts, report);
    security::run(facts, report);
}

/// Every check, by area.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    [access::CHECKS, endpoint::CHECKS, networks::CHECKS, routes::CHECKS, security::CHECKS]
        .into_iter()
        .flatten()
        .copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_whole_sentences_tell_the_rest() {
        let mut seen = BTreeSet::new();
        for check in checks() {
            assert!(seen.insert(check.id), "`{}` is declared twice", check.id);
            assert!(check.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", check.id);
            for text in [check.finds, check.why, check.fix] {
                assert!(text.ends_with('.') && text.starts_with(|first: char| first.is_uppercase()), "{text}");
                assert!(!text.contains('|'), "{text}");
            }
        }
    }
}
