//! VPCs and their networks.

use super::Client;
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE_VPCS: Operation = Operation::new("ec2", "DescribeVpcs");

/// A VPC as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// Associated IPv4 networks, the primary one first.
    pub cidr_blocks: Vec<String>,
    /// Associated IPv6 networks.
    pub ipv6_cidr_blocks: Vec<String>,
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
