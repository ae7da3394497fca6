//! Checks on what is known of the network. What the same apply may still change (DNS attributes, rules of security
//! groups) is a warning, everything else an error.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::Model;
use framework::path::Path;
use names::Cidr;

use super::network::Network;
use crate::attributes::{Region, RouteTableId, SecurityGroupId, SubnetId, VpcId};
use crate::aws::ec2::{Endpoint, Rule};
use crate::node::endpoints::{Kind, service_name};
use crate::resources::vpc_endpoints::Args;
use crate::resources::vpc_endpoints::apply::wanted::called;
use crate::session::tags::Tags;

/// The port of AWS's services.
const HTTPS: i32 = 443;

/// What is checked.
pub struct Checks<'a> {
    pub args: &'a <Args as Model>::Planned,
    pub vpc: &'a VpcId,
    pub region: &'a Region,
    pub kinds: &'a BTreeMap<String, Kind>,
    pub network: &'a Network,
    /// Endpoints that this resource has already.
    pub ours: &'a BTreeSet<String>,
    /// All tags of the endpoints, once they are known.
    pub tags: Option<&'a Tags>,
}

impl Checks<'_> {
    /// Everything that is found.
    pub fn all(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        if self.network.is_absent {
            let cause = format!("VPC `{}` does not exist in {}.", self.vpc, self.region);
            found.push(at(Args::NAMES.vpc_id, Diagnostic::error("VPC does not exist", cause)));
            return found;
        }
        self.services(&mut found);
        self.dns(&mut found);
        self.subnets(&mut found);
        self.zones(&mut found);
        self.groups(&mut found);
        self.tables(&mut found);
        self.ingress(&mut found);
        self.collisions(&mut found);
        found
    }

    fn services(&self, found: &mut Diagnostics) {
        let Some(known) = &self.network.services else { return };
        for (service, kind) in self.kinds {
            let name = service_name(self.region, service);
            let is_additional =
                self.args.additional_services.set().is_some_and(|all| all.iter().any(|it| it.as_str() == service));
            let (attribute, remedy) = if is_additional {
                (Args::NAMES.additional_services, "Remove it from `additional_services`.".to_owned())
            } else {
                (
                    Args::NAMES.profile,
                    format!("Add `{service}` to `excluded_services`; nodes then need another way to the service."),
                )
            };
            let error = match known.get(&name) {
                None => Diagnostic::error(
                    "Endpoint service does not exist in the region",
                    format!("{} has no endpoint service `{name}`.", self.region),
                ),
                Some(details) if !details.kinds.contains(called(*kind)) => {
                    let kinds: Vec<&str> = details.kinds.iter().map(String::as_str).collect();
                    Diagnostic::error(
                        "Endpoint service has no such endpoints",
                        format!(
                            "The service `{name}` has endpoints of type {}, and none of type {}.",
                            kinds.join(", "),
                            called(*kind)
                        ),
                    )
                }
                Some(_) => continue,
            };
            found.push(at(attribute, error.remedy(remedy)));
        }
    }

    fn dns(&self, found: &mut Diagnostics) {
        let Some(dns) = self.network.dns else { return };
        let off: Vec<&str> = [("enableDnsSupport", dns.support), ("enableDnsHostnames", dns.hostnames)]
            .into_iter()
            .filter_map(|(name, is_on)| (!is_on).then_some(name))
            .collect();
        if off.is_empty() {
            return;
        }
        let cause = format!(
            "In VPC `{}`, {} off. AWS refuses endpoints with private DNS names in it.",
            self.vpc,
            if off.len() == 1 { format!("`{}` is", off[0]) } else { format!("`{}` and `{}` are", off[0], off[1]) }
        );
        let remedy = "Set `enable_dns_support = true` and `enable_dns_hostnames = true` on the `aws_vpc`, or `private_dns = false` here.";
        found.push(at(
            Args::NAMES.private_dns,
            Diagnostic::warning("VPC does not support private DNS", cause).remedy(remedy),
        ));
    }

    fn subnets(&self, found: &mut Diagnostics) {
        let (Some(known), Some(wanted)) = (&self.network.subnets, self.args.subnet_ids.set()) else { return };
        let mut zones: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for id in wanted.iter().map(SubnetId::as_str) {
            match known.get(id) {
                None => found.push(at(Args::NAMES.subnet_ids, absent("Subnet", id, self.region))),
                Some(subnet) if subnet.vpc_id != self.vpc.as_str() => {
                    found.push(at(Args::NAMES.subnet_ids, foreign("Subnet", id, &subnet.vpc_id, self.vpc)));
                }
                Some(subnet) => zones.entry(&subnet.availability_zone).or_default().push(id),
            }
        }
        for (zone, ids) in zones.iter().filter(|(_, ids)| ids.len() > 1) {
            let cause = format!(
                "An endpoint has at most one subnet in each Availability Zone, and {} are all in {zone}.",
                ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
            );
            let error = Diagnostic::error("Several subnets in one zone", cause).remedy("Keep one of them.");
            found.push(at(Args::NAMES.subnet_ids, error));
        }
    }

    /// Zones that services lack.
    fn zones(&self, found: &mut Diagnostics) {
        let (Some(services), Some(subnets)) = (&self.network.services, &self.network.subnets) else { return };
        let Some(wanted) = self.args.subnet_ids.set() else { return };
        for service in self.kinds.iter().filter(|(_, kind)| **kind == Kind::Interface).map(|(service, _)| service) {
            let zones = services.get(&service_name(self.region, service)).map(|details| &details.zones);
            let Some(zones) = zones.filter(|zones| !zones.is_empty()) else { continue };
            let placed = wanted.iter().filter_map(|id| Some((id, &subnets.get(id.as_str())?.availability_zone)));
            let (there, lacking): (Vec<_>, Vec<_>) = placed.partition(|(_, zone)| zones.contains(*zone));
            if lacking.is_empty() {
                continue;
            }
            let lacks: Vec<String> = lacking.iter().map(|(id, zone)| format!("`{id}` ({zone})")).collect();
            let has: Vec<&str> = zones.iter().map(String::as_str).collect();
            let cause = format!(
                "The service `{service}` has endpoints in {}, and none in the zone of {}.",
                has.join(", "),
                lacks.join(", ")
            );
            let diagnostic = if there.is_empty() {
                Diagnostic::error("No subnet in a zone of the service", cause)
                    .remedy("Add a subnet in one of these zones, or leave the service out.")
            } else {
                Diagnostic::warning("Service is not available in a zone", cause)
                    .remedy("Its endpoint gets interfaces in the other subnets only, and is reached from this zone through those.")
            };
            found.push(at(Args::NAMES.subnet_ids, diagnostic));
        }
    }

    fn groups(&self, found: &mut Diagnostics) {
        let (Some(known), Some(wanted)) = (&self.network.groups, self.args.security_group_ids.set()) else { return };
        for id in wanted.iter().map(SecurityGroupId::as_str) {
            match known.get(id) {
                None => found.push(at(Args::NAMES.security_group_ids, absent("Security group", id, self.region))),
                Some(group) if group.vpc_id != self.vpc.as_str() => {
                    found.push(at(
                        Args::NAMES.security_group_ids,
                        foreign("Security group", id, &group.vpc_id, self.vpc),
                    ));
                }
                Some(_) => {}
            }
        }
    }

    fn tables(&self, found: &mut Diagnostics) {
        let (Some(known), Some(wanted)) = (&self.network.tables, self.args.route_table_ids.set()) else { return };
        for id in wanted.iter().filter(|id| !known.iter().any(|table| table.id == id.as_str())) {
            let cause = format!(
                "Route table `{id}` does not exist in VPC `{}`, but in another one or not at all. A gateway endpoint adds routes to tables of its own VPC only.",
                self.vpc
            );
            found.push(at(Args::NAMES.route_table_ids, Diagnostic::error("Route table is not in the VPC", cause)));
        }
    }

    /// Whether the security groups let the clients in. A rule that names another group or a prefix list may do so.
    fn ingress(&self, found: &mut Diagnostics) {
        let Some(rules) = &self.network.rules else { return };
        if !self.kinds.values().any(|kind| *kind == Kind::Interface) {
            return;
        }
        let rules: Vec<&Rule> =
            rules.iter().flat_map(|group| &group.ingress).filter(|rule| rule.covers_tcp(HTTPS)).collect();
        if rules.iter().any(|rule| rule.ranges.is_empty() || rule.has_prefix_lists) {
            return;
        }
        let ranges: Vec<Cidr> =
            rules.iter().flat_map(|rule| &rule.ranges).filter_map(|range| range.parse().ok()).collect();
        let clients: Vec<Cidr> = match (self.args.client_cidrs.set(), &self.network.vpc) {
            (Some(clients), _) => clients.iter().filter_map(super::super::Network::cidr).collect(),
            (None, Some(vpc)) => vpc.cidr_blocks.iter().filter_map(|block| block.parse().ok()).collect(),
            _ => return,
        };
        let outside: Vec<String> = clients
            .iter()
            .filter(|client| !ranges.iter().any(|range| range.contains(**client)))
            .map(ToString::to_string)
            .collect();
        if outside.is_empty() {
            return;
        }
        let cause = format!("No rule of the security groups allows TCP port {HTTPS} from {}.", outside.join(", "));
        let remedy =
            "Unless a rule is added in the same apply, add one; `client_cidrs` sets from where the endpoints are used.";
        found.push(at(
            Args::NAMES.security_group_ids,
            Diagnostic::warning("Endpoints may not be reachable", cause).remedy(remedy),
        ));
    }

    /// Endpoints of others that are in the way.
    fn collisions(&self, found: &mut Diagnostics) {
        let Some(existing) = &self.network.endpoints else { return };
        if self.args.adopt_existing.known() != Some(&false) {
            return;
        }
        let mut twins = Vec::new();
        for (service, kind) in self.kinds {
            let name = service_name(self.region, service);
            let is_in_the_way = |endpoint: &&Endpoint| {
                endpoint.service_name == name
                    && endpoint.kind == called(*kind)
                    && !endpoint.is_leaving()
                    && !endpoint.has_failed()
                    && !self.ours.contains(&endpoint.id)
                    && self.collides(*kind, endpoint)
            };
            // What this resource has for the service stays, and has been checked by AWS.
            let is_held =
                existing.iter().any(|it| it.service_name == name && self.ours.contains(&it.id) && !it.is_leaving());
            let Some(endpoint) = existing.iter().find(is_in_the_way).filter(|_| !is_held) else { continue };
            if self.is_as_configured(*kind, endpoint) {
                twins.push(format!("`{service}` (`{}`)", endpoint.id));
                continue;
            }
            let why = match kind {
                Kind::Interface => "has its private DNS names, which only one endpoint of a VPC can have",
                Kind::Gateway => "has a route in one of the route tables, which can have one for each service",
            };
            let cause = format!("VPC `{}` has an endpoint of `{service}` already: `{}` {why}.", self.vpc, endpoint.id);
            let remedy = format!(
                "Set `adopt_existing = true` to use it as it is (it is then kept on destroy), leave `{service}` out, or delete it."
            );
            found.push(at(
                Args::NAMES.adopt_existing,
                Diagnostic::error("VPC endpoint exists already", cause).remedy(remedy),
            ));
        }
        if !twins.is_empty() {
            let cause = format!(
                "VPC `{}` has endpoints exactly as configured of {}. If this resource is tainted, they are its own, and are deleted before new ones are created. Otherwise the apply fails.",
                self.vpc,
                twins.join(", ")
            );
            let remedy = "To keep a tainted resource's endpoints, run `terraform untaint`. To use endpoints of others, set `adopt_existing = true`.";
            found.push(at(
                Args::NAMES.adopt_existing,
                Diagnostic::warning("VPC endpoints exist as configured", cause).remedy(remedy),
            ));
        }
    }

    /// Whether an endpoint is what would be created. Terraform plans the replacement of a tainted resource as if there
    /// were none, so its own endpoints cannot be recognized by their ids.
    fn is_as_configured(&self, kind: Kind, endpoint: &Endpoint) -> bool {
        let same = |wanted: Option<BTreeSet<&str>>, found: &BTreeSet<String>| {
            wanted.is_some_and(|wanted| wanted.into_iter().eq(found.iter().map(String::as_str)))
        };
        let is_placed = match kind {
            Kind::Interface => {
                let subnets = self.args.subnet_ids.set().map(|ids| ids.iter().map(SubnetId::as_str).collect());
                let groups = self.args.security_group_ids.set();
                same(subnets, &endpoint.subnet_ids)
                    && same(
                        groups.map(|ids| ids.iter().map(SecurityGroupId::as_str).collect()),
                        &endpoint.security_group_ids,
                    )
            }
            Kind::Gateway => {
                let tables = self.args.route_table_ids.set().map(|ids| ids.iter().map(RouteTableId::as_str).collect());
                same(tables, &endpoint.route_table_ids)
            }
        };
        is_placed && self.tags == Some(&endpoint.tags)
    }

    fn collides(&self, kind: Kind, endpoint: &Endpoint) -> bool {
        match kind {
            Kind::Interface => endpoint.private_dns && self.args.private_dns.known() == Some(&true),
            Kind::Gateway => {
                let tables = self.args.route_table_ids.set();
                tables.is_some_and(|tables| tables.iter().any(|id| endpoint.route_table_ids.contains(id.as_str())))
            }
        }
    }
}

fn at(attribute: &str, diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.at(Path::attribute(attribute))
}

fn absent(what: &str, id: &str, region: &Region) -> Diagnostic {
    Diagnostic::error(format!("{what} does not exist"), format!("{what} `{id}` does not exist in {region}."))
}

fn foreign(what: &str, id: &str, found: &str, wanted: &VpcId) -> Diagnostic {
    Diagnostic::error(
        format!("{what} is in another VPC"),
        format!("{what} `{id}` is in VPC `{found}`, the endpoints are in `{wanted}`."),
    )
}
