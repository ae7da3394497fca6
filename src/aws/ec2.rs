//! Elastic Compute Cloud: the networks that a cluster lives in.

use super::clients::{Clients, Effect};
use super::error::{Operation, Result};

const DESCRIBE_VPCS: Operation = Operation::new("ec2", "DescribeVpcs");

/// A VPC as AWS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// IPv4 networks that are associated, the first one first.
    pub cidr_blocks: Vec<String>,
    /// IPv6 networks that are associated.
    pub ipv6_cidr_blocks: Vec<String>,
}

/// Elastic Compute Cloud in one region.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
    region: Option<String>,
}

impl Client {
    pub(super) fn new(clients: Clients, region: Option<&str>) -> Self {
        Self { clients, region: region.map(str::to_owned) }
    }

    /// A VPC, `None` when it does not exist.
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
