//! Who may join: the authentication mode and the role's access entry.

use crate::aws::eks::{AccessEntry, AccessEntryType, Cluster};
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::{Facts, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    MODE: Error, "authentication_mode",
        "The cluster's authentication mode is `CONFIG_MAP`.",
        why: "EKS accepts hybrid nodes only with access entries.",
        fix: "Set the authentication mode to `API_AND_CONFIG_MAP`. There is no way back from access entries.",
        needs: ["eks:DescribeCluster"];
    NO_ENTRY: Error, "access_entry",
        "The role has no access entry.",
        why: "The API server does not recognize the hosts, and `nodeadm init` refuses to join.",
        fix: "Create one of type `HYBRID_LINUX`, for example with `ekshybrid_node_access`.",
        needs: ["eks:DescribeCluster", "eks:DescribeAccessEntry"];
    ENTRY_TYPE: Error, "access_entry_type",
        "The role's access entry is not of type `HYBRID_LINUX`.",
        why: "Only that type gives hosts the user name and groups of a node. The type cannot be changed.",
        fix: "Give the hybrid nodes a role of their own, or delete the entry and create one of type `HYBRID_LINUX`.",
        needs: ["eks:DescribeCluster", "eks:DescribeAccessEntry"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&MODE, || facts.hybrid().map(mode));
    report.run(&NO_ENTRY, || {
        Ok(no_entry(known(&facts.entry)?.as_ref(), facts.asked.role.as_deref().unwrap_or_default()))
    });
    report.run(&ENTRY_TYPE, || Ok(known(&facts.entry)?.iter().filter_map(entry_type).collect()));
}

fn mode(cluster: &Cluster) -> Vec<Found> {
    if cluster.authentication_mode.as_deref() != Some("CONFIG_MAP") {
        return Vec::new();
    }
    vec![Found::new(&cluster.name, "The authentication mode is `CONFIG_MAP`.")]
}

fn no_entry(entry: Option<&AccessEntry>, role: &str) -> Vec<Found> {
    if entry.is_some() { Vec::new() } else { vec![Found::new(role, format!("The role {role} has no access entry."))] }
}

fn entry_type(entry: &AccessEntry) -> Option<Found> {
    let what = format!("The access entry is of type `{}`.", entry.kind);
    (entry.kind != AccessEntryType::HybridLinux).then(|| Found::new(&entry.principal_arn, what))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn modes() {
        for (mode_now, found) in [(Some("API"), 0), (Some("API_AND_CONFIG_MAP"), 0), (Some("CONFIG_MAP"), 1), (None, 0)]
        {
            let cluster = Cluster { authentication_mode: mode_now.map(str::to_owned), ..Cluster::default() };
            assert_eq!(mode(&cluster).len(), found, "{mode_now:?}");
        }
    }

    #[test]
    fn entries() {
        for (kind, wrong) in
            [(AccessEntryType::HybridLinux, 0), (AccessEntryType::Ec2Linux, 1), (AccessEntryType::Standard, 1)]
        {
            let entry = AccessEntry {
                arn: String::new(),
                principal_arn: "arn:aws:iam::111122223333:role/hybrid".to_owned(),
                kind,
                username: String::new(),
                groups: BTreeSet::new(),
                tags: BTreeMap::new(),
                created_at: None,
            };
            assert_eq!(no_entry(Some(&entry), "hybrid"), []);
            assert_eq!(entry_type(&entry).iter().count(), wrong, "{entry:?}");
        }
        assert_eq!(no_entry(None, "hybrid").len(), 1);
    }
}
