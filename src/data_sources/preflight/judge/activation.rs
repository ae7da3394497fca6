//! The activation that hosts register with, and how many hosts the region may have.

use jiff::{SignedDuration, Timestamp};

use crate::aws::ssm::Activation;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::{Asked, Facts, Missing, Registered, STANDARD_HOSTS, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    NONE: Error, "activation",
        "The activation does not exist.",
        why: "Hosts cannot register.",
        fix: "Create an activation in the cluster's region, for example with `ekshybrid_activation`.",
        needs: ["ssm:DescribeActivations"];
    EXPIRED: Error, "activation_expired",
        "The activation has expired.",
        why: "Hosts cannot register. Those that have registered are not affected.",
        fix: "Create a new activation, or let `ekshybrid_activation` rotate it.",
        needs: ["ssm:DescribeActivations"];
    EXPIRES_SOON: Warning, "activation_expires_soon",
        "The activation expires within two hours.",
        why: "Hosts that are installed later cannot register.",
        fix: "Create a new activation, or let `ekshybrid_activation` rotate it.",
        needs: ["ssm:DescribeActivations"];
    FULL: Error, "activation_full",
        "The activation has fewer registrations left than hosts are to join.",
        why: "Systems Manager refuses the hosts beyond the limit.",
        fix: "Create an activation with a higher registration limit.",
        needs: ["ssm:DescribeActivations"];
    ROLE: Error, "activation_role",
        "The activation is for another role.",
        why: "Hosts get the activation's role; the access entry of another role does not let them in.",
        fix: "Create an activation with the role, or give the activation's role an access entry.",
        needs: ["ssm:DescribeActivations"];
    QUOTA: Error, "host_quota",
        "The region has fewer standard hosts left than are to join: 1,000 are possible.",
        why: "Systems Manager refuses further registrations.",
        fix: "Deregister hosts that no longer exist, or switch the region to the advanced tier, which AWS charges by host and hour.",
        needs: ["ssm:DescribeInstanceProperties", "ssm:GetServiceSetting"];
    QUOTA_NEAR: Warning, "host_quota_near",
        "More than nine tenths of the region's 1,000 standard hosts are registered.",
        why: "Registrations of every cluster and purpose count, and further ones will be refused.",
        fix: "Deregister hosts that no longer exist; `ekshybrid_managed_instances` finds them.",
        needs: ["ssm:DescribeInstanceProperties", "ssm:GetServiceSetting"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    let asked = &facts.asked;
    let activation = || match known(&facts.activation)? {
        Some(activation) => Ok(activation),
        // That is a finding of its own.
        None => Err(Missing::NotAsked),
    };
    report.run(&NONE, || {
        let id = asked.activation.as_deref().unwrap_or_default();
        let missing = known(&facts.activation)?.is_none();
        Ok(missing
            .then(|| Found::new(id, format!("There is no activation {id} in {}.", facts.region)))
            .into_iter()
            .collect())
    });
    report.run(&EXPIRED, || activation().map(expired));
    report.run(&EXPIRES_SOON, || Ok(expires_soon(activation()?, facts.now)));
    report.run(&FULL, || Ok(full(activation()?, asked)));
    report.run(&ROLE, || match &asked.role {
        Some(role) => Ok(other_role(activation()?, role)),
        None => Err(Missing::NotAsked),
    });
    report.run(&QUOTA, || Ok(quota(*known(&facts.registered)?, asked, &facts.region)));
    report.run(&QUOTA_NEAR, || Ok(quota_near(*known(&facts.registered)?, asked, &facts.region)));
}

fn expired(activation: &Activation) -> Vec<Found> {
    if !activation.expired {
        return Vec::new();
    }
    let when = activation
        .expiration_date
        .map_or_else(String::new, |date| format!(" on {}", date.strftime("%Y-%m-%d at %H:%M UTC")));
    vec![Found::new(&activation.id, format!("The activation expired{when}."))]
}

const SOON: SignedDuration = SignedDuration::from_hours(2);

fn expires_soon(activation: &Activation, now: Timestamp) -> Vec<Found> {
    let soon = activation.expiration_date.filter(|date| !activation.expired && date.duration_since(now) < SOON);
    let what = |date: Timestamp| format!("The activation expires at {}.", date.strftime("%H:%M UTC"));
    soon.map(|date| Found::new(&activation.id, what(date))).into_iter().collect()
}

/// The number of hosts that are to join; one if nothing is said.
fn wanted(asked: &Asked) -> usize {
    asked.hosts.len().max(1)
}

fn full(activation: &Activation, asked: &Asked) -> Vec<Found> {
    let left = usize::try_from(activation.registration_limit - activation.registrations_count).unwrap_or_default();
    if left >= wanted(asked) {
        return Vec::new();
    }
    let what = format!("{left} of {} registrations are left.", activation.registration_limit);
    vec![Found::new(&activation.id, what)]
}

/// `role` is a name with or without its path; the activation's has it.
fn other_role(activation: &Activation, role: &str) -> Vec<Found> {
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    match activation.iam_role.as_deref() {
        Some(own) if last(own) != last(role) => {
            vec![Found::new(&activation.id, format!("The activation is for the role {own}, not for {role}."))]
        }
        _ => Vec::new(),
    }
}

fn quota(registered: Registered, asked: &Asked, region: &str) -> Vec<Found> {
    match registered {
        Registered::Standard(count) if count + wanted(asked) > STANDARD_HOSTS => {
            vec![Found::new(region, format!("{count} of {STANDARD_HOSTS} standard hosts are registered in {region}."))]
        }
        _ => Vec::new(),
    }
}

fn quota_near(registered: Registered, asked: &Asked, region: &str) -> Vec<Found> {
    match registered {
        Registered::Standard(count)
            if count * 10 > STANDARD_HOSTS * 9 && quota(registered, asked, region).is_empty() =>
        {
            vec![Found::new(region, format!("{count} of {STANDARD_HOSTS} standard hosts are registered in {region}."))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::data_sources::preflight::facts::AskedHost;

    fn now() -> Timestamp {
        "2026-11-30T12:00:00Z".parse().expect("a time")
    }

    fn activation(minutes_left: i64, limit: i32, count: i32) -> Activation {
        Activation {
            id: "a".to_owned(),
            iam_role: Some("plant/hybrid".to_owned()),
            default_instance_name: None,
            description: None,
            registration_limit: limit,
            registrations_count: count,
            created_date: None,
            expiration_date: Some(now() + SignedDuration::from_mins(minutes_left)),
            expired: minutes_left < 0,
            tags: BTreeMap::new(),
        }
    }

    fn asked(hosts: usize) -> Asked {
        let hosts = (0..hosts).map(|number| (number.to_string(), AskedHost::default()));
        Asked { hosts: hosts.collect(), ..Asked::default() }
    }

    #[test]
    fn times() {
        for (minutes, gone, soon) in [(-1, 1, 0), (0, 0, 1), (119, 0, 1), (120, 0, 0)] {
            let activation = activation(minutes, 1, 0);
            assert_eq!((expired(&activation).len(), expires_soon(&activation, now()).len()), (gone, soon), "{minutes}");
        }
        assert_eq!(expired(&activation(-30, 1, 0))[0].what, "The activation expired on 2026-11-30 at 11:30 UTC.");
    }

    #[test]
    fn registrations_left() {
        for (limit, count, hosts, found) in [(1, 0, 0, 0), (1, 1, 0, 1), (10, 8, 2, 0), (10, 8, 3, 1), (1, 2, 0, 1)] {
            assert_eq!(full(&activation(60, limit, count), &asked(hosts)).len(), found, "{count} of {limit}, {hosts}");
        }
    }

    #[test]
    fn a_role_is_the_same_with_and_without_its_path() {
        for (role, found) in [("hybrid", 0), ("plant/hybrid", 0), ("other", 1)] {
            assert_eq!(other_role(&activation(60, 1, 0), role).len(), found, "{role}");
        }
    }

    #[test]
    fn hosts_of_the_region() {
        for (registered, hosts, over, near) in [
            (Registered::Standard(900), 1, 0, 0),
            (Registered::Standard(901), 1, 0, 1),
            (Registered::Standard(999), 1, 0, 1),
            (Registered::Standard(999), 2, 1, 0),
            (Registered::Standard(1000), 0, 1, 0),
            (Registered::Advanced, 50, 0, 0),
        ] {
            let found = (quota(registered, &asked(hosts), "r").len(), quota_near(registered, &asked(hosts), "r").len());
            assert_eq!(found, (over, near), "{registered:?} {hosts}");
        }
    }
}
