//! The way from the VPC to the premises: routes of the control plane's subnets.

use std::collections::BTreeMap;

use names::Cidr;

use crate::aws::ec2::{Route, RouteTable};
use crate::aws::eks::Cluster;
use crate::data_sources::preflight::check::checks;
use crate::data_sources::preflight::facts::ranges::{listed, ranges, uncovered};
use crate::data_sources::preflight::facts::{Facts, cluster_subnets, known};
use crate::data_sources::preflight::report::{Found, Report};

checks! {
    NO_ROUTE: Error, "remote_route",
        "A route table of the control plane's subnets has no route to a remote network, or only one to the internet.",
        why: "The control plane cannot reach kubelets and webhooks there: logs, exec, port-forward and admission fail, and answers to hosts do not find their way.",
        fix: "Add a route for each remote network to the gateway, peering connection or interface that leads to the premises.",
        needs: ["eks:DescribeCluster", "ec2:DescribeRouteTables"];
    BLACKHOLE: Error, "remote_route_blackhole",
        "A route to a remote network leads to a target that no longer exists or does not run.",
        why: "AWS discards every packet that such a route matches. A gateway on an instance leaves it behind when the instance is stopped or replaced.",
        fix: "Point the route at the present gateway, or delete it.",
        needs: ["eks:DescribeCluster", "ec2:DescribeRouteTables"];
    EGRESS: Warning, "control_plane_egress",
        "The control plane's own traffic takes the routes of its subnets, and a route table has no default route.",
        why: "With the egress modes `CUSTOMER_ROUTED` and `CUSTOMER_ISOLATED`, webhooks and identity providers outside the VPC are reached over your routes alone.",
        fix: "Add a default route, or make sure that nothing outside the VPC is called. The cluster cannot return to `AWS_MANAGED`.",
        needs: ["eks:DescribeCluster", "ec2:DescribeRouteTables"];
}

pub(super) fn run(facts: &Facts, report: &mut Report) {
    report.run(&NO_ROUTE, || Ok(missing_routes(facts.hybrid()?, known(&facts.route_tables)?)));
    report.run(&EGRESS, || Ok(no_way_out(known(&facts.cluster)?, known(&facts.route_tables)?)));
    report.run(&BLACKHOLE, || Ok(blackholes(facts.hybrid()?, known(&facts.route_tables)?)));
}

/// The route tables of the control plane's subnets: their own, or the VPC's main one.
fn tables_of<'a>(cluster: &Cluster, tables: &'a [RouteTable]) -> Vec<&'a RouteTable> {
    let main = tables.iter().find(|table| table.is_main);
    let mut found: BTreeMap<&str, &RouteTable> = BTreeMap::new();
    for subnet in cluster_subnets(cluster) {
        let own = tables.iter().find(|table| table.subnet_ids.iter().any(|id| id == subnet));
        if let Some(table) = own.or(main) {
            found.insert(&table.id, table);
        }
    }
    found.into_values().collect()
}

fn remote(cluster: &Cluster) -> Vec<Cidr> {
    let mut remote = ranges(&cluster.remote_node_networks);
    remote.extend(ranges(&cluster.remote_pod_networks));
    remote
}

/// Whether a route leads out of the VPC, but to the internet: private addresses get no answer there.
fn is_to_internet(route: &Route) -> bool {
    ["igw-", "nat-", "eigw-"].iter().any(|start| route.target.starts_with(start))
}

fn destination(route: &Route) -> Option<Cidr> {
    route.destination.parse().ok()
}

fn missing_routes(cluster: &Cluster, tables: &[RouteTable]) -> Vec<Found> {
    let mut found = Vec::new();
    for table in tables_of(cluster, tables) {
        // A prefix list may hold the ranges; they are not in the description.
        if table.has_prefix_lists && table.routes.iter().all(|route| route.target == "local" || is_to_internet(route)) {
            continue;
        }
        let leads_there = table.routes.iter().filter(|route| route.target != "local" && !is_to_internet(route));
        let cover: Vec<Cidr> = leads_there.filter_map(destination).collect();
        let left: Vec<Cidr> = remote(cluster).into_iter().flat_map(|network| uncovered(network, &cover)).collect();
        if !left.is_empty() {
            let what = format!("No route to {} leads to the premises.", listed(&left));
            let fix = format!(
                "Add routes to {} in {}, to the gateway, peering connection or interface that leads to the premises.",
                listed(&left),
                table.id
            );
            found.push(Found::new(&table.id, what).fix(fix));
        }
    }
    found
}

fn blackholes(cluster: &Cluster, tables: &[RouteTable]) -> Vec<Found> {
    let mut found = Vec::new();
    for table in tables_of(cluster, tables) {
        let dead = table.routes.iter().filter(|route| route.is_blackhole);
        for (route, range) in dead.filter_map(|route| Some((route, destination(route)?))) {
            if remote(cluster).iter().any(|network| network.overlaps(range)) {
                let target = if route.target.is_empty() { "a deleted target" } else { &route.target };
                let what = format!("The route to {range} leads to {target}, which is gone or does not run.");
                found.push(Found::new(&table.id, what));
            }
        }
    }
    found
}

fn no_way_out(cluster: &Cluster, tables: &[RouteTable]) -> Vec<Found> {
    let Some(mode @ ("CUSTOMER_ROUTED" | "CUSTOMER_ISOLATED")) = cluster.egress_mode.as_deref() else {
        return Vec::new();
    };
    let has_default =
        |table: &&RouteTable| table.routes.iter().any(|route| route.destination == "0.0.0.0/0" && !route.is_blackhole);
    let closed = tables_of(cluster, tables).into_iter().filter(|table| !has_default(table));
    closed
        .map(|table| Found::new(&table.id, format!("The egress mode is `{mode}`, and there is no default route.")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(subnets: &[&str]) -> Cluster {
        Cluster {
            subnet_ids: subnets.iter().map(ToString::to_string).collect(),
            remote_node_networks: vec!["10.80.0.0/16".to_owned()],
            remote_pod_networks: vec!["10.85.0.0/16".to_owned()],
            ..Cluster::default()
        }
    }

    fn table(id: &str, subnets: &[&str], routes: &[(&str, &str, bool)]) -> RouteTable {
        RouteTable {
            id: id.to_owned(),
            is_main: subnets.is_empty(),
            subnet_ids: subnets.iter().map(ToString::to_string).collect(),
            routes: routes
                .iter()
                .map(|(destination, target, is_blackhole)| Route {
                    destination: (*destination).to_owned(),
                    target: (*target).to_owned(),
                    is_blackhole: *is_blackhole,
                })
                .collect(),
            has_prefix_lists: false,
        }
    }

    const LOCAL: (&str, &str, bool) = ("10.0.0.0/16", "local", false);

    #[test]
    fn each_remote_network_needs_a_route_that_does_not_lead_to_the_internet() {
        for (routes, expected) in [
            (&[("10.80.0.0/16", "tgw-1", false), ("10.85.0.0/16", "tgw-1", false)][..], None),
            (&[("10.0.0.0/8", "vgw-1", false)], None),
            (&[("0.0.0.0/0", "tgw-1", false)], None),
            (&[("10.80.0.0/16", "pcx-1", false)], Some("No route to 10.85.0.0/16 leads to the premises.")),
            (
                &[("0.0.0.0/0", "igw-1", false)],
                Some("No route to 10.80.0.0/16 and 10.85.0.0/16 leads to the premises."),
            ),
            (
                &[("0.0.0.0/0", "nat-1", false), ("10.80.0.0/17", "tgw-1", false), ("10.85.0.0/16", "eni-1", false)],
                Some("No route to 10.80.128.0/17 leads to the premises."),
            ),
        ] {
            let routes: Vec<_> = [LOCAL].iter().chain(routes).copied().collect();
            let found = missing_routes(&cluster(&["subnet-1"]), &[table("rtb-1", &[], &routes)]);
            assert_eq!(found.first().map(|one| one.what.as_str()), expected, "{routes:?}");
        }
    }

    #[test]
    fn only_tables_of_the_control_planes_subnets_count() {
        let good = [("10.0.0.0/8", "tgw-1", false)];
        let tables = [
            table("rtb-main", &[], &[LOCAL]),
            table("rtb-1", &["subnet-1"], &good),
            table("rtb-9", &["subnet-9"], &[]),
        ];
        let of = |subnets: &[&str]| {
            missing_routes(&cluster(subnets), &tables).into_iter().map(|one| one.at).collect::<Vec<_>>()
        };
        assert_eq!(of(&["subnet-1"]), [""; 0]);
        assert_eq!(of(&["subnet-1", "subnet-2", "subnet-3"]), ["rtb-main"]);
    }

    #[test]
    fn what_a_prefix_list_holds_is_not_known() {
        let with = RouteTable { has_prefix_lists: true, ..table("rtb-1", &[], &[LOCAL]) };
        assert_eq!(missing_routes(&cluster(&["subnet-1"]), &[with]), []);
    }

    #[test]
    fn dead_routes_to_remote_networks_are_found() {
        let routes = [("10.80.0.0/16", "eni-1", true), ("10.85.0.0/17", "", true), ("192.168.0.0/16", "pcx-1", true)];
        let found = blackholes(&cluster(&["subnet-1"]), &[table("rtb-1", &[], &routes)]);
        let whats: Vec<_> = found.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(
            whats,
            [
                "The route to 10.80.0.0/16 leads to eni-1, which is gone or does not run.",
                "The route to 10.85.0.0/17 leads to a deleted target, which is gone or does not run.",
            ]
        );
    }

    #[test]
    fn a_way_out_matters_only_for_some_modes() {
        let default = [("0.0.0.0/0", "nat-1", false)];
        let dead = [("0.0.0.0/0", "nat-1", true)];
        for (mode, routes, found) in [
            (None, &[][..], 0),
            (Some("AWS_MANAGED"), &[], 0),
            (Some("CUSTOMER_ROUTED"), &[], 1),
            (Some("CUSTOMER_ROUTED"), &default, 0),
            (Some("CUSTOMER_ISOLATED"), &dead, 1),
        ] {
            let cluster = Cluster { egress_mode: mode.map(str::to_owned), ..cluster(&["subnet-1"]) };
            assert_eq!(no_way_out(&cluster, &[table("rtb-1", &[], routes)]).len(), found, "{mode:?} {routes:?}");
        }
    }
}
