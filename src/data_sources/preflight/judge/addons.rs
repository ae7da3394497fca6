//! Managed add-ons: versions that know hybrid nodes, and their health.

use names::{VpcCniVersion, Word as _};

use crate::aws::eks::Addon;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::{Facts, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    VERSION: Error, "addon_version",
        "The add-on kube-proxy or CoreDNS is too old for hybrid nodes.",
        why: "Older versions are not scheduled on hybrid nodes, or do not work there.",
        fix: "Update the add-on: kube-proxy to v1.25.14-eksbuild.2 or newer, CoreDNS to v1.9.3-eksbuild.7 or newer.",
        needs: ["eks:DescribeAddon"];
    HEALTH: Warning, "addon_health",
        "The add-on vpc-cni, kube-proxy or CoreDNS is degraded, or its last change failed.",
        why: "Pods may have no network or no name service, and later changes of the add-on fail the same way.",
        fix: "Solve the issue that EKS names, and update the add-on again.",
        needs: ["eks:DescribeAddon"];
}

/// Source: EKS user guide, "Configure add-ons for hybrid nodes".
const OLDEST: [(&str, &str); 2] = [("kube-proxy", "v1.25.14-eksbuild.2"), ("coredns", "v1.9.3-eksbuild.7")];

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&VERSION, || {
        facts.hybrid()?;
        Ok(old(known(&facts.addons)?))
    });
    report.run(&HEALTH, || Ok(ill(known(&facts.addons)?)));
}

fn old(addons: &[Addon]) -> Vec<Found> {
    // EKS counts the versions of all add-ons alike.
    let is_older = |version: &str, oldest: &str| {
        VpcCniVersion::parse(version)
            .ok()
            .zip(VpcCniVersion::parse(oldest).ok())
            .is_some_and(|(one, other)| one < other)
    };
    let too_old =
        |addon: &&Addon| OLDEST.iter().any(|(name, oldest)| addon.name == *name && is_older(&addon.version, oldest));
    addons
        .iter()
        .filter(too_old)
        .map(|addon| Found::new(&addon.name, format!("The add-on is {}.", addon.version)))
        .collect()
}

fn ill(addons: &[Addon]) -> Vec<Found> {
    let is_ill = |addon: &&Addon| addon.status == "DEGRADED" || addon.status.ends_with("_FAILED");
    addons
        .iter()
        .filter(is_ill)
        .map(|addon| {
            let issues: Vec<String> =
                addon.issues.iter().map(|issue| format!("{}: {}", issue.code, issue.message)).collect();
            let issues = if issues.is_empty() { String::new() } else { format!(" {}", issues.join(" ")) };
            Found::new(&addon.name, format!("The add-on's status is {}.{issues}", addon.status))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::eks::Issue;

    fn addon(name: &str, version: &str, status: &str) -> Addon {
        Addon { name: name.to_owned(), version: version.to_owned(), status: status.to_owned(), ..Addon::default() }
    }

    #[test]
    fn versions_that_do_not_know_hybrid_nodes() {
        for (name, version, found) in [
            ("kube-proxy", "v1.25.14-eksbuild.1", 1),
            ("kube-proxy", "v1.25.14-eksbuild.2", 0),
            ("kube-proxy", "v1.34.0-eksbuild.4", 0),
            ("coredns", "v1.9.3-eksbuild.6", 1),
            ("coredns", "v1.12.1-eksbuild.2", 0),
            ("coredns", "strange", 0),
            ("vpc-cni", "v1.6.3-eksbuild.2", 0),
        ] {
            assert_eq!(old(&[addon(name, version, "ACTIVE")]).len(), found, "{name} {version}");
        }
    }

    #[test]
    fn issues_are_told() {
        for (status, found) in [("ACTIVE", 0), ("UPDATING", 0), ("DEGRADED", 1), ("UPDATE_FAILED", 1)] {
            assert_eq!(ill(&[addon("coredns", "v1.12.1-eksbuild.2", status)]).len(), found, "{status}");
        }
        let issue = Issue {
            code: "ConfigurationConflict".to_owned(),
            message: "Conflicts found.".to_owned(),
            resource_ids: vec![],
        };
        let conflict = Addon { issues: vec![issue], ..addon("vpc-cni", "v1.20.4-eksbuild.1", "UPDATE_FAILED") };
        assert_eq!(
            ill(&[conflict])[0].what,
            "The add-on's status is UPDATE_FAILED. ConfigurationConflict: Conflicts found."
        );
    }
}
