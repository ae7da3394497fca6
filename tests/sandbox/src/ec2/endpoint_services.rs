//! The services that VPC endpoints lead to, and the prefix lists of those that have gateway endpoints.
//!
//! Source: AWS PrivateLink guide, services that integrate with it. Every region has all of them in all zones, unless the
//! account's settings say otherwise.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    describe::{self, Entry, Kind},
    endpoints::stable_hex,
};
use crate::aws::{
    Call,
    error::{AwsError, Result},
    input::Query,
    regions::ZONE_LETTERS,
};

/// Name, private DNS name (`R` is the region), whether it has endpoint policies.
const INTERFACES: &[(&str, &str, bool)] = &[
    ("autoscaling", "autoscaling.R.amazonaws.com", true),
    ("ec2", "ec2.R.amazonaws.com", true),
    ("ec2messages", "ec2messages.R.amazonaws.com", true),
    ("ecr.api", "api.ecr.R.amazonaws.com", true),
    ("ecr.dkr", "*.dkr.ecr.R.amazonaws.com", true),
    ("eks", "eks.R.amazonaws.com", true),
    ("eks-auth", "eks-auth.R.api.aws", true),
    ("elasticfilesystem", "elasticfilesystem.R.amazonaws.com", true),
    ("elasticloadbalancing", "elasticloadbalancing.R.amazonaws.com", true),
    ("kms", "kms.R.amazonaws.com", true),
    ("logs", "logs.R.amazonaws.com", true),
    ("monitoring", "monitoring.R.amazonaws.com", true),
    // It serves public keys to anybody, so there is nothing that a policy could allow to a principal.
    ("oidc-eks", "oidc-eks.R.api.aws", false),
    ("rolesanywhere", "rolesanywhere.R.amazonaws.com", true),
    ("s3", "*.s3.R.amazonaws.com", true),
    ("secretsmanager", "secretsmanager.R.amazonaws.com", true),
    ("sns", "sns.R.amazonaws.com", true),
    ("sqs", "sqs.R.amazonaws.com", true),
    ("ssm", "ssm.R.amazonaws.com", true),
    ("ssmmessages", "ssmmessages.R.amazonaws.com", true),
    ("sts", "sts.R.amazonaws.com", true),
    ("xray", "xray.R.amazonaws.com", true),
];
const GATEWAYS: &[&str] = &["dynamodb", "s3"];

/// A service in a region.
pub struct Service {
    /// `com.amazonaws.us-west-2.ec2`.
    pub name: String,
    /// `Interface`, `Gateway`.
    pub kinds: Vec<&'static str>,
    /// The name that its clients use.
    pub private_name: Option<String>,
    pub has_policy: bool,
    /// Zones in which it has interfaces.
    pub zones: Vec<String>,
}

impl Service {
    /// `ec2`.
    pub fn short(&self) -> &str {
        self.name.splitn(4, '.').nth(3).unwrap_or_default()
    }

    fn describe(&self, kind: &str) -> Value {
        let mut value = json!({
            "serviceName": self.name,
            "serviceId": format!("vpce-svc-0{}", stable_hex(&format!("{} {kind}", self.name), 16)),
            "serviceType": [{"serviceType": kind}],
            "serviceRegion": self.name.split('.').nth(2),
            "availabilityZoneSet": self.zones,
            "owner": "amazon",
            "baseEndpointDnsNameSet": [format!("{}.vpce.amazonaws.com", self.short())],
            "vpcEndpointPolicySupported": self.has_policy,
            "acceptanceRequired": false,
            "managesVpcEndpoints": false,
            "tagSet": [],
            "supportedIpAddressTypeSet": ["ipv4"],
        });
        if let Some(name) = self.private_name.as_ref().filter(|_| kind == "Interface") {
            value["privateDnsName"] = name.clone().into();
            value["privateDnsNameSet"] = json!([{"privateDnsName": name}]);
            value["privateDnsNameVerificationState"] = "verified".into();
        }
        value
    }
}

/// All services of the request's region.
fn all(call: &mut Call<'_>) -> Vec<Service> {
    let region = call.region.clone();
    let settings = &call.account().settings;
    let mut names: Vec<&str> = INTERFACES.iter().map(|(name, ..)| *name).chain(GATEWAYS.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(|name| !settings.endpoint_services_absent.iter().any(|absent| absent == name))
        .map(|short| {
            let lacks = settings.endpoint_services_lack_zones.get(short);
            let zones =
                ZONE_LETTERS.iter().filter(|letter| lacks.is_none_or(|lacks| !lacks.iter().any(|it| it == *letter)));
            let interface = INTERFACES.iter().find(|(name, ..)| *name == short);
            let gateway = GATEWAYS.contains(&short).then_some("Gateway");
            Service {
                name: format!("com.amazonaws.{region}.{short}"),
                kinds: gateway.into_iter().chain(interface.map(|_| "Interface")).collect(),
                private_name: interface.map(|(_, name, _)| name.replace('R', &region)),
                has_policy: interface.is_none_or(|(.., has_policy)| *has_policy),
                zones: zones.map(|letter| format!("{region}{letter}")).collect(),
            }
        })
        .collect()
}

fn unknown(name: &str) -> AwsError {
    AwsError::client("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
}

/// A service by its whole name.
pub fn find(call: &mut Call<'_>, name: &str) -> Result<Service> {
    all(call).into_iter().find(|service| service.name == name).ok_or_else(|| unknown(name))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let services = all(call);
    let wanted = query.list("ServiceName");
    if let Some(name) = wanted.iter().find(|name| !services.iter().any(|service| service.name == **name)) {
        return Err(unknown(name));
    }
    let entries = services
        .iter()
        .filter(|service| wanted.is_empty() || wanted.contains(&service.name))
        .flat_map(|service| service.kinds.iter().map(move |kind| (service, *kind)))
        .zip(0..)
        .map(|((service, kind), order)| Entry {
            id: service.name.clone(),
            order,
            tags: BTreeMap::new(),
            filterable: vec![
                ("owner", vec!["amazon".to_owned()]),
                ("service-name", vec![service.name.clone()]),
                ("service-region", vec![call.region.clone()]),
                ("service-type", vec![kind.to_owned()]),
                ("supported-ip-address-types", vec!["ipv4".to_owned()]),
            ],
            value: service.describe(kind),
        })
        .collect();
    // Services are chosen by `ServiceName`, which is done above, because two entries may have one name.
    let kind = Kind {
        ids: "None",
        missing: "InvalidServiceName",
        called: "service",
        set: "serviceDetailSet",
        sizes: (1, 1000),
    };
    let mut answer = describe::answer(call, query, &kind, entries)?;
    let mut names: Vec<Value> = Vec::new();
    for detail in answer["serviceDetailSet"].as_array().into_iter().flatten() {
        if !names.contains(&detail["serviceName"]) {
            names.push(detail["serviceName"].clone());
        }
    }
    answer["serviceNameSet"] = names.into();
    Ok(answer)
}

/// The ID of the list of a service's addresses.
pub fn prefix_list(service: &str) -> String {
    format!("pl-{}", stable_hex(service, 8))
}

pub fn prefix_lists(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let entries = GATEWAYS
        .iter()
        .zip(0..)
        .map(|(short, order)| {
            let name = format!("com.amazonaws.{}.{short}", call.region);
            let id = prefix_list(&name);
            Entry {
                order,
                tags: BTreeMap::new(),
                filterable: vec![("prefix-list-id", vec![id.clone()]), ("prefix-list-name", vec![name.clone()])],
                value: json!({
                    "prefixListId": id,
                    "prefixListName": name,
                    "cidrSet": [format!("192.0.2.{}/28", order * 16)],
                }),
                id,
            }
        })
        .collect();
    let kind = Kind {
        ids: "PrefixListId",
        missing: "InvalidPrefixListID.NotFound",
        called: "prefix list ID",
        set: "prefixListSet",
        sizes: (100, 1000),
    };
    describe::answer(call, query, &kind, entries)
}
