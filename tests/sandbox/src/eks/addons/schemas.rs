//! The schemas of the add-ons' configuration values, and `DescribeAddonConfiguration`.
//!
//! Source: the schemas that AWS publishes as examples of the call (vpc-cni v1.15.1, coredns v1.10.1, kube-proxy
//! v1.28.8). Variables that the VPC CNI has got since are added at the version whose release notes name them; no schema
//! of EKS was at hand for these.

use serde_json::{Map, Value, json};

use super::{
    super::{Route, invalid},
    versions,
};
use crate::aws::{
    Call,
    error::{AwsError, Result},
};

/// Format of a variable, all of which are strings. Nothing checks the format, in EKS either.
#[derive(Clone, Copy)]
enum Format {
    Text,
    Boolean,
    Integer,
}
use Format::{Boolean, Integer, Text};

/// Variables of aws-node with the minor version (1.x) since which the schema has them; 0 = always.
const ENVIRONMENT: &[(&str, Format, u32)] = &[
    ("ADDITIONAL_ENI_TAGS", Text, 0),
    ("ANNOTATE_POD_IP", Boolean, 0),
    ("AWS_EC2_ENDPOINT", Text, 0),
    ("AWS_EXTERNAL_SERVICE_CIDRS", Text, 0),
    ("AWS_MANAGE_ENIS_NON_SCHEDULABLE", Boolean, 0),
    ("AWS_VPC_CNI_NODE_PORT_SUPPORT", Boolean, 0),
    ("AWS_VPC_ENI_MTU", Integer, 0),
    ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", Boolean, 0),
    ("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", Text, 0),
    ("AWS_VPC_K8S_CNI_EXTERNALSNAT", Boolean, 0),
    ("AWS_VPC_K8S_CNI_LOGLEVEL", Text, 0),
    ("AWS_VPC_K8S_CNI_LOG_FILE", Text, 0),
    ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", Text, 0),
    ("AWS_VPC_K8S_CNI_VETHPREFIX", Text, 0),
    ("AWS_VPC_K8S_PLUGIN_LOG_FILE", Text, 0),
    ("AWS_VPC_K8S_PLUGIN_LOG_LEVEL", Text, 0),
    ("CLUSTER_ENDPOINT", Text, 0),
    ("DISABLE_INTROSPECTION", Boolean, 0),
    ("DISABLE_LEAKED_ENI_CLEANUP", Boolean, 0),
    ("DISABLE_METRICS", Boolean, 0),
    ("DISABLE_NETWORK_RESOURCE_PROVISIONING", Boolean, 0),
    ("DISABLE_POD_V6", Boolean, 0),
    ("ENABLE_BANDWIDTH_PLUGIN", Boolean, 0),
    ("ENABLE_POD_ENI", Boolean, 0),
    ("ENABLE_PREFIX_DELEGATION", Boolean, 0),
    ("ENABLE_V4_EGRESS", Boolean, 0),
    ("ENABLE_V6_EGRESS", Boolean, 0),
    ("ENI_CONFIG_ANNOTATION_DEF", Text, 0),
    ("ENI_CONFIG_LABEL_DEF", Text, 0),
    ("INTROSPECTION_BIND_ADDRESS", Text, 0),
    ("IP_COOLDOWN_PERIOD", Integer, 0),
    ("MAX_ENI", Integer, 0),
    ("MINIMUM_IP_TARGET", Integer, 0),
    ("POD_SECURITY_GROUP_ENFORCING_MODE", Text, 0),
    ("WARM_ENI_TARGET", Integer, 0),
    ("WARM_IP_TARGET", Integer, 0),
    ("WARM_PREFIX_TARGET", Integer, 0),
    ("NETWORK_POLICY_ENFORCING_MODE", Text, 17),
    ("ENABLE_SUBNET_DISCOVERY", Boolean, 18),
    ("POD_MTU", Integer, 18),
    ("ENABLE_IMDS_ONLY_MODE", Boolean, 20),
    ("ENABLE_MULTI_NIC", Boolean, 20),
];

/// The schema of a version; `None` when there is no such add-on.
pub fn of(addon: &str, version: &str) -> Option<Value> {
    match addon {
        "vpc-cni" => Some(vpc_cni(versions::minor(version).1)),
        "coredns" => Some(coredns()),
        "kube-proxy" => Some(kube_proxy()),
        _ => None,
    }
}

fn document(root: &str, definitions: &Value) -> Value {
    json!({
        "$ref": format!("#/definitions/{root}"),
        "$schema": "http://json-schema.org/draft-06/schema#",
        "definitions": definitions,
    })
}

/// An object with these members and no others.
fn closed(title: &str, properties: &Value) -> Value {
    json!({"additionalProperties": false, "properties": properties, "title": title, "type": "object"})
}

fn open(title: &str) -> Value {
    json!({"properties": {}, "title": title, "type": "object"})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn formatted(format: Format) -> Value {
    match format {
        Text => json!({"type": "string"}),
        Boolean => json!({"format": "boolean", "type": "string"}),
        Integer => json!({"format": "integer", "type": "string"}),
    }
}

fn limits() -> Value {
    closed("Limits", &json!({"cpu": {"type": "string"}, "memory": {"type": "string"}}))
}

fn resources() -> Value {
    closed("Resources", &json!({"limits": reference("Limits"), "requests": reference("Limits")}))
}

fn vpc_cni(minor: u32) -> Value {
    let environment: Map<String, Value> = ENVIRONMENT
        .iter()
        .filter(|(.., since)| *since <= minor)
        .map(|(name, format, _)| ((*name).to_owned(), formatted(*format)))
        .collect();
    let subnet = json!({
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string"},
            "securityGroups": {"items": {"type": "string"}, "type": "array"},
        },
        "required": ["id"],
        "type": "object",
    });
    let boolean = formatted(Boolean);
    let integer = formatted(Integer);
    let init = json!({"DISABLE_TCP_EARLY_DEMUX": boolean, "ENABLE_V6_EGRESS": boolean});
    let agent = json!({
        "enableCloudWatchLogs": boolean,
        "enablePolicyEventLogs": boolean,
        "healthProbeBindAddr": integer,
        "metricsBindAddr": integer,
    });
    let top = json!({
        "affinity": reference("Affinity"),
        "enableNetworkPolicy": boolean,
        "enableWindowsIpam": boolean,
        "eniConfig": reference("EniConfig"),
        "env": reference("Env"),
        "init": reference("Init"),
        "livenessProbeTimeoutSeconds": {"type": "integer"},
        "nodeAgent": reference("NodeAgent"),
        "readinessProbeTimeoutSeconds": {"type": "integer"},
        "resources": reference("Resources"),
        "tolerations": reference("Tolerations"),
    });
    let mut whole = document(
        "VpcCni",
        &json!({
            "Affinity": {"type": ["object", "null"]},
            "EniConfig": {
                "additionalProperties": false,
                "properties": {
                    "create": {"type": "boolean"},
                    "region": {"type": "string"},
                    "subnets": {"additionalProperties": subnet, "minProperties": 1, "type": "object"},
                },
                "required": ["create", "region", "subnets"],
                "type": "object",
            },
            "Env": closed("Env", &environment.into()),
            "Init": closed("Init", &json!({"env": reference("InitEnv")})),
            "InitEnv": closed("InitEnv", &init),
            "Limits": limits(),
            "NodeAgent": closed("NodeAgent", &agent),
            "Resources": resources(),
            "Tolerations": {"additionalProperties": false, "items": {"type": "object"}, "type": "array"},
            "VpcCni": closed("VpcCni", &top),
        }),
    );
    whole["description"] = "vpc-cni".into();
    whole
}

fn coredns() -> Value {
    let text_or_number = json!([{"pattern": ".*%$", "type": "string"}, {"type": "integer"}]);
    let replicas = json!({"maximum": 1000, "minimum": 2, "type": "integer"});
    let scaling = json!({"enabled": {"type": "boolean"}, "maxReplicas": replicas, "minReplicas": replicas});
    let mut scaling = closed("AutoScaling", &scaling);
    scaling["required"] = json!(["enabled"]);
    let budget = json!({
        "properties": {
            "enabled": {"type": "boolean"},
            "maxUnavailable": {"anyOf": text_or_number},
            "minAvailable": {"anyOf": text_or_number},
        },
        "type": "object",
    });
    let top = json!({
        "affinity": {"type": ["object", "null"]},
        "autoScaling": scaling,
        "computeType": {"type": "string"},
        "corefile": {"type": "string"},
        "nodeSelector": {"additionalProperties": {"type": "string"}, "type": "object"},
        "podAnnotations": open("PodAnnotations"),
        "podDisruptionBudget": budget,
        "podLabels": open("PodLabels"),
        "replicaCount": {"type": "integer"},
        "resources": reference("Resources"),
        "tolerations": {"items": {"type": "object"}, "type": "array"},
        "topologySpreadConstraints": {"type": "array"},
    });
    document("Coredns", &json!({"Coredns": closed("Coredns", &top), "Limits": limits(), "Resources": resources()}))
}

fn kube_proxy() -> Value {
    let top = json!({
        "ipvs": reference("Ipvs"),
        "mode": {"enum": ["iptables", "ipvs"], "type": "string"},
        "podAnnotations": open("PodAnnotations"),
        "podLabels": open("PodLabels"),
        "resources": reference("Resources"),
    });
    document(
        "KubeProxy",
        &json!({
            "Ipvs": closed("Ipvs", &json!({"scheduler": {"type": "string"}})),
            "KubeProxy": closed("KubeProxy", &top),
            "Limits": limits(),
            "Resources": resources(),
        }),
    )
}

pub fn describe(_call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let given = |name: &str| {
        route
            .parameter(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| invalid(format!("The parameter {name} is required")))
    };
    let (addon, version) = (given("addonName")?, given("addonVersion")?);
    let schema = of(addon, version).filter(|_| versions::exists(addon, version)).ok_or_else(|| {
        AwsError::new(
            404,
            "ResourceNotFoundException",
            format!("Configuration schema not found for addon {addon} version {version}"),
        )
    })?;
    let mut answer = json!({
        "addonName": addon,
        "addonVersion": version,
        // As text, in the schema's own language.
        "configurationSchema": schema.to_string(),
    });
    if addon == "vpc-cni" {
        answer["podIdentityConfiguration"] = json!([{
            "serviceAccount": "aws-node",
            "recommendedManagedPolicies": ["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"],
        }]);
    }
    Ok(answer)
}
