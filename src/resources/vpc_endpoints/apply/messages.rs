//! What is said when endpoints cannot be created, changed or deleted.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::path::Path;

use super::Held;
use super::wanted::Wanted;
use crate::attributes::Region;
use crate::aws::Error;
use crate::aws::ec2::{EndpointService, NotDeleted};
use crate::node::endpoints::{Kind, service_name};
use crate::resources::vpc_endpoints::Args;
use crate::session::explain;

pub const CREATE: &str = "Could not create the VPC endpoints";
pub const CHANGE: &str = "Could not change the VPC endpoints";
pub const DELETE: &str = "Could not delete the VPC endpoints";
pub const WAIT: &str = "Could not read the VPC endpoints";

fn quoted<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Checks what can be known before anything is changed.
pub fn check(
    summary: &str,
    wanted: &BTreeMap<String, Wanted>,
    services: &BTreeMap<String, EndpointService>,
    args: &Args,
    region: &Region,
) -> Result<()> {
    let missing: Vec<&String> =
        wanted.keys().filter(|service| !services.contains_key(&service_name(region, service))).collect();
    if !missing.is_empty() {
        let cause = format!("{region} has no endpoint service for {}.", quoted(missing.into_iter()));
        let error = Diagnostic::error(summary, cause)
            .left("Nothing was changed.")
            .remedy("Leave these services out, with `excluded_services` if they are the profile's.");
        let at = if args.profile.is_some() { Args::NAMES.profile } else { Args::NAMES.additional_services };
        return Err(error.at(Path::attribute(at)).into());
    }
    let placeless: Vec<&String> = wanted
        .iter()
        .filter(|(_, it)| it.kind == Kind::Interface && it.subnets.is_empty())
        .map(|(service, _)| service)
        .collect();
    if placeless.is_empty() {
        return Ok(());
    }
    let cause = format!("No subnet is in a zone with endpoints of {}.", quoted(placeless.into_iter()));
    let error = Diagnostic::error(summary, cause)
        .left("Nothing was changed.")
        .remedy("Add a subnet in another zone, or leave the services out.");
    Err(error.at(Path::attribute(Args::NAMES.subnet_ids)).into())
}

/// What exists in spite of a failure.
pub fn left<'a>(services: impl ExactSizeIterator<Item = &'a String>, is_new: bool) -> String {
    if services.len() == 0 {
        return "No endpoint exists.".to_owned();
    }
    let exist = format!("These endpoints exist and are recorded in the state: {}.", quoted(services));
    if is_new {
        return exist
            + " Terraform marks the resource as tainted, so the next apply replaces them; after `terraform untaint`, it keeps them and creates the rest.";
    }
    exist
}

/// The errors of services, those of one cause together.
pub fn failures<'a>(
    summary: &str,
    failed: &[(String, Error)],
    held: impl ExactSizeIterator<Item = &'a String>,
    is_new: bool,
) -> Diagnostics {
    let mut groups: BTreeMap<String, Vec<&(String, Error)>> = BTreeMap::new();
    for one in failed {
        let (_, error) = one;
        let key = error.code().map_or_else(|| format!("{:?}", std::mem::discriminant(error.kind())), str::to_owned);
        groups.entry(key).or_default().push(one);
    }
    let mut left = Some(left(held, is_new));
    let mut all = Diagnostics::new();
    for group in groups.into_values() {
        let (_, error) = group[0];
        let services = quoted(group.iter().map(|(service, _)| service));
        let named = explain(summary, error, left.take().as_deref())
            .with_first_error(|one| Diagnostic { cause: format!("Services: {services}. {}", one.cause), ..one });
        all.append(remedied(named, error));
    }
    all
}

/// What to do about refusals that are AWS's answer to the arguments.
fn remedied(diagnostics: Diagnostics, error: &Error) -> Diagnostics {
    let says = |text: &str| error.message().is_some_and(|message| message.contains(text));
    let (at, remedy) = match error.code() {
        Some("VpcEndpointLimitExceeded") => (
            None,
            "Raise the quota `Interface VPC endpoints per VPC` or `Gateway VPC endpoints per Region` of Amazon VPC in Service Quotas, or delete endpoints. Then apply again.",
        ),
        Some("RouteAlreadyExists") => (
            Some(Args::NAMES.route_table_ids),
            "Set `adopt_existing = true` to use the endpoint that has this route, or delete it.",
        ),
        Some("DuplicateSubnetsInSameZone") => {
            (Some(Args::NAMES.subnet_ids), "Keep one subnet in each Availability Zone.")
        }
        _ if says("conflicting DNS domain") => (
            Some(Args::NAMES.adopt_existing),
            "Set `adopt_existing = true` to use the endpoint that has these names, or `private_dns = false`, or delete the other endpoint.",
        ),
        _ if says("enableDnsSupport") => (
            Some(Args::NAMES.private_dns),
            "Set `enable_dns_support = true` and `enable_dns_hostnames = true` on the VPC, or `private_dns = false`.",
        ),
        _ => return diagnostics,
    };
    let placed = diagnostics.remedy(remedy);
    match at {
        Some(name) => placed.with_first_error(|one| one.at(Path::attribute(name))),
        None => placed,
    }
}

/// An adopted endpoint that is not as the arguments say.
pub fn adopted_as_it_is(service: &str, id: &str, words: &str) -> Diagnostic {
    Diagnostic::warning(
        "Adopted endpoint differs from the configuration",
        format!("The endpoint `{id}` of `{service}` existed before and is used as it is. To be as configured, it would need: {words}."),
    )
    .remedy("Change it where it is managed, or delete it there; the next apply then creates one.")
}

/// Which endpoints are not available yet, with their states.
pub fn pending<'a>(services: impl Iterator<Item = &'a String>, now: &Held) -> Option<String> {
    let waiting: Vec<String> = services
        .filter_map(|service| match now.get(service) {
            // A new endpoint may not be described at once.
            None => Some(format!("{service} is not described yet")),
            Some((endpoint, _)) if endpoint.state == "available" => None,
            Some((endpoint, _)) => Some(format!("{service} is {}", endpoint.state)),
        })
        .collect();
    (!waiting.is_empty()).then(|| waiting.join(", "))
}

/// Endpoints that can never become available.
pub fn failed_endpoints(now: &Held) -> Option<Diagnostics> {
    let failed: Vec<String> = now
        .iter()
        .filter(|(_, (endpoint, adopted))| endpoint.has_failed() && !adopted)
        .map(|(service, (endpoint, _))| {
            let why = endpoint.failure.as_deref().unwrap_or("AWS gives no reason");
            format!(
                "The endpoint `{}` of `{service}` is {}: {}.",
                endpoint.id,
                endpoint.state,
                why.trim_end_matches('.')
            )
        })
        .collect();
    (!failed.is_empty()).then(|| {
        Diagnostic::error("VPC endpoint failed", failed.join(" "))
            .remedy("The next apply deletes what has failed and creates it again.")
            .into()
    })
}

/// What AWS refuses to delete.
pub fn not_deleted(refused: &[NotDeleted]) -> Diagnostic {
    let lines: Vec<String> = refused.iter().map(|one| format!("`{}` ({})", one.id, one.why)).collect();
    Diagnostic::error(DELETE, format!("AWS refused to delete {}.", lines.join(", ")))
}
