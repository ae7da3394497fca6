//! Judgement: pure functions from facts to findings, an area a file.

mod access;
mod activation;
mod addons;
mod authorities;
mod endpoint;
mod networks;
mod nodes;
mod role;
mod routes;
mod security;
mod versions;
mod workloads;

use super::check::Check;
use super::facts::Facts;
use super::report::Report;

/// Runs every check.
pub fn all(facts: &Facts, report: &mut Report) {
    access::run(facts, report);
    activation::run(facts, report);
    addons::run(facts, report);
    authorities::run(facts, report);
    endpoint::run(facts, report);
    networks::run(facts, report);
    nodes::run(facts, report);
    role::run(facts, report);
    routes::run(facts, report);
    security::run(facts, report);
    versions::run(facts, report);
    workloads::run(facts, report);
}

/// The areas, with their titles in the guide.
const AREAS: [(&str, &[&Check]); 12] = [
    ("The cluster and its API endpoint", endpoint::CHECKS),
    ("Ranges", networks::CHECKS),
    ("Routes", routes::CHECKS),
    ("Security groups", security::CHECKS),
    ("Access", access::CHECKS),
    ("The role of the hybrid nodes", role::CHECKS),
    ("Activation and registered hosts", activation::CHECKS),
    ("Versions and insights of EKS", versions::CHECKS),
    ("Add-ons", addons::CHECKS),
    ("Certificate authorities", authorities::CHECKS),
    ("Nodes", nodes::CHECKS),
    ("What runs in the cluster", workloads::CHECKS),
];

/// Every check.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    AREAS.into_iter().flat_map(|(_, checks)| checks).copied()
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
                assert!(
                    text.ends_with('.') && text.starts_with(|first: char| first.is_uppercase() || first == '`'),
                    "{text}"
                );
                assert!(!text.contains('|'), "{text}");
            }
        }
    }

    const BEGIN: &str = "<!-- checks: written by `EKSHYBRID_RENEW_GOLDEN=1 cargo test --lib preflight` -->\n";
    const END: &str = "<!-- end of checks -->\n";

    /// The part of the guide that the declarations determine.
    fn tables() -> String {
        let mut text = String::new();
        for (title, checks) in AREAS {
            text.push_str(&format!("\n### {title}\n\n| check | severity | what it finds | why it matters | fix | permissions |\n|---|---|---|---|---|---|\n"));
            for check in checks {
                let needs: Vec<String> = check.needs.iter().map(|need| format!("`{need}`")).collect();
                let needs = if needs.is_empty() { "none".to_owned() } else { needs.join(", ") };
                let severity = check.severity.as_str();
                text.push_str(&format!(
                    "| `{}` | {severity} | {} | {} | {} | {needs} |\n",
                    check.id, check.finds, check.why, check.fix
                ));
            }
        }
        text.push('\n');
        text
    }

    #[test]
    fn the_guide_lists_every_check_as_it_is_declared() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guides/preflight.md");
        let guide = std::fs::read_to_string(path).expect("the guide");
        let (before, rest) = guide.split_once(BEGIN).expect("the beginning of the tables");
        let (found, after) = rest.split_once(END).expect("the end of the tables");
        let expected = tables();
        if std::env::var_os("EKSHYBRID_RENEW_GOLDEN").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{expected}{END}{after}")).expect("the guide can be written");
        } else {
            assert!(
                found == expected,
                "docs/guides/preflight.md is not as the checks are declared; run the test with EKSHYBRID_RENEW_GOLDEN=1"
            );
        }
    }

    #[test]
    fn the_guides_policy_is_the_sum_of_all_checks() {
        let guide = include_str!("../../../../docs/guides/preflight.md");
        let (_, policy) = guide.split_once("```json\n").expect("a policy");
        let (policy, _) = policy.split_once("```").expect("its end");
        let policy: serde_json::Value = serde_json::from_str(policy).expect("JSON");
        let actions = policy["Statement"][0]["Action"].as_array().expect("actions");
        let listed: Vec<&str> = actions.iter().filter_map(serde_json::Value::as_str).collect();
        let needed: BTreeSet<&str> =
            checks().flat_map(|check| check.needs).copied().filter(|need| need.contains(':')).collect();
        assert_eq!(listed, needed.into_iter().collect::<Vec<_>>());
    }
}
