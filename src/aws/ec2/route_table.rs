//! Route tables of a VPC, for checks that only read them.

use super::{Client, PAGE, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE: Operation = Operation::new("ec2", "DescribeRouteTables");

/// A route table as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-…`.
    pub id: String,
    /// Whether it is the VPC's main table, used by every subnet without a table of its own.
    pub is_main: bool,
    /// The subnets with an explicit association.
    pub subnet_ids: Vec<String>,
    /// IPv4 routes to ranges. Routes to prefix lists are not among them.
    pub routes: Vec<Route>,
    /// Whether it has routes to prefix lists, whose ranges are not in the description. Those of gateway endpoints do not
    /// count: they lead to services of AWS.
    pub has_prefix_lists: bool,
}

/// A route to an IPv4 range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// `10.80.0.0/16`.
    pub destination: String,
    /// Id of the target: a gateway, a network interface, a peering connection; `local` within the VPC.
    pub target: String,
    /// Whether the target no longer exists, or cannot take traffic: AWS discards what this route matches.
    pub is_blackhole: bool,
}

impl Client {
    /// The route tables of a VPC.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn route_tables(&self, vpc_id: &str) -> Result<Vec<RouteTable>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let request = regional.ec2().describe_route_tables().filters(filter("vpc-id", vec![vpc_id.to_owned()]));
            // Source: EC2 API reference, DescribeRouteTables: at most 100.
            let request = request.max_results(PAGE.min(100)).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
            found.extend(page.route_tables.unwrap_or_default().into_iter().map(read));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

fn read(table: aws_sdk_ec2::types::RouteTable) -> RouteTable {
    let associations = table.associations.unwrap_or_default();
    let routes = table.routes.unwrap_or_default();
    RouteTable {
        id: table.route_table_id.unwrap_or_default(),
        is_main: associations.iter().any(|one| one.main == Some(true)),
        subnet_ids: associations.into_iter().filter_map(|one| one.subnet_id).collect(),
        has_prefix_lists: routes.iter().any(|route| {
            let endpoint = route.gateway_id().is_some_and(|target| target.starts_with("vpce-"));
            route.destination_prefix_list_id.is_some() && !endpoint
        }),
        routes: routes.into_iter().filter_map(route).collect(),
    }
}

fn route(route: aws_sdk_ec2::types::Route) -> Option<Route> {
    let destination = route.destination_cidr_block?;
    let is_blackhole = route.state == Some(aws_sdk_ec2::types::RouteState::Blackhole);
    let targets = [
        route.gateway_id,
        route.nat_gateway_id,
        route.transit_gateway_id,
        route.vpc_peering_connection_id,
        route.local_gateway_id,
        route.carrier_gateway_id,
        route.core_network_arn,
        // A route to an instance names its interface too.
        route.network_interface_id,
        route.instance_id,
    ];
    let target = targets.into_iter().flatten().next().unwrap_or_default();
    Some(Route { destination, target, is_blackhole })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn tables_come_with_targets_and_their_state_from_every_page() {
        let stub = Stub::new(|asked| {
            let second = asked.body.get("NextToken").is_some();
            let (id, main, next) = if second { ("rtb-2", "false", "") } else { ("rtb-1", "true", "more") };
            let route = |destination: &str, target: &str, state: &str| {
                format!(
                    "<item><destinationCidrBlock>{destination}</destinationCidrBlock>{target}<state>{state}</state></item>"
                )
            };
            let routes = [
                route("10.0.0.0/16", "<gatewayId>local</gatewayId>", "active"),
                route(
                    "10.80.0.0/16",
                    "<instanceId>i-1</instanceId><networkInterfaceId>eni-1</networkInterfaceId>",
                    "blackhole",
                ),
                if second { "" } else { "<item><destinationPrefixListId>pl-2</destinationPrefixListId><transitGatewayId>tgw-1</transitGatewayId></item>" }.to_owned(),
                "<item><destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId></item>"
                    .to_owned(),
            ]
            .concat();
            let association = format!("<item><main>{main}</main><subnetId>subnet-{id}</subnetId></item>");
            let table = format!(
                "<item><routeTableId>{id}</routeTableId><routeSet>{routes}</routeSet><associationSet>{association}</associationSet></item>"
            );
            Reply::Answer(
                200,
                format!(
                    "<DescribeRouteTablesResponse><routeTableSet>{table}</routeTableSet><nextToken>{next}</nextToken></DescribeRouteTablesResponse>"
                ),
            )
        });
        let tables = stub.clients().ec2(None).route_tables("vpc-1").await.expect("read");
        let route = |destination: &str, target: &str, is_blackhole| Route {
            destination: destination.to_owned(),
            target: target.to_owned(),
            is_blackhole,
        };
        let table = |id: &str, is_main| RouteTable {
            id: id.to_owned(),
            is_main,
            subnet_ids: vec![format!("subnet-{id}")],
            routes: vec![route("10.0.0.0/16", "local", false), route("10.80.0.0/16", "eni-1", true)],
            has_prefix_lists: is_main,
        };
        assert_eq!(tables, [table("rtb-1", true), table("rtb-2", false)]);
        stub.read(|asked| assert_eq!(asked[0].body["Filter.1.Name"], "vpc-id"));
    }
}
