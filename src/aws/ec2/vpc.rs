//! VPCs and their networks.

use super::Client;
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE_VPCS: Operation = Operation::new("ec2", "DescribeVpcs");
const DESCRIBE_ATTRIBUTE: Operation = Operation::new("ec2", "DescribeVpcAttribute");
const DESCRIBE_DHCP_OPTIONS: Operation = Operation::new("ec2", "DescribeDhcpOptions");

/// A VPC as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// Associated IPv4 networks, the primary one first.
    pub cidr_blocks: Vec<String>,
    /// Associated IPv6 networks.
    pub ipv6_cidr_blocks: Vec<String>,
    /// `dopt-…`, or `default`: what its DHCP options are.
    pub dhcp_options_id: Option<String>,
}

/// What resolves names in a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VpcDns {
    /// Whether AWS's resolver answers in the VPC (`enableDnsSupport`).
    pub support: bool,
    /// Whether instances get names, as the names of interface endpoints and private API endpoints require
    /// (`enableDnsHostnames`).
    pub hostnames: bool,
}

impl Client {
    /// A VPC; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn vpc(&self, id: &str) -> Result<Option<Vpc>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ec2().describe_vpcs().vpc_ids(id);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = match self.clients.run(DESCRIBE_VPCS, Effect::Read, &regional.region, run).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        Ok(output.vpcs.unwrap_or_default().into_iter().find(|vpc| vpc.vpc_id() == Some(id)).map(|vpc| Vpc {
            id: id.to_owned(),
            cidr_blocks: vpc
                .cidr_block_association_set()
                .iter()
                .filter(|block| is_associated(block.cidr_block_state().and_then(|state| state.state())))
                .filter_map(|block| block.cidr_block().map(str::to_owned))
                .collect(),
            ipv6_cidr_blocks: vpc
                .ipv6_cidr_block_association_set()
                .iter()
                .filter(|block| is_associated(block.ipv6_cidr_block_state().and_then(|state| state.state())))
                .filter_map(|block| block.ipv6_cidr_block().map(str::to_owned))
                .collect(),
            dhcp_options_id: vpc.dhcp_options_id().map(str::to_owned),
        }))
    }

    /// The DNS attributes of a VPC: two calls, since AWS describes one attribute at a time.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn vpc_dns(&self, id: &str) -> Result<VpcDns> {
        use aws_sdk_ec2::types::VpcAttributeName as Name;
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let attribute = async |name: Name| {
            let request = regional.ec2().describe_vpc_attribute().vpc_id(id).attribute(name);
            let run = |probe| request.customize().interceptor(probe).send();
            self.clients.run(DESCRIBE_ATTRIBUTE, Effect::Read, &regional.region, run).await
        };
        let (support, hostnames) =
            futures::try_join!(attribute(Name::EnableDnsSupport), attribute(Name::EnableDnsHostnames))?;
        Ok(VpcDns {
            support: support.enable_dns_support.and_then(|one| one.value).unwrap_or_default(),
            hostnames: hostnames.enable_dns_hostnames.and_then(|one| one.value).unwrap_or_default(),
        })
    }

    /// The name servers in a set of DHCP options; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn dhcp_name_servers(&self, id: &str) -> Result<Option<Vec<String>>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let filter = super::filter("dhcp-options-id", vec![id.to_owned()]);
        let request = regional.ec2().describe_dhcp_options().filters(filter);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE_DHCP_OPTIONS, Effect::Read, &regional.region, run).await?;
        let options = output.dhcp_options.unwrap_or_default().into_iter().find(|one| one.dhcp_options_id() == Some(id));
        Ok(options.map(|options| {
            let configurations = options.dhcp_configurations.unwrap_or_default().into_iter();
            let servers = configurations.filter(|one| one.key() == Some("domain-name-servers"));
            servers.flat_map(|one| one.values.unwrap_or_default()).filter_map(|value| value.value).collect()
        }))
    }
}

fn is_associated(state: Option<&aws_sdk_ec2::types::VpcCidrBlockStateCode>) -> bool {
    matches!(state, Some(aws_sdk_ec2::types::VpcCidrBlockStateCode::Associated))
}

#[cfg(test)]
mod tests {
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn networks_that_are_leaving_do_not_count() {
        let block = |tag: &str, cidr: &str, state: &str| {
            format!("<item><{tag}>{cidr}</{tag}><{tag}State><state>{state}</state></{tag}State></item>")
        };
        let body = format!(
            "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlockAssociationSet>{}{}</cidrBlockAssociationSet>\
             <ipv6CidrBlockAssociationSet>{}</ipv6CidrBlockAssociationSet></item></vpcSet></DescribeVpcsResponse>",
            block("cidrBlock", "10.0.0.0/16", "associated"),
            block("cidrBlock", "100.64.0.0/16", "disassociating"),
            block("ipv6CidrBlock", "2001:db8::/56", "associated"),
        );
        let stub = Stub::new(move |_| Reply::Answer(200, body.clone()));
        let ec2 = stub.clients().ec2(None);
        let vpc = ec2.vpc("vpc-1").await.expect("read").expect("exists");
        assert_eq!(vpc.cidr_blocks, ["10.0.0.0/16"]);
        assert_eq!(vpc.ipv6_cidr_blocks, ["2001:db8::/56"]);
    }

    #[tokio::test]
    async fn an_absent_network_is_none() {
        let body = "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>no</Message></Error></Errors></Response>";
        let stub = Stub::new(move |_| Reply::Answer(400, body.to_owned()));
        assert_eq!(stub.clients().ec2(None).vpc("vpc-1").await.expect("read"), None);
    }
}
