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

/// Name, architecture, vCPUs, MiB of memory, network interfaces of the default card, IPv4 addresses of each,
/// hypervisor (none on bare metal), network cards.
///
/// Source: the instance type pages of the EC2 user guide, and the limits of the VPC CNI.
type InstanceType = (&'static str, &'static str, u32, u32, u32, u32, Option<&'static str>, u32);
const NITRO: Option<&str> = Some("nitro");
const XEN: Option<&str> = Some("xen");
const TYPES: &[InstanceType] = &[
    ("t2.micro", "x86_64", 1, 1024, 2, 2, XEN, 1),
    ("t3.micro", "x86_64", 2, 1024, 2, 2, NITRO, 1),
    ("t3.small", "x86_64", 2, 2048, 3, 4, NITRO, 1),
    ("t3.medium", "x86_64", 2, 4096, 3, 6, NITRO, 1),
    ("t3.large", "x86_64", 2, 8192, 3, 12, NITRO, 1),
    ("t4g.medium", "arm64", 2, 4096, 3, 6, NITRO, 1),
    ("m4.large", "x86_64", 2, 8192, 2, 10, XEN, 1),
    ("m5.large", "x86_64", 2, 8192, 3, 10, NITRO, 1),
    ("m5.xlarge", "x86_64", 4, 16384, 4, 15, NITRO, 1),
    ("m5d.large", "x86_64", 2, 8192, 3, 10, NITRO, 1),
    ("m5d.xlarge", "x86_64", 4, 16384, 4, 15, NITRO, 1),
    ("m5.2xlarge", "x86_64", 8, 32768, 4, 15, NITRO, 1),
    ("m5.4xlarge", "x86_64", 16, 65536, 8, 30, NITRO, 1),
    ("m5.8xlarge", "x86_64", 32, 131_072, 8, 30, NITRO, 1),
    ("m5.24xlarge", "x86_64", 96, 393_216, 15, 50, NITRO, 1),
    ("m5.metal", "x86_64", 96, 393_216, 15, 50, None, 1),
    ("m6g.large", "arm64", 2, 8192, 3, 10, NITRO, 1),
    ("m6i.large", "x86_64", 2, 8192, 3, 10, NITRO, 1),
    ("m6i.32xlarge", "x86_64", 128, 524_288, 15, 50, NITRO, 1),
    ("m7g.large", "arm64", 2, 8192, 3, 10, NITRO, 1),
    ("c5.large", "x86_64", 2, 4096, 3, 10, NITRO, 1),
    ("c5.xlarge", "x86_64", 4, 8192, 4, 15, NITRO, 1),
    ("c5.9xlarge", "x86_64", 36, 73_728, 8, 30, NITRO, 1),
    ("c6i.xlarge", "x86_64", 4, 8192, 4, 15, NITRO, 1),
    ("c6in.32xlarge", "x86_64", 128, 262_144, 8, 50, NITRO, 2),
    ("r5.large", "x86_64", 2, 16384, 3, 10, NITRO, 1),
    ("g4dn.xlarge", "x86_64", 4, 16384, 3, 10, NITRO, 1),
    ("p4d.24xlarge", "x86_64", 96, 1_179_648, 15, 50, NITRO, 4),
    ("p5.48xlarge", "x86_64", 192, 2_097_152, 2, 50, NITRO, 32),
    ("trn1.32xlarge", "x86_64", 128, 524_288, 5, 50, NITRO, 8),
];

/// Pods that a node of this type can hold unless configured otherwise: one address of each interface is its own, and
/// two pods are on the host's network. `None` = there is no such type.
pub fn pods(name: &str) -> Option<u32> {
    TYPES.iter().find(|known| known.0 == name).map(|known| known.4 * (known.5 - 1) + 2)
}

/// As Kubernetes names it: amd64 or arm64.
pub fn architecture(name: &str) -> String {
    let is_arm = TYPES.iter().any(|known| known.0 == name && known.1 == "arm64");
    if is_arm { "arm64" } else { "amd64" }.to_owned()
}

/// As EC2 names it: x86_64 or arm64.
pub fn machine(name: &str) -> &'static str {
    TYPES.iter().find(|known| known.0 == name).map_or("x86_64", |known| known.1)
}

/// Graviton has one thread for each core, the others two.
fn threads(known: &InstanceType) -> u32 {
    if known.1 == "arm64" { 1 } else { known.2.min(2) }
}

/// Cores and threads, as an instance shows them.
pub fn processor(name: &str) -> Value {
    let known = TYPES.iter().find(|known| known.0 == name);
    known.map_or(Value::Null, |known| json!({"coreCount": known.2 / threads(known), "threadsPerCore": threads(known)}))
}

pub fn instance_types(call: &Call<'_>, query: &Query) -> Result<Value> {
    let asked = query.list("InstanceType");
    let unknown: Vec<&str> =
        asked.iter().map(String::as_str).filter(|name| !TYPES.iter().any(|known| known.0 == *name)).collect();
    if !unknown.is_empty() {
        return Err(AwsError::client(
            "InvalidInstanceType",
            format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")),
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
    let (name, architecture, processors, memory, interfaces, addresses, hypervisor, cards) = *known;
    let burstable = name.starts_with('t');
    let threads = threads(known);
    let is_metal = hypervisor.is_none();
    let speed = if cards > 1 { "100 Gigabit" } else { "Up to 10 Gigabit" };
    let network_cards: Vec<Value> = (0..cards)
        .map(|index| {
            json!({
                "networkCardIndex": index,
                "networkPerformance": speed,
                "maximumNetworkInterfaces": interfaces,
            })
        })
        .collect();
    let mut entry = Entry {
        id: name.to_owned(),
        order,
        tags: BTreeMap::new(),
        filterable: vec![
            ("instance-type", vec![name.to_owned()]),
            ("hypervisor", hypervisor.into_iter().map(ToOwned::to_owned).collect()),
            ("bare-metal", vec![is_metal.to_string()]),
            ("network-info.maximum-network-interfaces", vec![(interfaces * cards).to_string()]),
            ("processor-info.supported-architecture", vec![architecture.to_owned()]),
            ("vcpu-info.default-vcpus", vec![processors.to_string()]),
            ("memory-info.size-in-mib", vec![memory.to_string()]),
        ],
        value: json!({
            "instanceType": name,
            "currentGeneration": hypervisor != XEN,
            "freeTierEligible": name == "t3.micro",
            "supportedUsageClasses": ["on-demand", "spot"],
            "supportedRootDeviceTypes": ["ebs"],
            "supportedVirtualizationTypes": ["hvm"],
            "bareMetal": is_metal,
            "processorInfo": {"supportedArchitectures": [architecture]},
            "vCpuInfo": {
                "defaultVCpus": processors,
                "defaultCores": processors / threads,
                "defaultThreadsPerCore": threads,
            },
            "memoryInfo": {"sizeInMiB": memory},
            "instanceStorageSupported": false,
            "networkInfo": {
                "maximumNetworkInterfaces": interfaces * cards,
                "maximumNetworkCards": cards,
                "defaultNetworkCardIndex": 0,
                "networkCards": network_cards,
                "networkPerformance": if cards > 1 { format!("{cards}x {speed}") } else { speed.to_owned() },
                "ipv4AddressesPerInterface": addresses,
                "ipv6AddressesPerInterface": addresses,
                "ipv6Supported": true,
                "enaSupport": if hypervisor == XEN { "unsupported" } else { "required" },
                "efaSupported": cards > 1,
            },
            "burstablePerformanceSupported": burstable,
            "dedicatedHostsSupported": !burstable,
            "autoRecoverySupported": !is_metal,
        }),
    };
    if let Some(hypervisor) = hypervisor {
        entry.value["hypervisor"] = hypervisor.into();
    }
    entry
}
