//! The subnets of a new cluster, as far as they exist already.

use std::collections::BTreeSet;

use framework::diagnostic::Result;
use framework::model::Maybe;
use framework::resource::Plan;

use super::super::{Args, OutpostCluster};
use crate::attributes::Region;
use crate::session::{Clients, Context};

/// Addresses that each subnet of a control plane on instance stores needs. Source: EKS user guide, "Create a VPC and
/// subnets for Amazon EKS clusters on AWS Outposts".
const ADDRESSES: u32 = 3;
/// Zones without local clusters on instance stores. Source: as above.
const WITHOUT: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

const SUMMARY: &str = "Subnet does not suit the local cluster";

pub(super) async fn check(plan: &mut Plan<OutpostCluster>, region: Option<&Region>, cx: &Context) -> Result<()> {
    let (Maybe::Known(ids), Some(aws)) = (&plan.args.subnet_ids, cx.try_clients().and_then(Clients::known_aws)) else {
        return Ok(());
    };
    let Some(region) = region else { return Ok(()) };
    let ids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    let found = match aws.ec2(Some(region.as_str())).subnets(ids.iter().map(String::as_str)).await {
        Ok(found) => found,
        Err(error) => {
            // EKS checks the subnets too.
            tracing::info!("the subnets are not checked at plan: {error}");
            return Ok(());
        }
    };
    let mut refused = Vec::new();
    for id in ids.iter().filter(|id| !found.contains_key(*id)) {
        refused.push(format!("There is no subnet `{id}` in {region}."));
    }
    let vpcs: BTreeSet<&String> = found.values().map(|subnet| &subnet.vpc_id).collect();
    if vpcs.len() > 1 {
        let vpcs: Vec<String> = vpcs.into_iter().map(|id| format!("`{id}`")).collect();
        refused.push(format!("The subnets are in several VPCs: {}.", vpcs.join(", ")));
    }
    match (&plan.args.etcd_instance_type, &plan.args.outpost_arn) {
        (Maybe::Known(None), Maybe::Known(outpost)) => {
            for subnet in found.values().filter(|subnet| subnet.outpost_arn.as_deref() != Some(outpost.as_str())) {
                let on = subnet
                    .outpost_arn
                    .as_ref()
                    .map_or_else(|| "is on no Outpost".to_owned(), |arn| format!("is on the Outpost `{arn}`"));
                refused.push(format!(
                    "Subnet `{}` {on}. The subnets of a control plane on EBS volumes are on its own Outpost (`outpost_arn` of `aws_subnet`).",
                    subnet.id
                ));
            }
        }
        (Maybe::Known(Some(_)), _) => {
            let zones: BTreeSet<&String> = found.values().map(|subnet| &subnet.availability_zone).collect();
            if zones.len() > 1 {
                let zones: Vec<String> = zones.into_iter().map(|zone| format!("`{zone}`")).collect();
                refused.push(format!(
                    "The subnets are in several availability zones: {}. A control plane on instance stores takes subnets of one zone, the Outpost's.",
                    zones.join(", ")
                ));
            }
            for subnet in found.values() {
                if let Some(zone) = subnet.availability_zone_id.as_deref().filter(|zone| WITHOUT.contains(zone)) {
                    refused.push(format!(
                        "Subnet `{}` is in the zone `{zone}`, where EKS has no local clusters.",
                        subnet.id
                    ));
                }
                if subnet.available_addresses < ADDRESSES {
                    refused.push(format!(
                        "Subnet `{}` has {} free addresses; the control plane needs at least {ADDRESSES}.",
                        subnet.id, subnet.available_addresses
                    ));
                }
            }
        }
        _ => {}
    }
    for why in refused {
        plan.fault(Args::NAMES.subnet_ids, SUMMARY, why);
    }
    Ok(())
}
