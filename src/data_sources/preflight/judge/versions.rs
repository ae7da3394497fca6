//! Versions: how long the cluster's is supported, what fits on hosts, and what EKS itself reports.

use jiff::{SignedDuration, Timestamp};

use crate::aws::eks::{Cluster, ClusterVersion, Insight};
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::{Asked, Facts, Missing, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    SUPPORT: Warning, "support_ends",
        "The support of the cluster's version has ended, or ends within 60 days.",
        why: "EKS then upgrades the control plane by itself; hosts stay behind, and more than three minor versions behind they no longer work.",
        fix: "Upgrade the cluster, then the hosts, before the date.",
        needs: ["eks:DescribeCluster", "eks:DescribeClusterVersions"];
    EXTENDED: Info, "extended_support",
        "The cluster's version is in extended support.",
        why: "AWS charges more for it, and ends it at a date.",
        fix: "Upgrade the cluster, then the hosts.",
        needs: ["eks:DescribeCluster", "eks:DescribeClusterVersions"];
    HOST_VERSION: Error, "host_version",
        "The version of Kubernetes planned for a host is newer than the cluster's, or more than three minor versions older.",
        why: "`nodeadm init` refuses such a kubelet.",
        fix: "Install the cluster's version on the host, or one of the three before it.",
        needs: ["eks:DescribeCluster"];
    NODEADM: Error, "nodeadm_version",
        "The nodeadm on a host is older than 1.0.19.",
        why: "It does not know the key with which the installer of the SSM agent is signed since July 2026, and fails with `Signature Verification Error`.",
        fix: "Put nodeadm 1.0.19 or newer on the host.",
        needs: [];
    ROLLBACK: Info, "rollback_window",
        "The cluster was upgraded, and can still be rolled back.",
        why: "A rollback needs hosts of the older version: hosts that are upgraded now have to go down first.",
        fix: "Upgrade hosts once a rollback is no longer wanted.",
        needs: ["eks:ListInsights"];
    MISCONFIGURED: Error, "eks_insight_error",
        "EKS reports an error in the set-up of hybrid nodes (an insight of the category MISCONFIGURATION).",
        why: "EKS has found that it likely impairs the cluster.",
        fix: "Follow the insight's recommendation.",
        needs: ["eks:ListInsights"];
    DOUBTFUL: Warning, "eks_insight_warning",
        "EKS reports a doubtful set-up of hybrid nodes (an insight of the category MISCONFIGURATION).",
        why: "It differs from what EKS documents, and works only if it is meant to be so.",
        fix: "Follow the insight's recommendation.",
        needs: ["eks:ListInsights"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&SUPPORT, || Ok(support(known(&facts.cluster)?, known(&facts.version)?.as_ref(), facts.now)));
    report.run(&EXTENDED, || Ok(extended(known(&facts.cluster)?, known(&facts.version)?.as_ref())));
    report.run(&HOST_VERSION, || {
        if facts.asked.hosts.values().all(|host| host.kubernetes_version.is_none()) {
            return Err(Missing::NotAsked);
        }
        Ok(host_versions(known(&facts.cluster)?, &facts.asked))
    });
    report.run(&NODEADM, || {
        if facts.asked.hosts.values().all(|host| host.nodeadm_version.is_none()) {
            return Err(Missing::NotAsked);
        }
        Ok(nodeadm(&facts.asked))
    });
    let cluster = || known(&facts.cluster).map(|cluster| cluster.name.as_str());
    report.run(&ROLLBACK, || Ok(rollback(cluster()?, known(&facts.insights)?)));
    report.run(&MISCONFIGURED, || Ok(insights(cluster()?, known(&facts.insights)?, "ERROR")));
    report.run(&DOUBTFUL, || Ok(insights(cluster()?, known(&facts.insights)?, "WARNING")));
}

const SOON: SignedDuration = SignedDuration::from_hours(60 * 24);

fn support(cluster: &Cluster, version: Option<&ClusterVersion>, now: Timestamp) -> Vec<Found> {
    let Some(version) = version else { return Vec::new() };
    let (kind, ends) = if cluster.support_type.as_deref() == Some("STANDARD") {
        ("Standard", version.standard_support_ends)
    } else {
        ("Extended", version.extended_support_ends)
    };
    let Some(ends) = ends.filter(|ends| ends.duration_since(now) < SOON) else { return Vec::new() };
    let day = ends.strftime("%Y-%m-%d");
    let verb = if ends > now { "ends" } else { "ended" };
    let what = format!("{kind} support of Kubernetes {} {verb} on {day}.", version.version);
    vec![Found::new(&cluster.name, what)]
}

fn extended(cluster: &Cluster, version: Option<&ClusterVersion>) -> Vec<Found> {
    let is_extended = version.filter(|version| version.status == "EXTENDED_SUPPORT");
    let what = |version: &ClusterVersion| format!("Kubernetes {} is in extended support.", version.version);
    is_extended.map(|version| Found::new(&cluster.name, what(version))).into_iter().collect()
}

/// Major and minor version of `1.34`, `1.34.2` or `v1.34.2-eks-1`.
pub(super) fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix('v').unwrap_or(version).split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Why a kubelet does not fit an API server. Source: Kubernetes, "Version Skew Policy".
pub(super) fn skew(kubelet: &str, server: &str) -> Option<&'static str> {
    let (kubelet, server) = (minor(kubelet)?, minor(server)?);
    if kubelet > server {
        Some("is newer than the cluster's")
    } else if kubelet.0 == server.0 && server.1 - kubelet.1 > 3 {
        Some("is more than three minor versions older than the cluster's")
    } else {
        None
    }
}

fn host_versions(cluster: &Cluster, asked: &Asked) -> Vec<Found> {
    let faulty = asked.hosts.iter().filter_map(|(name, host)| {
        let version = host.kubernetes_version.as_deref()?;
        let why = skew(version, &cluster.version)?;
        Some(Found::new(name, format!("Kubernetes {version} {why} ({}).", cluster.version)))
    });
    faulty.collect()
}

/// Source: github.com/aws/eks-hybrid, release 1.0.19: the first with the new signing key.
const FIRST_WITH_KEY: [u32; 3] = [1, 0, 19];

fn nodeadm(asked: &Asked) -> Vec<Found> {
    let old = asked.hosts.iter().filter_map(|(name, host)| {
        let text = host.nodeadm_version.as_deref()?;
        let plain = text.strip_prefix('v').unwrap_or(text);
        let numbers = plain.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
        (numbers.as_slice() < FIRST_WITH_KEY.as_slice()).then(|| Found::new(name, format!("nodeadm is {text}.")))
    });
    old.collect()
}

fn rollback(cluster: &str, insights: &[Insight]) -> Vec<Found> {
    let of: Vec<&Insight> = insights.iter().filter(|insight| insight.category == "ROLLBACK_READINESS").collect();
    if of.is_empty() {
        return Vec::new();
    }
    let blocking: Vec<&str> = of.iter().filter(|one| one.status == "ERROR").map(|one| one.name.as_str()).collect();
    let blocked =
        if blocking.is_empty() { String::new() } else { format!(", but for now {} forbids it", blocking.join(", ")) };
    vec![Found::new(cluster, format!("EKS can roll the cluster back to the version before its upgrade{blocked}."))]
}

fn insights(cluster: &str, insights: &[Insight], status: &str) -> Vec<Found> {
    let of = insights.iter().filter(|one| one.category == "MISCONFIGURATION" && one.status == status);
    of.map(|insight| {
        let reason = insight.reason.as_deref().unwrap_or("EKS gives no reason.");
        Found::new(cluster, format!("{}: {reason}", insight.name)).fix(format!(
            "Follow the recommendation of `aws eks describe-insight --cluster-name {cluster} --id {}`.",
            insight.id
        ))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_sources::preflight::facts::AskedHost;

    fn at(day: &str) -> Timestamp {
        format!("{day}T00:00:00Z").parse().expect("a time")
    }

    #[test]
    fn the_end_of_support_that_counts_is_the_policys() {
        let version = ClusterVersion {
            version: "1.31".to_owned(),
            status: "STANDARD_SUPPORT".to_owned(),
            standard_support_ends: Some(at("2026-11-26")),
            extended_support_ends: Some(at("2027-11-26")),
        };
        for (policy, day, expected) in [
            ("STANDARD", "2026-09-01", None),
            ("STANDARD", "2026-10-01", Some("Standard support of Kubernetes 1.31 ends on 2026-11-26.")),
            ("STANDARD", "2026-12-01", Some("Standard support of Kubernetes 1.31 ended on 2026-11-26.")),
            ("EXTENDED", "2026-12-01", None),
            ("EXTENDED", "2027-10-01", Some("Extended support of Kubernetes 1.31 ends on 2027-11-26.")),
        ] {
            let cluster = Cluster { support_type: Some(policy.to_owned()), ..Cluster::default() };
            let found = support(&cluster, Some(&version), at(day));
            assert_eq!(found.first().map(|one| one.what.as_str()), expected, "{policy} {day}");
        }
        assert_eq!(support(&Cluster::default(), None, at("2027-10-01")), []);
        let late = ClusterVersion { status: "EXTENDED_SUPPORT".to_owned(), ..version.clone() };
        assert_eq!(
            (extended(&Cluster::default(), Some(&version)).len(), extended(&Cluster::default(), Some(&late)).len()),
            (0, 1)
        );
    }

    #[test]
    fn a_kubelet_may_be_three_minor_versions_older() {
        for (kubelet, fits) in [
            ("1.34", true),
            ("1.34.9", true),
            ("v1.31.2-eks-1", true),
            ("1.30", false),
            ("1.35", false),
            ("2.0", false),
            ("latest", true),
        ] {
            assert_eq!(skew(kubelet, "1.34").is_none(), fits, "{kubelet}");
        }
        let host = |version: &str| AskedHost { kubernetes_version: Some(version.to_owned()), ..AskedHost::default() };
        let hosts = [("a".to_owned(), host("1.35")), ("b".to_owned(), host("1.34"))].into();
        let cluster = Cluster { version: "1.34".to_owned(), ..Cluster::default() };
        let found = host_versions(&cluster, &Asked { hosts, ..Asked::default() });
        assert_eq!(found, [Found::new("a", "Kubernetes 1.35 is newer than the cluster's (1.34).")]);
    }

    #[test]
    fn nodeadm_must_know_the_key() {
        for (version, old) in [("1.0.18", 1), ("v1.0.9", 1), ("1.0.19", 0), ("v1.1.0", 0), ("latest", 0)] {
            let host = AskedHost { nodeadm_version: Some(version.to_owned()), ..AskedHost::default() };
            let asked = Asked { hosts: [("a".to_owned(), host)].into(), ..Asked::default() };
            assert_eq!(nodeadm(&asked).len(), old, "{version}");
        }
    }

    #[test]
    fn insights_by_category_and_status() {
        let insight = |category: &str, status: &str| Insight {
            id: "7".to_owned(),
            name: "Routes".to_owned(),
            category: category.to_owned(),
            status: status.to_owned(),
            reason: Some("There is none.".to_owned()),
            ..Insight::default()
        };
        let all = [
            insight("MISCONFIGURATION", "ERROR"),
            insight("MISCONFIGURATION", "PASSING"),
            insight("UPGRADE_READINESS", "ERROR"),
        ];
        assert_eq!(insights("edge", &all, "ERROR").len(), 1);
        assert_eq!(insights("edge", &all, "ERROR")[0].what, "Routes: There is none.");
        assert_eq!(insights("edge", &all, "WARNING"), []);
        assert_eq!(rollback("edge", &all), []);
        let open = rollback("edge", &[insight("ROLLBACK_READINESS", "ERROR")]);
        assert!(open[0].what.ends_with("but for now Routes forbids it."), "{open:?}");
    }
}
