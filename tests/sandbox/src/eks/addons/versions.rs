//! The versions of the add-ons, and `DescribeAddonVersions`. A choice out of what EKS has: several minor versions of
//! the VPC CNI, one or two of the others for each Kubernetes version.

use serde_json::{Value, json};

use super::super::{Route, create::VERSIONS, invalid, paged};
use crate::aws::{Call, error::Result};

/// Newest first. All work with every Kubernetes version.
const VPC_CNI: [&str; 5] =
    ["v1.21.1-eksbuild.1", "v1.20.4-eksbuild.1", "v1.19.6-eksbuild.1", "v1.19.2-eksbuild.1", "v1.18.6-eksbuild.1"];
/// The version of a new cluster's own aws-node too.
pub const VPC_CNI_DEFAULT: &str = "v1.20.4-eksbuild.1";
const COREDNS: [&str; 2] = ["v1.12.4-eksbuild.1", "v1.12.3-eksbuild.1"];
pub const COREDNS_DEFAULT: &str = "v1.12.3-eksbuild.1";

pub const NAMES: [&str; 3] = ["coredns", "kube-proxy", "vpc-cni"];

/// The default version of an add-on for a Kubernetes version; `None` for an add-on that is not known.
pub fn default(addon: &str, kubernetes: &str) -> Option<String> {
    match addon {
        "vpc-cni" => Some(VPC_CNI_DEFAULT.to_owned()),
        "coredns" => Some(COREDNS_DEFAULT.to_owned()),
        "kube-proxy" => Some(format!("v{kubernetes}.1-eksbuild.1")),
        _ => None,
    }
}

/// All versions of an add-on for a Kubernetes version, newest first.
fn of(addon: &str, kubernetes: &str) -> Vec<String> {
    let owned = |versions: &[&str]| versions.iter().map(|version| (*version).to_owned()).collect();
    match addon {
        "vpc-cni" => owned(&VPC_CNI),
        "coredns" => owned(&COREDNS),
        "kube-proxy" => vec![format!("v{kubernetes}.1-eksbuild.1"), format!("v{kubernetes}.0-eksbuild.2")],
        _ => Vec::new(),
    }
}

pub fn supports(addon: &str, version: &str, kubernetes: &str) -> bool {
    of(addon, kubernetes).iter().any(|known| known == version)
}

/// Whether the version exists for any Kubernetes version.
pub fn exists(addon: &str, version: &str) -> bool {
    VERSIONS.iter().any(|kubernetes| supports(addon, version, kubernetes))
}

/// `(1, 20)` of `v1.20.4-eksbuild.1`.
pub fn minor(version: &str) -> (u32, u32) {
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

pub fn describe(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let asked = route.parameter("kubernetesVersion");
    if let Some(version) = asked
        && !VERSIONS.contains(&version)
    {
        return Err(invalid(format!("Kubernetes version {version} is not supported")));
    }
    let wanted = |member: &str, value: &str| {
        let mut given = route.parameters(member).peekable();
        given.peek().is_none() || given.any(|one| one == value)
    };
    let items = NAMES
        .into_iter()
        .filter(|name| route.parameter("addonName").is_none_or(|asked| asked == *name))
        .filter(|_| wanted("types", "networking") && wanted("publishers", "eks") && wanted("owners", "aws"))
        .map(|name| {
            let mut versions: Vec<String> = Vec::new();
            for kubernetes in VERSIONS.iter().filter(|version| asked.is_none_or(|asked| asked == **version)) {
                for version in of(name, kubernetes) {
                    if !versions.contains(&version) {
                        versions.push(version);
                    }
                }
            }
            let versions: Vec<Value> = versions.iter().map(|version| describe_version(name, version, asked)).collect();
            let value = json!({
                "addonName": name,
                "type": "networking",
                "addonVersions": versions,
                "publisher": "eks",
                "owner": "aws",
                "defaultNamespace": "kube-system",
            });
            (name.to_owned(), value)
        })
        .collect();
    paged(call, route, "addons", items)
}

fn describe_version(addon: &str, version: &str, asked: Option<&str>) -> Value {
    let compatibilities: Vec<Value> = VERSIONS
        .iter()
        .filter(|kubernetes| asked.is_none_or(|asked| asked == **kubernetes) && supports(addon, version, kubernetes))
        .map(|kubernetes| {
            json!({
                "clusterVersion": kubernetes,
                "platformVersions": ["*"],
                "defaultVersion": default(addon, kubernetes).as_deref() == Some(version),
            })
        })
        .collect();
    json!({
        "addonVersion": version,
        "architecture": ["amd64", "arm64"],
        "computeTypes": if addon == "kube-proxy" { json!(["ec2", "hybrid"]) } else { json!(["ec2"]) },
        "compatibilities": compatibilities,
        "requiresConfiguration": false,
        "requiresIamPermissions": addon == "vpc-cni",
    })
}
