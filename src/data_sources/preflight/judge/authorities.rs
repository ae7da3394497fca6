//! The cluster's certificate authorities: hosts keep their own copy of what they trust.

use jiff::{SignedDuration, Timestamp};

use crate::aws::eks::Authority;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::{Facts, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    EXPIRES: Warning, "authority_expires",
        "A certificate authority of the cluster expires within a year.",
        why: "EKS then activates a successor by itself, and hosts that do not trust it lose the API server.",
        fix: "Create a successor, carry it to all hosts, and activate it before EKS does.",
        needs: ["eks:DescribeCluster"];
    SUCCESSOR: Warning, "authority_successor",
        "The cluster has a second certificate authority that does not sign yet.",
        why: "Hosts that joined before it was created trust the first one only, and lose the API server when the second is activated.",
        fix: "Carry the cluster's authorities to all hosts (`nodeadm init` writes them; `ekshybrid_node` does so in place) before anybody activates it.",
        needs: ["eks:DescribeCluster", "eks:ListCertificateAuthorities"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&EXPIRES, || {
        let ends = known(&facts.authority_ends)?;
        Ok(expires(&known(&facts.cluster)?.name, ends, facts.now))
    });
    report.run(&SUCCESSOR, || {
        facts.hybrid()?;
        Ok(successor(known(&facts.authorities)?))
    });
}

const SOON: SignedDuration = SignedDuration::from_hours(365 * 24);

fn expires(cluster: &str, ends: &[Timestamp], now: Timestamp) -> Vec<Found> {
    // With a successor in place, the first one may expire.
    let Some(last) = ends.iter().max().filter(|end| end.duration_since(now) < SOON) else { return Vec::new() };
    let days = last.duration_since(now).as_hours() / 24;
    vec![Found::new(
        cluster,
        format!("The certificate authority expires on {}, in {days} days.", last.strftime("%Y-%m-%d")),
    )]
}

fn successor(authorities: &[Authority]) -> Vec<Found> {
    let waiting = authorities.iter().filter(|one| {
        let signer = authorities.iter().find(|other| other.signing_status == "IN_USE");
        // One that is older than the signer has been replaced by it.
        one.signing_status != "IN_USE" && signer.is_some_and(|signer| one.created_at >= signer.created_at)
    });
    waiting
        .map(|one| {
            let since = one.created_at.map_or_else(String::new, |at| format!(" since {}", at.strftime("%Y-%m-%d")));
            Found::new(&one.id, format!("A successor waits{since}, with the signing status {}.", one.signing_status))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i16) -> Timestamp {
        format!("{year}-11-30T00:00:00Z").parse().expect("a time")
    }

    #[test]
    fn the_last_authority_counts() {
        for (ends, found) in [(&[2036][..], 0), (&[2028], 0), (&[2027], 0), (&[2026], 1), (&[2026, 2036], 0)] {
            let ends: Vec<Timestamp> = ends.iter().map(|year| at(*year)).collect();
            assert_eq!(expires("edge", &ends, at(2026)).len(), found, "{ends:?}");
        }
        let soon = at(2026) + SignedDuration::from_hours(24 * 30);
        assert_eq!(
            expires("edge", &[soon], at(2026))[0].what,
            "The certificate authority expires on 2026-12-30, in 30 days."
        );
    }

    #[test]
    fn a_successor_is_younger_than_the_signer() {
        let authority = |id: &str, year, status: &str| Authority {
            id: id.to_owned(),
            created_at: Some(at(year)),
            signing_status: status.to_owned(),
            distribution_status: "COMPLETE".to_owned(),
        };
        for (authorities, expected) in [
            (vec![authority("old", 2020, "IN_USE")], None),
            (vec![authority("old", 2020, "IN_USE"), authority("new", 2026, "NOT_USED")], Some("new")),
            (vec![authority("old", 2020, "IN_USE"), authority("new", 2026, "ACTIVATING")], Some("new")),
            (vec![authority("old", 2020, "NOT_USED"), authority("new", 2026, "IN_USE")], None),
        ] {
            let found = successor(&authorities);
            assert_eq!(found.first().map(|one| one.at.as_str()), expected, "{authorities:?}");
        }
    }
}
