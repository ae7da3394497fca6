//! The report: findings, and what could not be checked.

use std::collections::{BTreeMap, BTreeSet};

use framework::model::Model;

use super::check::{Check, Severity};
use super::facts::Missing;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Model)]
pub struct Finding {
    /// Id of the check. Ids do not change between versions of the provider.
    pub check: String,
    /// Severity: `error`, `warning` or `info`.
    pub severity: String,
    /// What was found.
    pub what: String,
    /// The object that it was found on, such as the id of a route table.
    pub r#where: String,
    /// Why it will cause trouble.
    pub why: String,
    /// How to fix it.
    pub fix: String,
}

/// A check that could not run.
#[derive(Clone, Debug, PartialEq, Eq, Model)]
pub struct LeftOut {
    /// Id of the check.
    pub check: String,
    /// Why it could not run.
    pub reason: String,
    /// The missing permission, if that is the reason: an IAM action such as `iam:GetRole`, or a permission in the
    /// cluster such as `list nodes`.
    pub permission: Option<String>,
}

/// What a check found on one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What was found.
    pub what: String,
    /// The object.
    pub at: String,
    /// How to fix it, if more can be said than the check says.
    pub fix: Option<String>,
}

impl Found {
    /// A finding with the check's own fix.
    pub fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { what: what.into(), at: at.into(), fix: None }
    }

    /// With a fix that names what to change.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// Collects findings, check by check.
#[derive(Debug, Default)]
pub struct Report {
    skip: BTreeSet<String>,
    findings: Vec<(Severity, Finding)>,
    left_out: BTreeMap<&'static str, Missing>,
    checked: BTreeSet<&'static str>,
}

impl Report {
    /// A report without the checks in `skip`.
    pub fn new(skip: BTreeSet<String>) -> Self {
        Self { skip, ..Self::default() }
    }

    /// Runs one check. A check without the facts that it needs is left out, and never counts as passed; one that
    /// nobody asked for is not mentioned.
    pub fn run(&mut self, check: &'static Check, judge: impl FnOnce() -> Result<Vec<Found>, Missing>) {
        if self.skip.contains(check.id) {
            return;
        }
        match judge() {
            Ok(found) => {
                self.checked.insert(check.id);
                self.findings.extend(found.into_iter().map(|found| {
                    let finding = Finding {
                        check: check.id.to_owned(),
                        severity: check.severity.as_str().to_owned(),
                        what: found.what,
                        r#where: found.at,
                        why: check.why.to_owned(),
                        fix: found.fix.unwrap_or_else(|| check.fix.to_owned()),
                    };
                    (check.severity, finding)
                }));
            }
            Err(Missing::NotAsked) => {}
            Err(missing) => drop(self.left_out.insert(check.id, missing)),
        }
    }

    /// Whether there is no error, and nothing was left out.
    pub fn has_passed(&self) -> bool {
        self.left_out.is_empty() && self.findings.iter().all(|(severity, _)| *severity != Severity::Error)
    }

    /// The findings of one severity in one line each, for messages.
    pub fn lines(&self, severity: Severity) -> Vec<String> {
        let of = self.findings.iter().filter(|(found, _)| *found == severity);
        let line =
            |finding: &Finding| format!("{} ({}): {} {}", finding.r#where, finding.check, finding.what, finding.fix);
        let mut lines: Vec<String> = of.map(|(_, finding)| line(finding)).collect();
        lines.sort();
        lines
    }

    /// The findings, the most severe first, then by check; the checks left out; the checks that ran.
    pub fn into_parts(mut self) -> (Vec<Finding>, Vec<LeftOut>, BTreeSet<String>) {
        self.findings.sort_by(|(one_severity, one), (other_severity, other)| {
            (one_severity, &one.check, &one.r#where, &one.what).cmp(&(
                other_severity,
                &other.check,
                &other.r#where,
                &other.what,
            ))
        });
        let left_out = self.left_out.into_iter().filter_map(|(check, missing)| match missing {
            Missing::NotAsked => None,
            Missing::Unread { reason, permission } => Some(LeftOut { check: check.to_owned(), reason, permission }),
        });
        (
            self.findings.into_iter().map(|(_, finding)| finding).collect(),
            left_out.collect(),
            self.checked.into_iter().map(str::to_owned).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BROKEN: Check =
        Check { id: "broken", severity: Severity::Error, finds: "", why: "It hurts.", fix: "Repair it.", needs: &[] };
    static ODD: Check =
        Check { id: "odd", severity: Severity::Info, finds: "", why: "It is odd.", fix: "Look at it.", needs: &[] };

    fn unread() -> Missing {
        Missing::Unread { reason: "no".to_owned(), permission: Some("ec2:DescribeVpcs".to_owned()) }
    }

    #[test]
    fn a_check_that_could_not_run_never_counts_as_passed() {
        for (skip, broken, odd, passed, checked, left_out) in [
            (vec![], Ok(vec![]), Ok(vec![]), true, vec!["broken", "odd"], 0),
            (vec![], Ok(vec![Found::new("a", "b")]), Ok(vec![]), false, vec!["broken", "odd"], 0),
            (vec![], Ok(vec![]), Ok(vec![Found::new("a", "b")]), true, vec!["broken", "odd"], 0),
            (vec![], Err(unread()), Ok(vec![]), false, vec!["odd"], 1),
            (vec!["broken"], Err(unread()), Ok(vec![]), true, vec!["odd"], 0),
            (vec!["broken"], Ok(vec![Found::new("a", "b")]), Ok(vec![]), true, vec!["odd"], 0),
            (vec![], Err(Missing::NotAsked), Ok(vec![]), true, vec!["odd"], 0),
        ] {
            let mut report = Report::new(skip.iter().map(ToString::to_string).collect());
            report.run(&BROKEN, || broken.clone());
            report.run(&ODD, || odd);
            assert_eq!(report.has_passed(), passed, "{broken:?}");
            let (_, out, ran) = report.into_parts();
            assert_eq!(ran, checked.iter().map(ToString::to_string).collect(), "{broken:?}");
            assert_eq!(out.len(), left_out, "{broken:?}");
        }
    }

    #[test]
    fn findings_come_with_the_worst_first_and_their_own_fix() {
        let mut report = Report::default();
        report.run(&ODD, || Ok(vec![Found::new("x", "strange")]));
        report.run(&BROKEN, || Ok(vec![Found::new("z", "cut"), Found::new("y", "cut").fix("Sew it.")]));
        assert_eq!(report.lines(Severity::Error), ["y (broken): cut Sew it.", "z (broken): cut Repair it."]);
        let (findings, _, _) = report.into_parts();
        let told: Vec<_> =
            findings.iter().map(|one| (one.r#where.as_str(), one.fix.as_str(), one.why.as_str())).collect();
        assert_eq!(
            told,
            [("y", "Sew it.", "It hurts."), ("z", "Repair it.", "It hurts."), ("x", "Look at it.", "It is odd.")]
        );
    }
}
