//! DHCP options: the set that every VPC begins with. Others are not modelled.

use serde_json::{Value, json};

use super::describe::{self, Entry, Kind};
use crate::aws::{Call, error::Result, input::Query};

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (owner, region) = (call.account.clone(), call.region.clone());
    let domain = if region == "us-east-1" { "ec2.internal".to_owned() } else { format!("{region}.compute.internal") };
    let entries = call
        .region()
        .ec2
        .vpcs
        .values()
        .map(|vpc| Entry {
            id: vpc.dhcp_options_id.clone(),
            order: vpc.born.order,
            tags: std::collections::BTreeMap::new(),
            filterable: vec![
                ("dhcp-options-id", vec![vpc.dhcp_options_id.clone()]),
                ("key", vec!["domain-name".to_owned(), "domain-name-servers".to_owned()]),
                ("owner-id", vec![owner.clone()]),
            ],
            value: json!({
                "dhcpOptionsId": vpc.dhcp_options_id,
                "ownerId": owner,
                "dhcpConfigurationSet": [
                    {"key": "domain-name", "valueSet": [{"value": domain}]},
                    {"key": "domain-name-servers", "valueSet": [{"value": "AmazonProvidedDNS"}]},
                ],
                "tagSet": [],
            }),
        })
        .collect();
    let kind = Kind {
        ids: "DhcpOptionsId",
        missing: "InvalidDhcpOptionID.NotFound",
        called: "dhcpOption ID",
        set: "dhcpOptionsSet",
        sizes: (5, 1000),
    };
    describe::answer(call, query, &kind, entries)
}
