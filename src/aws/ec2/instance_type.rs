//! Instance types: how many network interfaces and addresses they support.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, try_join_all};

use super::{Client, Reads, by_id, distinct, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};
use crate::aws::shared::{Found, Source};

const DESCRIBE: Operation = Operation::new("ec2", "DescribeInstanceTypes");
/// The maximum page size.
const PAGE: i32 = 100;

/// An instance type as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceType {
    /// Name, such as `m5.large`.
    pub name: String,
    /// Maximum number of interfaces on the default network card, the only card that the VPC CNI uses.
    pub network_interfaces: u32,
    /// Maximum number of IPv4 addresses per interface, including its primary one.
    pub ipv4_addresses_per_interface: u32,
    /// vCPUs visible to the operating system.
    pub vcpus: u32,
    /// `nitro` or `xen`. None for bare metal.
    pub hypervisor: Option<String>,
    /// Whether there is no hypervisor.
    pub bare_metal: bool,
    /// `x86_64`, `arm64`, …
    pub architectures: Vec<String>,
}

impl InstanceType {
    /// Whether its interfaces support prefixes in addition to single addresses: only those of the Nitro system do,
    /// bare metal included.
    #[must_use]
    pub fn takes_prefixes(&self) -> bool {
        self.bare_metal || self.hypervisor.as_deref() == Some("nitro")
    }

    fn read(known: aws_sdk_ec2::types::InstanceTypeInfo) -> Option<(String, Self)> {
        let count = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
        let name = known.instance_type?.as_str().to_owned();
        let network = known.network_info;
        let default_card = network.as_ref().and_then(|network| {
            let index = network.default_network_card_index.unwrap_or_default();
            network.network_cards().iter().find(|card| card.network_card_index.unwrap_or_default() == index)
        });
        let of_card = count(default_card.and_then(|card| card.maximum_network_interfaces));
        let of_all = count(network.as_ref().and_then(|network| network.maximum_network_interfaces));
        let processor = known.processor_info;
        let architectures = processor.and_then(|processor| processor.supported_architectures).unwrap_or_default();
        let found = Self {
            name: name.clone(),
            network_interfaces: of_card.or(of_all).unwrap_or_default(),
            ipv4_addresses_per_interface: count(network.and_then(|network| network.ipv4_addresses_per_interface))
                .unwrap_or_default(),
            vcpus: count(known.v_cpu_info.and_then(|processors| processors.default_v_cpus)).unwrap_or_default(),
            hypervisor: known.hypervisor.map(|hypervisor| hypervisor.as_str().to_owned()),
            bare_metal: known.bare_metal.unwrap_or_default(),
            architectures: architectures.iter().map(|architecture| architecture.as_str().to_owned()).collect(),
        };
        Some((name, found))
    }
}

impl Client {
    /// An instance type; `None` if the region does not offer it. Shares calls with other readers; see `aws::shared`.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn instance_type(&self, name: &str) -> Result<Option<InstanceType>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        regional.part::<Reads>().instance_types.read(name, || InstanceTypes(self.clone()), self.clients.sleep()).await
    }

    /// Those of the given instance types that the region offers, by name.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn instance_types<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, InstanceType>> {
        let names = distinct(names);
        let answers = try_join_all(names.iter().map(|name| self.instance_type(name))).await?;
        Ok(by_id(names, answers))
    }
}

struct InstanceTypes(Client);

impl Source for InstanceTypes {
    type Item = InstanceType;
    const LISTING_IS_COMPLETE: bool = false;
    /// An instance type's limits are part of its definition.
    const LASTS: bool = true;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<InstanceType>>> {
        Box::pin(async move {
            let Client { clients, region } = &self.0;
            let regional = clients.regional(region.as_deref()).await?;
            let wanted = filter("instance-type", keys);
            let mut found = Found::new();
            let mut next = None;
            loop {
                let request = regional.ec2().describe_instance_types().filters(wanted.clone());
                let request = request.max_results(PAGE).set_next_token(next.take());
                let run = |probe| request.customize().interceptor(probe).send();
                let page = clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
                found.extend(page.instance_types.unwrap_or_default().into_iter().filter_map(InstanceType::read));
                next = page.next_token.filter(|token| !token.is_empty());
                if next.is_none() {
                    return Ok(found);
                }
            }
        })
    }

    /// A region has more than a thousand types in pages of a hundred; nobody uses that many.
    fn all(&self) -> BoxFuture<'_, Result<Option<Found<InstanceType>>>> {
        Box::pin(async { Ok(None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::stub::{Reply, Stub};

    fn item(name: &str, inner: &str) -> String {
        format!("<item><instanceType>{name}</instanceType>{inner}</item>")
    }

    fn region(items: &[String]) -> Stub {
        let set = items.concat();
        Stub::new(move |_| {
            let set = format!("<instanceTypeSet>{set}</instanceTypeSet>");
            Reply::Answer(200, format!("<DescribeInstanceTypesResponse>{set}</DescribeInstanceTypesResponse>"))
        })
    }

    #[tokio::test]
    async fn only_the_default_card_counts() {
        let card = |index: u8, interfaces: u8| {
            format!(
                "<item><networkCardIndex>{index}</networkCardIndex>\
                 <maximumNetworkInterfaces>{interfaces}</maximumNetworkInterfaces></item>"
            )
        };
        let cards = [card(0, 15), card(1, 7)].concat();
        let stub = region(&[item(
            "p4d.24xlarge",
            &format!(
                "<bareMetal>false</bareMetal><hypervisor>nitro</hypervisor>\
                 <processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo>\
                 <vCpuInfo><defaultVCpus>96</defaultVCpus></vCpuInfo>\
                 <networkInfo><maximumNetworkInterfaces>60</maximumNetworkInterfaces>\
                 <defaultNetworkCardIndex>1</defaultNetworkCardIndex><networkCards>{cards}</networkCards>\
                 <ipv4AddressesPerInterface>50</ipv4AddressesPerInterface></networkInfo>"
            ),
        )]);
        let found = stub.clients().ec2(None).instance_type("p4d.24xlarge").await.expect("read");
        let expected = InstanceType {
            name: "p4d.24xlarge".to_owned(),
            network_interfaces: 7,
            ipv4_addresses_per_interface: 50,
            vcpus: 96,
            hypervisor: Some("nitro".to_owned()),
            bare_metal: false,
            architectures: vec!["x86_64".to_owned()],
        };
        assert_eq!(found, Some(expected));
    }

    #[tokio::test]
    async fn types_by_name_and_who_takes_prefixes() {
        let stub = region(&[
            item("m5.large", "<hypervisor>nitro</hypervisor>"),
            item("m5.metal", "<bareMetal>true</bareMetal>"),
            item("m4.large", "<hypervisor>xen</hypervisor>"),
        ]);
        let names = ["m5.large", "m5.metal", "m4.large", "m5.tiny"];
        let found = stub.clients().ec2(None).instance_types(names).await.expect("read");
        let takes: Vec<_> = names.map(|name| found.get(name).map(InstanceType::takes_prefixes)).into();
        assert_eq!(takes, [Some(true), Some(true), Some(false), None]);
        assert_eq!(stub.count("DescribeInstanceTypes"), 1);
        stub.read(|asked| {
            assert_eq!(asked[0].body["Filter.1.Name"], "instance-type");
            assert!((1..=4).all(|number| asked[0].body.get(format!("Filter.1.Value.{number}")).is_some()));
        });
    }
}
