//! Instances: whether something replaces them, and their end.

use std::collections::BTreeMap;

use super::{Client, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE: Operation = Operation::new("ec2", "DescribeInstances");
const TERMINATE: Operation = Operation::new("ec2", "TerminateInstances");

/// The tag that Auto Scaling sets on its instances, and that nobody else can set. Source: Amazon EC2 Auto Scaling user
/// guide, "Tag Auto Scaling groups and instances".
const SCALING_GROUP: &str = "aws:autoscaling:groupName";
/// Ids in one filter. Source: EC2 API reference, "Filter.N": at most 200 values.
const IDS_AT_ONCE: usize = 200;

/// An instance as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// The Auto Scaling group that replaces it when it ends.
    pub scaling_group: Option<String>,
}

impl Client {
    /// Those of the given instances that exist, by id.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn instances(&self, ids: &[String]) -> Result<BTreeMap<String, Instance>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = BTreeMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let mut next = None;
            loop {
                let request = regional.ec2().describe_instances().filters(filter("instance-id", ids.to_vec()));
                let request = request.set_next_token(next.take());
                let run = |probe| request.customize().interceptor(probe).send();
                let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
                let reservations = page.reservations.unwrap_or_default().into_iter();
                let instances = reservations.flat_map(|reservation| reservation.instances.unwrap_or_default());
                found.extend(instances.filter_map(read).map(|instance| (instance.id.clone(), instance)));
                next = page.next_token.filter(|token| !token.is_empty());
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Terminates an instance. One that has ended already is no error.
    ///
    /// # Errors
    /// Those of the call: `OperationNotPermitted` for an instance with termination protection.
    pub async fn terminate(&self, id: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ec2().terminate_instances().instance_ids(id);
        let run = |probe| request.customize().interceptor(probe).send();
        // Terminating twice has the effect of terminating once.
        self.clients.run(TERMINATE, Effect::Change, &regional.region, run).await.map(drop)
    }
}

fn read(instance: aws_sdk_ec2::types::Instance) -> Option<Instance> {
    let tags = instance.tags.unwrap_or_default();
    Some(Instance {
        id: instance.instance_id?,
        scaling_group: tags.into_iter().find(|tag| tag.key() == Some(SCALING_GROUP)).and_then(|tag| tag.value),
    })
}
