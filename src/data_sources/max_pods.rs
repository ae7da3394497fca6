//! `ekshybrid_max_pods`: the maximum number of pods on nodes of given EC2 instance types, from the limits that EC2
//! reports.

use std::collections::{BTreeMap, BTreeSet};

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Model};
use framework::path::{Path, Step};
use framework::permission::Permissions;
use framework::value::Value;

use crate::attributes::Region;
use crate::attributes::permissions::{ANY, aws};
use crate::aws::ec2::InstanceType;
use crate::node::instance_limits::Limits;
use crate::node::{Faults, Parsed, Tree, max_pods};
use crate::session::{Clients, Context, aws_region, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EC2 instance types, such as `m5.large`.
    pub instance_types: BTreeSet<String>,
    /// Pods get their addresses from the subnets of ENIConfigs, so the primary interface has none for pods. Default:
    /// false.
    pub custom_networking: Option<bool>,
    /// Interfaces get prefixes of 16 addresses each, on instance types that support them. Default: false.
    pub prefix_delegation: Option<bool>,
    /// Version of the VPC CNI, such as `1.20.4`; versions before 1.9 do not support prefixes. Default: a version that
    /// does.
    pub cni_version: Option<String>,
    /// Maximum number of interfaces the VPC CNI uses (`MAX_ENI`), including the primary one. Default: all interfaces of
    /// the instance type.
    pub max_enis: Option<Bounded<1, 1000>>,
    /// Ignore the limits of 110 pods (up to 30 vCPUs) and 250 pods (more vCPUs), and count only addresses. Default:
    /// false.
    pub uncapped: Option<bool>,
    /// Region whose EC2 endpoint is queried. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Maximum number of pods per node, by instance type.
    pub max_pods: BTreeMap<String, i64>,
    /// Lowest of these numbers, for node groups with several instance types. 0 without an instance type.
    pub lowest: i64,
    /// Limits that EC2 reports for the instance types.
    pub limits: BTreeMap<String, TypeLimits>,
    /// Region whose EC2 endpoint was queried.
    pub region: Region,
}

/// Limits that EC2 reports for an instance type.
#[derive(Clone, Debug, Model)]
pub struct TypeLimits {
    /// Number of network interfaces of the default network card, including the primary one.
    pub interfaces: i64,
    /// Number of IPv4 addresses per interface, including the interface's own.
    pub addresses_per_interface: i64,
    /// Number of vCPUs.
    pub vcpus: i64,
    /// Whether the interfaces support prefixes: on Nitro and bare-metal instances.
    pub takes_prefixes: bool,
}

/// The data source.
#[derive(Debug)]
pub enum MaxPodsData {}

impl DataSource for MaxPodsData {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_max_pods";
    const DESCRIPTION: &'static str = "\
The number of pods that nodes of some EC2 instance types can have behind the VPC CNI. It counts as the function \
`max_pods` does, but asks EC2 for the types' limits, so that it knows every type that the region has. It needs \
`ec2:DescribeInstanceTypes`; the function needs no credentials.";
    const PERMISSIONS: Permissions = &[&[aws(&["ec2:DescribeInstanceTypes"], ANY)]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        // Any limits will do: only the options are checked here; checks that depend on a type follow once it is known.
        let some = Limits { interfaces: 4, addresses_per_interface: 10, prefixes: true, many_vcpus: Some(false) };
        if let Err(refused) = max_pods::count(&some, &options(&Args::encode_planned(args))) {
            report(&refused, faults);
        }
        if args.instance_types.known().is_some_and(BTreeSet::is_empty) {
            let detail = "Name at least one instance type, such as `m5.large`.";
            faults.push(Diagnostic::error("No instance type", detail).at(Path::attribute(Args::NAMES.instance_types)));
        }
    }

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let region = aws_region(args.region.as_ref(), cx).await?;
        let ec2 = cx.clients()?.aws()?.ec2(Some(region.as_str()));
        let found = ec2
            .instance_types(args.instance_types.iter().map(String::as_str))
            .await
            .map_err(|error| explain("Could not ask EC2 for the instance types", &error, None))?;
        let options = options(&args.encode());
        let mut faults = Diagnostics::new();
        let mut outputs = Outputs { max_pods: BTreeMap::new(), lowest: 0, limits: BTreeMap::new(), region };
        for name in &args.instance_types {
            let Some(found) = found.get(name) else {
                faults.push(unknown(name, &outputs.region));
                continue;
            };
            match max_pods::count(&limits(found), &options) {
                Ok(Parsed::Ready(pods)) => drop(outputs.max_pods.insert(name.clone(), i64::from(pods))),
                // Arguments are wholly known here.
                Ok(Parsed::Pending) => {}
                Err(refused) => {
                    let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
                    let detail = format!("For `{name}`: {}.", told.join("; "));
                    faults.push(Diagnostic::error("The pods cannot be counted", detail).at(element(name)));
                }
            }
            outputs.limits.insert(name.clone(), told_limits(found));
        }
        if faults.has_errors() {
            return Err(faults);
        }
        outputs.lowest = outputs.max_pods.values().min().copied().unwrap_or_default();
        Ok(outputs)
    }
}

fn element(name: &str) -> Path {
    Path::attribute(Args::NAMES.instance_types).then(Step::Element(Box::new(Value::from(name))))
}

fn limits(found: &InstanceType) -> Limits {
    Limits {
        interfaces: found.network_interfaces,
        addresses_per_interface: found.ipv4_addresses_per_interface,
        prefixes: found.takes_prefixes(),
        many_vcpus: Some(found.vcpus > 30),
    }
}

fn told_limits(found: &InstanceType) -> TypeLimits {
    TypeLimits {
        interfaces: found.network_interfaces.into(),
        addresses_per_interface: found.ipv4_addresses_per_interface.into(),
        vcpus: found.vcpus.into(),
        takes_prefixes: found.takes_prefixes(),
    }
}

fn unknown(name: &str, region: &Region) -> Diagnostic {
    let near: Vec<String> = max_pods::near_types(name).iter().map(|name| format!("`{name}`")).collect();
    let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
    Diagnostic::error("No such instance type", format!("EC2 has no instance type `{name}` in {region}.{hint}"))
        .remedy("Not every region has every type; `region` names the one that is asked.")
        .at(element(name))
}

/// The options among the arguments; both use the same names.
fn options(arguments: &BTreeMap<String, Value>) -> Tree {
    let names = Args::NAMES;
    let names = [names.custom_networking, names.prefix_delegation, names.uncapped, names.cni_version, names.max_enis];
    Tree::Map(names.map(|name| (name.to_owned(), arguments.get(name).map_or(Tree::Null, Tree::from))).into())
}

/// Reports each fault at its argument; options and arguments use the same names.
fn report(refused: &Faults, faults: &mut Diagnostics) {
    for fault in refused {
        let path = Path(fault.path.0.iter().take(1).cloned().collect());
        faults.push(Diagnostic::error("Invalid argument", format!("{fault}.")).at(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(interfaces: u32, addresses: u32, vcpus: u32, hypervisor: &str) -> Limits {
        limits(&InstanceType {
            network_interfaces: interfaces,
            ipv4_addresses_per_interface: addresses,
            vcpus,
            hypervisor: Some(hypervisor.to_owned()),
            ..InstanceType::default()
        })
    }

    #[test]
    fn it_counts_as_the_function() {
        let args = |custom, prefixes| Args {
            instance_types: BTreeSet::new(),
            custom_networking: Some(custom),
            prefix_delegation: Some(prefixes),
            cni_version: None,
            max_enis: None,
            uncapped: None,
            region: None,
        };
        // m5.large, m5.24xlarge and m4.large, of limits/maxpods-vectors.csv.
        for (limits, custom, prefixes, expected) in [
            (of(3, 10, 2, "nitro"), false, false, 29),
            (of(3, 10, 2, "nitro"), true, false, 20),
            (of(3, 10, 2, "nitro"), false, true, 110),
            (of(15, 50, 96, "nitro"), false, true, 250),
            (of(2, 10, 2, "xen"), false, true, 20),
        ] {
            assert_eq!(
                max_pods::count(&limits, &options(&args(custom, prefixes).encode())),
                Ok(Parsed::Ready(expected))
            );
        }
    }
}
