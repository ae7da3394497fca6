//! The maximum number of pods of a node: one per address, and no more than Kubernetes is tested with.
//!
//! Source: `max-pods-calculator.sh` of github.com/awslabs/amazon-eks-ami (before b2289030), and, for prefix support,
//! the VPC CNI itself. Limit: IPv4. The images' own defaults differ: AL2's `bootstrap.sh` and AL2023's nodeadm count
//! addresses without custom networking, without prefixes and without a limit.

mod expression;
mod whole;

use names::VpcCniVersion;

use super::instance_limits::{self, Limits};
use super::shape::{self, Known, Reader, object, text};
use super::tree::{Fault, Faults, Parsed, Path, Tree};
pub use expression::MaxPodsExpression;
pub(crate) use whole::Whole;

/// Addresses of a /28 prefix.
const PREFIX_ADDRESSES: u32 = 16;
/// aws-node and kube-proxy, which use the host's own address.
const HOST_NETWORK_PODS: u32 = 2;
/// The recommended maximum for up to 30 vCPUs.
const FEW_VCPUS_LIMIT: u32 = 110;
/// The recommended maximum for more than 30 vCPUs.
const MANY_VCPUS_LIMIT: u32 = 250;

/// Number of interfaces, or of addresses per interface: far above EC2's limits, and low enough that no product
/// overflows.
type NetworkCount = Whole<1, 1000>;

object! {
    check = check;
    /// VPC CNI settings, and values missing from the built-in table.
    pub struct Options (OptionsDraft) {
        /// Whether pods get their addresses from the subnets of ENIConfigs (`AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG`), so
        /// the primary interface has none for them. Default `false`.
        pub custom_networking: Option<bool>,
        /// Whether interfaces get prefixes of 16 addresses each (`ENABLE_PREFIX_DELEGATION`). Default `false`. Types
        /// that are neither Nitro nor bare metal do not support prefixes; for them the result is that of single
        /// addresses, which the VPC CNI falls back to.
        pub prefix_delegation: Option<bool>,
        /// Version of the VPC CNI. Before 1.9 it does not support prefixes, and the result is that of single addresses.
        /// Default: a version that supports them.
        pub cni_version: Option<VpcCniVersion>,
        /// Maximum number of interfaces that the VPC CNI uses (`MAX_ENI`), including the primary one. Default: all that
        /// the type has.
        pub max_enis: Option<NetworkCount>,
        /// vCPUs of the node: the result is at most 110 with up to 30 vCPUs, and at most 250 with more. Default: those
        /// of the type. Required if they are not known and there are more than 110 addresses: for types that are not in
        /// the built-in table, and for a few bare metal types such as `mac2.metal`.
        pub vcpus: Option<Whole<1, 100_000>>,
        /// Count only the addresses, without the limit of 110 or 250. Default `false`.
        pub uncapped: Option<bool>,
        /// Network interfaces on the type's default network card, for a type that is not in the built-in table or to
        /// override the table (EC2 `DescribeInstanceTypes`: `MaximumNetworkInterfaces` of that card); requires
        /// `addresses_per_interface`. A type that is not in the table is assumed to support prefixes.
        pub interfaces: Option<NetworkCount>,
        /// IPv4 addresses per interface (EC2 `DescribeInstanceTypes`: `Ipv4AddressesPerInterface`); requires
        /// `interfaces`.
        pub addresses_per_interface: Option<NetworkCount>,
    }
}

fn check(draft: &OptionsDraft, reader: &mut Reader) {
    let (interfaces, addresses) = (draft.interfaces.given(), draft.addresses_per_interface.given());
    if interfaces == Some(true) && addresses == Some(false) {
        reader.fault_at(&["interfaces"], "needs `addresses_per_interface`");
    }
    if addresses == Some(true) && interfaces == Some(false) {
        reader.fault_at(&["addresses_per_interface"], "needs `interfaces`");
    }
    if let (Known::Ready(true), Known::Ready(most)) = (&draft.custom_networking, &draft.max_enis)
        && most.number() == 1
    {
        reader
            .fault_at(&["max_enis"], "leaves no interface for pods, since `custom_networking` does not use the first");
    }
}

text! {
    /// An EC2 instance type.
    pub struct InstanceType;
    rule = "an EC2 instance type such as `m5.large`";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let part = |part: &str| !part.is_empty() && part.bytes().all(letters);
        if text.split_once('.').is_some_and(|(family, size)| part(family) && part(size)) {
            return Ok(());
        }
        let family = text.to_lowercase();
        Err(match instance_limits::meant(text).first() {
            Some(name) => format!("did you mean `{name}`?"),
            None if instance_limits::sizes(&family).is_empty() => String::new(),
            None => format!("the size is missing, such as in `{family}.{}`", instance_limits::sizes(&family)[0]),
        })
    };
}

/// VPC CNI 1.9 introduced prefixes.
fn has_prefixes(version: &VpcCniVersion) -> bool {
    version.minor() >= (1, 9)
}

/// Why the number cannot be calculated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CountError {
    /// Custom networking excludes the primary interface, and there is no other.
    #[error("needs a second network interface, the instance type has only one for pods")]
    NoInterfaceLeft,
    /// The limit depends on the vCPUs, whose number is unknown.
    #[error(
        "is needed: the instance type has {addresses} addresses for pods, the limit is {FEW_VCPUS_LIMIT} up to 30 \
         vCPUs and {MANY_VCPUS_LIMIT} beyond, and the built-in table does not say how many vCPUs the type has"
    )]
    VcpusUnknown {
        /// The number of pods that the addresses allow.
        addresses: u32,
    },
}

impl Options {
    /// The maximum number of pods of a node with these limits, including those on the host network.
    ///
    /// # Errors
    /// Why the number cannot be calculated.
    pub fn count(&self, limits: &Limits) -> Result<u32, CountError> {
        let on = |option: Option<bool>| option.unwrap_or(false);
        let usable = self.max_enis.map_or(limits.interfaces, |most| most.number().min(limits.interfaces));
        let interfaces = usable.saturating_sub(u32::from(on(self.custom_networking)));
        if interfaces == 0 {
            return Err(CountError::NoInterfaceLeft);
        }
        let in_prefixes =
            on(self.prefix_delegation) && limits.prefixes && self.cni_version.as_ref().is_none_or(has_prefixes);
        // The first address of an interface is the interface's own.
        let slots = limits.addresses_per_interface.saturating_sub(1);
        let addresses = interfaces * slots * if in_prefixes { PREFIX_ADDRESSES } else { 1 } + HOST_NETWORK_PODS;
        if on(self.uncapped) || addresses <= FEW_VCPUS_LIMIT {
            return Ok(addresses);
        }
        match self.vcpus.map(|vcpus| vcpus.number() > 30).or(limits.many_vcpus) {
            Some(true) => Ok(addresses.min(MANY_VCPUS_LIMIT)),
            Some(false) => Ok(FEW_VCPUS_LIMIT),
            None => Err(CountError::VcpusUnknown { addresses }),
        }
    }

    /// The limits in the options, completed from the table; `None` if the options contain none.
    fn limits(&self, known: Option<Limits>) -> Option<Limits> {
        let (Some(interfaces), Some(addresses)) = (self.interfaces, self.addresses_per_interface) else {
            return known;
        };
        Some(Limits {
            interfaces: interfaces.number(),
            addresses_per_interface: addresses.number(),
            // Every type since 2018 is on Nitro, and so is one that is newer than the table.
            prefixes: known.is_none_or(|known| known.prefixes),
            many_vcpus: known.and_then(|known| known.many_vcpus),
        })
    }
}

/// The faults in the input: of the instance type, the options, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Faults of the instance type.
    pub instance_type: Option<Faults>,
    /// Faults of the options.
    pub options: Option<Faults>,
}

/// Calculates the maximum number of pods of an instance type with options, which are an HCL object or null.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(instance_type: &Tree, options: &Tree) -> Result<Parsed<u32>, Refusal> {
    let none_given = Tree::Map(std::collections::BTreeMap::new());
    let options = if *options == Tree::Null { &none_given } else { options };
    let brings_limits = match options {
        Tree::Map(entries) => entries.get("interfaces").is_some_and(|tree| *tree != Tree::Null),
        Tree::Later => true,
        _ => false,
    };
    let name = shape::parse::<InstanceType>(instance_type).and_then(|name| match name {
        Parsed::Ready(name) if instance_limits::find(name.as_str()).is_none() && !brings_limits => {
            Err(fault(&[], not_in_the_table(name.as_str())))
        }
        name => Ok(name),
    });
    let (name, options) = match (name, shape::parse::<Options>(options)) {
        (Ok(Parsed::Ready(name)), Ok(Parsed::Ready(options))) => (name, options),
        (Ok(_), Ok(_)) => return Ok(Parsed::Pending),
        (name, options) => return Err(Refusal { instance_type: name.err(), options: options.err() }),
    };
    let refused = |instance_type, options| Err(Refusal { instance_type, options });
    let Some(limits) = options.limits(instance_limits::find(name.as_str())) else {
        return refused(Some(fault(&[], not_in_the_table(name.as_str()))), None);
    };
    match options.count(&limits) {
        Ok(pods) => Ok(Parsed::Ready(pods)),
        Err(error @ CountError::NoInterfaceLeft) => {
            refused(None, Some(fault(&["custom_networking"], error.to_string())))
        }
        Err(error @ CountError::VcpusUnknown { .. }) => refused(None, Some(fault(&["vcpus"], error.to_string()))),
    }
}

/// Calculates the maximum number of pods of a node from other limits, with options.
///
/// # Errors
/// Every rule that the known part of the options breaks.
pub fn count(limits: &Limits, options: &Tree) -> Result<Parsed<u32>, Faults> {
    let options = match shape::parse::<Options>(options)? {
        Parsed::Ready(options) => options,
        Parsed::Pending => return Ok(Parsed::Pending),
    };
    options.count(limits).map(Parsed::Ready).map_err(|error| {
        let at = match error {
            CountError::NoInterfaceLeft => "custom_networking",
            CountError::VcpusUnknown { .. } => "vcpus",
        };
        fault(&[at], error.to_string())
    })
}

/// Suggestions from the built-in table for a misspelled type, nearest first; at most two.
#[must_use]
pub fn near_types(name: &str) -> Vec<String> {
    instance_limits::meant(name)
}

fn fault(path: &[&str], message: String) -> Faults {
    let path = path.iter().fold(Path::root(), |path, name| path.dot(*name));
    // There is one fault, so the list is not empty.
    Faults::of(vec![Fault { path, message }]).unwrap_or_else(|| unreachable!("a list of one is not empty"))
}

fn not_in_the_table(name: &str) -> String {
    let quoted = |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let family = name.split('.').next().unwrap_or_default();
    let sizes = instance_limits::sizes(family);
    let hint = if sizes.is_empty() {
        match quoted(instance_limits::meant(name)).as_slice() {
            [] => String::new(),
            meant => format!("; did you mean {}?", meant.join(" or ")),
        }
    } else {
        let sizes = sizes.into_iter().map(str::to_owned).collect();
        format!("; `{family}` has the sizes {}", quoted(sizes).join(", "))
    };
    let ending = if hint.ends_with('?') { " For" } else { "; for" };
    format!(
        "`{name}` is not in the built-in table of instance types{hint}{ending} a newer type, give `interfaces` and \
         `addresses_per_interface`"
    )
}

/// All options, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<Options>()
}

#[cfg(test)]
mod tests;
