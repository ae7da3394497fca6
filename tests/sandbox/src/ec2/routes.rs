//! Route tables. The local routes are not kept: they follow the blocks of the VPC.

use serde_json::{Value, json};

use super::{
    Store, done, endpoints, gateways, interfaces, need, peering,
    records::{self, Kind, Record, in_use},
    subnets, vpcs,
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    cidr::Cidr,
    random,
    world::Account,
};

pub const KIND: Kind = Kind {
    prefix: "rtb",
    tagged_as: "route-table",
    parameter: "RouteTableId",
    member: "routeTableId",
    missing: "InvalidRouteTableID.NotFound",
    called: "routeTable ID",
    set: "routeTableSet",
    filters: &[
        ("route-table-id", "routeTableId"),
        ("vpc-id", "vpcId"),
        ("association.main", "associationSet.*.main"),
        ("association.subnet-id", "associationSet.*.subnetId"),
        ("association.route-table-id", "associationSet.*.routeTableId"),
        ("association.route-table-association-id", "associationSet.*.routeTableAssociationId"),
        ("route.destination-cidr-block", "routeSet.*.destinationCidrBlock"),
        ("route.gateway-id", "routeSet.*.gatewayId"),
        ("route.nat-gateway-id", "routeSet.*.natGatewayId"),
        ("route.vpc-peering-connection-id", "routeSet.*.vpcPeeringConnectionId"),
    ],
};

fn empty(owner: &str, vpc: &str) -> Value {
    json!({"vpcId": vpc, "ownerId": owner, "routeSet": [], "associationSet": [], "propagatingVgwSet": []})
}

/// The main table of a new VPC.
pub fn main_table(account: &mut Account, vpc: &str) -> Record {
    let value = empty(&account.id.clone(), vpc);
    let mut table = Record::new(account, &KIND, value);
    let mut association = association(&table.id, None);
    association["main"] = true.into();
    table.value["associationSet"] = json!([association]);
    table
}

fn association(table: &str, subnet: Option<&str>) -> Value {
    json!({
        "routeTableAssociationId": format!("rtbassoc-0{}", random::hex(16)),
        "routeTableId": table,
        "main": false,
        "subnetId": subnet,
        "associationState": {"state": "associated"},
    })
}

/// Puts the local routes in front.
fn view(store: &Store, mut described: Value) -> Value {
    let blocks = described["vpcId"].as_str().and_then(|vpc| store.vpcs.get(vpc)).map(|vpc| &vpc.blocks);
    let local = blocks.into_iter().flatten().map(|(_, block)| {
        json!({
            "destinationCidrBlock": block, "gatewayId": "local", "state": "active", "origin": "CreateRouteTable",
        })
    });
    let mut own = described["routeSet"].as_array().cloned().unwrap_or_default();
    for route in &mut own {
        route["state"] = if leads_somewhere(store, route) { "active" } else { "blackhole" }.into();
    }
    let through = endpoints::routes(store, described["routeTableId"].as_str().unwrap_or_default());
    let routes = local.chain(own).chain(through).collect();
    described["routeSet"] = routes;
    described
}

/// Whether the target of a route is there and takes traffic: a route outlives its target, and is a black hole then.
fn leads_somewhere(store: &Store, route: &Value) -> bool {
    TARGETS.into_iter().filter_map(|(_, member, kind)| Some((route[member].as_str()?, kind))).all(|(id, kind)| {
        store.of(kind).find(|record| record.id == id).is_some_and(|record| {
            let value = &record.value;
            match kind.prefix {
                "pcx" => value["status"]["code"] == "active",
                "nat" => value["state"] == "available",
                "igw" => value["attachmentSet"].as_array().is_some_and(|all| !all.is_empty()),
                _ => value["attachment"]["status"] == "attached",
            }
        })
    })
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let vpc = vpcs::find(call, query)?.id.clone();
    let value = empty(&call.account, &vpc);
    let made = Record::create(call, query, &KIND, value)?;
    let answer = view(&call.region().ec2, made.describe(&KIND));
    call.region().ec2.keep(made);
    Ok(json!({"routeTable": answer}))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    records::list_as(call, query, &KIND, view)
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let removed = records::remove(call, query, &KIND, |table, _| {
        let used = table.value["associationSet"].as_array().is_some_and(|all| !all.is_empty());
        used.then(|| in_use("routeTable", &table.id))
    })?;
    endpoints::forget_table(&mut call.region().ec2, &removed.id);
    Ok(done())
}

/// Parameter of a route's target, the member that shows it, and the kind that it must be of.
const TARGETS: [(&str, &str, &Kind); 4] = [
    ("GatewayId", "gatewayId", &gateways::INTERNET),
    ("NatGatewayId", "natGatewayId", &gateways::NAT),
    ("VpcPeeringConnectionId", "vpcPeeringConnectionId", &peering::KIND),
    ("NetworkInterfaceId", "networkInterfaceId", &interfaces::KIND),
];

fn route_of(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let destination = need(query, "DestinationCidrBlock")?;
    if Cidr::parse(destination).is_none() {
        return Err(AwsError::client(
            "InvalidParameterValue",
            format!(
                "Value ({destination}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
            ),
        ));
    }
    let given: Vec<_> = TARGETS.into_iter().filter(|(parameter, ..)| query.text(parameter).is_some()).collect();
    let [(parameter, member, kind)] = given[..] else {
        return Err(AwsError::client(
            "InvalidParameterCombination",
            "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId",
        ));
    };
    let id = need(query, parameter)?;
    call.region().ec2.record(kind, id)?;
    Ok(json!({"destinationCidrBlock": destination, member: id, "state": "active", "origin": "CreateRoute"}))
}

fn routes(table: &mut Record) -> &mut Vec<Value> {
    // Every table is created with a list.
    match &mut table.value["routeSet"] {
        Value::Array(routes) => routes,
        other => unreachable!("a route table holds {other}"),
    }
}

pub fn create_route(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let route = route_of(call, query)?;
    let table = records::find(call, query, &KIND)?;
    if routes(table).iter().any(|there| there["destinationCidrBlock"] == route["destinationCidrBlock"]) {
        return Err(AwsError::client(
            "RouteAlreadyExists",
            format!(
                "The route identified by {} already exists.",
                route["destinationCidrBlock"].as_str().unwrap_or_default()
            ),
        ));
    }
    routes(table).push(route);
    Ok(done())
}

fn no_route(query: &Query) -> AwsError {
    AwsError::client(
        "InvalidRoute.NotFound",
        format!("no route with destination-cidr-block {}", query.text("DestinationCidrBlock").unwrap_or_default()),
    )
}

pub fn replace_route(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let route = route_of(call, query)?;
    let table = records::find(call, query, &KIND)?;
    let there = routes(table).iter_mut().find(|there| there["destinationCidrBlock"] == route["destinationCidrBlock"]);
    *there.ok_or_else(|| no_route(query))? = route;
    Ok(done())
}

pub fn delete_route(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let destination = need(query, "DestinationCidrBlock")?;
    let table = records::find(call, query, &KIND)?;
    let before = routes(table).len();
    routes(table).retain(|there| there["destinationCidrBlock"] != destination);
    if routes(table).len() == before { Err(no_route(query)) } else { Ok(done()) }
}

pub fn associate(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let subnet = subnets::find(call, need(query, "SubnetId")?)?.clone();
    let store = &call.region().ec2;
    let taken = store.of(&KIND).flat_map(|table| table.value["associationSet"].as_array().into_iter().flatten());
    if taken.into_iter().any(|one| one["subnetId"] == subnet.id.as_str()) {
        let message =
            format!("the specified association for subnet {} conflicts with an existing association", subnet.id);
        return Err(AwsError::client("Resource.AlreadyAssociated", message));
    }
    let table = records::find(call, query, &KIND)?;
    if table.text("vpcId") != subnet.vpc_id {
        return Err(AwsError::client(
            "InvalidParameterValue",
            format!("Route table {} and subnet {} belong to different networks", table.id, subnet.id),
        ));
    }
    let made = association(&table.id, Some(&subnet.id));
    if let Some(all) = table.value["associationSet"].as_array_mut() {
        all.push(made.clone());
    }
    Ok(json!({"associationId": made["routeTableAssociationId"], "associationState": made["associationState"]}))
}

pub fn disassociate(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let id = need(query, "AssociationId")?;
    for table in call.region().ec2.records.values_mut().filter(|record| record.is(&KIND)) {
        let Some(all) = table.value["associationSet"].as_array_mut() else { continue };
        let Some(index) = all.iter().position(|one| one["routeTableAssociationId"] == id) else { continue };
        if all[index]["main"] == true {
            return Err(AwsError::client(
                "InvalidParameterValue",
                format!("cannot disassociate the main route table association {id}"),
            ));
        }
        all.remove(index);
        return Ok(done());
    }
    Err(AwsError::client("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist")))
}

/// A subnet that goes takes its association along.
pub fn forget_subnet(store: &mut Store, subnet: &str) {
    for table in store.records.values_mut().filter(|record| record.is(&KIND)) {
        if let Some(all) = table.value["associationSet"].as_array_mut() {
            all.retain(|one| one["subnetId"] != subnet);
        }
    }
}
