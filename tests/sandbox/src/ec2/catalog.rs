//! What is the same for every account: regions, zones, instance types.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::describe::{Entry, Kind};
use crate::aws::{
    Call,
    error::{AwsError, Result},
    input::Query,
    regions::{REGIONS, ZONE_LETTERS, zone_id},
};

pub fn regions(query: &Query) -> Result<Value> {
    let names = query.list("RegionName");
    if let Some(name) = names.iter().find(|name| !REGIONS.iter().any(|(known, _)| known == *name)) {
        return Err(AwsError::client("InvalidParameterValue", format!("Invalid region name: {name}")));
    }
    let all = query.flag("AllRegions");
    let filters = query.filters();
    let mut found = Vec::new();
    for (name, opt_in) in REGIONS {
        let status = if *opt_in { "not-opted-in" } else { "opt-in-not-required" };
        let endpoint = format!("ec2.{name}.amazonaws.com");
        let wanted = if names.is_empty() { all || !opt_in } else { names.iter().any(|wanted| wanted == name) };
        let mut fits = true;
        for (filter, values) in &filters {
            let value = match filter.as_str() {
                "region-name" => *name,
                "opt-in-status" => status,
                "endpoint" => &endpoint,
                other => {
                    return Err(AwsError::client("InvalidParameterValue", format!("The filter '{other}' is invalid")));
                }
            };
            fits &= values.iter().any(|wanted| crate::identity::matches(wanted, value));
        }
        if wanted && fits {
            found.push(json!({"regionName": name, "regionEndpoint": endpoint, "optInStatus": status}));
        }
    }
    Ok(json!({"regionInfo": found}))
}

pub fn zones(call: &Call<'_>, query: &Query) -> Result<Value> {
    let by_id = query.list("ZoneId");
    let entries: Vec<Entry> = ZONE_LETTERS
        .iter()
        .zip(0..)
        .map(|(letter, order)| {
            let name = format!("{}{letter}", call.region);
            let id = zone_id(&name);
            Entry {
                order,
                tags: BTreeMap::new(),
                filterable: vec![
                    ("zone-name", vec![name.clone()]),
                    ("zone-id", vec![id.clone()]),
                    ("zone-type", vec!["availability-zone".to_owned()]),
                    ("region-name", vec![call.region.clone()]),
                    ("state", vec!["available".to_owned()]),
                    ("opt-in-status", vec!["opt-in-not-required".to_owned()]),
                    ("group-name", vec![format!("{}-zg-1", call.region)]),
                ],
                value: json!({
                    "zoneName": name,
                    "zoneState": "available",
                    "regionName": call.region,
                    "messageSet": [],
                    "zoneId": id,
                    "zoneType": "availability-zone",
                    "groupName": format!("{}-zg-1", call.region),
                    "networkBorderGroup": call.region,
                    "optInStatus": "opt-in-not-required",
                }),
                id: name,
            }
        })
        .collect();
    if let Some(id) = by_id.iter().find(|id| !entries.iter().any(|entry| zone_id(&entry.id) == **id)) {
        return Err(AwsError::client("InvalidParameterValue", format!("Invalid availability zone-id: [{id}]")));
    }
    let entries = entries.into_iter().filter(|entry| by_id.is_empty() || by_id.contains(&zone_id(&entry.id))).collect();
    let kind = Kind {
        ids: "ZoneName",
        missing: "InvalidParameterValue",
        called: "availability zone",
        set: "availabilityZoneInfo",
        sizes: (5, 1000),
    };
    super::describe::answer(call, query, &kind, entries)
}

/// Name, architecture, vCPUs, MiB of memory, network interfaces, IPv4 addresses of each, hypervisor.
/// Source: the instance type pages of the EC2 user guide.
type InstanceType = (&'static str, &'static str, u32, u32, u32, u32, &'static str);
const TYPES: &[InstanceType] = &[
    ("t3.micro", "x86_64", 2, 1024, 2, 2, "nitro"),
    ("t3.small", "x86_64", 2, 2048, 3, 4, "nitro"),
    ("t3.medium", "x86_64", 2, 4096, 3, 6, "nitro"),
    ("t3.large", "x86_64", 2, 8192, 3, 12, "nitro"),
    ("t4g.medium", "arm64", 2, 4096, 3, 6, "nitro"),
    ("m5.large", "x86_64", 2, 8192, 3, 10, "nitro"),
    ("m5.xlarge", "x86_64", 4, 16384, 4, 15, "nitro"),
    ("m5.2xlarge", "x86_64", 8, 32768, 4, 15, "nitro"),
    ("m5.4xlarge", "x86_64", 16, 65536, 8, 30, "nitro"),
    ("m6g.large", "arm64", 2, 8192, 3, 10, "nitro"),
    ("c5.large", "x86_64", 2, 4096, 3, 10, "nitro"),
    ("c5.xlarge", "x86_64", 4, 8192, 4, 15, "nitro"),
    ("m4.large", "x86_64", 2, 8192, 2, 10, "xen"),
];

pub fn instance_types(call: &Call<'_>, query: &Query) -> Result<Value> {
    if let Some(name) =
        query.list("InstanceType").iter().find(|name| !TYPES.iter().any(|known| known.0 == name.as_str()))
    {
        return Err(AwsError::client(
            "InvalidInstanceType",
            format!("The following supplied instance types do not exist: [{name}]"),
        ));
    }
    let entries = TYPES.iter().zip(0..).map(|(known, order)| describe(known, order)).collect();
    let kind = Kind {
        ids: "InstanceType",
        missing: "InvalidInstanceType",
        called: "instance type",
        set: "instanceTypeSet",
        sizes: (5, 100),
    };
    super::describe::answer(call, query, &kind, entries)
}

fn describe(known: &InstanceType, order: u64) -> Entry {
    let (name, architecture, processors, memory, interfaces, addresses, hypervisor) = *known;
    let burstable = name.starts_with('t');
    // Graviton has one thread for each core, the others two.
    let threads = if architecture == "arm64" { 1 } else { 2 };
    Entry {
        id: name.to_owned(),
        order,
        tags: BTreeMap::new(),
        filterable: vec![
            ("instance-type", vec![name.to_owned()]),
            ("hypervisor", vec![hypervisor.to_owned()]),
            ("processor-info.supported-architecture", vec![architecture.to_owned()]),
            ("vcpu-info.default-vcpus", vec![processors.to_string()]),
            ("memory-info.size-in-mib", vec![memory.to_string()]),
        ],
        value: json!({
            "instanceType": name,
            "currentGeneration": hypervisor == "nitro",
            "freeTierEligible": name == "t3.micro",
            "supportedUsageClasses": ["on-demand", "spot"],
            "supportedRootDeviceTypes": ["ebs"],
            "supportedVirtualizationTypes": ["hvm"],
            "bareMetal": false,
            "hypervisor": hypervisor,
            "processorInfo": {"supportedArchitectures": [architecture]},
            "vCpuInfo": {
                "defaultVCpus": processors,
                "defaultCores": processors / threads,
                "defaultThreadsPerCore": threads,
            },
            "memoryInfo": {"sizeInMiB": memory},
            "instanceStorageSupported": false,
            "networkInfo": {
                "maximumNetworkInterfaces": interfaces,
                "maximumNetworkCards": 1,
                "defaultNetworkCardIndex": 0,
                "networkCards": [{
                    "networkCardIndex": 0,
                    "networkPerformance": "Up to 10 Gigabit",
                    "maximumNetworkInterfaces": interfaces,
                }],
                "networkPerformance": "Up to 10 Gigabit",
                "ipv4AddressesPerInterface": addresses,
                "ipv6AddressesPerInterface": addresses,
                "ipv6Supported": true,
                "enaSupport": if hypervisor == "nitro" { "required" } else { "unsupported" },
                "efaSupported": false,
            },
            "burstablePerformanceSupported": burstable,
            "dedicatedHostsSupported": !burstable,
            "autoRecoverySupported": true,
        }),
    }
}
